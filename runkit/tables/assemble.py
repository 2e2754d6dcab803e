"""From the columns of all batches to six DataFrames, without what lost against a newer record."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from runkit.tables.build import Batch
from runkit.tables.columns import Flags, Ints, Words
from runkit.tables.problems import Problems
from runkit.tables.schema import COLUMNS, DTYPES, Column, cast, empty

# The count in a run's row that says how many rows of another frame are the run's; they stand run after run.
_ROWS_OF_RUN = {
    "steps": "n_steps",
    "artifacts": "n_artifacts",
    "sources": "n_sources",
    "interrupts": "n_interrupts",
}


def assemble(
    batches: list[Batch], words: dict[str, dict[str, Words]], problems: Problems
) -> dict[str, pd.DataFrame]:
    """Put the batches' columns together, without the runs that lost against a newer record of the same id.

    The batches are emptied on the way: a column is let go as soon as it is in its frame, so that memory
    holds everything once, and one column twice.
    """
    runs = _frame("runs", batches, words, None)
    winner = _newest(runs)
    is_kept = winner == np.arange(len(runs))
    if is_kept.all():
        keep = {}
    else:
        _note_losers(runs, winner, batches, problems)
        keep = {name: np.repeat(is_kept, runs[counts]) for name, counts in _ROWS_OF_RUN.items()}
        keep["reads"] = is_kept
        runs = runs[is_kept].reset_index(drop=True)
    frames = {"runs": runs}
    for name in (*_ROWS_OF_RUN, "reads"):
        frames[name] = _frame(name, batches, words, keep.get(name))
    noted = pd.DataFrame(problems.rows, dtype="str")
    frames["problems"] = cast(noted, "problems") if problems.rows else empty("problems")
    return frames


def _newest(runs: pd.DataFrame) -> Ints:
    """For each row the row of the same run to keep: the newest updated_at, at a tie the later one."""
    rows = np.arange(len(runs))
    if runs["run_id"].is_unique:
        return rows
    best = pd.DataFrame(
        {"run_id": runs["run_id"], "updated_at": runs["updated_at"], "row": rows}
    ).sort_values(["updated_at", "row"])
    return best.groupby("run_id", sort=False)["row"].transform("last").sort_index().to_numpy()


def _note_losers(runs: pd.DataFrame, winner: Ints, batches: list[Batch], problems: Problems) -> None:
    locations = list(chain.from_iterable(batch.locations for batch in batches))
    for row in np.flatnonzero(winner != np.arange(len(runs))).tolist():
        detail = f"the record at {locations[winner[row]]} is newer, by updated_at or by place; it is kept"
        problems.add({"id": runs["run_id"].iloc[row]}, locations[row], "duplicate_run", detail)


def _frame(
    name: str, batches: list[Batch], words: dict[str, dict[str, Words]], keep: Flags | None
) -> pd.DataFrame:
    if not batches:
        return empty(name)
    columns: dict[str, Any] = {}
    for column in COLUMNS[name]:
        parts = [batch.chunks[name].pop(column.name) for batch in batches]
        if column.kind == "category":
            vocabulary = words["artifacts" if column.name == "origin" else name][column.name]
            columns[column.name] = _categories(parts, vocabulary, keep)
        else:
            columns[column.name] = _values(column, parts, keep)
    return pd.DataFrame(columns, copy=False)


def _categories(parts: list[Ints], vocabulary: Words, keep: Flags | None) -> pd.Categorical:
    codes = np.concatenate(parts)
    words = pd.Index(vocabulary.all, dtype="str")
    return pd.Categorical.from_codes(codes if keep is None else codes[keep], categories=words)


def _values(column: Column, parts: list[Ints], keep: Flags | None) -> Any:
    if column.kind == "str":
        text = pa.chunked_array(parts)
        kept = text if keep is None else text.filter(pa.array(keep))
        return kept.to_pandas().astype("str")  # pyarrow before 24 makes objects of nothing but nulls
    values = np.concatenate(parts)
    values = values if keep is None else values[keep]
    if column.kind == "time":
        return pd.DatetimeIndex(values.view("M8[us]")).tz_localize("UTC")
    return values.astype(DTYPES[column.kind], copy=False)
