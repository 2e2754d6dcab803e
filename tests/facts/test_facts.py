"""What screens say of runs: nullable columns, from the frames alone."""

import pytest

import runkit
from runkit.facts import Facts
from support import artifact, column, question, run, step


def facts_of(*runs, sla_h=None, **options):
    """Return the facts of some runs."""
    return Facts(runkit.frames([*runs], **options), sla_h)


@pytest.mark.parametrize(
    ("confidences", "is_low"),
    [
        (["high", "LOW"], True),
        (["high", "medium"], False),
        (["high", "0.12"], None),
        (["low", None], True),
        ([], False),
        (None, None),
    ],
)
def test_a_run_is_low_where_a_known_word_says_so(confidences, is_low):
    findings = [
        artifact(f"F{n}", confidence=confidence) for n, confidence in enumerate(confidences or [])
    ]
    found = None if confidences is None else findings
    facts = facts_of(run(step("a", artifacts=found)))
    assert column(facts.runs, "is_low") == [is_low]


@pytest.mark.parametrize(
    ("tiers", "is_strong"),
    [
        (["Government"], True),
        (["secondary"], False),
        (["federal"], None),
        ([None], None),
        ([], False),
    ],
)
def test_a_finding_is_strong_where_a_known_tier_says_so(tiers, is_strong):
    sources = [{"url": f"https://a.example/{tier}", "source_tier": tier} for tier in tiers]
    facts = facts_of(run(step("a", artifacts=[artifact(sources=sources)])))
    assert column(facts.findings, "is_strong") == [is_strong]


def test_a_question_is_late_only_beyond_a_limit_that_was_set():
    waiting = run(question("q", 0, None), end=None, status="interrupted")
    late = {h: facts_of(waiting, sla_h=h, as_of="2026-02-03T15:00:00Z") for h in (None, 4, 5)}
    assert {h: column(facts.waiting, "is_late") for h, facts in late.items()} == {
        None: [None],
        4: [True],
        5: [False],
    }


def test_a_failed_step_has_the_words_of_its_error_artifact():
    found = [artifact("Registered in 2019"), artifact("Register is down", type="error")]
    f = runkit.frames(run(step("a", status="error", artifacts=found)))
    assert column(f.steps, "error") == ["Register is down"]


def test_steps_that_failed_with_a_reason_are_named():
    """Also one without a reason of its own, which is that of the error that follows."""
    steps = [step("a", status="error"), step("b", type="error", status="error", label="HTTP 503")]
    steps.append(step("c", status="error", result={"error": "HTTP 503"}))
    table = runkit.fleet.failed_steps(runkit.frames(run(*steps))).table
    assert table[["reason", "label"]].values.tolist() == [["HTTP 503", "Step a; Step c"]]
