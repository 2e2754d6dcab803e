"""Read a batch of records: valid runs, their steps in tree order, and start and end times."""

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
from runkit.tables.columns import Flags, Ints, checked, take
from runkit.tables.flatten import StepTrees, Values, flatten_nested, steps_of, values_of
from runkit.tables.problems import ERRORS, Problems
from runkit.tables.sources import Record, reject_reason
from runkit.tables.validate import NEVER, TEXT, Columns, records_to_arrow, to_arrow, validate
from runkit.text import brief

Json = dict[str, Any]
# The final statuses of a run, in today's words and in those of the first documentation.
FINAL = [*FINAL_STATUSES, *(old for old, new in LEGACY_STATUSES.items() if new in FINAL_STATUSES)]
_PARTS = (("steps", "a list", list), ("output", "an object", dict), ("requester", "an object", dict))


class Runs(NamedTuple):
    """The valid runs of a batch, and the number of records read."""

    records: list[Record]
    text: dict[str, pa.Array]
    time: dict[str, Ints]
    is_finished: Flags
    has_steps: Flags
    n_seen: int


class Steps(NamedTuple):
    """All steps of a batch's runs, each run in tree order.

    `run` and `parent` are positions in the batch (-1 at the top), `size` the number of steps in the subtree,
    the step included. `values` holds the raw fields, `parent_ids` the parents by nesting.
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
    """Start and end of runs and steps, in microseconds. A run that has not started spans 0 to 0."""

    as_of: Ints
    run_start: Ints
    run_end: Ints
    start: Ints
    end: Ints


def read_runs(records: Sequence[Record], problems: Problems) -> Runs:
    """Keep the records that are valid runs, and note all problems."""
    valid: list[Record] = []
    n_seen = 0
    for record in records:
        n_seen += record.problem is None or record.problem in ERRORS
        if record.problem:
            problems.add(None, record.location.at(), record.problem, record.detail)
        elif reason := reject_reason(record.raw):
            problems.add_for_run(record, "not_a_run", reason)
        else:
            valid.append(record)
    raws = [_with_local(record.raw) for record in valid]
    columns = records_to_arrow(Run, raws)
    if columns is None:  # some value is unusual: validate each run by itself
        candidates, valid, usable = valid, [], []
        for record, raw in zip(candidates, raws, strict=True):
            clean, issues = validate(Run, raw)
            for issue in issues:
                problems.add_for_run(record, issue.problem, issue.detail, issue.field)
            if clean is not None:
                valid.append(record)
                usable.append(clean)
        columns = checked(records_to_arrow(Run, usable))
    _check_parts(valid, problems)
    final = pa.compute.is_in(columns.text["status"], pa.array(FINAL, TEXT)).to_numpy(zero_copy_only=False)
    has_steps = np.array([_has_steps(record.raw) for record in valid], np.bool_)
    return Runs(valid, *columns, final, has_steps, n_seen)


def _has_steps(raw: Json) -> bool:
    """Whether the steps were delivered: the API sends an empty list when they are left out."""
    steps = raw.get("steps")
    return isinstance(steps, list) and (bool(steps) or current_status(raw.get("status")) == "running")


def _check_parts(records: Sequence[Record], problems: Problems) -> None:
    """Note each list or object of a run that has another type."""
    for record in records:
        raw = record.raw
        for field, words, expected in _PARTS:
            value = raw.get(field)
            if value is not None and not isinstance(value, expected):
                problems.add_for_run(
                    record, "bad_field", f"{field}: expected {words}, found {kind(value)}", field
                )
        requester = raw.get("requester")
        if isinstance(requester, dict) and not isinstance(requester.get("name"), str):
            detail = f"requester.name: expected text, found {kind(requester.get('name'))}"
            problems.add_for_run(record, "bad_field", detail, "requester.name")


def _with_local(raw: Json) -> Json:
    """Add what runkit stored with a run when it was fetched."""
    local = raw.get(LOCAL)
    if not isinstance(local, dict):
        return raw
    return raw | local_fields(local)


def read_steps(runs: Runs, problems: Problems) -> Steps:
    """Flatten the steps of all runs and leave out invalid ones."""
    lists = [steps_of(record.raw) for record in runs.records]
    trees = flatten_nested(lists)
    columns = None if trees is None else to_arrow(Step, trees.values)
    if trees is None or columns is None:  # some value is unusual: flatten each run by itself
        trees, columns = _walk_each(runs, lists, problems)
    if "graph" in columns.text:
        columns.text["agent"] = pa.compute.coalesce(columns.text["agent"], columns.text.pop("graph"))
    steps = Steps(
        trees.records,
        trees.values,
        *columns,
        run=np.repeat(np.arange(len(lists)), trees.per_run),
        parent=trees.parent,
        depth=trees.depth,
        size=trees.size,
        parent_ids=take(columns.text["id"], trees.parent),
    )
    _compare_parents(runs, steps, problems)
    return steps


def _walk_each(runs: Runs, lists: list[list[Any]], problems: Problems) -> tuple[StepTrees, Columns]:
    """Flatten each run by itself, and validate each step if they do not convert."""
    flats = [flatten(steps) for steps in lists]
    records = list(chain.from_iterable(flat.records for flat in flats))
    columns = to_arrow(Step, values_of(records))
    if columns is None:
        usable: dict[int, Json] = {}
        flats = [
            flatten(steps, _validator(record, usable, problems))
            for record, steps in zip(runs.records, lists, strict=True)
        ]
        records = list(chain.from_iterable(flat.records for flat in flats))
        columns = checked(records_to_arrow(Step, [usable[id(step)] for step in records]))
    for record, flat in zip(runs.records, flats, strict=True):
        for note in flat.notes:
            problems.add_for_step(record, note.record, note.problem, note.detail)
    per_run = np.array([len(flat.records) for flat in flats], np.int64)
    in_run = np.fromiter(chain.from_iterable(flat.parents for flat in flats), np.int64, len(records))
    parent = np.where(in_run < 0, -1, in_run + np.repeat(np.cumsum(per_run) - per_run, per_run))
    depth = np.fromiter(chain.from_iterable(flat.depths for flat in flats), np.int64, len(records))
    size = timing.subtree_sizes(parent, depth)
    return StepTrees(records, values_of(records), parent, depth, size, per_run), columns


def _validator(record: Record, usable: dict[int, Json], problems: Problems) -> Callable[[Json], bool]:
    def accept(step: Json) -> bool:
        clean, issues = validate(Step, step)
        for issue in issues:
            problems.add_for_step(record, step, issue.problem, issue.detail, issue.field)
        if clean is not None:
            usable[id(step)] = clean
        return clean is not None

    return accept


def _compare_parents(runs: Runs, steps: Steps, problems: Problems) -> None:
    """Note steps whose `parent_step_id` is not the step that they are nested in."""
    parent_ids = steps.text["parent_step_id"]
    differs = (
        pa.compute.not_equal(parent_ids, steps.parent_ids).fill_null(False).to_numpy(zero_copy_only=False)
    )
    for position in np.flatnonzero(differs).tolist():
        detail = (
            f"nested in {brief(steps.parent_ids[position].as_py())} but parent_step_id is "
            f"{brief(parent_ids[position].as_py())}; nesting wins"
        )
        record = runs.records[steps.run[position]]
        problems.add_for_step(record, steps.records[position], "parent_disagrees", detail, "parent_step_id")


def compute_spans(runs: Runs, steps: Steps, as_of: int | None, problems: Problems) -> Spans:
    """Compute start and end of runs and steps; open ones end at `as_of`.

    Per run, as_of is the argument, else when the run was read, else the newest time in that run. It is never
    a maximum over several runs, so that a run's numbers do not depend on the other runs.
    """
    moment = _as_of(runs, steps, as_of)
    created, started, ended = (runs.time[name] for name in ("created_at", "started_at", "ended_at"))
    is_started, has_ended = started != NEVER, ended != NEVER
    last = np.where(has_ended, ended, moment)
    run_start, run_end = np.where(is_started, started, 0), np.where(is_started, np.maximum(started, last), 0)

    def note_runs(where: Flags, problem: str, detail: str, field: str) -> None:
        for number in np.flatnonzero(where).tolist():
            problems.add_for_run(runs.records[number], problem, detail, field)

    def note_steps(positions: Ints, problem: str, detail: str, field: str = "") -> None:
        for position in positions.tolist():
            record = runs.records[steps.run[position]]
            problems.add_for_step(record, steps.records[position], problem, detail, field)

    detail = "started_at is before created_at; queued_s is null"
    note_runs(is_started & (started < created), "starts_before_created", detail, "started_at")
    detail = "ended_at is before started_at; read as equal to it"
    note_runs(is_started & has_ended & (last < started), "ends_before_start", detail, "ended_at")

    start, completed = steps.time["started_at"], steps.time["completed_at"]
    is_closed = completed != NEVER
    end = np.where(is_closed, completed, last[steps.run])
    detail = "completed_at is before started_at; read as equal to it"
    note_steps(np.flatnonzero(is_closed & (end < start)), "ends_before_start", detail, "completed_at")
    end = np.maximum(start, end)

    child = np.flatnonzero(steps.parent >= 0)
    outer = steps.parent[child]
    outside = child[(start[child] < start[outer]) | (end[child] > end[outer])]
    detail = "runs outside its parent step; clipped for self time and critical path"
    note_steps(outside, "outside_parent", detail)

    top = np.flatnonzero((steps.parent < 0) & is_started[steps.run])
    of = steps.run[top]
    is_late = has_ended[of] & (end[top] > run_end[of])  # an open run has no end yet
    detail = "runs outside its run; clipped for the time budget and the critical path"
    note_steps(top[(start[top] < run_start[of]) | is_late], "outside_run", detail)
    return Spans(moment, run_start, run_end, start, end)


def _as_of(runs: Runs, steps: Steps, as_of: int | None) -> Ints:
    if as_of is not None:
        return np.full(len(runs.records), as_of, np.int64)
    newest = np.max(
        [runs.time[name] for name in ("created_at", "updated_at", "started_at", "ended_at")], axis=0
    )
    for name in ("started_at", "completed_at"):
        np.maximum.at(newest, steps.run, steps.time[name])
    read_at = runs.time["read_at"]
    return np.where(read_at != NEVER, read_at, newest)


def micros(when: datetime | str) -> int:
    """Convert a time to microseconds since 1970, exactly. Raises `ValueError` if it is not a time."""
    delta = parse_time(when) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
