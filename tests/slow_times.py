"""Where the time of runs goes by the rules, one instant after the other, on a clock of whole numbers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from support import START, Json

ENDED = ("completed", "error")  # statuses of a run that has ended
RESOLVED = ("skip", "auto_approve")  # a question that the policy settled is put to nobody


class Forest(NamedTuple):
    """Steps of several runs in pre-order; `kind` is w for a question, l for a leaf, g for a group."""

    start: np.ndarray
    end: np.ndarray
    parent: np.ndarray
    depth: np.ndarray
    run: np.ndarray
    run_start: np.ndarray
    run_end: np.ndarray
    kind: np.ndarray

    @property
    def n(self) -> int:
        """Number of steps."""
        return len(self.start)

    def steps_of(self, run: int) -> list[int]:
        """The steps of a run."""
        return np.flatnonzero(self.run == run).tolist()

    def children(self, step: int) -> list[int]:
        """The steps directly in a step."""
        return np.flatnonzero(self.parent == step).tolist()

    def open_at(self, step: int, instant: int) -> bool:
        """Whether a step is open at an instant."""
        return bool(self.start[step] <= instant < self.end[step])


def forest_of(run: Json, as_of: int) -> Forest:
    """Read a well-formed run, whose times are whole seconds; it has started."""

    def second(text: str | None) -> int | None:
        return text and round((datetime.fromisoformat(text) - START).total_seconds())

    run_start, ended = second(run["started_at"]), second(run["ended_at"])
    run_end = as_of if ended is None else ended
    rows: list[list[Any]] = []

    def add(step: Json, parent: int, depth: int) -> int:
        """Add a step and the steps in it; return its end."""
        row, start = len(rows), second(step["started_at"])
        is_wait = step["type"] == "interrupt"
        is_wait &= (step.get("result") or {}).get("resolution") not in RESOLVED
        kind = "w" if is_wait else "g" if step["steps"] else "l"
        rows.append([start, None, parent, depth, 0, kind])
        ends = [add(child, row, depth + 1) for child in step["steps"]]
        end = second(step["completed_at"])
        if end is None:
            end = max(ends) if ends and run["status"] in ENDED else run_end
        rows[row][1] = max(start, end)
        return rows[row][1]

    for step in run["steps"]:
        add(step, -1, 0)
    *numbers, kind = zip(*rows, strict=True) if rows else [()] * 6
    start, end, parent, depth, of = (np.array(column, np.int64) for column in numbers)
    bounds = np.array([run_start]), np.array([run_end])
    return Forest(start, end, parent, depth, of, *bounds, np.array(kind, "U1"))


def self_time(forest: Forest) -> list[int]:
    """The instants of each step at which no step directly in it is open."""
    return [
        sum(
            not any(forest.open_at(child, instant) for child in forest.children(step))
            for instant in range(forest.start[step], forest.end[step])
        )
        for step in range(forest.n)
    ]


def question_at(forest: Forest, run: int, instant: int) -> int | None:
    """The question to which an instant belongs: it closes last, at a tie it was asked first."""
    questions = [
        step
        for step in forest.steps_of(run)
        if forest.kind[step] == "w" and forest.open_at(step, instant)
    ]

    def inside(step: int) -> tuple[int, int]:
        bounds = forest.run_start[run], forest.run_end[run]
        return tuple(np.clip([forest.start[step], forest.end[step]], *bounds))

    return min(questions, key=lambda step: (-inside(step)[1], inside(step)[0], step), default=None)


def budget(forest: Forest, run: int) -> list[int]:
    """The instants of a run at work, waiting, idle, and of waiting those with work beside it."""
    first, last = int(forest.run_start[run]), int(forest.run_end[run])
    counts = [0, 0, 0, 0]
    for instant in range(first, last):
        is_open = [step for step in forest.steps_of(run) if forest.open_at(step, instant)]
        question = question_at(forest, run, instant)
        if question is not None:
            asked, closed = np.clip([forest.start[question], forest.end[question]], first, last)
            counts[1] += 1
            counts[3] += any(
                forest.kind[step] == "l"
                and (max(forest.start[step], first) > asked or min(forest.end[step], last) < closed)
                for step in is_open
            )
        else:
            counts[0 if is_open else 2] += 1
    return counts


def critical_path(forest: Forest) -> list[list[int]]:
    """The step on the path at each instant of each run, -1 for none: the walk by the rule."""
    return [_path_of(forest, run) for run in range(len(forest.run_start))]


def _path_of(forest: Forest, run: int) -> list[int]:
    first, last = int(forest.run_start[run]), int(forest.run_end[run])
    asked = {instant: question_at(forest, run, instant) for instant in range(first, last)}
    left = [instant for instant, question in asked.items() if question is None]
    owner: dict[int, int] = {}  # by position on the axis without waits

    def position(time: int) -> int:
        return sum(instant < time for instant in left)

    def walk(family: int, steps: Iterable[int], low: int, high: int) -> None:
        spans = {}
        for step in steps:
            since = max(low, position(forest.start[step]))
            until = min(high, position(forest.end[step]))
            if since < until and forest.kind[step] != "w":
                spans[step] = since, until
        cursor = high
        while before := [step for step, (since, _) in spans.items() if since < cursor]:
            step = min(before, key=lambda it: (-min(spans[it][1], cursor), spans[it][0], it))
            since, until = spans[step][0], min(spans[step][1], cursor)
            owner.update(dict.fromkeys(range(until, cursor), family))
            walk(step, forest.children(step), since, until)
            cursor = since
        owner.update(dict.fromkeys(range(low, cursor), family))

    top = [step for step in forest.steps_of(run) if forest.parent[step] < 0]
    walk(-1, top, 0, len(left))
    worked = iter(owner[number] for number in range(len(left)))
    return [next(worked) if question is None else question for question in asked.values()]


def on_path(forest: Forest, path: list[list[int]]) -> list[bool]:
    """Whether a step, or one in it, has an instant on the path."""
    on = {-1}
    for step in {step for instants in path for step in instants}:
        while step not in on:
            on.add(step)
            step = int(forest.parent[step])
    return [step in on for step in range(forest.n)]
