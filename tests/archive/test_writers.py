"""Several writers: nothing is lost, and nothing counts twice."""

import pytest
from deltalake.exceptions import CommitFailedError

import runkit
from runkit.errors import ArchiveError
from support import run
from tests.archive.conftest import check_holds, item


def test_a_commit_that_fails_is_an_archive_error(tmp_path, monkeypatch):
    """When the table refuses every try, that is said; what was there can be read."""
    archive = runkit.Archive(tmp_path / "runs")
    archive.add([run(run_id="a")])

    def refuse(*args, **named):
        raise CommitFailedError("no")

    with monkeypatch.context() as patch:
        patch.setattr("runkit.archive.table.write_deltalake", refuse)
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
