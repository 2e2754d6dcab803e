"""What the bars of a Gantt chart say."""

from __future__ import annotations

import numpy as np
import pytest

from drawn import GROUP, INSTANT, WAIT, draw, values, words
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


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ({"depth": 0}, "depth=0"),
        ({"compress_waits": "yes"}, "'auto'"),
        ({"group": "kind"}, "'status'"),
        ({"sort": "newest"}, "'time'"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(option, hint):
    """The error names the option, what was given and what would do."""
    [(name, given)] = option.items()
    with pytest.raises(UsageError) as refused:
        draw(nested(), **option)
    assert f"{name}={given!r}" in str(refused.value)
    assert hint in str(refused.value)


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
