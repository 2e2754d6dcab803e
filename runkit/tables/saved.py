"""Frames in files: a folder of Parquet files, or an Excel workbook, where text stays text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pydantic

from runkit.display.text import brief, shorten
from runkit.errors import DataError, MissingExtra, UsageError
from runkit.local import files
from runkit.tables.schema import FRAME_COLUMNS, cast

MAX_SHEET_ROWS = 1_048_575  # rows of a sheet, without its head
MAX_CELL_TEXT = 32_767  # characters of a cell
MAX_WIDTH = 400  # pixels of a column
TEXT_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
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
        name: _read_file(folder / f"{name}.parquet", partial(_read_frame, name))
        for name in FRAME_COLUMNS
    }
    return tables | about.model_dump()


def _read_frame(name: str, file: Path) -> pd.DataFrame:
    df = pd.read_parquet(file)
    missing = {column.name for column in FRAME_COLUMNS[name]} - {*df}
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


def write_workbook(tables: Mapping[str, pd.DataFrame], path: str | Path) -> Path:
    """Write a sheet for each frame, and return the file. Raises `UsageError`."""
    try:
        import xlsxwriter  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        raise MissingExtra.of("excel", "an Excel file") from None
    target = files.file_at(path)
    if target.suffix.lower() != ".xlsx":
        raise UsageError(
            f"{brief(target.name)} is no Excel file; expected a name that ends in .xlsx"
        )
    for name, df in tables.items():
        if len(df) > MAX_SHEET_ROWS:
            raise UsageError(
                f"{name} has {len(df):,} rows; a sheet holds {MAX_SHEET_ROWS:,}. Select fewer, or "
                "use f.save()."
            )
    with (
        files.replacing(target) as part,
        part.open("wb") as file,
        pd.ExcelWriter(file, engine="xlsxwriter", engine_kwargs={"options": TEXT_OPTIONS}) as book,
    ):
        for name, df in tables.items():
            _for_excel(df).to_excel(
                book, sheet_name=name, index=False, freeze_panes=(1, 0), autofilter=True
            )
            book.sheets[name].autofit(max_width=MAX_WIDTH)
    return target


def _for_excel(df: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without time zones, which are UTC, and with texts that fit into a cell."""
    times = df.select_dtypes("datetimetz").apply(lambda column: column.dt.tz_localize(None))
    texts: pd.DataFrame = df.select_dtypes("str").map(_shortened, na_action="ignore")
    return df.assign(**times, **texts)


def _shortened(text: str) -> str:
    note = f"… [{len(text):,} characters; a cell holds {MAX_CELL_TEXT:,}]"
    return text if len(text) <= MAX_CELL_TEXT else text[: MAX_CELL_TEXT - len(note)] + note
