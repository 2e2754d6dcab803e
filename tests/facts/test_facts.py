"""Facts of runs and fleets: on full data they equal a loop, and with less they state no more."""

from __future__ import annotations

import math
import random
from typing import Any

import pandas as pd
import pytest

import runkit
import strangers
from runkit.display.counts import Count
from runkit.facts import Facts, run_facts
from strangers import HOUR, REMOVALS, STRONG, Fleet, Question

LIMIT_H = 4
SOON_S = HOUR / 2


def counts_of(f: runkit.Frames) -> dict[str, Count]:
    """All counts of some runs."""
    facts = Facts(f, LIMIT_H)
    values = {name: getattr(facts, name) for name in dir(Facts) if not name.startswith("_")}
    return {name: value for name, value in values.items() if isinstance(value, Count)}


def wait_s(asked: Question, read_at: float) -> float:
    """How long a question waited, until the run was read if it is open."""
    return (asked.answered if asked.answered is not None else read_at) - (asked.asked or 0)


def true_counts(fleet: Fleet) -> dict[str, tuple[int, int]]:
    """How many things are so, and of how many, by a loop over what was generated."""
    truths = [made.truth for made in fleet.strangers]
    asked = [item for truth in truths for item in truth.questions]
    findings = [item for truth in truths for item in truth.findings if not item.is_output]
    sources = [tier for item in findings for tier in item.tiers]
    completed = [truth for truth in truths if truth.status == "completed"]
    failed = [truth for truth in truths if truth.status == "error"]

    def of(questions: list[Question], is_so: Any = lambda seconds: True) -> tuple[int, int]:
        return sum(is_so(wait_s(item, fleet.read_at)) for item in questions), len(questions)

    def among(items: list[Any], is_so: Any = lambda item: True) -> tuple[int, int]:
        return sum(bool(is_so(item)) for item in items), len(items)

    def is_late(seconds: float) -> bool:
        return seconds > LIMIT_H * HOUR

    waiting, answered = (
        [item for item in asked if item.ending == word] for word in ("pending", "answered")
    )
    return {
        "open_questions": of(waiting),
        "late_questions": of(waiting, is_late),
        "questions_asked": of(waiting + answered),
        "questions_by_policy": of([item for item in asked if item.ending == "auto_approve"]),
        "questions_expired": (0, 0),
        "questions_over": of(waiting + answered, is_late),
        "answers": of(answered),
        "answers_soon": of(answered, lambda seconds: seconds <= SOON_S),
        "answers_late": of(answered, is_late),
        "causes": among(failed, lambda truth: truth.cause),
        "low_runs": among(
            completed, lambda truth: any(f.confidence == "low" for f in truth.findings)
        ),
        "timed_runs": among(completed),
        "failed_steps": (sum(truth.n_failed for truth in truths),) * 2,
        "findings": among(findings),
        "sources": among(sources, lambda tier: tier in STRONG),
        "low_findings": among(findings, lambda item: item.confidence == "low"),
        "strong_findings": among(findings, lambda item: set(item.tiers) & set(STRONG)),
        "bare_findings": among(findings, lambda item: not item.tiers),
    }


SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_on_full_data_every_count_equals_a_loop_and_nothing_is_unknown(seed: int) -> None:
    fleet = strangers.fleet(random.Random(seed))
    assert counts_of(runkit.frames(fleet.page)) == {
        name: Count(n, of) for name, (n, of) in true_counts(fleet).items()
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_on_full_data_the_picks_equal_a_loop(seed: int) -> None:
    """The oldest wait, the cause of each failure, and the lowest rating of each run."""
    fleet = strangers.fleet(random.Random(seed))
    facts = Facts(runkit.frames(fleet.page))
    waits = [
        wait_s(item, fleet.read_at)
        for made in fleet.strangers
        for item in made.truth.questions
        if item.ending == "pending"
    ]
    assert facts.oldest.seconds == (pytest.approx(max(waits), abs=0.01) if waits else None)
    assert not facts.oldest.is_least
    for made, row in zip(fleet.strangers, facts.runs.to_dict("records"), strict=True):
        weakest = made.truth.weakest
        cause, level = (None if pd.isna(row[name]) else row[name] for name in ("cause", "level"))
        assert (cause, level) == (made.truth.cause, weakest and weakest.confidence)


def unread_things(fleet: Fleet, page: dict[str, Any], name: str) -> int:
    """How many things of a count the runs held whose steps were taken away."""
    is_unread = [not raw["steps"] for raw in page["data"]]
    lost = Fleet(
        [made for made, gone in zip(fleet.strangers, is_unread, strict=True) if gone],
        fleet.read_at,
    )
    return true_counts(lost)[name][0]


@pytest.mark.parametrize("names", [*([name] for name in REMOVALS), list(REMOVALS)], ids=" ".join)
@pytest.mark.parametrize("seed", SEEDS)
def test_with_less_information_no_count_states_what_is_not_so(names: list[str], seed: int) -> None:
    """n(reduced) <= n(full) <= n(reduced) + unknown + what the unread runs held."""
    rng = random.Random(seed)
    fleet = strangers.fleet(rng)
    page = strangers.reduced(fleet.page, names, rng.choice([0.5, 1]), rng)
    true = true_counts(fleet)
    for name, count in counts_of(runkit.frames(page)).items():
        n_lost = unread_things(fleet, page, name) if count.unread else 0
        n_true, _ = true[name]
        assert count.n <= n_true <= count.n + count.unknown + n_lost, (name, count, n_true)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_read_time_a_wait_is_a_bound_that_is_never_too_long(seed: int) -> None:
    rng = random.Random(seed)
    fleet = strangers.fleet(rng)
    full = run_facts(runkit.frames(fleet.page))
    page = strangers.reduced(fleet.page, ["without_read_time"], 1, rng)
    part = run_facts(runkit.frames(page))
    for whole_s, part_s, is_least in zip(
        full["wait_s"], part["wait_s"], part["is_least"], strict=True
    ):
        assert math.isnan(part_s) or part_s <= whole_s + 1e-6
        assert is_least or math.isnan(whole_s)
