"""The evidence folder of a report: what is in it, who can read it, and how a change is noticed."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

import runkit
from support import example, run, step
from tests.reports.conftest import make, write_template

EIN = "47-1839265"
READ = "import runkit\ndata = runkit.report_data()"


@pytest.fixture
def folder(tmp_path, without_kernel):
    """Return a function that makes a report on a run with a tax number, and returns its folder."""
    template = write_template(tmp_path / "own.ipynb", READ, "print(len(data.frames))")
    raw = example("completed")
    raw["steps"][0]["label"] = f"EIN {EIN}"

    def made(source=raw, **options):
        path = tmp_path / "out" / "report.html"
        options |= {"template": template, "evidence": tmp_path / "out"}
        return make(source, path, **options).report.evidence

    return made


def check(folder, *command):
    """Check a folder by a command; return the exit code and what it printed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_a_changed_byte_is_named_by_both_checks(folder):
    """The report itself may be written into its folder, which only the owner can read."""
    path = folder()
    commands = ["sha256sum", "-c", "SHA256SUMS"], [sys.executable, "-I", "verify.py"]
    assert [check(path, *command)[0] for command in commands] == [0, 0]
    assert path.stat().st_mode & 0o777 == 0o700
    runs = path / "runs.ndjson"
    runs.write_bytes(runs.read_bytes().replace(b"medium", b"mediun", 1))
    for command in commands:
        code, text = check(path, *command)
        assert code == 1
        assert "runs.ndjson" in text
        assert "about.json" not in text.replace("about.json: OK", "")


def test_the_runs_of_the_folder_make_the_same_report(folder, tmp_path):
    path = folder()
    about = json.loads((path / "about.json").read_text())
    again = make(path / "runs.ndjson", tmp_path / "again.html", template=tmp_path / "own.ipynb")
    assert again.report.digest in about["provenance"]["data digest"]
    assert about["run_ids"] == runkit.frames(path / "runs.ndjson").runs["run_id"].tolist()
    assert (about["is_complete"], about["masked"]) == (True, {"ein": 1})
    assert len(about["assumptions"]) >= 36


def test_frames_are_masked_parquet(folder):
    """They hold no raw runs, and steps that were not delivered make the folder incomplete."""
    f = runkit.frames([run(step("a", label=f"EIN {EIN}")), run(run_id="listed") | {"steps": None}])
    path = folder(f)
    about = json.loads((path / "about.json").read_text())
    assert not (path / "runs.ndjson").exists()
    assert pd.read_parquet(path / "frames" / "steps.parquet")["label"].tolist() == ["EIN [ein 1]"]
    assert len(runkit.frames(path / "frames")) == 2
    assert about["data"].startswith("frames/")
    assert not about["is_complete"]
    assert "1 run" in about["why_not"]


def test_what_is_not_masked_says_raw(folder):
    path = folder(redact=False, classification="Internal")
    assert EIN in (path / "runs.ndjson").read_text()
    assert "RAW · Internal" in (path / "report.html").read_text()
