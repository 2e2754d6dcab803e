"""The event stream of a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson

from runkit.server._accounts import Json
from runkit.server._replay import PlacedRun, cut, pending, status_at, updated
from runkit.server._store import Store

MAX_SNAPSHOTS = 500  # of a replayed stream; of more changes they are an even selection
POLL_S = 0.05  # real seconds after which a live stream looks again


async def stream(store: Store, run: PlacedRun) -> AsyncIterator[bytes]:
    """Yield a run's events from its start, then live until it waits or ends.

    [A] 7, 8, 10. Each iteration looks at the run again, so that a new answer takes effect.
    """
    ids = {"run_id": run.spec.id, "thread_id": run.spec.thread_id}
    sent = run.spec.created
    yield _encode({"type": "RUN_STARTED", **ids, "timestamp": sent})
    while not store.is_closing:
        run = store.placed(run.spec.id)
        now = store.clock.now()
        changes = [at for at in run.changes if sent < at <= now]
        for at in changes[:: -1 - len(changes) // MAX_SNAPSHOTS][::-1]:
            snapshot = {"timestamp": at, "snapshot": cut(run, at)}
            yield _encode({"type": "STATE_SNAPSHOT", **ids, **snapshot})
            await asyncio.sleep(0)  # notice a disconnected client between snapshots
        sent = max(sent, now)
        if status_at(run, now) != "running":
            yield _encode({**_final_event(run, now), **ids})
            return
        await asyncio.sleep(POLL_S)


def _final_event(run: PlacedRun, now: int) -> Json:
    """Return the last event of the stream of a run that waits or has ended."""
    at = updated(run, now)
    if status_at(run, now) == "error":
        return {"type": "RUN_ERROR", "timestamp": at, "message": "the run failed"}
    interrupts = [interrupt.item for interrupt in pending(run, now)]
    outcome = {"type": "interrupt", "interrupts": interrupts} if interrupts else {"type": "success"}
    return {"type": "RUN_FINISHED", "timestamp": at, "outcome": outcome}


def _encode(event: Json) -> bytes:
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
