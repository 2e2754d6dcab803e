"""Who answered and what was decided: from the data, and from the answer log where it is given."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import runkit
from runkit.errors import UsageError
from runkit.local import answer_log
from support import artifact, question, run

YES, NO = ({"agent": "a", "decision": word} for word in ("approve", "reject"))
APPROVE, REJECT = {"decision": "approve"}, {"decision": "reject", "note": "no"}


def log(
    answer: dict[str, Any], by: str = "Ada", *, delivery: str = "confirmed", **known: str | None
) -> None:
    """Note an answer to the question of `answered()`."""
    entry = answer_log.claim(
        answer, by, {"run_id": "r", "step_id": "q", "interrupt_id": "int-1"} | known
    )
    answer_log.settle(entry, delivery, None, None)


def answered(**result: Any) -> dict[str, Any]:
    return run(question("q", 10, 20, result={"interrupt_id": "int-1"} | result))


def row(source: object, **more: Any) -> list[Any]:
    found = runkit.frames(source, **more).interrupts[["decision", "answered_by"]].astype(object)
    return found.where(found.notna(), None).iloc[0].tolist()


def test_frames_that_are_there_take_the_log_too() -> None:
    """They are not changed by it."""
    log(REJECT)
    f = runkit.frames(answered())
    assert row(f, answers=runkit.answer_log()) == ["rejected", "Ada"]
    assert row(f) == [None, None]


@pytest.mark.parametrize("by", ["Ana Ortiz", {"id": "u-1", "name": "Ana Ortiz"}])
def test_whom_the_api_names_comes_before_the_log(by: object) -> None:
    """The log's name is self-declared."""
    log(APPROVE, "root")
    assert row(answered(answered_by=by)) == [None, "Ana Ortiz"]
    assert row(answered(answered_by=by), answers=runkit.answer_log()) == ["approved", "Ana Ortiz"]


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        ({"decision": "approved"}, "approved"),
        ({"decision": "approve", "actions": [{"type": "add_sources", "payload": {}}]}, "edited"),
        ({"proposals": [YES, YES]}, "approved"),
        ({"proposals": [YES, NO]}, "edited"),
        ({"proposals": [NO, NO]}, "rejected"),
        ({"decision": "in_review"}, None),
        ({"name": "a form of its own"}, None),
    ],
)
def test_the_decision_of_an_answer(answer: dict[str, Any], decision: str | None) -> None:
    """An approval of a part, or with changes, is edited; what is neither yes nor no is null."""
    log(answer)
    assert row(answered(), answers=runkit.answer_log()) == [decision, "Ada"]


@pytest.mark.parametrize("delivery", ["failed", "refused", "unconfirmed", "unknown", "sending"])
def test_only_confirmed_answers_count(delivery: str) -> None:
    """The last of them."""
    log(APPROVE)
    log(REJECT, "Eve", delivery=delivery)
    assert row(answered(), answers=runkit.answer_log()) == ["approved", "Ada"]


def test_an_open_question_has_no_decision() -> None:
    """Also where an earlier answer to it is known."""
    log(APPROVE)
    assert row(run(question("q", 10, None), end=None), answers=runkit.answer_log()) == [None, None]


def test_answers_that_are_no_answer_log_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"expected the frame from runkit\.answer_log\(\)"):
        runkit.frames(answered(), answers=pd.DataFrame())


def test_the_audit_trail_has_the_evidence_and_the_reason() -> None:
    """A row for each question, in order of time: on what, who decided what, when and why."""
    log(REJECT, "Ada")
    sources = [{"url": "https://a.example", "source_tier": "government"}]
    proposed = [artifact("Hit", sources=sources), artifact("Other")]
    known = {"interrupt_id": "int-1"}
    first = question("q", 10, 20, result=known, artifacts=proposed, label="Dismiss?")
    f = runkit.frames(run(question("p", 30, 40, label="Approve?"), first))
    trail = runkit.one_run.questions(f, runkit.answer_log()).table
    assert trail["question"].tolist() == ["Dismiss?", "Approve?"]
    assert trail["reason"].isna().tolist() == [False, True]
    columns = ["evidence", "decision", "answered_by", "reason", "wait_s"]
    shown = ["Hit (government); Other (no source)", "rejected", "Ada", "no", 10]
    assert trail.loc[0, columns].tolist() == shown
    assert trail.loc[0, "answered_at"] == f.interrupts["answered_at"].iloc[1]
