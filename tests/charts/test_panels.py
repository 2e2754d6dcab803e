"""What reports show of one run and of two: numbers and states."""

from __future__ import annotations

import runkit
from runkit.charts import fleet, report_panels
from runkit.tables.read_frames import frames
from support import artifact, at, question, run, step


def two(a, b):
    """Frames of two runs, A and B."""
    return frames([a | {"id": "a"}, b | {"id": "b"}])


def test_facts_that_differ_are_in_words():
    """The parts of the time are those of the runs; what is the same is left out."""
    table = report_panels.different_facts(
        two(run(step("s", 0, 10), end=10), run(question("q", 0, 90), end=90))
    ).table
    rows = table.set_index("fact")
    assert rows.loc["Waiting"].tolist() == ["0 s", "1 min 30 s"]
    assert rows.loc["Working"].tolist() == ["10 s", "0 s"]
    assert rows.loc["Questions"].tolist() == ["0", "1"]
    assert "Status" not in rows.index


def test_findings_are_matched_by_title():
    """Another confidence, and what only one of them found; the same finding is left out."""
    a = run(step("1", artifacts=[artifact("X"), artifact("Y"), artifact("Only", type="t")]))
    b = run(step("1", artifacts=[artifact("Y", confidence="low"), artifact("X")]))
    table = report_panels.different_findings(two(a, b)).table.set_index("title")
    assert table["match"].to_dict() == {"Y": "other confidence", "Only": "only in A"}
    assert table.loc["Y", ["confidence_a", "confidence_b"]].tolist() == ["high", "low"]
    twice = run(step("1", artifacts=[artifact("X"), artifact("X", confidence="low")]))
    assert not report_panels.different_findings(two(twice, twice))


def test_the_slowest_work_is_the_own_time_of_steps():
    """A group that covers its steps has none, and what goes on is in no median."""
    looks = [step("a", 0, 5, name="look_up"), step("b", 75, 80, name="look_up")]
    alone = step("q", 80, 100, name="group", steps=[step("c", 80, 100, name="read")])
    ended = run(step("p", 0, 80, name="compare", steps=looks), alone)
    going = run(step("g", 0, None, name="read"), run_id="g", end=None, updated_at=at(900))
    f = runkit.frames([ended, going])
    assert fleet.slowest_steps(f).sentence.endswith("path. 1 step without an end left out.")
    assert fleet.slowest_steps(f.select("g")).sentence.startswith("No ended steps with own time.")
    columns = ["label", "n_steps", "total_s", "critical_s"]
    assert fleet.slowest_steps(f).table[columns].to_numpy().tolist() == [
        ["Step p", 1, 70, 70],
        ["Step c", 1, 20, 20],
        ["Look up", 2, 10, 10],
    ]


def test_a_step_that_spans_a_wait_is_not_the_slowest_of_its_run():
    """It spans a wait of 80 s and works 5 s; another step works 15 s."""
    wrapper = step("w", 0, 85, steps=[step("i", 0, 1)])
    f = runkit.frames(run(wrapper, question("q", 4, 84), step("a", 85, 100)))
    table = report_panels.slowest_steps_of_run(f).table
    assert table[["label", "self_s", "critical_s"]].values.tolist() == [
        ["Step a", 15, 15],
        ["Step w", 84, 4],
        ["Step i", 1, 1],
    ]
