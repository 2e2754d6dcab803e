"""Several writers: nothing is lost, and nothing counts twice."""

import os
import subprocess
import sys
from contextlib import ExitStack

import deltalake
import pytest
from deltalake.exceptions import CommitFailedError

import runkit
from runkit.errors import ArchiveError
from support import run
from tests.archive.conftest import check_holds, item


def test_two_fetches_into_one_archive_store_each_run_once(tmp_path):
    """`runkit fetch -o runs/` twice at once.

    Both say that all is there, and each run is there once.
    """
    with runkit.sandbox(speed=600, history=20, seed=3) as box, box.client() as client:
        there = os.environ | {"MIDDESK_API_KEY": box.key, "MIDDESK_BASE_URL": box.url}
        command = [sys.executable, "-m", "runkit", "fetch", "-o", f"{tmp_path}/runs/"]
        with ExitStack() as stack:
            started = [subprocess.Popen(command, env=there) for _ in range(2)]
            fetches = [stack.enter_context(process) for process in started]
        assert [process.returncode for process in fetches] == [0, 0]
        listed = client.runs.list()
    assert sorted(runkit.Archive(tmp_path / "runs").frames().runs["run_id"]) == sorted(listed.ids)


def test_a_commit_that_fails_is_an_archive_error(tmp_path, monkeypatch):
    """When the table refuses every try, that is said; what was there can be read."""
    archive = runkit.Archive(tmp_path / "runs")
    archive.add([run(run_id="a")])

    def refuse(*args, **named):
        raise CommitFailedError("no")

    with monkeypatch.context() as patch:
        patch.setattr(deltalake.DeltaTable, "create_write_transaction", refuse)
        with pytest.raises(ArchiveError, match="came first"):
            archive.add([run(run_id="b")])
    assert [stored.id for stored in archive] == ["a"]
    assert archive.add([run(run_id="b")]).n_new == 1


def test_two_writers_at_once_lose_and_double_no_run(archive, tmp_path):
    """Another writer adds a run of its own, and one of ours, while ours are on their way."""
    archive.add([item("first")])

    def coming():
        yield item("a")
        runkit.Archive(tmp_path / "runs").add([item("b"), item("c")], progress=False)
        yield item("c")

    archive.add(coming(), progress=False)
    check_holds(archive, dict.fromkeys(("first", "a", "b", "c"), "completed"))
