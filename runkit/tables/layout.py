"""What a few records say: which of them are runs, their steps in tree order, and when everything was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from runkit import timing
from runkit.contract import FINAL_STATUSES, LEGACY_STATUSES, LOCAL, current_status, parse_time
from runkit.models import Run, Step, local_fields
from runkit.steptree import flatten, kind
from runkit.tables.columns import Flags, Ints, must, take
from runkit.tables.flatten import Forest, Values, plant, steps_of, values_of
from runkit.tables.problems import COSTLY, Problems
from runkit.tables.sources import Record, describe
from runkit.tables.validate import NEVER, TEXT, Columns, conform, convert, to_columns
from runkit.text import brief

Json = dict[str, Any]
# The statuses of a run that has ended, in today's and the oldest words.
FINAL = [*FINAL_STATUSES, *(old for old, new in LEGACY_STATUSES.items() if new in FINAL_STATUSES)]
_PARTS = (("steps", "a list", list), ("output", "an object", dict), ("requester", "an object", dict))


class Runs(NamedTuple):
    """The usable runs of a bite, and how many records were seen to find them."""

    records: list[Record]
    text: dict[str, pa.Array]
    time: dict[str, Ints]
    is_finished: Flags
    has_steps: Flags
    n_seen: int


class Steps(NamedTuple):
    """All steps of a bite's runs, run after run, each run in tree order.

    `run` and `parent` are positions in the bite (-1 at the top), `size` the number of steps in the subtree,
    the step included. `values` holds the fields as they came, `parent_ids` the ids by nesting.
    """

    records: list[Json]
    values: Values
    text: dict[str, pa.Array]
    time: dict[str, Ints]
    run: Ints
    parent: Ints
    depth: Ints
    size: Ints
    parent_ids: pa.Array

    @property
    def ids(self) -> pa.Array:
        """The step ids."""
        return self.text["id"]


class Spans(NamedTuple):
    """When runs and steps were, in microseconds. A run that has not started spans 0 to 0."""

    as_of: Ints
    run_start: Ints
    run_end: Ints
    start: Ints
    end: Ints


def take_runs(records: Sequence[Record], problems: Problems) -> Runs:
    """Keep the records that are usable runs; note what is wrong with each."""
    kept: list[Record] = []
    n_seen = 0
    for record in records:
        n_seen += record.problem is None or record.problem in COSTLY
        if record.problem:
            problems.add(None, record.where.at(), record.problem, record.detail)
        elif why_not := describe(record.raw):
            problems.of_run(record, "not_a_run", why_not)
        else:
            kept.append(record)
    known = [_with_local(record.raw) for record in kept]
    columns = to_columns(Run, known)
    if columns is None:  # something is unusual somewhere: look at each run by itself
        looked_at, kept, usable = kept, [], []
        for record, raw in zip(looked_at, known, strict=True):
            clean, flaws = conform(Run, raw)
            for flaw in flaws:
                problems.of_run(record, flaw.problem, flaw.detail, flaw.field)
            if clean is not None:
                kept.append(record)
                usable.append(clean)
        columns = must(to_columns(Run, usable))
    _check_parts(kept, problems)
    final = pa.compute.is_in(columns.text["status"], pa.array(FINAL, TEXT)).to_numpy(zero_copy_only=False)
    has_steps = np.array([_has_steps(record.raw) for record in kept], np.bool_)
    return Runs(kept, *columns, final, has_steps, n_seen)


def _has_steps(raw: Json) -> bool:
    """Whether the steps were delivered: without them the API's object page shows an empty list."""
    steps = raw.get("steps")
    return isinstance(steps, list) and (bool(steps) or current_status(raw.get("status")) == "running")


def _check_parts(records: Sequence[Record], problems: Problems) -> None:
    """Note each list or object of a run that is something else."""
    for record in records:
        raw = record.raw
        for field, words, expected in _PARTS:
            value = raw.get(field)
            if value is not None and not isinstance(value, expected):
                problems.of_run(record, "bad_field", f"{field}: expected {words}, found {kind(value)}", field)
        requester = raw.get("requester")
        if isinstance(requester, dict) and not isinstance(requester.get("name"), str):
            detail = f"requester.name: expected text, found {kind(requester.get('name'))}"
            problems.of_run(record, "bad_field", detail, "requester.name")


def _with_local(raw: Json) -> Json:
    """Add what runkit itself noted beside a run when it was fetched."""
    local = raw.get(LOCAL)
    if not isinstance(local, dict):
        return raw
    return raw | local_fields(local)


def lay_out_steps(runs: Runs, problems: Problems) -> Steps:
    """Lay out the steps of all runs; refuse those that are not what the contract says."""
    lists = [steps_of(record.raw) for record in runs.records]
    forest = plant(lists)
    columns = None if forest is None else convert(Step, forest.values)
    if forest is None or columns is None:  # something is unusual somewhere: look at each run by itself
        forest, columns = _walk_each(runs, lists, problems)
    if "graph" in columns.text:
        columns.text["agent"] = pa.compute.coalesce(columns.text["agent"], columns.text.pop("graph"))
    steps = Steps(
        forest.records,
        forest.values,
        *columns,
        run=np.repeat(np.arange(len(lists)), forest.per_run),
        parent=forest.parent,
        depth=forest.depth,
        size=forest.size,
        parent_ids=take(columns.text["id"], forest.parent),
    )
    _compare_parents(runs, steps, problems)
    return steps


