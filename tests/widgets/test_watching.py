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
from runkit.widgets.run_watcher import BROKEN, FOLLOWING, GONE, NOT_FOLLOWED, Seen, Watch
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


class Told(list[Seen]):
    """What `on_change` was told, and `at` which second."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []
        self._news = threading.Condition()

    def __call__(self, seen: Seen) -> None:
        """Take what is told."""
        with self._news:
            self.append(seen)
            self.at.append(time.monotonic())
            self._news.notify_all()

    def until(self, is_it: Callable[[Seen], bool]) -> Seen:
        """Wait for something to be told."""
        with self._news:
            assert self._news.wait_for(lambda: any(map(is_it, self)), 20), self[-3:]
            return next(filter(is_it, self))

    @property
    def runs(self) -> list[Run]:
        """The runs that were shown."""
        return [seen.run for seen in self if seen.run]


def is_over(seen: Seen) -> bool:
    return seen.is_over


def is_live(seen: Seen) -> bool:
    return seen.is_live_stream


def is_asking(seen: Seen) -> bool:
    return seen.run is not None and seen.run.status == "interrupted"


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
def told() -> Told:
    """Give what keeps what a watch tells."""
    return Told()


@pytest.fixture
def boxed() -> Iterator[Callable[..., tuple[Sandbox, Client]]]:
    """Start sandboxes, each with a client."""
    with ExitStack() as stack:

        def start(**options: Any) -> tuple[Sandbox, Client]:
            box = stack.enter_context(sandbox(**options))
            return box, stack.enter_context(box.client(rate=None))

        yield start


@pytest.fixture
def follow(told: Told, boxed: object, request: pytest.FixtureRequest) -> Iterator[Callable[..., Watch]]:
    """Start watches; they are closed before the servers, and must not leave a thread."""
    made = []

    def start(by: Client, run: str | Run, on_change: Callable[[Seen], object] = told) -> Watch:
        made.append(Watch(by, run, on_change=on_change))
        made[-1].start()
        return made[-1]

    yield start
    for watch in made:
        watch.close()
    seconds_until_gone()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> int:
    """Believe a refusal soon; gives how many are waited out."""
    monkeypatch.setattr("runkit.widgets.run_watcher.REFUSALS", (0.01, 0.02))
    return 2


def play(server: Server, streams: list[Answer], runs: list[Json | Answer]) -> None:
    """Answer a request for a stream with the next one, then 404; a read with the next run, then the last."""

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/stream"):
            return streams.pop(0) if streams else Answer(status=404)
        told = runs.pop(0) if len(runs) > 1 else runs[0]
        return told if isinstance(told, Answer) else Answer(told)

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


def test_a_run_grows_until_it_ends(boxed: Any, follow: Any, told: Told) -> None:
    """Each change is shown from the stream, the run only grows, and the end is said and is the end."""
    box, client = boxed(speed=80)
    run = client.runs.create("cip_orchestrator", box.business("clean_pass"))
    watch = follow(client, run)
    last = told.until(is_over)
    seconds_until_gone()
    sizes = [size(run) for run in told.runs]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 2
    assert any(map(is_live, told))
    assert (last.run, last.run.status, last.run.business_id) == (watch.seen.run, "completed", run.business_id)
    assert last.message == "the run has ended: completed"


@pytest.mark.parametrize("says_so", [True, False])
def test_a_pause_is_waited_out(boxed: Any, follow: Any, told: Told, says_so: bool) -> None:
    """Whoever answers: the run is followed again, from where it was, to its end; at once if it is said."""
    box, client = boxed(speed=40)
    business = box.business("tin_mismatch")
    watch = follow(client, client.runs.create("cip_orchestrator", business))
    asking = told.until(is_asking)
    assert (asking.is_live_stream, asking.is_over) == (False, False)
    assert asking.message == "waiting for a person; looking every 2 to 10 s"
    with box.client() as somebody:
        document = somebody.documents.list(business)[0]
        answer = {"decision": "approve", "document_id": document.id}
        somebody.runs.resume(asking.run, asking.run.interrupts[0].id, answer)
    begun, before = time.monotonic(), len(told)
    if says_so:
        watch.answered()
    told.until(is_over)
    assert told.at[before] - begun < (1.5 if says_so else 5)
    assert any(map(is_live, told[before:]))
    times = [run.updated_at for run in told.runs]
    assert times == sorted(times)


def test_at_most_two_calls_a_second(boxed: Any, follow: Any, told: Told) -> None:
    """However fast a run is, only its end comes sooner than half a second after the call before."""
    box, client = boxed(speed=100)
    follow(client, client.runs.create("cip_orchestrator", box.business("long_200")))
    assert size(told.until(is_over).run) == 200
    gaps = [later - sooner for sooner, later in zip(told.at, told.at[1:], strict=False)]
    assert len(gaps) >= 3
    assert min(gaps[:-1]) > 0.4  # the clock is read a little after the call began


def test_a_run_that_has_ended_is_read_once(
    server: Server, client: Client, follow: Any, told: Told, grown: Any
) -> None:
    """There is nothing to follow; starting again looks again and says nothing new."""
    play(server, [], [grown(2, "completed")])
    watch = follow(client, "run-1")
    told.until(is_over)
    seconds_until_gone()
    watch.start()
    seconds_until_gone()
    assert server.lines == ["GET /runs/run-1"] * 2
    assert len(told) == 1


def test_an_unknown_status_is_said(
    server: Server, client: Client, follow: Any, told: Told, grown: Any
) -> None:
    """A word that the API does not have yet is no end."""
    play(server, [], [grown(1, "queued")])
    follow(client, "run-1")
    assert told.until(lambda seen: seen.run is not None).message.startswith("the run is 'queued'; looking")


# ----------------------------------------------------------------------------------------- what streams do


def test_without_a_stream_the_run_is_looked_at(
    server: Server, client: Client, follow: Any, told: Told, grown: Any
) -> None:
    """A stream that the API no longer keeps is said to be gone, and the run is followed all the same."""
    play(server, [], [grown(1), grown(1), grown(1), grown(2), grown(3, "completed")])
    follow(client, "run-1")
    told.until(is_over)
    assert [size(seen.run) for seen in told if seen.message == GONE] == [1, 2]
    assert not any(map(is_live, told))


def test_a_stream_of_another_run_is_not_followed(
    server: Server, client: Client, follow: Any, told: Told, grown: Any
) -> None:
    """Nothing of it is shown, and the run is looked at instead."""
    other = snapshot({"id": "run-2", "steps": grown(9)["steps"]})
    play(server, [Answer(chunks=[other])], [grown(1), grown(1), grown(2), grown(3, "completed")])
    follow(client, "run-1")
    told.until(is_over)
    assert [size(seen.run) for seen in told if seen.message == GONE] == [1, 2]
    assert {seen.run.id for seen in told if seen.run} == {"run-1"}


def test_a_gap_is_said_and_no_step_back(
    server: Server, client: Client, follow: Any, told: Told, grown: Any
) -> None:
    """The run is read when the stream breaks off; what a new stream then replays is older and not shown."""

    def replay() -> Iterator[bytes]:
        server.is_over.wait(1.2)  # until it is not too early to show it
        yield from (snapshot(grown(n)) for n in (2, 3, 4))

    streams = [Answer(chunks=[snapshot(grown(2))]), Answer(chunks=replay())]
    play(server, streams, [grown(1), grown(2), grown(4), grown(5, "completed")])
    follow(client, "run-1")
    told.until(is_over)
    shown = [(seen.message, size(seen.run)) for seen in told]
    assert shown[-3:-1] == [(BROKEN, 4), (FOLLOWING, 4)]
    assert [steps for _, steps in shown] == [1, 1, 2, 4, 4, 5]


def test_what_a_snapshot_leaves_out_is_as_it_was_read(
    server: Server, client: Client, follow: Any, told: Told, grown: Any
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
    run = told.until(lambda seen: seen.run is not None and size(seen.run) != 1).run
    assert (size(run), run.agent, run.id) == (3, "cip_orchestrator", "run-1")


# --------------------------------------------------------------------------------------------- what fails


@pytest.mark.parametrize("status", [401, 404, 418])
def test_an_error_that_lasts_ends_it(
    server: Server, client: Client, follow: Any, told: Told, key: str, status: int, hasty: int
) -> None:
    """A wrong key or id is said in words, without the key, when it has lasted; what else is wrong at once."""
    server.script = lambda asked: Answer({"errors": [{"message": f"not with {key}"}]}, status=status)
    follow(client, "run-1")
    message = told.until(is_over).message
    assert str(status) in message
    assert key not in message
    assert len(server.asked) == 1 + (hasty if status in (401, 404) else 0)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_waited_out(
    server: Server, client: Client, follow: Any, told: Told, grown: Any, hasty: int, status: int
) -> None:
    """Refusals among good reads are said and end nothing, as long as they are few in a row."""
    few: list[Json | Answer] = [Answer(status=status)] * hasty
    play(server, [], [grown(1), *few, grown(1), *few, grown(2, "completed")])
    follow(client, "run-1")
    last = told.until(is_over)
    assert last.run is not None
    assert last.run.status == "completed"
    assert any(str(status) in seen.message and "Trying again in" in seen.message for seen in told)


def test_a_stream_is_refused(server: Server, client: Client, follow: Any, told: Told, grown: Any) -> None:
    """A key that may read the run but not its stream follows it by looking."""
    play(server, [Answer(status=403)], [grown(1), grown(1), grown(2, "completed")])
    follow(client, "run-1")
    told.until(is_over)
    assert [size(seen.run) for seen in told if seen.message == GONE] == [1]


def test_trouble_is_said_and_waited_out(
    server: Server, client: Client, follow: Any, told: Told, grown: Any
) -> None:
    """A server that does not answer is asked again, and the run shown meanwhile stays."""
    away: list[Json | Answer] = [DROP] * 5  # as often as the client tries by itself
    play(server, [Answer(chunks=[])], [*away, grown(1), *away, grown(2, "completed")])
    follow(client, "run-1")
    assert told.until(is_over).run is not None
    waits = [seen for seen in told if seen.message.endswith("Trying again in 1 s.")]
    assert [seen.run and size(seen.run) for seen in waits] == [None, 1]


def test_the_servers_own_wait_is_kept(server: Server, client: Client, follow: Any, told: Told) -> None:
    """A limiter that asks for a long wait gets it; closing does not wait for it."""
    server.script = lambda asked: Answer(status=429, headers={"Retry-After": "100"})
    watch = follow(client, "run-1")
    told.until(lambda seen: seen.message.endswith("Trying again in 1 min 40 s."))
    watch.close()
    assert seconds_until_gone() < 5


def test_a_closed_client_is_said(client: Client, follow: Any, told: Told) -> None:
    """The watch ends and says why."""
    client.close()
    follow(client, "run-1")
    assert "this client has been closed" in told.until(is_over).message


def test_what_nobody_expected_is_said(
    client: Client, follow: Any, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is not runkit's ends it in words too."""

    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(client.runs, "get", fail)
    follow(client, "run-1")
    assert "RuntimeError at test_watching.py" in told.until(is_over).message


