"""How reviewers decide: every number is that of a plain loop."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import timedelta
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import runkit
from support import START, artifact, question, run

DAY = 86_400
REVIEWERS = ("Ana Ortiz", "Bo Lindqvist")
KINDS = (
    "add_sources", "add_attributes", "verify_tin", "dismissal", "decision", "document", "another",
)  # fmt: skip
RESULTS = ["n_approved", "n_rejected", "n_unknown"]

ANSWERS: dict[str, dict[str, Any]] = {
    "approved": {"decision": "approve"},
    "rejected": {"decision": "reject"},
    "edited": {"decision": "approve", "actions": []},
    "unknown": {"decision": "maybe"},
}


class Case(NamedTuple):
    """A run with one question: what the data and the answer log tell of its answer."""

    outcome: str = "answered"
    asked_s: float = 0
    wait_s: float = 9
    kind: str = "dismissal"
    agent: str | None = "agent_a"
    answer: str | None = None
    reviewer: str = "Ana Ortiz"
    is_running: bool = False
    has_wait: bool = True


def raw(number: int, case: Case) -> dict[str, Any]:
    """The run of a question, as the API would send it."""
    ended_s = case.asked_s + case.wait_s
    is_open = case.outcome == "pending" or (case.outcome == "answered" and case.is_running)
    result = {"interrupt_id": f"int-{number}"}
    if case.outcome in ("auto_approve", "skip"):
        result = {"resolution": case.outcome}
    pause = question(
        f"s{number}",
        case.asked_s,
        None if case.outcome in ("pending", "lapsed") else ended_s,
        agent=case.agent,
        label=f"Question {number}",
        artifacts=[artifact("Same name", type=case.kind)],
        result=result,
    )
    statuses = {"pending": "interrupted", "lapsed": "error"}
    status = statuses.get(case.outcome, "running" if is_open else "completed")
    read_at = {"read_at": (START + timedelta(seconds=ended_s)).isoformat()}
    return run(
        pause,
        run_id=f"{number:08}-run",
        end=None if is_open else ended_s,
        status=status,
        _runkit=read_at if case.has_wait else {},
    )


def frames_of(cases: list[Case]) -> runkit.Frames:
    """The frames of some questions."""
    return runkit.frames([raw(number, case) for number, case in enumerate(cases)])


def log_of(cases: list[Case]) -> pd.DataFrame:
    """The answer log."""
    rows = [(n, case) for n, case in enumerate(cases) if case.answer]
    sent_at = pd.Timestamp(START) + pd.Timedelta(days=1)
    log = {
        "run_id": [f"{n:08}-run" for n, _ in rows],
        "step_id": [f"s{n}" for n, _ in rows],
        "answer": [json.dumps(ANSWERS[case.answer]) for _, case in rows],
        "answered_by": [case.reviewer for _, case in rows],
    }
    made = pd.DataFrame(log).assign(interrupt_id="i", delivery="confirmed", sent_at=sent_at)
    return made.assign(run_created_at=pd.Series(pd.NaT, made.index, "datetime64[us, UTC]"))


def random_case(rng: random.Random) -> Case:
    return Case(
        outcome=rng.choice(["pending", "lapsed", "answered", "answered", "auto_approve", "skip"]),
        asked_s=rng.uniform(0, 20 * DAY),
        wait_s=rng.uniform(0, 9 * DAY),
        kind=rng.choice(KINDS),
        agent=rng.choice(["agent_a", "agent_b", None]),
        answer=rng.choice([None, None, *ANSWERS]),
        reviewer=rng.choice(REVIEWERS),
        is_running=rng.random() < 0.3,
        has_wait=rng.random() < 0.5,
    )


@pytest.mark.parametrize("n", [12, 150])
def test_decisions_equal_a_plain_loop(n):
    rng = random.Random(n)
    cases = [*(random_case(rng) for _ in range(n)), Case("lapsed")]
    f = frames_of(cases)
    log = log_of(cases)
    for by, is_logged in product(["kind", "agent", "answered_by", "week"], [True, False]):
        table = runkit.decisions(f, by, log if is_logged else None)
        rows = table.astype("object").where(table.notna(), None).to_dict("records")
        expected = expected_rows(f, cases, by, is_logged)
        assert len(rows) == len(expected)
        for row, numbers in zip(rows, expected, strict=True):
            assert row == pytest.approx(numbers)
        assert table[RESULTS].sum(axis=1).eq(table["n_answered"]).all()


def expected_rows(
    f: runkit.Frames, cases: list[Case], by: str, is_logged: bool
) -> list[dict[str, Any]]:
    groups: dict[str, list[tuple[Case, float, str | None]]] = {}
    for case, row in zip(cases, f.interrupts.to_dict("records"), strict=True):
        has_entry = is_logged and case.outcome == "answered" and case.answer is not None
        names = {
            "kind": row["kind"],
            "agent": case.agent,
            "week": (row["asked_at"] - pd.Timedelta(days=row["asked_at"].weekday()))
            .date()
            .isoformat(),
            "answered_by": case.reviewer if has_entry else None,
        }
        decision = case.answer if has_entry and case.answer != "unknown" else None
        groups.setdefault(names[by] or "unknown", []).append((case, row["wait_s"], decision))

    def rank(name: str) -> tuple[Any, ...]:
        return name == "unknown", by != "week" and -len(groups[name]), name

    return [{by: name} | expected_numbers(groups[name]) for name in sorted(groups, key=rank)]


def expected_numbers(rows: list[tuple[Case, float, str | None]]) -> dict[str, Any]:
    outcomes = Counter(case.outcome for case, _, _ in rows)
    waits = [wait for case, wait, _ in rows if case.outcome == "answered"]
    waiting = [case for case, _, _ in rows if case.outcome == "pending"]
    pending = [wait for case, wait, _ in rows if case in waiting and case.has_wait]
    decided = Counter(decision for case, _, decision in rows if case.outcome == "answered")

    def known(n: int, is_known: bool) -> int | None:
        return n if n or is_known else None

    return {
        "n_asked": len(rows),
        "n_pending": outcomes["pending"],
        "n_auto": outcomes["auto_approve"] + outcomes["skip"],
        "n_lapsed": outcomes["lapsed"],
        "n_answered": len(waits),
        "n_approved": known(decided["approved"] + decided["edited"], not decided[None]),
        "n_rejected": known(decided["rejected"], not decided[None]),
        "n_unknown": decided[None],
        "n_edited": known(decided["edited"], not decided[None]),
        "wait_p50_s": np.median(waits) if waits else None,
        "wait_p90_s": np.quantile(waits, 0.9) if len(waits) >= 10 else None,
        "oldest_pending_s": max(pending, default=None),
        **{
            f"n_over_{days}d": known(
                sum(wait > days * DAY for wait in pending), len(pending) == len(waiting)
            )
            for days in (1, 3, 7)
        },
    }


def test_what_the_data_does_not_tell_is_not_known():
    """It tells the decision on one question; on another none, or on one proposal of two."""
    results = [{"decision": "approve"}, {}, {"proposals": [{"decision": "approve"}, {}]}]
    asked = [
        question(f"s{n}", 0, 9, artifacts=[artifact("Hit", type="dismissal")], result=result)
        for n, result in enumerate(results)
    ]
    table = runkit.decisions([run(*asked)])
    [row] = table.to_dict("records")
    assert [row["n_answered"], row["n_approved"], row["n_unknown"]] == [3, 1, 2]
    assert table.attrs["sentence"] == "1 of 3 answers known."


def test_decisions_of_no_questions_are_an_empty_typed_frame():
    f = frames_of([Case("answered")])
    for by in ("kind", "week"):
        empty = runkit.decisions([], by)
        table = runkit.decisions(f, by)
        assert empty.empty
        assert empty.dtypes.equals(table.dtypes)
        assert not table.dtypes.eq("object").any()
