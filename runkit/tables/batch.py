"""The columns of the six frames for a batch of records, whose JSON is dropped afterwards.

A batch is small enough that its JSON stays in the processor's cache, and large enough that calls to numpy
and Arrow cost little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from runkit import jsontext, timing
from runkit.contract import (
    CONFIDENCES,
    FINAL_STATUSES,
    LEGACY_STATUSES,
    LOCAL,
    RESOLUTIONS,
    current_status,
    local_fields,
    resolution_of,
)
from runkit.models import Run, Step
from runkit.steptree import FlatSteps, flatten, kind, link
from runkit.tables import findings
from runkit.tables.problems import Problems
from runkit.tables.schema import COLUMNS, DTYPES
from runkit.tables.sources import Record, reject_reason
from runkit.tables.validate import (
    NEVER,
    TEXT,
    Chunk,
    Columns,
    Flags,
    Ints,
    Issue,
    Json,
    Vocabulary,
    count,
    read_columns,
    seconds,
    take,
    text,
)
from runkit.text import agent_title, brief

Vocabularies = dict[str, dict[str, Vocabulary]]
_PARTS = (("steps", "a list", list), ("output", "an object", dict), ("requester", "an object", dict))
_NO_TIMES = np.zeros(0, np.int64)


class Batch(NamedTuple):
    """The columns of each frame, and of each run its location in the source."""

    chunks: dict[str, Chunk]
    locations: list[str]


class Runs(NamedTuple):
    """The valid runs of a batch. Times are in microseconds; a run that has not started spans 0 to 0."""

    records: list[Record]
    text: dict[str, pa.Array]
    time: dict[str, Ints]
    is_finished: Flags
    has_steps: Flags
    as_of: Ints = _NO_TIMES
    start: Ints = _NO_TIMES
    end: Ints = _NO_TIMES


class Steps(NamedTuple):
    """The steps of a batch, each run in tree order. `run` and `parent` are positions, -1 at the top."""

    records: list[Json]
    text: dict[str, pa.Array]
    time: dict[str, Ints]
    run: Ints
    parent: Ints
    depth: Ints
    start: Ints = _NO_TIMES
    end: Ints = _NO_TIMES


def read_batch(
    records: Sequence[Record], as_of: int | None, words: Vocabularies, problems: Problems
) -> Batch:
    """Read a batch of records. `as_of` is in microseconds, or None for each run's own."""
    runs = read_runs(records, problems)
    steps = _read_steps(runs, problems)
    runs, steps = _measure(runs, steps, as_of, problems)
    interrupts = np.flatnonzero(_is(steps.text["type"], "interrupt")).tolist()
    resolutions = {position: resolution_of(steps.records[position]) for position in interrupts}
    questions = findings.read_questions(runs, steps, resolutions, problems)
    lists = findings.collect_lists(runs, steps, questions)
    artifacts, sources = findings.artifact_columns(lists, runs, steps, problems)
    chunks = {
        "steps": _step_columns(runs, steps, resolutions, artifacts, problems),
        "artifacts": artifacts,
        "sources": sources,
        "interrupts": findings.interrupt_columns(questions, runs.text["id"], steps),
    }
    n_rows = {f"n_{name}": count(chunk["run"], len(runs.records)) for name, chunk in chunks.items()}
    chunks["runs"] = _run_columns(runs, chunks) | _budget(runs, steps, resolutions) | n_rows
    _encode(chunks, words, runs, steps, problems)
    chunks["reads"] = chunks["runs"]
    problems.paths.clear()
    small = {
        frame: {column.name: _small(chunk[column.name], column.kind == "count") for column in COLUMNS[frame]}
        for frame, chunk in chunks.items()
    }
    return Batch(small, [record.location.at() for record in runs.records])


def _small(values: Any, is_count: bool) -> Any:
    """Store counts in the width of the frames, as batches stay in memory until all are read."""
    return values.astype(DTYPES["count"]) if is_count else values


# -------------------------------------------------------------------------------------------------- runs


def read_runs(records: Sequence[Record], problems: Problems) -> Runs:
    """Keep the records that are valid runs, and note all problems."""
    valid: list[Record] = []
    for record in records:
        if record.problem:
            problems.add(record.raw, record.location.at(), record.problem, record.detail)
        elif reason := reject_reason(record.raw):
            problems.add_for_run(record, "not_a_run", reason)
        else:
            valid.append(record)
    raws = [record.raw | local_fields(record.raw) if LOCAL in record.raw else record.raw for record in valid]

    def note(position: int, issue: Issue) -> None:
        problems.add_for_run(valid[position], issue.problem, issue.detail, issue.field)

    columns, kept = read_columns(Run, raws, note)
    valid = [valid[position] for position in kept.tolist()]
    for record in valid:
        _check_parts(record, problems)
    statuses = map(current_status, columns.text["status"].to_pylist())
    is_finished = np.array([status in FINAL_STATUSES for status in statuses], np.bool_)
    has_steps = np.array([_has_steps(record.raw) for record in valid], np.bool_)
    return Runs(valid, *columns, is_finished, has_steps)


