"""Panels of one run: their numbers and states, whatever the run is."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

import runkit
from runkit.charts import one_run
from runkit.charts.one_run import EXCERPT
from runkit.errors import UsageError
from runkit.tables.frames import frames
from support import artifact, example, question, run, step

ALL = [getattr(one_run, name) for name in one_run.__all__ if name != "step"]
SOURCE = {"url": "https://a.example.gov/1", "source_name": "A", "source_tier": "government"}


def delivering(*summaries, **more):
    """A run whose output has an artifact for each summary."""
    artifacts = [artifact(f"Summary {n}", summary=text) for n, text in enumerate(summaries)]
    return run(step("a", 0, 100), output={"artifacts": artifacts}, **more)


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


def facts(panel):
    """A table of facts as a dict."""
    return dict(zip(panel.table["fact"], panel.table["value"], strict=True))


@pytest.mark.parametrize("name", ODD)
def test_every_run_has_panels(name):
    """Whatever the run: a sentence without NaN, and a bounded figure."""
    f = frames(ODD[name])
    for show in ALL:
        panel = show(f)
        assert not {"nan", "NaT", "None"} & set(panel.sentence.split())
        assert "–" not in panel.sentence or name in ("blanks", "nulls")
        assert repr(panel)
        if panel.figure is not None:
            assert panel.figure.layout.meta["summary"]
            assert len(panel.figure.to_json()) < 1_000_000


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
    for show in (one_run.budget, one_run.failed, one_run.people, one_run.open_items, one_run.found):
        assert "Not known for 1 run without steps." in show(f).sentence
    assert facts(one_run.in_short(f))["Errors"] == "–"


def test_the_outcome_is_the_output_in_the_agents_words():
    """Its title, its confidence and the beginning of its summary, as a quote."""
    long = "It is so. Recommendation: approve. " + "word " * 100
    outcome = one_run.in_short(frames(delivering(long, "More"))).sentence
    assert outcome.startswith("“Summary 0”, high confidence: “It is so.")
    assert outcome.endswith("…”")
    assert len(outcome) < EXCERPT + 50


def test_the_outcome_is_the_question_that_waits():
    """With the time for which it has waited."""
    f = frames(example("interrupted"), as_of="2026-02-03T10:40:12Z")
    outcome = one_run.in_short(f).sentence
    assert outcome == "Waiting for a reviewer for 37 min 42 s: “Two proposals need your review”"
    assert facts(one_run.in_short(f))["Questions"] == "1"


@pytest.mark.parametrize(
    "summary", ["Recommendation: reject. Still open: the address.", "Website of Acme for Beta"]
)
def test_no_meaning_is_read_out_of_a_text(summary):
    """Nothing of it is a business, a recommendation or an open point, or a row of a table."""
    f = frames(delivering(summary, artifacts=[artifact("Summary for Gamma")]))
    for show in (one_run.in_short, one_run.asked, one_run.open_items):
        assert not [value for value in show(f).table.to_numpy().ravel() if summary[:10] in str(value)]
    assert facts(one_run.in_short(f))["Business"] == "–"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"business_id": "b1", "business_name": "Acme LLC"}, "Acme LLC"),
        ({"business_id": "b1"}, "b1"),
        ({}, "–"),
    ],
)
def test_the_business_is_named_where_it_is_known(columns, words):
    """By its name, else by its id."""
    f = frames(run(step("a")))
    f = replace(f, runs=f.runs.assign(**columns))
    for show in (one_run.in_short, one_run.asked):
        assert facts(show(f))["Business"] == words


def failing():
    """A run that found something and then failed at a look-up, while another step took most of the time."""
    error = step("e", 30, 30, type="error", status="error", label="No answer", agent="tin")
    error |= {"artifacts": [artifact("Step failed", summary="The IRS did not answer.")]}
    look_up = step("l", 20, 30, status="error", label="Asking the IRS", agent="tin")
    outer = step("o", 20, 30, status="error", label="Outer", steps=[look_up, error])
    slow = step("s", 0, 100, label="Slow", artifacts=[artifact("Active")])
    return run(slow, outer, status="error", end=100)


def test_a_failed_run_says_its_error():
    """The step that failed, with the error that its error step gives, and the group that failed with it."""
    f = frames(failing())
    assert one_run.in_short(f).sentence == "No result: the review failed. “No answer”"
    table = one_run.failed(f).table
    assert table[["label", "error", "within"]].to_numpy().tolist() == [
        ["Asking the IRS", "No answer", "Outer"]
    ]
    assert table["summary"].iloc[0] == "The IRS did not answer."
    assert "First" not in one_run.failed(frames(run(step("1")))).sentence


def test_a_review_without_a_result_is_open_since_its_end():
    """And for how long it had been so when it was read."""
    table = one_run.open_items(frames(failing(), as_of="2026-02-03T10:11:40Z")).table
    assert table[["what", "open_s"]].to_numpy().tolist()[0] == ["no result", 600]
    assert table["what"].value_counts()["finding without a source"] == 1


def test_the_prompt_is_what_was_asked():
    """It is in the run's JSON."""
    source = runkit.Run.from_json(delivering("Fine.", prompt="Look at the address"))
    assert facts(one_run.asked(frames(source), source))["Prompt"] == "“Look at the address”"
    assert facts(one_run.asked(frames(source)))["Prompt"] == "–"


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
    assert facts(one_run.in_short(frames(source)))["Sources"] == "1"


