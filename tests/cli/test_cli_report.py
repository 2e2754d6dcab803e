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


def test_report_reads_a_file_of_runs(tmp_path, served, reported):
    """What `fetch` wrote becomes a report without a client."""
    run("fetch", "-o", "runs.ndjson", cwd=tmp_path, **served)
    words = ("--template", "runs", "--sla-h", "4", "-o", "runs.html")
    done = run("report", "runs.ndjson", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout[:10]) == (0, "runs.html "), done.stderr
    [(f, options)] = reported
    assert len(f.runs) == 6
    assert f.read_from[0].startswith("127.0.0.1:")
    assert options == {"template": "runs", "sla_h": 4}


def test_a_report_of_incomplete_data_says_so(tmp_path, reported):
    """It is written, a warning says what is missing, and the exit code is 3."""
    (tmp_path / "runs.ndjson").write_text(f"{json.dumps(raw())}\n{{}}\n")
    done = run("report", "runs.ndjson", "-o", "a.html", cwd=tmp_path)
    assert (done.returncode, len(reported)) == (3, 1)
    assert done.stderr.splitlines()[-1] == "Incomplete: 1 of 2 records refused; 1 run without steps"


@pytest.mark.parametrize("kept", ["runs.ndjson", "runs/"])
def test_report_picks_one_run_of_a_file(tmp_path, served, reported, kept):
    """An id picks it out of a file or a folder, by its start."""
    run("fetch", "-o", kept, cwd=tmp_path, **served)
    f = runkit.frames(tmp_path / kept)
    run_id = f.runs["run_id"][1]
    for name in (run_id, run_id[:8].upper()):
        done = run("report", kept, name, "-o", "report.html", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert reported[-1][0].runs["run_id"].tolist() == [run_id]


@pytest.mark.parametrize("name", ["0000", "deadbeef"])
def test_report_refuses_a_run_that_is_not_in_the_file(tmp_path, name):
    """Exit code 2, the id that is missing is named, and nothing is written."""
    (tmp_path / "runs.ndjson").write_text(json.dumps(raw(run_id="83fe7317-a")))
    done = run("report", "runs.ndjson", name, "-o", "report.html", cwd=tmp_path)
    assert done.returncode == 2
    assert name in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["runs.ndjson"]


def test_report_refuses_a_file_that_holds_no_runs(tmp_path, served):
    """The name of a file that is not one of runs is not sent to the API as an id."""
    (tmp_path / "table.csv").touch()
    done = run("report", "table.csv", "-o", "x.html", cwd=tmp_path, **served)
    assert (done.returncode, "table.csv is not a file of runs; expected .json" in done.stderr) == (
        2,
        True,
    )
