"""What reports show of one run and of two: numbers and states."""

from __future__ import annotations

import runkit
from runkit.charts import fleet, report_panels
from support import at, question, run, step


def test_the_slowest_work_is_the_own_time_of_steps():
    """A group that covers its steps has none, and what goes on is in no median."""
    looks = [step("a", 0, 5, name="look_up"), step("b", 75, 80, name="look_up")]
    alone = step("q", 80, 100, name="group", steps=[step("c", 80, 100, name="read")])
    ended = run(step("p", 0, 80, name="compare", steps=looks), alone)
    going = run(step("g", 0, None, name="read"), run_id="g", end=None, updated_at=at(900))
    f = runkit.frames([ended, going])
    assert fleet.slowest_steps(f).sentence.endswith("path. 1 step without an end left out.")
    assert fleet.slowest_steps(f.select("g")).sentence.startswith("No ended steps with own time.")
    columns = ["label", "n_steps", "total_s", "critical_s"]
    assert fleet.slowest_steps(f).table[columns].to_numpy().tolist() == [
        ["Step p", 1, 70, 70],
        ["Step c", 1, 20, 20],
        ["Look up", 2, 10, 10],
    ]


def test_a_step_that_spans_a_wait_is_not_the_slowest_of_its_run():
    """It spans a wait of 80 s and works 5 s; another step works 15 s."""
    wrapper = step("w", 0, 85, steps=[step("i", 0, 1)])
    f = runkit.frames(run(wrapper, question("q", 4, 84), step("a", 85, 100)))
    table = report_panels.slowest_steps_of_run(f).table
    assert table[["label", "self_s", "critical_s"]].values.tolist() == [
        ["Step a", 15, 15],
        ["Step w", 84, 4],
        ["Step i", 1, 1],
    ]
