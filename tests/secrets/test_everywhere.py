"""The key, a password of a proxy: in nothing that a notebook shows, keeps, writes, logs or starts."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from tests.secrets.canary import CANARY, found_in
from tests.secrets.conftest import LOGIN, Leftovers

SECRETS = (CANARY, LOGIN)


def test_the_notebook_did_all_that_was_asked(leftovers: Leftovers) -> None:
    """The cells that were to fail did, each with its error, and no other."""
    assert leftovers.errors() == [
        *("NotFound", "AuthError", "UsageError", "UsageError", "UsageError", "UsageError", "AuthError"),
        *("ContractError", "Conflict", "UsageError", "Unavailable", "Unavailable", "ContractError"),
    ]


def test_no_output_of_a_cell_holds_it(leftovers: Leftovers) -> None:
    """Errors, lists of variables, members, frames, charts, widgets and their state."""
    assert "'***'" in leftovers.text
    assert leftovers.executed.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert not found_in(leftovers.text, *SECRETS)
    for cell in leftovers.executed.cells:
        assert not found_in(json.dumps(cell.outputs, ensure_ascii=False), *SECRETS)
        assert not found_in(str(cell.outputs), *SECRETS)


FILES: dict[str, str] = {
    "debug.log": "GET /v1/runs",
    "widgets.json": "LayoutModel",
    "crash.txt": "File ",
    "commands.txt": "ipykernel_launcher",
    "report.html": "<html",
    "report.ipynb": "cmdline",
    "executed.ipynb": "nbformat",
    "state/runkit.sqlite3": "another date of birth",
}


@pytest.mark.parametrize("name", FILES)
def test_no_file_holds_it(leftovers: Leftovers, name: str) -> None:
    """Debug log, embedded widgets, crash dump, command lines, report, drafts and answer log."""
    content = (leftovers.folder / name).read_bytes()
    assert FILES[name].encode() in content
    assert not found_in(content, *SECRETS)


def test_no_file_at_all_holds_it(leftovers: Leftovers) -> None:
    """Whatever lies in the folder, as bytes and, where it is Parquet, as the values in it."""
    files = [path for path in leftovers.folder.rglob("*") if path.is_file()]
    tables = [path for path in files if path.suffix == ".parquet"]
    assert len(tables) >= 7
    assert any("runs" in str(path) for path in tables)
    said = [str(pq.read_table(path).to_pylist()) for path in tables]
    for path, text in [*((path, path.read_bytes()) for path in files), *zip(tables, said, strict=True)]:
        assert not found_in(text, *SECRETS), path