def _has_steps(raw: Json) -> bool:
    """Whether the steps were delivered: the API sends an empty list when they are left out."""
    steps = raw.get("steps")
    return isinstance(steps, list) and (bool(steps) or current_status(raw.get("status")) == "running")


def _check_parts(record: Record, problems: Problems) -> None:
    """Note each list or object of a run that has another type."""
    for field, words, expected in _PARTS:
        value = record.raw.get(field)
        if value is not None and not isinstance(value, expected):
            detail = f"{field}: expected {words}, found {kind(value)}"
            problems.add_for_run(record, "bad_field", detail, field)
    requester = record.raw.get("requester")
    if isinstance(requester, dict) and not isinstance(requester.get("name"), str):
        detail = f"requester.name: expected text, found {kind(requester.get('name'))}"
        problems.add_for_run(record, "bad_field", detail, "requester.name")


# ------------------------------------------------------------------------------------------------- steps


def _read_steps(runs: Runs, problems: Problems) -> Steps:
    """Flatten the steps of all runs, and leave out invalid ones and duplicates."""
    flats = [flatten(record.raw.get("steps")) for record in runs.records]
    records = list(chain.from_iterable(flat.records for flat in flats))
    run, first = _ranges(flats)

    def note(position: int, issue: Issue) -> None:
        record = runs.records[run[position]]
        problems.add_for_step(record, records[position], issue.problem, issue.detail, issue.field)

    columns, kept = read_columns(Step, records, note)
    if not pc.all(pc.is_null(columns.text["graph"])).as_py():
        columns.text["agent"] = pc.coalesce(columns.text["agent"], columns.text["graph"])
    refused: dict[int, set[int]] = defaultdict(set)
    for position in set(range(len(records))).difference(kept.tolist()) if len(kept) < len(records) else ():
        refused[int(run[position])].add(position - int(first[run[position]]))
    trees = [link(flat, refused.get(number, frozenset())) for number, flat in enumerate(flats)]
    if any(tree is not flat for tree, flat in zip(trees, flats, strict=True)):
        for record, tree in zip(runs.records, trees, strict=True):
            for problem in tree.notes:
                problems.add_for_step(record, problem.record, problem.problem, problem.detail)
        records = list(chain.from_iterable(tree.records for tree in trees))
        run, first_linked = _ranges(trees)
        origins = _concatenated([tree.origins for tree in trees]) + first[run]
        columns, first = _take(columns, np.searchsorted(kept, origins)), first_linked
    parent = _concatenated([tree.parents for tree in trees])
    parent = np.where(parent < 0, -1, parent + first[run])
    steps = Steps(records, *columns, run, parent, _concatenated([tree.depths for tree in trees]))
    _compare_parents(runs, steps, problems)
    return steps


def _ranges(trees: Sequence[FlatSteps]) -> tuple[Ints, Ints]:
    """Return the run of each step, and the position of each run's first step."""
    sizes = np.array([len(tree.records) for tree in trees], np.int64)
    return np.repeat(np.arange(len(trees)), sizes), np.cumsum(sizes) - sizes


def _concatenated(lists: Sequence[Sequence[int]]) -> Ints:
    return np.fromiter(chain.from_iterable(lists), np.int64)


def _take(columns: Columns, at: Ints) -> Columns:
    texts = {name: take(values, at) for name, values in columns.text.items()}
    return Columns(texts, {name: values[at] for name, values in columns.time.items()})


def _compare_parents(runs: Runs, steps: Steps, problems: Problems) -> None:
    """Note steps whose `parent_step_id` is not the step that they are nested in."""
    parent_ids, nested_in = steps.text["parent_step_id"], take(steps.text["id"], steps.parent)
    differs = pc.not_equal(parent_ids, nested_in).fill_null(False).to_numpy(zero_copy_only=False)
    for position in np.flatnonzero(differs).tolist():
        detail = (
            f"nested in {brief(nested_in[position].as_py())} but parent_step_id is "
            f"{brief(parent_ids[position].as_py())}; nesting wins"
        )
        record = runs.records[steps.run[position]]
        problems.add_for_step(record, steps.records[position], "parent_disagrees", detail, "parent_step_id")


# ------------------------------------------------------------------------------------------------- times


