"""Charts and their tables show the numbers of the frames and say what they leave out."""

from __future__ import annotations

import json
import re
from typing import Any

import plotly.io
import pytest

import runkit
from chart import Chart, values
from runkit.charts import fleet, report_panels
from support import question, run, step

HOSTILE = '<a href="https://evil.example">click</a><img src=x>$x$'


def bars(source: object, **options: Any) -> set[tuple[float, float]]:
    """Start and length of all bars, in seconds."""
    return {
        (round(start, 6), round(length, 6))
        for trace in Chart.of(source, **options).json["data"]
        if trace["type"] == "bar"
        for start, length in zip(values(trace.get("base")), values(trace.get("x")), strict=False)
    }


@pytest.mark.parametrize("n_runs", [1, 2, 3])
def test_bars_stand_where_the_steps_were(n_runs: int) -> None:
    """In seconds since the run started, to the millisecond; a step's bar is as long as it took."""
    steps = [step("a", 8, 22.25), step("p", 30, 80, steps=[step("b", 40.5, 69.125)])]
    runs = [run(*steps, start=5, run_id=f"r{number}") for number in range(n_runs)]
    assert {(3, 14.25), (35.5, 28.625)} <= bars(runs)


def test_a_chart_that_leaves_steps_out_says_so() -> None:
    """Of 400 steps at most 60 are drawn; the words around the drawing have both numbers."""
    f = runkit.frames(run(*[step(f"s{n}", n / 4, n / 4 + 0.2) for n in range(400)]))
    shown, layout = len(bars(f)), Chart.of(f).layout
    assert shown <= 60 < 400
    around = json.dumps([layout["title"], layout["annotations"]])
    assert {"400", str(shown)} <= set(re.findall(r"\d+", around))


def test_hostile_text_is_no_link_in_a_chart() -> None:
    """Plotly reads labels, agents and statuses as HTML, and `$…$` as a formula."""
    steps = step("a", label=HOSTILE, agent=HOSTILE)
    for n_runs in (1, 2, 3, 5):
        runs = [
            run(steps, status=HOSTILE, agent=HOSTILE, run_id=f"{n}{HOSTILE}") for n in range(n_runs)
        ]
        figure = Chart.of(runs).json
        del figure["layout"]["meta"]  # words for screen readers, which plotly does not draw
        shown = json.dumps(figure)
        assert "evil.example" in shown
        assert not [markup for markup in ("<a ", "<img", "$x$") if markup in shown]


def test_no_chart_offers_itself_to_a_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its button "Share chart" would upload customers' data with one click."""
    monkeypatch.setattr(plotly.io.renderers, "default", "plotly_mimetype")  # as in JupyterLab
    figure = runkit.gantt(run(step("a")))
    config = figure._repr_mimebundle_()["application/vnd.plotly.v1+json"]["config"]
    assert (config["showSendToCloud"], config["plotlyServerURL"]) == (False, "")


def test_a_comparison_subtracts_the_first_run_from_the_second() -> None:
    """A row for each agent and step name, with counts and seconds of both runs."""
    inner = step("i", 0, 4, name="inner")
    a = run(step("w", 0, 10, steps=[inner]), question("q", 10, 60), run_id="a")
    b = run(step("w", 0, 42), question("q", 42, 62), run_id="b")
    table = runkit.compare(a, b).set_index("name")
    assert table.index.tolist() == ["work", "inner", "await_review"]
    work = table.loc["work"].filter(regex="^(n|total_s|self_s)_")
    assert work.tolist() == [1, 1, 0, 10, 42, 32, 6, 42, 36]
    assert table.filter(like="waiting_s").loc["await_review"].tolist() == [50, 20, -30]


def test_a_panel_of_waits_counts_questions_to_a_reviewer() -> None:
    """Two answered, one pending, one expired; what the policy settled waited for nobody."""
    settled = question("auto", 0, 1, result={"resolution": "auto_approve"})
    f = runkit.frames(
        [
            run(settled, question("q1", 10, 30), question("q2", 40, 100), run_id="a"),
            run(question("q3", 10, None), run_id="b", end=None, status="interrupted",
                interrupts=[{"id": "q3", "value": {"type": "decision"}}]),
            run(question("q4", 10, None), run_id="c", status="error"),
        ]
    )  # fmt: skip
    table = fleet.waits(f).table.set_index("kind")
    assert table.loc["All", ["n_questions", "n_answered", "n_pending", "n_lapsed"]].tolist() == [
        4,
        2,
        1,
        1,
    ]


def test_the_slowest_work_is_the_own_time_of_steps() -> None:
    """A group that covers its steps has none; one that worked 70 s beside them comes first."""
    looks = [step("a", 0, 5, name="look_up"), step("b", 75, 80, name="look_up")]
    alone = step("q", 80, 100, name="group", steps=[step("c", 80, 100, name="read")])
    f = runkit.frames(run(step("p", 0, 80, name="compare", steps=looks), alone))
    columns = ["label", "n_steps", "total_s", "critical_s"]
    assert fleet.slowest_steps(f).table[columns].to_numpy().tolist() == [
        ["Step p", 1, 70, 70],
        ["Step c", 1, 20, 20],
        ["Look up", 2, 10, 10],
    ]


def test_a_step_that_spans_a_wait_is_not_the_slowest_of_its_run() -> None:
    """It spans a wait of 80 s and works 5 s; another step works 15 s."""
    wrapper = step("w", 0, 85, steps=[step("i", 0, 1)])
    f = runkit.frames(run(wrapper, question("q", 4, 84), step("a", 85, 100)))
    table = report_panels.slowest_steps_of_run(f).table
    assert table[["label", "self_s", "critical_s"]].values.tolist() == [
        ["Step a", 15, 15],
        ["Step w", 84, 4],
        ["Step i", 1, 1],
    ]
