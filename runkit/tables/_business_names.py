"""Add the businesses of runs to their frames: from a client, or from a table of names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from runkit.display.text import brief, shorten
from runkit.errors import UsageError
from runkit.tables.arrow_columns import cast
from runkit.tables.frames import Frames
from runkit.tables.problems import with_problem

if TYPE_CHECKING:
    from runkit.client import Client

KEYS = ("run_id", "thread_id", "business_id")  # of these, the first that a table has is used
FIELDS = ("business_id", "business_name", "business_status")  # columns that a table may have
EXPECTED = (
    "expected a Client, or a DataFrame with a column run_id, thread_id or business_id, and one "
    "business_name or name."
)


def with_businesses(f: Frames, businesses: Client | pd.DataFrame, progress: bool) -> Frames:
    """Return frames with the businesses of runs; rows of a table that match no run are a problem.

    Raises `UsageError` for a table without the columns, or with two businesses for one key.
    """
    if isinstance(businesses, pd.DataFrame):
        key, table = _read_table(businesses)
        return replace(_joined(f, key, table), problems=_problems(f, key, table))
    client = getattr(businesses, "businesses", None)
    if client is None:
        raise UsageError(f"businesses={brief(businesses)}; {EXPECTED}")
    unnamed = f.runs.loc[f.runs["business_name"].isna(), "thread_id"].dropna()
    found = client.of_threads(set(unnamed), progress=progress)
    return _joined(f, "thread_id", pd.DataFrame.from_dict(found, "index"))


def _read_table(table: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Return the name of the key of a table, and its business columns by the key."""
    if "business_name" not in table:
        table = table.rename(columns={"name": "business_name"})
    key = next((name for name in KEYS if name in table), None)
    if key is None or "business_name" not in table or not table.columns.is_unique:
        columns = shorten(", ".join(map(str, table.columns)), 200)
        raise UsageError(f"businesses is a DataFrame with the columns {columns}; {EXPECTED}")
    names = [name for name in dict.fromkeys((key, *FIELDS)) if name in table]
    rows = table[names].astype("str").dropna(subset=[key, "business_name"]).drop_duplicates()
    is_shared = rows[key].duplicated()
    if is_shared.any():
        value = rows.loc[is_shared, key].iloc[0]
        raise UsageError(
            f"businesses has several businesses for {key} {brief(value)}; expected one for each."
        )
    return key, rows.set_index(key)


def _joined(f: Frames, key: str, table: pd.DataFrame) -> Frames:
    """Return frames with the businesses of a table; what is not in the table stays."""
    fields = [name for name in FIELDS if name in table]
    new = {name: f.runs[key].map(table[name]).combine_first(f.runs[name]) for name in fields}
    runs = cast(f.runs.assign(**new), "runs")
    names = runs.set_index("run_id")["business_name"]
    named = f.interrupts.assign(business_name=f.interrupts["run_id"].map(names))
    return replace(f, runs=runs, interrupts=cast(named, "interrupts"))


def _problems(f: Frames, key: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return the problems, with one more if rows of a table match no run."""
    unmatched = table.index[~table.index.isin(f.runs[key])]
    if unmatched.empty:
        return f.problems
    detail = f"no run has the {key} {brief(unmatched[0])}"
    row = {"location": "businesses", "problem": "unmatched_row", "n": len(unmatched)}
    return with_problem(f.problems, **row, detail=detail)
