"""Saved frames: a folder of Parquet files; those of version 0.3 and later are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pydantic

from runkit.display.text import brief, shorten
from runkit.errors import DataError, UsageError
from runkit.local import files
from runkit.tables.arrow_columns import cast, with_warnings
from runkit.tables.problems import OLD_RULES
from runkit.tables.schema import COLUMNS, TEXT_OF

COVERAGE_FILE = "coverage.json"
FILE_SUFFIXES = (".parquet", ".csv", ".json", ".xlsx")
# Columns that version 0.3 did not write.
NEW_COLUMNS = {*TEXT_OF, "newest_at", "has_lines"}
# columns of runs that are null where no steps were read
OF_STEPS = ("n_errors", "n_findings", "working_s", "waiting_s", "idle_s", "overlap_s")
Tables = dict[str, Any]  # a DataFrame by name


class Saved(pydantic.BaseModel):
    """What is saved beside the frames: how complete they are, and the version of the archive."""

    seen: int
    kept: int
    refused: int
    why: str | None
    version: int | None
    answers: str | None = None  # not written by version 0.3
    listed_at: datetime | None = None


def is_saved(folder: Path) -> bool:
    """Return whether a folder has saved frames, or a part of them."""
    return any((folder / name).is_file() for name in (COVERAGE_FILE, "runs.parquet"))


def write_saved(
    directory: str | Path, tables: Mapping[str, pd.DataFrame], coverage: Mapping[str, Any]
) -> Path:
    """Write frames and their coverage to a folder.

    Raises `UsageError` if it is named as a file, or cannot be written.
    """
    if Path(directory).suffix.lower() in FILE_SUFFIXES:
        raise UsageError(
            f"{brief(Path(directory).name)} is the name of a file; expected a folder for the "
            "Parquet files, such as frames/."
        )
    folder = files.folder_at(directory)
    for name, df in tables.items():
        with files.replacing(folder / f"{name}.parquet") as part:
            df.to_parquet(part, index=False)
    with files.replacing(folder / COVERAGE_FILE) as part:
        part.write_text(json.dumps(coverage, default=str))
    return folder


def read_saved(folder: Path) -> tuple[Tables, dict[str, Any]]:
    """Read frames, also those of an older version, and the fields of `Saved`.

    Raises `DataError` for a file that is missing or damaged; names it.
    """
    saved = _read_file(
        folder / COVERAGE_FILE, lambda file: Saved.model_validate_json(file.read_bytes())
    )
    tables = {
        name: _read_file(folder / f"{name}.parquet", partial(_read_frame, name)) for name in COLUMNS
    }
    if "source_tier_text" not in pq.read_schema(folder / "sources.parquet").names:
        tables |= _of_0_3(tables)
    return tables, saved.model_dump()


def _of_0_3(tables: Tables) -> Tables:
    """Return runs and problems of version 0.3, which worked some columns out by other rules.

    There a run without steps had 0 errors, 0 findings and no work.
    """
    runs = tables["runs"]
    has_steps = runs["n_steps"] > 0
    known = {name: runs[name].where(has_steps) for name in OF_STEPS}
    notes = runs[["run_id"]].assign(problem="contradiction", n=1, detail=OLD_RULES)
    return {
        "runs": runs.assign(has_steps=has_steps, **known),
        "problems": with_warnings(tables["problems"], notes),
    }


def _read_frame(name: str, file: Path) -> pd.DataFrame:
    df = pd.read_parquet(file)
    missing = {column.name for column in COLUMNS[name]} - {*df, *NEW_COLUMNS}
    if missing:
        raise ValueError(f"it has no column {min(missing)}")
    for text, category in TEXT_OF.items():
        if category in df and text not in df:  # other words are lost, and null
            words = df[category].astype("str")
            df[text] = words.where(words.ne("other"))
    return cast(df, name)


def _read_file(file: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(file)
    except (OSError, OverflowError, TypeError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{file} cannot be read ({type(error).__name__}: {shorten(str(error), 200)}); expected "
            "a file written by Frames.save() of version 0.3 or later. Save the frames again, or "
            "restore the folder from a backup."
        ) from None
