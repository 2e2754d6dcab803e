"""What reports show of one run and of two: numbers and states."""

from __future__ import annotations

from runkit.charts import report_panels
from runkit.tables.read_frames import frames
from support import artifact, question, run, step


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
