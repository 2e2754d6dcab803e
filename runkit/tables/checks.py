"""What disagrees in the columns of runs and steps, and words that the API's documentation lacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow.compute as pc

from runkit.api.validation import Note
from runkit.api.words import RUN_STATUSES, STEP_STATUSES, STEP_TYPES, Vocabulary
from runkit.display.text import brief
from runkit.tables.arrow_columns import NEVER, Columns, flags, is_word
from runkit.tables.columns import Parts
from runkit.tables.problems import Row, problem_row
from runkit.tables.sources import Record
from runkit.time_budget import Flags, Ints

WORDS: tuple[tuple[str, str, Vocabulary], ...] = (
    ("runs", "status", RUN_STATUSES),
    ("steps", "status", STEP_STATUSES),
    ("steps", "type", STEP_TYPES),
)


def contradictions(parts: Parts, records: Sequence[Record]) -> list[Row]:
    """Return a row for each thing that disagrees in a run, and for its unknown words."""
    runs, steps = parts["runs"], parts["steps"]
    of_run = np.arange(len(records))
    rows = []
    for detail, where in _of_runs(runs).items():
        rows += _rows("contradiction", detail, where, of_run, records)
    for detail, where in _of_steps(runs, steps).items():
        rows += _rows("contradiction", detail, where, steps["run"], records, "steps")
    for frame, name, words in WORDS:
        values = parts[frame][name]
        numbers = of_run if frame == "runs" else steps["run"]
        is_unknown = flags(values.is_valid()) & ~is_word(values, words)
        for word in pc.unique(values.filter(is_unknown)).to_pylist():
            detail = f"unknown {frame[:-1]} {name} {brief(word)}"
            where = is_unknown & flags(pc.equal(values, word).fill_null(False))
            part = "" if frame == "runs" else "steps"
            rows += _rows("unknown_word", detail, where, numbers, records, part)
    return rows


def _of_runs(runs: Columns) -> dict[str, Flags]:
    started, ended = runs["started_at"], runs["ended_at"]
    is_over = is_word(runs["status"], RUN_STATUSES.meaning("over"))
    has_both = (started != NEVER) & (ended != NEVER)
    return {
        "ends before it starts; its length is null": has_both & (ended < started),
        "is over, without ended_at; its length is null": is_over & (ended == NEVER),
        "starts before it was created; queued_s is null": (started != NEVER)
        & (started < runs["created_at"]),
    }


def _of_steps(runs: Columns, steps: Columns) -> dict[str, Flags]:
    started, ended = steps["started_at"], steps["completed_at"]
    is_over = is_word(steps["status"], STEP_STATUSES.meaning("over"))
    is_run_over = is_word(runs["status"], RUN_STATUSES.meaning("over")) | (
        runs["ended_at"] != NEVER
    )
    has_no_end = ended == NEVER
    has_both = (started != NEVER) & ~has_no_end
    return {
        "a step ends before it starts; its length is null": has_both & (ended < started),
        "a step is over, without completed_at; its length is null": is_over & has_no_end,
        "a step is open, but its run has ended; its length is null": has_no_end
        & ~is_over
        & is_run_over[steps["run"]],
    }


def _rows(
    problem: str,
    detail: str,
    where: Flags,
    run_of: Ints,
    records: Sequence[Record],
    part: str = "",
) -> list[Row]:
    """Return a row for each run that has something in some of its rows."""
    numbers, n_rows = np.unique(run_of[where], return_counts=True)
    path = (part,) if part else ()
    return [
        problem_row(records[number], Note(problem, detail, path, n), number)
        for number, n in zip(numbers.tolist(), n_rows.tolist(), strict=True)
    ]
