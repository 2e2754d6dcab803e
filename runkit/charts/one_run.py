"""What one run shows to somebody who was not there and asks: should we approve, and why did it take so long.

Each function takes `Frames` of exactly one run and gives an `Exhibit` that stands alone: a sentence that is
the message, a table with the numbers, and a figure where that says it better. In the order of a report.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts.exhibit import Exhibit
from runkit.charts.phrases import (
    QUOTE,
    STATEMENT,
    by_agent,
    few,
    known,
    quoted,
    said,
    status_words,
    verdict,
    verdict_words,
    waited_words,
)
from runkit.charts.run_findings import evidence, found
from runkit.charts.run_open import failed, open_counts, open_items
from runkit.charts.run_people import people
from runkit.charts.run_time import budget, critical_path, slowest_steps, timeline
from runkit.models import Run
from runkit.tables.divergence import one_run
from runkit.tables.linked import Frames
from runkit.text import duration, moment, plural

__all__ = [
    "asked",
    "budget",
    "critical_path",
    "evidence",
    "failed",
    "found",
    "in_short",
    "open_items",
    "people",
    "slowest_steps",
    "timeline",
]

UNKNOWN = "unknown"


def in_short(f: Frames, run: Run | None = None) -> Exhibit:
    """Say one run in a few sentences, the verdict first; the table names the run.

    `f` holds exactly one run, else `UsageError`. `run` is the same run as an object, if there is one: it may
    know the business. An open run is as it was when it was read, `as_of`.
    """
    f = one_run(f, "f")
    row = f.runs.iloc[0]
    given = verdict(f)
    parts = [verdict_words(given), f"The run {status_words(row)}."] if given else [_no_verdict(f, row)]
    if given or row["status"] != "interrupted":
        parts.append(waited_words(f))
    if row["has_steps"] and not row["n_errors"] and row["status"] != "error":
        parts.append("No errors.")
    elif row["n_errors"] and (given or row["status"] != "error"):
        parts.append(failed(f).sentence)
    parts.append(open_counts(f))
    return Exhibit("In short", " ".join(filter(None, parts)), _facts(_about(row, run)))


def _no_verdict(f: Frames, row: pd.Series[Any]) -> str:
    """Say why there is no verdict: the question that waits, the error, or the run's status."""
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].sort_values("asked_at")
    if len(pending):
        first = pending.iloc[0]
        more = f" and {plural(len(pending) - 1, 'more question')}" if len(pending) > 1 else ""
        wait = "" if pd.isna(first["wait_s"]) else f" for {duration(first['wait_s'])}"
        return (
            f"No verdict yet: the run has waited{wait} for a person to answer "
            f"{quoted(first['label'])}{more}, asked by {by_agent(first['agent'])}. "
            f"{_proposed(f, first)}{_worked_before(row)}"
        )
    if row["status"] == "error":
        return f"No verdict: the run {status_words(row)}. {failed(f).sentence}"
    if row["status"] == "completed":
        return f"No verdict: the run {status_words(row)} and delivered no output."
    return f"No verdict yet: the run {status_words(row)}."


def _proposed(f: Frames, question: pd.Series[Any]) -> str:
    """Say what a question proposes, as a sentence; nothing if it proposes nothing."""
    mine = f.artifacts[f.artifacts["origin"] == "proposal"]
    key = "interrupt_id" if known(question["interrupt_id"]) else "step_id"
    mine = mine[(mine[key] == question[key]).fillna(False).astype(bool)]
    names = [
        f"{quoted(title)} ({said(sure, 'no')} confidence)"
        for title, sure in zip(mine["title"], mine["confidence"], strict=True)
    ]
    return f"The agent puts forward {few(names)}. " if names else ""


def _worked_before(row: pd.Series[Any]) -> str:
    """Say when an open run was read, and what of its time was work by then."""
    read = f"It was read on {moment(row['as_of'])}"
    if pd.isna(row["duration_s"]) or not row["has_steps"]:
        return f"{read}."
    spent = f"{duration(row['duration_s'])} after it began; {duration(row['working_s'])} of that were work"
    return f"{read}, {spent}."


def asked(f: Frames, run: Run | None = None) -> Exhibit:
    """Say what was asked of which agent, by whom, and about which business, as far as anybody tells.

    `f` holds exactly one run, else `UsageError`. `run` is the same run as an object, if there is one: its
    JSON may hold the prompt. The API does not name the business; the output's title is the best hint.
    """
    f = one_run(f, "f")
    row = f.runs.iloc[0]
    by = said(row["requester"], "Somebody whose name is unknown", QUOTE)
    words = [f"{by} asked for this run of {by_agent(row['agent'])} on {moment(row['created_at'])}."]
    prompt = known(run.to_dict().get("prompt")) if run is not None else None
    if prompt:
        words.append(f"The prompt was: {quoted(prompt, STATEMENT)}.")
    elif run is not None:
        words.append("No prompt was given: the agent did its ordinary task.")
    business, hint = _business(row, run), _hint(f)
    if business:
        words.append(f"It is about the business {said(business, limit=QUOTE)}{f': {hint}' if hint else ''}.")
    else:
        rest = (
            f"the best hint is {hint}"
            if hint
            else "neither an output nor a question names it; the findings may"
        )
        words.append(f"The API does not say which business it is about; {rest}.")
    facts = [
        ("prompt", prompt or ("none" if run is not None else UNKNOWN)),
        ("agent", known(row["agent"]) or UNKNOWN),
        ("asked by", known(row["requester"]) or UNKNOWN),
        ("asked on", moment(row["created_at"])),
        ("business", business or UNKNOWN),
        ("hint of the business", hint or "none"),
    ]
    return Exhibit("What was asked", " ".join(words), _facts(facts))


def _business(row: pd.Series[Any], run: Run | None) -> str | None:
    return known(row["business_id"]) or (known(run.business_id) if run is not None else None)


def _hint(f: Frames) -> str | None:
    """What may name the business: the output's title, else a question that asks to decide on it."""
    output = f.artifacts[f.artifacts["origin"] == "output"]
    for _, artifact in output.iterrows():
        if known(artifact["title"]):
            return f"the output's title, {quoted(artifact['title'])}"
    for _, question in f.interrupts[f.interrupts["kind"] == "decision"].iterrows():
        if known(question["label"]):
            return f"the question {quoted(question['label'])}"
    return None


def _about(row: pd.Series[Any], run: Run | None) -> list[tuple[str, str]]:
    """The facts that name a run."""
    ended = moment(row["ended_at"]) if pd.notna(row["ended_at"]) else "not yet"
    return [
        ("run", str(row["run_id"])),
        ("thread", known(row["thread_id"]) or UNKNOWN),
        ("business", _business(row, run) or UNKNOWN),
        ("agent", known(row["agent"]) or UNKNOWN),
        ("requester", known(row["requester"]) or UNKNOWN),
        ("status", known(row["status"]) or UNKNOWN),
        ("created", moment(row["created_at"])),
        ("started", moment(row["started_at"]) if pd.notna(row["started_at"]) else "not yet"),
        ("ended", ended),
        ("read at", moment(row["as_of"])),
    ]


def _facts(facts: list[tuple[str, str]]) -> pd.DataFrame:
    names, values = zip(*facts, strict=True)
    return pd.DataFrame({"fact": pd.Series(names, dtype="str"), "value": pd.Series(values, dtype="str")})
