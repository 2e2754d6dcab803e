"""Which row a step stands in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn import draw
from runkit.charts.labels import MOST_LABELS
from support import example, run, step


def two_agents(run_id="r"):
    """Two agents at work, one of them at two things at once."""
    return run(
        step(f"{run_id}1", 0, 10, agent="x"),
        step(f"{run_id}2", 5, 15, agent="y"),
        step(f"{run_id}3", 8, 20, agent="y"),
        run_id=run_id,
    )


def test_one_run_is_a_tree():
    """Each step has its own row, in tree order, its label indented by depth."""
    axis = draw(example("completed")).layout["yaxis"]
    assert axis["tickvals"] == list(range(8))
    assert axis["ticktext"][1:3] == [
        "Delegating TIN verification",
        "\u00a0\u00a0\u00a0Researching TIN verification",
    ]


def test_two_runs_stand_agent_under_agent():
    """Runs of a comparison are stacked per agent and told apart by a letter."""
    drawn = draw([two_agents("r"), two_agents("s")])
    assert list(drawn.rows.items()) == [("x · A", 0), ("x · B", 1), ("y · A", 2.5), ("y · B", 4.5)]
    assert drawn.title.startswith("A: CIP Orchestrator · r")


def test_many_runs_are_one_row_each():
    """Five runs are a fleet: a row per run, with the run itself behind its steps."""
    drawn = draw([two_agents(f"run{number}") for number in range(5)])
    assert list(drawn.rows) == [f"CIP Orchestrator · run{number}" for number in range(5)]
    assert drawn.numbers("x", {"the run, idle if bare"}).tolist() == [100] * 5


def test_lanes_are_the_peak_concurrency():
    """As few rows as do not overlap."""
    drawn = draw(two_agents(), rows="lanes")
    assert list(drawn.rows) == ["lane 1", "lane 2", "lane 3"]


def test_a_container_stands_over_what_it_holds():
    """Of two steps that start together, the outer one has the upper lane."""
    drawn = draw(run(step("a", 0, 10, steps=[step("b", 0, 5)])), rows="lanes")
    assert drawn.numbers("y", {"contains other steps"}).tolist() == [0]


def test_a_tree_of_several_runs_has_a_row_for_each_run():
    """The rows of each run follow its own."""
    drawn = draw([two_agents("r"), two_agents("s")], rows="tree")
    assert drawn.rows["A CIP Orchestrator · r"] == 0
    assert drawn.rows["B CIP Orchestrator · s"] == 4
    assert len(drawn.layout["shapes"]) == 1


def test_a_run_without_steps_keeps_a_row():
    """In a comparison with a run that has no steps, that run is not lost."""
    drawn = draw([two_agents(), example("minimal")])
    assert "B Unknown agent · 7b0f6c1e, no steps" in drawn.rows


def test_runs_whose_ids_look_alike_are_numbered():
    """Ids that begin alike would be one name for several rows."""
    runs = [two_agents(f"aaaaaaaa-bbbb-{number}") for number in range(5)]
    assert list(draw(runs).rows)[:2] == [f"{n}: CIP Orchestrator · aaaaaaaa" for n in (1, 2)]


@pytest.mark.parametrize("rows", ["tree", "agent", "lanes", "run"])
def test_labels_are_few_however_many_rows(rows):
    """At most 40 labels, and the figure is at most 900 px high."""
    steps = [step(f"{n}", 0, 1, agent=f"agent {n}") for n in range(300)]
    drawn = draw(run(*steps), rows=rows)
    assert 1 <= len(drawn.rows) <= MOST_LABELS
    assert 220 <= drawn.layout["height"] <= 900


moments = st.integers(0, 9)
spans = st.lists(st.tuples(moments, moments, st.sampled_from("xyz")), min_size=1, max_size=12)


@given(spans, st.sampled_from(["agent", "lanes"]))
def test_bars_of_a_row_never_overlap(parts, rows):
    """In bands and in lanes, no two bars cover the same instant of a row, and no row is empty."""
    steps = [step(f"{n}", min(a, b), max(a, b), agent=who) for n, (a, b, who) in enumerate(parts)]
    drawn = draw(run(*steps), rows=rows)
    covered = [
        (row, second)
        for row, start, length in zip(*(drawn.numbers(key) for key in ("y", "base", "x")), strict=True)
        for second in range(int(start), int(start + length))
    ]
    assert len(covered) == len(set(covered))
    every = {*drawn.numbers("y").tolist(), *drawn.numbers("y", {"no duration"}).tolist()}
    assert every == set(range(len(every)))
