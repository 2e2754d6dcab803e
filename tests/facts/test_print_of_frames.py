"""What the print of frames says of runs whose steps or questions are not in the data."""

from __future__ import annotations

import runkit
from support import question, run, step

READ = run(step("work"), question("asked", 10, 20), run_id="read")
LOST = run(step("work"), run_id="lost", status="interrupted", end=None)


def test_the_print_of_runs_that_were_read_counts_every_row():
    lines = runkit.frames([READ]).summary()
    assert lines[1] == "2 steps, 1 question"
    assert lines[-1] == "complete, no problems"


def test_a_run_that_waits_for_what_is_not_in_the_data_is_not_printed_as_no_question():
    assert runkit.frames([LOST]).summary()[1] == "1 step"
