"""Many runs at once."""

import pickle
import signal
import threading

import pytest

from runkit.errors import AuthError, Unavailable
from tests.client.conftest import DROP, Answer

IDS = [f"run-{number}" for number in range(20)]


def test_a_fetch_has_each_run_once_or_names_it(server, client, run_json):
    """They are in the order asked, with steps; a lost reply costs no run, a refusal only its own."""
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
    assert reason.startswith("2 runs could not be read: ")
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
        ({}, {"interrupts": [{"id": "asked anew"}]}, 1),
        ({"status": "interrupted"}, {"status": "interrupted"}, 0),
        ({"status": "running"}, {"status": "running"}, 1),
    ],
)
def test_a_run_that_is_listed_as_it_was_read_is_not_read_again(
    server, client, run_json, then, listed, n_read
):
    """It is as of the list; without the list it is read."""
    later = {"Date": "Tue, 03 Feb 2026 11:00:00 GMT"}

    def answer(request):
        if request.path == "/runs":
            page = {"data": [run_json(**{**then, **listed})], "has_more": False}
            return Answer(page, headers=later)
        return Answer(run_json(**then, steps=[]))

    server.script = answer
    first = client.runs.fetch(["run-1"])
    runs = client.runs.list()
    server.requests.clear()
    [again] = client.runs.fetch(runs, known=first)
    assert (len(server.requests), again.steps) == (n_read, ())
    assert (again.read_at == first[0].read_at) == bool(n_read)
    client.runs.fetch(runs)
    assert len(server.requests) == n_read + 1


def test_a_key_that_is_withdrawn_keeps_what_arrived(server, client, run_json):
    """A 401 in the middle ends the fetch, and is its reason; at the start it is raised."""

    def answer(request):
        number = int(request.path.rpartition("-")[2])
        return Answer(run_json(request.path[6:], steps=[])) if number < 10 else Answer(status=401)

    server.script = answer
    ids = [f"run-{number}" for number in range(500)]
    runs = pickle.loads(pickle.dumps(client.runs.fetch(ids, workers=1)))
    assert runs.ids == tuple(IDS[:10])
    [reason] = runs.missing
    assert "401" in reason
    assert "10 of 500 runs arrived" in reason
    assert len(server.requests) < 250  # next runs may have begun
    with pytest.raises(AuthError):
        client.runs.fetch(IDS[10:], workers=1)


def test_fetch_stops_when_the_host_is_gone(server, client, run_json):
    """After five tries of a run the rest is not tried, and what came is kept."""
    server.script = lambda request: (
        Answer(run_json("run-0", steps=[])) if request.path.endswith("run-0") else DROP
    )
    runs = client.runs.fetch([f"run-{number}" for number in range(500)], workers=1)
    assert runs.ids == ("run-0",)
    assert "1 of 500 runs arrived" in runs.missing[0]
    assert 5 < len(server.requests) < 20  # next runs may have begun


def test_fetch_fails_when_the_host_was_never_there(server, client):
    """When nothing at all could be read, an empty list would be a lie."""
    server.script = lambda request: DROP
    with pytest.raises(Unavailable):
        client.runs.fetch(IDS)


def test_fetch_returns_what_arrived_when_interrupted(server, client, run_json):
    """Ctrl-C gives the runs that came, and another call the rest."""
    main = threading.main_thread().ident
    assert main is not None
    release = threading.Event()

    def answer(request):
        number = int(request.path.rpartition("-")[2])
        if number == 10 and not release.is_set():
            signal.pthread_kill(main, signal.SIGINT)
        if number >= 10:
            release.wait(10)
        return Answer(run_json(f"run-{number}", steps=[]))

    server.script = answer
    runs = client.runs.fetch(IDS, workers=1)
    release.set()
    n_arrived = len(runs)  # the last ones may be waiting to be taken
    assert 0 < n_arrived <= 10
    assert runs.ids == tuple(IDS[:n_arrived])
    assert runs.missing == (f"stopped by Ctrl-C: {n_arrived} of 20 runs arrived",)
    more = client.runs.fetch({*IDS} - {*runs.ids})
    assert {*more.ids} == {*IDS[n_arrived:]}
    assert not more.missing
