"""The state of a run at a given time, and its event stream.

`state(plan_run(spec, answers), at)` is a pure function: no background task advances a run, and only
answers are stored.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable

import orjson

from runkit.server._clock import Clock
from runkit.server._plan import Interrupt, Plan, Step
from runkit.server._scenarios import Json, iso, user_of

# steps in all snapshots of one stream, about 60 MB; all changes of a run of 200 steps fit; a run of
# 5,000 would send 25 million, so its snapshots are thinned out, except at a question or the end
SNAPSHOT_STEPS = 100_000
# all fields of a run on the API's object page
OBJECT_PAGE = (
    "object",
    "id",
    "created_at",
    "updated_at",
    "status",
    "started_at",
    "ended_at",
    "steps",
    "interrupts",
)
POLL_S = 0.05  # real seconds after which a live stream looks again


def state(plan: Plan, at: int, steps: bool = True) -> Json:
    """Return the run at a virtual time, in milliseconds, with or without its steps.

    A run in the object page's form has an empty list of steps where it is read without them.
    """
    word = status(plan, at)
    run: Json = {
        "object": "run",
        "id": plan.spec.id,
        "created_at": iso(plan.spec.created),
        "updated_at": iso(updated(plan, at)),
        "status": word,
        "thread_id": plan.spec.thread_id,
        "agent": plan.spec.agent,
        "requester": user_of(plan.spec.person),
        "prompt": plan.spec.prompt,
        "started_at": iso(plan.started) if plan.started <= at else None,
        "ended_at": iso(plan.ended) if plan.ended is not None and plan.ended <= at else None,
        "output": plan.output if word == "completed" else None,
        "interrupts": [interrupt.item for interrupt in pending(plan, at)],
    }
    if steps:
        run["steps"] = _tree(plan, at)
    if plan.scenario.object_page:
        return {field: run.get(field, []) for field in OBJECT_PAGE}
    return run


def status(plan: Plan, at: int) -> str:
    """Return the status at `at`: `running`, `interrupted`, or the final status."""
    if plan.ended is not None and plan.ended <= at:
        return plan.status
    return "interrupted" if pending(plan, at) else "running"


def pending(plan: Plan, at: int) -> list[Interrupt]:
    """Return the open interrupts at `at`. [A] 26: none expires before its run ends."""
    if plan.ended is not None and plan.ended <= at:
        return []
    items = (item for item in plan.interrupts if item.asked_at <= at)
    return [item for item in items if item.answered_at is None or at < item.answered_at]


def updated(plan: Plan, at: int) -> int:
    """Return the time of the last change up to `at`."""
    return plan.changes[max(0, bisect_right(plan.changes, at) - 1)]


def next_stop(plan: Plan, at: int) -> int | None:
    """Return when a run that is running at `at` will wait or end; None if it waits or has ended."""
    if status(plan, at) != "running":
        return None
    stops = [item.asked_at for item in plan.interrupts if item.asked_at > at]
    return min(stops, default=plan.ended)


def visible_artifacts(plan: Plan, at: int) -> set[str]:
    """Return the ids of the artifacts that the run shows at `at`."""
    artifacts = [artifact for step in _begun(plan, at) for artifact in _artifacts(step, at)]
    if status(plan, at) == "completed" and plan.output:
        artifacts += plan.output["artifacts"]
    return {artifact["id"] for artifact in artifacts if "id" in artifact}


def _begun(plan: Plan, at: int) -> list[Step]:
    """Return the steps that have begun at `at`; none begins after the run has ended."""
    latest = at if plan.ended is None else min(at, plan.ended)
    return [step for step in plan.steps if step.start <= latest]


def _tree(plan: Plan, at: int) -> list[Json]:
    children: dict[str | None, list[Json]] = {None: []}
    for step in _begun(plan, at):
        end = step.end if _is_done(step, at) else None
        final = "error" if step.failed else "completed"
        children[step.id] = []
        node = {
            "id": step.id,
            "run_id": plan.spec.id,
            "agent": step.agent,
            "type": step.type,
            "name": step.name,
            "label": step.label,
            "parent_step_id": step.parent,
            "status": "running" if end is None else final,
            "started_at": iso(step.start),
            "completed_at": None if end is None else iso(end),
            "steps": children[step.id],
            "result": step.result if end is None else step.result | step.closing,
            "artifacts": _artifacts(step, at),
        }
        children[step.parent].append(node)
    return children[None]


def _artifacts(step: Step, at: int) -> list[Json]:
    """Return a step's visible artifacts: proposals from its start, findings at its end."""
    return step.artifacts if step.type == "interrupt" or _is_done(step, at) else []


def _is_done(step: Step, at: int) -> bool:
    return step.end is not None and step.end <= at


def snapshot_times(plan: Plan) -> list[int]:
    """Return the times of snapshots: every change, or an even selection of too many."""
    stops = {interrupt.asked_at for interrupt in plan.interrupts} | {plan.ended}
    stride = 1 + len(plan.changes) * len(plan.steps) // SNAPSHOT_STEPS
    return [at for number, at in enumerate(plan.changes) if number % stride == 0 or at in stops]


async def stream(
    load: Callable[[], Plan], clock: Clock, is_stopping: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield a run's events from its start, then live until it waits or ends.

    [A] 7, 8, 10. Each iteration loads the plan again, so that a new answer takes effect. Stops when
    the server `is_stopping`.
    """
    plan = load()
    ids = {"run_id": plan.spec.id, "thread_id": plan.spec.thread_id}
    yield _encode({"type": "RUN_STARTED", **ids, "timestamp": plan.started})
    sent = plan.started - 1
    while not is_stopping():
        plan, now = load(), clock.now()
        for at in snapshot_times(plan):
            if sent < at <= now:
                snapshot = {"timestamp": at, "snapshot": state(plan, at)}
                yield _encode({"type": "STATE_SNAPSHOT", **ids, **snapshot})
                await asyncio.sleep(0)  # notice a disconnected client between snapshots
        sent = max(sent, now)
        if status(plan, now) != "running":
            yield _encode({**_final_event(plan, now), **ids})
            return
        await asyncio.sleep(POLL_S)


def _final_event(plan: Plan, now: int) -> Json:
    """Return the last event of the stream of a run that waits or has ended."""
    at = updated(plan, now)
    if status(plan, now) == "error":
        return {"type": "RUN_ERROR", "timestamp": at, "message": plan.cause, "code": "step_failed"}
    interrupts = [interrupt.item for interrupt in pending(plan, now)]
    outcome = {"type": "interrupt", "interrupts": interrupts} if interrupts else {"type": "success"}
    return {"type": "RUN_FINISHED", "timestamp": at, "outcome": outcome}


def _encode(event: Json) -> bytes:
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
