"""Saved frames: a folder of Parquet files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pydantic

from runkit.display.text import shorten
from runkit.errors import DataError
from runkit.local import files
from runkit.tables.arrow_columns import cast
from runkit.tables.schema import SCHEMA

ABOUT_FILE = "frames.meta"


class About(pydantic.BaseModel):
    """What is saved beside the frames."""

    as_of: datetime
    as_of_basis: str
    source_missing: tuple[str, ...]
    read_from: tuple[str, ...]


def is_saved(folder: Path) -> bool:
    """Return whether a folder has saved frames, or a part of them."""
    return any((folder / name).is_file() for name in (ABOUT_FILE, "runs.parquet"))


def write_saved(
    directory: str | Path, tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any]
) -> Path:
    """Write frames, and what is known of them, to a folder.

    Raises `UsageError` if it cannot be written.
    """
    folder = files.folder_at(directory)
    for name, df in tables.items():
        with files.replacing(folder / f"{name}.parquet") as part:
            df.to_parquet(part, index=False)
    with files.replacing(folder / ABOUT_FILE) as part:
        part.write_text(About(**about).model_dump_json(), encoding="utf-8")
    return folder


def read_saved(folder: Path) -> dict[str, Any]:
    """Read the fields of `Frames`.

    Raises `DataError` for a file that is missing or damaged; names it.
    """
    about: About = _read_file(
        folder / ABOUT_FILE, lambda file: About.model_validate_json(file.read_bytes())
    )
    tables = {
        name: _read_file(folder / f"{name}.parquet", partial(_read_frame, name)) for name in SCHEMA
    }
    return tables | about.model_dump()


def _read_frame(name: str, file: Path) -> pd.DataFrame:
    df = pd.read_parquet(file)
    missing = {column.name for column in SCHEMA[name]} - {*df}
    if missing:
        raise ValueError(f"it has no column {min(missing)}")
    return cast(df, name)


def _read_file(file: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(file)
    except (OSError, OverflowError, TypeError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{file} cannot be read ({type(error).__name__}: {shorten(str(error), 200)}); expected "
            "a file written by Frames.save() of this version. Save the frames again, or restore "
            "the folder from a backup."
        ) from None
