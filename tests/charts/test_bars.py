"""What the bars of a Gantt chart say."""

from __future__ import annotations

import numpy as np
import pytest

from chart import INSTANT, WAIT, draw, values
from runkit.display.colors import LIGHT
from runkit.errors import UsageError
from runkit.tables.read_frames import frames
from support import example, run, step


def test_numbers_are_exact_and_typed():
    """Microseconds survive, also a month after the start: bases are 8-byte floats, never text."""
    late = 30 * 86_400 + 0.123
    chart = draw(run(step("a", 0, 1), step("b", late, late + 0.001), end=late + 1))
    assert {trace["base"]["dtype"] for trace in chart.bars} == {"f8"}
    assert chart.numbers("base").tolist() == [0, late]
    assert np.allclose(chart.numbers("x"), [1, 0.001], rtol=1e-9)


def test_the_bar_of_a_pending_question_ends_when_it_was_read():
    """Its bar ends at the moment of reading, and its line in an open circle."""
    chart = draw(frames(example("interrupted"), as_of="2026-02-03T10:40:12Z"), compress_waits=False)
    assert chart.numbers("x", WAIT).tolist() == [2262]
    [line] = [trace for trace in chart.traces if trace.get("line", {}).get("dash") == "dot"]
    assert line["marker"]["color"][1] == LIGHT.ground


@pytest.mark.parametrize(
    ("source", "option", "hint"),
    [
        (run(), {"depth": 0}, "depth=0"),
        (run(), {"compress_waits": "yes"}, "'auto'"),
        (run(), {"sort": "time"}, "sort='time' does not apply"),
        ([run(run_id=f"{n}") for n in range(5)], {"depth": 2}, "depth=2 does not apply"),
        ([], {}, "no run"),
    ],
)
def test_a_wrong_option_or_source_is_refused(source, option, hint):
    with pytest.raises(UsageError, match=hint):
        draw(source, **option)


@pytest.mark.parametrize("n_runs", [1, 2, 3])
def test_bars_stand_where_the_steps_were(n_runs):
    """In seconds since the run started, to the millisecond; each as long as its step, or a tick."""
    steps = [step("a", 8, 22.25), step("p", 30, 80, steps=[step("b", 40.5, 69.125)])]
    steps.append(step("z", 80, 80))
    chart = draw([run(*steps, start=5, run_id=f"r{number}") for number in range(n_runs)])
    assert values(chart.trace(INSTANT)["x"]).tolist() == [75] * n_runs
    assert len(chart.numbers("x")) == 3 * n_runs
    starts, lengths = (chart.numbers(key).round(6).tolist() for key in ("base", "x"))
    assert {(3, 14.25), (35.5, 28.625)} <= {*zip(starts, lengths, strict=True)}
