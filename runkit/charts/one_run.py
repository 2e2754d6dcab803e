"""Panels of one run: what it found, what it asked of reviewers, and what a step returned.

Every function takes `Frames` of exactly one run and returns a `Panel`; `runkit.one_run` is this
module.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd

from runkit.answers import CONFIRMED, IN_DOUBT
from runkit.arguments import checked
from runkit.charts.panel import Panel, counts, lasting, percent, records, render, without_steps
from runkit.charts.step_panel import step
from runkit.contract import FINAL_STATUSES, RESOLUTIONS
from runkit.style import outcome_words
from runkit.tables.answers import audit_trail, logged_answers, with_answers
from runkit.tables.compare import one_run
from runkit.tables.facts import findings_of, outputs_of
from runkit.tables.frames import Frames
from runkit.text import agent_title, moment, plural, shorten

__all__ = ["findings", "questions", "step"]

FINDING = [
    *(
        "title",
        "summary",
        "confidence",
        "n_sources",
        "tiers",
        "agent",
        "is_unfinished",
        "artifact_no",
    ),
]
ANSWER = 600  # characters of an answer
MOST_STEPS = 3  # that followed an answer
# of an answer, which its card says already
DECISION = re.compile(r"^decision: \w+(?:; |$)(?:note: )?")
UNKNOWN = "The API keeps neither the answer nor who gave it."


def __dir__() -> list[str]:
    return __all__


@checked
def findings(f: Frames) -> Panel:
    """Show what one run found, the weakest finding first; before it, what a failed run did not finish.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        A row for each finding, and for each agent that did not finish and found nothing
        (`is_unfinished`). `tiers` counts a finding's sources by tier.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    own, delivered = findings_of(f), outputs_of(f)
    cited = f.sources.loc[f.sources["artifact_no"].isin(own["artifact_no"]), "url"]
    only_there = f.sources.loc[~f.sources["url"].isin(cited), "artifact_no"]
    rows = pd.concat([own, delivered[delivered["artifact_no"].isin(only_there)]])
    tiers = f.sources.groupby("artifact_no")["source_tier"].agg(counts)
    rows = rows.assign(tiers=rows["artifact_no"].map(tiers).astype("str"), is_unfinished=False)
    rows = rows.astype({"artifact_no": "Int64"}).sort_values("confidence", kind="stable")
    stopped = unfinished(f)
    table = pd.concat([stopped, rows] if len(stopped) else [rows], ignore_index=True)[FINDING]
    sources = {number: records(group) for number, group in f.sources.groupby("artifact_no")}
    shown = [row | {"sources": sources.get(row["artifact_no"], [])} for row in records(table)]
    n_strong, n_bare = (
        int((own["best_tier"] >= "primary").sum()),
        int((own["n_sources"] == 0).sum()),
    )
    sentence = (
        f"{plural(len(own), 'finding')}, weakest first: {percent(n_strong, len(own))} on government or "
        f"primary sources, {n_bare:,} without a source."
    )
    sentence = sentence if len(own) else "No findings." + without_steps(f)
    return Panel("Findings", sentence, table, body=render("findings", rows=shown))


def unfinished(f: Frames) -> pd.DataFrame:
    """Return a row for each agent of an ended run with a step that failed or never ended, and no finding."""
    steps = f.steps
    is_stopped = steps["error"].notna() | steps["is_open"] & ~steps["is_wait"]
    has_found = steps["agent"].isin(findings_of(f)["agent"])
    is_over = f.runs["status"].iloc[0] in FINAL_STATUSES
    rows = steps[is_stopped & ~has_found].groupby("agent").tail(1) if is_over else steps.head(0)
    after = rows["duration_s"].map(lasting).astype("str")
    return pd.DataFrame(
        {
            "title": rows["agent"].map(agent_title).astype("str"),
            "agent": rows["agent"],
            "is_unfinished": True,
            "n_sources": 0,
            "summary": "Stopped in " + rows["label"] + " after " + after + ". Nothing was found.",
        }
    )


