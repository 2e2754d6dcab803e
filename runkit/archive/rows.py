"""Runs as rows of the archive's table: what runs are chosen by, and the JSON as it came.

The JSON is the truth; the other columns are read off it once, so that a choice need not parse anything.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa

from runkit import jsontext
from runkit.models import LOCAL
from runkit.tables.checks import NEVER, TEXT, TIME
from runkit.tables.columns import Ints
from runkit.tables.layout import take_runs
from runkit.tables.problems import Problems
from runkit.tables.records import Record
from runkit.values import FINAL_STATUSES, todays_status

Json = dict[str, Any]

CHOSEN_BY = ("run_id", "status", "agent", "business_id", "created_at", "updated_at", "has_steps")
"""The columns that have statistics, so that files without a chosen run are not opened. Not the JSON: the
statistics stand in the table's log, which is no place for somebody's data."""

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

GROUP_BYTES = 4_000_000
"""JSON text of the runs that become one piece of a table: enough that Arrow's cost of a call is small."""
GROUP_RUNS = 2_000


class Row(NamedTuple):
    """A record without its steps, which are let go at once, its JSON text and its digest."""

    record: Record
    text: str = ""
    digest: str = ""


def tables(records: Iterable[Record], problems: Problems, within: float) -> Iterator[pa.Table]:
    """Make rows of records, some megabytes at a time, or what is at hand when `within` seconds have passed.

    A run must tell its id, its status and the times that the API promises. What is no run, or cannot be kept,
    becomes a problem. Tables may be empty.
    """
    group: list[Row] = []
    size, since = 0, time.monotonic()
    for record in records:
        group.append(_row(record))
        size += len(group[-1].text)
        if size >= GROUP_BYTES or len(group) >= GROUP_RUNS or time.monotonic() - since > within:
            yield _table(group, problems)
            group, size, since = [], 0, time.monotonic()
    if group:
        yield _table(group, problems)


def _row(record: Record) -> Row:
    raw = record.raw
    if record.problem or not isinstance(raw, dict):
        return Row(record)
    try:
        text = jsontext.dumps_readable(raw)
    except RecursionError as error:
        refusal = ("too_deep", f"it could not be read back: {error}")
    except (TypeError, ValueError) as error:
        refusal = ("bad_json", f"it is no JSON ({error})")
    else:
        bare = {**raw, "steps": []} if isinstance(raw.get("steps"), list) else raw
        return Row(record._replace(raw=bare), text, digest(raw, text))
    return Row(Record({"id": raw.get("id")}, record.where, *refusal))


def _table(group: list[Row], problems: Problems) -> pa.Table:
    rows = {id(row.record): row for row in group}
    kept = take_runs([row.record for row in group], problems)
    chosen = [rows[id(record)] for record in kept.records]
    columns = {
        "run_id": kept.text["id"],
        "status": pa.array(map(todays_status, kept.text["status"].to_pylist()), TEXT),
        **{name: kept.text[name] for name in ("agent", "business_id", "thread_id")},
        **{name: _times(values) for name, values in kept.time.items()},
        "has_steps": pa.array(kept.has_steps),
        "digest": pa.array([row.digest for row in chosen], TEXT),
        "json": pa.array([row.text for row in chosen], TEXT),
    }
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _times(micros: Ints) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=micros == NEVER).cast(TIME)


def digest(raw: Json, text: str) -> str:
    """Give what tells whether two copies of a run say the same; `text` is its JSON.

    When a run was read does not matter once it has ended; while it is open, its waits are measured then.
    """
    local = raw.get(LOCAL)
    if isinstance(local, dict) and "read_at" in local and todays_status(raw.get("status")) in FINAL_STATUSES:
        known = {name: value for name, value in local.items() if name != "read_at"}
        text = jsontext.dumps({**raw, LOCAL: known})
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def knowing_business(text: str, business_id: str) -> tuple[str, str]:
    """Give a run's JSON and digest with the business that it is about, which its own copy does not know."""
    raw = jsontext.reread(text.encode())
    local = raw.get(LOCAL)
    raw[LOCAL] = {**(local if isinstance(local, dict) else {}), "business_id": business_id}
    text = jsontext.dumps(raw)
    return text, digest(raw, text)
