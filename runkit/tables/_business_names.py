"""Add the businesses of runs to their frames: from a client, or from a table of names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from runkit.display.text import brief, shorten
from runkit.errors import UsageError
from runkit.tables.arrow_columns import cast
from runkit.tables.frames import Frames

if TYPE_CHECKING:
    from runkit.client import Client

KEYS = ("run_id", "thread_id", "business_id")  # of these, the first that a table has is used
FIELDS = ("business_id", "business_name", "business_status")  # columns that a table may have
EXPECTED = (
    "expected a Client, or a DataFrame with a column run_id, thread_id or business_id, and one "
    "business_name."
)


def with_businesses(f: Frames, businesses: Client | pd.DataFrame, progress: bool) -> Frames:
    """Return frames with the businesses of runs; what is not in a table stays.

    Raises `UsageError` for a table without the columns, or with two businesses for one key.
    """
    if isinstance(businesses, pd.DataFrame):
        return _named(f, businesses)
    return _named(f, _of_client(f, businesses, progress))


def _named(f: Frames, table: pd.DataFrame) -> Frames:
    key = next((name for name in KEYS if name in table), None)
    if key is None or "business_name" not in table:
        columns = shorten(", ".join(map(str, table.columns)), 200)
        raise UsageError(f"businesses is a DataFrame with the columns {columns}; {EXPECTED}")
    names = table.columns.isin([key, *FIELDS])
    rows = table.loc[:, names].astype("str").dropna(subset=[key, "business_name"])
    return _joined(f, key, rows.drop_duplicates())


def _of_client(f: Frames, client: Client, progress: bool) -> pd.DataFrame:
    """Return the businesses of the threads of runs without one."""
    businesses = getattr(client, "businesses", None)
    if businesses is None:
        raise UsageError(f"businesses={brief(client)}; {EXPECTED}")
    unnamed = f.runs.loc[f.runs["business_name"].isna(), "thread_id"].dropna()
    found = businesses.of_threads(set(unnamed), progress=progress)
    columns = pd.Index(["thread_id", *FIELDS])
    rows = [{"thread_id": thread_id, **fields} for thread_id, fields in found.items()]
    return pd.DataFrame(rows, columns=columns)


def _joined(f: Frames, key: str, rows: pd.DataFrame) -> Frames:
    is_shared = rows[key].duplicated()
    if is_shared.any():
        value = rows.loc[is_shared, key].iloc[0]
        raise UsageError(
            f"businesses has several businesses for {key} {brief(value)}; expected one for each."
        )
    table = rows.set_index(key, drop=False)
    fields = [name for name in FIELDS if name in table]
    new = {name: f.runs[key].map(table[name]).combine_first(f.runs[name]) for name in fields}
    runs = cast(f.runs.assign(**new), "runs")
    names = runs.set_index("run_id")["business_name"]
    named = f.interrupts.assign(business_name=f.interrupts["run_id"].map(names))
    return replace(f, runs=runs, interrupts=cast(named, "interrupts"))
