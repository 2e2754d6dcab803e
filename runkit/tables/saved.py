"""Saved frames: a folder of Parquet files, which every later version reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pydantic

from runkit import files
from runkit.contract import RESOLUTIONS
from runkit.errors import DataError
from runkit.tables.columns import cast
from runkit.tables.schema import COLUMNS
from runkit.text import shorten

COVERAGE_FILE = "coverage.json"
# Columns of 0.2 that have another name today.
RENAMED = {"order": "step_no"}
Tables = dict[str, Any]  # a DataFrame by name


class Saved(pydantic.BaseModel):
    """What is saved beside the frames: how complete they are, and the version of the archive."""

    seen: int
    kept: int
    refused: int
    why: str | None
    version: int | None = None  # not written by version 0.1


def is_saved(folder: Path) -> bool:
    """Whether a folder has saved frames, or a part of them."""
    return any((folder / name).is_file() for name in (COVERAGE_FILE, "runs.parquet"))


def write_saved(
    directory: str | Path, tables: Mapping[str, pd.DataFrame], coverage: Mapping[str, Any]
) -> Path:
    """Write frames and their coverage to a folder. Raises `UsageError` if it cannot be written."""
    folder = files.folder_at(directory)
    for name, df in tables.items():
        with files.replacing(folder / f"{name}.parquet") as part:
            df.to_parquet(part, index=False)
    with files.replacing(folder / COVERAGE_FILE) as part:
        part.write_text(json.dumps(coverage))
    return folder


def read_saved(folder: Path) -> tuple[Tables, Saved]:
    """Read frames, also those of an older version, and their coverage.

    Raises `DataError` for a file that is missing or damaged; names it.
    """
    saved = _read_file(folder / COVERAGE_FILE, lambda file: Saved.model_validate_json(file.read_bytes()))
    tables: Tables = {}
    absent: set[tuple[str, str]] = set()
    for name in COLUMNS:
        file = folder / f"{name}.parquet"
        if file.is_file() or name != "reads":  # not written by version 0.1
            tables[name], missing = _read_file(file, partial(_read_frame, name))
            absent |= missing
    return _completed(tables, absent), saved


def _read_frame(name: str, file: Path) -> tuple[pd.DataFrame, set[tuple[str, str]]]:
    """Read a frame with the names and dtypes of today, and return which of its columns were not written."""
    names = {column.name for column in COLUMNS[name]}
    df = pd.read_parquet(file).rename(columns={old: new for old, new in RENAMED.items() if old not in names})
    return cast(df, name), {(name, column) for column in names.difference(df)}


def _completed(tables: Tables, absent: set[tuple[str, str]]) -> Tables:
    """Compute columns that an older version did not write, where they follow from others."""
    runs, steps, artifacts = (tables[name] for name in ("runs", "steps", "artifacts"))
    is_question = steps["type"].eq("interrupt")
    is_finding = ~artifacts["is_repeat"] & artifacts["origin"].ne("output")
    n_findings = artifacts[is_finding].groupby("run_id").size()
    columns: dict[tuple[str, str], Any] = {
        ("problems", "n"): 1,
        ("runs", "n_findings"): runs["run_id"].map(n_findings).fillna(0),
        ("steps", "is_failed"): (steps["type"].eq("error") | steps["status"].eq("error")) & ~is_question,
        ("steps", "is_wait"): is_question & ~steps["resolution"].isin(RESOLUTIONS),
    }
    if absent & columns.keys():
        steps["label"] = steps["label"].fillna(steps["name"]).fillna(steps["type"].astype("str"))
    for name, column in absent & columns.keys():
        tables[name] = cast(tables[name].assign(**{column: columns[name, column]}), name)
    return tables


def _read_file(file: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(file)
    except (OSError, OverflowError, TypeError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{file} cannot be read ({type(error).__name__}: {shorten(str(error), 200)}); expected a file "
            "written by Frames.save(). Save the frames again, or restore the folder from a backup."
        ) from None
