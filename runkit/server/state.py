"""The pure heart, second half: what a run is at an instant, and its stream, one instant after another.

`state(plan(brief, answers), t)` is the whole truth about a run: no task moves it on, and nothing but its
answers is stored. The stream (contract section 10) speaks two dialects: Middesk's (`event:` line, snake
case), and AG-UI's own (no `event:` line, camel case) for clients to test against.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable

import orjson

from runkit.server.businesses import Json, caller, iso
from runkit.server.clock import Clock
from runkit.server.plan import Pause, Plan, Step

SNAPSHOT_STEPS = 50_000
"""Steps that the snapshots of one stream hold together, about 30 MB. All changes of a run of 200 steps fit.
A run of 5,000 would send 25 million: its snapshots are thinned, evenly and never at a stop."""
LOOK_AROUND = 0.1  # real seconds after which a stream that waits looks whether the server has ended
_CAMEL = {"run_id": "runId", "thread_id": "threadId"}


def state(p: Plan, t: int, steps: bool = True) -> Json:
    """Give the Run of the contract (section 5) at virtual millisecond `t`, with or without its steps."""
    now, pause = status(p, t), pending(p, t)
    run: Json = {
        "object": "run",
        "id": p.brief.id,
        "created_at": iso(p.brief.created),
        "updated_at": iso(updated(p, t)),
        "status": now,
        "thread_id": p.brief.thread_id,
        "agent": p.brief.agent,
        "requester": caller(p.brief.person),
        "prompt": p.brief.prompt,
        "started_at": iso(p.started) if p.started <= t else None,
        "ended_at": iso(p.ended) if p.ended is not None and p.ended <= t else None,
        "output": p.output if now == "completed" else None,
        "interrupts": [pause.item] if pause else [],
    }
    return {**run, "steps": _tree(p, t)} if steps else run


def status(p: Plan, t: int) -> str:
    """`running`, `interrupted`, or the final status, at `t`."""
    if p.ended is not None and p.ended <= t:
        return p.status
    return "interrupted" if pending(p, t) else "running"


def pending(p: Plan, t: int) -> Pause | None:
    """Find the question that waits at `t`. [A] 26: questions do not expire, except with their run."""
    if p.ended is not None and p.ended <= t:
        return None
    open_at = (one for one in p.pauses if one.asked <= t and (one.answered is None or t < one.answered))
    return next(open_at, None)


def updated(p: Plan, t: int) -> int:
    """When something last changed, at `t`."""
    return p.changes[max(0, bisect_right(p.changes, t) - 1)]


def next_stop(p: Plan, t: int) -> int | None:
    """When a run that works at `t` will next wait or end; None if it waits or has ended."""
    if status(p, t) != "running":
        return None
    return min((pause.asked for pause in p.pauses if pause.asked > t), default=p.ended)


def seen(p: Plan, t: int) -> set[str]:
    """Ids of the artifacts that a reader of the run can see at `t`."""
    shown = [artifact for step in p.steps if step.start <= t for artifact in _artifacts(step, t)]
    if status(p, t) == "completed" and p.output:
        shown += p.output["artifacts"]
    return {artifact["id"] for artifact in shown}


def _tree(p: Plan, t: int) -> list[Json]:
    top: list[Json] = []
    made: dict[int, Json] = {}
    for index, step in enumerate(p.steps):
        if step.start > t:
            continue
        done = step.end is not None and step.end <= t
        parent = made.get(step.parent)
        made[index] = {
            "id": step.id,
            "run_id": p.brief.id,
            "agent": step.agent,
            "type": step.type,
            "name": step.name,
            "label": step.label,
            "parent_step_id": parent["id"] if parent else None,
            "status": ("error" if step.failed else "completed") if done else "running",
            "started_at": step.started_at,
            "completed_at": step.completed_at if done else None,
            "steps": [],
            "result": step.result | step.closing if done else step.result,
            "artifacts": _artifacts(step, t),
        }
        (parent["steps"] if parent else top).append(made[index])
    return top


def _artifacts(step: Step, t: int) -> list[Json]:
    """A question shows what it proposes from the start; work shows its findings when it is done."""
    return step.artifacts if step.type == "interrupt" or (step.end is not None and step.end <= t) else []


def moments(p: Plan) -> list[int]:
    """The instants that get a snapshot: every change, or an even choice where that would be too much."""
    stops = {pause.asked for pause in p.pauses} | {p.ended}
    changes = [at for at in p.changes if at >= p.started]
    stride = -(-len(changes) // max(2, 2 * SNAPSHOT_STEPS // max(1, len(p.steps))))
    return [at for number, at in enumerate(changes) if number % stride == 0 or at in stops]


async def stream(
    load: Callable[[], Plan], clock: Clock, ended: Callable[[], bool], dialect: str
) -> AsyncIterator[bytes]:
    """Yield a run's events from its start, then live until it pauses or ends. [A] 7, 8, 10.

    Nothing is remembered between two looks: each reads the plan again, so an answer that came meanwhile is
    seen. Gives up when the server has `ended`.
    """
    p = load()
    ids = {"run_id": p.brief.id, "thread_id": p.brief.thread_id}
    yield _encode({"type": "RUN_STARTED", **ids, "timestamp": p.started}, dialect)
    sent = p.brief.created
    while not ended():
        p, now = load(), clock.now()
        for at in moments(p):
            if sent < at <= now:
                snapshot = {"timestamp": at, "snapshot": state(p, at)}
                yield _encode({"type": "STATE_SNAPSHOT", **ids, **snapshot}, dialect)
                await asyncio.sleep(0)  # else a client that has left is noticed only after all of them
        sent = max(sent, now)
        if status(p, now) != "running":
            yield _encode({**_last(p, now), **ids}, dialect)
            return
        coming = min(at for at in moments(p) if at > now)
        await asyncio.sleep(min(max(clock.delay(coming), 0.001), LOOK_AROUND))


def _last(p: Plan, now: int) -> Json:
    """The event that closes the stream of a run that has stopped. An answered pause is part of the past."""
    at = updated(p, now)
    if status(p, now) == "error":
        return {"type": "RUN_ERROR", "timestamp": at, "message": p.cause, "code": "step_failed"}
    pause = pending(p, now)
    outcome = {"type": "interrupt", "interrupts": [pause.item]} if pause else {"type": "success"}
    return {"type": "RUN_FINISHED", "timestamp": at, "outcome": outcome}


def _encode(event: Json, dialect: str) -> bytes:
    if dialect == "agui":
        return b"data: " + orjson.dumps(_agui(event)) + b"\n\n"
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"


def _agui(event: Json) -> Json:
    if event["type"] in ("STATE_SNAPSHOT", "RUN_ERROR"):  # these two carry no ids in AG-UI
        return {key: value for key, value in event.items() if key not in _CAMEL}
    told = {_CAMEL.get(key, key): value for key, value in event.items()}
    outcome = event.get("outcome", {})
    if "interrupts" in outcome:
        told["outcome"] = {**outcome, "interrupts": [_agui_interrupt(one) for one in outcome["interrupts"]]}
    return told


def _agui_interrupt(item: Json) -> Json:
    value = item["value"]
    told = {
        "id": item["id"],
        "reason": value["type"],
        "message": value["label"],
        "metadata": {"value": value},
    }
    schema = value.get("response_schema")
    return {**told, "responseSchema": schema} if schema else told
