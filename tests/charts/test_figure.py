"""The figure as a whole: its words, its marks, its ground, its privacy, and two runs compared."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import plotly.io
import pytest

import runkit
from drawn import FAILING, WAIT, draw, values, words
from runkit import style
from runkit.charts.gantt import gantt
from runkit.tables.frames import frames
from support import at, example, question, run, step

MARKS = (*style.AGENT_COLORS, style.OTHER_COLOR, style.FAILED_COLOR)


def contrast(one, other):
    """The contrast of two colors as WCAG defines it."""

    def luminance(color):
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def named(source, business="Namesake Imports LLC"):
    """Frames of one run whose business is known."""
    read = frames(source)
    read.runs["business_name"] = [business]
    return read


def failed(**more):
    """A step that failed in a group, with its message in an instant error step beside it."""
    error = step("e", 90, 90, type="error", status="error", label="The registry did not answer " * 3)
    inner = [step("a", 10, 20), step("b", 20, 90, status="error", label="Asking the registry"), error]
    return run(step("g", 10, 90, status="error", label="Group", steps=inner), status="error", **more)


def test_the_title_names_business_agent_and_state():
    """And the line below says where the time went, and which run it is."""
    drawn = draw(named(example("completed")))
    assert drawn.title == (
        "Namesake Imports LLC · CIP Orchestrator · ✓ Completed "
        "40 min 59 s: 3 min 16 s work, 37 min 42 s waiting · run 7b0f6c1e"
    )
    assert words(drawn.layout["title"]["text"].split("<br>")[1]) in drawn.layout["meta"]["alt"]


def test_steps_off_the_critical_path_are_pale():
    """They have a fill that lets the ground through and an outline in full color; the path is one line."""
    drawn = draw(run(step("a", 0, 10), step("b", 0, 50), end=50))
    pale, solid = (
        [trace for trace in drawn.bars if trace["marker"]["color"].startswith(start)]
        for start in ("rgba", "#")
    )
    assert [values(trace["x"]).tolist() for trace in pale] == [[10]]
    assert [values(trace["x"]).tolist() for trace in solid] == [[50]]
    assert pale[0]["marker"]["line"]["color"] == solid[0]["marker"]["color"]
    path = drawn.trace("critical path")
    assert path["x"] == [0, 50]
    assert path["y"] == pytest.approx([1 + 7 / 22] * 2)
    assert path["line"]["width"] == 1.7


def test_a_failed_run_has_no_critical_path():
    """All bars are pale but the one that failed, which has a cross and the first words of its error."""
    drawn = draw(failed())
    assert "critical path" not in drawn.legend
    assert drawn.numbers("x", FAILING).tolist() == [70]
    [trace] = [one for one in drawn.bars if one["name"] == FAILING]
    assert trace["marker"]["color"] == style.FAILED_COLOR
    assert all(one["marker"]["color"].startswith("rgba") for one in drawn.bars if one is not trace)
    assert drawn.durations[0] == "✕ 1 min 20 s"
    assert drawn.durations[2].startswith("✕ 1 min 10 s · The registry did not answer The")
    assert "Failed in Asking the registry" in drawn.title
    assert len(drawn.rows) == 3


def test_a_wait_is_a_band_with_its_length_in_words():
    """Dotted in its row, a band over all rows, and what is known of the answer at its end."""
    drawn = draw(run(step("a", 0, 100), question("q", 100, 160), step("b", 160, 200), end=200))
    assert drawn.numbers("base", WAIT).tolist() == [100]
    assert "1 min" in drawn.notes[0]
    assert drawn.notes[0].endswith("waiting for a reviewer")
    band = drawn.layout["shapes"][-1]
    assert (band["x0"], band["x1"]) == (100, 160)
    assert band["y1"] == 2.5
    assert drawn.durations[1] == "Answered"


def test_an_answer_says_who_gave_it_where_that_is_known():
    """From the data; nothing is made up where it is not."""
    read = frames(run(step("a", 0, 100), question("q", 100, 160), end=160))
    read.interrupts["answered_by"] = ["Ana Ortiz"]
    assert draw(read).durations[1] == "Answered by Ana Ortiz"
    read.interrupts["decision"] = ["approved"]
    assert draw(read).durations[1] == "Approved by Ana Ortiz"


def test_an_open_step_ends_in_a_stub_and_says_so():
    """Still running in a run that goes on; without a recorded end in one that is over."""
    live = draw(run(step("a", 0, None), end=None, status="running", updated_at=at(60)))
    assert live.durations[0].endswith("still running")
    assert live.trace("open step")["line"]["dash"] == "dot"
    assert draw(run(step("a", 0, None))).durations[0].endswith("no end recorded")


def test_color_follows_the_agent():
    """The run's own agent has the first color, others follow; beyond six they share one."""
    agents = [step(f"{n}", n, n + 1, agent=f"agent_{n}") for n in range(9)]
    source = run(*agents, step("x", 20, 30, type="output"))
    assert draw(source).legend[:2] == ["CIP Orchestrator", "Agent 0"]
    assert "Other agents" in draw(source).legend


