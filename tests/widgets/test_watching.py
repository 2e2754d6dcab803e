# ruff: noqa: F811 - the fixtures of the client's tests are arguments here
"""A run is followed to its end, whatever its stream does, and nothing is left when nobody looks."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from runkit.client import Client
from runkit.models import Run
from runkit.server import Sandbox, sandbox
from runkit.widgets.run_watcher import (
    LIVE,
    NO_STREAM,
    NOT_WATCHING,
    RECONNECTING,
    RunWatcher,
    WatchState,
)
from tests.client.conftest import (  # noqa: F401
    DROP,
    Answer,
    Asked,
    Server,
    client,
    fake_time,
    key,
    make_client,
    run_json,
    server,
)

Json = dict[str, Any]


class Reported(list[WatchState]):
    """What `on_change` was told, and `at` which second."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []
        self._news = threading.Condition()

    def __call__(self, state: WatchState) -> None:
        """Take what is told."""
        with self._news:
            self.append(state)
            self.at.append(time.monotonic())
            self._news.notify_all()

    def until(self, is_it: Callable[[WatchState], bool]) -> WatchState:
        """Wait for something to be told."""
        with self._news:
            assert self._news.wait_for(lambda: any(map(is_it, self)), 20), self[-3:]
            return next(filter(is_it, self))

    @property
    def runs(self) -> list[Run]:
        """The runs that were shown."""
        return [state.run for state in self if state.run]


def is_over(state: WatchState) -> bool:
    return state.is_over


def is_live(state: WatchState) -> bool:
    return state.is_live_stream


def is_asking(state: WatchState) -> bool:
    return state.run is not None and state.run.status == "interrupted"


def size(run: Run) -> int:
    return sum(1 for _ in run.walk())


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "runkit-watch"]


def seconds_until_gone() -> float:
    """How long it takes until no watch has a thread."""
    begun = time.monotonic()
    for thread in threads():
        thread.join(10)
    assert threads() == []
    return time.monotonic() - begun


@pytest.fixture
def reported() -> Reported:
    """Give what keeps what a watch tells."""
    return Reported()


@pytest.fixture
def boxed() -> Iterator[Callable[..., tuple[Sandbox, Client]]]:
    """Start sandboxes, each with a client."""
    with ExitStack() as stack:

        def start(**options: Any) -> tuple[Sandbox, Client]:
            box = stack.enter_context(sandbox(**options))
            return box, stack.enter_context(box.client(rate=None))

        yield start


@pytest.fixture
def follow(
    reported: Reported, boxed: object, request: pytest.FixtureRequest
) -> Iterator[Callable[..., RunWatcher]]:
    """Start watches; they are closed before the servers, and must not leave a thread."""
    made = []

    def start(by: Client, run: str | Run, on_change: Callable[[WatchState], object] = reported) -> RunWatcher:
        made.append(RunWatcher(by, run, on_change=on_change))
        made[-1].start()
        return made[-1]

    yield start
    for watcher in made:
        watcher.close()
    seconds_until_gone()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> int:
    """Believe a refusal soon; gives how many are waited out."""
    monkeypatch.setattr("runkit.widgets.run_watcher.REFUSAL_PAUSES", (0.01, 0.02))
    return 2


def play(server: Server, streams: list[Answer], runs: list[Json | Answer]) -> None:
    """Answer a request for a stream with the next one, then 404; a read with the next run, then the last."""

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/stream"):
            return streams.pop(0) if streams else Answer(status=404)
        reported = runs.pop(0) if len(runs) > 1 else runs[0]
        return reported if isinstance(reported, Answer) else Answer(reported)

    server.script = answer


def snapshot(run: Json) -> bytes:
    return f"event: STATE_SNAPSHOT\ndata: {json.dumps({'run_id': 'run-1', 'snapshot': run})}\n\n".encode()


@pytest.fixture
def grown(run_json: Callable[..., Json]) -> Callable[..., Json]:
    """Give what composes a run that has so many steps, one more each second."""

    def compose(steps: int, status: str = "running") -> Json:
        made = [
            {"id": f"step-{n}", "run_id": "run-1", "type": "activity", "name": "look", "label": "Look"}
            | {"status": "running", "started_at": "2026-02-03T10:00:00Z"}
            for n in range(steps)
        ]
        return run_json(status=status, updated_at=f"2026-02-03T10:00:{steps:02}Z", steps=made)

    return compose


