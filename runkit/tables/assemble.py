"""Concatenate the row groups into six DataFrames, without records replaced by a newer copy."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from runkit.tables.build import RowGroup
from runkit.tables.columns import Flags, Ints, Vocabulary
from runkit.tables.problems import Problems
from runkit.tables.schema import COLUMNS, DTYPES, Column, cast, empty

# The column of the runs frame that counts a run's rows in another frame; those rows are in order of the runs.
_ROWS_OF_RUN = {
    "steps": "n_steps",
    "artifacts": "n_artifacts",
    "sources": "n_sources",
    "interrupts": "n_interrupts",
}


def assemble(
    row_groups: list[RowGroup], words: dict[str, dict[str, Vocabulary]], problems: Problems
) -> dict[str, pd.DataFrame]:
    """Concatenate the row groups' columns, without runs that have a newer record of the same id.

    The row groups are emptied on the way: each column is released once it is in its frame, so that memory
    holds only one column twice.
    """
    runs = _frame("runs", row_groups, words, None)
    newest = _newest_rows(runs)
    is_kept = newest == np.arange(len(runs))
    if is_kept.all():
        keep = {}
    else:
        _note_duplicates(runs, newest, row_groups, problems)
        keep = {name: np.repeat(is_kept, runs[counts]) for name, counts in _ROWS_OF_RUN.items()}
        keep["reads"] = is_kept
        runs = runs[is_kept].reset_index(drop=True)
    frames = {"runs": runs}
    for name in (*_ROWS_OF_RUN, "reads"):
        frames[name] = _frame(name, row_groups, words, keep.get(name))
    rows = pd.DataFrame(problems.rows, dtype="str")
    frames["problems"] = cast(rows, "problems") if problems.rows else empty("problems")
    return frames


def _newest_rows(runs: pd.DataFrame) -> Ints:
    """Return for each row the row of the same run to keep: newest updated_at, the later one in a tie."""
    rows = np.arange(len(runs))
    if runs["run_id"].is_unique:
        return rows
    best = pd.DataFrame(
        {"run_id": runs["run_id"], "updated_at": runs["updated_at"], "row": rows}
    ).sort_values(["updated_at", "row"])
    return best.groupby("run_id", sort=False)["row"].transform("last").sort_index().to_numpy()


def _note_duplicates(
    runs: pd.DataFrame, newest: Ints, row_groups: list[RowGroup], problems: Problems
) -> None:
    locations = list(chain.from_iterable(row_group.locations for row_group in row_groups))
    for row in np.flatnonzero(newest != np.arange(len(runs))).tolist():
        detail = f"replaced by the record at {locations[newest[row]]}, which is newer or comes later"
        problems.add({"id": runs["run_id"].iloc[row]}, locations[row], "duplicate_run", detail)


def _frame(
    name: str, row_groups: list[RowGroup], words: dict[str, dict[str, Vocabulary]], keep: Flags | None
) -> pd.DataFrame:
    if not row_groups:
        return empty(name)
    columns: dict[str, Any] = {}
    for column in COLUMNS[name]:
        parts = [row_group.chunks[name].pop(column.name) for row_group in row_groups]
        if column.kind == "category":
            vocabulary = words["artifacts" if column.name == "origin" else name][column.name]
            columns[column.name] = _categories(parts, vocabulary, keep)
        else:
            columns[column.name] = _values(column, parts, keep)
    return pd.DataFrame(columns, copy=False)


def _categories(parts: list[Ints], vocabulary: Vocabulary, keep: Flags | None) -> pd.Categorical:
    codes = np.concatenate(parts)
    words = pd.Index(vocabulary.words, dtype="str")
    return pd.Categorical.from_codes(codes if keep is None else codes[keep], categories=words)


def _values(column: Column, parts: list[Ints], keep: Flags | None) -> Any:
    if column.kind == "str":
        text = pa.chunked_array(parts)
        text = text if keep is None else text.filter(pa.array(keep))
        return text.to_pandas().astype("str")  # pyarrow before 24 makes object columns of all nulls
    values = np.concatenate(parts)
    values = values if keep is None else values[keep]
    if column.kind == "time":
        return pd.DatetimeIndex(values.view("M8[us]")).tz_localize("UTC")
    return values.astype(DTYPES[column.kind], copy=False)
