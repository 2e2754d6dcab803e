"""What has changed between two states of some runs."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pandas as pd
import pytest

import runkit
from runkit.errors import UsageError
from runkit.reports.redaction import Masker, Redaction
from strangers import fleet, raws, strangers_of
from support import START, artifact, at, question, run, step

Json = dict[str, Any]
# the page's list of what is never compared
NEVER = [
    *("runs.as_of", "runs.business_status_at", "runs.agent_name"),
    *("steps.step_no", "steps.subtree_end"),
    *("artifacts.artifact_no", "sources.artifact_no", "sources.source_no"),
    "problems.location",
]
IN_SENTENCE = ("runs.run_id", "runs.has_steps", "problems.problem")


def columns_of(f: runkit.Frames) -> list[str]:
    """All columns of the six frames, with their frame."""
    return [f"{row['frame']}.{row['column']}" for row in f.schema.to_dict("records")]


def total(sentence: str) -> int:
    """The sum of the parts that a sentence counts runs in."""
    first = re.split(r"(?<=UTC): |before was read: ", sentence)[1].partition(". ")[0]
    return sum(int(number.replace(",", "")) for number in re.findall(r"\b\d[\d,]*(?= )", first))


# ---------------------------------------------------------------------------- each column is compared


@pytest.fixture(scope="module")
def whole():
    """Runs of strangers that have ended and whose steps were read."""
    f = runkit.frames(raws(strangers_of()))
    f = replace(f, runs=f.runs.assign(business_status="verified"))
    runs = f.runs[f.runs["has_steps"] & f.runs["ended_at"].notna()]
    assert all(len(df) for _, df in f.select(runs).items())
    return f.select(runs)


def altered(df: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a frame with another value in one cell, one with a value if there is any.

    `artifact_no` joins two frames: it is altered in all rows.
    """
    if column == "artifact_no":
        return df.assign(artifact_no=df["artifact_no"] + 1)
    row = df[column].notna().idxmax()
    values = df[column].copy()
    value = df.at[row, column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        value = next(word for word in values.cat.categories if word != value)
    elif values.dtype == "str":
        value = "another" if pd.isna(value) else f"{value} and another"
    elif pd.api.types.is_datetime64_any_dtype(values):
        value = pd.Timestamp(at(0)) if pd.isna(value) else value + pd.Timedelta(seconds=1)
    else:
        value = not value if values.dtype == "bool" else value + 1
    values[row] = value
    return df.assign(**{column: values})


def with_altered(f: runkit.Frames, place: str) -> runkit.Frames:
    """Return frames with another value in one cell of a column."""
    name, _, column = place.partition(".")
    names = ("artifacts", "sources") if column == "artifact_no" else (name,)  # it joins these
    return replace(f, **{name: altered(f[name], column) for name in names})


def of_copies(copies: list[runkit.Frames]) -> runkit.Frames:
    """Put copies of the same runs into one, with the number of the copy in the ids of its runs."""
    frames = {
        name: pd.concat(
            [
                df.assign(run_id=f"{n} " + df["run_id"])
                for n, f in enumerate(copies)
                for df in [f[name]]
            ],
            ignore_index=True,
        )
        for name, _ in copies[0].items()
    }
    return replace(copies[0], **frames)


def test_each_column_is_compared_or_on_the_list(whole):
    """Each is altered alone, in a copy of the runs of its own."""
    places = [place for place in columns_of(whole) if place not in (*NEVER, *IN_SENTENCE)]
    after = of_copies([with_altered(whole, place) for place in places])
    found = runkit.changes(of_copies([whole] * len(places)), after)
    numbers = found["run_id"].str.partition(" ")[0].astype(int)
    assert {places[number] for number in numbers} == {*places}


def test_the_order_of_rows_and_what_is_never_compared_are_no_change(whole):
    other = whole
    for place in NEVER:
        other = with_altered(other, place)
    mixed = {name: df.sample(frac=1, random_state=3) for name, df in other.items()}
    sentence = runkit.changes(whole, replace(whole, **mixed)).attrs["sentence"]
    problems = whole.problems
    n_damaged = problems.loc[problems["severity"].eq("error"), "run_id"].nunique()
    counts = f": {len(whole) - n_damaged} unchanged, {n_damaged} unchanged as far as"
    assert n_damaged
    assert counts in sentence


GONE = {  # a row of this frame, and the change
    "steps": "steps changed",
    "artifacts": "finding changed",
    "sources": "sources changed",
    "interrupts": "otherwise changed",
    "problems": "otherwise changed",
}


def test_a_row_that_is_gone_is_a_change(whole):
    before = of_copies([whole] * len(GONE))
    after = of_copies([replace(whole, **{name: whole[name].iloc[1:]}) for name in GONE])
    expected = {
        f"{n} {whole[name]['run_id'].iloc[0]}": change
        for n, (name, change) in enumerate(GONE.items())
    }
    for sides in ((before, after), (after, before)):
        found = runkit.changes(*sides).set_index("run_id")["change"]
        assert found.astype(str).to_dict() == expected


def test_decisions_of_an_answer_log_on_one_side_are_no_change(whole):
    of_log = pd.DataFrame(
        {"decision": "approved", "answered_by": "Ana Ortiz"}, whole.interrupts.index
    )
    answered = whole.interrupts.fillna(of_log)
    with_log = replace(whole, interrupts=answered, answers="3 answers")
    assert runkit.changes(whole, with_log).empty
    other = replace(whole, interrupts=answered.assign(decision="edited"), answers="3 answers")
    assert len(runkit.changes(with_log, other)) == answered["run_id"].nunique()


# -------------------------------------------------------------------------- the same runs, read twice


def test_runs_read_at_two_times_have_not_changed():
    runs = [*raws(strangers_of()), *fleet(random.Random(2), 4).page["data"]]
    days = [
        [raw | {"_runkit": {**raw.get("_runkit", {}), "read_at": at(86_400 * day)}} for raw in runs]
        for day in (60, 61)
    ]
    found = runkit.changes(*days)
    assert found.empty
    assert total(found.attrs["sentence"]) == len(days[0])


@pytest.mark.parametrize("is_fetched_later", [True, False])
def test_steps_that_one_side_lacks_are_not_comparable(is_fetched_later):
    fetched = [raw for raw in raws(strangers_of()) if raw.get("steps")]
    listed = [{key: raw[key] for key in raw if key != "steps"} for raw in fetched]
    n_runs = len({raw["id"] for raw in listed})
    found = runkit.changes(*([listed, fetched] if is_fetched_later else [fetched, listed]))
    assert found.empty
    assert f"steps of {n_runs} runs" in found.attrs["sentence"]
    assert f": {n_runs} unchanged as far as they can be compared." in found.attrs["sentence"]


def test_a_business_that_one_side_does_not_know_is_not_comparable():
    known = run(step("a"), _runkit={"business_id": "b", "business_name": "Northwind LLC"})
    renamed = run(step("a"), _runkit={"business_id": "b", "business_name": "Northwind Inc"})
    sentence = runkit.changes(run(step("a")), known).attrs["sentence"]
    assert "1 unchanged as far as they can be compared" in sentence
    assert "businesses of 1 run" in sentence
    [row] = runkit.changes(known, renamed).to_dict("records")
    assert (row["what"], row["after"]) == ("business_name", "Northwind Inc")


def test_a_text_that_one_side_masks_is_not_comparable():
    """In a value, and in the title that a finding is matched by."""
    found = artifact("EIN 12-3456789 found", summary="EIN 12-3456789 is active")
    f = runkit.frames(run(step("a", artifacts=[found])))
    masked = replace(f, **Masker(Redaction(), []).tables(dict(f.items()), []))
    assert f.artifacts["title"].tolist() != masked.artifacts["title"].tolist()
    for sides in ((f, masked), (masked, f)):
        table = runkit.changes(*sides)
        assert table.empty
        assert "masked texts of 1 run" in table.attrs["sentence"]


# ----------------------------------------------------------------------------------- kinds of change


def waiting(**fields: Any) -> Json:
    items = [{"id": "q", "label": "Approve?"}]
    source = run(step("a", 0, 10), question("q", 10, None), status="interrupted", interrupts=items)
    return source | {"ended_at": None} | fields


def test_what_became_of_runs_comes_by_its_weight():
    running = run(step("a", 0, None), status="running", end=None)
    answered = question("q", 10, 40, result={"interrupt_id": "q"})
    sides = {
        "newly waiting": (running, waiting()),
        "failed": (running, run(step("a"), status="error")),
        "answered": (waiting(), run(step("a", 0, 10), answered, status="running", end=None)),
        "completed": (running, run(step("a"))),
    }
    before, after = ([pair[n] | {"id": name} for name, pair in sides.items()] for n in (0, 1))
    found = runkit.changes(before, after)
    assert found[["run_id", "change"]].astype("str").values.tolist() == [[it, it] for it in sides]
    assert total(found.attrs["sentence"]) == len(sides)


def test_a_question_is_the_same_when_it_is_answered():
    answered = run(step("a", 0, 10), question("q", 10, 40, result={"interrupt_id": "q"}))
    [row] = runkit.changes(waiting(), answered).to_dict("records")
    assert (row["change"], row["before"]) == ("answered", "Approve?")
    assert row["when"] == runkit.frames(answered).interrupts["answered_at"].iloc[0]


def test_only_an_answer_resumes_a_run_whose_steps_were_not_read():
    asking = {"id": "q", "label": "Add it?", "artifacts": [artifact("Source")]}
    before = waiting(steps=[], interrupts=[asking])
    expected = {"running": "answered", "completed": "answered", "error": "failed"}
    runs = [run(status=word, run_id=word) | {"updated_at": at(200)} for word in expected]
    found = runkit.changes([before | {"id": word} for word in expected], runs)
    assert dict(zip(found["run_id"], found["change"], strict=True)) == expected
    assert found["also"].dropna().tolist() == ["completed"]


def done(recommendation: str = "approve", confidence: str = "high", label: str = "Work") -> Json:
    """A run with a finding and an output whose product is its result."""
    output = step("out", 50, 100, type="output", result={"recommendation": recommendation})
    finding = artifact("Agent found", confidence=confidence)
    return run(step("a", 0, 50, label=label, artifacts=[finding]), output)


def rated(*levels: str) -> Json:
    return run(step("a", artifacts=[artifact("T", confidence=level) for level in levels]))


@pytest.mark.parametrize("kind", ["output", "activity"])
def test_steps_in_another_order_are_unchanged(kind):
    """Also where several have the lowest rating, or deliver."""
    low = {n: [artifact(f"T{n}", confidence="low")] for n in (0, 20)}
    raw = run(*(step(f"s{n}", n, n + 10, type=kind, artifacts=low[n]) for n in low))
    assert runkit.changes(raw, raw | {"steps": raw["steps"][::-1]}).empty


LOST = {"completed_at": "2026-13-45", "artifacts": "none"}


def test_what_one_side_lost_is_not_comparable_and_other_rows_are():
    whole, other = ([done(word) | {"id": name} for name in LOST] for word in ("approve", "decline"))
    damaged = [
        raw | {"steps": [raw["steps"][0] | {name: LOST[name]}, *raw["steps"][1:]]}
        for raw, name in zip(whole, LOST, strict=True)
    ]
    for sides, both in product(((damaged, whole), (whole, damaged)), ({}, {"requester": 5})):
        found = runkit.changes(*([raw | both for raw in side] for side in sides))
        assert found.empty
        assert f"unreadable values of {len(LOST)} runs" in found.attrs["sentence"]
    assert set(runkit.changes(damaged, other)["change"]) == {"result changed"}


CHANGED = {  # by run: before, after, and the row
    "result": (
        *(done(), done("decline", "low")),
        ["result changed", "recommendation: approve", "recommendation: decline", "finding changed"],
    ),
    "finding": (
        *(done(), done(confidence="low", label="Other work")),
        ["finding changed", "high", "low", "steps changed"],
    ),
    "label": (done(), done(label="Other work"), ["steps changed", "Work", "Other work", None]),
    "one title": (
        *(rated("high", "low"), rated("low", "medium")),
        ["finding changed", "high", "medium", None],
    ),
}


def test_the_strongest_change_says_what_it_was_before_and_after():
    sides = ([case[n] | {"id": name} for name, case in CHANGED.items()] for n in (0, 1))
    found = runkit.changes(*sides).set_index("run_id").astype(object)
    rows = found.where(found.notna(), None)[["change", "before", "after", "also"]].T
    assert rows.to_dict("list") == {name: row for name, (_, _, row) in CHANGED.items()}


def test_a_question_that_is_asked_again_with_its_id_is_new():
    """The first was answered in between, and its run waits again."""
    same_id = {"result": {"interrupt_id": "q"}}
    interrupts = [question("q1", 10, 40, **same_id), question("q2", 50, None, **same_id)]
    again = waiting(steps=interrupts, updated_at=at(150))
    [row] = runkit.changes(waiting(steps=[question("q1", 10, None)]), again).to_dict("records")
    assert (row["change"], row["also"].split(", ")[0]) == ("newly waiting", "answered")


def test_the_later_state_must_come_second():
    states = [run(updated_at=at(seconds)) for seconds in (200, 300)]
    assert len(runkit.changes(*states)) == 1
    with pytest.raises(UsageError, match="swap them"):
        runkit.changes(*reversed(states))


def test_a_run_created_after_an_empty_list_is_new():
    """If nobody knows when the list was read, nobody knows which runs are new."""
    later = run(run_id="b", start=200, end=300)
    earlier = run(run_id="a")
    before = runkit.RunList(read_at=START + timedelta(seconds=150))
    found = runkit.changes(before, [earlier, later])
    assert found[["run_id", "change", "also"]].values.tolist() == [["b", "completed", "new"]]
    assert ": 1 completed, 1 only now." in found.attrs["sentence"]
    found = runkit.changes([], [earlier, later])
    assert found.empty
    assert "not known when before was read: 2 only now" in found.attrs["sentence"]
    assert ": 2 only before" in runkit.changes([earlier, later], []).attrs["sentence"]
