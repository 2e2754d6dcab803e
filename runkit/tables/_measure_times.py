"""The times of runs and steps: the moment of measuring, durations, own time, budget, path."""

from __future__ import annotations

import numpy as np

from runkit import critical_path, time_budget
from runkit.api import contract
from runkit.api.validation import Note
from runkit.tables.arrow_columns import NEVER, Columns, bincount, is_word
from runkit.time_budget import Flags

Notes = list[tuple[int, Note]]  # with the number of the run

# ----------------------------------------------------------------------------------- what disagrees


def note_row(
    notes: Notes, columns: Columns, row: int, problem: str, detail: str, *field: str
) -> None:
    """Add a note of a row of runs or steps."""
    step_id = columns["step_id"][row].as_py() if "step_id" in columns else None
    path = (*columns["path"][row], *field)
    notes.append((int(columns["run"][row]), Note(problem, detail, path, step_id)))


def note_rows(
    notes: Notes, columns: Columns, where: Flags, problem: str, detail: str, *field: str
) -> None:
    """Add a note of each of some rows."""
    for row in np.flatnonzero(where).tolist():
        note_row(notes, columns, row, problem, detail, *field)


# -------------------------------------------------------------------------------------------- times


def measure(runs: Columns, steps: Columns, as_of: int | None, notes: Notes) -> None:
    """Add `start` and `end` in microseconds to runs and steps.

    What is open ends with its run or at `as_of`; in a run that has ended, an open step with child
    steps ends with the last of them. A run that has not started spans 0 to 0.
    """
    runs |= _as_of(runs, steps, as_of, notes)
    started, ended = runs["started_at"], runs["ended_at"]
    is_started, has_ended = started != NEVER, ended != NEVER
    last = np.where(has_ended, ended, runs["as_of"])
    runs["start"] = np.where(is_started, started, 0)
    runs["end"] = np.where(is_started, np.maximum(started, last), 0)

    is_early = is_started & (started < runs["created_at"])
    detail = "started_at is before created_at; queued_s is null"
    note_rows(notes, runs, is_early, "starts_before_created", detail, "started_at")
    is_reversed = is_started & has_ended & (last < started)
    detail = "ended_at is before started_at; read as equal to it"
    note_rows(notes, runs, is_reversed, "ends_before_start", detail, "ended_at")

    start, completed = steps["started_at"], steps["completed_at"]
    end = np.where(steps["is_open"], last[steps["run"]], completed)
    end = np.maximum(start, end)
    is_over = is_word(runs["status"], *contract.FINAL_STATUSES)[steps["run"]]
    is_unclosed = steps["is_open"] & is_over & (bincount(steps["parent"], len(end)) > 0)
    if is_unclosed.any():
        end = time_budget.close_groups(start, end, steps["parent"], steps["depth"], is_unclosed)
    steps["start"], steps["end"] = start, end
    is_reversed = ~steps["is_open"] & (completed < start)
    detail = "completed_at is before started_at; read as equal to it"
    note_rows(notes, steps, is_reversed, "ends_before_start", detail, "completed_at")
    _note_outside(runs, steps, notes)


def _note_outside(runs: Columns, steps: Columns, notes: Notes) -> None:
    """Note steps that are not inside their parent, or at the top not inside their run."""
    run, parent, start, end = steps["run"], steps["parent"], steps["start"], steps["end"]
    is_inner = parent >= 0  # -1 as a position would be the last step
    is_outside = is_inner & ((start < start[parent]) | (end > end[parent]))
    detail = "runs outside its parent step; clipped for self time and critical path"
    note_rows(notes, steps, is_outside, "outside_parent", detail)

    is_started = (runs["started_at"] != NEVER)[run]
    has_ended = (runs["ended_at"] != NEVER)[run]  # an open run has no end yet
    is_early = start < runs["start"][run]
    is_late = has_ended & (end > runs["end"][run])
    is_outside = ~is_inner & is_started & (is_early | is_late)
    detail = "runs outside its run; clipped for the time budget and the critical path"
    note_rows(notes, steps, is_outside, "outside_run", detail)


def _as_of(runs: Columns, steps: Columns, moment: int | None, notes: Notes) -> Columns:
    """Return up to when each run is measured.

    That is the argument, else when the run was read, else its newest time. It is never a maximum
    over several runs, so that a run's numbers do not depend on the other runs. A run is undated if
    it is open and nobody knows when it was read.
    """
    names = ("created_at", "updated_at", "started_at", "ended_at")
    newest = np.max([runs[name] for name in names], axis=0)
    for name in ("started_at", "completed_at"):
        np.maximum.at(newest, steps["run"], steps[name])

    known = runs["read_at"]
    if moment is not None:
        is_early = moment < newest
        detail = "as_of is before the newest time of the run; not used"
        note_rows(notes, runs, is_early, "contradiction", detail)
        known = np.where(is_early, known, moment)
    is_unknown = known == NEVER
    is_over = is_word(runs["status"], *contract.FINAL_STATUSES)
    return {"as_of": np.where(is_unknown, newest, known), "is_undated": is_unknown & ~is_over}


def step_times(runs: Columns, steps: Columns) -> Columns:
    """Return how long each step took, by itself and on the critical path."""
    start, end, parent = steps["start"], steps["end"], steps["parent"]
    spans = start, end, parent, steps["depth"], steps["run"], runs["start"], runs["end"]
    path = critical_path.critical_path(*spans, is_waiting=steps["is_wait"])
    return {
        "duration_s": end - start,
        "self_s": time_budget.self_time(start, end, parent),
        "is_critical": path.is_on,
        "critical_s": path.length,
    }


def budget_columns(runs: Columns, steps: Columns) -> Columns:
    """Return how long each run took: waiting for a reviewer, working (another step is open), idle.

    Null for a run that has not started or ends before it, or that has no time for its steps.
    """
    is_leaf = ~steps["is_wait"] & (steps["n_children"] == 0)
    spans = steps["run"], steps["start"], steps["end"], runs["start"], runs["end"]
    budget = time_budget.budget(*spans, is_waiting=steps["is_wait"], is_leaf=is_leaf)
    duration, is_long = runs["end"] - runs["start"], steps["end"] > steps["start"]
    started, ended = runs["started_at"], runs["ended_at"]
    has_time = (duration > 0) | (bincount(steps["run"][is_long], len(duration)) == 0)
    is_known = has_time & (started != NEVER) & ((ended == NEVER) | (ended >= started))
    parts = budget._asdict().items()
    return {"duration_s": np.where(is_known, duration, NEVER)} | {
        f"{name}_s": np.where(is_known & runs["has_steps"], values, NEVER) for name, values in parts
    }
