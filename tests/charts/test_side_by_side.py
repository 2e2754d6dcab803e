"""Two runs side by side, in words, tables and bars."""

from __future__ import annotations

import pytest

from runkit.charts import side_by_side
from runkit.charts.labels import width_px
from runkit.charts.stacked_bars import ROOM_PX
from runkit.errors import UsageError
from runkit.tables.frames import frames
from support import artifact, example, question, run, step

NAMES = ["in_short", "timeline", "parting", "steps", "findings", "people"]
ALL = [getattr(side_by_side, name) for name in NAMES]
OUTPUT, OTHER_OUTPUT = ({"artifacts": [artifact(f"CIP summary for {name}")]} for name in ("Acme", "Beta"))
BARE = {key: value for key, value in example("completed").items() if key != "steps"}


def two(a, b):
    """Frames of two runs, A and B."""
    return frames([a | {"id": "a"}, b | {"id": "b"}])


@pytest.mark.parametrize("show", ALL)
@pytest.mark.parametrize(
    ("a", "b"),
    [
        (example("completed"), example("interrupted")),
        (example("minimal"), BARE),
        (run(), run(started_at=None, ended_at=None, status="running")),
        (run(step("s", agent=None, name="", label="")), run(step("s", type="odd"), status="odd", agent=None)),
        (
            run(*[step(str(n), n, n + 1) for n in range(3_000)]),
            run(step("x", status="error"), status="error"),
        ),
    ],
)
def test_any_two_runs_have_sentences(show, a, b):
    """Whatever they are: a sentence that ends, and a figure of bounded size."""
    shown = show(two(a, b))
    assert shown.sentence.endswith(".")
    assert repr(shown)
    assert shown.figure is None or len(shown.figure.to_json()) < 1_000_000


@pytest.mark.parametrize("show", ALL)
@pytest.mark.parametrize("n", [0, 1, 3])
def test_it_takes_exactly_two_runs(show, n):
    """Other numbers are refused, and the message says what to do."""
    with pytest.raises(UsageError, match=r"\d runs?; expected exactly two.*select"):
        show(frames([run(run_id=str(number)) for number in range(n)]))


def test_the_part_that_differs_most_is_named():
    """A wait of B explains why it took longer, without a sign in the words."""
    shown = side_by_side.in_short(two(run(step("s", 0, 10), end=10), run(question("q", 0, 90), end=90)))
    assert (
        "B took 1 min 20 s longer than A; what weighs most is waiting for a person: 1 min 30 s more in B. "
        in shown.sentence
    )
    differences = shown.table.set_index("fact")["difference"]
    assert differences["waiting for a person"] == "+1 min 30 s"
    assert differences["work"] == "-10 s"


def test_a_run_that_is_shorter_because_it_failed_says_why():
    """With the label of the error step; a longer one that failed is not excused."""
    failed = run(step("e", 5, 5, type="error", status="error", label="No answer"), status="error", end=5)
    ended = run(step("s", 0, 50), end=50)
    assert (
        " B is shorter because it failed: “No answer”. " in side_by_side.in_short(two(ended, failed)).sentence
    )
    long = failed | {"ended_at": ended["ended_at"], "updated_at": ended["updated_at"]}
    short = run(step("s", 0, 1), end=1)
    assert "shorter because" not in side_by_side.in_short(two(short, long)).sentence


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (
            {"business_id": "b1"},
            {"business_id": "b2"},
            "A and B are reviews of different businesses, “b1” and",
        ),
        ({"business_id": "b1"}, {"business_id": "b1"}, None),
        ({"output": OUTPUT}, {"output": OTHER_OUTPUT}, None),
        ({"output": OUTPUT, "business_id": "b1"}, {"output": OUTPUT}, None),
        ({}, {}, None),
    ],
)
def test_different_businesses_are_told(a, b, words):
    """By their ids, where both are known; no title is a business."""
    said = side_by_side.in_short(two(run(**a), run(**b))).sentence
    assert said.startswith(words or "A: ")


def test_what_is_counted_is_what_the_report_of_one_run_counts():
    """What a failed step found counts, a summary is one apart, and a source of both counts once."""
    source = {"url": "https://a.example.gov", "source_name": "A"}
    a = run(
        step("s", artifacts=[artifact("X", sources=[source])]),
        step("e", type="error", artifacts=[artifact("Step failed")]),
        output={"artifacts": [artifact("Sum", sources=[source])]},
    )
    table = side_by_side.in_short(two(a, run())).table.set_index("fact")
    assert table.loc[["findings", "summaries", "different sources"], "a"].tolist() == ["2", "1", "1"]


