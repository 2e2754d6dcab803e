"""From the plain columns of many bites to the columns of the six frames.

Nothing here sees raw JSON. A batch of bites is large enough that the overhead of a call to numpy or Arrow is
small, and small enough that what they need on the way fits in a few megabytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from runkit import timing
from runkit.contract import CONFIDENCES, RESOLUTIONS, STEP_TYPES
from runkit.tables.artifacts import OUTPUT, link
from runkit.tables.batch import Bite
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


class Batch(NamedTuple):
    """The frames' columns for some runs, where each of these stands in the source, and records seen."""

    chunks: dict[str, Chunk]
    locations: list[str]
    n_seen: int


def build(bites: Sequence[Bite]) -> Batch:
    """Build the columns of the frames."""
    chunks = _join(bites)
    runs, steps, artifacts, sources, interrupts = chunks.values()
    link(artifacts, sources, runs, steps["step_id"])
    interrupts["run_id"] = take(runs["run_id"], interrupts["run"])
    _complete_steps(steps, runs, artifacts)
    _complete_runs(runs, steps, artifacts, sources, interrupts)
    wanted = {
        frame: {column.name: _small(chunk[column.name], column.kind) for column in COLUMNS[frame]}
        for frame, chunk in (*chunks.items(), ("reads", runs))
    }
    locations = [location for bite in bites for location in bite.locations]
    return Batch(wanted, locations, sum(bite.n_seen for bite in bites))


def _small(values: Any, kind: Kind) -> Any:
    """Counts in the width that the frames have, as these columns wait long to be put together."""
    return values.astype(DTYPES["count"]) if kind == "count" else values


def _join(bites: Sequence[Bite]) -> dict[str, Chunk]:
    """Put the bites' columns one after the other; positions then count from the start of the batch."""
    n_before = {}
    for frame, name in _FIRST_COLUMN.items():
        sizes = [len(bite.chunks[frame][name]) for bite in bites]
        n_before[frame] = np.cumsum([0, *sizes[:-1]]).tolist()

    def joined(frame: str, name: str) -> Any:
        parts = [bite.chunks[frame][name] for bite in bites]
        if isinstance(parts[0], pa.Array):
            return pa.concat_arrays(parts)
        if name in _POSITIONS:
            before = n_before[_POSITIONS[name]]
            parts = [np.where(part < 0, part, part + n) for part, n in zip(parts, before, strict=True)]
        return np.concatenate(parts)

    return {frame: {name: joined(frame, name) for name in chunk} for frame, chunk in bites[0].chunks.items()}


def _complete_steps(steps: Chunk, runs: Chunk, artifacts: Chunk) -> None:
    """Add what follows from a step's place in the tree and in time."""
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
    """The lowest label among each run's output artifacts; a word beyond high, medium and low is lowest."""
    lowest: list[str | None] = [None] * n_runs
    rank = {word: number for number, word in enumerate(CONFIDENCES)}
    delivered: Ints = np.flatnonzero(artifacts["origin"] == OUTPUT)
    words = take(artifacts["confidence"], delivered).to_pylist()
    for run, word in zip(artifacts["run"][delivered].tolist(), words, strict=True):
        held = lowest[run]
        if word is not None and (held is None or rank.get(word, len(rank)) > rank.get(held, len(rank))):
            lowest[run] = word
    return pa.array(lowest, TEXT)
