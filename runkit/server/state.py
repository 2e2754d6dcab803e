"""The pure heart, second half: what a run is at an instant.

`state(brief, answers, t)` is the whole truth about a run: no task moves it on, nothing but its answers is
stored.
"""

from bisect import bisect_right

from runkit.server.plan import Answer, Brief, Json, Pause, Plan, Step, iso, plan

__all__ = ["next_stop", "pending", "seen", "state", "status", "updated"]


def state(
    brief: Brief, answers: tuple[Answer, ...], t: int, requester: Json | None = None, steps: bool = True
) -> Json:
    """The Run of the contract (section 5) at virtual millisecond `t`, with or without its steps."""
    return render(plan(brief, answers), t, requester, steps)


def render(p: Plan, t: int, requester: Json | None, steps: bool) -> Json:
    """A plan's run at `t`. Ids and texts come from the plan; only the instant decides what is seen of it."""
    now = status(p, t)
    pause = pending(p, t)
    run: Json = {
        "object": "run",
        "id": p.brief.run_id,
        "created_at": iso(p.brief.created),
        "updated_at": iso(updated(p, t)),
        "status": now,
        "thread_id": p.brief.thread_id,
        "agent": p.brief.agent,
        "requester": requester,
        "prompt": p.brief.prompt,
        "started_at": iso(p.started) if p.started <= t else None,
        "ended_at": iso(p.ended) if p.ended is not None and p.ended <= t else None,
        "output": p.output if now == "completed" else None,
        "interrupts": [pause.item] if pause else [],
    }
    if steps:
        run["steps"] = _tree(p, t)
    return run


def status(p: Plan, t: int) -> str:
    """`running`, `interrupted`, or the final status, at `t`."""
    if p.ended is not None and p.ended <= t:
        return p.status
    return "interrupted" if pending(p, t) else "running"


def pending(p: Plan, t: int) -> Pause | None:
    """The question that waits at `t`. [A] 26: questions do not expire."""
    for pause in p.pauses:
        if pause.asked <= t and (pause.answered is None or t < pause.answered):
            return pause
    return None


def updated(p: Plan, t: int) -> int:
    """When something last changed, at `t`."""
    return p.changes[bisect_right(p.changes, t) - 1] if t >= p.changes[0] else p.changes[0]


def next_stop(p: Plan, t: int) -> int | None:
    """When a run that works at `t` will next wait or end; None if it waits or has ended."""
    if status(p, t) != "running":
        return None
    stops = [pause.asked for pause in p.pauses if pause.asked > t]
    return min(stops) if stops else p.ended


def seen(p: Plan, t: int) -> set[str]:
    """Ids of the artifacts that a reader of the run can see at `t`."""
    shown = {artifact["id"] for step in p.steps if step.start <= t for artifact in _artifacts(step, t)}
    if status(p, t) == "completed" and p.output:
        shown.update(artifact["id"] for artifact in p.output["artifacts"])
    return shown


def _tree(p: Plan, t: int) -> list[Json]:
    top: list[Json] = []
    made: dict[int, Json] = {}
    for index, step in enumerate(p.steps):
        if step.start > t:
            continue
        done = step.end is not None and step.end <= t
        parent = made.get(step.parent)
        node: Json = {
            "id": step.id,
            "run_id": p.brief.run_id,
            "agent": step.agent,
            "type": step.type,
            "name": step.name,
            "label": step.label,
            "parent_step_id": parent["id"] if parent else None,
            "status": ("error" if step.failed else "completed") if done else "running",
            "started_at": step.started_at,
            "completed_at": step.completed_at if done else None,
            "steps": [],
            "result": step.result,
            "artifacts": _artifacts(step, t),
        }
        made[index] = node
        (parent["steps"] if parent else top).append(node)
    return top


def _artifacts(step: Step, t: int) -> list[Json]:
    """A question shows what it proposes from the start; work shows its findings when it is done."""
    return step.artifacts if step.type == "interrupt" or (step.end is not None and step.end <= t) else []
