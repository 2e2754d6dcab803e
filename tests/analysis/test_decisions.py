"""How reviewers decide: every number is that of a plain loop."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

import runkit
from analysis.api import action, client_of
from analysis.questions import ANSWERS, Case, actions_of, frames_of, log_of
from support import artifact, question, run

DAY = 86_400
REVIEWERS = ("Ana Ortiz", "Bo Lindqvist")
CHANGES = ("add_sources", "add_attributes", "verify_tin", "dismissal")
LEVELS = ("high", "medium", "low")
RESULTS = ["n_approved", "n_rejected", "n_not_done", "n_unknown"]


# ------------------------------------------------------------------------------------- a plain loop


def random_case(rng: random.Random) -> Case:
    case = Case(
        outcome=rng.choice(["pending", "lapsed", "answered", "answered", "auto_approve", "skip"]),
        asked_s=rng.uniform(0, 20 * DAY),
        wait_s=rng.uniform(0, 9 * DAY),
        kind=rng.choice([*CHANGES, "decision", "document", "another"]),
        agent=rng.choice(["agent_a", "agent_b", None]),
        answer=rng.choice([None, None, *ANSWERS]),
        reviewer=rng.choice(REVIEWERS),
        shown_s=rng.choice([None, 3.0, 10.0, 11.0]),
        n_opened=rng.choice([0, 2]),
        is_listed=rng.random() < 0.7,
        is_running=rng.random() < 0.3,
        has_wait=rng.random() < 0.5,
        confidence=rng.choice(["high", "high", "medium", "certain", None]),
    )
    if case.kind in (*CHANGES, "decision") and case.outcome in ("answered", "auto_approve"):
        return case._replace(status_after=rng.choice([None, "approved", "rejected", "in_review"]))
    return case


@pytest.mark.parametrize("n", [12, 150])
def test_decisions_equal_a_plain_loop(n):
    rng = random.Random(n)
    cases = [*(random_case(rng) for _ in range(n)), Case("lapsed")]
    f = frames_of(cases)
    log = log_of(cases)
    actions = {has_hit: actions_of(cases, f, has_hit) for has_hit in (True, False)}
    names = ["kind", "agent", "answered_by", "week", "confidence"]
    known = [(True, None), (False, True), (True, False)]  # by a log, by actions, by both
    for by, (is_logged, has_hit) in product(names, known):
        table = runkit.decisions(f, by, log if is_logged else None, actions.get(has_hit))
        rows = table.astype("object").where(table.notna(), None).to_dict("records")
        expected = expected_rows(f, cases, by, is_logged, has_hit)
        assert len(rows) == len(expected)
        for row, numbers in zip(rows, expected, strict=True):
            assert row == pytest.approx(numbers)
        assert table[RESULTS].sum(axis=1).eq(table["n_answered"]).all()
    assert runkit.decisions(f, answers=log, quick_s=2)["n_quick"].sum() == 0


def expected_rows(
    f: runkit.Frames, cases: list[Case], by: str, is_logged: bool, has_hit: bool | None
) -> list[dict[str, Any]]:
    groups: dict[str, list[tuple[Case, float, str | None]]] = {}
    for case, row in zip(cases, f.interrupts.to_dict("records"), strict=True):
        if by == "confidence" and case.kind == "decision":
            continue
        has_entry = is_logged and case.outcome == "answered" and case.answer is not None
        logged = case if has_entry else case._replace(answer=None, shown_s=None)
        names = {
            "kind": row["kind"],
            "agent": case.agent,
            "week": (row["asked_at"] - pd.Timedelta(days=row["asked_at"].weekday()))
            .date()
            .isoformat(),
            "answered_by": case.reviewer if has_entry else None,
            "confidence": case.confidence if case.confidence in LEVELS else None,
        }
        entry = logged, row["wait_s"], expected_result(logged, has_hit)
        groups.setdefault(names[by] or "unknown", []).append(entry)
    ranks: dict[str, Callable[[str], int]] = {
        "week": lambda _: 0,
        "confidence": lambda name: [*LEVELS, "unknown"].index(name),
    }
    rank = ranks.get(by, lambda name: -len(groups[name]))
    order = sorted(groups, key=lambda name: (name == "unknown", rank(name), name))
    return [{by: name} | expected_numbers(groups[name], is_logged) for name in order]


def expected_result(case: Case, has_hit: bool | None) -> str | None:
    """What became of an answer: as logged, else as its action shows.

    `has_hit` is None without actions.
    """
    if case.outcome != "answered":
        return None
    if case.answer not in (None, "unknown"):
        return "rejected" if case.answer == "rejected" else "approved"
    if has_hit is None or not (has_hit or case.kind != "dismissal"):
        return None
    if case.kind == "decision":
        return case.status_after if case.status_after in ("approved", "rejected") else None
    if case.status_after:
        return "approved"
    return "not_done" if case.kind in CHANGES and case.is_listed and not case.is_running else None


def expected_numbers(rows: list[tuple[Case, float, str | None]], is_logged: bool) -> dict[str, Any]:
    outcomes = Counter(case.outcome for case, _, _ in rows)
    waits = [wait for case, wait, _ in rows if case.outcome == "answered"]
    waiting = [case for case, _, _ in rows if case.outcome == "pending"]
    pending = [wait for case, wait, _ in rows if case in waiting and case.has_wait]
    results = Counter(result for case, _, result in rows if case.outcome == "answered")
    n_edited = sum(result == "approved" and case.answer == "edited" for case, _, result in rows)
    may_be_edited = any(
        case.outcome == "answered"
        and case.answer in (None, "unknown")
        and result in (None, "approved")
        for case, _, result in rows
    )
    shown = [case for case, _, _ in rows if case.shown_s is not None]
    n_quick = sum(case.shown_s <= 10 and case.n_opened == 0 for case in shown)

    def known(n: int, is_known: bool) -> int | None:
        return n if n or is_known else None

    return {
        "n_asked": len(rows),
        "n_pending": outcomes["pending"],
        "n_auto": outcomes["auto_approve"] + outcomes["skip"],
        "n_lapsed": outcomes["lapsed"],
        "n_answered": len(waits),
        **{
            f"n_{name}": known(results[name], not results[None])
            for name in ("approved", "rejected", "not_done")
        },
        "n_unknown": results[None],
        "n_edited": known(n_edited, not may_be_edited),
        **expected_share(rows),
        "wait_p50_s": np.median(waits) if waits else None,
        "wait_p90_s": np.quantile(waits, 0.9) if len(waits) >= 10 else None,
        "oldest_pending_s": max(pending, default=None),
        **{
            f"n_over_{days}d": known(
                sum(wait > days * DAY for wait in pending), len(pending) == len(waiting)
            )
            for days in (1, 3, 7)
        },
        "n_shown": len(shown) if is_logged else None,
        "n_quick": n_quick if shown else None,
    }


def expected_share(rows: list[tuple[Case, float, str | None]]) -> dict[str, Any]:
    """How often the reviewer decided against the agent, each business with its own share."""
    by_business: dict[str, list[bool]] = {}
    for number, (case, _, result) in enumerate(rows):
        if case.outcome != "answered" or case.kind == "decision":
            continue
        if result is not None:
            is_against = result != "approved" or case.answer == "edited"
            name = "b" if case.is_listed else f"run {number}"
            by_business.setdefault(name, []).append(is_against)
    flags = [flag for some in by_business.values() for flag in some]
    n = len(by_business)
    share = float(np.mean([np.mean(some) for some in by_business.values()])) if n else None
    low, high = wilson(share, n) if n >= 10 and share is not None else (None, None)
    return {
        "n_known": len(flags),
        "n_against": sum(flags) if flags else None,
        "against_share": share,
        "against_low": low,
        "against_high": high,
        "n_businesses": n,
    }


def wilson(share: float, n: int) -> tuple[float, float]:
    """The shares whose distance from this one is 1.96 of their standard errors."""
    z2 = 1.959964**2
    roots = np.roots([1 + z2 / n, -(2 * share + z2 / n), share**2])
    return float(min(roots)), float(max(roots))


# ------------------------------------------------------------------------------- against the agent


def against(answers: dict[str, list[str]]) -> Any:
    """The only row, by confidence, of questions with these answers about each business, and its sentence."""
    cases = [
        Case("answered", answer=answer, business=business)
        for business, some in answers.items()
        for answer in some
    ]
    table = runkit.decisions(frames_of(cases), "confidence", log_of(cases))
    [row] = table.to_dict("records")
    return row, table.attrs["sentence"]


def test_thirteen_of_79_businesses_have_an_interval_of_10_to_26_percent():
    row, words = against({f"b{n}": ["rejected" if n < 13 else "approved"] for n in range(79)})
    assert (row["confidence"], row["n_against"], row["n_known"]) == ("high", 13, 79)
    bounds = [row[f"against_{name}"] for name in ("share", "low", "high")]
    assert [round(100 * bound) for bound in bounds] == [16, 10, 26]
    assert "in 13 of 79 high-confidence questions (16%, 95% interval 10–26%)." in words


def test_a_business_with_many_questions_is_one_witness():
    """50 answers against about one business, and one for about each of 29 others."""
    row, words = against({"b": ["edited"] * 50} | {f"b{n}": ["approved"] for n in range(29)})
    assert (row["n_against"], row["n_known"], row["n_businesses"]) == (50, 79, 30)
    assert row["against_share"] == pytest.approx(1 / 30)
    assert "50 of 79 high-confidence questions (mean of 30 businesses 3%" in words


def test_the_share_says_what_it_leaves_out_and_what_it_does_not_know():
    cases = [Case("answered", answer="rejected", is_listed=False)] * 2
    cases += [Case("answered"), Case("answered", kind="decision", answer="rejected")]
    f = frames_of(cases)
    words = runkit.decisions(f, "confidence", log_of(cases)).attrs["sentence"]
    assert "2 of 2 high-confidence questions (100%, without an interval); 1 not known." in words
    assert "counted by thread or run: 2 questions." in words
    assert "Left out, without a proposal: 1 question." in words
    words = runkit.decisions(f, "confidence").attrs["sentence"]
    assert words.startswith("3 answered high-confidence questions, not known whether decided")
    cases = [Case("answered", status_after="dismissed"), Case("answered", answer="edited")]
    f = frames_of(cases)
    table = runkit.decisions(f, answers=log_of(cases), actions=actions_of(cases, f))
    assert "in 1 of 2 questions" in table.attrs["sentence"]
    assert "which does not tell edits: 1 question." in table.attrs["sentence"]


def test_an_answer_to_no_proposal_is_not_against_the_agent():
    """Of the two proposals one was approved; what became of the other is not known."""
    results = [{"decision": "approve"}, {}, {"decision": "reject"}]
    parts = [[artifact("Same name", type="dismissal")]] * 2 + [[]]
    asked = [
        question(f"s{n}", 0, 9, artifacts=found, result=result)
        for n, (found, result) in enumerate(zip(parts, results, strict=True))
    ]
    table = runkit.decisions([run(*asked)])
    assert table["kind"].tolist() == ["dismissal", "other"]
    assert table["n_known"].tolist() == [1, 0]
    assert table["n_against"].fillna(-1).tolist() == [0, -1]
    assert table["against_share"].fillna(-1).tolist() == [0, -1]
    left_out = "Left out, without a proposal: 1 question."
    assert left_out in table.attrs["sentence"]
    words = runkit.decisions([run(asked[2])]).attrs["sentence"]
    assert words == f"No answers to a proposal. {left_out}"


def test_a_mixed_question_has_the_result_that_all_its_proposals_have():
    """Of two proposals both, one, or none were done; the actions of one are not all known."""
    parts = [artifact("Same name", type="dismissal"), artifact("Letter", type="verify_tin")]
    runs = []
    for n in range(4):
        asked = question(f"s{n}", 0, 9, artifacts=parts)
        runs.append(run(asked, run_id=f"run-{n}", _runkit={"business_id": "b"}))
    f = runkit.frames(runs)
    kinds = [(0, "dismissal"), (0, "verify_tin"), (1, "verify_tin"), (3, "dismissal")]
    made = [
        action(10 * n + len(kind), 60, kind, "dismissed", run={"id": f"run-{n}"})
        for n, kind in kinds
    ]
    with client_of(*made) as client:
        actions = runkit.actions(f, client)
    [row] = runkit.decisions(f, actions=actions).to_dict("records")
    assert [row["kind"], row["n_approved"], row["n_unknown"]] == ["mixed", 1, 2]
    assert [row["n_not_done"], row["n_known"], row["n_against"]] == [1, 2, 1]


# --------------------------------------------------------------------- what can and cannot be known


def not_done(f: runkit.Frames, actions: pd.DataFrame) -> int:
    return int(runkit.decisions(f, actions=actions)["n_not_done"].sum())


def test_not_done_needs_all_actions():
    """Not a part of the frame, a copy without its attributes, or the actions of another host."""
    cases = [Case("answered"), Case("answered", status_after="dismissed")]
    f = frames_of(cases)
    actions = actions_of(cases, f)
    assert not_done(f, actions) == 1
    assert not_done(f, actions.iloc[:0]) == 0
    assert not_done(f, pd.DataFrame(actions.to_dict("list"))) == 0
    assert not_done(frames_of([*cases, Case("answered")]), actions) == 1
    elsewhere = replace(f, reads=f.reads.assign(read_from="elsewhere"))
    assert not_done(f, actions_of(cases, elsewhere)) == 0


def test_decisions_of_no_questions_are_an_empty_typed_frame():
    f = frames_of([Case("answered")])
    for by in ("kind", "week", "confidence"):
        empty = runkit.decisions([], by)
        table = runkit.decisions(f, by)
        assert empty.empty
        assert empty.dtypes.equals(table.dtypes)
        assert not table.dtypes.eq("object").any()
