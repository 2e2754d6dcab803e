"""Where the time of a run goes by the rules, one instant after the other, on a clock of whole numbers."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from support import START, Json

ENDED = ("completed", "error")  # statuses of a run that has ended
RESOLVED = ("skip", "auto_approve")  # a question that the policy settled is put to nobody


class Step(NamedTuple):
    """A step; `parent` is its position or -1, `kind` is w for a question, l for a leaf, g for a group."""

    start: int
    end: int
    parent: int
    kind: str

    def is_open(self, instant: int) -> bool:
        """Whether it is open at an instant."""
        return self.start <= instant < self.end

    def within(self, first: int, last: int) -> tuple[int, int]:
        """Its bounds inside others."""
        return min(max(self.start, first), last), min(max(self.end, first), last)


class TimedRun(NamedTuple):
    """The steps of a run in tree order, and when the run begins and ends."""

    steps: list[Step]
    start: int
    end: int

    def children(self, parent: int) -> list[int]:
        """The steps directly in a step, or in the run."""
        return [number for number, step in enumerate(self.steps) if step.parent == parent]


def timed(run: Json, as_of: int) -> TimedRun:
    """Read a well-formed run, whose times are whole seconds; it has started."""

    def second(text: str) -> int:
        return round((datetime.fromisoformat(text) - START).total_seconds())

    run_end = second(run["ended_at"]) if run["ended_at"] else as_of
    steps: list[Step] = []

    def add(item: Json, parent: int) -> int:
        """Add a step and the steps in it; return its end."""
        row = len(steps)
        start = second(item["started_at"])
        end = run_end
        is_wait = item["type"] == "interrupt"
        is_wait &= (item.get("result") or {}).get("resolution") not in RESOLVED
        kind = "w" if is_wait else "g" if item["steps"] else "l"
        steps.append(Step(start, start, parent, kind))
        ends = [add(child, row) for child in item["steps"]]
        if item["completed_at"]:
            end = second(item["completed_at"])
        elif ends and run["status"] in ENDED:
            end = max(ends)
        steps[row] = steps[row]._replace(end=max(start, end))
        return steps[row].end

    for item in run["steps"]:
        add(item, -1)
    return TimedRun(steps, second(run["started_at"]), run_end)


def self_time(run: TimedRun) -> list[int]:
    """The instants of each step at which no step directly in it is open."""
    return [
        sum(
            not any(run.steps[child].is_open(instant) for child in run.children(number))
            for instant in range(step.start, step.end)
        )
        for number, step in enumerate(run.steps)
    ]


def question_at(run: TimedRun, instant: int) -> int | None:
    """The question to which an instant belongs: it closes last, at a tie it was asked first."""
    found = []
    for number, step in enumerate(run.steps):
        if step.kind == "w" and step.is_open(instant):
            start, end = step.within(run.start, run.end)
            found.append((-end, start, number))
    return min(found)[-1] if found else None


def budget(run: TimedRun) -> list[int]:
    """The instants of a run at work, waiting, idle, and of waiting those with work beside it."""
    counts = [0, 0, 0, 0]
    for instant in range(run.start, run.end):
        is_open = [step for step in run.steps if step.is_open(instant)]
        question = question_at(run, instant)
        if question is None:
            counts[0 if is_open else 2] += 1
            continue
        opened, closed = run.steps[question].within(run.start, run.end)
        counts[1] += 1
        counts[3] += any(
            step.kind == "l"
            and (max(step.start, run.start) > opened or min(step.end, run.end) < closed)
            for step in is_open
        )
    return counts


def critical_path(run: TimedRun) -> list[int]:
    """The step on the path at each instant of a run, -1 for none: the walk by the rule."""
    questions = {instant: question_at(run, instant) for instant in range(run.start, run.end)}
    left = [instant for instant, question in questions.items() if question is None]
    owner = [-1] * len(left)

    def walk(family: int, low: int, high: int) -> None:
        """Walk back through the steps in one, by positions on the axis without waits."""
        spans = {}
        for number in run.children(family):
            step = run.steps[number]
            inside = [at for at in range(low, high) if step.is_open(left[at])]
            if inside and step.kind != "w":
                spans[number] = inside[0], inside[-1] + 1
        cursor = high
        while before := [number for number, (since, _) in spans.items() if since < cursor]:
            last = min(before, key=lambda it: (-min(spans[it][1], cursor), spans[it][0], it))
            since = spans[last][0]
            until = min(spans[last][1], cursor)
            owner[since:cursor] = [family] * (cursor - since)
            walk(last, since, until)
            cursor = since
        owner[low:cursor] = [family] * (cursor - low)

    walk(-1, 0, len(left))
    worked = iter(owner)
    return [next(worked) if question is None else question for question in questions.values()]


def on_path(run: TimedRun, path: list[int]) -> list[bool]:
    """Whether a step, or one in it, has an instant on the path."""
    on = {-1}
    for step in path:
        while step not in on:
            on.add(step)
            step = run.steps[step].parent
    return [step in on for step in range(len(run.steps))]
