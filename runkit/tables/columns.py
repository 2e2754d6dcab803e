"""The columns that are fields of the JSON, batch by batch, as Arrow and numpy arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runkit.api import contract
from runkit.api.contract import Json, has_ended
from runkit.api.models import Artifact, Run, Source, Step
from runkit.api.questions import Question
from runkit.api.reading import agent_of, reason_of
from runkit.api.views import OpenWord, fields
from runkit.api.words import STEP_STATUSES, STEP_TYPES, Vocabulary
from runkit.display.text import first_text
from runkit.tables.flatten import ArtifactRow, QuestionRow, Rows
from runkit.tables.schema import ARROW_TIME, FRAME_COLUMNS, TEXT, TYPES, cast
from runkit.time_budget import Flags, Ints

# Columns by name are Arrow arrays, or numpy arrays of numbers, flags or microseconds.
Columns = dict[str, Any]

FAILED_TYPES = STEP_TYPES.meaning("failed")
FAILED_STATUSES = STEP_STATUSES.meaning("failed")
NEVER = np.iinfo(np.int64).min  # a missing time among int64 microseconds; numpy's NaT
_NULLABLE = {pa.int32(): pd.Int32Dtype(), pa.bool_(): pd.BooleanDtype()}
Parts = dict[str, Columns]  # columns by the name of the frame
TEXT_TYPES = (str, OpenWord, datetime)  # of the fields that are columns


def fields_of(rows: Rows) -> Parts:
    """Return the columns of a batch that need its JSON."""
    artifacts = _by_field(rows.artifacts, ArtifactRow)
    objects = artifacts.pop("artifact")
    n_sources, has_sources = _lengths(objects, "sources")
    sources = [source for artifact in objects for source in artifact.get("sources") or ()]
    numbers = np.arange(rows.first_artifact, rows.first_artifact + len(objects))
    interrupts = _by_field(rows.questions, QuestionRow)
    questions = _by_field(interrupts.pop("question"), Question)
    del questions["value"]
    return {
        "runs": _run_fields(rows),
        "steps": _step_fields(rows),
        "artifacts": _object_columns(objects, Artifact)
        | artifacts
        | {"n_sources": n_sources, "has_sources": has_sources},
        "sources": _object_columns(sources, Source) | {"artifact": np.repeat(numbers, n_sources)},
        "interrupts": interrupts | questions,
    }


def _run_fields(rows: Rows) -> Columns:
    raws = rows.runs
    columns = _object_columns([raw | contract.local_fields(raw) for raw in raws], Run)
    return columns | {
        "run": np.arange(rows.first_run, rows.first_run + len(raws)),
        "agent": text_array(map(agent_of, raws)),
        "requester": text_array((raw.get("requester") or {}).get("name") for raw in raws),
        # A list of runs shows an empty list of steps.
        "has_steps": np.array([bool(raw.get("steps")) for raw in raws], np.bool_),
        "has_interrupts": np.array([raw.get("interrupts") is not None for raw in raws], np.bool_),
        "has_ended": np.array([has_ended(raw) for raw in raws], np.bool_),
    }


def _step_fields(rows: Rows) -> Columns:
    steps = [row.step for row in rows.steps]
    columns = _object_columns(steps, Step)
    runs = np.arange(rows.first_run, rows.first_run + len(rows.runs))
    results = (step.get("result") for step in steps)
    n_artifacts, has_artifacts = _lengths(steps, "artifacts")
    has_failed = [*map(_has_failed, steps)]
    return columns | {
        "run": np.repeat(runs, rows.n_steps),
        "parent": np.array([row.parent for row in rows.steps], np.int64),
        "depth": np.array([row.depth for row in rows.steps], np.int64),
        "agent": pc.coalesce(columns["agent"], columns["graph"]),
        "label": text_array(_label(step) for step in steps),
        "has_failed": np.array(has_failed, np.bool_),
        "error": text_array(
            reason_of(step) if failed else None
            for step, failed in zip(steps, has_failed, strict=True)
        ),
        "result": text_array(None if value is None else contract.dumps(value) for value in results),
        "n_artifacts": n_artifacts,
        "has_artifacts": has_artifacts,
    }


def _lengths(objects: Sequence[Json], name: str) -> tuple[Ints, Flags]:
    """Return how long a list of each object is, and which of them have it."""
    lists = [each.get(name) for each in objects]
    n_items = np.array([len(each or ()) for each in lists], np.int64)
    return n_items, np.array([each is not None for each in lists], np.bool_)


def _label(step: Json) -> str | None:
    return first_text(step.get("label"), step.get("name"), step.get("type"))


def _has_failed(step: Json) -> bool:
    """Return whether a step failed: its type or its status says so, and it is no question."""
    step_type = step.get("type")
    if step_type in FAILED_TYPES:
        return True
    return step_type != "interrupt" and step.get("status") in FAILED_STATUSES


def _object_columns(objects: Sequence[Json], model: Any) -> Columns:
    """Return the text and time fields of checked objects; times are int64 microseconds."""
    types = {name: field.type for name, field in fields(model).items()}
    names = [name for name, kind in types.items() if kind in TEXT_TYPES]
    arrays = pa.array(objects, pa.struct(dict.fromkeys(names, TEXT))).flatten()
    columns: Columns = {}
    for name, array in zip(names, arrays, strict=True):
        if types[name] is datetime:
            columns[name] = micros(array)
        else:
            columns[name] = _trimmed(array) if types[name] is OpenWord else array
    return columns


def _trimmed(words: pa.Array) -> pa.Array:
    """Return words without the blanks around them; one of blanks alone is null."""
    trimmed = pc.utf8_trim_whitespace(words)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, TEXT), trimmed)


def _by_field(rows: Sequence[tuple[Any, ...]], cls: Any) -> Columns:
    """Return the fields of named tuples as arrays; those that are objects as lists."""
    columns: Columns = {}
    dtypes = {int: np.int64, bool: np.bool_}
    for position, (name, hint) in enumerate(get_type_hints(cls).items()):
        values = [row[position] for row in rows]
        if hint in dtypes:
            columns[name] = np.array(values, dtypes[hint])
        else:
            columns[name] = text_array(values) if hint in (str, str | None) else values
    return columns


# ----------------------------------------------------------------------------------- whole columns


def joined(batches: Sequence[Parts]) -> Parts:
    """Return the columns of all batches."""
    return {
        name: {key: _concatenated([batch[name][key] for batch in batches]) for key in columns}
        for name, columns in batches[0].items()
    }


def _concatenated(arrays: list[Any]) -> Any:
    if isinstance(arrays[0], np.ndarray):
        return np.concatenate(arrays)
    return pa.concat_arrays(arrays)


def newest_states(runs: Columns) -> tuple[Flags, Ints]:
    """Return which rows are the newest state of their run, and how many states each run has.

    That is the newest `updated_at`, at a tie the one with steps, then the later.
    """
    ids = runs["id"].dictionary_encode().indices.to_numpy()
    order = np.lexsort((runs["has_steps"], runs["updated_at"], ids))
    is_last = np.diff(ids[order], append=-1) != 0
    return is_in(order[is_last], len(ids)), np.bincount(ids)[ids]


def is_in(numbers: Ints, n: int) -> Flags:
    """Return which of 0 .. n-1 occur."""
    found = np.zeros(n, np.bool_)
    found[numbers[numbers >= 0]] = True
    return found


def without_failed_child(has_failed: Flags, parent: Ints) -> Flags:
    """Return which steps are causes: they failed, and no child of theirs did."""
    return has_failed & ~is_in(parent[has_failed], len(parent))


# ------------------------------------------------------------------------------------------ frames


def to_frame(frame: str, columns: Columns, is_kept: Flags) -> pd.DataFrame:
    """Build a frame of some rows of columns; columns that are not there are null.

    Times are int64 microseconds, `NEVER` for null.
    """
    arrays = {}
    for column in FRAME_COLUMNS[frame]:
        values = columns.get(column.name)
        if values is None:
            continue
        if column.kind == "time":
            values = values.view("M8[us]")
        arrays[column.name] = pa.array(values, TYPES[column.kind][1])
    table = pa.table(arrays)
    if not is_kept.all():
        table = table.filter(pa.array(is_kept))
    df: pd.DataFrame = table.to_pandas(split_blocks=True, types_mapper=_NULLABLE.get)
    return cast(df, frame)


# ------------------------------------------------------------------------------------------ arrays


def text_array(values: Iterable[object]) -> pa.Array:
    """Return Python strings as Arrow text; None is null."""
    return pa.array(list(values), TEXT)


def micros(times: pa.Array) -> Ints:
    """Return times, as text, in microseconds; `NEVER` for null."""
    values: Ints = pc.cast(times, ARROW_TIME).view(pa.int64()).fill_null(NEVER).to_numpy()
    return values


def flags(values: pa.Array) -> Flags:
    """Return an Arrow array of flags as numpy's."""
    converted: Flags = values.to_numpy(zero_copy_only=False)
    return converted


