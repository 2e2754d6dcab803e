"""The stream of a run: what is replayed, what is waited for, how an event is written (contract section 10).

Two dialects: Middesk's (`event:` line, snake case) and AG-UI's own (no `event:` line, camel case), for
clients to test against.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

from runkit.server import state
from runkit.server.clock import Clock
from runkit.server.objects import ACCOUNT
from runkit.server.plan import Json, Plan

SNAPSHOT_STEPS = 50_000
"""Steps that the snapshots of one stream hold together, about 30 MB. All changes of a run of 200 steps fit.
A run of 5,000 would send 25 million: its snapshots are thinned, evenly and never at a stop."""
DIALECTS = ("middesk", "agui")
_CAMEL = {"run_id": "runId", "thread_id": "threadId"}


def moments(p: Plan) -> tuple[int, ...]:
    """The instants that get a snapshot: every change, or an even choice where that would be too much."""
    stops = {pause.asked for pause in p.pauses} | ({p.ended} if p.ended else set())
    changes = [at for at in p.changes if at >= p.started]
    fits = max(2, 2 * SNAPSHOT_STEPS // max(1, len(p.steps)))
    stride = -(-len(changes) // fits)
    return tuple(at for number, at in enumerate(changes) if number % stride == 0 or at in stops)


async def stream(
    load: Callable[[], Plan], clock: Clock, stopping: asyncio.Event, dialect: str = "middesk"
) -> AsyncIterator[bytes]:
    """Yield a run's events from its start, then live until it pauses or ends. [A] 7, 8, 10.

    Nothing is remembered between two looks: each reads the plan again, so an answer that came meanwhile is
    seen. Ends early when the server stops.
    """
    p = load()
    ids = {"run_id": p.brief.run_id, "thread_id": p.brief.thread_id}
    yield encode({"type": "RUN_STARTED", **ids, "timestamp": max(p.started, p.brief.created)}, dialect)
    sent = p.brief.created
    while True:
        p, now = load(), clock.now()
        for at in moments(p):
            if sent < at <= now:
                snapshot = state.render(p, at, ACCOUNT, True)
                yield encode(
                    {"type": "STATE_SNAPSHOT", **ids, "timestamp": at, "snapshot": snapshot}, dialect
                )
        sent = max(sent, now)
        last = _last(p, now)
        if last:
            yield encode({**last, **ids}, dialect)
            return
        coming = min(at for at in moments(p) if at > now)
        if await _stopped(stopping, clock.delay(coming)):
            return


def _last(p: Plan, now: int) -> Json | None:
    """The event that closes the stream, if the run has stopped. An answered pause is part of the past."""
    found = state.status(p, now)
    if found == "running":
        return None
    at = state.updated(p, now)
    if found == "error":
        return {"type": "RUN_ERROR", "timestamp": at, "message": p.cause, "code": "step_failed"}
    pause = state.pending(p, now)
    outcome = {"type": "interrupt", "interrupts": [pause.item]} if pause else {"type": "success"}
    return {"type": "RUN_FINISHED", "timestamp": at, "outcome": outcome}


async def _stopped(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait; True at once when the server stops."""
    try:
        # The least wait keeps a rounded-down delay from turning into a busy loop.
        await asyncio.wait_for(stopping.wait(), max(seconds, 0.001))
    except TimeoutError:
        return False
    return True


def encode(event: Json, dialect: str) -> bytes:
    """Write one event."""
    if dialect == "agui":
        return b"data: " + orjson.dumps(_agui(event)) + b"\n\n"
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"


def _agui(event: Json) -> Json:
    told: dict[str, Any] = {_CAMEL.get(key, key): value for key, value in event.items()}
    if event["type"] in ("STATE_SNAPSHOT", "RUN_ERROR"):  # these two carry no ids in AG-UI
        return {key: value for key, value in told.items() if key not in _CAMEL.values()}
    outcome = event.get("outcome", {})
    if "interrupts" in outcome:
        told["outcome"] = {**outcome, "interrupts": [_agui_interrupt(item) for item in outcome["interrupts"]]}
    return told


def _agui_interrupt(item: Json) -> Json:
    value = item["value"]
    told = {
        "id": item["id"],
        "reason": value["type"],
        "message": value["label"],
        "metadata": {"value": value},
    }
    if "response_schema" in value:
        told["responseSchema"] = value["response_schema"]
    return told
