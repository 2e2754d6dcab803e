"""Follow a run: server-sent events in Middesk's or AG-UI's format, then the run itself.

A stream may be unavailable, cut off or silent; only the run itself is reliable. So every stream ends with an
event of runkit's own, `RUN_READ`, whose `.run` was read after the last event.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
from httpx_sse import EventSource

from runkit import jsontext
from runkit.answers import digest
from runkit.client.http import backoff
from runkit.client.transport import Timeout
from runkit.contract import EVENT_TYPES, LOCAL, RUN_READ, event_fields, is_same_id
from runkit.errors import ContractError, NotFound, RateLimited, Unavailable
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Event
from runkit.text import shorten

# seconds without an event until the run is read instead; comments, which keep a connection open, do not count
SILENCE_TIMEOUT = 60.0
# bytes of a line, or of an event of several lines; a snapshot of 1,000 steps has about half a million
MAX_LINE = 8 * 2**20
# in a row without a new event; with a minute of silence and a pause each, this is about 23 minutes
MAX_RECONNECTS = 20
PAUSE_FIRST = 0.25  # seconds before the first reconnect, doubled each time without a new event
PAUSE_MAX = 10.0


def follow(
    run_id: str,
    open_stream: Callable[[Timeout], AbstractContextManager[httpx.Response]],
    read: Callable[[], Run],
    sleep: Callable[[float], object],
    timeout: float,
) -> Generator[Event, None, None]:
    """Yield the events of a run as they arrive, each once, then `RUN_READ`.

    A stream that drops, ends, or has no event for `SILENCE_TIMEOUT` (nothing at all for `timeout`) seconds
    while the run is still running is opened again, at most `MAX_RECONNECTS` times in a row without a new
    event; replayed events are not yielded again. A stream that the API no longer has (404, 410) is not
    reopened: then the run is read, whatever its status.
    """
    seen: set[str] = set()
    attempt = 0
    while True:
        replayed, last, is_gone = frozenset(seen), "", False
        silence = Timeout(timeout, SILENCE_TIMEOUT)
        try:
            with open_stream(silence) as response:
                for event in events(response.iter_bytes()):
                    check_snapshot(event, run_id)
                    key = _key(event)
                    if key != last and key not in replayed:
                        yield event
                    last = key
                    seen.add(key)
                    silence.restart()
        except NotFound:
            is_gone = True
        except (httpx.RequestError, Unavailable, RateLimited) as error:
            log.debug("the stream was interrupted (%s)", type(error).__name__)
        run = read()
        attempt = attempt + 1 if len(seen) == len(replayed) else 1
        if is_gone or run.status != "running" or attempt > MAX_RECONNECTS:
            yield Event.from_json({"type": RUN_READ, "run_id": run.id, "snapshot": run.to_dict()})
            return
        sleep(backoff(attempt, PAUSE_FIRST, PAUSE_MAX))


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

    Data that is not JSON, or not an event of the contract, is left out with a line in the log. Raises
    `ContractError` for a line or an event of more than `MAX_LINE` bytes.
    """
    # OpenAPI names another content type, which httpx-sse would refuse. The codec drops a byte order mark.
    headers = {"Content-Type": "text/event-stream; charset=utf-8-sig"}
    response = httpx.Response(200, headers=headers, content=_within_limit(chunks))
    for message in EventSource(response).iter_sse():
        if not message.data:
            continue
        try:
            fields = event_fields(message.event, jsontext.loads(message.data.encode()))
            event = None if fields is None else Event.from_json(fields)
        except ValueError:
            kind = message.event if message.event in EVENT_TYPES else "of an unknown type"
            log.warning("left out of the stream: an event %s whose data cannot be read", kind)
            continue
        if event is not None:
            yield event


def _within_limit(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield chunks, and raise `ContractError` when too much arrives without an empty line."""
    size, last = 0, b""
    for chunk in chunks:
        text = last + chunk
        end = max(text.rfind(pair) for pair in (b"\n\n", b"\r\r", b"\n\r"))
        size = size + len(chunk) if end < 0 else len(text) - end - 2
        if size > MAX_LINE:
            limit = MAX_LINE // 2**20
            raise ContractError(f"a line of the stream is longer than the limit of {limit} MB. Read the run.")
        yield chunk
        last = text[-1:]


def _key(event: Event) -> str:
    """Identify an event by its content, without its timestamp, which a replay may change."""
    content: dict[str, Any] = {name: value for name, value in event.to_dict().items() if name != "timestamp"}
    if event.snapshot is not None:
        content["snapshot"] = {name: value for name, value in event.snapshot.items() if name != LOCAL}
    return digest(content)