def is_word(values: pa.Array, words: Iterable[str]) -> Flags:
    """Return whether each value is one of some words; false for null."""
    return flags(pc.is_in(values, text_array(words)))


def ranks(values: pa.Array, words: Vocabulary) -> Ints:
    """Return the position of each value in a vocabulary, behind its end for another and null."""
    encoded = values.dictionary_encode()
    places = map(words.position, encoded.dictionary.to_pylist())
    known = np.array([*places, len(words.lines)], np.int64)
    ranked: Ints = known[encoded.indices.fill_null(len(known) - 1).to_numpy()]
    return ranked


def counts(numbers: Ints, is_known: Flags) -> pa.Array:
    """Return counts that are null where they are not known."""
    return pa.array(numbers, pa.int32(), mask=~is_known)


def first_in_group(group: Ints, rows: Ints, values: pa.Array, n: int) -> pa.Array:
    """Return for each of n groups the value at the first of some rows that is in the group."""
    groups, first = np.unique(group[rows], return_index=True)
    positions = np.full(n, -1)
    positions[groups] = rows[first]
    return take(values, positions)


def take(values: pa.Array, positions: Ints) -> pa.Array:
    """Return the values at some positions, null where a position is negative."""
    return values.take(pa.array(positions, mask=positions < 0))


def bincount(numbers: Ints, n: int) -> Ints:
    """Return how often each of 0 .. n-1 occurs; negative entries are ignored."""
    found: Ints = np.bincount(numbers[numbers >= 0], minlength=n)
    return found


def position_in_group(group: Ints) -> Ints:
    """Return the number of each row in its group, from 0; `group` holds ascending group numbers."""
    first: Ints = np.searchsorted(group, group)
    return np.arange(len(group)) - first
