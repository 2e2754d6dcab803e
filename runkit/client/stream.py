"""Follow a run: server-sent events in Middesk's form or AG-UI's, and the truth at the end.

The stream is a convenience and may be gone, cut or silent; the run itself is the truth. So every stream ends
with one event of runkit's own, `RUN_READ`, whose `.run` is the run as it was read after the last event.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any, Self

import httpx
from httpx_sse import EventSource

from runkit import jsontext
from runkit.client.transport import MAX_ANSWER
from runkit.contract import EVENT_TYPES, LOCAL, RUN_READ, event_fields, is_same_id
from runkit.errors import ContractError, NotFound, RateLimited, Unavailable
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Event
from runkit.text import shorten

RECONNECTS = (
    20  # in a row without news. No heartbeat is documented: at 30 s of silence each this is 10 minutes
)
PAUSE_FIRST = 0.25  # seconds before the first reconnect, doubled each time without news
PAUSE_MOST = 10.0

Open = Callable[[], AbstractContextManager[httpx.Response]]
OnGap = Callable[[Run | None], object]


class EventStream(Iterator[Event]):
    """The events of a run as they come, each once, then `RUN_READ`. Closes its connection when it ends.

    `close()`, from any thread, ends the iteration at once and without an error, also where it waits for the
    next event or before a reconnect. Only a request that still waits for the head of its answer, or a
    transport that shows no socket, ends at the next byte or timeout instead.
    """

    def __init__(
        self, run_id: str, open_stream: Open, read: Callable[[], Run], on_gap: OnGap | None = None
    ) -> None:
        self._control = StreamControl()
        self._events = follow(run_id, open_stream, read, self._control, on_gap or (lambda run: None))
        self._lock = threading.Lock()  # held while a thread runs the generator: nobody else can close it then

    def __next__(self) -> Event:
        try:
            with self._lock:
                return next(self._events)
        except Exception:  # whatever hanging up breaks inside the connection, if it was hung up
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
        """Leave the generator, and so the connection; a thread that is inside does it on its way out."""
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
    """What the thread that reads a stream and the one that closes it share."""

    def __init__(self) -> None:
        self.closing = threading.Event()
        self._socket: socket.socket | None = None

    def attach(self, response: httpx.Response) -> None:
        """Take the connection of the answer that is now read."""
        network = response.extensions.get("network_stream")
        self._socket = network.get_extra_info("socket") if network is not None else None

    def shut_down(self) -> None:
        """Wake the reader. Only a shutdown does: a `recv` goes on waiting when its socket is closed."""
        self.closing.set()
        if self._socket is not None:
            with suppress(OSError):  # it is closed already
                # Not SSLSocket's own, which takes the TLS state away under the reader.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def follow(
    run_id: str, open_stream: Open, read: Callable[[], Run], control: StreamControl, on_gap: OnGap
) -> Generator[Event, None, None]:
    """Yield the events of a run as they come, each once, then `RUN_READ`.

    A stream that drops, falls silent or ends while the run still runs is opened again, at most `RECONNECTS`
    times in a row without news; what it replays is not yielded again. A stream that the API no longer has
    (404, 410) is not: then the run is all there is to read, whatever its status.
    """
    seen: set[bytes] = set()
    attempt = 0
    while True:
        replayed = frozenset(seen)
        last, is_gone = b"", False
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
                    digest = _digest(event)
                    if digest != last and digest not in replayed:
                        yield event
                    last = digest
                    seen.add(digest)
        except NotFound:
            is_gone = True
        except (httpx.TransportError, httpx.DecodingError, Unavailable, RateLimited) as error:
            log.debug("the stream broke off (%s)", type(error).__name__)
        if control.closing.is_set():
            return
        run = read()
        attempt = attempt + 1 if len(seen) == len(replayed) else 1
        if is_gone or run.status != "running" or attempt > RECONNECTS:
            yield Event.from_json({"type": RUN_READ, "run_id": run.id, "snapshot": run.to_dict()})
            return
        on_gap(run)
        if control.closing.wait(pause_before(attempt)):
            return


def pause_before(attempt: int) -> float:
    """Give the seconds before the stream is opened again, for the first attempt without news and the next."""
    return min(PAUSE_MOST, PAUSE_FIRST * 2.0 ** (attempt - 1))


def check_snapshot(event: Event, run_id: str) -> None:
    """Raise `ContractError` for the snapshot of another run."""
    if event.snapshot is None:
        return
    for found in (event.run_id, event.snapshot.get("id")):
        if isinstance(found, str) and not is_same_id(found, run_id):
            raise ContractError(
                f"the stream of run {shorten(run_id, 100)!r} shows another run. Check base_url and the proxy."
            )


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Parse server-sent events, however they are cut into chunks. Unknown types are left out.

    Data that is no JSON, or no event that the contract knows, is left out with a line in the log.
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
    """Cut the stream into (event name, data).

    Raises `httpx.RemoteProtocolError` for one that goes on and on without an end of a message.

    httpx-sse takes a byte order mark for a part of the first field, hence the codec that drops it; and it
    forgets a last message that no blank line ends, hence the two line ends.
    """
    size = 0

    def bounded() -> Iterator[bytes]:
        nonlocal size
        for chunk in chunks:
            size += len(chunk)
            if size > MAX_ANSWER:
                raise httpx.RemoteProtocolError("no end of a message")
            yield chunk
        yield b"\n\n"

    headers = {"Content-Type": "text/event-stream; charset=utf-8-sig"}
    for message in EventSource(httpx.Response(200, headers=headers, content=bounded())).iter_sse():
        size = 0
        if message.data:
            yield message.event, message.data


def _digest(event: Event) -> bytes:
    """Tell events apart by what they say; when one was sent does not count, a replay may stamp it anew."""
    content: dict[str, Any] = {name: value for name, value in event.to_dict().items() if name != "timestamp"}
    if event.snapshot is not None:
        content["snapshot"] = {name: value for name, value in event.snapshot.items() if name != LOCAL}
    text = jsontext.dumps(content, sort_keys=True)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
