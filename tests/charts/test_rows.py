"""Which row a step stands in, and which steps have one."""

from __future__ import annotations

from chart import FAILING, GROUP, WAIT, draw
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


def test_a_large_tree_shows_what_matters_and_says_so():
    """Over 60 rows: failed steps, waits, the top level and the longest, and the number of steps."""
    chart = draw(large())
    assert sum(label.startswith("Group") for label in chart.rows) == 20
    assert "Broken" in chart.rows
    assert not any("short" in label for label in chart.rows)
    assert len(chart.rows) == 60
    assert "60 of 221 steps shown: failed steps, waits" in chart.title
    assert "critical path" not in chart.legend


def test_the_longest_that_is_left_out_may_be_a_group():
    """59 top steps and a question leave no row for a group of 92 s and its step of 2 s."""
    inner = step("g", 0, 92, steps=[step("i", 0, 2)])
    outer = step("o", 0, 100, steps=[inner])
    steps = [step(f"{n}", n, n + 1) for n in range(58)]
    chart = draw(run(outer, *steps, question("q", 99, 100)))
    assert "60 of 62 steps shown" in chart.title
    assert "The others took 1 min 32 s or less" in chart.title


def test_depth_says_how_much_of_a_tree_is_shown():
    assert len(draw(large(), depth=None).numbers("x")) == 221
    assert "21 of 221 steps shown" in draw(large(), depth=1).title


def test_a_chart_has_at_most_2000_bars_and_says_so():
    """Failed steps and waits are among them, however short, in a tree of all levels as in bands of agents."""

    def long(n, run_id="r"):
        steps = [step(f"{k}", k, k + 0.5, agent=f"agent {k % 3}") for k in range(n)]
        steps[n // 2] |= {"type": "error", "status": "error"}
        steps[n // 3] = question("q", n // 3, n // 3 + 0.1)
        return run(*steps, run_id=run_id, end=n)

    bands = [long(2_000, run_id) for run_id in "rst"]
    for chart, n_steps, n_runs in (
        (draw(long(5_000), depth=None), "5,000", 1),
        (draw(bands), "6,000", 3),
    ):
        assert len(chart.numbers("x")) == 2_000
        assert f"2,000 of {n_steps} steps shown" in chart.title
        assert len(chart.numbers("x", FAILING)) == len(chart.numbers("x", WAIT)) == n_runs
