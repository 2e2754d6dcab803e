"""Who answered and what was decided: from the data, and from the answer log where it is given."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

import runkit
from runkit.errors import UsageError
from runkit.local import answer_log
from support import artifact, column, numbered, question, run

YES, NO = ({"agent": "a", "decision": word} for word in ("approve", "reject"))
RETURNED = "decision not known, the step returned "
APPROVE, REJECT = {"decision": "approve"}, {"decision": "reject", "note": "no"}


def answered(**result: Any) -> dict[str, Any]:
    return run(question("q", 10, 20, result={"interrupt_id": "int-1"} | result))


def own(**more: Any) -> pd.DataFrame:
    """A table of one's own with one answer to the question of `answered()`."""
    one = {"run_id": "r", "step_id": "q", "decision": "rejected", "answered_by": "Bo"} | more
    return pd.DataFrame([one])


def log(answer: dict[str, Any], by: str = "Ada") -> pd.DataFrame:
    """The answer log with one entry to the question of `answered()`."""
    return own(answer=json.dumps(answer), decision=None, answered_by=by, delivery="confirmed")


def decided(source: object, **more: Any) -> list[list[Any]]:
    questions = runkit.frames(source, **more).interrupts
    pairs = zip(column(questions, "decision"), column(questions, "answered_by"), strict=True)
    return [list(pair) for pair in pairs]


@pytest.mark.parametrize(
    ("result", "alone", "with_log"),
    [
        ({}, [None, None, None], ["rejected", "Ada", "no"]),
        ({"answered_by": "Bo"}, [None, "Bo", None], ["rejected", "Bo", "no"]),
        ({"reviewer": {"id": "u", "name": "Bo"}}, [None, "Bo", None], ["rejected", "Bo", "no"]),
        ({"decision": "approved"}, ["approved", None, None], ["approved", None, None]),
        ({"comment": "seen"}, [None, None, "seen"], ["rejected", "Ada", "seen"]),
        (
            {"decision": "approve", "answered_by": "Bo", "reviewer": "Cy", "note": "seen"},
            ["approved", "Bo", "seen"],
            ["approved", "Bo", "seen"],
        ),
        (
            {"decision": 1, "reviewer": ["Bo"], "comment": {"text": "seen"}},
            [None, None, RETURNED + "decision: 1"],
            ["rejected", "Ada", "no"],
        ),
        (
            {"verdict": "no", "decided_by": "Bo", "note": "seen"},
            [None, "Bo", f"seen / {RETURNED}verdict: no"],
            ["rejected", "Bo", "seen"],
        ),
    ],
)
def test_an_answer_in_the_data_comes_before_the_one_in_the_log(result, alone, with_log):
    f = runkit.frames(answered(**result))
    for answers, expected in [(None, alone), (log(REJECT), with_log)]:
        trail = runkit.one_run.questions(f, answers).table
        assert [
            column(trail, name)[0] for name in ("decision", "answered_by", "reason")
        ] == expected
        assert decided(f, answers=answers) == [expected[:2]]


def test_an_answer_is_approved_edited_or_rejected():
    """An approval of a part, or with changes, is edited; what is neither yes nor no is null."""
    answers = [
        ({"decision": "approved"}, "approved"),
        ({"decision": "APPROVE"}, "approved"),
        ({"decision": "accepted"}, "approved"),
        *(({"decision": no}, "rejected") for no in ("Declined", "denied", "refused", "overruled")),
        ({"decision": "escalated"}, None),
        ({"decision": "approve", "actions": [{"type": "add_sources", "payload": {}}]}, "edited"),
        ({"proposals": [YES, YES]}, "approved"),
        ({"proposals": [YES, NO]}, "edited"),
        ({"proposals": [NO, NO]}, "rejected"),
        ({"proposals": [YES, {"decision": "edited"}]}, "edited"),
        ({"proposals": [YES, {"decision": "later"}]}, None),
        ({"outcome": "Rejected"}, "rejected"),
        ({"input": {"approved": True}}, "approved"),
        ({"decision": "escalated", "approved": False}, None),
        ({"decision": "in_review"}, None),
        ({"name": "a form of its own"}, None),
    ]
    rows = [log(answer).assign(run_id=str(n)) for n, (answer, _) in enumerate(answers)]
    decisions = [decision for _, decision in answers]
    found = decided(numbered([answered()] * len(rows)), answers=pd.concat(rows))
    assert found == [[decision, "Ada"] for decision in decisions]
    found = decided(numbered(answered(**answer) for answer, _ in answers))
    assert found == [[decision, None] for decision in decisions]


def test_the_reason_of_a_combined_answer_has_the_notes_of_its_parts():
    parts = [YES | {"note": "seen"}, NO | {"note": "too old"}]
    f = runkit.frames(answered(proposals=parts))
    reasons = column(runkit.one_run.questions(f, log({"decision": "edited"})).table, "reason")
    assert reasons == ["A: approved / A: rejected / seen / too old"]


def test_an_open_question_has_no_decision():
    """Also where an earlier answer to it is known."""
    asking = run(question("q", 10, None, result=APPROVE | {"reviewer": "Bo"}), end=None)
    assert decided(asking, answers=own()) == [[None, None]]


