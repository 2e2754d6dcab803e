"""`runkit report` of a file."""

import json

import pytest

from support import run as raw
from support import step
from tests.cli.conftest import run
from tests.reports.conftest import without_kernel

__all__ = ["without_kernel"]


@pytest.mark.usefixtures("without_kernel")
def test_a_report_of_incomplete_data_says_so(tmp_path):
    """An id picks a run by its start; the exit code is 3 if a record could not be read."""
    runs = [raw(step("s"), run_id=f"{letter * 8}-1") for letter in "ab"]
    (tmp_path / "runs.ndjson").write_text("\n".join([*map(json.dumps, runs), "{}"]))
    done = run("report", "runs.ndjson", "BBBBBBBB", "-o", "report.html", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, "Incomplete: 1 of 3 records refused\n")
    assert done.stdout.startswith("report.html (1 run, ")