# ---------------------------------------------------------------------------------------------- a run's life


def test_a_run_grows_until_it_ends(boxed: Any, follow: Any, reported: Reported) -> None:
    """Each change is shown from the stream, the run only grows, and the end is said and is the end."""
    box, client = boxed(speed=80)
    run = client.runs.create("cip_orchestrator", box.business("clean_pass"))
    watcher = follow(client, run)
    last = reported.until(is_over)
    seconds_until_gone()
    sizes = [size(run) for run in reported.runs]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 2
    assert any(map(is_live, reported))
    assert (last.run, last.run.status, last.run.business_id) == (
        watcher.state.run,
        "completed",
        run.business_id,
    )
    assert last.message.endswith("Live updates off.")


@pytest.mark.parametrize("says_so", [True, False])
def test_a_pause_is_waited_out(boxed: Any, follow: Any, reported: Reported, says_so: bool) -> None:
    """Whoever answers: the run is followed again, from where it was, to its end; at once if it is said."""
    box, client = boxed(speed=40)
    business = box.business("tin_mismatch")
    watcher = follow(client, client.runs.create("cip_orchestrator", business))
    asking = reported.until(is_asking)
    assert (asking.is_live_stream, asking.is_over) == (False, False)
    assert asking.message == "Waiting for a reviewer, checking every 2\N{EN DASH}10 s."
    with box.client() as somebody:
        document = somebody.documents.list(business)[0]
        answer = {"decision": "approve", "document_id": document.id}
        somebody.runs.resume(asking.run, asking.run.interrupts[0].id, answer)
    begun, before = time.monotonic(), len(reported)
    if says_so:
        watcher.poll_now()
    reported.until(is_over)
    assert reported.at[before] - begun < (1.5 if says_so else 5)
    assert any(map(is_live, reported[before:]))
    times = [run.updated_at for run in reported.runs]
    assert times == sorted(times)


def test_at_most_two_calls_a_second(boxed: Any, follow: Any, reported: Reported) -> None:
    """However fast a run is, only its end comes sooner than half a second after the call before."""
    box, client = boxed(speed=100)
    follow(client, client.runs.create("cip_orchestrator", box.business("long_200")))
    assert size(reported.until(is_over).run) == 200
    gaps = [later - sooner for sooner, later in zip(reported.at, reported.at[1:], strict=False)]
    assert len(gaps) >= 3
    assert min(gaps[:-1]) > 0.4  # the clock is read a little after the call began


def test_a_run_that_has_ended_is_read_once(
    server: Server, client: Client, follow: Any, reported: Reported, grown: Any
) -> None:
    """There is nothing to follow; starting again looks again and says nothing new."""
    play(server, [], [grown(2, "completed")])
    watcher = follow(client, "run-1")
    reported.until(is_over)
    seconds_until_gone()
    watcher.start()
    seconds_until_gone()
    assert server.lines == ["GET /runs/run-1"] * 2
    assert len(reported) == 1


def test_an_unknown_status_is_said(
    server: Server, client: Client, follow: Any, reported: Reported, grown: Any
) -> None:
    """A word that the API does not have yet is no end."""
    play(server, [], [grown(1, "queued")])
    follow(client, "run-1")
    assert reported.until(lambda state: state.run is not None).message.startswith(
        "Run status: queued, checking every "
    )


# ----------------------------------------------------------------------------------------- what streams do


def test_without_a_stream_the_run_is_looked_at(
    server: Server, client: Client, follow: Any, reported: Reported, grown: Any
) -> None:
    """A stream that the API no longer keeps is said to be gone, and the run is followed all the same."""
    play(server, [], [grown(1), grown(1), grown(1), grown(2), grown(3, "completed")])
    follow(client, "run-1")
    reported.until(is_over)
    assert [size(state.run) for state in reported if state.message == NO_STREAM] == [1, 2]
    assert not any(map(is_live, reported))


