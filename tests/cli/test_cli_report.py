"""`runkit report`, and how runs are named there."""

import json
from pathlib import Path

import pytest

import runkit
from runkit.reports.report import Report
from support import run as raw
from tests.cli.conftest import run


@pytest.fixture
def reported(monkeypatch):
    """What `runkit report` hands to `report()`, which is not executed.

    The frames and the options.
    """
    calls = []

    def note(source, path, **options):
        f = runkit.frames(source)
        calls.append((f, options))
        missing = "; ".join(f.missing) or None
        return Report(Path(path), Path(path), {}, len(f.runs), 0, missing)

    monkeypatch.setattr(runkit, "report", note)
    return calls


def test_a_report_of_incomplete_data_says_so(tmp_path, reported):
    """It is written, a warning says what is missing, and the exit code is 3."""
    (tmp_path / "runs.ndjson").write_text(f"{json.dumps(raw())}\n{{}}\n")
    done = run("report", "runs.ndjson", "-o", "a.html", cwd=tmp_path)
    assert (done.returncode, len(reported)) == (3, 1)
    assert done.stderr.splitlines()[-1] == "Incomplete: 1 of 2 records refused; 1 run without steps"


def test_report_picks_one_run_of_a_file(tmp_path, reported):
    """An id picks it out by its start, in any case."""
    runs = [raw(run_id=f"{letter * 8}-1") for letter in "ab"]
    (tmp_path / "runs.ndjson").write_text("\n".join(map(json.dumps, runs)))
    words = ("--template", "run", "--sla-h", "4", "-o", "report.html")
    run("report", "runs.ndjson", "BBBBBBBB", *words, cwd=tmp_path)
    [(f, options)] = reported
    assert f.runs["run_id"].tolist() == ["bbbbbbbb-1"]
    assert options == {"template": "run", "sla_h": 4}
