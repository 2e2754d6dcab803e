"""Follow a run: server-sent events in Middesk's or AG-UI's format, then the run itself.

A stream may be unavailable, cut off or silent; only the run itself is reliable. So every stream
ends with an event of runkit's own, `RUN_READ`, whose `.run` was read after the last event.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import httpx
from httpx_sse import ServerSentEvent

from runkit import jsontext
from runkit.contract import RUN_READ, event_fields, is_same_id
from runkit.errors import ContractError, NotFound, RateLimited, Unavailable
from runkit.keys import quoted
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Event


def follow(
    run_id: str, messages: Iterator[ServerSentEvent], read: Callable[[], Run]
) -> Generator[Event, None, None]:
    """Yield the events of a run as they arrive, then `RUN_READ`, also after a lost stream."""
    try:
        for message in messages:
            event = _event_of(message)
            if event is not None:
                _check_run(event, run_id)
                yield event
    except (httpx.RequestError, NotFound, Unavailable, RateLimited) as error:
        log.info("the stream ended early (%s); reading the run", type(error).__name__)
    run = read()
    yield Event.from_json({"type": RUN_READ, "run_id": run.id, "snapshot": run.to_dict()})


def _event_of(message: ServerSentEvent) -> Event | None:
    """Read a message; None for one of an unknown type, or that cannot be read (logged)."""
    if not message.data:
        return None
    try:
        fields = event_fields(message.event, jsontext.loads(message.data.encode()))
        return None if fields is None else Event.from_json(fields)
    except ValueError:
        log.warning("left out of the stream: an event whose data cannot be read")
        return None


def _check_run(event: Event, run_id: str) -> None:
    """Raise `ContractError` for the snapshot of another run."""
    if event.snapshot is None:
        return
    ids = (event.run_id, event.snapshot.get("id"))
    if any(isinstance(other, str) and not is_same_id(other, run_id) for other in ids):
        raise ContractError(
            f"the stream of run {quoted(run_id, 100)!r} shows another run. "
            "Check base_url and the proxy."
        )