def _walk_each(runs: Runs, lists: list[list[Any]], problems: Problems) -> tuple[Forest, Columns]:
    """Flatten each run by itself, and look at each step by itself if they do not convert as they are."""
    flats = [flatten(steps) for steps in lists]
    records = list(chain.from_iterable(flat.records for flat in flats))
    columns = convert(Step, values_of(records))
    if columns is None:
        usable: dict[int, Json] = {}
        flats = [
            flatten(steps, _acceptor(record, usable, problems))
            for record, steps in zip(runs.records, lists, strict=True)
        ]
        records = list(chain.from_iterable(flat.records for flat in flats))
        columns = must(to_columns(Step, [usable[id(step)] for step in records]))
    for record, flat in zip(runs.records, flats, strict=True):
        for note in flat.notes:
            problems.of_step(record, note.record, note.problem, note.detail)
    per_run = np.array([len(flat.records) for flat in flats], np.int64)
    inside = np.fromiter(chain.from_iterable(flat.parents for flat in flats), np.int64, len(records))
    parent = np.where(inside < 0, -1, inside + np.repeat(np.cumsum(per_run) - per_run, per_run))
    depth = np.fromiter(chain.from_iterable(flat.depths for flat in flats), np.int64, len(records))
    size = timing.subtree_sizes(parent, depth)
    return Forest(records, values_of(records), parent, depth, size, per_run), columns


def _acceptor(record: Record, usable: dict[int, Json], problems: Problems) -> Callable[[Json], bool]:
    def accept(step: Json) -> bool:
        clean, flaws = conform(Step, step)
        for flaw in flaws:
            problems.of_step(record, step, flaw.problem, flaw.detail, flaw.field)
        if clean is not None:
            usable[id(step)] = clean
        return clean is not None

    return accept


def _compare_parents(runs: Runs, steps: Steps, problems: Problems) -> None:
    """Note the steps that name another parent than the one that they are nested in."""
    named = steps.text["parent_step_id"]
    differs = pa.compute.not_equal(named, steps.parent_ids).fill_null(False).to_numpy(zero_copy_only=False)
    for position in np.flatnonzero(differs).tolist():
        detail = (
            f"it stands in {brief(steps.parent_ids[position].as_py())} and names "
            f"{brief(named[position].as_py())}; nesting wins"
        )
        record = runs.records[steps.run[position]]
        problems.of_step(record, steps.records[position], "parent_disagrees", detail, "parent_step_id")


def measure(runs: Runs, steps: Steps, as_of: int | None, problems: Problems) -> Spans:
    """When runs and steps began and ended; open ones are measured at `as_of`.

    Per run, as_of is the argument, else when the run was read, else the newest time in that run: never a
    maximum over several runs, so a run's numbers do not depend on its neighbours.
    """
    moment = _as_of(runs, steps, as_of)
    created, started, ended = (runs.time[name] for name in ("created_at", "started_at", "ended_at"))
    is_started, has_ended = started != NEVER, ended != NEVER
    last = np.where(has_ended, ended, moment)
    run_start, run_end = np.where(is_started, started, 0), np.where(is_started, np.maximum(started, last), 0)

    def note_runs(where: Flags, problem: str, detail: str, field: str) -> None:
        for number in np.flatnonzero(where).tolist():
            problems.of_run(runs.records[number], problem, detail, field)

    def note_steps(positions: Ints, problem: str, detail: str, field: str = "") -> None:
        for position in positions.tolist():
            record = runs.records[steps.run[position]]
            problems.of_step(record, steps.records[position], problem, detail, field)

    detail = "started_at lies before created_at; queued_s is null"
    note_runs(is_started & (started < created), "starts_before_created", detail, "started_at")
    detail = "ended_at lies before started_at; read as equal to it"
    note_runs(is_started & has_ended & (last < started), "ends_before_start", detail, "ended_at")

    start, completed = steps.time["started_at"], steps.time["completed_at"]
    is_closed = completed != NEVER
    end = np.where(is_closed, completed, last[steps.run])
    detail = "completed_at lies before started_at; read as equal to it"
    note_steps(np.flatnonzero(is_closed & (end < start)), "ends_before_start", detail, "completed_at")
    end = np.maximum(start, end)

    child = np.flatnonzero(steps.parent >= 0)
    outer = steps.parent[child]
    outside = child[(start[child] < start[outer]) | (end[child] > end[outer])]
    detail = "it runs outside its parent step; clipped for self time and critical path"
    note_steps(outside, "outside_parent", detail)

    top = np.flatnonzero((steps.parent < 0) & is_started[steps.run])
    of = steps.run[top]
    is_late = has_ended[of] & (end[top] > run_end[of])  # a run that goes on has no end to lie beyond
    detail = "it runs outside its run; clipped for the time budget and the critical path"
    note_steps(top[(start[top] < run_start[of]) | is_late], "outside_run", detail)
    return Spans(moment, run_start, run_end, start, end)


def _as_of(runs: Runs, steps: Steps, given: int | None) -> Ints:
    if given is not None:
        return np.full(len(runs.records), given, np.int64)
    newest = np.max(
        [runs.time[name] for name in ("created_at", "updated_at", "started_at", "ended_at")], axis=0
    )
    for name in ("started_at", "completed_at"):
        np.maximum.at(newest, steps.run, steps.time[name])
    read_at = runs.time["read_at"]
    return np.where(read_at != NEVER, read_at, newest)


def micros(when: datetime | str) -> int:
    """A time as microseconds since 1970, exactly. Raises `ValueError` for what is no time."""
    delta = parse_time(when) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
