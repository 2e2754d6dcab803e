"""The event stream of a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson

from runkit.server._accounts import Json
from runkit.server._clock import Clock
from runkit.server._recordings import walk
from runkit.server._replay import PlacedRun, cut, pending, status_at, updated

# steps in all snapshots of one stream, about 60 MB: a run of 200 steps sends all its changes. One
# of 5,000 would send 25 million steps, so its snapshots are thinned out, except at questions and
# the end.
SNAPSHOT_STEPS = 100_000
POLL_S = 0.05  # real seconds after which a live stream looks again


def snapshot_times(placed: PlacedRun) -> list[int]:
    """Return the times of snapshots: every change, or an even selection of too many."""
    stops = {interrupt.asked_at for interrupt in placed.interrupts} | {placed.ended}
    # each step is two changes, at most
    stride = 1 + len(placed.changes) ** 2 // 2 // SNAPSHOT_STEPS
    return [at for number, at in enumerate(placed.changes) if number % stride == 0 or at in stops]


async def stream(
    load: Callable[[], PlacedRun], clock: Clock, is_stopping: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield a run's events from its start, then live until it waits or ends.

    [A] 7, 8, 10. Each iteration loads the run again, so that a new answer takes effect. Stops when
    the server `is_stopping`.
    """
    run = load()
    ids = {"run_id": run.spec.id, "thread_id": run.spec.thread_id}
    yield _encode({"type": "RUN_STARTED", **ids, "timestamp": run.started})
    sent = run.started - 1
    while not is_stopping():
        run, now = load(), clock.now()
        for at in snapshot_times(run):
            if sent < at <= now:
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
        failed = [step for step in walk(cut(run, now)["steps"]) if step.get("status") == "error"]
        message = str(failed[-1].get("label")) if failed else "the run failed"
        return {"type": "RUN_ERROR", "timestamp": at, "message": message, "code": "step_failed"}
    interrupts = [interrupt.item for interrupt in pending(run, now)]
    outcome = {"type": "interrupt", "interrupts": interrupts} if interrupts else {"type": "success"}
    return {"type": "RUN_FINISHED", "timestamp": at, "outcome": outcome}


def _encode(event: Json) -> bytes:
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
