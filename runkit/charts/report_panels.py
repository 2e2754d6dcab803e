"""Panels of the templates of reports: of one run, and of many."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from runkit.api.words import OUTCOMES, RUN_STATUSES
from runkit.arguments import checked
from runkit.charts.fleet import NAMES
from runkit.charts.gantt import gantt
from runkit.charts.panel import (
    Panel,
    lasting,
    records,
    render,
    words_of,
)
from runkit.display.html_tables import with_labels
from runkit.display.text import brief, day
from runkit.errors import UsageError
from runkit.facts import what_was_read
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.tables.run_rules import outcome_words, short_ids

__all__ = [
    "all_runs",
    "changed",
    "slowest_steps_of_run",
    "timeline",
    "what_happened",
]

MAX_LINES, MAX_STEPS = 8, 5
MAX_INDENT = 12  # levels of the table of steps
# A step's weight is its seconds; the lines with most weight are never folded.
EVENT = ["at", "label", "note", "kind", "weight"]
ALWAYS, BEFORE_STEPS = math.inf, 1e12
Event = tuple[Any, ...]  # a row of these columns


def __dir__() -> list[str]:
    return __all__


@checked
def timeline(f: Frames) -> Panel:
    """Show what one run did and when: a Gantt chart, and the steps in tree order.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        A row for each step, its label indented by its level. The figure is that of
        `runkit.gantt`.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    figure = gantt(f)
    steps = f.steps
    level = steps["depth"].clip(upper=MAX_INDENT)
    indent = level.map("· ".__mul__).astype("str")
    columns = ["step_id", "label", "agent", "state", "duration_s", "self_s"]
    table = steps[columns].assign(
        label=indent + steps["label"],
        id=short_ids(steps["step_id"]),
    )
    return Panel("Timeline", str(figure.layout.meta["alt"]), table, figure)


@checked
def slowest_steps_of_run(f: Frames) -> Panel:
    """Show the five steps of one run that worked longest, and what they added to its total time.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        `self_s` is the own time of a step, `critical_s` what of it is on the critical path.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    steps = f.steps
    is_work = steps["type"].ne("interrupt") & (steps["self_s"] > 0)
    order = ["critical_s", "self_s"]
    columns = ["label", "agent", "self_s", "critical_s"]
    work = steps.loc[is_work, columns]
    slowest = work.sort_values(order, ascending=False, kind="stable", ignore_index=True)
    return Panel("Slowest steps", "", slowest.head(MAX_STEPS))


@checked
def what_happened(f: Frames) -> Panel:
    """Show the course of one run in 8 lines; all lines are folded, and open on paper.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        A row for each event, in the order of time: steps of the highest level with several,
        failed steps, questions and how they ended.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    start, end = _ends(f)
    events = [start, *_question_events(f), *_step_events(f), end]
    table = pd.DataFrame(events, columns=EVENT).dropna(subset="at")  # an open run has no end
    table = table.sort_values("at", kind="stable", ignore_index=True)
    if table.empty:
        return Panel("What happened", "Not started.", table[EVENT[:3]])

    first = table.nlargest(MAX_LINES, "weight").index
    times = table["at"]
    days = times.iloc[[0, -1]].map(day).unique()
    at = times.dt.strftime("%H:%M")
    if len(days) > 1:
        at = times.map(partial(day, has_year=False)) + ", " + at
    lines = records(table.assign(at=at))
    body = render("what_happened", lines=lines, first=[lines[n] for n in sorted(first)])
    words = f"{' to '.join(days)}, times in UTC"
    return Panel("What happened", words, table[EVENT[:3]], body=body)


def _ends(f: Frames) -> Iterator[Event]:
    """Yield how a run started, and how it ended."""
    run = f.runs.iloc[0]
    line = RUN_STATUSES.find(run["status"])
    ending, kind = line.label, "end"
    if "failed" in line.means:
        ending, kind = "Run failed", "end fail"
    yield run["started_at"], "Review started", "", "", ALWAYS
    yield run["ended_at"], ending, None, kind, ALWAYS


def _step_events(f: Frames) -> Iterator[Event]:
    """Yield a line for each step of the highest level with several, and for each failed one."""
    steps = f.steps
    sizes = steps["depth"].value_counts()
    level = sizes[sizes > 1].index.min()
    is_of_level = steps["depth"].eq(level) & steps["type"].ne("interrupt")
    listed = steps[is_of_level | steps["state"].eq("failed")]
    for step in records(listed):
        label = step["label"]
        duration_s = step["duration_s"]
        length = lasting(duration_s)
        if step["state"] == "failed":
            failed_at = step["completed_at"] or step["started_at"]
            yield failed_at, f"✕ {label}", f"after {length}", "fail", duration_s
        else:
            yield step["started_at"], label, length, "", duration_s


def _question_events(f: Frames) -> Iterator[Event]:
    """Yield when each question was asked and how it ended; one line if policy decided it."""
    for question in records(f.interrupts.dropna(subset="asked_at")):
        asked_at = question["asked_at"]
        outcome = question["outcome"]
        wait_s = question["wait_s"]
        label = words_of(question["label"])
        ending = outcome_words(question)
        if OUTCOMES.is_a(outcome, "policy"):
            yield asked_at, label, ending.lower(), "", BEFORE_STEPS
            continue
        yield asked_at, f"Asked a reviewer: {label}", None, "question", BEFORE_STEPS
        if wait_s is not None:
            wait = lasting(wait_s)
            note = wait if outcome == "pending" else f"after {wait}"
            yield asked_at + pd.Timedelta(wait_s, "s"), ending, note, "question", BEFORE_STEPS


@checked
def all_runs(f: Frames) -> Panel:
    """Show when each run was created and how long it waited.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each run, the newest first, and a chart of them.

    Raises
    ------
    UsageError
        For other arguments.
    """
    figure = None if f.runs.empty else gantt(f)
    columns = [*NAMES, "status", "confidence", "created_at", "working_s", "waiting_s"]
    table = f.runs[columns].sort_values("created_at", ascending=False, ignore_index=True)
    return Panel("All runs", what_was_read(f), table, figure)


@checked
def changed(table: pd.DataFrame | None) -> Panel:
    """Show what has changed since an earlier state of the runs.

    Parameters
    ----------
    table
        The frame of `runkit.changes()`, as in `report_data().changes`; None for no panel rows.

    Returns
    -------
    Panel
        A row for each change.

    Raises
    ------
    UsageError
        For other arguments.
    """
    columns = ["what", "before", "after"]
    table = _checked_frame(table, columns, "runkit.changes()")
    words = table.attrs.get("sentence", "")
    return Panel("What changed", words, with_labels(table)[["run", *columns]])


def _checked_frame(table: pd.DataFrame | None, columns: list[str], function: str) -> pd.DataFrame:
    """Return the frame of a function, without rows for None. Raises `UsageError` for another."""
    if table is None:
        return pd.DataFrame(columns=["run_id", *columns], dtype="str")
    if not {"run_id", *columns}.issubset(table):
        raise UsageError(f"table={brief(table)}; expected the frame of {function}, or None.")
    return table
