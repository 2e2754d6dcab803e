"""Sheets that people fill: Excel workbooks and CSV files, in which text is never a formula."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from runkit.display.text import brief, shorten
from runkit.errors import UsageError
from runkit.local import files

FORMULA = r"^(?=[=+\-@\t\r])"  # how a text begins that spreadsheets would run
SUFFIXES = (".xlsx", ".csv")


def sheet_path(path: str | Path) -> Path:
    """Return the path of a sheet. Raises `UsageError` for another kind of file."""
    target = files.file_at(path)
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{brief(target.name)} is no sheet; expected a name that ends in .xlsx or .csv"
        )
    return target


def write_sheet(df: pd.DataFrame, path: Path) -> None:
    """Write a frame as a sheet for its owner only.

    In a CSV file, which has no types, an apostrophe stands before a text that a spreadsheet would
    run.
    """
    if path.suffix.lower() == ".xlsx":
        from runkit.tables._excel import write_workbook

        write_workbook({"sheet": df}, path)
        return
    texts: pd.DataFrame = df.select_dtypes("str").apply(
        lambda text: text.str.replace(FORMULA, "'", regex=True)
    )
    with files.replacing(path) as part:
        df.assign(**texts).to_csv(part, index=False, encoding="utf-8-sig")


def read_sheet(path: str | Path) -> pd.DataFrame:
    """Read a sheet as text; an empty cell is null. Raises `UsageError`."""
    source = sheet_path(path)
    try:
        if source.suffix.lower() == ".xlsx":
            from runkit.tables._excel import read_workbook

            sheet = read_workbook(source)
        else:
            sheet = pd.read_csv(source, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{brief(str(source))} cannot be read: {shorten(str(error), 200)}; expected a sheet "
            "that runkit.sample wrote."
        ) from None
    return sheet.astype("str").replace(r"^\s*$", None, regex=True)
