"""A sync on a server that follows a script: which runs it reads, and what it says of the others."""

import pytest

from runkit.errors import AuthError
from support import step
from tests.archive.conftest import check_holds
from tests.client.conftest import (
    Answer,
    client,
    fake_time,
    make_client,
    page,
    run_json,
    server,
)

__all__ = ["client", "fake_time", "make_client", "page", "run_json", "server"]


def script_of(page, runs, **refused):
    """Return the script of a server that lists runs and reads those that it does not refuse."""

    def script(request):
        if request.path == "/runs":
            return page(*runs.values(), total=len(runs))
        name = request.path.removeprefix("/runs/")
        return Answer(runs[name] | {"steps": [step("s")]}, status=refused.get(name, 200))

    return script


def test_a_sync_reads_what_may_have_changed_and_nothing_else(
    server, client, archive, run_json, page
):
    """A run that worked is read again, one that had ended is not; one that is new comes along."""
    runs = {"a": run_json("a"), "b": run_json("b", "running")}
    server.script = script_of(page, runs)
    assert archive.sync(client, progress=False).is_complete
    check_holds(archive, {"a": "completed", "b": "running"})
    runs["b"] = run_json("b", updated_at="2026-02-03T10:05:00Z")
    runs["c"] = run_json("c")
    server.requests.clear()
    assert archive.sync(client, progress=False).is_complete
    check_holds(archive, {"a": "completed", "b": "completed", "c": "completed"})
    assert sorted(line for line in server.lines if line != "GET /runs") == [
        "GET /runs/b",
        "GET /runs/c",
    ]


@pytest.fixture
def three(run_json):
    """Return three runs by id."""
    return {name: run_json(name) for name in "abc"}


def test_a_sync_that_could_not_read_a_run_says_so(server, client, archive, page, three):
    """The others are kept."""
    server.script = script_of(page, three, b=404)
    synced = archive.sync(client, progress=False)
    assert not synced.is_complete
    assert list(synced.errors) == ["b"]
    check_holds(archive, {"a": "completed", "c": "completed"})


def test_runs_that_arrived_before_a_refused_key_are_kept(server, client, archive, page, three):
    server.script = script_of(page, three, b=401, c=401)
    with pytest.raises(AuthError):
        archive.sync(client, workers=1, progress=False)
    check_holds(archive, {"a": "completed"})