def test_where_they_part_is_said():
    """Each goes on with its own step, or the same step ends otherwise, or they never part."""
    a = run(step("1"), step("2", 10, 20, name="left", label="Left"))
    b = run(step("1"), step("2", 10, 20, name="right", label="Right"))
    shown = side_by_side.parting(two(a, b))
    assert shown.sentence == (
        "They part after 1 step that agree: A goes on with “Left” (cip_orchestrator), "
        "B with “Right” (cip_orchestrator)."
    ).replace("step that agree", "step that agrees")
    assert shown.table["run"].tolist() == ["A", "B"]
    failing = side_by_side.parting(two(run(step("1")), run(step("1", status="error"))))
    assert "status “completed” in A, “error” in B" in failing.sentence
    assert side_by_side.parting(two(a, a)).sentence.startswith("They never part")


def test_the_largest_difference_comes_first():
    """With its bar on the side of the run that took longer."""
    a = run(step("1", 0, 10, name="x"), step("2", 10, 60, name="y"))
    b = run(step("1", 0, 12, name="x"), step("2", 12, 22, name="y"))
    shown = side_by_side.steps(two(a, b))
    assert shown.table["difference_s"].tolist() == [-40, 2]
    assert list(shown.figure.data[0].x) == [-40, 2]
    assert "“Step 2” (40 s longer in A) and “Step 1” (2 s longer in B)" in shown.sentence


def test_the_kinds_of_steps_add_up():
    """In both, only in one of them, and how many of them the chart shows."""
    shared = [step(f"s{n}", n, n + 1, name=f"s{n}") for n in range(3)]
    more = [step(f"b{n}", 10 + n, 11 + n, name=f"b{n}") for n in range(17)]
    said = side_by_side.steps(two(run(*shared, end=50), run(*shared, *more, end=50))).sentence
    assert "Of 20 kinds of steps, 3 are in both and 17 are only in B. " in said
    assert "17 of the 20 differ in time; the chart shows the 15 largest." in said


def test_the_labels_of_differences_can_be_read():
    """They fit into a phone's width, and the mark of zero ends where each of them stands."""
    long = [
        step(str(n), 0, 10 + 5_000 * n, name=f"n{n}", label="WIDE words MMMM of a step " * 2) for n in (1, 2)
    ]
    short = [step(str(n), 0, 10, name=f"n{n}") for n in (1, 2)]
    layout = side_by_side.steps(two(run(*short, end=20), run(*long, end=20_000))).figure.layout
    labels = layout.annotations[2:]
    assert all(width_px(label.text) <= ROOM_PX for label in labels)
    assert all(label.text.endswith(" min") for label in labels)
    (zero,) = layout.shapes
    tops = [float(stroke.split()[0].removeprefix("0,")) for stroke in zero.path.split("M ")[1:]]
    assert tops == [label.y for label in labels]
    assert zero.layer == "below"


def test_findings_are_matched_by_title():
    """Same, another confidence, and what only one of them found."""
    a = run(step("1", artifacts=[artifact("X"), artifact("Y"), artifact("Only", type="t")]))
    b = run(step("1", artifacts=[artifact("Y", confidence="low"), artifact("X")]))
    shown = side_by_side.findings(two(a, b))
    assert dict(zip(shown.table["finding_in_a"], shown.table["match"], strict=True)) == {
        "X": "same",
        "Y": "other confidence",
        "Only": "only in A",
    }
    assert "1 in both with another confidence: “Y” (high in A, low in B)" in shown.sentence


def test_the_same_check_with_another_result_is_no_agreement():
    """Both titles are said with their confidence; they may say the opposite of each other."""
    a = run(step("1", artifacts=[artifact("No evidence", confidence="low")]))
    b = run(step("1", artifacts=[artifact("Operates there")]))
    shown = side_by_side.findings(two(a, b))
    assert shown.table["match"].tolist() == ["different result"]
    assert shown.sentence == (
        "Same check, different result: A “No evidence” (low), B “Operates there” (high)."
    )


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


def test_summaries_under_different_titles_are_each_their_own():
    """They are no check with a result."""
    table = side_by_side.findings(two(run(output=OUTPUT), run(output=OTHER_OUTPUT))).table
    assert table["match"].tolist() == ["own summary"]
