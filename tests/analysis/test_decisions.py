"""How reviewers decide: every number is that of a plain loop."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runkit
from analysis.truth import results_of, sandbox
from runkit.errors import UsageError
from support import START, artifact, at, question, run

DAY = 86_400
HIT = "11111111-1111-4111-8111-111111111111"
ANSWERS: dict[str, dict[str, Any]] = {
    "approved": {"decision": "approve"},
    "rejected": {"decision": "reject"},
    "edited": {"decision": "approve", "actions": []},
    "unknown": {"decision": "maybe"},
}
REVIEWERS = ("Ana Ortiz", "Bo Lindqvist", "Chi Okafor", "Dee Ruiz", "Eve Marsh")
CHANGES = ("add_sources", "add_attributes", "verify_tin", "dismissal")
RESULTS = ("n_approved", "n_rejected", "n_not_done", "n_unknown")


class Case(NamedTuple):
    """A run with one question, the answer to it in the log, and the action that it led to."""

    outcome: str
    asked_s: float = 0
    wait_s: float = 9
    kind: str = "dismissal"
    agent: str | None = "agent_a"
    answer: str | None = None
    reviewer: str = "Ana Ortiz"
    shown_s: float | None = None
    n_opened: int = 0
    status_after: str | None = None
    is_listed: bool = True
    is_running: bool = False
    has_wait: bool = True


def run_of(number: int, case: Case) -> dict[str, Any]:
    ended_s = case.asked_s + case.wait_s
    is_open = case.outcome == "pending" or (case.outcome == "answered" and case.is_running)
    is_settled = case.outcome not in ("pending", "lapsed")
    step = question(
        f"s{number}",
        case.asked_s,
        ended_s if is_settled else None,
        agent=case.agent,
        artifacts=[artifact(type=case.kind, sources=[])],
        result={"resolution": case.outcome} if case.outcome in ("auto_approve", "skip") else {},
    )
    statuses = {"pending": "interrupted", "lapsed": "error"}
    status = statuses.get(case.outcome, "running" if is_open else "completed")
    moment = (START + timedelta(seconds=ended_s)).isoformat()
    made = run(
        step,
        run_id=f"run-{number}",
        end=None if is_open else ended_s,
        status=status,
        _runkit={"read_at": moment},
    )
    return made | {"_runkit": made["_runkit"] | {"business_id": "b"}} if case.is_listed else made


def frames_of(cases: list[Case]) -> runkit.Frames:
    f = runkit.frames([run_of(number, case) for number, case in enumerate(cases)])
    untimed = [f"run-{number}" for number, case in enumerate(cases) if not case.has_wait]
    is_untimed = f.interrupts["run_id"].isin(untimed) & f.interrupts["outcome"].eq("pending")
    f.interrupts["wait_s"] = f.interrupts["wait_s"].mask(is_untimed)
    return f


def log_entry(number: int, case: Case) -> dict[str, Any]:
    """A row of the answer log: sent so many seconds after the form was shown, or without a form."""
    sent_at = pd.Timestamp(START) + pd.Timedelta(days=1)
    return {
        "run_id": f"run-{number}",
        "interrupt_id": "i",
        "step_id": f"s{number}",
        "run_created_at": pd.NaT,
        "delivery": "confirmed",
        "answer": json.dumps(ANSWERS[case.answer or "unknown"]),
        "answered_by": case.reviewer,
        "sent_at": sent_at,
        "shown_at": pd.NaT if case.shown_s is None else sent_at - pd.Timedelta(seconds=case.shown_s),
        "n_sources_opened": case.n_opened,
    }


def log_of(cases: list[Case]) -> pd.DataFrame:
    rows = [log_entry(number, case) for number, case in enumerate(cases) if case.answer]
    frame = pd.DataFrame(rows, columns=[*log_entry(0, Case("answered"))])
    for name in ("run_created_at", "sent_at", "shown_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    return frame.astype({"n_sources_opened": "Int32"})


def recorded(number: int, case: Case) -> dict[str, Any]:
    """The action of a run as the API returns it."""
    diff = {"status": {"before": "in_review", "after": case.status_after}}
    return {
        "id": f"action-{number}",
        "type": case.kind,
        "object_type": "Watchlist::Result" if case.kind == "dismissal" else "Business",
        "object_id": HIT if case.kind == "dismissal" else "b",
        "created_at": at(case.asked_s + case.wait_s + 60),
        "effects": [{"operation": "updated", "diff": diff, "target": None}],
        "actors": [{"actor_type": "run", "data": {"id": f"run-{number}"}}],
    }


def actions_of(cases: list[Case], f: runkit.Frames, has_hit: bool = True) -> pd.DataFrame:
    """Read the actions of these runs from an API with one business, and a watchlist result or none."""
    hits = [{"object": "watchlist_result", "id": HIT}] if has_hit else []
    business = {"object": "business", "id": "b", "name": "B", "status": "in_review"}
    business |= {"created_at": at(0), "updated_at": at(0), "watchlist": {"lists": [{"results": hits}]}}
    done = [recorded(number, case) for number, case in enumerate(cases) if case.status_after]

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/businesses/b"):
            return httpx.Response(200, json=business)
        object_id = request.url.params["object_id"]
        return httpx.Response(
            200, json={"data": [action for action in done if action["object_id"] == object_id]}
        )

    transport = httpx.MockTransport(reply)
    with runkit.Client("mk_test_x", "http://127.0.0.1:1/v1", transport=transport, rate=None) as client:
        return runkit.actions(f, client)


@st.composite
def cases_of_a_fleet(draw: st.DrawFn) -> list[Case]:
    case = st.builds(
        Case,
        outcome=st.sampled_from(["pending", "lapsed", "answered", "answered", "auto_approve", "skip"]),
        asked_s=st.floats(0, 20 * DAY),
        wait_s=st.floats(0, 9 * DAY),
        kind=st.sampled_from([*CHANGES, "decision", "document", "another"]),
        agent=st.sampled_from(["agent_a", "agent_b", None]),
        answer=st.sampled_from([None, None, *ANSWERS]),
        reviewer=st.sampled_from(REVIEWERS[:2]),
        shown_s=st.sampled_from([None, 3.0, 10.0, 11.0]),
        n_opened=st.sampled_from([0, 2]),
        status_after=st.sampled_from([None, "approved", "rejected", "in_review"]),
        is_listed=st.sampled_from([True, True, False]),
        is_running=st.sampled_from([False, False, True]),
        has_wait=st.booleans(),
    )
    cases = draw(st.lists(case, max_size=24))
    is_action = {*CHANGES, "decision"}
    acting = ("answered", "auto_approve")
    return [
        item if item.kind in is_action and item.outcome in acting else item._replace(status_after=None)
        for item in cases
    ]


@given(
    cases_of_a_fleet(),
    st.sampled_from(["kind", "agent", "answered_by", "week"]),
    st.booleans(),
    st.sampled_from([None, True, False]),
)
def test_decisions_equal_a_plain_loop(
    cases: list[Case], by: str, is_logged: bool, has_hit: bool | None
) -> None:
    cases = [*cases, Case("lapsed")]  # one run at least knows its business
    f = frames_of(cases)
    answers = log_of(cases) if is_logged else None
    actions = None if has_hit is None else actions_of(cases, f, has_hit)
    table = runkit.decisions(f, by, answers, actions)
    rows = table.astype("object").where(table.notna(), None).to_dict("records")
    expected = counted(f, cases, by, is_logged, has_hit)
    assert len(rows) == len(expected)
    for row, numbers_of_group in zip(rows, expected, strict=True):
        assert row == pytest.approx(numbers_of_group)
    assert table[[*RESULTS]].sum(axis=1).eq(table["n_answered"]).all()


@pytest.mark.parametrize("n", [9, 10])
def test_a_90th_percentile_needs_ten_answers(n: int) -> None:
    f = frames_of([Case("answered", wait_s=float(wait_s)) for wait_s in range(1, n + 1)])
    assert runkit.decisions(f)["wait_p90_s"].isna().tolist() == [n < 10]


def counted(
    f: runkit.Frames, cases: list[Case], by: str, is_logged: bool, has_hit: bool | None
) -> list[dict[str, Any]]:
    """Count the questions in a loop."""
    groups: dict[str, list[tuple[Case, dict[str, Any], str | None]]] = {}
    for number, case in enumerate(cases):
        [row] = f.interrupts[f.interrupts["run_id"] == f"run-{number}"].to_dict("records")
        has_entry = is_logged and case.outcome == "answered" and case.answer is not None
        logged = case if has_entry else case._replace(answer=None, shown_s=None)
        monday = (row["asked_at"] - pd.Timedelta(days=row["asked_at"].weekday())).date().isoformat()
        names = {
            "kind": row["kind"],
            "agent": case.agent,
            "week": monday,
            "answered_by": case.reviewer if has_entry else None,
        }
        groups.setdefault(names[by] or "unknown", []).append((logged, row, result_of(logged, has_hit)))
    order = sorted(groups, key=lambda name: (name == "unknown", by != "week" and -len(groups[name]), name))
    return [{by: name} | numbers(groups[name], is_logged) for name in order]


def result_of(case: Case, has_hit: bool | None) -> str | None:
    """What became of an answer: as logged, else as its action shows; `has_hit` is None without actions."""
    if case.outcome != "answered":
        return None
    if case.answer in ("approved", "rejected", "edited"):
        return "rejected" if case.answer == "rejected" else "approved"
    if has_hit is None or not (has_hit or case.kind != "dismissal"):
        return None
    if case.kind == "decision":
        return case.status_after if case.status_after in ("approved", "rejected") else None
    if case.status_after:
        return "approved"
    is_known = case.kind in CHANGES and case.is_listed and not case.is_running
    return "not_done" if is_known else None


def numbers(rows: list[tuple[Case, dict[str, Any], str | None]], is_logged: bool) -> dict[str, Any]:
    """The columns of one group."""
    outcomes = [case.outcome for case, _, _ in rows]
    answered = [(case, row, result) for case, row, result in rows if case.outcome == "answered"]
    waits = sorted(row["wait_s"] for _, row, _ in answered)
    pending = [row["wait_s"] for case, row, _ in rows if case.outcome == "pending" and case.has_wait]
    results = Counter(result for _, _, result in answered)
    is_known = bool(set(results) - {None})
    edits = [case.answer == "edited" for case, _, _ in rows if case.answer not in (None, "unknown")]
    shown = [case for case, _, _ in rows if case.shown_s is not None]
    quick = [case for case in shown if case.shown_s <= 10 and case.n_opened == 0]
    has_over = pending or "pending" not in outcomes
    return {
        "n_asked": len(rows),
        "n_pending": outcomes.count("pending"),
        "n_auto": outcomes.count("auto_approve") + outcomes.count("skip"),
        "n_lapsed": outcomes.count("lapsed"),
        "n_answered": len(waits),
        **{f"n_{name}": results[name] if is_known else None for name in ("approved", "rejected", "not_done")},
        "n_unknown": results[None],
        "n_edited": sum(edits) if edits else None,
        "wait_p50_s": share(waits, 0.5) if waits else None,
        "wait_p90_s": share(waits, 0.9) if len(waits) >= 10 else None,
        "oldest_pending_s": max(pending, default=None),
        **{
            f"n_over_{days}d": sum(wait > days * DAY for wait in pending) if has_over else None
            for days in (1, 3, 7)
        },
        "n_shown": len(shown) if is_logged else None,
        "n_quick": len(quick) if shown else None,
    }


def share(waits: list[float], part: float) -> float:
    """A percentile, between two waits on a straight line."""
    position = part * (len(waits) - 1)
    low, high = math.floor(position), math.ceil(position)
    return waits[low] + (waits[high] - waits[low]) * (position - low)


# ---------------------------------------------------------------------------------------------- the sandbox


def test_decisions_of_the_sandbox_are_those_of_its_plans(tmp_path: Path) -> None:
    with sandbox(history=60, seed=4, now="2026-11-02T10:00:00Z") as (server, client):
        listed = client.runs.list(business_id=client.businesses.list(), progress=False)
        f = runkit.frames(client.runs.fetch(listed, progress=False))
        actions = runkit.actions(f, client, progress=False)
        plans = {run_id: server.store.plan_of(run_id) for run_id in f.runs["run_id"]}
    expected: Counter[tuple[str, str]] = Counter()
    is_ended = dict(zip(f.runs["run_id"], f.runs["status"].isin(["completed", "error"]), strict=True))
    for row in f.interrupts[f.interrupts["outcome"] == "answered"].itertuples():
        results = results_of(plans[row.run_id], row.interrupt_id)
        expected[row.kind, result_of_plan(results, row.kind, is_ended[row.run_id])] += 1

    table = runkit.decisions(f, actions=actions).set_index("kind")
    for kind, row in table.iterrows():
        counts = {name: expected[kind, name] for name in RESULTS}
        assert row[[*RESULTS]].fillna(0).to_dict() == counts
    assert table["n_answered"].sum() == expected.total() > 20
    assert min(sum(n for (_, name), n in expected.items() if name == column) for column in RESULTS) > 0
    assert table["n_edited"].isna().all()

    path = tmp_path / "actions.parquet"
    actions.to_parquet(path)
    stored = runkit.decisions(f, actions=pd.read_parquet(path)).set_index("kind")
    pd.testing.assert_frame_equal(stored, table)
    untold = runkit.decisions(f)
    assert untold[["n_approved", "n_rejected", "n_not_done", "n_edited"]].isna().all(axis=None)
    assert untold["n_unknown"].equals(untold["n_answered"])


def result_of_plan(results: Iterable[str | None], kind: str, is_ended: bool) -> str:
    """The column that counts a question with these results of its proposals."""
    done = {result for result in results if result is not None}
    if len(done) == 1:
        return f"n_{done.pop()}"
    return "n_not_done" if not done and kind in CHANGES and is_ended else "n_unknown"


# ------------------------------------------------------------------------------ what can and cannot be known


def test_nothing_known_of_55_answers_is_no_zero() -> None:
    cases = [Case("answered", 60 * number) for number in range(55)]
    [row] = runkit.decisions(frames_of(cases), answers=log_of(cases)).to_dict("records")
    assert (row["n_answered"], row["n_unknown"]) == (55, 55)
    assert pd.isna([row[name] for name in ("n_approved", "n_rejected", "n_not_done", "n_edited")]).all()


def not_done(f: runkit.Frames, actions: pd.DataFrame) -> int:
    table = runkit.decisions(f, actions=actions)
    assert table["n_answered"].sum() == table[[*RESULTS]].sum(axis=None)
    return int(table["n_not_done"].sum())


def test_not_done_needs_all_actions() -> None:
    """Not of a part of the frame, nor of one that lost its attributes, nor of a later run of the business."""
    cases = [Case("answered"), Case("answered", status_after="dismissed")]
    f = frames_of(cases)
    actions = actions_of(cases, f)
    assert not_done(f, actions) == 1
    assert not_done(f, actions.iloc[:0]) == 1  # of the run whose action is missing nothing is known
    assert not_done(f, pd.DataFrame(actions.to_dict("list"))) == 0
    later = frames_of([*cases, Case("answered")])
    assert not_done(later, actions) == 1


def test_a_run_that_goes_on_may_still_act() -> None:
    """Actions that were read before the run ended do not show what it did not do."""
    early = frames_of([Case("answered", is_running=True)])
    ended = frames_of([Case("answered")])
    actions = actions_of([], early)
    assert not_done(early, actions) == not_done(ended, actions) == 0
    assert not_done(ended, actions_of([], ended)) == 1


def test_a_rubber_stamper_is_found() -> None:
    """One of five reviewers approves everything within seconds and opens nothing."""
    cases = []
    for number in range(100):
        reviewer = REVIEWERS[number % 5]
        # the others: quick with a source opened, or slow without one, and sometimes a rejection
        shown_s, n_opened = [(6.0, 1), (90.0, 0), (240.0, 3)][number % 3]
        decision = "rejected" if number % 4 == 0 else "approved"
        if reviewer == "Chi Okafor":
            shown_s, n_opened, decision = 4.0, 0, "approved"
        case = Case("answered", 60 * number, 300, answer=decision, reviewer=reviewer)
        cases.append(case._replace(shown_s=shown_s, n_opened=n_opened))
    f, log = frames_of(cases), log_of(cases)
    table = runkit.decisions(f, "answered_by", log).set_index("answered_by")
    assert set(table.index) == set(REVIEWERS)
    assert table["n_answered"].tolist() == table["n_shown"].tolist() == [20] * 5
    suspects = table[(table["n_quick"] / table["n_shown"] > 0.5) & (table["n_rejected"] == 0)]
    assert suspects.index.tolist() == ["Chi Okafor"]
    assert table["n_quick"].drop("Chi Okafor").eq(0).all()
    assert runkit.decisions(f, "answered_by", log, quick_s=3)["n_quick"].eq(0).all()


def test_a_log_of_runkit_0_1_has_no_displays() -> None:
    cases = [Case("answered", answer="approved", shown_s=5)]
    log = log_of(cases).drop(columns=["shown_at", "n_sources_opened"])
    [row] = runkit.decisions(frames_of(cases), answers=log).to_dict("records")
    assert (row["n_approved"], row["n_shown"]) == (1, 0)
    assert pd.isna(row["n_quick"])


@pytest.mark.parametrize("by", ["kind", "agent", "answered_by", "week"])
def test_no_questions(by: str) -> None:
    """No rows, with the same columns and dtypes."""
    empty, table = runkit.decisions([], by), runkit.decisions(frames_of([Case("answered")]), by)
    assert len(empty) == 0
    assert empty.dtypes.equals(table.dtypes)
    assert not table.dtypes.eq("object").any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "agents"}, "by='agents'; expected 'kind', 'agent'"),
        ({"answers": pd.DataFrame()}, "expected the frame from runkit.answer_log"),
        ({"actions": pd.DataFrame()}, "expected the frame of runkit.actions"),
    ],
)
def test_refused_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        runkit.decisions([], **options)
