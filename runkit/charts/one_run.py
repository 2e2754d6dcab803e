"""Panels of one run: what came out, on what evidence, who was asked, and where the time went.

Every function takes `Frames` of exactly one run and gives a `Panel`. In the order of a report.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from runkit.answers import CONFIRMED, IN_DOUBT
from runkit.charts.evidence import evidence, findings_of, found, is_output, sources_of
from runkit.charts.panel import (
    Panel,
    agent_titles,
    counts,
    facts,
    lasting,
    oldest,
    panel_of,
    quoted,
    waited,
    words_of,
)
from runkit.charts.run_time import STEP, budget, critical_path, slowest_steps, timeline
from runkit.charts.step_panel import step
from runkit.contract import FINAL_STATUSES
from runkit.models import Run
from runkit.style import MISSING, OUTCOMES, status
from runkit.tables.answers import logged_answers, with_answers
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import moment, plural, shorten

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
    "step",
    "timeline",
]

EXCERPT = 200  # characters of a summary
ANSWER = 600  # characters of an answer
COUNTED = ("Steps", "Errors", "Findings", "Outputs", "Sources")  # not known without steps
SPENT = ("duration_s", "working_s", "waiting_s", "idle_s")
OPEN = dict.fromkeys(("what", "item", "agent"), "str") | {"since": "datetime64[us, UTC]", "open_s": "float64"}


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
    return Panel("In short", outcome(f), facts(facts_of(f)))


def facts_of(f: Frames) -> dict[str, Any]:
    """Give what names and measures one run: texts, times, lengths of time, and counts as far as known."""
    run, rows = f.runs.iloc[0], findings_of(f)
    n_outputs = int(is_output(rows).sum())
    known = {
        "Run": run["run_id"],
        "Business": f.runs["business_name"].fillna(f.runs["business_id"]).iloc[0],
        "Business status": words_of(run["business_status"]),
        "Agent": agent_titles(f.runs["agent_name"].fillna(f.runs["agent"])).iloc[0],
        "Status": str(status(run["status"])),
        "Confidence": run["confidence"],
        "Steps": run["n_steps"],
        "Errors": run["n_errors"],
        "Findings": len(rows) - n_outputs,
        "Outputs": n_outputs,
        "Sources": len(sources_of(f, rows)),
        "Questions": run["n_interrupts"],
        **{part.removesuffix("_s").capitalize(): pd.Timedelta(run[part], "s") for part in SPENT},
        "Requester": run["requester"],
        "Created": run["created_at"],
        "Started": run["started_at"],
        "Ended": run["ended_at"],
        "Read": run["as_of"],
    }
    if pd.notna(run["business_status_at"]):
        known["Business status"] += f", as of {moment(run['business_status_at'])}"
    return known if run["has_steps"] else known | dict.fromkeys(COUNTED)


def outcome(f: Frames) -> str:
    """Give the outcome of one run: its error, the question that waits, or its output in the agent's words."""
    run, rows = f.runs.iloc[0], findings_of(f)
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].sort_values("asked_at")
    output = rows[is_output(rows)]
    if run["status"] == "error":
        why = "No step says why." if pd.isna(run["outcome"]) else quoted(run["outcome"], 200)
        return f"No result: the review failed. {why}"
    if len(pending):
        first = pending.iloc[0]
        wait = waited(first["wait_s"], first["asked_at"])
        wait = wait if pd.isna(first["wait_s"]) else f"for {wait}"
        return f"Waiting for a reviewer {wait}: {quoted(first['label'], 200)}"
    if len(output):
        first = output.iloc[0]
        words = f"{quoted(first['title'])}, {words_of(first['confidence'])} confidence"
        return f"{words}: {quoted(first['summary'], EXCERPT)}"
    if pd.isna(run["duration_s"]):
        return f"{status(run['status']).word}, not started."
    return f"{status(run['status']).word} after {lasting(run['duration_s'])}, no output."


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
    f = one_run(f, "f")
    known = facts_of(f)
    known = {name: known[name] for name in ("Business", "Agent", "Requester", "Created")}
    known["Prompt"] = quoted(run.to_dict().get("prompt") if run is not None else None, 400)
    who, whom, prompt = (words_of(known[name]) for name in ("Requester", "Agent", "Prompt"))
    sentence = f"{'Somebody' if who == MISSING else who} asked {'an agent' if whom == MISSING else whom}."
    sentence += " The prompt is not known." if prompt == MISSING else f" Prompt: {known['Prompt']}."
    return Panel("What was asked", sentence, facts(known))


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
    log: list[dict[Any, Any] | None] = [None] * len(questions)
    if answers is not None:
        questions = with_answers(questions, f.runs, answers)
        sure = logged_answers(questions, f.runs, answers, (CONFIRMED,))
        in_doubt = logged_answers(questions, f.runs, answers, IN_DOUBT)
        log = [one or other for one, other in zip(sure, in_doubt, strict=True)]
    by_policy = questions["outcome"].isin(["auto_approve", "skip"])
    known = pd.DataFrame([entry or {} for entry in log], questions.index, ["answer", "delivery"])
    known = known.mask(by_policy).astype("str")
    names = ["interrupt_id", "step_id", "label", "agent", "asked_at", "wait_s", "outcome", "answered_by"]
    known["answer"] = known["answer"].map(_answer).astype("str")
    table = questions[names].join(known)
    outcomes = questions["outcome"].astype("str").replace(OUTCOMES).str.lower()
    longest = oldest(questions) if len(questions) else MISSING
    sentence = f"{plural(len(questions), 'question')}: {counts(outcomes)}. Longest wait: {longest}."
    table = table.sort_values("asked_at", ignore_index=True)
    return panel_of("Questions to reviewers", sentence, table, n=len(table), what="questions", f=f)


