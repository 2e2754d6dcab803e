"""Panels of one run: what it found, what it asked of reviewers, and what a step returned.

Every function takes `Frames` of exactly one run and returns a `Panel`; `runkit.one_run` is this
module.
"""

from __future__ import annotations

import pandas as pd

from runkit.api.words import CONFIDENCES
from runkit.arguments import checked
from runkit.charts.panel import Panel, render, table_html
from runkit.charts.step_panel import rows_with_sources, step
from runkit.display.counts import counted, sentence
from runkit.facts import Facts, what_was_read
from runkit.tables.answers import with_answers
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.tables.run_rules import findings_of, outputs_of, positions

__all__ = ["findings", "questions", "step"]

FINDING = [
    *("title", "summary", "confidence", "n_sources", "best_tier", "agent", "origin"),
    *("artifact_no", "type", "step_id"),
]
QUESTION = [
    *("label", "kind", "agent", "proposed", "asked_at", "wait_s", "outcome", "decision"),
    *("answered_by", "answered_at", "reason", "run_id", "interrupt_id", "step_id"),
]


def __dir__() -> list[str]:
    return __all__


@checked
def findings(f: Frames) -> Panel:
    """Show what one run found, the weakest finding first.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        A row for each finding. Outputs that cite an address that no finding cites are the last
        rows, with the origin `output`; they are no findings.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    facts = Facts(f)
    found = findings_of(f)
    order = positions(found["confidence"], CONFIDENCES)
    found = found.assign(order=order).sort_values("order", ascending=False, kind="stable")
    outputs = _outputs_with_new_sources(f, found)
    table = pd.concat([found, outputs], ignore_index=True)[FINDING]
    body = render("findings", rows=rows_with_sources(table, f.sources))
    counts = {
        "low confidence": facts.findings["is_low"],
        "on government or primary sources": facts.findings["is_strong"],
        "without a source": facts.findings["is_bare"],
    }
    words = ", ".join(f"{counted(flags)} {what}" for what, flags in counts.items())
    return Panel("Findings", f"{sentence(words)} {what_was_read(f)}", table, body=body)


def _outputs_with_new_sources(f: Frames, findings: pd.DataFrame) -> pd.DataFrame:
    """Return the outputs that cite an address that no finding cites."""
    outputs = outputs_of(f)
    sources = f.sources
    is_cited = sources["artifact_no"].isin(findings["artifact_no"])
    is_new = ~sources["url"].isin(sources.loc[is_cited, "url"])
    new_numbers = sources.loc[is_new, "artifact_no"]
    return outputs[outputs["artifact_no"].isin(new_numbers)]


@checked
def questions(f: Frames, answers: pd.DataFrame | None = None) -> Panel:
    """Show what one run asked of reviewers, a row for each question in the order of asking.

    Parameters
    ----------
    f
        Frames of exactly one run.
    answers
        `runkit.answer_log()`, or a table of your own, as for `runkit.frames`; fills what the data
        lacks.

    Returns
    -------
    Panel
        The audit table: the question, what was proposed, how it ended, what was decided, by whom,
        when and why.

    Raises
    ------
    UsageError
        For another number of runs, and for another frame of answers.
    """
    f = one_run(f, "f")
    f = f if answers is None else with_answers(f, answers)
    table = f.interrupts.sort_values("asked_at", kind="stable", ignore_index=True)[QUESTION]
    shown = table.drop(columns=["run_id"])
    return Panel("Questions to reviewers", what_was_read(f), table, body=table_html(shown))
