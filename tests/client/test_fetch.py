"""Many runs at once."""

import signal
import threading
import time

import pytest

from runkit.client import run_list
from runkit.errors import RunkitError
from tests.client.conftest import DROP, Answer

IDS = [f"run-{number}" for number in range(500)]


@pytest.fixture
def one_worker(monkeypatch):
    """Let runs be read one after the other."""
    monkeypatch.setattr(run_list, "WORKERS", 1)


def test_a_fetch_has_each_run_once_or_names_it(server, client, run_json):
    """They are in the order given, with steps; a lost reply costs no run, a refusal only its own."""
    refusals = {"run-0": 403, "run-3": 404}
    dropped = {"run-2", "run-5"}

    def script(request):
        run_id = request.path.removeprefix("/runs/")
        if run_id in dropped:
            dropped.remove(run_id)
            return DROP
        return Answer(run_json(run_id, steps=[]), status=refusals.get(run_id, 200))

    server.script = script
    runs = client.runs.fetch([*reversed(IDS[:8]), "run-7"], progress=False)
    assert runs.ids == ("run-7", "run-6", "run-5", "run-4", "run-2", "run-1")
    [reason] = runs.missing
    assert reason.startswith("2 of 8 runs could not be read: ")
    assert all(run_id in reason for run_id in refusals)
    assert all(run.steps == () and run.read_at for run in runs)
    assert len(server.requests) == 8 + 2
    assert {request.query.get("include") for request in server.requests} == {"steps"}


@pytest.mark.parametrize(
    ("then", "listed", "n_read"),
    [
        ({}, {}, 0),
        ({}, {"updated_at": "2026-02-03T10:00:41Z"}, 1),
        ({}, {"status": "error"}, 1),
        ({}, {"interrupts": [{"id": "a new one"}]}, 1),
        ({"status": "interrupted"}, {"status": "interrupted"}, 0),
        ({"status": "running"}, {"status": "running"}, 1),
        ({"status": "pending"}, {"status": "pending"}, 1),
    ],
)
def test_a_run_that_is_listed_as_it_was_read_is_not_read_again(
    account, server, client, run_json, then, listed, n_read
):
    account.add(run_json(**then))
    known = client.runs.fetch(["run-1"])
    account.runs["run-1"] |= listed
    runs = client.runs.list()
    server.requests.clear()
    [again] = client.runs.fetch(runs, known=known)
    assert (len(server.requests), len(again.steps)) == (n_read, 1)


def test_a_list_holds_no_steps_that_were_read(account, client, run_json):
    """The API's list may show `steps: []` of a run that has some."""
    account.add(run_json(steps=[]))
    listed = client.runs.list()
    [run] = client.runs.fetch(listed, known=listed)
    assert len(run.steps) == 1


@pytest.mark.usefixtures("one_worker")
@pytest.mark.parametrize(
    ("end", "words"), [(Answer(status=401), "401"), (DROP, "GET /v1/runs")], ids=["401", "gone"]
)
def test_a_failure_that_ends_a_fetch_keeps_what_arrived(server, client, run_json, end, words):
    """A withdrawn key, or a host that is gone, is the reason; if nothing arrived, it is the error."""
    server.script = lambda request: (
        Answer(run_json(request.path[6:], steps=[])) if request.path[6:] in IDS[:10] else end
    )
    runs = client.runs.fetch(IDS)
    assert runs.ids == tuple(IDS[:10])
    [reason] = runs.missing
    assert words in reason
    assert "10 of 500 runs arrived" in reason
    assert len(server.requests) < 250  # next runs may have begun
    with pytest.raises(RunkitError):
        client.runs.fetch(IDS[10:])


@pytest.mark.usefixtures("one_worker")
def test_after_a_stop_nothing_is_tried_again(server, client):
    """Ctrl-C while the first read is on its way, which then fails."""
    main = threading.get_ident()
    returned = threading.Event()

    def script(request):
        if not returned.is_set():
            time.sleep(0.1)  # until the main thread waits: a signal just before is noticed late
            signal.pthread_kill(main, signal.SIGINT)
            returned.wait(10)
        return Answer(status=503)

    server.script = script
    runs = client.runs.fetch(IDS[:3])
    returned.set()
    for thread in threading.enumerate():
        if thread.name.startswith("runkit-fetch"):
            thread.join(10)
    assert (runs.ids, runs.missing) == ((), ("stopped by Ctrl-C: 0 of 3 runs arrived",))
    assert server.lines == ["GET /runs/run-0"]