def test_a_stream_of_another_run_is_not_followed(
    server: Server, client: Client, follow: Any, reported: Reported, grown: Any
) -> None:
    """Nothing of it is shown, and the run is looked at instead."""
    other = snapshot({"id": "run-2", "steps": grown(9)["steps"]})
    play(server, [Answer(chunks=[other])], [grown(1), grown(1), grown(2), grown(3, "completed")])
    follow(client, "run-1")
    reported.until(is_over)
    assert [size(state.run) for state in reported if state.message == NO_STREAM] == [1, 2]
    assert {state.run.id for state in reported if state.run} == {"run-1"}


def test_a_gap_is_said_and_no_step_back(
    server: Server, client: Client, follow: Any, reported: Reported, grown: Any
) -> None:
    """The run is read when the stream breaks off; what a new stream then replays is older and not shown."""

    def replay() -> Iterator[bytes]:
        server.is_over.wait(1.2)  # until it is not too early to show it
        yield from (snapshot(grown(n)) for n in (2, 3, 4))

    streams = [Answer(chunks=[snapshot(grown(2))]), Answer(chunks=replay())]
    play(server, streams, [grown(1), grown(2), grown(4), grown(5, "completed")])
    follow(client, "run-1")
    reported.until(is_over)
    shown = [(state.message, size(state.run)) for state in reported]
    assert shown[-3:-1] == [(RECONNECTING, 4), (LIVE, 4)]
    assert [steps for _, steps in shown] == [1, 1, 2, 4, 4, 5]


def test_what_a_snapshot_leaves_out_is_as_it_was_read(
    server: Server, client: Client, follow: Any, reported: Reported, grown: Any
) -> None:
    """Status and steps alone will do; one that breaks the contract is none."""

    def chunks() -> Iterator[bytes]:
        yield snapshot({"status": "running", "steps": []})  # the replay
        yield snapshot({"created_at": 7, "steps": grown(9)["steps"]})
        yield snapshot({"updated_at": "2026-02-03T10:00:02Z", "steps": None})
        server.is_over.wait(1.5)
        yield snapshot({"status": "running", "steps": grown(3)["steps"]})
        server.is_over.wait(10)

    play(server, [Answer(chunks=chunks())], [grown(1)])
    follow(client, "run-1")
    run = reported.until(lambda state: state.run is not None and size(state.run) != 1).run
    assert (size(run), run.agent, run.id) == (3, "cip_orchestrator", "run-1")


# --------------------------------------------------------------------------------------------- what fails


@pytest.mark.parametrize("status", [401, 404, 418])
def test_an_error_that_lasts_ends_it(
    server: Server, client: Client, follow: Any, reported: Reported, key: str, status: int, hasty: int
) -> None:
    """A wrong key or id is said in words, without the key, when it has lasted; what else is wrong at once."""
    server.script = lambda asked: Answer({"errors": [{"message": f"not with {key}"}]}, status=status)
    follow(client, "run-1")
    message = reported.until(is_over).message
    assert str(status) in message
    assert key not in message
    assert len(server.asked) == 1 + (hasty if status in (401, 404) else 0)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_waited_out(
    server: Server, client: Client, follow: Any, reported: Reported, grown: Any, hasty: int, status: int
) -> None:
    """Refusals among good reads are said and end nothing, as long as they are few in a row."""
    few: list[Json | Answer] = [Answer(status=status)] * hasty
    play(server, [], [grown(1), *few, grown(1), *few, grown(2, "completed")])
    follow(client, "run-1")
    last = reported.until(is_over)
    assert last.run is not None
    assert last.run.status == "completed"
    assert any(str(status) in state.message and "Trying again in" in state.message for state in reported)


def test_a_stream_is_refused(
    server: Server, client: Client, follow: Any, reported: Reported, grown: Any
) -> None:
    """A key that may read the run but not its stream follows it by looking."""
    play(server, [Answer(status=403)], [grown(1), grown(1), grown(2, "completed")])
    follow(client, "run-1")
    reported.until(is_over)
    assert [size(state.run) for state in reported if state.message == NO_STREAM] == [1]