def _measure(runs: Runs, steps: Steps, as_of: int | None, problems: Problems) -> tuple[Runs, Steps]:
    """Add start and end of runs and steps; open ones end at `as_of`."""
    moment = _as_of(runs, steps, as_of)
    started, ended = runs.time["started_at"], runs.time["ended_at"]
    is_started, has_ended = started != NEVER, ended != NEVER
    last = np.where(has_ended, ended, moment)
    run_start, run_end = np.where(is_started, started, 0), np.where(is_started, np.maximum(started, last), 0)

    def note_runs(where: Flags, problem: str, detail: str, field: str) -> None:
        for number in np.flatnonzero(where).tolist():
            problems.add_for_run(runs.records[number], problem, detail, field)

    def note_steps(where: Flags, problem: str, detail: str, field: str = "") -> None:
        for position in np.flatnonzero(where).tolist():
            record = runs.records[steps.run[position]]
            problems.add_for_step(record, steps.records[position], problem, detail, field)

    is_early = is_started & (started < runs.time["created_at"])
    detail = "started_at is before created_at; queued_s is null"
    note_runs(is_early, "starts_before_created", detail, "started_at")
    detail = "ended_at is before started_at; read as equal to it"
    note_runs(is_started & has_ended & (last < started), "ends_before_start", detail, "ended_at")

    start, completed = steps.time["started_at"], steps.time["completed_at"]
    is_closed = completed != NEVER
    end = np.where(is_closed, completed, last[steps.run])
    detail = "completed_at is before started_at; read as equal to it"
    note_steps(is_closed & (end < start), "ends_before_start", detail, "completed_at")
    end = np.maximum(start, end)
    is_inner = steps.parent >= 0  # for a top-level step, -1 is any other one
    is_outside = is_inner & ((start < start[steps.parent]) | (end > end[steps.parent]))
    detail = "runs outside its parent step; clipped for self time and critical path"
    note_steps(is_outside, "outside_parent", detail)
    is_late = has_ended[steps.run] & (end > run_end[steps.run])  # an open run has no end yet
    is_outside = (start < run_start[steps.run]) | is_late
    detail = "runs outside its run; clipped for the time budget and the critical path"
    note_steps(~is_inner & is_started[steps.run] & is_outside, "outside_run", detail)
    return (
        runs._replace(as_of=moment, start=run_start, end=run_end),
        steps._replace(start=start, end=end),
    )


def _as_of(runs: Runs, steps: Steps, as_of: int | None) -> Ints:
    """Give the time up to which each run is measured: the argument, else when it was read, else its newest.

    It is never a maximum over several runs, so that a run's numbers do not depend on the other runs.
    """
    if as_of is not None:
        return np.full(len(runs.records), as_of, np.int64)
    names = ("created_at", "updated_at", "started_at", "ended_at")
    newest = np.max([runs.time[name] for name in names], axis=0)
    for name in ("started_at", "completed_at"):
        np.maximum.at(newest, steps.run, steps.time[name])
    read_at = runs.time["read_at"]
    return np.where(read_at != NEVER, read_at, newest)


# ----------------------------------------------------------------------------------------------- columns


def _step_columns(
    runs: Runs, steps: Steps, resolutions: dict[int, str | None], artifacts: Chunk, problems: Problems
) -> Chunk:
    run, parent, start, end = steps.run, steps.parent, steps.start, steps.end
    n = len(run)
    order = np.arange(n) - np.searchsorted(run, np.arange(len(runs.records)))[run]
    path = timing.critical_path(start, end, parent, steps.depth, run, runs.start, runs.end)
    return {
        "run": run,
        "run_id": take(runs.text["id"], run),
        "step_id": steps.text["id"],
        "parent_step_id": take(steps.text["id"], parent),
        "order": order,
        "subtree_end": order + timing.subtree_sizes(parent, steps.depth),
        "depth": steps.depth,
        **{name: steps.text[name] for name in ("agent", "type", "name", "label", "status")},
        "started_at": start,
        "completed_at": np.where(steps.time["completed_at"] == NEVER, NEVER, end),
        "is_open": steps.time["completed_at"] == NEVER,
        "duration_s": seconds(end - start),
        "self_s": seconds(timing.self_time(start, end, parent)),
        "is_critical": path.is_on,
        "critical_s": seconds(path.length),
        "resolution": text(map(resolutions.get, range(n))) if resolutions else pa.nulls(n, TEXT),
        "n_children": count(parent, n),
        "n_artifacts": count(artifacts["step"], n),
        "result": _results(runs, steps, problems),
    }


