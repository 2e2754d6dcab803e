"""Panels of many runs, for what a fleet of strangers does not have."""

from __future__ import annotations

import pandas as pd
import pytest

import runkit
from runkit.errors import UsageError
from runkit.screens import pages
from support import artifact, question, run, step


def test_kinds_of_steps_without_names_are_known_by_their_labels():
    """The own time of the group is 9 of 12 seconds in each of two runs."""
    lookup = step("b", 2, 5, name=None, label="Lookup", parent_step_id="a")
    instant = step("c", 12, 12, name=None, label="Instant")
    runs = [
        run(step("a", 0, 12, name=None, label="Review", steps=[lookup]), instant, run_id=n)
        for n in "xy"
    ]
    table = runkit.fleet.slowest_steps(runkit.frames(runs)).table.set_index("label")
    assert table["critical_s"].to_dict() == {"Review": 18, "Lookup": 6}


def test_the_most_frequent_failure_is_first():
    """Reasons that differ in numbers are one."""
    reasons = ["slow", "Register 1 is down", "Register 2 is down"]
    runs = [
        run(step("a", status="error", result={"error": reason}), run_id=f"{n}")
        for n, reason in enumerate(reasons)
    ]
    table = runkit.fleet.failed_steps(runkit.frames(runs)).table
    assert table[["reason", "n_runs"]].values.tolist() == [
        ["Register * is down", 2],
        ["slow", 1],
    ]


def test_the_weakest_finding_is_first_with_its_weakness_as_data():
    source = {"url": "https://a.example", "source_tier": "government"}
    found = [
        artifact("Strong", sources=[source]),
        artifact("Bare"),
        artifact("Low", confidence="low", sources=[source]),
        artifact("Odd", confidence="0.3", sources=[source]),
        artifact("Medium", confidence="medium"),
    ]
    table = runkit.fleet.weak_findings(runkit.frames(run(step("a", artifacts=found)))).table
    cells = table[["title", "confidence", "n_sources"]].astype(object)
    assert cells.values.tolist() == [
        ["Low", "low", 1],
        ["Medium", "medium", 0],
        ["Bare", "high", 0],
        ["Odd", "0.3", 1],
    ]


@pytest.mark.parametrize("name", runkit.fleet.__all__)
def test_a_panel_takes_what_frames_takes(name):
    show = getattr(runkit.fleet, name)
    raws = [run(question("q", 10, None), step("a", status="error"), end=None)]
    assert show(raws).table.equals(show(runkit.frames(raws)).table)
    with pytest.raises(UsageError, match="source is int; expected Frames"):
        show(3)


@pytest.mark.parametrize("name", runkit.fleet.__all__)
def test_no_runs_have_the_columns_of_some(name):
    show = getattr(runkit.fleet, name)
    empty, some = (show(runkit.frames(source)).table for source in ([], [run(step("a"))]))
    assert [*empty.columns] == [*some.columns]


def test_the_order_is_waiting_failed_running_completed_and_then_any_other():
    statuses = ["paused", "completed", "running", "error", "interrupted"]
    runs = [run(step("a"), run_id=status, status=status) for status in statuses]
    runs += [run(step("a", 0, 90), run_id="longer")]
    runs[2] |= {"ended_at": None}
    runs[4] |= {"ended_at": None}
    f = runkit.frames(runs)
    order = ["interrupted", "error", "running", "longer", "completed", "paused"]
    assert pages.runs_panel(f).table["run_id"].tolist() == order
    blocks = pages.show_panel(f).blocks
    assert [(block.heading, block.n) for block in blocks[:5]] == [
        ("Waiting", 1), ("Failed", 1), ("Running", 1), ("Completed", 2), ("paused", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("results", "status", "what"),
    [
        ([{"decision": "approve", "score": 3}], "completed", "Decision: approve, Score: 3"),
        ([{"decision": "approve"}, {}], "completed", "Decision: approve"),
        ([{}], "completed", "The summary"),
        ([{"decision": "approve"}], "error", "failed in Write"),
    ],
)
def test_a_completed_run_shows_what_it_returned(results, status, what):
    """Else the title of its output."""
    summary = [artifact("The summary")]
    steps = [
        step(f"{n}", type="output", label="Write", result=result, artifacts=summary)
        for n, result in enumerate(results)
    ]
    f = runkit.frames(run(*steps, status=status))
    assert pages.runs_panel(f).table["what"].fillna("failed in Write").tolist() == [what]


def test_changes_are_counted_and_listed():
    before, after = (
        runkit.frames(run(step("a"), status=word)) for word in ("running", "completed")
    )
    panel = pages.changed_panel(runkit.changes(before, after))
    assert "status 1" in panel.read.counted
    assert "completed" in panel._repr_html_()
    assert isinstance(panel.table, pd.DataFrame)
