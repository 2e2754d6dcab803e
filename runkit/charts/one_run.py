"""Panels of one run: what came out, on what evidence, who was asked, and where the time went.

Every function takes `Frames` of exactly one run and gives a `Panel`. In the order of a report.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from runkit.answers import CONFIRMED, IN_DOUBT
from runkit.charts.evidence import evidence, findings_of, found, is_output, sources_of
from runkit.charts.panel import Panel, counts, lasting, quoted, when, without_steps, words_of
from runkit.charts.run_time import (
    STEP,
    budget,
    critical_path,
    has_failed,
    slowest_steps,
    step_labels,
    timeline,
)
from runkit.contract import FINAL_STATUSES
from runkit.models import Run
from runkit.style import MISSING, OUTCOMES, status
from runkit.tables.answers import logged_answers, with_answers
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import agent_title, budget_words, plural, shorten

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

EXCERPT = 200  # characters of a summary
ANSWER = 600  # characters of an answer
NO_ERROR = "No step says why."
BY_POLICY = ("auto_approve", "skip")


def in_short(f: Frames, run: Run | None = None) -> Panel:
    """Show the outcome of one run, and the facts that name it.

    Parameters
    ----------
    f
        Frames of exactly one run.
    run
        The same run as an object. All that is shown is in the frames, so it may be left out.

    Returns
    -------
    Panel
        An open run is as it was when it was read.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    row, rows = f.runs.iloc[0], findings_of(f)
    time = budget_words(row["working_s"], row["waiting_s"], row["idle_s"]) if row["has_steps"] else MISSING
    facts = {
        "Business": business(row),
        "Business status": words_of(row["business_status"]),
        "Business status as of": when(row["business_status_at"]),
        "Agent": agent_name(row),
        "Status": str(status(row["status"])),
        "Confidence": words_of(row["confidence"]),
        "Findings": f"{(~is_output(rows)).sum():,}",
        "Sources": f"{len(sources_of(f, rows)):,}",
        "Questions": f"{row['n_interrupts']:,}, {row['n_pending']:,} waiting",
        "Errors": f"{row['n_errors']:,}" if row["has_steps"] else MISSING,
        "Time": f"{lasting(row['duration_s'])}: {time}",
        "Requester": words_of(row["requester"]),
        "Created": when(row["created_at"]),
        "Started": when(row["started_at"]),
        "Ended": when(row["ended_at"]),
        "Read": when(row["as_of"]),
        "Run": str(row["run_id"]),
        "Thread": words_of(row["thread_id"]),
    }
    return Panel("In short", outcome(f), _facts(facts))


def outcome(f: Frames) -> str:
    """Give the outcome of one run: its error, the question that waits, or its output in the agent's words."""
    row, rows = f.runs.iloc[0], findings_of(f)
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].sort_values("asked_at")
    output = rows[is_output(rows)]
    if row["status"] == "error":
        errors = step_labels(f.steps[f.steps["type"] == "error"])
        return f"No result: the review failed. {[*(quoted(error, 200) for error in errors), NO_ERROR][0]}"
    if len(pending):
        first = pending.iloc[0]
        return f"Waiting for a reviewer for {lasting(first['wait_s'])}: {quoted(first['label'], 200)}"
    if len(output):
        first = output.iloc[0]
        summary = quoted(first["summary"], EXCERPT)
        return f"{quoted(first['title'])}, {words_of(first['confidence'])} confidence: {summary}"
    return f"{status(row['status']).word} after {lasting(row['duration_s'])}, no output."


def asked(f: Frames, run: Run | None = None) -> Panel:
    """Show what was asked of which agent, by whom, and about which business, as far as this is known.

    Parameters
    ----------
    f
        Frames of exactly one run.
    run
        The same run as an object: its JSON may hold the prompt.

    Returns
    -------
    Panel
        Without a figure.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    row = one_run(f, "f").runs.iloc[0]
    prompt = quoted(run.to_dict().get("prompt") if run is not None else None, 400)
    facts = {
        "Business": business(row),
        "Agent": agent_name(row),
        "Requester": words_of(row["requester"]),
        "Created": when(row["created_at"]),
        "Prompt": prompt,
    }
    sentence = f"{facts['Requester']} asked {facts['Agent']} on {facts['Created']}. Prompt: {prompt}"
    return Panel("What was asked", sentence, _facts(facts))


def business(run: pd.Series[Any]) -> str:
    """Name the business of a run, as far as this is known."""
    name = run["business_name"] if pd.notna(run["business_name"]) else run["business_id"]
    return words_of(name)


def agent_name(run: pd.Series[Any]) -> str:
    """Name the agent of a run."""
    name = run["agent_name"] if pd.notna(run["agent_name"]) else run["agent"]
    return MISSING if pd.isna(name) else words_of(agent_title(name))


def _facts(facts: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"fact": list(facts), "value": list(facts.values())}, dtype="str")


def people(f: Frames, answers: pd.DataFrame | None = None) -> Panel:
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
        `answer` and `delivery` are from the answer log, null where it has none.

    Raises
    ------
    UsageError
        For another number of runs, and for another frame of answers.
    """
    f = one_run(f, "f")
    questions = f.interrupts
    entries: list[dict[Any, Any] | None] = [None] * len(questions)
    if answers is not None:
        questions = with_answers(questions, f.runs, answers)
        sure, in_doubt = (
            logged_answers(questions, f.runs, answers, deliveries) for deliveries in ((CONFIRMED,), IN_DOUBT)
        )
        entries = [
            None if outcome in BY_POLICY else one or other
            for outcome, one, other in zip(questions["outcome"], sure, in_doubt, strict=True)
        ]
    log = pd.DataFrame([entry or {} for entry in entries], questions.index).reindex(
        columns=["answer", "delivery"]
    )
    table = questions[
        ["interrupt_id", "step_id", "label", "agent", "asked_at", "wait_s", "outcome", "answered_by"]
    ]
    table = table.assign(
        answer=log["answer"].map(_answer).astype("str"), delivery=log["delivery"].astype("str")
    )
    outcomes = questions["outcome"].astype("str").replace(OUTCOMES).str.lower()
    sentence = (
        f"{plural(len(questions), 'question')}: {counts(outcomes)}. "
        f"Longest wait: {lasting(questions['wait_s'].max())}.{without_steps(f)}"
    )
    return Panel("Questions to reviewers", sentence, table.sort_values("asked_at", ignore_index=True))


