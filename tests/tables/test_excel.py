"""The frames as an Excel workbook."""

from __future__ import annotations

import re
import zipfile

import pandas as pd

import runkit
from support import run, step

HOSTILE = ["=1+1", "@SUM(A1)", "https://evil.example", "-2+3"]


def test_text_stays_text_and_times_are_utc(tmp_path):
    """No formula, no link; a sheet for each frame.

    A start as a number of Excel.
    """
    f = runkit.frames(run(*(step(str(number), label=text) for number, text in enumerate(HOSTILE))))
    with zipfile.ZipFile(f.to_excel(tmp_path / "book.xlsx")) as book:
        names = book.namelist()
        sheets = [book.read(name).decode() for name in names if "worksheets/sheet" in name]
        texts = book.read("xl/sharedStrings.xml").decode()
    assert len(sheets) == 6
    assert not [sheet for sheet in sheets if "<f>" in sheet or "hyperlink" in sheet]
    assert all(f"<t>{text}</t>" in texts for text in HOSTILE)
    days = (f.steps["started_at"] - pd.Timestamp("1899-12-30", tz="UTC")) / pd.Timedelta(days=1)
    numbers = {float(number) for number in re.findall(r"<v>(\d+\.\d+)</v>", sheets[1])}
    assert all(min(abs(number - day) for number in numbers) < 1e-6 for day in days)


def test_a_text_that_is_too_long_for_a_cell_says_so(tmp_path):
    """A cell of Excel holds 32,767 characters."""
    f = runkit.frames(run(step("a", result={"text": "x" * 40_000})))
    with zipfile.ZipFile(f.to_excel(tmp_path / "book.xlsx")) as book:
        texts = book.read("xl/sharedStrings.xml").decode()
    assert "… [40,011 characters; a cell holds 32,767]</t>" in texts
