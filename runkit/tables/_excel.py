"""Frames as sheets of an Excel workbook, in which text is never a formula or a link."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from runkit.display.text import brief
from runkit.errors import MissingExtra, UsageError
from runkit.local import files

try:
    import xlsxwriter  # type: ignore[import-untyped]  # noqa: F401
except ImportError:
    raise MissingExtra.of("excel", "an Excel file") from None

MAX_ROWS = 1_048_575  # rows of a sheet, without its head
MAX_TEXT = 32_767  # characters of a cell
MAX_WIDTH = 400  # pixels of a column
OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def write_workbook(tables: Mapping[str, pd.DataFrame], path: str | Path) -> Path:
    """Write a sheet for each frame, and return the file. Raises `UsageError`."""
    target = files.file_at(path)
    if target.suffix.lower() != ".xlsx":
        raise UsageError(
            f"{brief(target.name)} is no Excel file; expected a name that ends in .xlsx"
        )
    for name, df in tables.items():
        if len(df) > MAX_ROWS:
            raise UsageError(
                f"{name} has {len(df):,} rows; a sheet holds {MAX_ROWS:,}. Select fewer, or "
                "use f.save()."
            )
    with (
        files.replacing(target) as part,
        part.open("wb") as file,
        pd.ExcelWriter(file, engine="xlsxwriter", engine_kwargs={"options": OPTIONS}) as book,
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
    note = f"… [{len(text):,} characters; a cell holds {MAX_TEXT:,}]"
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - len(note)] + note