def test_every_source_is_one_row_of_evidence():
    """However many findings it supports; they are named, the output last."""
    found = [artifact(title, sources=[SOURCE]) for title in ("X", "Y")]
    other = SOURCE | {"url": "https://b.example.gov/2", "source_name": None}
    output = artifact("Sum", sources=[SOURCE, other])
    table = one_run.evidence(frames(run(step("a", artifacts=found), output={"artifacts": [output]}))).table
    columns = ["source_name", "n_findings", "supports"]
    assert table[columns].fillna("none").to_numpy().tolist() == [["A", 3, "X; Y; Sum"], ["none", 1, "Sum"]]


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


def test_the_budget_adds_up():
    """Three parts that make up the duration, one trace each."""
    panel = one_run.budget(frames(example("completed")))
    assert panel.table["spent_s"].tolist() == [196, 2262, 1]
    assert panel.table["percent"].tolist() == [8, 92, 0]
    assert sum(trace.x[0] for trace in panel.figure.data[:-1]) == pytest.approx(100)


def test_the_critical_path_adds_up_to_the_duration():
    """With the time between steps as the last row."""
    table = one_run.critical_path(frames(run(step("a", 0, 60), step("b", 70, 100)))).table
    assert table["critical_s"].tolist() == [60, 30, 10]
    assert table["percent"].tolist() == [60, 30, 10]
    assert table["step_id"].tolist()[:2] == ["a", "b"]


def test_the_slowest_steps_leave_waits_and_containers_out():
    """Ten leaf steps at most."""
    inner = [step(f"i{n}", n, n + 1) for n in range(12)]
    table = one_run.slowest_steps(frames(run(step("a", 0, 50, steps=inner), question("q", 50, 100)))).table
    assert len(table) == 10
    assert table["label"].str.startswith("Step i").all()
    assert set(table["self_s"]) == {1}


def test_what_is_open_is_listed_by_kind():
    """A finding of low confidence and without a source is two rows."""
    weak = step("a", artifacts=[artifact("Weak", confidence="low")])
    panel = one_run.open_items(frames(run(weak, output={"artifacts": []})))
    assert panel.table["what"].tolist() == [
        "no result",
        "finding of low or no confidence",
        "finding without a source",
    ]
    assert one_run.open_items(frames(example("completed"))).table.empty


def test_tables_join_with_the_frames():
    """Their columns have the frames' names, and ids that pandas can merge on."""
    f = frames(example("completed"))
    for show in (one_run.timeline, one_run.critical_path, one_run.slowest_steps):
        table = show(f).table.dropna(subset="step_id")
        assert len(table.merge(f.steps, on=["step_id", "agent", "type"])) == len(table)
    assert len(one_run.found(f).table.merge(f.artifacts, on=["artifact_no", "title"])) == 3
    assert len(one_run.people(f).table.merge(f.interrupts, on=["step_id", "label", "wait_s"])) == 1
