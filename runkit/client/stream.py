"""Follow a run: server-sent events in Middesk's or AG-UI's format, then the run itself.

A stream may be unavailable, cut off or silent; only the run itself is reliable. So every stream ends with an
event of runkit's own, `RUN_READ`, whose `.run` was read after the last event.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any, Self

import httpx
from httpx_sse import EventSource

from runkit import jsontext
from runkit.answers import digest
from runkit.client.http import MAX_RESPONSE, backoff
from runkit.contract import EVENT_TYPES, LOCAL, RUN_READ, event_fields, is_same_id
from runkit.errors import ContractError, NotFound, RateLimited, Unavailable
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Event
from runkit.text import shorten

MAX_RECONNECTS = 20  # in a row without a new event; with 30 s of silence each, this is 10 minutes
PAUSE_FIRST = 0.25  # seconds before the first reconnect, doubled each time without a new event
PAUSE_MAX = 10.0

Open = Callable[[], AbstractContextManager[httpx.Response]]
OnGap = Callable[[Run | None], object]


class EventStream(Iterator[Event]):
    """The events of a run as they arrive, each once, then `RUN_READ`. Closes its connection at the end.

    `close()`, from any thread, ends the iteration immediately and without an error, also while it waits for
    the next event or before a reconnect. A request that still waits for the head of its response, or a
    transport without a socket, ends at the next byte or timeout instead.
    """

    def __init__(
        self, run_id: str, open_stream: Open, read: Callable[[], Run], on_gap: OnGap | None = None
    ) -> None:
        self._control = StreamControl()
        self._events = follow(run_id, open_stream, read, self._control, on_gap or (lambda run: None))
        self._lock = threading.Lock()  # of the generator, which no other thread can close while it runs

    def __next__(self) -> Event:
        try:
            with self._lock:
                return next(self._events)
        except Exception:  # whatever the shutdown breaks inside the connection
            if not self._control.closing.is_set():
                raise
            raise StopIteration from None
        finally:
            if self._control.closing.is_set():
                self._finish()

    def close(self) -> None:
        """End the iteration, in whatever thread it runs. Closing twice is fine."""
        self._control.shut_down()
        self._finish()

    def _finish(self) -> None:
        """Close the generator, and so the connection; a thread inside it does this when it leaves."""
        if self._lock.acquire(blocking=False):
            try:
                self._events.close()
            finally:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


class StreamControl:
    """Shared by the thread that reads a stream and the one that closes it.

    The generator must not refer to its `EventStream`: then leaving a `for` loop closes the connection.
    """

    def __init__(self) -> None:
        self.closing = threading.Event()
        self._socket: socket.socket | None = None

    def attach(self, response: httpx.Response) -> None:
        """Use the socket of the response that is read from now on."""
        network = response.extensions.get("network_stream")
        self._socket = network.get_extra_info("socket") if network is not None else None

    def shut_down(self) -> None:
        """Wake the reader. Only a shutdown does: `recv` keeps waiting when its socket is closed."""
        self.closing.set()
        if self._socket is not None:
            with suppress(OSError):  # it is closed already
                # Not SSLSocket's own, which takes the TLS state away under the reader.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def follow(
    run_id: str, open_stream: Open, read: Callable[[], Run], control: StreamControl, on_gap: OnGap
) -> Generator[Event, None, None]:
    """Yield the events of a run as they arrive, each once, then `RUN_READ`.

    A stream that drops, times out or ends while the run is still running is opened again, at most
    `MAX_RECONNECTS` times in a row without a new event; replayed events are not yielded again. A stream that
    the API no longer has (404, 410) is not reopened: then the run is read, whatever its status.
    """
    seen: set[str] = set()
    attempt = 0
    while True:
        replayed, last, is_gone = frozenset(seen), "", False
        try:
            with open_stream() as response:
                control.attach(response)
                if control.closing.is_set():
                    return
                on_gap(None)
                for event in events(response.iter_bytes()):
                    if control.closing.is_set():
                        return
                    check_snapshot(event, run_id)
                    key = _key(event)
                    if key != last and key not in replayed:
                        yield event
                    last = key
                    seen.add(key)
        except NotFound:
            is_gone = True
        except (httpx.TransportError, Unavailable, RateLimited) as error:
            log.debug("the stream was interrupted (%s)", type(error).__name__)
        if control.closing.is_set():
            return
        run = read()
        attempt = attempt + 1 if len(seen) == len(replayed) else 1
        if is_gone or run.status != "running" or attempt > MAX_RECONNECTS:
            yield Event.from_json({"type": RUN_READ, "run_id": run.id, "snapshot": run.to_dict()})
            return
        on_gap(run)
        if control.closing.wait(pause_before(attempt)):
            return


def pause_before(attempt: int) -> float:
    """Give the seconds before the stream is opened again, by the number of attempts without a new event."""
    return backoff(attempt, PAUSE_FIRST, PAUSE_MAX)


def check_snapshot(event: Event, run_id: str) -> None:
    """Raise `ContractError` for the snapshot of another run."""
    if event.snapshot is None:
        return
    for other in (event.run_id, event.snapshot.get("id")):
        if isinstance(other, str) and not is_same_id(other, run_id):
            raise ContractError(
                f"the stream of run {shorten(run_id, 100)!r} shows another run. Check base_url and the proxy."
            )


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Parse server-sent events, however they are split into chunks. Unknown types are left out.

    Data that is not JSON, or not an event of the contract, is left out with a line in the log.
    """
    for name, data in _messages(chunks):
        try:
            fields = event_fields(name, jsontext.loads(data.encode()))
            event = None if fields is None else Event.from_json(fields)
        except (ValueError, RecursionError, ContractError):
            kind = name if name in EVENT_TYPES else "of an unknown type"
            log.warning("left out of the stream: an event %s whose data cannot be read", kind)
            continue
        if event is not None:
            yield event


def _messages(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Split the stream into (event name, data).

    Raises `httpx.RemoteProtocolError` for a message without an end.

    httpx-sse reads a byte order mark as part of the first field, hence the codec that drops it. It drops a
    last message without a blank line after it, hence the two line ends.
    """
    size = 0

    def bounded() -> Iterator[bytes]:
        nonlocal size
        for chunk in chunks:
            size += len(chunk)
            if size > MAX_RESPONSE:
                raise httpx.RemoteProtocolError("a message without an end")
            yield chunk
        yield b"\n\n"

    headers = {"Content-Type": "text/event-stream; charset=utf-8-sig"}
    for message in EventSource(httpx.Response(200, headers=headers, content=bounded())).iter_sse():
        size = 0
        if message.data:
            yield message.event, message.data


def _key(event: Event) -> str:
    """Identify an event by its content, without its timestamp, which a replay may change."""
    content: dict[str, Any] = {name: value for name, value in event.to_dict().items() if name != "timestamp"}
    if event.snapshot is not None:
        content["snapshot"] = {name: value for name, value in event.snapshot.items() if name != LOCAL}
    return digest(content)
