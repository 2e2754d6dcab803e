"""`runkit report` and `runkit export`, and how runs are named there."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

import runkit
from support import run as raw
from tests.app.conftest import run


def test_report_makes_a_file_and_prints_its_digest(tmp_path: Path, served: dict[str, str]) -> None:
    """A run by its id, read only; the SHA-256 is that of the file, and the key is in neither file."""
    with runkit.Client(api_key=served["RUNKIT_SANDBOX_KEY"], base_url=served["RUNKIT_SANDBOX_URL"]) as client:
        [run_id] = client.runs.list(limit=1, status="completed").ids
    done = run("report", run_id, "--sandbox", "-o", "report.html", "--title", "Mine", cwd=tmp_path, **served)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_bytes()
    assert f"SHA-256 {hashlib.sha256(page).hexdigest()}" in done.stdout
    assert run_id.encode() in page
    both = page + (tmp_path / "report.ipynb").read_bytes()
    assert served["RUNKIT_SANDBOX_KEY"].encode() not in both
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.ipynb"]


@pytest.mark.parametrize(("kind", "top"), [("perfetto", "traceEvents"), ("otlp", "resourceSpans")])
def test_export_of_a_file(tmp_path: Path, served: dict[str, str], kind: str, top: str) -> None:
    """What `fetch` wrote becomes a file for a trace viewer; `--run` picks one run, `--mask` masks more."""
    run("fetch", "--sandbox", "-o", "runs.ndjson", cwd=tmp_path, **served)
    first = json.loads((tmp_path / "runs.ndjson").read_text().splitlines()[0])["id"]
    for more in ((), ("--run", first[:8], "--mask", "phase=plan_review")):
        done = run("export", "runs.ndjson", "--to", kind, "-o", "trace.json", *more, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert done.stderr.startswith(f"Saved {1 if more else 6} run")
        text = (tmp_path / "trace.json").read_text()
        assert json.loads(text)[top]
        assert ("plan_review" in text, "[phase 1]" in text) == (not more, bool(more))


def test_report_of_a_file(tmp_path: Path, served: dict[str, str]) -> None:
    """What `fetch` wrote becomes a fleet report without a client; the host is the one it was read from."""
    run("fetch", "--sandbox", "-o", "runs.ndjson", cwd=tmp_path, **served)
    done = run("report", "runs.ndjson", "--template", "fleet", "-o", "fleet.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "6 runs" in done.stdout
    assert "from 127.0.0.1:" in (tmp_path / "fleet.html").read_text()


@pytest.mark.parametrize("kept", ["runs.ndjson", "runs/"])
def test_report_of_one_run_of_many(tmp_path: Path, served: dict[str, str], kept: str) -> None:
    """`--run` picks it out of a file or an archive, without a client; the report is of that run only."""
    run("fetch", "--sandbox", "-o", kept, cwd=tmp_path, **served)
    f = runkit.frames(runkit.Archive(tmp_path / kept) if kept == "runs/" else tmp_path / kept)
    ids = f.runs["run_id"].tolist()
    done = run("report", kept, "--run", ids[1], "-o", "one.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "(1 run, " in done.stdout
    page = (tmp_path / "one.html").read_text()
    assert [run_id in page for run_id in ids] == [run_id == ids[1] for run_id in ids]
    assert f.version is None or f"archive.frames(version={f.version})" in page


def test_the_first_characters_name_a_run_of_a_file(tmp_path: Path, served: dict[str, str]) -> None:
    """Eight of them are enough; the report is of that run only."""
    run("fetch", "--sandbox", "-o", "runs.ndjson", cwd=tmp_path, **served)
    ids = runkit.frames(tmp_path / "runs.ndjson").runs["run_id"].tolist()
    done = run("report", "runs.ndjson", "--run", ids[2][:8].upper(), "-o", "one.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "one.html").read_text()
    assert [run_id in page for run_id in ids] == [run_id == ids[2] for run_id in ids]


def test_the_first_characters_name_a_run_of_the_api(tmp_path: Path, served: dict[str, str]) -> None:
    """The whole id is looked up in the list of runs."""
    with runkit.Client(api_key=served["RUNKIT_SANDBOX_KEY"], base_url=served["RUNKIT_SANDBOX_URL"]) as client:
        [run_id] = client.runs.list(limit=1, status="completed").ids
    done = run("report", run_id[:8], "--sandbox", "-o", "report.html", cwd=tmp_path, **served)
    assert done.returncode == 0, done.stderr
    assert run_id in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("prefix", "candidates"), [("83fe7317", {"83fe7317-a", "83fe7317-b"}), ("83fe731", set())]
)
def test_first_characters_that_name_no_single_run(tmp_path: Path, prefix: str, candidates: set[str]) -> None:
    """Of several runs, the error lists all; fewer than eight characters are no prefix. Nothing is written."""
    lines = [json.dumps(raw(run_id=run_id)) for run_id in ("83fe7317-a", "83fe7317-b", "93fe7317-c")]
    (tmp_path / "runs.ndjson").write_text("\n".join(lines))
    done = run("report", "runs.ndjson", "--run", prefix, "-o", "report.html", cwd=tmp_path)
    assert done.returncode == 2
    assert set(re.findall("[0-9a-f]{8}-[abc]", done.stderr)) == candidates
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["runs.ndjson"]


def test_report_of_a_run_that_is_not_in_the_file(tmp_path: Path, served: dict[str, str]) -> None:
    """Exit code 2, the id that is missing is named, and nothing is written."""
    run("fetch", "--sandbox", "-o", "runs.ndjson", cwd=tmp_path, **served)
    done = run("report", "runs.ndjson", "--run", "0000", "-o", "report.html", cwd=tmp_path)
    assert (done.returncode, "--run 0000: not among the 6 runs" in done.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["runs.ndjson"]


def test_report_of_a_run_that_is_not_there(tmp_path: Path, served: dict[str, str]) -> None:
    """Exit code 1, and nothing is written."""
    done = run("report", "0000", "--sandbox", "-o", "report.html", cwd=tmp_path, **served)
    assert done.returncode == 1
    assert "404" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_run_id(tmp_path: Path, served: dict[str, str]) -> None:
    """The name of a file that is not one of runs is not sent to the API as an id."""
    (tmp_path / "table.csv").touch()
    done = run("report", "table.csv", "-o", "x.html", "--sandbox", cwd=tmp_path, **served)
    assert (done.returncode, "table.csv is not a file of runs; expected .json" in done.stderr) == (2, True)