def test_trouble_is_said_and_waited_out(
    server: Server, client: Client, follow: Any, reported: Reported, grown: Any
) -> None:
    """A server that does not answer is asked again, and the run shown meanwhile stays."""
    first, later = [DROP] * 7, [DROP] * 10  # as often as the client tries by itself
    play(server, [Answer(chunks=[])], [*first, grown(1), *later, grown(2, "completed")])
    follow(client, "run-1")
    assert reported.until(is_over).run is not None
    waits = [state for state in reported if state.message.endswith("Trying again in 1 s.")]
    assert [state.run and size(state.run) for state in waits] == [None, 1]


def test_the_servers_own_wait_is_kept(
    server: Server, client: Client, follow: Any, reported: Reported
) -> None:
    """A limiter that asks for a long wait gets it; closing does not wait for it."""
    server.script = lambda asked: Answer(status=429, headers={"Retry-After": "100"})
    watcher = follow(client, "run-1")
    reported.until(lambda state: state.message.endswith("Trying again in 1 min 40 s."))
    watcher.close()
    assert seconds_until_gone() < 5


def test_a_closed_client_is_said(client: Client, follow: Any, reported: Reported) -> None:
    """The watch ends and says why."""
    client.close()
    follow(client, "run-1")
    assert "this client has been closed" in reported.until(is_over).message


def test_what_nobody_expected_is_said(
    client: Client, follow: Any, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is not runkit's ends it in words too."""

    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(client.runs, "get", fail)
    follow(client, "run-1")
    assert "RuntimeError at test_watching.py" in reported.until(is_over).message


def test_a_view_that_fails_ends_it(
    server: Server, client: Client, follow: Any, grown: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """When nobody can be told any more, the watch ends, `state` says why, and so does the log."""

    def fail(state: WatchState) -> None:
        raise LookupError("no such view")

    play(server, [], [grown(1)])
    watcher = follow(client, "run-1", fail)
    seconds_until_gone()
    assert watcher.state.is_over
    assert "LookupError" in watcher.state.message
    assert "no such view" in caplog.text


# ------------------------------------------------------------------------------------------- ending it


def test_closing_a_silent_one(
    server: Server, make_client: Any, follow: Any, reported: Reported, grown: Any
) -> None:
    """Thread and connection end at once, though nothing comes for 30 s, and nothing is told any more."""
    is_gone = threading.Event()

    def chunks() -> Iterator[bytes]:
        try:
            yield snapshot(grown(1))
            while not server.is_over.wait(1.5):
                yield b": nothing new\n\n"
        finally:
            is_gone.set()

    play(server, [Answer(chunks=chunks())], [grown(1)])
    watcher = follow(make_client(timeout=30), "run-1")
    reported.until(is_live)
    before = len(reported)
    watcher.close()
    assert seconds_until_gone() < 1
    assert is_gone.wait(10)
    watcher.start()  # closed is closed
    assert (threads(), len(reported)) == ([], before)


def test_pausing_and_going_on(boxed: Any, follow: Any, reported: Reported) -> None:
    """While nobody looks there is no thread; then it goes on, on one, however often it is started."""
    box, client = boxed(speed=1)
    watcher = follow(client, client.runs.create("cip_orchestrator", box.business("clean_pass")))
    watcher.start()
    assert len(threads()) == 1
    reported.until(is_live)
    watcher.pause()
    seconds_until_gone()
    assert (watcher.state.message, watcher.state.is_live_stream) == (NOT_WATCHING, False)
    reported.clear()
    watcher.start()
    reported.until(is_live)


def test_many_at_once(boxed: Any, follow: Any) -> None:
    """Twenty take a thread and a connection each, and leave neither."""
    box, client = boxed(speed=1)
    business = box.business("clean_pass")
    all_reported = [Reported() for _ in range(20)]
    watches = [
        follow(client, client.runs.create("cip_orchestrator", business), reported)
        for reported in all_reported
    ]
    for reported in all_reported:
        reported.until(is_live)
    streaming = box._server.server.server_state.tasks
    assert (len(threads()), len(streaming)) == (20, 20)
    for watcher in watches:
        watcher.close()
    assert seconds_until_gone() < 5
    deadline = time.monotonic() + 5
    while streaming and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not streaming
