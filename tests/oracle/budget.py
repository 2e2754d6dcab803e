"""Where the time of a run went, and its critical path."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from oracle.reading import Reading, Step, Wait
from oracle.values import Row


def waits_of(run: Reading) -> list[Step | Wait]:
    """Return the spans of the questions to a person: steps, and open ones without a step."""
    return [*(step for step in run.steps if step.is_wait), *run.open_aside]


def question_at(run: Reading, time: int) -> Step | Wait | None:
    """Return the question to which a time belongs: it closes last, at a tie it was asked first."""
    is_open = [wait for wait in waits_of(run) if wait.start <= time < wait.end]
    return min(
        is_open,
        key=lambda wait: (-min(wait.end, run.end), max(wait.start, run.start)),
        default=None,
    )


def pieces(run: Reading) -> list[tuple[int, int]]:
    """Return the time of a run, cut wherever something begins or ends."""
    edges = {run.start, run.end}
    for step in [*run.steps, *run.open_aside]:
        edges |= {min(max(edge, run.start), run.end) for edge in (step.start, step.end)}
    ordered = sorted(edges)
    return list(pairwise(ordered))


def budget(run: Reading) -> Row:
    """Return where the time of a run went."""
    spent = dict.fromkeys(("working_s", "waiting_s", "idle_s"), 0)
    for since, until in pieces(run):
        is_working = any(step.start <= since < step.end for step in run.steps)
        state = "working_s" if is_working else "idle_s"
        spent["waiting_s" if question_at(run, since) else state] += until - since
    return {name: total / 1e6 for name, total in spent.items()}


def critical_path(run: Reading) -> Counter[Step | Wait | None]:
    """Return the time of each step on the path: waits are cut out, and the rest is walked back."""
    path: Counter[Step | Wait | None] = Counter()
    work = []
    for since, until in pieces(run):
        question = question_at(run, since)
        if question:
            path[question] += until - since
        else:
            work.append((since, until))

    def give(step: Step | None, low: int, high: int) -> None:
        path[step] += sum(until - since for since, until in work[low:high])

    def walk(parent: Step | None, low: int, high: int) -> None:
        spans = {}
        for step in parent.children if parent else run.top:
            inside = [n for n in range(low, high) if step.start <= work[n][0] < step.end]
            if inside and not step.is_wait:
                spans[step] = inside[0], inside[-1] + 1
        cursor = high
        while before := [step for step, (since, _) in spans.items() if since < cursor]:
            last = min(before, key=lambda step: (-min(spans[step][1], cursor), spans[step][0]))
            since, until = spans[last]
            until = min(until, cursor)
            give(parent, until, cursor)
            walk(last, since, until)
            cursor = since
        give(parent, low, cursor)

    walk(None, 0, len(work))
    return path