def test_two_runs_are_compared_step_under_step():
    """A step's name once, A above B, both durations and the difference."""
    first = run(step("a", 0, 10, label="Plan"), step("b", 10, 50, label="Work"), run_id="r", end=50)
    second = run(
        step("c", 0, 14, name="work", label="Plan"), step("d", 14, 80, label="Work"), run_id="s", end=80
    )
    for source in (first, second):
        for number, one in enumerate(source["steps"]):
            one["name"] = f"step_{number}"
    drawn = draw([first, second])
    assert list(drawn.rows) == ["Plan", "Work"]
    assert sorted(drawn.numbers("y").tolist()) == pytest.approx([-0.205, 0.205, 0.795, 1.205])
    assert drawn.trace("B − A")["text"][1:] == ["+4 s", "<b>+26 s</b>"]
    assert [words(text) for text in drawn.trace("A")["text"][1:]] == ["10 s", "40 s"]
    assert "first difference" not in drawn.legend


def test_two_runs_are_marked_at_their_first_difference():
    """A diamond stands at the step, in each run that has one, under a rule that counts what agrees."""
    first = run(step("a", 0, 10), step("b", 10, 20, name="left"))
    second = run(step("c", 0, 10), step("d", 12, 20, name="right"), run_id="s")
    drawn = draw([first, second])
    assert values(drawn.trace("first difference")["x"]).tolist() == [10, 12]
    assert drawn.rows["◆ Identical for 1 step, then:"] == 1
    rows = [label.rpartition(" · ")[2] for label in drawn.rows]
    assert {"only A", "only B"} <= set(rows)
    assert "first difference" not in draw([first, first | {"id": "s"}]).legend


@pytest.mark.parametrize("ground", [style.LIGHT, style.DARK])
def test_marks_are_seen_on_both_grounds(ground):
    """Each color has 3:1 against white and against dark; text has 7:1, muted text 4.5:1."""
    assert min(contrast(color, ground.ground) for color in MARKS) >= 3
    assert contrast(ground.text, ground.ground) >= 7
    assert contrast(ground.muted, ground.ground) >= 4.5
    assert contrast(ground.muted, ground.band) >= 4.5


def test_the_ground_follows_plotlys_own_switch(monkeypatch):
    """White by default; dark when plotly's default template is a dark one."""
    assert draw(example("completed")).layout["template"]["layout"]["paper_bgcolor"] == style.LIGHT.ground
    monkeypatch.setattr(plotly.io.templates, "default", "plotly_dark")
    dark = draw(example("completed"))
    assert dark.layout["template"]["layout"]["paper_bgcolor"] == style.DARK.ground
    assert dark.trace("critical path")["line"]["color"] == style.DARK.text


def test_the_path_has_as_much_time_of_each_step_as_the_frames():
    """Its parts add up to `critical_s`, step by step."""
    read = frames(example("completed"))
    path = draw(read, compress_waits=False).trace("critical path")
    spent = dict.fromkeys(range(8), 0.0)
    for (x0, y0), (x1, y1) in zip(
        *(list(zip(path["x"], path["y"], strict=True))[shift:] for shift in (0, 1)), strict=False
    ):
        if y0 == y1 and y0 is not None:
            spent[int(y0)] += x1 - x0
    critical = read.steps["critical_s"].tolist()
    leaves = np.flatnonzero((read.steps["n_children"] == 0) & (read.steps["type"] != "interrupt"))
    assert [spent[at] for at in leaves] == pytest.approx([critical[at] for at in leaves], abs=2)


def test_a_chart_enters_few_files():
    """From the frames of a run to its figure, at most 18 of runkit's files, so that a reader can follow.

    The file that checks the arguments of every public call is not counted.
    """
    read, entered = frames(example("completed")), set()
    package = str(Path(runkit.__file__).parent)
    draw(read)

    def note(frame, event, _):
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(package) and not name.endswith("arguments.py"):
            entered.add(name)

    sys.setprofile(note)
    try:
        gantt(read)
    finally:
        sys.setprofile(None)
    assert 5 < len(entered) <= 19
