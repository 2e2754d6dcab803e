"""Which row a step stands in, and which steps have one."""

from __future__ import annotations

import pytest

from chart import FAILING, GROUP, WAIT, draw
from runkit.errors import UsageError
from support import example, question, run, step


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


def test_three_runs_stand_agent_under_agent():
    """They are told apart by a letter; the outer one of two steps has the upper row."""
    steps = [step("1", 0, 10, agent="x", steps=[step("4", 0, 5, agent="x")])]
    steps += [step("2", 5, 15, agent="y"), step("3", 8, 20, agent="y")]
    chart = draw([run(*steps, run_id=run_id) for run_id in "rst"])
    assert list(chart.rows.items())[:4] == [
        ("X · A", 0.5),
        ("X · B", 2.5),
        ("X · C", 4.5),
        ("Y · A", 6.5),
    ]
    assert chart.numbers("y", GROUP).tolist() == [0, 2, 4]
    assert "A  run r" in chart.title


def test_a_large_tree_has_rows_for_what_matters():
    """Failed steps, waits, the longest, and the groups around them; the sentences are counted."""
    chart = draw(large())
    assert len(chart.rows) == 60
    assert sum(label.startswith("Group") for label in chart.rows) == 20
    assert "Broken" in chart.rows
    assert not any("short" in label for label in chart.rows)
    assert "60 of 221 steps have a row: failed steps, waits, the longest" in chart.title
    assert "they took 1 s or less. 1 failed." in chart.title
    assert chart.durations[chart.rows["Group 0"]] == "9 s · 10 steps"


def test_every_other_step_is_a_sliver_in_the_row_of_its_group():
    """Steps at the top without a row share the last one; what is critical is drawn again, solid."""
    steps = [step(f"{n}", 10 * n, 10 * n + 9) for n in range(60)]
    inner = [step("long", 600, 700)]
    inner += [step("b", 700, 704, agent="tin"), step("c", 704, 709, agent="tin")]
    chart = draw(run(*steps, step("g", 600, 709, label="Group", steps=inner), end=709))
    group = chart.rows["Group"]
    last = chart.rows["2 other top steps"]
    assert last == 60
    assert "TIN" in chart.legend
    assert [part for part in chart.slivers if part[0] == group] == [(group, 700, 709)] * 2
    assert sum(end - start for row, start, end in chart.slivers if row == last) == 2 * 2 * 9


def test_depth_says_how_much_of_a_tree_has_a_row():
    assert len(draw(large(n_groups=11), depth=None).rows) == 122
    with pytest.raises(UsageError, match="depth=None draws a row for each of 221 steps"):
        draw(large(), depth=None)
    assert "21 of 221 steps have a row, down to level 1." in draw(large(), depth=1).title


def test_a_chart_of_several_runs_has_at_most_45_lanes():
    """Of 200 steps at once, most are in the last lane of their agent; a name stands where there is room."""
    steps = [step(f"{n}", n / 100, 5 + n, agent=f"agent {n % 2}") for n in range(200)]
    chart = draw([run(*steps, run_id=run_id) for run_id in "rst"])
    assert len(chart.rows) == 6
    assert chart.layout["yaxis"]["range"][0] - chart.layout["yaxis"]["range"][1] < 46
    assert "100 at once" in next(iter(chart.rows))
    assert "36 of 600 steps have a lane." in chart.title
    assert len({row for row, *_ in chart.slivers}) == 6
    assert chart.durations[0] == "5 s · Step 0"


def test_a_chart_of_several_runs_has_at_most_2000_bars():
    """Failed steps and waits are among them, however short."""

    def long(run_id):
        steps = [step(f"{k}", k, k + 0.5, agent=f"agent {k % 3}") for k in range(2_000)]
        steps[1_000] |= {"type": "error", "status": "error"}
        steps[666] = question("q", 666, 666.1)
        return run(*steps, run_id=run_id, end=2_000)

    chart = draw([long(run_id) for run_id in "rst"])
    assert len(chart.numbers("x")) == 2_000
    assert "2,000 of 6,000 steps have a lane" in chart.title
    assert len(chart.numbers("x", FAILING)) == len(chart.numbers("x", WAIT)) == 3


def test_no_chart_is_taller_than_2400_px():
    """Of a large tree, of two runs that have little in common, of many runs in as many groups."""
    steps = [[step(f"{n}{k}", k, name=f"{n}{k}") for k in range(200)] for n in range(2)]
    pair = [run(*steps[n], run_id=f"{n}") for n in range(2)]
    fleet = [run(step("a"), run_id=f"{n:08d}") for n in range(150)]
    charts = draw(large(30), depth=2), draw(pair, depth=2), draw(fleet, group="business")
    assert max(chart.layout["height"] for chart in charts) <= 2_400
