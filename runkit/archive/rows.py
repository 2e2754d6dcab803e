"""Runs as rows of the archive's table: what runs are chosen by, and the JSON as it came.

The JSON is the truth; the other columns are read off it once, so that a choice need not parse anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from runkit import jsontext
from runkit.contract import FINAL_STATUSES, LOCAL, todays_status
from runkit.models import BUSINESS_FIELDS
from runkit.tables.columns import Flags, Ints
from runkit.tables.layout import read_runs
from runkit.tables.problems import Problems
from runkit.tables.sources import Record
from runkit.tables.validate import NEVER, TEXT, TIME

Json = dict[str, Any]

RANKED = ("run_id", "updated_at", "has_steps", "read_at", "business_id")
"""The columns that decide which copy of a run is the newest, and what it learns from the others."""

WITH_STATISTICS = ("run_id", "status", "agent", "business_id", "created_at", "updated_at", "has_steps")
"""The columns that have statistics, by which files can be passed over. Not the JSON: the statistics stand in
the table's log, which is no place for somebody's data."""

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
    ]
)


class Row(NamedTuple):
    """A record without its steps, which are let go at once, its JSON text and its digest."""

    record: Record
    text: str = ""
    digest: str = ""


def row_of(record: Record) -> Row:
    """Write a record as JSON. One that cannot be kept, or read back, is marked as a problem."""
    raw = record.raw
    if record.problem or not isinstance(raw, dict):
        return Row(record)
    try:
        text = jsontext.dumps(raw)
    except RecursionError as error:
        refusal = ("too_deep", f"it could not be read back: {error}")
    except (TypeError, ValueError) as error:
        refusal = ("bad_json", f"it is no JSON ({error})")
    else:
        steps = raw.get("steps")
        bare = {**raw, "steps": [None] if steps else []} if isinstance(steps, list) else raw
        return Row(record._replace(raw=bare), text, digest(raw, text))
    return Row(Record({"id": raw.get("id")}, record.location, *refusal))


def table_of(rows: Sequence[Row], problems: Problems) -> tuple[pa.Table, int]:
    """Make a table of those that are runs, and say how many there were in all. The others become problems.

    A run must tell its id, its status and the times that the API promises.
    """
    by_record = {id(row.record): row for row in rows}
    kept = read_runs([row.record for row in rows], problems)
    chosen = [by_record[id(record)] for record in kept.records]
    columns = {
        "run_id": kept.text["id"],
        "status": pa.array(map(todays_status, kept.text["status"].to_pylist()), TEXT),
        **{name: kept.text[name] for name in ("agent", "business_id", "thread_id")},
        **{name: _times(values) for name, values in kept.time.items()},
        "has_steps": pa.array(kept.has_steps),
        "digest": pa.array([row.digest for row in chosen], TEXT),
        "json": pa.array([row.text for row in chosen], TEXT),
    }
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA), kept.n_seen


def _times(micros: Ints) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=micros == NEVER).cast(TIME)


def digest(raw: Json, text: str) -> str:
    """Give what tells whether two copies of a run say the same; `text` is its JSON.

    The business does not count: it is kept whichever copy knows it. When a run was read does not matter once
    it has ended; while it is open, its waits are measured then.
    """
    local = raw.get(LOCAL)
    if isinstance(local, dict):
        is_final = todays_status(raw.get("status")) in FINAL_STATUSES
        ignored = {*BUSINESS_FIELDS, "read_at"} if is_final else {*BUSINESS_FIELDS}
        if ignored & local.keys():
            kept = {name: value for name, value in local.items() if name not in ignored}
            text = jsontext.dumps({**raw, LOCAL: kept})
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def with_business(raw: Json, business_id: str | None) -> Json:
    """Let a run know the business that its row names; the JSON of the newest copy may not."""
    local = raw.get(LOCAL)
    local = local if isinstance(local, dict) else {}
    if business_id is None or {**raw, **local}.get("business_id") == business_id:
        return raw
    return {**raw, LOCAL: {**local, "business_id": business_id}}


def resolve(rows: pa.Table) -> tuple[pa.Table, Flags]:
    """Find the newest copy of each run: by updated_at, then one with steps, then the one read last.

    At a tie the later row wins.

    Parameters
    ----------
    rows
        Copies of runs in the order in which they were written, with at least the columns `RANKED`.

    Returns
    -------
    The rows, of which each newest copy has the business that any copy of its run knows, and a mask of the
    newest.

    """
    is_newest = np.ones(len(rows), np.bool_)
    doubled = np.flatnonzero(rows["run_id"].to_pandas().duplicated(keep=False))
    if not len(doubled):
        return rows, is_newest
    copies = rows.select(RANKED).take(doubled).to_pandas().assign(row=doubled)
    order = ["updated_at", "has_steps", "read_at"]
    copies = copies.sort_values(order, na_position="first", kind="stable")
    copies["business_id"] = copies.groupby("run_id")["business_id"].ffill()
    newest = copies.drop_duplicates("run_id", keep="last")
    is_newest[doubled] = False
    is_newest[newest["row"]] = True
    business = rows["business_id"].to_pandas()
    business.iloc[newest["row"].to_numpy()] = newest["business_id"].array
    column = pa.array(business, TEXT, from_pandas=True)
    return rows.set_column(rows.schema.get_field_index("business_id"), "business_id", column), is_newest
