"""What reports show of one run and of two: numbers and states."""

from __future__ import annotations

from runkit.charts import panels
from runkit.tables.frames import frames
from support import artifact, question, run, step


def two(a, b):
    """Frames of two runs, A and B."""
    return frames([a | {"id": "a"}, b | {"id": "b"}])


def test_facts_that_differ_are_in_words():
    """The parts of the time are those of the runs; what is the same is left out."""
    table = panels.facts(two(run(step("s", 0, 10), end=10), run(question("q", 0, 90), end=90))).table
    rows = table.set_index("fact")
    assert rows.loc["Waiting"].tolist() == ["0 s", "1 min 30 s"]
    assert rows.loc["Working"].tolist() == ["10 s", "0 s"]
    assert rows.loc["Questions"].tolist() == ["0", "1"]
    assert "Status" not in rows.index


def test_the_first_difference_is_a_step_of_each():
    """Each goes on with its own step, or the same step ends otherwise, or there is none."""
    a = run(step("1"), step("2", 10, 20, name="left", label="Left"))
    b = run(step("1"), step("2", 10, 20, name="right", label="Right"))
    panel = panels.parting(two(a, b))
    assert panel.table[["run", "step_no", "label"]].to_numpy().tolist() == [
        ["A", 1, "Left"],
        ["B", 1, "Right"],
    ]
    assert panel.sentence.startswith("Identical for 1 step,")
    failing = panels.parting(two(run(step("1")), run(step("1", status="error"))))
    assert failing.table["status"].tolist() == ["completed", "error"]
    longer = panels.parting(two(a, run(step("1"))))
    assert longer.table["run"].tolist() == ["A"]
    same = panels.parting(two(a, a))
    assert same.table.empty
    assert same.sentence.startswith("Identical for 2 steps,")


def test_the_largest_difference_comes_first():
    """Whatever its sign; a wait counts as the time of its step."""
    a = run(step("1", 0, 10, name="x"), question("q", 10, 3_610), end=3_610)
    b = run(step("1", 0, 12, name="x"), question("q", 12, 22), end=22)
    assert panels.steps(two(a, b)).table["total_s_diff"].tolist() == [-3_590, 2]
    assert len(panels.steps(two(a, a))) == 0


def test_findings_are_matched_by_title():
    """Another confidence, and what only one of them found; the same finding is left out."""
    a = run(step("1", artifacts=[artifact("X"), artifact("Y"), artifact("Only", type="t")]))
    b = run(step("1", artifacts=[artifact("Y", confidence="low"), artifact("X")]))
    table = panels.findings(two(a, b)).table
    assert dict(zip(table["title_a"], table["match"], strict=True)) == {
        "Y": "other confidence",
        "Only": "only in A",
    }
    assert table.set_index("title_a").loc["Y", ["confidence_a", "confidence_b"]].tolist() == ["high", "low"]


def test_the_same_check_with_another_result_is_no_agreement():
    """Both titles stand with their confidence; they may say the opposite of each other."""
    a = run(step("1", artifacts=[artifact("No evidence", confidence="low")]))
    b = run(step("1", artifacts=[artifact("Operates there")]))
    [row] = panels.findings(two(a, b)).table.to_dict("records")
    assert row["match"] == "different result"
    assert [row[name] for name in ("title_a", "confidence_a", "title_b", "confidence_b")] == [
        "No evidence",
        "low",
        "Operates there",
        "high",
    ]
