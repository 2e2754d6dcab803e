"""Facts of runs and fleets: on full data they equal a loop, and with less they state no more."""

from __future__ import annotations

import functools
import random
from typing import Any

import pandas as pd
import pytest

import runkit
import strangers
from runkit.display.counts import Count
from runkit.facts import Facts, businesses_of, run_facts
from strangers import HOUR, REMOVALS, STRONG, Fleet, Truth
from support import artifact, at, numbered

LIMIT_H = 4


def counts_of(f: runkit.Frames) -> dict[str, Count]:
    """All counts of some runs."""
    facts = Facts(f, LIMIT_H)
    values = {name: getattr(facts, name) for name in dir(Facts) if not name.startswith("_")}
    return {name: value for name, value in values.items() if isinstance(value, Count)}


def true_counts(fleet: Fleet) -> dict[str, tuple[int, int]]:
    """How many things are so, and of how many, by a loop over what was generated."""
    sources = [tier for item in fleet.findings for tier in item.tiers]

    def among(items: list[Any], is_so: Any = lambda item: True) -> tuple[int, int]:
        return sum(bool(is_so(item)) for item in items), len(items)

    def ended(status: str) -> list[Truth]:
        return [truth for truth in fleet.truths if truth.status == status]

    def is_late(seconds: float) -> bool:
        return seconds > LIMIT_H * HOUR

    waiting, answered, settled = map(fleet.waits_s, ("pending", "answered", "auto_approve"))
    return {
        "open_questions": among(waiting),
        "late_questions": among(waiting, is_late),
        "questions_asked": among(waiting + answered),
        "questions_by_policy": among(settled),
        "questions_over": among(waiting + answered, is_late),
        "answers": among(answered),
        "unread": (0, 0),
        "causes": among(ended("error"), lambda truth: truth.cause),
        "low_runs": among(
            ended("completed"), lambda truth: any(f.confidence == "low" for f in truth.findings)
        ),
        "timed_runs": among(ended("completed")),
        "failed_steps": (sum(truth.n_failed for truth in fleet.truths),) * 2,
        "findings": among(fleet.findings),
        "sources": among(sources, lambda tier: tier in STRONG),
        "strong_findings": among(fleet.findings, lambda item: set(item.tiers) & set(STRONG)),
        "bare_findings": among(fleet.findings, lambda item: not item.tiers),
    }


def numbers_of(f: runkit.Frames) -> dict[str, Any]:
    """What the tables of panels count, null where nobody knows."""
    waits = runkit.fleet.waits(f).table
    last = waits.tail(1)[["n_questions", "n_pending", "n_answered", "n_late"]].sum()
    weak = runkit.fleet.weak_findings(f).table["weakness"]
    return {
        "questions_asked": last["n_questions"],
        "open_questions": last["n_pending"],
        "answers": last["n_answered"],
        "questions_over": waits["n_late"].tail(1).sum(min_count=1),
        "failed_steps": runkit.fleet.failed_steps(f).table["n_steps"].sum(),
        "bare_findings": weak.eq("no source").sum(),
    }


@functools.cache
def full(seed: int) -> tuple[Fleet, runkit.Frames]:
    """Runs of which everything is known."""
    fleet = strangers.fleet(random.Random(seed), 12)
    return fleet, runkit.frames(fleet.page)


SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_on_full_data_every_count_and_pick_equals_a_loop_and_nothing_is_unknown(seed):
    """Picks are the oldest wait, the cause of each failure, and the lowest rating of each run."""
    fleet, f = full(seed)
    true = true_counts(fleet)
    assert counts_of(f) == {name: Count(n, of) for name, (n, of) in true.items()}
    numbers = numbers_of(f)
    assert numbers == {name: true[name][0] for name in numbers}
    facts = Facts(f)
    assert facts.oldest.seconds == pytest.approx(max(fleet.waits_s("pending")), abs=0.01)
    assert not facts.oldest.is_least
    for truth, row in zip(fleet.truths, facts.runs.to_dict("records"), strict=True):
        cause, level = (None if pd.isna(row[name]) else row[name] for name in ("cause", "level"))
        assert (cause, level) == (truth.cause, truth.weakest and truth.weakest.confidence)


@pytest.mark.parametrize("names", [*([name] for name in REMOVALS), list(REMOVALS)], ids=" ".join)
def test_with_less_information_no_count_states_what_is_not_so(names):
    """n(reduced) <= n(full) <= n(reduced) + unknown + what the unread runs held."""
    rng = random.Random(len(" ".join(names)))
    fleet = strangers.fleet(rng, 10)
    share = 1 if len(names) == 1 else 0.5
    page = strangers.reduced(fleet.page, names, share, rng)
    is_unread = [not raw["steps"] for raw in page["data"]]
    unread = [made for made, gone in zip(fleet.strangers, is_unread, strict=True) if gone]
    true = true_counts(fleet)
    held = true_counts(Fleet(unread, fleet.read_at))
    f = runkit.frames(page)
    for name, count in counts_of(f).items():
        n_lost = held[name][0] if count.unread else 0
        n_true, _ = true[name]
        assert count.n <= n_true <= count.n + count.unknown + n_lost, (name, count, n_true)
    numbers = {name: n for name, n in numbers_of(f).items() if pd.notna(n)}
    assert not {name: n for name, n in numbers.items() if n > true[name][0]}


def test_without_a_read_time_a_wait_is_a_bound_that_is_never_too_long():
    fleet, f = full(0)
    page = strangers.reduced(fleet.page, ["without_read_time"], 1, random.Random(0))
    part = run_facts(runkit.frames(page))
    whole_s = run_facts(f)["wait_s"]
    assert not (part["wait_s"] > whole_s + 1e-6).any()
    assert (part["is_least"] | whole_s.isna()).all()


def test_a_wait_of_at_least_an_hour_is_not_known_to_be_in_time():
    interrupt = strangers.question("q", 0, None)
    asking = strangers.run(interrupt, end=None, status="interrupted", updated_at=at(0))
    later = strangers.run(strangers.step("s"), run_id="later", updated_at=at(HOUR))
    f = runkit.frames({"object": "list", "data": [asking, later]})
    assert Facts(f, LIMIT_H).late_questions == Count(0, 1, 1)


def test_what_a_run_lost_leaves_only_what_it_is_part_of_unknown():
    """An artifact leaves findings unknown, sources what is bare, a value of the run nothing."""
    parts = [{"artifacts": [5]}, {"artifacts": [artifact(sources=5)]}, {}]
    runs = [strangers.run(strangers.step("work", 0, 50, **part)) for part in parts]
    runs[2] |= {"ended_at": "soon", "requester": 5}
    facts = Facts(runkit.frames(numbered([*runs, runs[2] | {"output": 5}])))
    assert facts.findings == Count(1, 1, 0, 3)
    assert facts.bare_findings == facts.strong_findings == Count(0, 1, 1, 3)


def test_runs_without_a_business_may_be_of_others():
    run = strangers.run(strangers.step("work", 0, 50))
    f = runkit.frames([run | {"id": f"run-{number}"} for number in range(3)])
    f.runs["business_name"] = ["Lakeline", None, "Lakeline"]
    assert businesses_of(f) == Count(1, 2, 1)
