"""Panels of one run: their numbers and states, whatever the run is."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from runkit.charts import one_run
from runkit.errors import UsageError
from runkit.tables.frames import frames
from support import artifact, example, question, run, step

ALL = [getattr(one_run, name) for name in one_run.__all__ if name != "step"]
SOURCE = {"url": "https://a.example.gov/1", "source_name": "A", "source_tier": "government"}


ODD = {
    "completed": example("completed"),
    "interrupted": example("interrupted"),
    "minimal": example("minimal"),
    "no steps delivered": {key: value for key, value in example("completed").items() if key != "steps"},
    "not started": run(started_at=None, ended_at=None, status="running"),
    "running": run(step("a", 0, None), end=None),
    "unknown words": run(step("a", type="odd", status="odd"), status="odd"),
    "nulls": run(step("a", agent=None), question("q", 10, 20, agent=None), agent=None, requester=None),
    "blanks": run(
        step("a", agent="", name="", label="", artifacts=[artifact("", confidence="", summary="")]),
        question("q", 10, 20, agent="", label=" "),
        agent="",
    ),
    "no time": run(step("a", 0, 0), end=0),
    "lapsed": run(question("q", 0, None), end=50, status="error"),
    "many": run(*[step(str(n), n, n + 1) for n in range(5_000)], end=5_000),
}


@pytest.mark.parametrize("name", ODD)
def test_every_run_has_panels(name):
    """Whatever the run: a sentence without NaN."""
    f = frames(ODD[name])
    for show in ALL:
        panel = show(f)
        assert not {"nan", "NaT", "None"} & set(panel.sentence.split())
        assert "–" not in panel.sentence or name in ("blanks", "nulls")
        assert repr(panel)


@pytest.mark.parametrize("source", [[], [run(), run(run_id="s")]])
def test_it_takes_exactly_one_run(source):
    """No run, or two, is refused, and the message says what to do."""
    f = frames(source)
    for show in ALL:
        with pytest.raises(UsageError, match=r"holds . runs?; expected exactly one.*select"):
            show(f)


@pytest.mark.parametrize("name", ["minimal", "no steps delivered"])
def test_what_is_not_known_without_steps_is_said(name):
    """Zero errors are no finding where the steps were not delivered."""
    f = frames(ODD[name])
    for show in (one_run.people, one_run.found):
        assert "Not known for 1 run without steps." in show(f).sentence


def test_findings_are_counted_by_evidence():
    """Of two, one rests on a government source and one on none; the record of an error is no finding."""
    steps = [
        step("a", artifacts=[artifact("Rests", sources=[SOURCE]), artifact("Bare", confidence="low")]),
        step("b", type="error", artifacts=[artifact("Step failed")]),
    ]
    panel = one_run.found(frames(run(*steps)))
    assert panel.table["title"].tolist() == ["Rests", "Bare"]
    assert panel.table["tiers"].iloc[0] == "1 government"
    assert "50% on government or primary sources, 1 without a source" in panel.sentence
    assert "lowest confidence: low" in panel.sentence


def test_a_finding_counts_once():
    """A proposal that repeats what a step found is no other finding; one that says more is."""
    asks = [artifact("Hit", type="dismissal"), artifact("New", type="dismissal")]
    value = {"agent": "cip_orchestrator", "label": "Sure?", "artifacts": asks}
    hit = step("a", 0, 10, artifacts=[artifact("Hit", type="dismissal")])
    f = frames(run(hit, question("q", 10, None), end=None, interrupts=[{"id": "i", "value": value}]))
    assert f.artifacts["is_repeat"].sum() == 1
    assert one_run.found(f).table["title"].tolist() == ["Hit", "New"]


def test_outputs_are_counted_apart_from_findings():
    """An output is no finding, it comes first, and a source of both counts once."""
    source = run(
        step("a", artifacts=[artifact("X", sources=[SOURCE])]),
        output={"artifacts": [artifact("Sum", sources=[SOURCE])]},
    )
    panel = one_run.found(frames(source))
    assert panel.table["origin"].tolist() == ["output", "step"]
    assert panel.sentence.startswith("1 finding:")


def logged(**more):
    """An answer log with one row, for the question `q` of run `r`."""
    row = {
        "run_id": "r",
        "run_created_at": pd.NaT,
        "interrupt_id": "i",
        "step_id": "q",
        "answered_by": "Ana",
        "answer": json.dumps({"decision": "approve", "note": "seen"}),
        "delivery": "confirmed",
    } | more
    log = pd.DataFrame([row])
    return log.assign(run_created_at=pd.to_datetime(log["run_created_at"], utc=True))


ASKED = run(question("q", 0, 60), step("n", 60, 70, label="Recording it"), end=70)


def test_a_confirmed_answer_is_shown():
    """As plain text, with the name from the log."""
    [row] = one_run.people(frames(ASKED), logged()).table.to_dict("records")
    assert row["answer"] == "decision: approve; note: seen"
    assert (row["answered_by"], row["delivery"]) == ("Ana", "confirmed")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            '{"proposals": [{"agent": "a", "decision": "yes"}], "x": true}',
            "proposals: agent: a; decision: yes; x: True",
        ),
        ("not json", "not json"),
    ],
)
def test_answers_are_plain_text(answer, text):
    """Also nested ones, and what is no JSON."""
    assert one_run.people(frames(ASKED), logged(answer=answer)).table["answer"].tolist() == [text]


@pytest.mark.parametrize("joined", [False, True])
def test_whom_the_api_names_comes_before_the_log(joined):
    """A name that somebody declared does not replace it."""
    asked = run(question("q", 0, 60, result={"answered_by": {"id": "u", "name": "Ana Ortiz"}}), end=70)
    log = logged(answered_by="root")
    panel = one_run.people(frames(asked, answers=log if joined else None), log)
    assert panel.table["answered_by"].tolist() == ["Ana Ortiz"]
    assert "root" not in repr(panel)


@pytest.mark.parametrize("delivery", ["unconfirmed", "unknown", "sending"])
def test_an_answer_in_doubt_says_so_and_names_nobody(delivery):
    """It may not be the answer that counted."""
    [row] = one_run.people(frames(ASKED), logged(delivery=delivery)).table.to_dict("records")
    assert row["delivery"] == delivery
    assert pd.isna(row["answered_by"])


@pytest.mark.parametrize(
    "more",
    [
        {"delivery": "failed"},
        {"run_id": "other"},
        {"step_id": "other"},
        {"run_created_at": pd.Timestamp("2020-01-01", tz="UTC")},
    ],
)
def test_an_answer_of_another_question_is_not_shown(more):
    """One that did not arrive, or belongs elsewhere."""
    table = one_run.people(frames(ASKED), logged(**more)).table
    assert table[["answer", "answered_by", "delivery"]].isna().all(axis=None)
    assert table["outcome"].tolist() == ["answered"]


def test_a_question_settled_by_policy_has_no_answer():
    """Nobody was asked, whatever the log says."""
    settled = run(question("q", 0, 60, result={"resolution": "skip"}), end=70)
    table = one_run.people(frames(settled), logged()).table
    assert table["outcome"].tolist() == ["skip"]
    assert table[["answer", "answered_by"]].isna().all(axis=None)


def test_tables_join_with_the_frames():
    """Their columns have the frames' names, and ids that pandas can merge on."""
    f = frames(example("completed"))
    assert len(one_run.found(f).table.merge(f.artifacts, on=["artifact_no", "title"])) == 3
    assert len(one_run.people(f).table.merge(f.interrupts, on=["step_id", "label", "wait_s"])) == 1
