"""Runs of the sandbox, and reports on them that many tests look at."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import psutil
import pytest

import runkit
from runkit.reports import templates
from runkit.reports.report import Report

Make = Callable[..., "Made"]


class Made(NamedTuple):
    """A report, and the texts of its two files."""

    report: Report
    page: str
    notebook: Mapping[str, Any]

    @property
    def outputs(self) -> str:
        """What the cells printed and showed, as JSON."""
        return json.dumps(
            [cell.get("outputs") for cell in self.notebook["cells"]], ensure_ascii=False
        )


def make(source: object, path: Path, **options: Any) -> Made:
    """Make a report and read its files."""
    report = runkit.report(source, path, progress=False, **options)
    texts = [file.read_text(encoding="utf-8") for file in (report.html, report.notebook)]
    return Made(report, texts[0], json.loads(texts[1]))


def write_template(path: Path, *cells: str) -> Path:
    """Write a template of one's own: code cells, and Markdown cells that begin with a #."""
    kinds = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    nb = nbformat.v4.new_notebook(cells=[kinds[not cell.startswith("#")](cell) for cell in cells])
    nbformat.write(nb, path)
    return path


@pytest.fixture(scope="session")
def box():
    """A sandbox with a past of forty runs."""
    with runkit.sandbox(speed=600, history=40, seed=7) as running:
        yield running


@pytest.fixture(scope="session")
def fetched(box):
    """Its past runs."""
    with box.client(read_only=True, rate=None) as client:
        return client.runs.fetch(client.runs.list(limit=None), progress=False)


@pytest.fixture(scope="session")
def completed(fetched):
    """The completed ones, those first that waited longest for a person."""
    waits = runkit.frames(fetched).runs.set_index("run_id")["waiting_s"]
    ended = [run for run in fetched if run.status == "completed"]
    return sorted(ended, key=lambda run: -waits[run.id])


@pytest.fixture(scope="session")
def made(fetched, completed, tmp_path_factory):
    """Make reports on runs of the sandbox, each once; their number chooses how."""
    folder = tmp_path_factory.mktemp("reports")
    sources = {"run": completed[0], "runs": fetched}
    running = completed[0].to_dict() | {"status": "running", "ended_at": None}
    options = {"runs": {"before": running}}
    return cache(
        lambda template: make(
            sources[template], folder / f"{template}.html", **options.get(template, {})
        )
    )


def execute_here(notebook: Any, data: Path, **_: object) -> None:
    """Execute a template in this process; its outputs are what it printed."""
    names: dict[str, Any] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), pytest.MonkeyPatch.context() as patch:
                patch.setitem(os.environ, "RUNKIT_REPORT_DATA", str(data))
                exec(cell.source, names)  # noqa: S102 - written by the test
            text = printed.getvalue()
            cell.outputs = [nbformat.v4.new_output("stream", text=text)] if text else []


@pytest.fixture
def without_kernel(monkeypatch):
    """Execute templates in this process, for tests of other things: a kernel takes two seconds to start."""
    monkeypatch.setattr(templates, "execute", execute_here)


@pytest.fixture
def leaves_nothing(monkeypatch, tmp_path_factory):
    """Check that after the test no kernel runs and no temporary file is left that it began."""
    folder = tmp_path_factory.mktemp("temporary")
    before = kernels()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert kernels() == before
    assert list(folder.iterdir()) == []


def kernels() -> set[int]:
    """The kernels that this process has started and that still run."""
    return {
        child.pid
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE
        and any("ipykernel" in word for word in child.cmdline())
    }
