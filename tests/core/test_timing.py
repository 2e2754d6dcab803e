"""The clever arithmetic against slow twins that follow the rules word by word."""

from collections import Counter
from itertools import chain

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import slow_times
from runkit import time_budget
from slow_times import Forest

LIMIT = 12  # a small clock makes ties, touching and empty intervals likely


@st.composite
def forests(draw, n_runs=3):
    moments = st.integers(0, LIMIT)
    start, end, parent, depth, run, run_start, run_end = [], [], [], [], [], [], []
    for number in range(draw(st.integers(1, n_runs))):
        a, b = sorted((draw(moments), draw(moments)))
        run_start.append(a)
        run_end.append(b)
        path = []
        for _ in range(draw(st.integers(0, 9))):
            path = path[: draw(st.integers(0, len(path)))]
            a, b = sorted((draw(moments), draw(moments)))
            start.append(a)
            end.append(b)
            parent.append(path[-1] if path else -1)
            depth.append(len(path))
            run.append(number)
            path.append(len(start) - 1)
    numbers = (start, end, parent, depth, run, run_start, run_end)
    kinds = draw(st.lists(st.sampled_from("wl"), min_size=len(start), max_size=len(start)))
    is_group = np.isin(np.arange(len(start)), parent)
    kind = np.where(is_group & (np.array(kinds, "U1") == "l"), "g", np.array(kinds, "U1"))
    return Forest(*(np.array(values, np.int64) for values in numbers), kind)


def path_of(forest):
    return time_budget.critical_path(*forest[:-1], is_waiting=forest.kind == "w")


@given(forests())
def test_self_time_is_the_duration_minus_the_union_of_the_children(forest):
    """Self time equals the number of instants of the step at which none of its children is open."""
    got = time_budget.self_time(forest.start, forest.end, forest.parent)
    assert got.tolist() == slow_times.self_time(forest)


@given(forests())
def test_budget_counts_each_instant_once(forest):
    """Each instant is waiting, else working, else idle; work beside a wait is overlap."""
    kinds = {"is_waiting": forest.kind == "w", "is_leaf": forest.kind == "l"}
    spans = forest.run, forest.start, forest.end, forest.run_start, forest.run_end
    got = np.column_stack(time_budget.budget(*spans, **kinds)).tolist()
    assert got == [slow_times.budget(forest, run) for run in range(len(forest.run_start))]


@given(forests())
def test_critical_path_follows_the_rule(forest):
    """The walk by search takes the steps of the walk that looks at every child."""
    got, path = path_of(forest), slow_times.critical_path(forest)
    spent = Counter(chain.from_iterable(path))
    assert got.length.tolist() == [spent[step] for step in range(forest.n)]
    assert got.is_on.tolist() == slow_times.on_path(forest, path)


@given(forests())
def test_the_stretches_of_a_path_cover_the_instants_of_its_steps(forest):
    """With the waits put back, each instant of a run has the step of the walk by the rule."""
    stretches = time_budget.stretches(path_of(forest), forest.run)
    owner = Counter(
        (forest.run[step], instant, step)
        for step, since, until in stretches.tolist()
        for instant in range(since, until)
    )
    paths = zip(forest.run_start, slow_times.critical_path(forest), strict=True)
    assert owner == {
        (run, instant, step): 1
        for run, (start, path) in enumerate(paths)
        for instant, step in enumerate(path, start)
        if step >= 0
    }
