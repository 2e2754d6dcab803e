"""Where the marks of a chart stand, and what they stand for."""

from __future__ import annotations

import pytest

import runkit
from chart import draw
from runkit.display.colors import LIGHT
from strangers import fleet, records
from support import question, run, step

NIGHT = 14 * 3_600


def overnight():
    """Two minutes of work, a wait, a minute of work."""
    gate = question("q", 120, 120 + NIGHT)
    return run(step("a", 0, 120), gate, step("b", 120 + NIGHT, 180 + NIGHT), end=180 + NIGHT)


def test_only_the_critical_part_of_a_step_is_solid():
    """A step of 30 s has 20 s on the path, a group its own time."""
    inner = [step("a", 0, 30), step("b", 20, 50)]
    chart = draw(run(step("g", 0, 60, steps=inner), step("c", 60, 100)))
    assert chart.spans("solid") == [(50, 60), (0, 20), (20, 50), (60, 100)]
    assert chart.spans("pale") == [(0, 30)]
    assert chart.spans("group") == [(0, 60)]
    assert chart.legend[1:] == ["On, □ off the critical path", "Step with parts"]


def test_marks_stand_where_the_steps_were_in_parts_of_a_second():
    chart = draw(run(step("a", 0, 0.5), step("b", 0.5, 1.25), end=1.25))
    assert chart.spans("solid") == [(0, 0.5), (0.5, 1.25)]


@pytest.mark.parametrize("seed", range(3))
def test_the_solid_parts_of_a_run_add_up_to_its_working_time(seed):
    """To a pixel, in the row of a run that does not run, however many steps are in it; by a loop."""
    f = runkit.frames(records(fleet(seed, 40)))
    f = f.select(~f.runs["status"].isin(["running", "pending"]))
    chart = draw(f, depth=0)
    working = f.runs.set_index("run_id")["working_s"]
    for row, label in enumerate(chart.rows):
        [run_id] = [run_id for run_id in working.index if label.endswith(run_id[:8])]
        solid = sum(mark.seconds for mark in chart.of("solid", row))
        if working[run_id] == working[run_id]:
            assert abs(solid - working[run_id]) * chart.second_px <= 1, label
        else:
            assert solid == 0


def test_a_run_that_goes_on_for_days_leaves_room_for_the_others():
    """The axis ends with the last step that is over; an open one is drawn up to there."""
    over = run(step("a", 0, 100), end=100)
    is_open = run(step("b", 0, 30), step("c", 30, None), end=None, run_id="s")
    f = runkit.frames([over, is_open], as_of="2026-12-31")
    chart = draw(f, depth=0)
    assert {*chart.spans("solid")} == {(0, 100)}
    assert chart.spans("stub")[0][0] == 100


def test_own_time_of_groups_is_in_the_row_of_a_run_of_many_steps():
    """Two hundred parts of less than a pixel add up."""
    groups = [
        step(f"{n}", 10 * n, 10 * n + 10, steps=[step(f"{n}x", 10 * n + 0.1, 10 * n + 10)])
        for n in range(200)
    ]
    chart = draw([run(*groups, end=2_000), run(step("a"), run_id="s")], depth=0)
    solid = sum(mark.seconds for mark in chart.of("solid", 0))
    assert abs(solid - 2_000) * chart.second_px <= 1


def test_work_off_the_path_in_a_folded_group_is_in_its_row():
    inner = [step("x", 0, 80), step("y", 0, 30, agent="tin")]
    chart = draw(run(step("g", 0, 80, steps=inner)), depth=1)
    assert (0, 30) in chart.spans("pale")
    assert chart.spans("solid") == [(0, 80)]


