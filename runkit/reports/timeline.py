"""`what_happened()`: the course of a run in a few lines."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts.panel import lasting, words_of
from runkit.contract import RESOLUTIONS
from runkit.reports.bundle import ReportData
from runkit.reports.part import Part, ending_of, left_out
from runkit.style import status
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames

MAX_LINES = 8


def what_happened(data: ReportData) -> Part | None:
    """Show the course of one run in at most 8 lines: its top-level steps, its questions and its end.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned, of one run.

    Returns
    -------
    Part or None
        The shortest steps are left out first, then questions; how many lines is said.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(data.frames, "data")
    run = f.runs.iloc[0]
    if pd.isna(run["started_at"]):
        return None
    events = [_event(run["started_at"], "Review started"), *_question_events(f), *_step_events(f)]
    if pd.notna(run["ended_at"]):
        kind = "end fail" if run["status"] == "error" else "end"
        events.append(_event(run["ended_at"], status(run["status"]).word, kind=kind))
    first = pd.DataFrame(events).sort_values(["rank", "seconds"], ascending=[True, False], kind="stable")
    shown = first.head(MAX_LINES).sort_index().sort_values("at", kind="stable")
    is_one_day = shown["at"].dt.normalize().nunique() == 1
    day = f"{shown['at'].iloc[0]:%b %d}, times in UTC" if is_one_day else "Times in UTC"
    lines = shown.assign(at=shown["at"].dt.strftime("%H:%M" if is_one_day else "%b %d, %H:%M"))
    more = left_out(len(events) - len(shown), "more line")
    return Part("what_happened", day=day, lines=lines.to_dict("records"), more=more)


def _event(
    at: Any, label: str, note: str = "", *, kind: str = "", rank: int = 0, seconds: float = 0
) -> dict[str, Any]:
    """Describe a line. The lowest ranks are kept, and of one rank those that took longest."""
    return {"at": at, "label": label, "note": note, "kind": kind, "rank": rank, "seconds": seconds}


def _step_events(f: Frames) -> list[dict[str, Any]]:
    """Give the steps of the highest level on which there are several, except questions."""
    sizes = f.steps["depth"].value_counts()
    level = sizes[sizes > 1].index.min()
    steps = f.steps[f.steps["depth"].eq(level) & f.steps["type"].ne("interrupt")]
    events = []
    for step in steps.dropna(subset="started_at").to_dict("records"):
        seconds, has_failed = step["duration_s"], step["type"] == "error"
        event = _event(
            step["started_at"],
            words_of(step["label"] if pd.notna(step["label"]) else step["name"]),
            "failed" if has_failed else lasting(seconds),
            kind="fail" if has_failed else "",
            rank=2,
            seconds=seconds,
        )
        events.append(event)
    return events


def _question_events(f: Frames) -> list[dict[str, Any]]:
    """Give two lines for each question: when it was asked, and how it ended; one if policy decided it."""
    events = []
    for ask in f.interrupts.dropna(subset=["asked_at", "wait_s"]).to_dict("records"):
        label, ending, wait = words_of(ask["label"]), ending_of(ask), lasting(ask["wait_s"])
        if ask["outcome"] in RESOLUTIONS:
            events.append(_event(ask["asked_at"], label, ending.lower(), rank=1))
            continue
        by = f" by {ask['answered_by']}" if pd.notna(ask["answered_by"]) else ""
        note = f"{wait} so far" if ask["outcome"] == "pending" else f"after {wait}"
        ended_at = ask["asked_at"] + pd.Timedelta(seconds=ask["wait_s"])
        events.append(_event(ask["asked_at"], f"Asked a reviewer: {label}", kind="question", rank=1))
        events.append(_event(ended_at, f"{ending}{by}", note, kind="question", rank=1))
    return events
