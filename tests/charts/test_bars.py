"""What the bars of a Gantt chart say."""

from __future__ import annotations

import numpy as np
import pytest

from drawn import draw
from runkit.errors import UsageError
from runkit.tables.frames import frames
from support import artifact, at, example, question, run, step


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
    assert len(drawn.numbers("x", {"no duration"})) == 1
    assert drawn.numbers("x").sum() == steps["duration_s"].sum()


def test_bars_begin_where_the_steps_do():
    """The base of a bar is its start in seconds since the run started."""
    assert sorted(draw(nested()).numbers("base")) == [0, 5, 10, 30, 70, 72, 75]


def test_numbers_are_exact_and_typed():
    """Microseconds survive, also a month after the start: bases are 8-byte floats, never text."""
    late = 30 * 86_400 + 0.123
    drawn = draw(run(step("a", 0, 1), step("b", late, late + 0.001), end=late + 1))
    assert drawn.trace("activity")["base"]["dtype"] == "f8"
    assert drawn.numbers("base").tolist() == [0, late]
    assert np.allclose(drawn.numbers("x"), [1, 0.001], rtol=1e-9)


def test_colour_is_never_the_only_sign():
    """A wait is hatched, an error has an outline and a mark, a settled question is no wait."""
    drawn = draw(nested())
    assert drawn.trace("waiting for a person")["marker"]["pattern"]["shape"] == "/"
    assert drawn.trace("error")["marker"]["line"]["color"]
    assert drawn.trace("failed here")["marker"]["symbol"] == "x"
    assert "pattern" not in drawn.trace("settled by policy")["marker"]
    assert drawn.numbers("x", {"waiting for a person"}).tolist() == [40]


def test_the_critical_path_is_outlined():
    """Steps with time of their own on the critical path have an outline in the colour of the template."""
    drawn = draw(nested())
    outline = drawn.trace("critical path")
    assert drawn.numbers("base", {"critical path"}).tolist() == [0, 5, 10, 30, 70, 72, 75]
    assert "color" not in outline["marker"]["line"]


def test_a_failed_container_keeps_its_look_and_is_marked():
    """A container that failed is not painted as one long error."""
    drawn = draw(run(step("a", 0, 50, status="error", steps=[step("b", 0, 10)])))
    assert "error" not in drawn.names
    assert drawn.numbers("x", {"failed here"}).tolist() == [50]


def test_an_open_step_says_that_it_still_runs():
    """An open step ends in a hatched stub behind its bar, with words."""
    drawn = draw(run(step("a", 0, 10), step("b", 10, None), end=None, updated_at=at(40)))
    stub = drawn.json["data"][drawn.names.index("still running")]
    assert drawn.numbers("base", {"still running"}).tolist() == [40]
    assert stub["marker"]["pattern"]["fillmode"] == "replace"
    assert [trace["text"] for trace in drawn.json["data"] if "text" in trace] == [[" still running"]]
    assert "still open" in drawn.hover()[1]


def test_a_pending_question_still_waits():
    """The open question of the interrupted example waits, in words."""
    drawn = draw(frames(example("interrupted"), as_of="2026-02-03T10:40:12Z"))
    assert drawn.numbers("x", {"waiting for a person"}).tolist() == [2262]
    assert [" still waiting"] in [trace.get("text") for trace in drawn.json["data"]]


def test_a_step_left_open_by_an_ended_run_does_not_run():
    """A step without an end in a completed run has no end recorded; it is not called running."""
    drawn = draw(run(step("a", 0, None), end=20))
    assert "no end recorded" in drawn.names
    assert "still running" not in drawn.names


def test_hover_tells_what_the_table_tells():
    """Label, agent, status, start, duration, self time and artifacts with their confidence, in words."""
    found = [artifact(f"Finding {n}", confidence="low") for n in range(5)]
    source = run(step("a", 2, 62, label="Looking", agent="tin", artifacts=found, steps=[step("b", 2, 32)]))
    [label, agent, status, start, takes, itself, artifacts] = draw(source).hover()[0]
    assert (label, agent, status) == ("Looking", "tin", "completed")
    assert start == "2 s after the run began, Feb 3, 10:00 UTC"
    assert (takes, itself) == ("1 min", "30 s")
    assert artifacts.count("low confidence") == 3
    assert "and 2 more artifacts" in artifacts


def test_long_texts_are_cut_where_it_is_seen():
    """A label of any length ends in an ellipsis in the hover and on the axis."""
    drawn = draw(run(step("a", 0, 1, label="word " * 10_000)))
    assert drawn.hover()[0][0].endswith("…")
    assert max(map(len, drawn.rows)) <= 30
    assert len(str(drawn.json)) < 10_000


def test_bars_draw_outside_their_parent_as_they_are():
    """A child that runs outside its parent, clocks differ, is drawn where it says it was."""
    drawn = draw(run(step("a", 10, 20, steps=[step("b", 5, 40)])))
    assert sorted(zip(drawn.numbers("base"), drawn.numbers("x"), strict=True)) == [(5, 35), (10, 10)]


def test_an_unknown_type_has_a_look():
    """A type that the API may add is drawn, hatched, and named in the legend."""
    assert draw(run(step("a", 0, 5, type="novelty"))).numbers("x", {"other type"}).tolist() == [5]


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ({"rows": "trees"}, "'tree'"),
        ({"time": "absolut"}, "'absolute'"),
        ({"tz": "Europe/Berln"}, "'Europe/Berlin'"),
        ({"tz": "../etc/passwd"}, "IANA"),
        ({"max_bars": -1}, "0 or more"),
        ({"max_bars": True}, "whole number"),
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
    ("source", "words"),
    [
        (run(started_at=None, end=None, steps=[]), "Not started yet."),
        (run(steps=None), "not delivered"),
        (example("minimal"), "not delivered"),
    ],
)
def test_nothing_to_draw_is_said_in_words(source, words):
    """A run that has not started, or has no steps, gives a figure that says so."""
    [note] = draw(source).layout["annotations"]
    assert words in note["text"]
