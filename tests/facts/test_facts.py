"""What screens say of runs: nullable columns, from the frames alone."""

import pytest

import runkit
from runkit.facts import Facts, what_was_read
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
    ],
)
def test_a_run_is_low_where_a_known_word_says_so(confidences, is_low):
    findings = [
        artifact(f"F{n}", confidence=confidence) for n, confidence in enumerate(confidences)
    ]
    facts = facts_of(run(step("a", artifacts=findings)))
    assert column(facts.runs, "is_low") == [is_low]


def test_a_run_without_known_findings_is_not_known_to_be_low():
    bare = {name: value for name, value in step("a").items() if name != "artifacts"}
    assert column(facts_of(run(bare)).runs, "is_low") == [None]


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


def test_failures_with_the_same_reason_but_for_numbers_are_one():
    runs = [
        run(step("a", status="error", result={"error": f"Register {n} is down"}), run_id=f"{n}" * 8)
        | {"status": "error"}
        for n in (1, 2)
    ]
    panel = runkit.fleet.failed_steps(runkit.frames(runs))
    assert panel.table[["reason", "n_runs"]].to_numpy().tolist() == [["Register * is down", 2]]


def test_a_failed_step_has_the_reason_of_the_error_that_follows():
    steps = [
        step("a", status="error", label="Checking the address"),
        step("b", type="error", status="error", label="HTTP 503"),
    ]
    f = runkit.frames([run(*steps) | {"status": "error"}])
    table = runkit.fleet.failed_steps(f).table
    rows = table[["reason", "label", "n_runs"]].to_numpy().tolist()
    assert rows == [["HTTP 503", "Checking the address", 1]]


def test_a_failed_step_has_the_words_of_its_error_artifact():
    found = [artifact("Registered in 2019"), artifact("Register is down", type="error")]
    f = runkit.frames(run(step("a", status="error", artifacts=found)))
    assert column(f.steps, "error") == ["Register is down"]


def test_each_step_that_failed_with_a_reason_is_named():
    steps = [
        step(name, status="error", label=f"Asking {name}", result={"error": "HTTP 503"})
        for name in ("a", "b", "c")
    ]
    table = runkit.fleet.failed_steps(runkit.frames([run(*steps)])).table
    assert table["label"].tolist() == ["Asking a; Asking b; Asking c"]


def test_what_was_read_says_the_clock_once_and_what_is_missing_first():
    f = runkit.frames([run(run_id="r1"), run(step("a"), run_id="r2"), {"object": "run"}])
    words = str(what_was_read(f))
    assert words.startswith("1 of 3 records refused · 1 run without steps · 2 runs read · as of ")
    assert words.count("as of") == 1