def test_answers_that_are_no_answer_log_are_a_usage_error():
    with pytest.raises(UsageError, match=r"expected the frame from runkit\.answer_log\(\)"):
        runkit.frames(answered(), answers=pd.DataFrame())


def test_the_audit_trail_has_the_evidence_and_the_reason():
    """A row for each question, in order of time: on what, who decided what, when and why."""
    sources = [{"url": "https://a.example", "source_tier": "government"}]
    proposed = [artifact("Hit", sources=sources), artifact("Other")]
    known = {"interrupt_id": "int-1"}
    first = question("q", 10, 20, result=known, artifacts=proposed, label="Dismiss?")
    f = runkit.frames(run(question("p", 30, 40, label="Approve?"), first))
    trail = runkit.one_run.questions(f, log(REJECT)).table
    assert trail["question"].tolist() == ["Dismiss?", "Approve?"]
    assert trail["reason"].isna().tolist() == [False, True]
    columns = ["evidence", "decision", "answered_by", "reason", "wait_s"]
    shown = ["Hit (government); Other (no source)", "rejected", "Ada", "no", 10]
    assert trail.loc[0, columns].tolist() == shown
    assert trail.loc[0, "answered_at"] == f.interrupts["answered_at"].iloc[1]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (own(), ["rejected", "Bo"]),
        (own(decision="Approve", answered_at="2026-01-02"), ["approved", "Bo"]),
        (own(step_id=None, interrupt_id="int-1", decision="edited"), ["edited", "Bo"]),
        (own(step_id="other", interrupt_id="int-1"), [None, None]),
        (own(decision=None), [None, "Bo"]),
        (own(run_id="elsewhere"), [None, None]),
        *((own(delivery=word), [None, None]) for word in ("failed", "refused", "sending")),
    ],
)
def test_a_table_of_the_users_own_has_answers(answers, expected):
    assert decided(answered(), answers=answers) == [expected]


def test_of_several_logs_the_newest_answer_counts():
    """In any order of the logs, and beside a table of one's own."""
    first, newer = (own(answered_at=f"2026-03-0{day}", answered_by=str(day)) for day in (1, 2))
    for answers in (pd.concat([first, newer]), pd.concat([newer, first, first])):
        assert decided(answered(), answers=answers) == [["rejected", "2"]]


def test_each_row_of_answers_is_counted_as_joined_or_why_not():
    asking = run(question("p", 10, None), run_id="w", end=None, status="interrupted")
    answers = [
        own(),
        own(answered_at="2026-01-01"),
        own(step_id="nowhere"),
        own(run_id="elsewhere"),
        own(delivery="failed"),
        own(run_id="w", step_id="p", answered_at="2036-01-01"),
        own(run_id="w", step_id="p", answered_at="2016-01-01"),
    ]
    f = runkit.frames([answered(), asking], answers=pd.concat(answers))
    words = "7 answers: 1 joined, 5 not joined, 1 newer than the data; fetch the runs again"
    assert f.answers == words
    assert words in f.summary()
    assert f.interrupts["outcome"].tolist() == ["answered", "pending"]
    assert words in runkit.decisions(f, answers=pd.concat(answers)).attrs["sentence"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"decision": "perhaps"}, "decision='perhaps' is not known"),
        ({"answered_at": "yesterday"}, "a time that cannot be read"),
        ({"answered_at": 1.5}, "a time that cannot be read"),
    ],
)
def test_a_table_with_other_values_is_a_usage_error(wrong, message):
    with pytest.raises(UsageError, match=message):
        runkit.frames(answered(), answers=own(**wrong))


def test_an_item_of_a_list_takes_the_answer_by_its_interrupt_id():
    """The list of runs has no steps; the log knows the step."""
    item = {"id": "int-1", "value": {"type": "decision", "label": "Approve?"}}
    listed = run(end=None, status="interrupted", interrupts=[item])
    answers = own(interrupt_id="int-1", answered_at="2036-01-01")
    assert runkit.frames(listed, answers=answers).answers.endswith("fetch the runs again")


def test_the_audit_trail_names_runs_whose_questions_are_not_known():
    """Those that wait for what is not in the data, and those whose steps were not read."""
    lost = run(question("a", 1, 2, label="Sure?"), run_id="lost", end=None, status="interrupted")
    f = runkit.frames([lost, run(run_id="listed")])
    questions = {
        run_id: runkit.one_run.questions(f.select(run_id)).table["question"].tolist()
        for run_id in ("lost", "listed")
    }
    assert questions == {
        "lost": ["Sure?", "The question is not in the data"],
        "listed": ["Not known: the steps were not read"],
    }


def test_frames_do_not_depend_on_the_machine():
    """Who answered from here is joined only where it is asked for."""
    known = {"run_id": "r", "step_id": "q", "interrupt_id": "int-1"}
    answer_log.settle(answer_log.claim(APPROVE, "Ada", known), "confirmed", None, None)
    assert decided(answered()) == [[None, None]]
    assert decided(answered(), answers=runkit.answer_log()) == [["approved", "Ada"]]