def _answer(answer: object) -> str | None:
    """Give an answer of the log, which is JSON text, as plain text: `decision: approve; note: seen`."""
    try:
        return shorten(_plain(json.loads(answer)), ANSWER) if isinstance(answer, str) else None
    except ValueError:
        return shorten(str(answer), ANSWER)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_plain(inner)}" for name, inner in value.items() if inner)
    return " / ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def failed(f: Frames) -> Panel:
    """Show what failed in one run: the steps that are the cause of a failure, each with its error.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        `summary` is what the artifacts of the step, or of its error step, say, `within` the nearest step
        around it that failed, too.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    steps = f.steps.sort_values("order")
    rows = steps[steps["error"].notna()]
    noted = f.artifacts.merge(steps[["step_id", "label"]], on="step_id").dropna(subset="summary")
    by_step, by_label = (noted.groupby(key)["summary"].agg(" ".join) for key in ("step_id", "label"))
    summaries = rows["step_id"].map(by_step).fillna(rows["error"].map(by_label))
    table = rows[[*STEP, "error", "completed_at"]].assign(
        completed_at=rows["completed_at"].fillna(rows["started_at"]),
        summary=summaries.astype("str"),
        within=_failed_around(rows, steps[steps["is_failed"]]),
    )
    first = quoted(table["error"].iloc[0], 200) if len(table) else ""
    sentence = f"{plural(len(rows), 'failed step')}. First: {first}."
    table = table.reset_index(drop=True)
    return panel_of("What failed", sentence, table, n=len(table), what="failed steps", f=f)


def _failed_around(rows: pd.DataFrame, broken: pd.DataFrame) -> pd.Series[str]:
    """Give the label of the nearest step around each row that failed, too."""
    labels = []
    for at in rows["order"]:
        is_around = (broken["order"] < at) & (broken["subtree_end"] > at)
        labels.append(next(iter(broken.loc[is_around, "label"][::-1]), None))
    return pd.Series(labels, rows.index, "str")


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
    run, rows = f.runs.iloc[0], findings_of(f)
    steps = f.steps.assign(item=f.steps["label"])
    asks = f.interrupts.rename(columns={"label": "item", "asked_at": "since", "wait_s": "open_s"})
    waiting, expired = (asks[asks["outcome"] == word] for word in ("pending", "lapsed"))
    is_over, is_asking = run["status"] in FINAL_STATUSES, run["status"] == "interrupted"
    is_question = steps["step_id"].isin([*waiting["step_id"], *expired["step_id"]])
    still = steps[steps["is_open"] & ~is_question]
    still = still.rename(columns={"started_at": "since", "duration_s": "open_s"})
    ended = f.runs.assign(item="no output", since=f.runs["ended_at"])
    ended["open_s"] = (ended["as_of"] - ended["ended_at"]).dt.total_seconds()
    titled = rows.rename(columns={"title": "item"})
    unread = f.runs[[is_asking and not run["n_pending"]]].assign(item="not in the data")
    problems = f.problems["problem"].astype("str") + ": " + f.problems["detail"]
    items = {
        "question waiting": waiting,
        "question that cannot be read": unread,
        "no result": ended[[is_over and not is_output(rows).any()]],
        "question expired": expired,
        "step without an end" if is_over else "step running": still,
        "finding of low or no confidence": titled[~titled["confidence"].isin(["high", "medium"])],
        "finding without a source": titled[titled["n_sources"] == 0],
        "problem in the data": f.problems.assign(item=problems),
    }
    parts = [rows.reindex(columns=[*OPEN]).assign(what=what).astype(OPEN) for what, rows in items.items()]
    table = pd.concat(parts, ignore_index=True)
    sentence = f"Open: {counts(table['what'])}."
    return panel_of("What is open", sentence, table, n=len(table), what="open items", f=f)
