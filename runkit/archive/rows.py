"""Runs as rows of the archive's table: columns to filter by, and the JSON as it came.

The other columns are taken from the JSON once, so that filtering does not parse any JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from runkit import jsontext
from runkit.contract import BUSINESS_FIELDS, FINAL_STATUSES, LOCAL, current_status
from runkit.tables.batch import read_runs
from runkit.tables.problems import Problems
from runkit.tables.schema import TEXT, TIME
from runkit.tables.sources import Record
from runkit.tables.validate import NEVER, Flags, Ints

Json = dict[str, Any]

RANKED = ("run_id", "updated_at", "has_steps", "read_at", *BUSINESS_FIELDS)
"""The columns that decide which copy of a run is the newest, and what it takes from older ones."""

WITH_STATISTICS = ("run_id", "status", "agent", "business_id", "created_at", "updated_at", "has_steps")
"""The columns with statistics, by which files can be skipped. Not the JSON or names: the statistics are in
the table's log, where customers' data does not belong."""

SCHEMA = pa.schema(
    [
        pa.field("run_id", TEXT, nullable=False),
        pa.field("status", TEXT, nullable=False),
        pa.field("agent", TEXT),
        pa.field("business_id", TEXT),
        pa.field("thread_id", TEXT),
        pa.field("created_at", TIME, nullable=False),
        pa.field("updated_at", TIME, nullable=False),
        pa.field("started_at", TIME),
        pa.field("ended_at", TIME),
        pa.field("read_at", TIME),
        pa.field("has_steps", pa.bool_(), nullable=False),
        pa.field("digest", TEXT, nullable=False),
        pa.field("json", TEXT, nullable=False),
        pa.field("business_name", TEXT),
        pa.field("business_status", TEXT),
        pa.field("business_status_at", TIME),
    ]
)
ADDED_COLUMNS = frozenset({"business_name", "business_status", "business_status_at"})
"""Columns that an archive of 0.1 does not have yet; the first write adds them."""


class Row(NamedTuple):
    """A record without its steps, to save memory, its JSON text and its digest."""

    record: Record
    text: str = ""
    digest: str = ""


def row_of(record: Record) -> Row:
    """Write a record as JSON text."""
    raw = record.raw
    if record.problem or not isinstance(raw, dict):
        return Row(record)
    text, steps = jsontext.dumps(raw), raw.get("steps")
    bare = {**raw, "steps": [None] if steps else []} if isinstance(steps, list) else raw
    return Row(record._replace(raw=bare), text, digest(raw, text))


def table_of(rows: Sequence[Row], problems: Problems) -> tuple[pa.Table, int]:
    """Build the table of all usable runs, and count all records. The others become problems.

    A run needs its id, its status and the times that the contract requires.
    """
    by_record = {id(row.record): row for row in rows}
    runs = read_runs([row.record for row in rows], problems)
    valid = [by_record[id(record)] for record in runs.records]
    columns = {
        **runs.text,
        "run_id": runs.text["id"],
        **{name: _times(values) for name, values in runs.time.items()},
        "has_steps": pa.array(runs.has_steps),
        "digest": pa.array([row.digest for row in valid], TEXT),
        "json": pa.array([row.text for row in valid], TEXT),
    }
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA), len(rows)


def _times(micros: Ints) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=micros == NEVER).cast(TIME)


def digest(raw: Json, text: str) -> str:
    """Give a digest that is equal for equal copies of a run; `text` is its JSON.

    It ignores the business, which is kept whichever copy knows it. It ignores the time of reading of a
    finished run; the waits of an open run are measured at that time.
    """
    local = raw.get(LOCAL)
    if isinstance(local, dict):
        is_final = current_status(raw.get("status")) in FINAL_STATUSES
        ignored = {*BUSINESS_FIELDS, "read_at"} if is_final else {*BUSINESS_FIELDS}
        if ignored & local.keys():
            compared = {name: value for name, value in local.items() if name not in ignored}
            text = jsontext.dumps({**raw, LOCAL: compared})
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def with_business(raw: Json, business: Json) -> Json:
    """Add the business of its row to a run; the JSON of the newest copy may not have one."""
    local = raw.get(LOCAL)
    local = local if isinstance(local, dict) else {}
    if not business or {**raw, **local}.get("business_id") is not None:
        return raw
    return {**raw, LOCAL: local | business}


def business_of(row: Json) -> Json:
    """Give the business fields of a row as JSON; empty without a business."""
    at = row["business_status_at"]
    fields = {**row, "business_status_at": at and at.isoformat().replace("+00:00", "Z")}
    return {name: fields[name] for name in BUSINESS_FIELDS if row["business_id"] and fields[name] is not None}


def resolve(rows: pa.Table) -> tuple[pa.Table, Flags]:
    """Find the newest copy of each run: by updated_at, then one with steps, then the one read last.

    At a tie the later row wins.

    Parameters
    ----------
    rows
        Copies of runs in the order in which they were written, with at least the columns `RANKED`.

    Returns
    -------
    tuple of pyarrow.Table and array
        The rows, and a mask of the newest copies. A newest copy without a business has all business fields of
        the newest copy with one.

    """
    is_newest = np.ones(len(rows), np.bool_)
    doubled = np.flatnonzero(rows["run_id"].to_pandas().duplicated(keep=False))
    if not len(doubled):
        return rows, is_newest
    copies = rows.select(RANKED).take(doubled).to_pandas().assign(row=doubled)
    order = ["updated_at", "has_steps", "read_at"]
    copies = copies.sort_values(order, na_position="first", kind="stable")
    newest = copies.drop_duplicates("run_id", keep="last")
    is_newest[doubled] = False
    is_newest[newest["row"]] = True
    donors = copies.dropna(subset="business_id").drop_duplicates("run_id", keep="last").set_index("run_id")
    source = np.arange(len(rows))  # the row whose business each row has
    heirs = newest[newest["business_id"].isna() & newest["run_id"].isin(donors.index)]
    source[heirs["row"]] = donors.loc[heirs["run_id"], "row"]
    for name in BUSINESS_FIELDS:
        rows = rows.set_column(
            rows.schema.get_field_index(name), rows.schema.field(name), rows[name].take(source)
        )
    return rows, is_newest
