"""Panels of one run say only what its data proves, whatever the account."""

from __future__ import annotations

import random
import re

import runkit
import strangers
from runkit import one_run
from support import at, question, run, step

ABSENCE = re.compile(r"\b(no|none|0|all|without)\b", re.IGNORECASE)
LISTED = run(run_id="listed")


def of_form(name: str) -> runkit.Frames:
    return runkit.frames(strangers.raws(strangers.FORMS[name](random.Random(0))))


def test_other_questions_of_a_listed_run_are_not_known():
    item = {"id": "i", "value": {"type": "decision", "label": "Approve?"}}
    f = runkit.frames(LISTED | {"status": "interrupted", "ended_at": None, "interrupts": [item]})
    assert one_run.questions(f).sentence.startswith("1 question: 1 waiting for a reviewer. ")
    assert "Other questions of 1 run not known" in one_run.questions(f).sentence


def test_a_run_that_waits_for_what_is_not_in_the_data_has_a_question():
    f = runkit.frames(run(step("s"), status="interrupted", end=None))
    assert one_run.questions(f).sentence == "The question is not in the data."


def test_tiers_that_were_not_delivered_are_not_counted_as_weak():
    words = one_run.findings(of_form("other_tiers")).sentence
    assert words.startswith("3 findings, weakest first: ")
    assert words.endswith("not known whether on government or primary sources, 1 without a source.")


def test_an_answered_question_without_an_id_keeps_its_evidence():
    """The API gives an answered question no interrupt id: its step has the proposal."""
    f = of_form("answered_without_id")
    panel = one_run.questions(f)
    assert panel.table["interrupt_id"].isna().all()
    assert panel.table["evidence"].tolist() == ["Registered agent found (government)"]
    assert "<bdi>Registered agent found</bdi>" in panel.body


def test_the_longest_wait_is_a_bound_where_the_run_has_no_time_of_reading():
    waiting = run(question("q", 0, None), run_id="w", end=None, status="interrupted")
    later = run(step("s"), run_id="later", updated_at=at(5 * 3_600))
    f = runkit.frames({"object": "list", "data": [waiting, later]})
    panel = one_run.questions(f.select("w"))
    assert "Longest wait: at least 5 h." in panel.sentence
    assert ", at least 5 h so far" in panel.body


def test_a_step_whose_result_is_not_in_the_data_is_not_said_to_return_nothing():
    panel = one_run.step(runkit.frames(run(step("work-1", 5))), "work-1")
    assert not ABSENCE.search(" ".join([panel.sentence, *panel.table["value"]]))


def test_a_finding_of_a_step_without_confidence_is_unrated():
    table = one_run.step(of_form("odd_confidence"), "work").table
    assert table.loc[table["part"].eq("finding"), "value"].tolist()[0].startswith("unrated")


def test_a_question_that_expired_does_not_wait_so_far():
    """In the chart of a run that failed while it was open."""
    f = runkit.frames(run(question("q", 10, None), end=7200, status="error"))
    figure = runkit.gantt(f)
    assert not any("so far" in item.text for item in figure.layout.annotations)
    assert any("Expired" in text for trace in figure.data for text in trace.customdata or ())
