"""Runs as rows of the archive's table: columns to filter by, and the JSON as it came.

The other columns are taken from the JSON once, so that filtering does not parse any JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from runkit import contract, jsontext
from runkit.contract import BUSINESS_FIELDS, LOCAL, Json
from runkit.tables.columns import run_fields
from runkit.tables.flatten import read
from runkit.tables.frames import newest_copies
from runkit.tables.problems import Problems
from runkit.tables.schema import TEXT, TIME
from runkit.tables.sources import Record

RANKED = ("run_id", "updated_at", "has_steps", "read_at", *BUSINESS_FIELDS)
"""The columns that decide which copy of a run is the newest, and what it takes from older ones."""

WITH_STATISTICS = ("run_id", "status", "agent", "business_id", "created_at", "updated_at", "has_steps")
"""The columns with statistics, by which files can be skipped. Not the JSON or names: the statistics are in
the table's log, where customers' data does not belong."""

REQUIRED = ("run_id", "status", "digest", "json", "created_at", "updated_at", "has_steps")
_TEXTS = ("run_id", "status", "agent", "business_id", "thread_id", "digest", "json")
_TIMES = ("created_at", "updated_at", "started_at", "ended_at", "read_at")
_TYPES = {
    **dict.fromkeys(_TEXTS, TEXT),
    **dict.fromkeys(_TIMES, TIME),
    "has_steps": pa.bool_(),
    # Added by version 0.2:
    "business_name": TEXT,
    "business_status": TEXT,
    "business_status_at": TIME,
}
SCHEMA = pa.schema([pa.field(name, kind, nullable=name not in REQUIRED) for name, kind in _TYPES.items()])


def table_of(records: Sequence[Record], problems: Problems) -> pa.Table:
    """Build the table of all usable runs; the other records become problems.

    A run needs its id, its status and the times that the contract requires.
    """
    rows = read(records, problems)
    texts = [jsontext.dumps(record.raw) for record in rows.records]
    digests = [digest(record.raw, text) for record, text in zip(rows.records, texts, strict=True)]
    fields = run_fields(rows.runs)
    times = {name: fields[name].view("M8[us]") for name, kind in _TYPES.items() if kind == TIME}
    columns = fields | times | {"digest": digests, "json": texts}
    return pa.table(columns, SCHEMA)


def digest(raw: Json, text: str) -> str:
    """Give a digest that is equal for equal copies of a run; `text` is its JSON.

    It ignores the business, which is kept whichever copy knows it. It ignores the time of reading of a
    finished run; the waits of an open run are measured at that time.
    """
    local = raw.get(LOCAL)
    if isinstance(local, dict):
        ignored = set(BUSINESS_FIELDS)
        if contract.current_status(raw.get("status")) in contract.FINAL_STATUSES:
            ignored.add("read_at")
        compared = {name: value for name, value in local.items() if name not in ignored}
        text = jsontext.dumps({**raw, LOCAL: compared})
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def with_business(raw: Json, business: Json) -> Json:
    """Add the business of its row to a run; the JSON of the newest copy may not have one."""
    local = contract.local_fields(raw)
    is_known = local.get("business_id", raw.get("business_id")) is not None
    return raw if is_known or not business else contract.with_local_fields(raw, **local | business)


def business_of(row: Json) -> Json:
    """Give the business fields of a row; empty without a business."""
    known = {name: row[name] for name in BUSINESS_FIELDS if row[name] is not None}
    return known if row["business_id"] else {}


def resolve(rows: pa.Table) -> pa.Table:
    """Select the newest copy of each run.

    If it has no business, it gets all business fields of the newest copy with one.

    Parameters
    ----------
    rows
        Copies of runs in the order in which they were written, with at least the columns `RANKED`.

    Returns
    -------
    pyarrow.Table
        One row per run, in the order of `rows`.
    """
    copies = rows.select(RANKED).to_pandas()
    copies["row"] = np.arange(len(rows))
    newest = newest_copies(copies).sort_values("row")
    with_one = newest_copies(copies.dropna(subset="business_id"))
    fallback = newest["run_id"].map(with_one.set_index("run_id")["row"]).fillna(newest["row"])
    business_row = newest["row"].where(newest["business_id"].notna(), fallback).to_numpy(np.int64)
    resolved = rows.take(newest["row"].to_numpy())
    for name in BUSINESS_FIELDS:
        number = rows.schema.get_field_index(name)
        resolved = resolved.set_column(number, name, rows[name].take(business_row))
    return resolved
