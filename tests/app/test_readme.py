"""What README shows works as it stands there."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import runkit
from runkit.cli import parser
from runkit.tables.schema import SCHEMA

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What README's Python blocks leave behind, run in order, in one namespace and an empty folder."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    names: dict[str, Any] = {"folder": tmp_path_factory.mktemp("readme")}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(names["folder"])
        for block in blocks:
            exec(compile(block, "README.md", "exec"), names)  # noqa: S102
    return names


def test_every_python_block_runs(ran: dict[str, Any]) -> None:
    """The frames are whole, and the reports are there."""
    assert len(ran["f"].runs) == 13
    assert ran["f"].is_complete
    assert ran["made"].n_runs == 1
    made = {path.name for path in ran["folder"].iterdir()}
    assert made == {"report.html", "report.ipynb", "fleet.html", "fleet.ipynb", "interrupts.xlsx", "runs"}
    assert len(ran["same_again"].runs) == 60


def test_what_excel_gets_is_text(ran: dict[str, Any], tmp_path: Path) -> None:
    """A text that looks like a formula or an address is none, and a time is the time in UTC."""
    when = pd.Timestamp("2026-02-03 10:00", tz="UTC").tz_convert("America/New_York").tz_convert("UTC")
    hostile = ["=1+1", "@SUM(A1)", "https://evil.example", "-2+3"]
    frame = pd.DataFrame({"label": pd.Series(hostile, dtype="str"), "asked_at": [when] * 4})
    ran["to_excel"](frame, tmp_path / "book.xlsx")
    with zipfile.ZipFile(tmp_path / "book.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        texts = book.read("xl/sharedStrings.xml").decode()
        names = book.namelist()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert not [name for name in names if "rels" in name and "sheet" in name]
    assert all(f"<t>{text}</t>" in texts for text in hostile)
    assert sheet.count("<v>46056.41666666666</v>") == 4  # 3 February 2026, 10:00


def test_the_recipe_for_csv_keeps_formulas_out() -> None:
    """The expression in README puts an apostrophe before what a spreadsheet would run."""
    [recipe] = re.findall(r"`(text\.str\.replace\(.*?\))`", README)
    text = pd.Series(["=1+1", "+1", "-1", "@x", "\tx", "a=b", ""], dtype="str")
    safe = eval(recipe, {"text": text})  # noqa: S307
    assert safe.tolist() == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "a=b", ""]


def test_every_command_and_option_named_exists() -> None:
    """No `runkit …` in README is made up."""
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL):
        for command in re.findall(r"^runkit (.+)$|/runkit (\S+)$", block, re.MULTILINE):
            parser().parse_args("".join(command).split())


def test_every_file_named_exists() -> None:
    """Links, scripts and pictures."""
    for name in re.findall(r"\]\((?!http)([^)]+)\)|\b((?:tests|\.ci|runkit)/[\w./]+\w)", README):
        path = name[0] or name[1]
        assert (ROOT / path).exists() or (ROOT / f"{path}.py").exists(), path


def test_every_frame_and_public_function_is_explained() -> None:
    """The six frames and every public name stand in README, or in a docstring of their own."""
    for frame in SCHEMA:
        assert f"| `{frame}` |" in README
    for name in runkit.__all__:
        assert name in README or getattr(runkit, name).__doc__