def test_a_wait_of_one_run_is_a_band_with_its_length():
    """It has a fixed width, the work keeps its length, and ticks count without it."""
    chart = draw(overnight())
    [(start, end)] = chart.spans("wait")
    assert start == 120
    assert chart.bands == {"14 h wait": pytest.approx((start + end) / 2, abs=0.01)}
    assert chart.last_break == chart.bands["14 h wait"]
    assert chart.legend[-1] == "Wait, not on the time axis"
    assert [begin for begin, _ in chart.spans("solid")] == [0, pytest.approx(end, abs=0.01)]
    assert chart.ticks["2 min 30 s"] == pytest.approx(150 + end - start, abs=0.01)


@pytest.mark.parametrize(
    ("start", "end", "bands"),
    [
        (400, 420, ["6 min 30 s wait", "9 min 40 s wait"]),
        (400, 1_010, ["6 min 30 s wait"]),
        (5, 420, ["9 min 40 s wait"]),
        (10, 1_000, ["16 min 30 s wait"]),
    ],
)
def test_a_wait_is_folded_where_nothing_works_unless_a_step_spans_all_of_it(start, end, bands):
    work = step("a", 0, 10), question("q", 10, 1_000), step("b", start, end)
    assert [*draw(run(*work, end=1_010)).bands] == bands


def test_waits_take_at_most_three_fifths_of_an_axis():
    parts = [
        (step(f"{n}", n, n + 60), question(f"q{n}", n + 60, n + 4_000))
        for n in range(0, 32_000, 4_000)
    ]
    chart = draw(run(*sum(parts, ()), end=32_000))
    lengths = [mark.seconds for mark in chart.of("wait")]
    assert lengths == [pytest.approx(0.6 * 8 * 60 / 0.4 / 8)] * 8


@pytest.mark.parametrize(
    ("seconds", "second", "last"),
    [
        (1, "0.1 s", "1 s"),
        (800 * 86_400, "91 d", "728 d"),
    ],
)
def test_ticks_stand_at_round_times_up_to_the_end(seconds, second, last):
    ticks = [*draw(run(step("a", 0, seconds), end=seconds)).ticks]
    assert [ticks[1], ticks[-1]] == [second, last]


def test_a_wait_of_several_runs_is_a_mark_on_an_axis_without_waits():
    chart = draw([overnight(), run(step("a", 0, 150), run_id="s", end=150)], depth=0)
    row = next(n for n, label in enumerate(chart.rows) if label.endswith(" r"))
    assert chart.spans("solid", row) == [(0, 180)]
    [mark] = chart.of("wait", row)
    assert (mark.start, mark.seconds * chart.second_px) == (120, pytest.approx(5, abs=0.3))
    assert chart.texts[row] == "3 min  + 14 h wait"
    assert chart.ticks["2 min"] == 120


def test_a_length_that_nobody_knows_is_a_tick_and_has_no_bar():
    """Then nothing of the run is called critical."""
    unknown = step("b", 20, None, status="completed")
    chart = draw(run(step("a", 0, 20), unknown, step("c", 30, 80)))
    assert chart.texts[1] == "length not known"
    [tick] = chart.of("unknown", 1)
    assert (tick.start, tick.seconds * chart.second_px) == (20, pytest.approx(2, abs=0.2))
    assert "Critical path not known" in chart.legend
    assert chart.of("solid") == []
    assert chart.spans("pale") == [(0, 20), (30, 80)]


def test_an_open_step_ends_in_a_short_stub():
    chart = draw(run(step("a", 0, None), end=None, updated_at="2026-02-03T10:01:00Z"))
    [stub] = chart.of("stub")
    assert (stub.start, stub.seconds * chart.second_px) == (60, pytest.approx(9, abs=0.5))
    assert chart.texts == ["1 min so far"]


def test_a_failed_step_is_red_and_a_mark_in_the_row_of_its_run():
    broken = step("b", 20, 50, status="error", result={"error": "timeout"})
    chart = draw([run(step("a", 0, 90), broken, status="error"), run(run_id="s")])
    assert {mark.color for mark in chart.of("fail")} == {LIGHT.fail}
    assert chart.spans("fail", "Step b") == [(20, 50)]
    assert chart.of("fail", 0)[0].start == 50
