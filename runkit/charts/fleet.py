"""Panels of many runs: what needs attention, where time went, what failed, and weak evidence.

Every function takes `Frames` of any number of runs and returns a `Panel`; `runkit.fleet` is this
module.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.api.questions import KINDS
from runkit.api.words import CONFIDENCES
from runkit.arguments import Hours, check_kind, checked
from runkit.charts.needs_attention import needs_panel
from runkit.charts.panel import Panel, table_html
from runkit.display.counts import counted, sentence
from runkit.display.text import in_words, plural
from runkit.facts import TO_A_PERSON, Facts, what_was_read
from runkit.tables.frames import Frames
from runkit.tables.run_rules import failures_of, named, positions, short_ids

__all__ = [
    "failed_steps",
    "needs_attention",
    "slowest_steps",
    "waits",
    "weak_findings",
]

MAX_KINDS = 15  # of steps
NAMES = ["run_id", "business_name", "agent_name"]


def __dir__() -> list[str]:
    return __all__


@checked
def needs_attention(f: Frames, *, sla_h: Hours | None = None) -> Panel:
    """Show what needs somebody: open questions, failed runs, and low confidence.

    Parameters
    ----------
    f
        Frames of any number of runs.
    sla_h
        Hours within which a reviewer should answer; None is no limit.

    Returns
    -------
    Panel
        In this order: questions that wait, the longest first; failed runs by reason; findings and
        outputs of low confidence of completed runs. Runs with the same reason are one row:
        `run_ids` has them all, `run_id` the newest.
    """
    check_kind("f", f, Frames)
    return needs_panel(Facts(f, sla_h))


@checked
def waits(f: Frames, *, sla_h: Hours | None = None) -> Panel:
    """Show how long questions waited for a reviewer, by kind of question.

    Parameters
    ----------
    f
        Frames of any number of runs.
    sla_h
        Hours within which a reviewer should answer; None is no limit, and `n_late` is null.

    Returns
    -------
    Panel
        A row for each kind of question: how many are open and the longest of these waits, how many
        are answered, the median and the 90th percentile of these, how many expired, and how many
        open or answered ones waited longer than `sla_h`. What the policy settled waited for nobody
        and is left out.
    """
    check_kind("f", f, Frames)
    facts = Facts(f, sla_h)
    questions = facts.ended(*TO_A_PERSON)
    kinds = questions["kind"].astype("str")
    groups = sorted(questions.groupby(kinds), key=lambda group: KINDS.position(group[0]))
    rows = [_waits_row(kind, group) for kind, group in groups]
    table = pd.DataFrame(rows, columns=[*_waits_row("", questions.head(0))])
    counts = {str(name): "Int64" for name in table if str(name).startswith("n_")}
    table = table.astype(counts)
    late = questions.loc[questions["outcome"].ne("expired"), "is_late"]
    words = "" if sla_h is None else sentence(f"{counted(late)} over {sla_h:g} h")
    return Panel("Waits by kind of question", f"{words} {what_was_read(f)}".strip(), table)


def _waits_row(kind: str, questions: pd.DataFrame) -> dict[str, Any]:
    """Measure the questions of one kind."""
    outcome = questions["outcome"]
    pending = questions.loc[outcome.eq("pending"), "wait_s"]
    answered = questions.loc[outcome.eq("answered"), "wait_s"]
    is_late = questions.loc[outcome.ne("expired"), "is_late"]
    return {
        "kind": kind,
        "n_pending": len(pending),
        "longest_pending_s": pending.max(),
        "n_answered": len(answered),
        "median_s": answered.median(),
        "p90_s": answered.quantile(0.9),
        "n_expired": int(outcome.eq("expired").sum()),
        "n_late": int(is_late.sum()) if is_late.notna().any() else None,
    }


@checked
def slowest_steps(f: Frames) -> Panel:
    """Show the kinds of steps, by agent and name, with most time on the critical path.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        At most 15 kinds of steps with own time; `label` is the label that all steps of a kind have,
        else the name in words. Questions, and steps whose length is not known, are left out. Times
        are the steps' own, without that of their child steps; `critical_s` and `total_s` are those
        of all runs together.
    """
    check_kind("f", f, Frames)
    work = named(f.steps[f.steps["type"].ne("interrupt") & f.steps["self_s"].notna()])
    by = work.groupby(["agent", "name"], dropna=False)
    kinds = by.agg(
        label=("label", "first"), n_labels=("label", "nunique"), n_runs=("run_id", "nunique")
    )
    kinds = kinds.join([spread(by["self_s"], "n_steps"), by["critical_s"].sum()]).reset_index()
    kinds = kinds[kinds["total_s"] > 0]
    names = kinds["name"].map(in_words, na_action="ignore")
    kinds["label"] = kinds["label"].where(kinds.pop("n_labels").eq(1), names)
    kinds = kinds.sort_values(["critical_s", "median_s"], ascending=False, ignore_index=True)
    table = kinds.head(MAX_KINDS)[["label", *kinds.columns.drop("label")]]
    shown = f"{len(table):,} of {plural(len(kinds), 'kind')} of steps."
    body = table_html(table.drop(columns=["total_s", "longest_s"]))
    return Panel("Slowest steps", f"{shown} {what_was_read(f)}", table, body=body)


@checked
def failed_steps(f: Frames) -> Panel:
    """Show what failed: each reason, with * for ids and numbers that differ, and its runs.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each `reason`; `run_ids` has the runs, the newest first. Groups that failed with a
        step in them are left out.
    """
    check_kind("f", f, Frames)
    failed = failures_of(f).sort_values("started_at", ascending=False, kind="stable")
    by = failed.assign(reason=failed["kind"]).groupby("reason")
    table = by.agg(
        n_steps=("run_id", "size"),
        n_runs=("run_id", "nunique"),
        newest_at=("started_at", "max"),
        label=("label", "first"),
        run_ids=("run_id", lambda ids: [*ids.unique()]),
    )
    order = ["n_runs", "newest_at"]
    table = table.reset_index().sort_values(order, ascending=False, ignore_index=True)
    short = short_ids(f.runs["run_id"]).set_axis(f.runs["run_id"])
    ids = [" ".join(short[run_ids]) for run_ids in table["run_ids"]]
    columns = ["reason", "label", "n_runs", "newest_at"]
    body = table_html(table[columns].assign(runs=pd.Series(ids, table.index, "str")))
    return Panel("What failed", what_was_read(f), table, body=body)


@checked
def weak_findings(f: Frames) -> Panel:
    """Show findings with low or unknown confidence, without a source, or without a strong one.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each finding: its confidence as it came, how many sources it has, and the highest
        tier of these; the lowest confidence first. Outputs are left out, as they repeat findings.
    """
    check_kind("f", f, Frames)
    findings = Facts(f).findings
    is_weak = findings["is_low"] | findings["is_bare"] | ~findings["is_strong"]
    weak = findings[is_weak.fillna(True).astype("bool")]
    order = positions(weak["confidence"], CONFIDENCES)
    weak = weak.assign(order=order).sort_values("order", ascending=False, kind="stable")
    weak = weak.merge(f.runs[NAMES], on="run_id")
    columns = ["agent", "title", "confidence", "n_sources", "best_tier", "artifact_no"]
    counts = {
        "low confidence": findings["is_low"],
        "without a source": findings["is_bare"],
        "on government or primary sources": findings["is_strong"],
    }
    words = ", ".join(f"{counted(flags)} {what}" for what, flags in counts.items())
    return Panel("Weak findings", f"{sentence(words)} {what_was_read(f)}", weak[[*NAMES, *columns]])


def spread(by: Any, n_name: str) -> pd.DataFrame:
    """Return of grouped seconds how many, their median, 90th percentile, longest and total."""
    columns = {
        n_name: by.size().astype("int32"),
        "median_s": by.median(),
        "p90_s": by.quantile(0.9),
        "longest_s": by.max(),
        "total_s": by.sum(min_count=1),
    }
    return pd.DataFrame(columns)
