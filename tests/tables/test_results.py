"""A step's `result` is read: what a run delivers, and why it failed."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest

import runkit
from support import Json, artifact, column, numbered, question, run, step


def failed_in(result: object, **more: Any) -> Json:
    """A failed run with one failed step."""
    failed = step("f", label="Research", status="error", result=result) | more
    return run(failed, status="error")


# --------------------------------------------------------------------------------- why a step failed


REASONS = [
    ({"error_message": "No register", "detail": "later"}, "No register"),
    ({"title": "later", "detail": "No register", "type": "about:blank"}, "No register"),
    ({"error": {"code": "E42", "message": "No register"}}, "No register (E42)"),
    ({"error": True, "message": " ", "reason": {"detail": "No register"}}, "No register"),
    ({"code": 7, "errors": ["No register"]}, "No register (7)"),
    ({"error": {"status": 500}, "value": "text"}, "failed in Research"),
    ({"errors": []}, "failed in Research"),
    (None, "failed in Research"),
    (reduce(lambda inner, _: {"error": inner}, range(700), "too deep"), "failed in Research"),
]


def test_the_reason_of_a_failure_is_read_from_the_result():
    """Else it is not known, and the run says where it failed."""
    results, reasons = zip(*REASONS, strict=True)
    f = runkit.frames(numbered(failed_in(result) for result in results))
    assert f.runs["outcome"].tolist() == [*reasons]
    known = [None if reason == "failed in Research" else reason for reason in reasons]
    assert column(f.steps, "error") == known


RECORD = artifact("No answer", type="error")
STEPS = {
    "result before all": ({"result": {"error": "Down"}, "type": "error"}, "Down"),
    "label of an error step": ({"type": "error", "artifacts": [RECORD]}, "Research"),
    "artifact of an error step": (
        {"type": "error", "label": None, "artifacts": [RECORD]},
        "No answer",
    ),
    "artifact of type error": ({"artifacts": [artifact("Found"), RECORD]}, "No answer"),
    "a finding is no reason": ({"artifacts": [artifact("Found")]}, "failed in Research"),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_failed_step_says_why_in_this_order(name):
    more, expected = STEPS[name]
    assert column(runkit.frames(failed_in(**{"result": None} | more)).runs, "outcome") == [expected]


def test_an_error_in_a_group_is_one_failure():
    """The failed step without a failed child is the cause; a question is none."""
    child = step("c", status="error", label="Look up", result={"error": "Down"})
    group = step("g", status="error", label="Group", steps=[child])
    asks = question("q", 0, 9, status="error")
    f = runkit.frames(run(group, asks, status="error"))
    assert f.runs[["n_errors", "outcome"]].values.tolist() == [[1, "Down"]]
    assert f.steps["state"].eq("failed").tolist() == [True, True, False]


@pytest.mark.parametrize(("ends", "cause"), [((90, 40), 0), ((90, 90), 1)])
def test_the_failed_step_that_ended_last_is_the_cause(ends, cause):
    """At a tie the later one in the tree."""
    failed = [
        step(f"s{n}", 0, end, label=f"Check {n}", status="error", result={"error": f"error {n}"})
        for n, end in enumerate(ends)
    ]
    f = runkit.frames(run(*failed, status="error"))
    assert f.runs["outcome"].tolist() == [f"error {cause}"]


# --------------------------------------------------------------------------------- what is delivered


def test_the_result_of_an_output_step_is_the_outcome():
    outcomes = {
        "recommendation: reject, risk score: 71": {"recommendation": "reject", "risk_score": 71},
        "decision verdict: ok, flags[0]: pep": {"decision": {"verdict": "ok"}, "flags": ["pep"]},
        "a: 1, b: 2, c: true +2": {"a": 1, "b": 2, "c": True, "d": 4, "e": 5},
        None: {},
    }
    steps = (step("o", 10, 20, type="output", result=result) for result in outcomes.values())
    f = runkit.frames(numbered(run(step("w"), output) for output in steps))
    assert column(f.runs, "outcome") == [*outcomes]


def test_the_last_output_step_at_the_top_of_a_completed_run_counts():
    def output(number: int, **more: Any) -> dict[str, Any]:
        fields = {"type": "output", "result": {"verdict": number}} | more
        return step(f"o{number}", number, **fields)

    runs = [
        run(output(1), output(2), run_id="last"),
        run(output(1), output(2, result=None), run_id="with values"),
        run(output(1), question("q", 5, None), run_id="asks", end=None, status="interrupted"),
    ]
    outcomes = column(runkit.frames(runs).runs, "outcome")
    assert outcomes == ["verdict: 2", "verdict: 1", "Step q"]


def test_a_question_that_proposes_nothing_has_no_proposals():
    items = [
        {"id": "i1", "value": {"label": "Approve?", "type": "decision"}},
        {"id": "i2", "value": {"label": "One?", "artifacts": [artifact()]}},
        {"id": "i3", "value": {"label": "Both?", "proposals": [{"agent": "a"}, {"agent": "b"}]}},
    ]
    asks = run(question("q1", 0, 5), end=None, status="interrupted", interrupts=items)
    f = runkit.frames(asks)
    assert dict(zip(f.interrupts["label"], f.interrupts["n_proposals"], strict=True)) == {
        "Step q1": 0,
        "Approve?": 0,
        "One?": 1,
        "Both?": 2,
    }
