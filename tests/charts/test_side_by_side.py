"""Panels of two runs side by side: their numbers and states."""

from __future__ import annotations

import pytest

from runkit.charts import side_by_side
from runkit.errors import UsageError
from runkit.tables.compare import compare
from runkit.tables.frames import frames
from support import artifact, example, question, run, step

ALL = [getattr(side_by_side, name) for name in side_by_side.__all__]
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
    for panel in [show(f) for show in ALL]:
        assert not {"nan", "NaT", "None"} & set(panel.sentence.split())
        assert repr(panel)
        assert panel.figure is None or len(panel.figure.to_json()) < 1_000_000


@pytest.mark.parametrize("n", [0, 1, 3])
def test_it_takes_exactly_two_runs(n):
    """Other numbers are refused, and the message says what to do."""
    f = frames([run(run_id=str(number)) for number in range(n)])
    for show in ALL:
        with pytest.raises(UsageError, match=r"\d runs?; expected exactly two.*select"):
            show(f)


def test_the_facts_have_a_difference():
    """B - A, with its sign; the parts of the time are those of the runs."""
    table = side_by_side.in_short(two(run(step("s", 0, 10), end=10), run(question("q", 0, 90), end=90))).table
    rows = table.set_index("fact")
    assert rows.loc["Waiting", ["a", "b"]].tolist() == ["0 s", "1 min 30 s"]
    assert rows.loc["Waiting", "difference"].startswith("+1 min 30 s")
    assert rows.loc["Working", "difference"] == "-10 s"
    assert rows.loc["Questions"].tolist() == ["0", "1", "+1"]


def test_what_is_counted_is_what_the_panels_of_one_run_count():
    """The record of an error is no finding, an output is one apart, and a source of both counts once."""
    source = {"url": "https://a.example.gov", "source_name": "A"}
    a = run(
        step("s", artifacts=[artifact("X", sources=[source])]),
        step("e", type="error", artifacts=[artifact("Step failed")]),
        output={"artifacts": [artifact("Sum", sources=[source])]},
    )
    table = side_by_side.in_short(two(a, run())).table.set_index("fact")
    assert table.loc[["Findings", "Outputs", "Sources"], "a"].tolist() == ["1", "1", "1"]


def test_the_first_difference_is_a_step_of_each():
    """Each goes on with its own step, or the same step ends otherwise, or there is none."""
    a = run(step("1"), step("2", 10, 20, name="left", label="Left"))
    b = run(step("1"), step("2", 10, 20, name="right", label="Right"))
    panel = side_by_side.parting(two(a, b))
    assert panel.table[["run", "order", "label"]].to_numpy().tolist() == [["A", 1, "Left"], ["B", 1, "Right"]]
    assert panel.sentence.startswith("Identical for 1 step,")
    failing = side_by_side.parting(two(run(step("1")), run(step("1", status="error"))))
    assert failing.table["status"].tolist() == ["completed", "error"]
    longer = side_by_side.parting(two(a, run(step("1"))))
    assert longer.table["run"].tolist() == ["A"]
    same = side_by_side.parting(two(a, a))
    assert same.table.empty
    assert same.sentence.startswith("Identical for 2 steps,")


def test_the_largest_difference_comes_first():
    """With its bar on the side of the run that took longer, and the name of its agent."""
    a = run(step("1", 0, 10, name="x"), step("2", 10, 60, name="y"))
    b = run(step("1", 0, 12, name="x"), step("2", 12, 22, name="y"))
    panel = side_by_side.steps(two(a, b))
    assert panel.table["total_s_diff"].tolist() == [-40, 2]
    assert [list(trace.x) for trace in panel.figure.data[:2]] == [[-40], [2]]
    assert panel.figure.data[2].text[0].startswith("Step 2 (CIP Orchestrator)")


def test_bars_compare_work_and_not_waits():
    """A wait of an hour does not hide two seconds of work; its difference is in the table."""
    a = run(step("1", 0, 10), question("q", 10, 3_610), end=3_610)
    b = run(step("1", 0, 12), question("q", 12, 22), end=22)
    panel = side_by_side.steps(two(a, b))
    assert [list(trace.x) for trace in panel.figure.data[:-1]] == [[2]]
    assert panel.table["waiting_s_diff"].tolist() == [-3_590, 0]


def test_the_kinds_of_steps_are_those_of_compare():
    """A row for each agent and name, with the same numbers."""
    shared = [step(f"s{n}", n, n + 1, name=f"s{n}") for n in range(3)]
    more = [step(f"b{n}", 10 + n, 11 + n, name=f"b{n}") for n in range(17)]
    f = two(run(*shared, end=50), run(*shared, *more, end=50))
    panel = side_by_side.steps(f)
    assert panel.sentence.startswith("20 kinds of steps: 3 in both, 0 only in A, 17 only in B.")
    compared = compare(f.select("a"), f.select("b"))
    assert len(panel.table.merge(compared, on=["agent", "name", "n_a", "n_b", "total_s_diff"])) == 20


def test_findings_are_matched_by_title():
    """Same, another confidence, and what only one of them found."""
    a = run(step("1", artifacts=[artifact("X"), artifact("Y"), artifact("Only", type="t")]))
    b = run(step("1", artifacts=[artifact("Y", confidence="low"), artifact("X")]))
    table = side_by_side.findings(two(a, b)).table
    assert dict(zip(table["title_a"], table["match"], strict=True)) == {
        "X": "same",
        "Y": "other confidence",
        "Only": "only in A",
    }
    assert table.set_index("title_a").loc["Y", ["confidence_a", "confidence_b"]].tolist() == ["high", "low"]


def test_findings_of_the_same_title_are_matched_in_order():
    """Two in A and one in B are one pair and one more."""
    a, b = (run(step("1", artifacts=[artifact("X")] * n)) for n in (2, 1))
    assert side_by_side.findings(two(a, b)).table["match"].tolist() == ["same", "only in A"]


def test_the_same_check_with_another_result_is_no_agreement():
    """Both titles stand with their confidence; they may say the opposite of each other."""
    a = run(step("1", artifacts=[artifact("No evidence", confidence="low")]))
    b = run(step("1", artifacts=[artifact("Operates there")]))
    [row] = side_by_side.findings(two(a, b)).table.to_dict("records")
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
    table = side_by_side.findings(two(a, b)).table
    assert table["match"].tolist() == ["only in A", "only in A", "only in B"]


def test_findings_without_a_title_are_not_the_same():
    """Two that say nothing of themselves are told apart by their kind, else not matched."""
    a, b = (run(step("1", artifacts=[artifact("", type=kind)])) for kind in ("s", "t"))
    assert side_by_side.findings(two(a, b)).table["match"].tolist() == ["only in A", "only in B"]


def test_outputs_under_different_titles_are_each_their_own():
    """They are no check with a result."""
    table = side_by_side.findings(two(run(output=OUTPUT), run(output=OTHER_OUTPUT))).table
    assert table["match"].tolist() == ["own summary"]
