"""What reports show of one run and of two: numbers and states."""

from __future__ import annotations

import runkit
from runkit.charts import report_panels
from support import question, run, step


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
