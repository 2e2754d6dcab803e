"""What one run shows to somebody who was not there: what came out, on what evidence, and why it took so long.

Each function takes `Frames` of exactly one run and gives an `Panel` that stands alone: a sentence that is
the message, a table with the numbers, and a figure where that says it better. In the order of a report.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts.panel import Panel
from runkit.charts.run_findings import evidence, findings, found, overconfident
from runkit.charts.run_open import cause, failed, open_counts, open_items
from runkit.charts.run_people import people
from runkit.charts.run_time import budget, critical_path, slowest_steps, timeline
from runkit.charts.wording import (
    QUOTE,
    STATEMENT,
    business,
    by_agent,
    few,
    known,
    listed,
    output_of,
    quoted,
    said,
    status_words,
    waited_words,
)
from runkit.models import Run
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
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
HOW_TO_ANSWER = (
    "Answer it with runkit.InterruptForm or where the review was started; this page cannot record an answer."
)


def in_short(f: Frames, run: Run | None = None) -> Panel:
    """Say one run in a few sentences: what it delivered, or what is expected of the reader, or what failed.

    Parameters
    ----------
    f
        Frames of exactly one run.
    run
        The same run as an object, if there is one.

    Returns
    -------
    Panel
        An open run is as it was when it was read, `as_of`; the table names the run.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    row = f.runs.iloc[0]
    output = output_of(f)
    if output:
        about = business(row)
        of = f"Review of {quoted(about)}. " if about else ""
        parts = [f"{of}{output.words()}", overconfident(f), f"The run {status_words(row)}."]
    else:
        parts = [_no_output(f, row)]
    if output or row["status"] != "interrupted":
        parts.append(waited_words(f))
    if row["has_steps"] and not row["n_errors"] and row["status"] != "error":
        parts.append("No errors.")
    elif row["n_errors"] and (output or row["status"] != "error"):
        parts.append(failed(f).sentence)
    parts.append(open_counts(f))
    return Panel("In short", " ".join(filter(None, parts)), _facts(_about(row)))


def _no_output(f: Frames, row: pd.Series[Any]) -> str:
    """Say why there is no output: the question that somebody has to answer, the error, or the status."""
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].sort_values("asked_at")
    about = business(row)
    the_run = f"the review of {quoted(about)}" if about else "the run"
    if len(pending):
        first = pending.iloc[0]
        more = f" and {plural(len(pending) - 1, 'more question')}" if len(pending) > 1 else ""
        wait = "" if pd.isna(first["wait_s"]) else f", waiting for {duration(first['wait_s'])}"
        review = f", in {the_run}" if about else ""
        return (
            f"Someone has to answer: {quoted(first['label'])} "
            f"({by_agent(first['agent'])}{wait}){more}{review}. "
            f"{HOW_TO_ANSWER} {_proposed(f, first)}{_worked_before(row)}"
        )
    if row["status"] == "error":
        return f"No result: {the_run} {status_words(row)}. {cause(f)} {_done(f)}"
    if row["status"] == "completed":
        return f"No result: {the_run} {status_words(row)} and delivered no output."
    return f"No result yet: {the_run} {status_words(row)}."


def _done(f: Frames) -> str:
    """Say what a run without an output did all the same, and what it did not."""
    if not f.runs["has_steps"].iloc[0]:
        return ""
    titles = [quoted(title) for title in findings(f)["title"]]
    done = f"Done: {plural(len(titles), 'finding')}" + (f" ({few(titles)})" if titles else "")
    broken = [quoted(name) for name in failed(f).table["within"].dropna().unique()]
    return f"{done}. Not done: {listed([few(broken), 'the summary'] if broken else ['the summary'])}."


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


def asked(f: Frames, run: Run | None = None) -> Panel:
    """Say what was asked of which agent, by whom, and about which business, as far as this is known.

    Parameters
    ----------
    f
        Frames of exactly one run.
    run
        The same run as an object, if there is one: its JSON may hold the prompt.

    Returns
    -------
    Panel
        Without a figure.

    Raises
    ------
    UsageError
        For another number of runs.
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
    about = business(row)
    words.append(f"It is about {quoted(about)}." if about else "The API does not name the business.")
    facts = [
        ("prompt", prompt or ("none" if run is not None else UNKNOWN)),
        ("agent", known(row["agent"]) or UNKNOWN),
        ("asked by", known(row["requester"]) or UNKNOWN),
        ("asked on", moment(row["created_at"])),
        ("business", about or UNKNOWN),
    ]
    return Panel("What was asked", " ".join(words), _facts(facts))


def _about(row: pd.Series[Any]) -> list[tuple[str, str]]:
    """The facts that name a run."""
    ended = moment(row["ended_at"]) if pd.notna(row["ended_at"]) else "not yet"
    return [
        ("run", str(row["run_id"])),
        ("conversation", known(row["thread_id"]) or UNKNOWN),
        ("business", business(row) or UNKNOWN),
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
