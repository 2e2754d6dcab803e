"""The figure as a whole: its words, its marks, its ground, and two runs compared."""

from __future__ import annotations

import json

import plotly.io
import pytest

from chart import draw, words
from runkit.display import colors
from runkit.tables.read_frames import frames
from support import at, example, question, run, step


def test_the_title_names_business_agent_and_state():
    """The line below says where the time went, and which run it is."""
    read = frames(example("completed"))
    read.runs["business_name"] = ["Namesake Imports LLC"]
    chart = draw(read)
    assert chart.title == (
        "Namesake Imports LLC · CIP Orchestrator · ✓ Completed "
        "40 min 59 s: 3 min 17 s work, 37 min 42 s waiting · run 7b0f6c1e"
    )
    assert words(chart.layout["title"]["text"].split("<br>")[1]) in chart.layout["meta"]["alt"]


def test_only_the_critical_part_of_a_bar_is_solid():
    """A step of 30 s has 20 s on the path, two questions none, and a group its own time."""
    inner = [step("a", 0, 30), step("b", 20, 50)]
    chart = draw(run(step("g", 0, 60, steps=inner), question("q", 60, 90), step("c", 90, 100)))
    assert {trace["marker"]["color"][:4] for trace in chart.bars} == {"rgba"}
    assert chart.solid == [(1, 0, 20), (2, 20, 50), (0, 50, 60), (4, 90, 100)]
    assert chart.legend[-2:] == ["on the critical path", "off it"]


def test_a_run_that_ended_before_it_started_has_no_work_of_0_s():
    """Its steps took 7 min, which is all that is known."""
    chart = draw(run(step("a", 0, 300), step("b", 200, 420), start=20, end=10))
    assert "0 s work" not in chart.title
    assert "Duration not known" in chart.title


def test_a_run_with_only_an_open_question_is_drawn_without_texts_at_ends():
    asked = run(question("q", 10, None), end=None, status="interrupted", updated_at=at(90))
    assert draw(asked).durations == {}


def test_color_follows_the_agent():
    """The run's own agent has the first color, others follow; beyond six they share one."""
    agents = [step(f"{n}", n, n + 1, agent=f"agent_{n}") for n in range(9)]
    legend = draw(run(*agents, step("x", 20, 30, type="output"))).legend
    assert legend[:2] == ["CIP Orchestrator", "Agent 0"]
    assert "Other agents" in legend


def test_two_runs_are_compared_step_under_step():
    """A step's name once, A above B, both durations and the difference."""
    first, second = (
        [step("a", 0, begin, label="Plan"), step("b", begin, end, name="do", label="Work")]
        for begin, end in ((10, 50), (14, 80))
    )
    chart = draw([run(*first, end=50), run(*second, run_id="s", end=80)])
    assert list(chart.rows) == ["Plan", "Work"]
    assert sorted(chart.numbers("y").tolist()) == pytest.approx([-0.205, 0.205, 0.795, 1.205])
    assert chart.trace("B − A")["text"][1:] == ["+4 s", "<b>+26 s</b>"]
    assert [words(text) for text in chart.trace("A")["text"][1:]] == ["10 s", "40 s"]
    assert not any("then:" in label for label in chart.rows)


def test_a_title_that_would_be_wider_than_a_notebook_wraps():
    """Of two runs of a business with a long name: its parts take two lines."""
    known = {"business_name": "Consolidated Pacific Northwest Harbor Imports and Logistics"}
    pair = [run(step("a"), run_id=name, _runkit=known) for name in "rs"]
    first, second, *_ = map(words, draw(pair).layout["title"]["text"].split("<br>"))
    assert (first.rpartition(" · ")[2], second) == ("CIP Orchestrator", "2 runs compared")
    of_nobody = draw([pair[0], run(step("a"), run_id="n")]).layout["title"]["text"]
    assert words(of_nobody).startswith("CIP Orchestrator · 2 runs compared")


def test_two_runs_are_marked_at_their_first_difference():
    """A label above the step counts what agrees; a step of one run only says which."""
    first = run(step("a", 0, 10), step("b", 10, 20, name="left"))
    second = run(step("c", 0, 10), step("d", 12, 20, name="right"), run_id="s")
    chart = draw([first, second])
    assert chart.rows["◆ Identical for 1 step, then:"] == 1
    assert {"only A", "only B"} <= {label.rpartition(" · ")[2] for label in chart.rows}


def test_the_ground_follows_plotlys_own_switch(monkeypatch):
    for template, theme in {"plotly": colors.LIGHT, "plotly_dark": colors.DARK}.items():
        monkeypatch.setattr(plotly.io.templates, "default", template)
        chart = draw(example("completed"))
        assert chart.layout["template"]["layout"]["paper_bgcolor"] == theme.ground


HOSTILE = '<a href="https://evil.example">click</a><img src=x>$x$'


def test_hostile_text_is_no_link_in_a_chart():
    """Plotly reads labels, agents and statuses as HTML, and `$…$` as a formula."""
    steps = step("a", label=HOSTILE, agent=HOSTILE)
    for n_runs in (1, 2, 3, 5):
        runs = [
            run(steps, status=HOSTILE, agent=HOSTILE, run_id=f"{n}{HOSTILE}") for n in range(n_runs)
        ]
        figure = draw(runs).json
        del figure["layout"]["meta"]  # words for screen readers, which plotly does not draw
        shown = json.dumps(figure)
        assert "evil.example" in shown
        assert not [markup for markup in ("<a ", "<img", "$x$") if markup in shown]
