"""Build the columns of the six frames from the columns of many batches.

Like a Parquet file, the frames are built in row groups: large enough that the overhead of a call to numpy or
Arrow is small, small enough that the temporary arrays need a few megabytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from runkit import timing
from runkit.contract import CONFIDENCES, RESOLUTIONS, STEP_TYPES
from runkit.tables.artifacts import OUTPUT, add_keys
from runkit.tables.batch import Batch
from runkit.tables.columns import Chunk, Ints, count, seconds, take
from runkit.tables.schema import COLUMNS, DTYPES, OUTCOMES, Kind
from runkit.tables.validate import NEVER, TEXT

INTERRUPT = STEP_TYPES.index("interrupt")
ERROR = STEP_TYPES.index("error")
PENDING = OUTCOMES.index("pending")
_POSITIONS = {"run": "runs", "step": "steps", "parent": "steps", "artifact": "artifacts"}
_FIRST_COLUMN = {
    "runs": "run_id",
    "steps": "run",
    "artifacts": "run",
    "sources": "artifact",
    "interrupts": "run",
}


class RowGroup(NamedTuple):
    """The frames' columns for some runs, their locations in the source, and the number of records read."""

    chunks: dict[str, Chunk]
    locations: list[str]
    n_seen: int


def build_row_group(batches: Sequence[Batch]) -> RowGroup:
    """Build the frames' columns from those of some batches."""
    chunks = _join(batches)
    runs, steps, artifacts, sources, interrupts = chunks.values()
    add_keys(artifacts, sources, runs, steps["step_id"])
    interrupts["run_id"] = take(runs["run_id"], interrupts["run"])
    _complete_steps(steps, runs, artifacts)
    _complete_runs(runs, steps, artifacts, sources, interrupts)
    columns = {
        frame: {column.name: _small(chunk[column.name], column.kind) for column in COLUMNS[frame]}
        for frame, chunk in (*chunks.items(), ("reads", runs))
    }
    locations = [location for batch in batches for location in batch.locations]
    return RowGroup(columns, locations, sum(batch.n_seen for batch in batches))


def _small(values: Any, kind: Kind) -> Any:
    """Store counts in the width of the frames, as row groups stay in memory until all are read."""
    return values.astype(DTYPES["count"]) if kind == "count" else values


def _join(batches: Sequence[Batch]) -> dict[str, Chunk]:
    """Concatenate the batches' columns; positions then count from the start of the row group."""
    n_before = {}
    for frame, name in _FIRST_COLUMN.items():
        sizes = [len(batch.chunks[frame][name]) for batch in batches]
        n_before[frame] = np.cumsum([0, *sizes[:-1]]).tolist()

    def joined(frame: str, name: str) -> Any:
        parts = [batch.chunks[frame][name] for batch in batches]
        if isinstance(parts[0], pa.Array):
            return pa.concat_arrays(parts)
        if name in _POSITIONS:
            before = n_before[_POSITIONS[name]]
            parts = [np.where(part < 0, part, part + n) for part, n in zip(parts, before, strict=True)]
        return np.concatenate(parts)

    return {
        frame: {name: joined(frame, name) for name in chunk} for frame, chunk in batches[0].chunks.items()
    }


def _complete_steps(steps: Chunk, runs: Chunk, artifacts: Chunk) -> None:
    """Add the columns that follow from each step's position in the tree and in time."""
    run, parent, start, end = steps["run"], steps["parent"], steps["start"], steps["end"]
    n_runs, n_steps = len(runs["run_id"]), len(run)
    per_run = count(run, n_runs)
    steps["run_id"] = take(runs["run_id"], run)
    steps["order"] = order = np.arange(n_steps) - np.repeat(np.cumsum(per_run) - per_run, per_run)
    steps["subtree_end"] = order + steps["size"]
    steps["started_at"] = start
    steps["completed_at"] = np.where(steps["is_open"], NEVER, end)
    steps["duration_s"] = seconds(end - start)
    steps["self_s"] = seconds(timing.self_time(start, end, parent))
    path = timing.critical_path(start, end, parent, steps["depth"], run, runs["start"], runs["end"])
    steps["is_critical"] = path.is_on
    steps["critical_s"] = seconds(path.length)
    steps["n_children"] = count(parent, n_steps)
    steps["n_artifacts"] = count(artifacts["step"], n_steps)


def _complete_runs(runs: Chunk, steps: Chunk, artifacts: Chunk, sources: Chunk, interrupts: Chunk) -> None:
    """Add the time budget and the counts."""
    n = len(runs["run_id"])
    was_settled = (steps["resolution"] >= 0) & (steps["resolution"] < len(RESOLUTIONS))
    is_waiting = (steps["type"] == INTERRUPT) & ~was_settled
    budget = timing.budget(
        steps["run"],
        steps["start"],
        steps["end"],
        is_waiting=is_waiting,
        is_leaf=((steps["n_children"] == 0) | was_settled) & ~is_waiting,
        run_start=runs["start"],
        run_end=runs["end"],
    )
    started, ended = runs["started_at"], runs["ended_at"]
    is_started = started != NEVER
    is_known = is_started & runs["has_steps"]
    runs["ended_at"] = np.where(ended == NEVER, NEVER, np.maximum(ended, started))
    queued = runs["start"] - runs["created_at"]
    runs["queued_s"] = seconds(queued, is_started & (queued >= 0))
    runs["duration_s"] = seconds(runs["end"] - runs["start"], is_started)
    runs["working_s"] = seconds(budget.working, is_known)
    runs["waiting_s"] = seconds(budget.waiting, is_known)
    runs["idle_s"] = seconds(budget.idle, is_known)
    runs["overlap_s"] = seconds(budget.overlap, is_known)
    runs["n_steps"] = count(steps["run"], n)
    runs["n_errors"] = count(steps["run"][steps["type"] == ERROR], n)
    runs["n_interrupts"] = count(interrupts["run"], n)
    runs["n_pending"] = count(interrupts["run"][interrupts["outcome"] == PENDING], n)
    runs["n_artifacts"] = count(artifacts["run"], n)
    runs["n_sources"] = count(sources["run"], n)
    runs["confidence"] = _lowest_confidence(artifacts, n)


def _lowest_confidence(artifacts: Chunk, n_runs: int) -> pa.Array:
    """Return the lowest confidence of each run's output artifacts; unknown words rank below low."""
    lowest: list[str | None] = [None] * n_runs
    rank = {word: number for number, word in enumerate(CONFIDENCES)}
    outputs: Ints = np.flatnonzero(artifacts["origin"] == OUTPUT)
    words = take(artifacts["confidence"], outputs).to_pylist()
    for run, word in zip(artifacts["run"][outputs].tolist(), words, strict=True):
        current = lowest[run]
        if word is not None and (current is None or rank.get(word, len(rank)) > rank.get(current, len(rank))):
            lowest[run] = word
    return pa.array(lowest, TEXT)
