"""What disagrees in the columns of runs and steps, and words that the API's documentation lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runkit.api.validation import Note
from runkit.api.words import RUN_STATUSES, STEP_STATUSES, STEP_TYPES, Vocabulary
from runkit.display.text import brief
from runkit.tables.arrow_columns import NEVER, Columns, flags, is_word
from runkit.tables.columns import Parts
from runkit.tables.problems import Row, problem_row
from runkit.tables.sources import Record
from runkit.time_budget import Flags, Ints

# by the frame: the column of the end, and the vocabularies of its columns of words
ENDS = {"runs": "ended_at", "steps": "completed_at"}
WORDS: dict[str, dict[str, Vocabulary]] = {
    "runs": {"status": RUN_STATUSES},
    "steps": {"status": STEP_STATUSES, "type": STEP_TYPES},
}


def contradictions(parts: Parts, records: Sequence[Record]) -> list[Row]:
    """Return a row for each thing that disagrees in a run, and for its unknown words."""
    rows = []
    for frame, words in WORDS.items():
        columns = parts[frame]
        found = [Found("contradiction", *each) for each in _times(frame, columns).items()]
        if frame == "steps":
            found.append(_left_open(parts["runs"], columns))
        for name, vocabulary in words.items():
            found += _unknown(f"{frame[:-1]} {name}", columns[name], vocabulary)
        for each in found:
            rows += _rows(each, frame, columns["run"], records)
    return rows


class Found(NamedTuple):
    """A problem, and in which rows it is."""

    problem: str
    detail: str
    where: Flags


def _times(frame: str, columns: Columns) -> dict[str, Flags]:
    """Return what disagrees in the times of runs or steps."""
    end = ENDS[frame]
    started, ended = columns["started_at"], columns[end]
    is_over = is_word(columns["status"], WORDS[frame]["status"].meaning("over"))
    has_both = (started != NEVER) & (ended != NEVER)
    return {
        f"a {frame[:-1]} ends before it starts; its length is null": has_both & (ended < started),
        f"a {frame[:-1]} is over, without {end}; its length is null": is_over & (ended == NEVER),
    }


def _left_open(runs: Columns, steps: Columns) -> Found:
    is_over = is_word(steps["status"], STEP_STATUSES.meaning("over"))
    is_open = (steps["completed_at"] == NEVER) & ~is_over
    detail = "a step is open, but its run has ended; its length is null"
    return Found("contradiction", detail, is_open & runs["has_ended"][steps["run"]])


def _unknown(name: str, values: pa.Array, vocabulary: Vocabulary) -> list[Found]:
    """Return the words that are not in a vocabulary."""
    is_unknown = flags(values.is_valid()) & ~is_word(values, vocabulary)
    return [
        Found("unknown_word", f"unknown {name} {brief(word)}", is_unknown & is_same)
        for word in pc.unique(values.filter(is_unknown)).to_pylist()
        for is_same in [flags(pc.equal(values, word).fill_null(False))]
    ]


def _rows(found: Found, frame: str, run_of: Ints, records: Sequence[Record]) -> list[Row]:
    """Return a row for each run that has a problem in some of its rows."""
    numbers, n_rows = np.unique(run_of[found.where], return_counts=True)
    path = ("steps",) if frame == "steps" else ()
    return [
        problem_row(records[number], Note(found.problem, found.detail, path, n), number)
        for number, n in zip(numbers.tolist(), n_rows.tolist(), strict=True)
    ]
