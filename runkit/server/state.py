"""The state of a run at a given time, and its event stream.

`state(plan(spec, answers), t)` is a pure function: no background task advances a run, and only
answers are stored.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable

import orjson

from runkit.server.clock import Clock
from runkit.server.plan import Interrupt, Plan, Step
from runkit.server.scenarios import Json, iso, user_of

SNAPSHOT_STEPS = 100_000
"""Steps in all snapshots of one stream, about 60 MB. All changes of a run of 200 steps fit. A run of
5,000 would send 25 million, so its snapshots are thinned out evenly; those at a question or the end
stay."""
# all fields of a run on the API's object page
OBJECT_PAGE = (
    *("object", "id", "created_at", "updated_at", "status"),
    *("started_at", "ended_at", "steps", "interrupts"),
)
POLL_S = 0.05  # real seconds after which a live stream looks again


def state(p: Plan, t: int, steps: bool = True) -> Json:
    """Return the run at virtual millisecond `t`, with or without its steps.

    A run in the object page's form has an empty list of steps where it is read without them.
    """
    now = status(p, t)
    run: Json = {
        "object": "run",
        "id": p.spec.id,
        "created_at": iso(p.spec.created),
        "updated_at": iso(updated(p, t)),
        "status": now,
        "thread_id": p.spec.thread_id,
        "agent": p.spec.agent,
        "requester": user_of(p.spec.person),
        "prompt": p.spec.prompt,
        "started_at": iso(p.started) if p.started <= t else None,
        "ended_at": iso(p.ended) if p.ended is not None and p.ended <= t else None,
        "output": p.output if now == "completed" else None,
        "interrupts": [interrupt.item for interrupt in pending(p, t)],
    }
    if steps:
        run["steps"] = _tree(p, t)
    return {field: run.get(field, []) for field in OBJECT_PAGE} if p.scenario.object_page else run


def status(p: Plan, t: int) -> str:
    """Return the status at `t`: `running`, `interrupted`, or the final status."""
    if p.ended is not None and p.ended <= t:
        return p.status
    return "interrupted" if pending(p, t) else "running"


def pending(p: Plan, t: int) -> list[Interrupt]:
    """Return the open interrupts at `t`. [A] 26: interrupts do not expire before their run ends."""
    if p.ended is not None and p.ended <= t:
        return []
    asked = (item for item in p.interrupts if item.asked_at <= t)
    return [item for item in asked if item.answered_at is None or t < item.answered_at]


def updated(p: Plan, t: int) -> int:
    """Return the time of the last change up to `t`."""
    return p.changes[max(0, bisect_right(p.changes, t) - 1)]


def next_stop(p: Plan, t: int) -> int | None:
    """Return when a run that is running at `t` will wait or end; None if it waits or has ended."""
    if status(p, t) != "running":
        return None
    return min(
        (interrupt.asked_at for interrupt in p.interrupts if interrupt.asked_at > t),
        default=p.ended,
    )


def visible_artifacts(p: Plan, t: int) -> set[str]:
    """Return the ids of the artifacts that the run shows at `t`."""
    artifacts = [artifact for step in _begun(p, t) for artifact in _artifacts(step, t)]
    if status(p, t) == "completed" and p.output:
        artifacts += p.output["artifacts"]
    return {artifact["id"] for artifact in artifacts if "id" in artifact}


def _begun(p: Plan, t: int) -> list[Step]:
    """Return the steps that have begun at `t`; none begins after the run has ended."""
    latest = t if p.ended is None else min(t, p.ended)
    return [step for step in p.steps if step.start <= latest]


def _tree(p: Plan, t: int) -> list[Json]:
    children: dict[str | None, list[Json]] = {None: []}
    for step in _begun(p, t):
        end = step.end if _is_done(step, t) else None
        children[step.id] = []
        node = {
            "id": step.id,
            "run_id": p.spec.id,
            "agent": step.agent,
            "type": step.type,
            "name": step.name,
            "label": step.label,
            "parent_step_id": step.parent,
            "status": ("error" if step.failed else "completed") if end is not None else "running",
            "started_at": iso(step.start),
            "completed_at": iso(end) if end is not None else None,
            "steps": children[step.id],
            "result": step.result if end is None else step.result | step.closing,
            "artifacts": _artifacts(step, t),
        }
        children[step.parent].append(node)
    return children[None]


def _artifacts(step: Step, t: int) -> list[Json]:
    """Return a step's visible artifacts: proposals from the start, findings at the end of the step."""
    return step.artifacts if step.type == "interrupt" or _is_done(step, t) else []


def _is_done(step: Step, t: int) -> bool:
    return step.end is not None and step.end <= t


def snapshot_times(p: Plan) -> list[int]:
    """Return the times of snapshots: every change, or an even selection of too many."""
    stops = {interrupt.asked_at for interrupt in p.interrupts} | {p.ended}
    stride = 1 + len(p.changes) * len(p.steps) // SNAPSHOT_STEPS
    return [at for number, at in enumerate(p.changes) if number % stride == 0 or at in stops]


async def stream(
    load: Callable[[], Plan], clock: Clock, is_stopping: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield a run's events from its start, then live until it waits or ends.

    [A] 7, 8, 10. Each iteration loads the plan again, so that a new answer takes effect. Stops when
    the server `is_stopping`.
    """
    p = load()
    ids = {"run_id": p.spec.id, "thread_id": p.spec.thread_id}
    yield _encode({"type": "RUN_STARTED", **ids, "timestamp": p.started})
    sent = p.started - 1
    while not is_stopping():
        p, now = load(), clock.now()
        for at in snapshot_times(p):
            if sent < at <= now:
                snapshot = {"timestamp": at, "snapshot": state(p, at)}
                yield _encode({"type": "STATE_SNAPSHOT", **ids, **snapshot})
                await asyncio.sleep(0)  # notice a disconnected client between snapshots
        sent = max(sent, now)
        if status(p, now) != "running":
            yield _encode({**_final_event(p, now), **ids})
            return
        await asyncio.sleep(POLL_S)


def _final_event(p: Plan, now: int) -> Json:
    """Return the last event of the stream of a run that waits or has ended."""
    at = updated(p, now)
    if status(p, now) == "error":
        return {"type": "RUN_ERROR", "timestamp": at, "message": p.cause, "code": "step_failed"}
    interrupts = [interrupt.item for interrupt in pending(p, now)]
    outcome = {"type": "interrupt", "interrupts": interrupts} if interrupts else {"type": "success"}
    return {"type": "RUN_FINISHED", "timestamp": at, "outcome": outcome}


def _encode(event: Json) -> bytes:
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
