"""Many runs at once."""

import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from runkit.client import Client
from runkit.client.batch import PATIENCE, PATIENCE_AT_FIRST
from runkit.errors import AuthError, NotFound, Unavailable, UsageError
from runkit.models import Run
from tests.client.conftest import DROP, Answer, Asked, Server, Time

Compose = Callable[..., dict[str, Any]]
IDS = [f"run-{number}" for number in range(20)]


@pytest.fixture
def serve_runs(server: Server, run_json: Compose) -> Server:
    """Serve every run, with steps."""
    server.script = lambda asked: Answer(run_json(asked.path.removeprefix("/runs/"), steps=[]))
    return server


def test_fetch_keeps_the_order_asked(serve_runs: Server, client: Client) -> None:
    """Runs come with steps in the order asked, an id that comes twice once."""
    runs = client.runs.fetch([*reversed(IDS), "run-3"])
    assert runs.ids == tuple(reversed(IDS))
    assert runs.requested == runs.ids
    assert runs.is_complete
    assert all(run.steps == () and run.read_at for run in runs)
    assert len(serve_runs.asked) == 20
    assert {asked.query.get("include") for asked in serve_runs.asked} == {"steps"}


@pytest.mark.parametrize("as_run", [False, True])
def test_fetch_takes_a_single_run(
    serve_runs: Server, client: Client, run_json: Compose, as_run: bool
) -> None:
    """One id is one run, not its letters; a run brings its business along."""
    one = Run.from_json(run_json("run-1")).knowing(business_id="b-1") if as_run else "run-1"
    runs = client.runs.fetch(one)
    assert runs.ids == ("run-1",)
    assert runs[0].business_id == ("b-1" if as_run else None)


def test_fetch_goes_on(serve_runs: Server, client: Client, run_json: Compose) -> None:
    """Finished runs with steps are not read again; the others of `have` are."""
    have = [
        Run.from_json(run_json("run-0", steps=[])),
        Run.from_json(run_json("run-1", status="running", steps=[])),
        Run.from_json(run_json("run-2")),
        Run.from_json(run_json("elsewhere", steps=[])),
    ]
    runs = client.runs.fetch(["run-0", "run-1", "run-2"], have=have)
    assert runs.ids == ("run-0", "run-1", "run-2")
    assert sorted(serve_runs.lines) == ["GET /runs/run-1", "GET /runs/run-2"]
    assert runs[0] is have[0]


def test_missing_run_does_not_sink_the_batch(server: Server, client: Client, run_json: Compose) -> None:
    """A run that is not there is named, and its error kept."""
    server.script = lambda asked: (
        Answer(status=404) if asked.path.endswith("run-7") else Answer(run_json(asked.path[6:], steps=[]))
    )
    runs = client.runs.fetch(IDS)
    assert len(runs) == 19
    assert runs.why is not None
    assert runs.why.startswith("1 run could not be read: run-7 (GET /v1/runs/run-7: 404")
    assert isinstance(runs.errors["run-7"], NotFound)


def test_many_missing_runs_are_named_within_bounds(server: Server, client: Client) -> None:
    """`why` names a few, `errors` all."""
    runs = client.runs.fetch(IDS)
    assert len(runs.errors) == 20
    assert runs.why is not None
    assert "17 more, see .errors" in runs.why


def test_wrong_key_stops_everything(server: Server, client: Client) -> None:
    """401 will not change for the next run."""
    server.script = lambda asked: Answer(status=401)
    with pytest.raises(AuthError):
        client.runs.fetch([f"run-{number}" for number in range(500)])
    assert len(server.asked) < 100


def test_host_that_is_gone_stops_the_batch(
    server: Server, client: Client, run_json: Compose, fake_time: Time
) -> None:
    """When patience is at its end the rest is not tried, and what came is kept."""
    server.script = lambda asked: (
        Answer(run_json("run-0", steps=[])) if asked.path.endswith("run-0") else DROP
    )
    runs = client.runs.fetch([f"run-{number}" for number in range(500)], workers=1)
    assert runs.ids == ("run-0",)
    assert runs.why is not None
    assert runs.why.startswith("stopped because no answer came any more (GET /v1/runs/run-")
    assert runs.why.endswith("1 of 500 runs arrived")
    assert PATIENCE <= sum(fake_time.slept) < PATIENCE + 5
    assert len(server.asked) < 50


def test_host_that_was_never_there_is_an_error(server: Server, client: Client, fake_time: Time) -> None:
    """When nothing at all could be read, an empty list would be a lie; and it is said soon."""
    server.script = lambda asked: DROP
    with pytest.raises(Unavailable):
        client.runs.fetch(IDS)
    assert PATIENCE_AT_FIRST <= sum(fake_time.slept) < PATIENCE_AT_FIRST + 3


def test_interrupt_returns_what_arrived(server: Server, client: Client, run_json: Compose) -> None:
    """Ctrl-C gives the runs that came, and the same call with `have` goes on."""
    main = threading.main_thread().ident
    assert main is not None
    release = threading.Event()

    def answer(asked: Asked) -> Answer:
        number = int(asked.path.rpartition("-")[2])
        if number == 10 and not release.is_set():
            signal.pthread_kill(main, signal.SIGINT)
        if number >= 10:
            release.wait(10)
        return Answer(run_json(f"run-{number}", steps=[]))

    server.script = answer
    runs = client.runs.fetch(IDS, workers=1)
    release.set()
    assert runs.ids == tuple(IDS[:10])
    assert runs.why == "interrupted: 10 of 20 runs arrived"
    more = client.runs.fetch(runs.requested or (), have=runs)
    assert more.ids == tuple(IDS)
    assert more.is_complete


def test_progress_leaves_nothing(
    serve_runs: Server, client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    """The bar goes to stderr and is wiped; without progress nothing is written."""
    client.runs.fetch(IDS)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.rpartition("\r")[0].rpartition("\r")[2].strip() == ""
    client.runs.fetch(IDS, progress=False)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("workers", [0, -1, 65, True, 1.5])
def test_workers_are_checked(client: Client, workers: Any) -> None:
    """A pool of no thread, or of a thousand, is a mistake."""
    with pytest.raises(UsageError):
        client.runs.fetch(IDS, workers=workers)


def test_bad_id_is_said_before_anything_is_sent(serve_runs: Server, client: Client) -> None:
    """An empty id in the middle does not cost half a batch."""
    with pytest.raises(UsageError):
        client.runs.fetch(["run-1", ""])
    assert serve_runs.asked == []