def _results(runs: Runs, steps: Steps, problems: Problems) -> pa.Array:
    """Return the payloads as compact JSON, uncut."""
    payloads = [step.get("result") for step in steps.records]
    if not set(map(type, payloads)) <= {dict, NoneType}:
        for position, payload in enumerate(payloads):
            if not isinstance(payload, dict | NoneType):
                record = runs.records[steps.run[position]]
                detail = f"result: expected an object, found {kind(payload)}"
                problems.add_for_step(record, steps.records[position], "unknown_value", detail, "result")
    try:  # decoded at once: orjson's buffers of 1 kB each, kept for all steps, take 15 times as long
        return text(
            orjson.dumps(value).decode() if value else None if value is None else "{}" for value in payloads
        )
    except orjson.JSONEncodeError:  # one is deeper than orjson writes
        return text(None if value is None else jsontext.dumps(value) for value in payloads)


def _run_columns(runs: Runs, chunks: dict[str, Chunk]) -> Chunk:
    started, ended = runs.time["started_at"], runs.time["ended_at"]
    is_started, n = started != NEVER, len(runs.records)
    queued = runs.start - runs.time["created_at"]
    types = runs.text["agent"].dictionary_encode()
    titles = pa.array([agent_title(word) for word in types.dictionary.to_pylist()], TEXT)
    requesters = [record.raw.get("requester") for record in runs.records]
    steps, interrupts = chunks["steps"], chunks["interrupts"]
    return {
        **runs.text,
        **runs.time,
        "run_id": runs.text["id"],
        "agent_name": pc.coalesce(runs.text["agent_name"], titles.take(types.indices)),
        "requester": text(who.get("name") if isinstance(who, dict) else None for who in requesters),
        "ended_at": np.where(ended == NEVER, NEVER, np.maximum(ended, started)),
        "as_of": runs.as_of,
        "queued_s": seconds(queued, is_started & (queued >= 0)),
        "duration_s": seconds(runs.end - runs.start, is_started),
        "has_steps": runs.has_steps,
        "n_errors": count(steps["run"][_is(steps["type"], "error")], n),
        "n_pending": count(interrupts["run"][_is(interrupts["outcome"], findings.PENDING)], n),
        "confidence": _lowest_confidence(chunks["artifacts"], n),
    }


def _is(values: pa.Array, word: str) -> Flags:
    flags: Flags = pc.equal(values, word).fill_null(False).to_numpy(zero_copy_only=False)
    return flags


def _budget(runs: Runs, steps: Steps, resolutions: dict[int, str | None]) -> Chunk:
    """Split each run's time: waiting for a reviewer, working (a leaf is open), or idle."""
    is_waiting, is_leaf = np.zeros(len(steps.run), np.bool_), count(steps.parent, len(steps.run)) == 0
    for position, resolution in resolutions.items():
        is_leaf[position] = resolution in RESOLUTIONS  # the policy settled it: it is a leaf
        is_waiting[position] = resolution not in RESOLUTIONS
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
    return {f"{name}_s": seconds(micros, is_known) for name, micros in budget._asdict().items()}


def _lowest_confidence(artifacts: Chunk, n_runs: int) -> pa.Array:
    """Return the lowest confidence of each run's output artifacts; unknown words rank below low."""
    lowest: list[str | None] = [None] * n_runs
    rank = {None: -1} | {word: number for number, word in enumerate(CONFIDENCES)}
    outputs: Ints = np.flatnonzero(artifacts["origin"] == findings.OUTPUT)
    words = take(artifacts["confidence"], outputs).to_pylist()
    for run, word in zip(artifacts["run"][outputs].tolist(), words, strict=True):
        if rank.get(word, len(rank)) > rank.get(lowest[run], len(rank)):
            lowest[run] = word
    return pa.array(lowest, TEXT)


def _encode(
    chunks: dict[str, Chunk], words: Vocabularies, runs: Runs, steps: Steps, problems: Problems
) -> None:
    """Encode the category columns as codes, and note unknown words."""
    for frame, name in (
        ("runs", "status"),
        *(("steps", name) for name in ("type", "status", "resolution")),
        *(("interrupts", name) for name in ("kind", "outcome", "decision")),
    ):
        vocabulary = words[frame][name]
        values = chunks[frame][name]
        codes = vocabulary.encode(values, LEGACY_STATUSES if name == "status" else {})
        chunks[frame][name] = codes
        for row in np.flatnonzero(codes >= vocabulary.n_known).tolist():
            word = brief(values[row].as_py())
            detail = f"{name}: {word} is not in the API's documentation; kept as is"
            if frame == "runs":
                problems.add_for_run(runs.records[row], "unknown_value", detail, name)
            else:
                record = runs.records[steps.run[row]]
                problems.add_for_step(record, steps.records[row], "unknown_value", detail, name)