@checked
def questions(f: Frames, answers: pd.DataFrame | None = None) -> Panel:
    """Show what one run asked of reviewers, a row for each question in the order in which they were asked.

    Parameters
    ----------
    f
        Frames of exactly one run.
    answers
        The frame of `runkit.answer_log()`; the API keeps no answer.

    Returns
    -------
    Panel
        The audit trail: the question and its evidence (titles, each with the highest tier of its
        sources), how it ended, what was decided, by whom, when and why. `reason`, `answer` and
        `delivery` are from the answer log, null where it has none.

    Raises
    ------
    UsageError
        For another number of runs, and for another frame of answers.
    """
    f = one_run(f, "f")
    asked, own_names = f.interrupts, set()
    known = pd.DataFrame(index=asked.index, columns=["answer", "delivery"])
    if answers is not None:
        asked = with_answers(asked, f.runs, answers)
        log = logged_answers(asked, f.runs, answers, (CONFIRMED, *IN_DOUBT))
        known = pd.DataFrame([entry or {} for entry in log], asked.index, known.columns)
        own_names = set(answers["answered_by"].dropna())
    known = known.mask(asked["outcome"].isin(RESOLUTIONS))
    known = known.assign(answer=known["answer"].map(_answer)).astype("str")
    every = asked.join(known).sort_values("asked_at", kind="stable", ignore_index=True)
    cards = [row | _card(f, row, own_names) for row in records(every)]
    endings = counts(pd.Series([card["ending"].lower() for card in cards], dtype="str"))
    sentence = f"{plural(len(asked), 'question')}: {endings}. Longest wait: {lasting(asked['wait_s'].max())}."
    table = audit_trail(f.runs, f.artifacts, f.interrupts, answers).join(
        every[["interrupt_id", "step_id", "agent", "answer", "delivery"]]
    )
    sentence = sentence if len(asked) else "No questions."
    return Panel("Questions to reviewers", sentence, table, body=render("questions", rows=cards))


def _card(f: Frames, row: dict[Any, Any], own_names: set[str]) -> dict[str, Any]:
    """Describe how a question ended, as far as it is known: what was proposed, and what followed."""
    ending, by = outcome_words(row["kind"], row["outcome"], row["decision"]), row["answered_by"]
    artifacts, steps, wait = f.artifacts, f.steps, lasting(row["wait_s"])
    is_own = artifacts["origin"].eq("proposal") & artifacts["interrupt_id"].eq(row["interrupt_id"])
    after = f", {wait} so far" if row["outcome"] == "pending" and row["wait_s"] is not None else ""
    if row["outcome"] == "answered":
        after = f" · answered {moment(row['answered_at'])}, after {wait}"
    is_later = steps["started_at"] >= pd.to_datetime(row["answered_at"], utc=True)
    followed = steps.loc[is_later & ~steps["is_wait"], "label"]
    unknown = "" if ending != "Answered" or row["answer"] else UNKNOWN
    lines = {
        "Proposals": " · ".join(artifacts.loc[is_own, "title"].dropna()),
        "Steps that followed": " · ".join(followed.head(MOST_STEPS)),
        "Answered by": f"{by} (self-declared)" if by in own_names else by or unknown,
        "Delivery": row["delivery"],
    }
    note = DECISION.sub("", row["answer"] or "")
    shown = [(key, words) for key, words in lines.items() if words]
    return {"ending": ending, "note": note, "after": after, "lines": shown}


def _answer(answer: object) -> str | None:
    """Write an answer of the log, which is JSON text, as plain text: `decision: approve; note: seen`."""
    try:
        return shorten(_plain(json.loads(answer)), ANSWER) if isinstance(answer, str) else None
    except ValueError:
        return shorten(str(answer), ANSWER)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_plain(inner)}" for name, inner in value.items() if inner)
    return " / ".join(map(_plain, value)) if isinstance(value, list) else str(value)
