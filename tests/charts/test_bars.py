"""What the bars of a Gantt chart say."""

from __future__ import annotations

import numpy as np
import pytest

from drawn import FAILING, GROUP, INSTANT, WAIT, draw, values, words
from runkit.errors import UsageError
from runkit.style import LIGHT
from runkit.tables.frames import frames
from support import artifact, example, question, run, step


def nested():
    """A run with everything that has a look of its own."""
    return run(
        step("a", 0, 30, label="Outer", steps=[step("b", 5, 15, label="Inner"), step("c", 10, 30)]),
        question("q", 30, 70, label="Is this right?"),
        question("p", 70, 72, result={"resolution": "auto_approve"}),
        step("e", 72, 75, type="error", status="error"),
        step("z", 75, 75),
        step("o", 75, 100, type="output"),
    )


def test_every_step_is_drawn_once():
    """A step is one bar as long as it took, or one tick if it took no time."""
    drawn = draw(nested())
    steps = frames(nested()).steps
    assert len(drawn.numbers("x")) == len(steps) - 1
    assert values(drawn.trace(INSTANT)["x"]).tolist() == [75]
    assert drawn.numbers("x").sum() == steps["duration_s"].sum()


def test_bars_begin_where_the_steps_do():
    """The base of a bar is its start in seconds since the run started."""
    assert sorted(draw(nested()).numbers("base")) == [0, 5, 10, 30, 70, 72, 75]


def test_numbers_are_exact_and_typed():
    """Microseconds survive, also a month after the start: bases are 8-byte floats, never text."""
    late = 30 * 86_400 + 0.123
    drawn = draw(run(step("a", 0, 1), step("b", late, late + 0.001), end=late + 1))
    assert {trace["base"]["dtype"] for trace in drawn.bars} == {"f8"}
    assert drawn.numbers("base").tolist() == [0, late]
    assert np.allclose(drawn.numbers("x"), [1, 0.001], rtol=1e-9)


def test_color_is_never_the_only_sign():
    """A wait is dotted, a failing step has a cross, a settled question is no wait."""
    drawn = draw(nested())
    dotted = [trace for trace in drawn.json["data"] if trace.get("line", {}).get("dash") == "dot"]
    assert [trace["x"] for trace in dotted] == [[30, 70, None]]
    assert drawn.durations[5].startswith("✕")
    assert drawn.numbers("x", WAIT).tolist() == [40]
    assert drawn.numbers("x", GROUP).tolist() == [30]


def test_a_group_that_failed_is_not_one_long_error():
    """It keeps its bracket and is marked."""
    drawn = draw(run(step("a", 0, 50, status="error", steps=[step("b", 0, 10)])))
    assert drawn.numbers("x", FAILING).tolist() == []
    assert drawn.durations == {0: "✕ 50 s", 1: "10 s"}


def test_a_pending_question_still_waits():
    """Its bar ends at the moment of reading, and its line in an open circle."""
    drawn = draw(frames(example("interrupted"), as_of="2026-02-03T10:40:12Z"), compress_waits=False)
    assert drawn.numbers("x", WAIT).tolist() == [2262]
    [dotted] = [trace for trace in drawn.json["data"] if trace.get("line", {}).get("dash") == "dot"]
    assert dotted["marker"]["color"][1] == LIGHT.ground


def test_hover_tells_what_the_table_tells():
    """Label, agent, status, times and findings with their confidence."""
    found = [artifact(f"Finding {n}", confidence="low") for n in range(5)]
    source = run(step("a", 2, 62, label="Looking", agent="tin", artifacts=found, steps=[step("b", 2, 32)]))
    [text] = [words(text) for text in draw(source).hover if "Looking" in text]
    assert text.startswith("Looking TIN · ✓ Completed")
    assert "(own time 30 s) from 2 s (10:00:02 UTC)" in text
    assert text.count("low confidence") == 3
    assert text.endswith("and 2 more findings")


def test_long_texts_are_cut_where_it_is_seen():
    """A label of any length ends in an ellipsis in the hover and on the axis."""
    drawn = draw(run(step("a", 0, 1, label="word " * 10_000)))
    assert words(drawn.hover[0].split("<br>")[0]).endswith("…")
    assert max(map(len, drawn.rows)) <= 40
    assert len(str(drawn.json)) < 10_000


def test_bars_draw_outside_their_parent_as_they_are():
    """A child that runs outside its parent, clocks differ, is drawn where it says it was."""
    drawn = draw(run(step("a", 10, 20, steps=[step("b", 5, 40)])))
    assert sorted(zip(drawn.numbers("base"), drawn.numbers("x"), strict=True)) == [(5, 35), (10, 10)]


@pytest.mark.parametrize(
    ("n_runs", "option", "hint"),
    [
        (1, {"sort": "attention"}, "1 run; it is for more than 4 runs"),
        (2, {"group": "agent"}, "2 runs; it is for more than 4 runs"),
        (4, {"sla_h": 4}, "4 runs; it is for more than 4 runs"),
        (5, {"depth": None}, "5 runs; it is for 1 to 4 runs"),
        (6, {"compress_waits": False}, "6 runs; it is for 1 to 4 runs"),
    ],
)
def test_an_option_that_does_not_apply_is_refused(n_runs, option, hint):
    """The error names the option, the number of runs and those it is for."""
    [(name, given)] = option.items()
    runs = [run(step("a"), run_id=f"r{number}") for number in range(n_runs)]
    with pytest.raises(UsageError) as refused:
        draw(runs, **option)
    assert f"{name}={given!r} does not apply to a chart of {hint}" in str(refused.value)


def test_no_runs_cannot_be_drawn():
    """Without a run there is nothing to draw, and the error says so."""
    with pytest.raises(UsageError, match="no run"):
        draw([])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (run(started_at=None, end=None, steps=[]), "Not started yet."),
        (run(steps=None), "not delivered"),
        (example("minimal"), "not delivered"),
    ],
)
def test_nothing_to_draw_is_said_in_words(source, text):
    """A run that has not started, or has no steps, gives a figure that says so."""
    [note] = draw(source).layout["annotations"]
    assert text in note["text"]
