"""What reports show of one run and of two: numbers and states."""

from __future__ import annotations

import pytest

from runkit.charts import panels
from runkit.tables.frames import frames
from support import artifact, example, question, run, step

OUTPUT, OTHER_OUTPUT = ({"artifacts": [artifact(f"CIP summary for {name}")]} for name in ("Acme", "Beta"))
BARE = {key: value for key, value in example("completed").items() if key != "steps"}


def two(a, b):
    """Frames of two runs, A and B."""
    return frames([a | {"id": "a"}, b | {"id": "b"}])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (example("completed"), example("interrupted")),
        (BARE, run(started_at=None, ended_at=None, status="running")),
        (run(step("s", agent=None, name="", label="")), run(step("s", type="odd"), status="odd", agent=None)),
        (
            run(*[step(str(n), n, n + 1) for n in range(600)]),
            run(step("x", status="error"), status="error"),
        ),
    ],
)
def test_any_two_runs_have_panels(a, b):
    """Whatever they are: a sentence without NaN, and a figure of bounded size."""
    f = two(a, b)
    for panel in (panels.timeline(f), panels.parting(f)):
        assert not {"nan", "NaT", "None"} & set(panel.sentence.split())
        assert repr(panel)
        assert panel.figure is None or len(panel.figure.to_json()) < 1_000_000
    for table in (panels.facts(f), panels.findings(f), panels.steps(f)):
        assert not table.columns.duplicated().any()


@pytest.mark.parametrize("name", ["completed", "interrupted", "minimal"])
def test_the_timeline_of_one_run_has_its_steps(name):
    """In tree order, with ids that pandas can merge on."""
    f = frames(example(name))
    table = panels.timeline(f).table
    assert table["step_id"].tolist() == f.steps.sort_values("step_no")["step_id"].tolist()


def test_facts_that_differ_are_in_words():
    """The parts of the time are those of the runs; what is the same is left out."""
    table = panels.facts(two(run(step("s", 0, 10), end=10), run(question("q", 0, 90), end=90)))
    rows = table.set_index("fact")
    assert rows.loc["Waiting"].tolist() == ["0 s", "1 min 30 s"]
    assert rows.loc["Working"].tolist() == ["10 s", "0 s"]
    assert rows.loc["Questions"].tolist() == ["0", "1"]
    assert "Status" not in rows.index


def test_what_is_counted_is_what_the_panel_of_findings_counts():
    """The record of an error is no finding, an output is one apart, and a source of both counts once."""
    source = {"url": "https://a.example.gov", "source_name": "A"}
    a = run(
        step("s", artifacts=[artifact("X", sources=[source])]),
        step("e", type="error", artifacts=[artifact("Step failed")]),
        output={"artifacts": [artifact("Sum", sources=[source])]},
    )
    table = panels.facts(two(a, run())).set_index("fact")
    assert table.loc[["Findings", "Outputs", "Sources"], "a"].tolist() == ["1", "1", "1"]


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
    assert panels.steps(two(a, b))["total_s_diff"].tolist() == [-3_590, 2]
    assert panels.steps(two(a, a)).empty


def test_findings_are_matched_by_title():
    """Another confidence, and what only one of them found; the same finding is left out."""
    a = run(step("1", artifacts=[artifact("X"), artifact("Y"), artifact("Only", type="t")]))
    b = run(step("1", artifacts=[artifact("Y", confidence="low"), artifact("X")]))
    table = panels.findings(two(a, b))
    assert dict(zip(table["title_a"], table["match"], strict=True)) == {
        "Y": "other confidence",
        "Only": "only in A",
    }
    assert table.set_index("title_a").loc["Y", ["confidence_a", "confidence_b"]].tolist() == ["high", "low"]


def test_findings_of_the_same_title_are_matched_in_order():
    """Two in A and one in B are one pair and one more."""
    a, b = (run(step("1", artifacts=[artifact("X")] * n)) for n in (2, 1))
    assert panels.findings(two(a, b))["match"].tolist() == ["only in A"]


def test_the_same_check_with_another_result_is_no_agreement():
    """Both titles stand with their confidence; they may say the opposite of each other."""
    a = run(step("1", artifacts=[artifact("No evidence", confidence="low")]))
    b = run(step("1", artifacts=[artifact("Operates there")]))
    [row] = panels.findings(two(a, b)).to_dict("records")
    assert row["match"] == "different result"
    assert [row[name] for name in ("title_a", "confidence_a", "title_b", "confidence_b")] == [
        "No evidence",
        "low",
        "Operates there",
        "high",
    ]


def test_several_findings_of_one_kind_are_not_paired_by_guess():
    """Which of them is the counterpart of which is unknown."""
    a = run(step("1", artifacts=[artifact("Hit 1"), artifact("Hit 2")]))
    b = run(step("1", artifacts=[artifact("Hit 3")]))
    table = panels.findings(two(a, b))
    assert table["match"].tolist() == ["only in A", "only in A", "only in B"]


def test_findings_without_a_title_are_not_the_same():
    """Two that say nothing of themselves are told apart by their kind, else not matched."""
    a, b = (run(step("1", artifacts=[artifact("", type=kind)])) for kind in ("s", "t"))
    assert panels.findings(two(a, b))["match"].tolist() == ["only in A", "only in B"]


def test_outputs_under_different_titles_are_each_their_own():
    """They are no check with a result."""
    table = panels.findings(two(run(output=OUTPUT), run(output=OTHER_OUTPUT)))
    assert table["match"].tolist() == ["own summary"]
