"""Two runs side by side, in words, tables and bars."""

from __future__ import annotations

import pytest

from runkit.charts import side_by_side
from runkit.charts.bars import ROOM_PX
from runkit.charts.labels import width_px
from runkit.errors import UsageError
from runkit.tables.linked import frames
from support import artifact, example, question, run, step

NAMES = ["in_short", "timeline", "parting", "steps", "findings", "people"]
ALL = [getattr(side_by_side, name) for name in NAMES]
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
def test_it_takes_exactly_two_runs(show):
    """One is refused, and the message says what to do."""
    with pytest.raises(UsageError, match=r"1 run; expected exactly two.*select"):
        show(frames(run()))


def test_the_part_that_differs_most_is_named():
    """A wait of B explains why it took longer."""
    said = side_by_side.in_short(
        two(run(step("s", 0, 10), end=10), run(question("q", 0, 90), end=90))
    ).sentence
    assert said.endswith("B took 1 min 20 s longer than A; most of it is waiting for a person: +1 min 30 s.")


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
    assert "“Step 2” -40 s and “Step 1” +2 s" in shown.sentence


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


def test_findings_are_matched_by_title_then_type():
    """Same, another confidence, and what only one of them found."""
    a = run(step("1", artifacts=[artifact("X"), artifact("Y"), artifact("Only", type="t")]))
    b = run(step("1", artifacts=[artifact("Y", confidence="low"), artifact("X")]))
    table = side_by_side.findings(two(a, b)).table
    assert dict(zip(table["finding"], table["match"], strict=True)) == {
        "X": "same",
        "Y": "other confidence",
        "Only": "only in A",
    }
