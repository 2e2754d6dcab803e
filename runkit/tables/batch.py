"""The six frames as Arrow tables for a batch of records, whose JSON is dropped afterwards.

A batch is small enough that its JSON stays in the processor's cache, and large enough that calls to numpy
and Arrow cost little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from runkit import jsontext, timing
from runkit.contract import CONFIDENCES, LOCAL, RESOLUTIONS, Json, current_status, local_fields, resolution_of
from runkit.models import Run, Step
from runkit.steptree import FlatSteps, flatten, kind, link
from runkit.tables import findings
from runkit.tables.problems import Problems
from runkit.tables.schema import COLUMNS
from runkit.tables.sources import Record, reject_reason
from runkit.tables.validate import NEVER, Chunk, count, is_word, map_words, read_columns, take, text, to_arrow
from runkit.text import agent_title, brief
from runkit.timing import Flags, Ints

_PARTS = (("steps", list), ("output", dict), ("requester", dict))
_NO_TIMES = np.zeros(0, np.int64)


class Runs(NamedTuple):
    """The valid runs of a batch. Times are in microseconds; a run that has not started spans 0 to 0."""

    problems: Problems
    records: list[Record]
    text: dict[str, pa.Array]
    time: dict[str, Ints]
    has_steps: Flags
    as_of: Ints = _NO_TIMES
    start: Ints = _NO_TIMES
    end: Ints = _NO_TIMES

    def note(self, at: int | Ints, problem: str, detail: str, field: str = "") -> None:
        """Note a problem of the run, or runs, at some position."""
        for position in np.atleast_1d(at):
            self.problems.add(self.records[position], problem, detail, field)


class Steps(NamedTuple):
    """The steps of a batch, each run in tree order. `run` and `parent` are positions, -1 at the top."""

    runs: Runs
    records: list[Json]
    run: Ints
    parent: Ints
    depth: Ints
    text: dict[str, pa.Array]
    time: dict[str, Ints]
    start: Ints = _NO_TIMES
    end: Ints = _NO_TIMES

    def note(self, at: int | Ints, problem: str, detail: str, field: str = "") -> None:
        """Note a problem of the step, or steps, at some position."""
        for position in np.atleast_1d(at):
            record = self.runs.records[self.run[position]]
            self.runs.problems.add(record, problem, detail, field, self.records[position])


def read_batch(records: Sequence[Record], as_of: int | None, problems: Problems) -> dict[str, pa.Table]:
    """Read a batch of records. `as_of` is in microseconds, or None for each run's own.

    The table of runs has their location in the source, too.
    """
    steps = _measure(_read_steps(read_runs(records, problems)), as_of)
    runs = steps.runs
    questions = findings.read_questions(steps)
    artifacts, sources = findings.artifact_columns(findings.collect_lists(steps, questions), steps)
    chunks = {
        "steps": _step_columns(steps, artifacts),
        "artifacts": artifacts,
        "sources": sources,
        "interrupts": findings.interrupt_columns(questions, steps),
    }
    n_rows = {f"n_{name}": count(chunk["run"], len(runs.records)) for name, chunk in chunks.items()}
    chunks["runs"] = _run_columns(runs, chunks) | _budget(steps) | n_rows
    chunks["reads"] = chunks["runs"]
    for frame, noted in (("runs", runs), ("steps", steps)):
        _note_unknown_words(frame, chunks[frame], noted)
    problems.owners.clear()
    tables = {frame: to_arrow(frame, columns) for frame, columns in chunks.items()}
    locations = text(record.location for record in runs.records)
    return tables | {"runs": tables["runs"].append_column("location", locations)}


# -------------------------------------------------------------------------------------------------- runs


def read_runs(records: Sequence[Record], problems: Problems) -> Runs:
    """Keep the records that are valid runs, and note all problems."""
    valid: list[Record] = []
    for record in records:
        if record.problem:
            problems.add(record, record.problem, record.detail)
        elif reason := reject_reason(record.raw):
            problems.add(record, "not_a_run", reason)
        else:
            valid.append(record)
    raws = [record.raw | local_fields(record.raw) if LOCAL in record.raw else record.raw for record in valid]

    def note(position: int, problem: str, detail: str, field: str) -> None:
        problems.add(valid[position], problem, detail, field)

    columns, kept = read_columns(Run, raws, note)
    columns.text["status"] = map_words(columns.text["status"], current_status)
    valid = [valid[position] for position in kept.tolist()]
    for record in valid:
        _check_parts(record, problems)
    has_steps = np.array([_has_steps(record.raw) for record in valid], np.bool_)
    return Runs(problems, valid, *columns, has_steps)


def _has_steps(raw: Json) -> bool:
    """Whether the steps were delivered: the API sends an empty list when they are left out."""
    steps = raw.get("steps")
    return isinstance(steps, list) and (bool(steps) or current_status(raw.get("status")) == "running")


def _check_parts(record: Record, problems: Problems) -> None:
    """Note each list or object of a run that has another type."""
    for field, expected in _PARTS:
        value = record.raw.get(field)
        if not isinstance(value, expected | None):
            detail = f"{field}: expected {kind(expected())}, found {kind(value)}"
            problems.add(record, "bad_field", detail, field)
    requester = record.raw.get("requester")
    if isinstance(requester, dict) and not isinstance(requester.get("name"), str):
        detail = f"requester.name: expected text, found {kind(requester.get('name'))}"
        problems.add(record, "bad_field", detail, "requester.name")


# ------------------------------------------------------------------------------------------------- steps


def _read_steps(runs: Runs) -> Steps:
    """Flatten the steps of all runs, and leave out invalid ones and duplicates."""
    flats = [flatten(record.raw.get("steps")) for record in runs.records]
    steps = _concatenated(runs, flats)
    first = np.searchsorted(steps.run, np.arange(len(flats)))
    columns, kept = read_columns(Step, steps.records, steps.note)
    columns.text["agent"] = pc.coalesce(columns.text["agent"], columns.text.pop("graph"))
    columns.text["status"] = map_words(columns.text["status"], current_status)
    refused: dict[int, set[int]] = defaultdict(set)
    for position in np.setdiff1d(np.arange(len(steps.records)), kept):
        refused[int(steps.run[position])].add(int(position - first[steps.run[position]]))
    trees = [link(flat, refused.get(number, frozenset())) for number, flat in enumerate(flats)]
    steps = _concatenated(runs, trees)
    if any(tree is not flat for tree, flat in zip(trees, flats, strict=True)):
        for record, tree in zip(runs.records, trees, strict=True):
            for problem in tree.notes:
                runs.problems.add(record, problem.problem, problem.detail, step=problem.record)
        at = np.searchsorted(kept, _chained(tree.origins for tree in trees) + first[steps.run])
        texts = {name: take(values, at) for name, values in columns.text.items()}
        times = {name: values[at] for name, values in columns.time.items()}
        columns = columns._replace(text=texts, time=times)
    asks = is_word(columns.text["type"], "interrupt").tolist()
    resolutions = (resolution_of(one) if ask else None for one, ask in zip(steps.records, asks, strict=True))
    columns.text["resolution"] = text(resolutions)
    steps = steps._replace(text=columns.text, time=columns.time)
    _compare_parents(steps)
    return steps


def _concatenated(runs: Runs, trees: Sequence[FlatSteps]) -> Steps:
    """Join the steps of all runs, without their columns."""
    sizes = np.array([len(tree.records) for tree in trees], np.int64)
    run, first = np.repeat(np.arange(len(trees)), sizes), np.cumsum(sizes) - sizes
    records = list(chain.from_iterable(tree.records for tree in trees))
    parent = _chained(tree.parents for tree in trees)
    parent = np.where(parent < 0, -1, parent + first[run])
    return Steps(runs, records, run, parent, _chained(tree.depths for tree in trees), {}, {})


def _chained(lists: Iterable[Sequence[int]]) -> Ints:
    return np.fromiter(chain.from_iterable(lists), np.int64)


def _compare_parents(steps: Steps) -> None:
    """Note steps whose `parent_step_id` is not the step that they are nested in."""
    named, nested_in = steps.text["parent_step_id"], take(steps.text["id"], steps.parent)
    differs = pc.not_equal(named, nested_in).fill_null(False).to_numpy(zero_copy_only=False)
    for position in np.flatnonzero(differs).tolist():
        parent, other = (brief(values[position].as_py()) for values in (nested_in, named))
        detail = f"nested in {parent} but parent_step_id is {other}; nesting wins"
        steps.note(position, "parent_disagrees", detail, "parent_step_id")


# ------------------------------------------------------------------------------------------------- times


def _measure(steps: Steps, as_of: int | None) -> Steps:
    """Add start and end of runs and steps; open ones end at `as_of`."""
    runs, moment = steps.runs, _as_of(steps, as_of)
    started, ended = runs.time["started_at"], runs.time["ended_at"]
    is_started, has_ended = started != NEVER, ended != NEVER
    last = np.where(has_ended, ended, moment)
    run_start, run_end = np.where(is_started, started, 0), np.where(is_started, np.maximum(started, last), 0)

    is_early = np.flatnonzero(is_started & (started < runs.time["created_at"]))
    detail = "started_at is before created_at; queued_s is null"
    runs.note(is_early, "starts_before_created", detail, "started_at")
    is_negative = np.flatnonzero(is_started & has_ended & (last < started))
    detail = "ended_at is before started_at; read as equal to it"
    runs.note(is_negative, "ends_before_start", detail, "ended_at")

    start, completed = steps.time["started_at"], steps.time["completed_at"]
    is_closed = completed != NEVER
    end = np.where(is_closed, completed, last[steps.run])
    detail = "completed_at is before started_at; read as equal to it"
    is_negative = np.flatnonzero(is_closed & (end < start))
    steps.note(is_negative, "ends_before_start", detail, "completed_at")
    end = np.maximum(start, end)
    is_inner = steps.parent >= 0  # for a top-level step, -1 is any other one
    is_outside = is_inner & ((start < start[steps.parent]) | (end > end[steps.parent]))
    detail = "runs outside its parent step; clipped for self time and critical path"
    steps.note(np.flatnonzero(is_outside), "outside_parent", detail)
    is_late = has_ended[steps.run] & (end > run_end[steps.run])  # an open run has no end yet
    is_outside = is_started[steps.run] & ((start < run_start[steps.run]) | is_late)
    detail = "runs outside its run; clipped for the time budget and the critical path"
    steps.note(np.flatnonzero(~is_inner & is_outside), "outside_run", detail)
    runs = runs._replace(as_of=moment, start=run_start, end=run_end)
    return steps._replace(runs=runs, start=start, end=end)


def _as_of(steps: Steps, as_of: int | None) -> Ints:
    """Give the time up to which each run is measured: the argument, else when it was read, else its newest.

    It is never a maximum over several runs, so that a run's numbers do not depend on the other runs.
    """
    time = steps.runs.time
    if as_of is not None:
        return np.full_like(time["created_at"], as_of)
    newest = np.max([time[name] for name in ("created_at", "updated_at", "started_at", "ended_at")], axis=0)
    for name in ("started_at", "completed_at"):
        np.maximum.at(newest, steps.run, steps.time[name])
    read_at = time["read_at"]
    return np.where(read_at != NEVER, read_at, newest)


# ----------------------------------------------------------------------------------------------- columns


def _step_columns(steps: Steps, artifacts: Chunk) -> Chunk:
    runs, run, parent, start, end = steps.runs, steps.run, steps.parent, steps.start, steps.end
    n = len(run)
    order = np.arange(n) - np.searchsorted(run, np.arange(len(runs.records)))[run]
    path = timing.critical_path(start, end, parent, steps.depth, run, runs.start, runs.end)
    is_open = steps.time["completed_at"] == NEVER
    return steps.text | {
        "run": run,
        "run_id": take(runs.text["id"], run),
        "step_id": steps.text["id"],
        "parent_step_id": take(steps.text["id"], parent),
        "order": order,
        "subtree_end": order + timing.subtree_sizes(parent, steps.depth),
        "depth": steps.depth,
        "started_at": start,
        "completed_at": np.where(is_open, NEVER, end),
        "is_open": is_open,
        "duration_s": end - start,
        "self_s": timing.self_time(start, end, parent),
        "is_critical": path.is_on,
        "critical_s": path.length,
        "n_children": count(parent, n),
        "n_artifacts": count(artifacts["step"], n),
        "result": _results(steps),
    }


def _results(steps: Steps) -> pa.Array:
    """Return the payloads as compact JSON, uncut."""
    payloads = [step.get("result") for step in steps.records]
    for position, payload in enumerate(payloads):
        if not isinstance(payload, dict | None):
            detail = f"result: expected an object, found {kind(payload)}"
            steps.note(position, "unknown_value", detail, "result")
    try:  # decoded at once: orjson's buffers of 1 kB each, kept for all steps, take 15 times as long
        return text(None if value is None else orjson.dumps(value).decode() for value in payloads)
    except orjson.JSONEncodeError:  # one is deeper than orjson writes
        return text(None if value is None else jsontext.dumps(value) for value in payloads)


def _run_columns(runs: Runs, chunks: dict[str, Chunk]) -> Chunk:
    started, ended = runs.time["started_at"], runs.time["ended_at"]
    is_started, n = started != NEVER, len(runs.records)
    queued = runs.start - runs.time["created_at"]
    requesters = [record.raw.get("requester") for record in runs.records]
    steps, interrupts, artifacts = chunks["steps"], chunks["interrupts"], chunks["artifacts"]
    is_output = is_word(artifacts["origin"], findings.OUTPUT)
    confidences = take(artifacts["confidence"], np.flatnonzero(is_output))
    return {
        **runs.text,
        **runs.time,
        "run_id": runs.text["id"],
        "agent_name": pc.coalesce(runs.text["agent_name"], map_words(runs.text["agent"], agent_title)),
        "requester": text(who.get("name") if isinstance(who, dict) else None for who in requesters),
        "ended_at": np.where(ended == NEVER, NEVER, np.maximum(ended, started)),
        "as_of": runs.as_of,
        "queued_s": np.where(is_started & (queued >= 0), queued, NEVER),
        "duration_s": np.where(is_started, runs.end - runs.start, NEVER),
        "has_steps": runs.has_steps,
        "n_errors": count(steps["run"][is_word(steps["type"], "error")], n),
        "n_pending": count(interrupts["run"][is_word(interrupts["outcome"], findings.PENDING)], n),
        "confidence": findings.extreme_word(artifacts["run"][is_output], confidences, n, CONFIDENCES, "max"),
    }


def _budget(steps: Steps) -> Chunk:
    """Split each run's time: waiting for a reviewer, working (a leaf is open), or idle."""
    runs, n = steps.runs, len(steps.run)
    is_interrupt = is_word(steps.text["type"], "interrupt")
    is_settled = is_word(steps.text["resolution"], *RESOLUTIONS)  # by the policy: it is a leaf
    is_waiting = is_interrupt & ~is_settled
    is_leaf = np.where(is_interrupt, is_settled, count(steps.parent, n) == 0)
    budget = timing.budget(
        steps.run,
        steps.start,
        steps.end,
        is_waiting=is_waiting,
        is_leaf=is_leaf,
        run_start=runs.start,
        run_end=runs.end,
    )
    is_known = (runs.time["started_at"] != NEVER) & runs.has_steps
    return {f"{name}_s": np.where(is_known, micros, NEVER) for name, micros in budget._asdict().items()}


def _note_unknown_words(frame: str, columns: Chunk, noted: Runs | Steps) -> None:
    """Note the words of a category that the API's documentation does not have."""
    for name, words in ((column.name, column.words) for column in COLUMNS[frame] if column.words):
        values = columns[name]
        is_known = is_word(values, *words) | values.is_null().to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(~is_known).tolist():
            detail = f"{name}: {brief(values[row].as_py())} is not in the API's documentation; kept as is"
            noted.note(row, "unknown_value", detail, name)
