"""The clever arithmetic against slow twins that follow the rules word by word."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runkit import timing

LIMIT = 12  # a small clock makes ties, touching and empty intervals likely


class Forest(NamedTuple):
    """Steps of several runs in pre-order."""

    start: np.ndarray
    end: np.ndarray
    parent: np.ndarray
    depth: np.ndarray
    run: np.ndarray
    run_start: np.ndarray
    run_end: np.ndarray

    @property
    def n(self) -> int:
        """Number of steps."""
        return len(self.start)


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    moments = st.integers(0, LIMIT)
    start, end, parent, depth, run, run_start, run_end = [], [], [], [], [], [], []
    for number in range(draw(st.integers(1, 3))):
        a, b = sorted((draw(moments), draw(moments)))
        run_start.append(a)
        run_end.append(b)
        path: list[int] = []
        for _ in range(draw(st.integers(0, 9))):
            path = path[: draw(st.integers(0, len(path)))]
            a, b = sorted((draw(moments), draw(moments)))
            start.append(a)
            end.append(b)
            parent.append(path[-1] if path else -1)
            depth.append(len(path))
            run.append(number)
            path.append(len(start) - 1)
    return Forest(
        *(np.array(x, np.int64) for x in (start, end, parent, depth, run, run_start, run_end))
    )


def instants(forest: Forest, steps: Iterable[int]) -> set[int]:
    """The instants at which a step is open: on a clock of integers a union is a set."""
    spans = (range(forest.start[i], forest.end[i]) for i in steps)
    return set(chain.from_iterable(spans))


@given(forests())
def test_self_time_is_the_duration_minus_the_union_of_the_children(forest: Forest) -> None:
    """Self time equals the number of instants of the step at which none of its children is open."""
    expected = [
        len(instants(forest, [i]) - instants(forest, np.flatnonzero(forest.parent == i)))
        for i in range(forest.n)
    ]
    assert timing.self_time(forest.start, forest.end, forest.parent).tolist() == expected


@given(forests(), st.data())
def test_budget_counts_each_instant_once(forest: Forest, data: st.DataObject) -> None:
    """Each instant is waiting, else working, else idle; work under a wait is overlap."""
    lists = st.lists(st.sampled_from("wlc"), min_size=forest.n, max_size=forest.n)
    kinds = np.array(data.draw(lists), "U1")
    got = timing.budget(
        forest.run,
        forest.start,
        forest.end,
        is_waiting=kinds == "w",
        is_leaf=kinds == "l",
        run_start=forest.run_start,
        run_end=forest.run_end,
    )
    for number, span in enumerate(zip(forest.run_start, forest.run_end, strict=True)):
        whole = set(range(*span))
        waiting, leaf = (
            whole & instants(forest, np.flatnonzero((forest.run == number) & (kinds == kind)))
            for kind in "wl"
        )
        idle = whole - waiting - leaf
        parts = [leaf - waiting, waiting, idle, waiting & leaf]
        assert [part[number] for part in got] == [*map(len, parts)]


def walk_back(forest: Forest) -> tuple[list[bool], list[int]]:
    """The critical path by the rule, one step at a time."""
    is_on, length = [False] * forest.n, [0] * forest.n

    def inside(family: list[int], lo: int, hi: int, cursor: int, floor: int) -> int:
        """Walk from `cursor` down; return the time that no child covered."""
        clipped = {i: (max(forest.start[i], lo), min(forest.end[i], hi)) for i in family}
        clipped = {i: (a, b) for i, (a, b) in clipped.items() if a <= b}
        own = 0
        while True:
            open_before = [i for i, (a, _) in clipped.items() if a < cursor]
            if not open_before:
                return own + cursor - floor
            step = min(open_before, key=lambda i: (-min(clipped[i][1], cursor), clipped[i][0], i))
            a, b = clipped[step]
            reached = min(b, cursor)
            own += cursor - reached
            is_on[step] = True
            kids = [c for c in range(forest.n) if forest.parent[c] == step]
            length[step] = inside(kids, a, b, reached, a)
            cursor = a

    for number, (a, b) in enumerate(zip(forest.run_start, forest.run_end, strict=True)):
        top = [i for i in range(forest.n) if forest.run[i] == number and forest.parent[i] < 0]
        inside(top, a, b, b, a)
    return is_on, length


@given(forests())
def test_critical_path_follows_the_rule(forest: Forest) -> None:
    """The walk by search takes the steps of the walk that looks at every child."""
    got = timing.critical_path(
        forest.start,
        forest.end,
        forest.parent,
        forest.depth,
        forest.run,
        forest.run_start,
        forest.run_end,
    )
    assert (got.is_on.tolist(), got.length.tolist()) == walk_back(forest)
