"""A table of answers says what was decided, by whom and why, where the data is silent."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

import runkit
from runkit.errors import UsageError
from runkit.local import answer_log
from support import column, question, run

READ = ["decision", "answered_by", "reason"]


def answered(**result: Any) -> dict[str, Any]:
    """A run whose question was answered so."""
    return run(question("q", 10, 20, result={"interrupt_id": "int-1"} | result))


def own(**more: Any) -> pd.DataFrame:
    """A table of one's own with one answer to the question of `answered()`."""
    answer = {"run_id": "r", "step_id": "q", "decision": "rejected", "answered_by": "Bo"} | more
    return pd.DataFrame([answer])


def read(source: object, **more: Any) -> list[Any]:
    """Decision, name and reason of the last question."""
    questions = runkit.frames(source, **more).interrupts
    return [column(questions, name)[-1] for name in READ]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (own(), ["rejected", "Bo", None]),
        (own(step_id=None, interrupt_id="int-1", reason="old"), ["rejected", "Bo", "old"]),
        (own(step_id="other", interrupt_id="int-1"), [None] * 3),
        (own(decision=None), [None, "Bo", None]),
        (own(run_id="elsewhere"), [None] * 3),
        (pd.concat([own(), own(answered_by="Cy")]), ["rejected", "Cy", None]),
        *((own(delivery=word), [None] * 3) for word in ("failed", "refused", "sending")),
    ],
)
def test_a_table_of_answers_fills_what_is_null(answers, expected):
    assert read(answered(), answers=answers) == expected


def test_the_data_comes_before_the_table():
    source = answered(decision="approve", reviewer="Cy")
    assert read(source, answers=own(reason="old")) == ["approve", "Cy", "old"]


def test_the_log_of_a_machine_is_joined_only_where_it_is_named():
    known = {"run_id": "r", "step_id": "q", "interrupt_id": "int-1"}
    number = answer_log.claim({"decision": "reject", "note": "old"}, "Ada", known)
    answer_log.settle(number, "confirmed", "")
    assert read(answered()) == [None] * 3
    assert read(answered(), answers=runkit.answer_log()) == ["reject", "Ada", "old"]


def test_the_answer_of_a_log_is_read_as_the_data():
    parts = [{"agent": "tin", "decision": "approve"}, {"agent": "names", "decision": "reject"}]
    log = own(answer=json.dumps({"proposals": parts}), decision=None)
    assert read(answered(), answers=log)[0] == "tin: approve; names: reject"


def test_an_open_question_takes_no_answer():
    """The data has not seen it: fetch the run again."""
    asking = run(question("q", 10, None), end=None, status="interrupted")
    f = runkit.frames(asking, answers=own())
    assert column(f.interrupts, "outcome") == ["pending"]
    assert f.missing == ("1 question answered, but still open in the data",)
    assert read(asking, answers=own()) == [None] * 3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (pd.DataFrame(), r"the columns \[\]; expected .* runkit\.answer_log\(\)"),
        (own()[["run_id", "decision"]], r"the columns \[run_id, decision\]; expected"),
        ([{"run_id": "r"}], "is list; expected DataFrame"),
    ],
)
def test_a_table_of_something_else_is_a_usage_error(wrong, words):
    with pytest.raises(UsageError, match=words):
        runkit.frames(answered(), answers=wrong)