def _answer(answer: object) -> str | None:
    """Give an answer of the log, which is JSON text, as plain text: `decision: approve; note: seen`."""
    if not isinstance(answer, str):
        return None
    try:
        value = json.loads(answer)
    except ValueError:
        return shorten(answer, ANSWER)
    return shorten(_plain(value), ANSWER) or MISSING


def _plain(value: object) -> str:
    if isinstance(value, dict):
        fields = {name: inner for name, inner in value.items() if inner not in (None, "", [], {})}
        return "; ".join(f"{name}: {_plain(inner)}" for name, inner in fields.items())
    return " / ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def failed(f: Frames) -> Panel:
    """Show what failed in one run: its errors, and the steps of work that failed with them.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        `summary` is what the step's artifacts say, `within` the nearest step around it that failed too.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    steps = f.steps.sort_values("order")
    rows = steps[has_failed(steps)]
    rows = rows.iloc[np.argsort(rows["type"].ne("error"), kind="stable")]
    groups = steps.assign(label=step_labels(steps))[steps["status"] == "error"]
    within = [
        groups.loc[(groups["order"] < at) & (groups["subtree_end"] > at), "label"].iloc[-1:].tolist()
        for at in rows["order"]
    ]
    summaries = f.artifacts.dropna(subset=["step_id", "summary"]).groupby("step_id")["summary"].agg(" ".join)
    table = rows[[*STEP, "completed_at"]].assign(
        label=step_labels(rows),
        completed_at=rows["completed_at"].fillna(rows["started_at"]),
        summary=rows["step_id"].map(summaries).astype("str"),
        within=pd.Series([[*names, None][0] for names in within], rows.index, "str"),
    )
    n_errors = int(rows["type"].eq("error").sum())
    first = [*(quoted(label, 200) for label in table["label"]), MISSING][0]
    sentence = f"{plural(n_errors, 'error')}, {plural(len(rows) - n_errors, 'failed step')}. First: {first}."
    return Panel("What failed", f"{sentence}{without_steps(f)}", table.reset_index(drop=True))


def open_items(f: Frames) -> Panel:
    """Show what one run left open: questions, steps, weak findings, problems in the data.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        A row for each, with `since` and `open_s` where they are known.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    run, rows, asks, steps = f.runs.iloc[0], findings_of(f), f.interrupts, f.steps
    is_over, waits = run["status"] in FINAL_STATUSES, asks["outcome"].isin(["pending", "lapsed"])
    still = steps[steps["is_open"] & ~steps["step_id"].isin(asks.loc[waits, "step_id"])]
    still = still.assign(label=step_labels(still))
    no_result = f.runs[[is_over and not is_output(rows).any()]]
    no_result = no_result.assign(label="no output", open_s=(run["as_of"] - run["ended_at"]).total_seconds())
    unread = f.runs[[run["status"] == "interrupted" and not run["n_pending"]]].assign(label="not in the data")
    weak = ~rows["confidence"].isin(["high", "medium"])
    problems = f.problems.assign(label=f.problems["problem"].astype("str") + ": " + f.problems["detail"])
    items = {
        "question waiting": (asks[asks["outcome"] == "pending"], "label", "asked_at", "wait_s"),
        "question that cannot be read": (unread, "label", "as_of", None),
        "no result": (no_result, "label", "ended_at", "open_s"),
        "question expired": (asks[asks["outcome"] == "lapsed"], "label", "asked_at", "wait_s"),
        "step without an end" if is_over else "step running": (still, "label", "started_at", "duration_s"),
        "finding of low or no confidence": (rows[weak], "title", None, None),
        "finding without a source": (rows[rows["n_sources"] == 0], "title", None, None),
        "problem in the data": (problems, "label", None, None),
    }
    parts = [
        pd.DataFrame(
            {
                "what": what,
                "item": df[item],
                "agent": df.get("agent"),
                "since": df.get(since),
                "open_s": df.get(seconds),
            },
            index=df.index,
        )
        for what, (df, item, since, seconds) in items.items()
    ]
    dtypes = dict.fromkeys(("what", "item", "agent"), "str")
    dtypes |= {"since": "datetime64[us, UTC]", "open_s": "float64"}
    table = pd.concat([part.astype(dtypes) for part in parts], ignore_index=True)
    return Panel("What is open", f"Open: {counts(table['what'])}.{without_steps(f)}", table)
