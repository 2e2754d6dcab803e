"""The arithmetic of time at full scale: years 1 to 9999 in microseconds, any mix of runs, against slow twins.

`tests/timing` compares each rule with its words on a small clock; here the clock is as large as it gets.
"""

from __future__ import annotations

import heapq
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from fuzz.made import fuzz
from runkit import timing
from runkit.tables.columns import micros

FIRST, LAST = (micros(when.replace(tzinfo=UTC)) for when in (datetime.min, datetime.max))
SMALL = 20
PLACES = st.sampled_from(
    [
        (0, 1),
        (FIRST, 1),
        (LAST - SMALL, 1),
        (FIRST, (LAST - FIRST) // SMALL),
        (1_777_000_000_000_000, 86_400_000_000),
    ]
)


class Forest(NamedTuple):
    """Steps of several runs in pre-order."""

    start: np.ndarray
    end: np.ndarray
    parent: np.ndarray
    depth: np.ndarray
    run: np.ndarray
    run_start: np.ndarray
    run_end: np.ndarray
    is_waiting: np.ndarray

    def at(self, place: tuple[int, int]) -> Forest:
        """The same on another clock."""
        origin, unit = place
        times = (origin + unit * self[at] for at in (0, 1, 5, 6))
        start, end, run_start, run_end = times
        return self._replace(start=start, end=end, run_start=run_start, run_end=run_end)


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    """One to four runs of up to nine steps on a clock of twenty ticks."""
    span = st.tuples(st.integers(0, SMALL), st.integers(0, SMALL)).map(sorted)
    columns: list[list[int]] = [[] for _ in range(8)]
    start, end, parent, depth, run, run_start, run_end, waits = columns
    for number in range(draw(st.integers(1, 4))):
        for column, value in zip((run_start, run_end), draw(span), strict=True):
            column.append(value)
        path: list[int] = []
        for _ in range(draw(st.integers(0, 9))):
            path = path[: draw(st.integers(0, len(path)))]
            for column, value in zip((start, end), draw(span), strict=True):
                column.append(value)
            parent.append(path[-1] if path else -1)
            depth.append(len(path))
            run.append(number)
            waits.append(draw(st.integers(0, 1)))
            path.append(len(start) - 1)
    *numbers, flags = (np.array(column, np.int64) for column in columns)
    return Forest(*numbers, flags.astype(bool))


@fuzz(60)
@given(forests(), PLACES)
def test_self_time_is_the_same_on_every_clock(forest: Forest, place: tuple[int, int]) -> None:
    """Where the clock begins changes nothing; its unit scales all."""
    there = forest.at(place)
    expected = timing.self_time(forest.start, forest.end, forest.parent) * place[1]
    assert timing.self_time(there.start, there.end, there.parent).tolist() == expected.tolist()


@fuzz(60)
@given(forests(), PLACES)
def test_the_budget_is_the_same_on_every_clock(forest: Forest, place: tuple[int, int]) -> None:
    """All four parts, which add up to the run exactly."""

    def budget(of: Forest) -> timing.Budget:
        return timing.budget(
            of.run,
            of.start,
            of.end,
            is_waiting=of.is_waiting,
            is_leaf=~of.is_waiting & (np.bincount(of.parent + 1, minlength=len(of.run) + 1)[1:] == 0),
            run_start=of.run_start,
            run_end=of.run_end,
        )

    there = forest.at(place)
    got = budget(there)
    for part, expected in zip(got, budget(forest), strict=True):
        assert part.tolist() == (expected * place[1]).tolist()
    assert (got.working + got.waiting + got.idle == there.run_end - there.run_start).all()


@fuzz(60)
@given(forests(), PLACES)
def test_the_critical_path_is_the_same_on_every_clock(forest: Forest, place: tuple[int, int]) -> None:
    """The same steps, each with its own time; together they are no more than the run."""

    def path(of: Forest) -> timing.CriticalPath:
        return timing.critical_path(of.start, of.end, of.parent, of.run, of.run_start, of.run_end)

    there = forest.at(place)
    got, expected = path(there), path(forest)
    assert got.is_on.tolist() == expected.is_on.tolist()
    assert got.length.tolist() == (expected.length * place[1]).tolist()
    assert (got.length >= 0).all()
    for number, span in enumerate((there.run_end - there.run_start).tolist()):
        assert got.length[there.run == number].sum() <= span


@fuzz(60)
@given(st.lists(st.tuples(st.integers(0, SMALL), st.integers(0, SMALL)).map(sorted), max_size=30), PLACES)
@example([], (0, 1))
def test_lanes_never_overlap_and_are_few(spans: list[list[int]], place: tuple[int, int]) -> None:
    """As many lanes as steps are open at one time, and no step over another in its lane."""
    origin, unit = place
    start, end = (
        origin + unit * np.array(side, np.int64) for side in ([s for s, _ in spans], [e for _, e in spans])
    )
    lane = timing.lanes(start, end)
    open_until: list[int] = []
    peak = 0
    for at in np.lexsort((end, start)).tolist():
        while open_until and open_until[0] <= start[at]:
            heapq.heappop(open_until)
        heapq.heappush(open_until, int(end[at]))
        peak = max(peak, len(open_until))
    assert lane.max(initial=-1) + 1 == peak
    for number in range(peak):
        here = np.flatnonzero(lane == number)
        here = here[np.lexsort((end[here], start[here]))]
        assert (start[here][1:] >= end[here][:-1]).all()


@fuzz(60)
@given(forests())
def test_subtrees_are_counted(forest: Forest) -> None:
    """Each step counts for itself and for all that it stands in."""
    expected = [1] * len(forest.start)
    for at in reversed(range(len(expected))):
        if forest.parent[at] >= 0:
            expected[forest.parent[at]] += expected[at]
    assert timing.subtree_sizes(forest.parent, forest.depth).tolist() == expected
