"""Which row a step stands in, and which steps have one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn import FAILING, GROUP, INSTANT, WAIT, draw, values
from runkit.charts.rows import MOST_PX, ROW_PX
from support import example, question, run, step


def two_agents(run_id="r"):
    """Two agents at work, one of them at two things at once."""
    return run(
        step(f"{run_id}1", 0, 10, agent="x"),
        step(f"{run_id}2", 5, 15, agent="y"),
        step(f"{run_id}3", 8, 20, agent="y"),
        run_id=run_id,
    )


def large(n_groups=20, n_steps=9):
    """Groups of steps one after the other, a step that failed, and a wait."""
    groups = []
    for group in range(n_groups):
        start = 10 * group
        inner = [step(f"{group}.{n}", start + n, start + n + 1) for n in range(n_steps)]
        inner.append(step(f"{group}.short", start, start + 0.5))
        groups.append(step(f"{group}", start, start + n_steps, label=f"Group {group}", steps=inner))
    groups[3]["steps"][-1] |= {"status": "error", "label": "Broken"}
    return run(*groups, question("q", 10 * n_groups, 10 * n_groups + 5), end=10 * n_groups + 5)


def test_one_run_is_a_tree():
    """Each step has its own row, in tree order, its label indented by depth, groups in bold."""
    axis = draw(example("completed")).layout["yaxis"]
    assert axis["tickvals"] == list(range(8))
    assert axis["ticktext"][1:3] == [
        "<b>Delegating TIN verification</b>",
        "\u00a0\u00a0\u00a0\u00a0Researching TIN verification",
    ]


def test_rows_are_22_pixels_high():
    """And bars 14, with rounded corners."""
    drawn = draw(run(*(step(f"{n}", n, n + 1) for n in range(60))))
    assert drawn.layout["height"] - draw(run(step("a"))).layout["height"] == pytest.approx(59 * ROW_PX, abs=1)
    assert drawn.bars[0]["width"] * ROW_PX == pytest.approx(14)
    assert drawn.bars[0]["marker"]["cornerradius"] == 3.5


def test_long_labels_are_cut_at_40_characters():
    """With an ellipsis, so that the cut is seen."""
    [label] = draw(run(step("a", label="w" * 50))).rows
    assert label == "w" * 39 + "…"


def test_three_runs_stand_agent_under_agent():
    """Runs are stacked per agent and told apart by a letter."""
    drawn = draw([two_agents("r"), two_agents("s"), two_agents("t")])
    assert list(drawn.rows.items())[:4] == [("X · A", 0), ("X · B", 1), ("X · C", 2), ("Y · A", 3.5)]
    assert "A CIP" not in drawn.title
    assert "A  run r" in drawn.title


def test_many_runs_are_a_fleet():
    """Five runs have a row each, in the order, the groups and with the hours that are chosen."""
    runs = [
        run(step("a", 0, n), question("q", n, 20 + n), run_id=f"run{n}", start=-n, end=20 + n)
        for n in range(5)
    ]
    ids = [f"run{n}" for n in range(5)]
    assert draw(runs, sort="attention", group="status", sla_h=4).json == draw(runs).json
    for sort, order in (("time", ids), ("duration", ids[::-1])):
        drawn = draw(runs, sort=sort)
        assert [label[-4:] for label in sorted(drawn.rows, key=drawn.rows.get)][1:] == order
    assert "CIP Orchestrator 5" in draw(runs, group="agent").rows
    assert draw(runs, sla_h=1).layout["shapes"][0]["x0"] == 3_600


def test_a_group_stands_over_what_it_holds():
    """Of two steps of an agent that start together, the outer one has the upper row."""
    nested = [run(step("a", 0, 10, steps=[step("b", 0, 5)]), run_id=run_id) for run_id in "rst"]
    assert draw(nested).numbers("y", GROUP).tolist() == [0, 2, 4]


def test_a_run_without_steps_keeps_a_row():
    """Beside a run that has steps, one without is not lost."""
    drawn = draw([two_agents(), example("minimal")])
    assert drawn.rows["Unknown agent · B"] == 0


def test_a_large_tree_shows_what_matters_and_says_so():
    """Over 60 rows: failed steps, waits, the top level and the longest, and the number of steps."""
    drawn = draw(large())
    assert sum(label.startswith("Group") for label in drawn.rows) == 20
    assert "Broken" in drawn.rows
    assert not any("short" in label for label in drawn.rows)
    assert len(drawn.rows) == 60
    assert "60 of 221 steps shown: failed steps, waits" in drawn.title
    assert "60 of 221 steps shown: failed steps, waits" in drawn.layout["meta"]["alt"]
    assert "critical path" not in drawn.legend


def test_a_flood_of_questions_leaves_room_for_groups():
    """Of 60 rows at most a quarter are waits, where there is anything else to show."""
    questions = [question(f"q{n}", 10 * n, 10 * n + 9, label=f"Question {n}?") for n in range(200)]
    groups = [step(f"g{n}", n, n + 9, label=f"Group {n}", steps=[step(f"s{n}", n, n + 1)]) for n in range(40)]
    labels = list(draw(run(*questions, *groups, end=2_000)).rows)
    assert sum(label.startswith("Group") for label in labels) == 40
    assert len(labels) == 60


def long(n, run_id="r"):
    """A run of n steps in sequence, of equal length, with an error and a wait among them."""
    steps = [step(f"{k}", k, k + 0.5, agent=f"agent {k % 3}") for k in range(n)]
    steps[n // 2] |= {"type": "error", "status": "error"}
    steps[n // 3] = question("q", n // 3, n // 3 + 0.1)
    return run(*steps, run_id=run_id, end=n)


def test_of_steps_equally_long_some_from_everywhere_are_shown():
    """The bars do not crowd at the start: each tenth of the run has about a tenth of them."""
    drawn = draw(long(2_000))
    per_tenth = np.histogram(drawn.numbers("base"), 10, (0, 2_000))[0]
    assert per_tenth.sum() == 60
    assert per_tenth.min() >= 4


def test_a_chart_has_at_most_2000_bars_and_says_so():
    """Failed steps and waits are among them, however short, in a tree of all levels as in bands of agents."""
    whole = draw(long(5_000), depth=None)
    bands = draw([long(2_000, run_id) for run_id in "rst"])
    for drawn, n_steps, n_runs in ((whole, "5,000", 1), (bands, "6,000", 3)):
        assert len(drawn.numbers("x")) == 2_000
        assert f"2,000 of {n_steps} steps shown" in drawn.title
        assert len(drawn.numbers("x", FAILING)) == len(drawn.numbers("x", WAIT)) == n_runs


def test_a_chart_of_two_runs_has_at_most_2000_bars_and_says_so():
    """A row has a bar of each run."""
    drawn = draw([long(500, "r"), long(500, "s")], depth=None)
    assert len(drawn.numbers("x")) == 1_000
    drawn = draw([long(40, "r"), long(3_000, "s")], depth=None)
    assert 900 < len(drawn.rows) <= 1_000
    assert len(drawn.numbers("x")) <= 2_000
    assert "of 3,001 rows shown" in drawn.title


def test_depth_says_how_much_of_a_tree_is_shown():
    """None shows all, a number that many levels."""
    whole = draw(large(), depth=None)
    assert len(whole.numbers("x")) == 221
    assert "shown" not in whole.title
    top = draw(large(), depth=1)
    assert len(top.rows) == 21
    assert "21 of 221 steps shown" in top.title


@pytest.mark.parametrize("n_runs", [1, 3])
def test_labels_stand_apart_however_many_rows(n_runs):
    """Rows get lower in a figure of bounded height, and labels fewer."""
    steps = [step(f"{n}", 0, 1, agent=f"agent {n}") for n in range(600)]
    drawn = draw([run(*steps, run_id=f"r{number}") for number in range(n_runs)], depth=None)
    places = sorted(drawn.rows.values())
    n_rows = drawn.layout["yaxis"]["range"][0] + 0.5
    px = min(ROW_PX, MOST_PX / n_rows)
    assert all((b - a) * px >= 15 for a, b in pairwise(places))
    assert drawn.layout["height"] <= MOST_PX + 400


moments = st.integers(0, 9)
spans = st.lists(st.tuples(moments, moments, st.sampled_from("xyz")), min_size=1, max_size=12)


@given(spans)
def test_bars_of_a_row_never_overlap(parts):
    """In bands of agents, no two bars cover the same instant of a row, and no row is empty."""
    steps = [step(f"{n}", min(a, b), max(a, b), agent=who) for n, (a, b, who) in enumerate(parts)]
    drawn = draw([run(*steps, run_id=run_id) for run_id in "rst"])
    covered = [
        (row, second)
        for row, start, length in zip(*(drawn.numbers(key) for key in ("y", "base", "x")), strict=True)
        for second in range(int(start), int(start + length))
    ]
    assert len(covered) == len(set(covered))
    instants = [values(one["y"]).tolist() for one in drawn.json["data"] if one.get("name") == INSTANT]
    every = {*drawn.numbers("y").tolist(), *(row for part in instants for row in part)}
    assert every == set(range(len(every)))
