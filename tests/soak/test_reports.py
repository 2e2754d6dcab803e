"""Reports, one after the other: what ten of them leave behind."""

import tempfile

import pytest

import runkit
from tests.soak.conftest import nothing_left


@pytest.mark.timeout(1800)
def test_ten_reports_leave_nothing(tmp_path, monkeypatch):
    """Each makes its two files, and then no kernel, thread, socket or temporary file is left."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with runkit.sandbox(speed=3000) as box, box.client(rate=None) as client:
        run = client.runs.wait(
            client.runs.create("cip_orchestrator", box.business("clean_pass")), poll=0.05
        )
        runkit.report(run, tmp_path / "warm.html")  # what is loaded once stays
        with nothing_left():
            for number in range(10):
                runkit.report(run, tmp_path / f"{number}.html")
                assert list(temporary.iterdir()) == []
