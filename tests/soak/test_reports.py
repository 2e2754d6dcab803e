"""Reports, one after the other: what ten of them leave behind; and slow variations."""

import tempfile
from pathlib import Path

import nbformat
import pytest

import runkit
from support import run, step
from tests.reports.conftest import make
from tests.soak.conftest import MB, grown, nothing_left, rss


@pytest.mark.timeout(1800)
def test_ten_reports_leave_nothing(tmp_path, monkeypatch):
    """Each makes its two files, and then no kernel, thread, socket or temporary file is left."""
    temporary = tmp_path / "tmp"
    made = tmp_path / "made"
    for folder in (temporary, made):
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    sizes = []
    with runkit.sandbox(speed=3000) as box, box.client(rate=None) as client:
        run = client.runs.wait(
            client.runs.create("cip_orchestrator", box.business("clean_pass")), poll=0.05
        )
        runkit.report(run, made / "warm.html")  # what is loaded once stays
        with nothing_left():
            for number in range(10):
                runkit.report(run, made / f"{number}.html")
                assert list(temporary.iterdir()) == []
                sizes.append(rss())
    assert len(list(made.iterdir())) == 2 * 11
    assert grown(sizes[2:]) < 10 * MB, "a page holds 5 MB: more than two of them stayed"


def test_the_executed_notebook_is_bounded(tmp_path):
    """A text of a megabyte is shortened in tables, their plain form included."""
    source = run(step("s", label="long " * 200_000), output={"artifacts": []})
    done = make(source, tmp_path / "a.html")
    assert Path(done.report.notebook).stat().st_size < 6_000_000
    nbformat.validate(nbformat.read(done.report.notebook, as_version=4))