def test_a_view_that_fails_ends_it(
    server: Server, client: Client, follow: Any, grown: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """When nobody can be told any more, the watch ends, `seen` says why, and so does the log."""

    def fail(seen: Seen) -> None:
        raise LookupError("no such view")

    play(server, [], [grown(1)])
    watch = follow(client, "run-1", fail)
    seconds_until_gone()
    assert watch.seen.is_over
    assert "LookupError" in watch.seen.message
    assert "no such view" in caplog.text


# ------------------------------------------------------------------------------------------- ending it


def test_closing_a_silent_one(server: Server, make_client: Any, follow: Any, told: Told, grown: Any) -> None:
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
    watch = follow(make_client(timeout=30), "run-1")
    told.until(is_live)
    before = len(told)
    watch.close()
    assert seconds_until_gone() < 1
    assert is_gone.wait(10)
    watch.start()  # closed is closed
    assert (threads(), len(told)) == ([], before)


def test_pausing_and_going_on(boxed: Any, follow: Any, told: Told) -> None:
    """While nobody looks there is no thread; then it goes on, on one, however often it is started."""
    box, client = boxed(speed=1)
    watch = follow(client, client.runs.create("cip_orchestrator", box.business("clean_pass")))
    watch.start()
    assert len(threads()) == 1
    told.until(is_live)
    watch.pause()
    seconds_until_gone()
    assert (watch.seen.message, watch.seen.is_live_stream) == (NOT_FOLLOWED, False)
    told.clear()
    watch.start()
    told.until(is_live)


def test_many_at_once(boxed: Any, follow: Any) -> None:
    """Twenty take a thread and a connection each, and leave neither."""
    box, client = boxed(speed=1)
    business = box.business("clean_pass")
    all_told = [Told() for _ in range(20)]
    watches = [follow(client, client.runs.create("cip_orchestrator", business), told) for told in all_told]
    for told in all_told:
        told.until(is_live)
    streaming = box._running.server.server_state.tasks
    assert (len(threads()), len(streaming)) == (20, 20)
    for watch in watches:
        watch.close()
    assert seconds_until_gone() < 5
    deadline = time.monotonic() + 5
    while streaming and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not streaming
