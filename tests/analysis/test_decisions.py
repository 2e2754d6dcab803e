"""How reviewers decide: every number is that of a plain loop."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runkit
from runkit.charts import fleet
from runkit.errors import UsageError
from support import START, artifact, question, run

DAY = 86_400
VERDICTS: dict[str, dict[str, Any]] = {
    "approved": {"decision": "approve"},
    "rejected": {"decision": "reject"},
    "edited": {"decision": "approve", "actions": []},
    "unknown": {"decision": "maybe"},
}
REVIEWERS = ("Ana Ortiz", "Bo Lindqvist", "Chi Okafor", "Dee Ruiz", "Eve Marsh")


def asked(
    number: int, outcome: str, at: float, waited: float, kind: str = "dismissal", agent: str | None = None
) -> dict[str, Any]:
    """A run with one question."""
    ends = {"pending": None, "lapsed": None}.get(outcome, at + waited)
    result = {"resolution": outcome} if outcome in ("auto_approve", "skip") else {}
    step = question(
        f"s{number}", at, ends, agent=agent, artifacts=[artifact(type=kind, sources=[])], result=result
    )
    is_open = outcome == "pending"
    status = {"pending": "interrupted", "lapsed": "error"}.get(outcome, "completed")
    end = None if is_open else at + waited
    moment = (START + timedelta(seconds=at + waited)).isoformat()
    return run(step, run_id=f"run-{number}", end=end, status=status, updated_at=moment)


def answer(number: int, verdict: str, by: str, seconds: float | None, opened: int | None) -> dict[str, Any]:
    """A row of the answer log: sent so many seconds after the form was shown, or without a form."""
    sent_at = pd.Timestamp(START) + pd.Timedelta(days=1)
    return {
        "run_id": f"run-{number}",
        "interrupt_id": "i",
        "step_id": f"s{number}",
        "run_created_at": pd.NaT,
        "delivery": "confirmed",
        "answer": json.dumps(VERDICTS[verdict]),
        "answered_by": by,
        "sent_at": sent_at,
        "shown_at": pd.NaT if seconds is None else sent_at - pd.Timedelta(seconds=seconds),
        "n_sources_opened": opened,
    }


def log(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[*answer(0, "approved", "", None, None)])
    for name in ("run_created_at", "sent_at", "shown_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    return frame.astype({"n_sources_opened": "Int32"})


questions = st.lists(
    st.tuples(
        st.sampled_from(["pending", "lapsed", "answered", "answered", "auto_approve", "skip"]),
        st.floats(0, 20 * DAY),
        st.floats(0, 9 * DAY),
        st.sampled_from(["dismissal", "decision", "other thing"]),
        st.sampled_from(["agent_a", "agent_b", None]),
        st.sampled_from([None, *VERDICTS]),
        st.sampled_from(REVIEWERS[:2]),
        st.sampled_from([None, 3.0, 10.0, 11.0]),
        st.sampled_from([0, 2]),
    ),
    max_size=30,
)


@given(questions, st.sampled_from(["kind", "agent", "answered_by", "week"]), st.booleans())
def test_as_a_plain_loop_counts(drawn: list[tuple[Any, ...]], by: str, is_logged: bool) -> None:
    """Groups, counts, percentiles and quick answers, with the answer log and without it."""
    f = runkit.frames([asked(number, *row[:5]) for number, row in enumerate(drawn)])
    rows = [
        answer(number, verdict, *rest)
        for number, (*_, verdict, by_, seconds, opened) in enumerate(drawn)
        if verdict
        for rest in [(by_, seconds, opened)]
    ]
    answers = log(rows) if is_logged else None
    table = runkit.decisions(f, by, answers)
    rows = table.astype("object").where(table.notna(), None).to_dict("records")
    expected = counted(f, drawn, by, is_logged)
    assert len(rows) == len(expected)
    for row, numbers_of_group in zip(rows, expected, strict=True):
        assert row == pytest.approx(numbers_of_group)


def counted(f: runkit.Frames, drawn: list[tuple[Any, ...]], by: str, is_logged: bool) -> list[dict[str, Any]]:
    """Count the questions one by one."""
    groups: dict[str, list[tuple[Any, ...]]] = {}
    for number, (outcome, _, _, _, agent, verdict, who, seconds, opened) in enumerate(drawn):
        [row] = f.interrupts[f.interrupts["run_id"] == f"run-{number}"].to_dict("records")
        is_known = is_logged and outcome == "answered" and verdict is not None
        monday = (row["asked_at"] - pd.Timedelta(days=row["asked_at"].weekday())).date().isoformat()
        names = {
            "kind": row["kind"],
            "agent": agent,
            "week": monday,
            "answered_by": who if is_known else None,
        }
        entry = (outcome, row["wait_s"], verdict if is_known else None, seconds if is_known else None, opened)
        groups.setdefault(names[by] or "unknown", []).append(entry)
    order = sorted(groups, key=lambda name: (name == "unknown", by != "week" and -len(groups[name]), name))
    return [{by: name} | numbers(groups[name], is_logged) for name in order]


def numbers(rows: list[tuple[Any, ...]], is_logged: bool) -> dict[str, Any]:
    """The columns of one group."""
    waits = sorted(wait for outcome, wait, *_ in rows if outcome == "answered")
    pending = [wait for outcome, wait, *_ in rows if outcome == "pending"]
    verdicts = [verdict for _, _, verdict, *_ in rows]
    shown = [(seconds, opened) for *_, seconds, opened in rows if seconds is not None]
    quick = [one for one in shown if one[0] <= 10 and one[1] == 0]
    return {
        "n_asked": len(rows),
        "n_pending": len(pending),
        "n_auto": sum(row[0] in ("auto_approve", "skip") for row in rows),
        "n_expired": sum(row[0] == "lapsed" for row in rows),
        "n_answered": len(waits),
        **{
            f"n_{word}": verdicts.count(word) if is_logged else None
            for word in ("approved", "rejected", "edited")
        },
        "wait_p50_s": share(waits, 0.5) if waits else None,
        "wait_p90_s": share(waits, 0.9) if len(waits) >= 10 else None,
        "oldest_pending_s": max(pending, default=None),
        **{f"n_over_{days}d": sum(wait > days * DAY for wait in pending) for days in (1, 3, 7)},
        "n_shown": len(shown) if is_logged else None,
        "n_quick": len(quick) if is_logged else None,
    }


def share(waits: list[float], part: float) -> float:
    """A percentile, between two waits on a straight line."""
    place = part * (len(waits) - 1)
    low, high = math.floor(place), math.ceil(place)
    return waits[low] + (waits[high] - waits[low]) * (place - low)


def test_a_rubber_stamper_is_found() -> None:
    """One of five reviewers approves everything within seconds and opens nothing."""
    runs, rows = [], []
    for number in range(100):
        by = REVIEWERS[number % 5]
        runs.append(asked(number, "answered", 60 * number, 300, "dismissal", "agent_a"))
        if by == "Chi Okafor":
            rows.append(answer(number, "approved", by, 4, 0))
        else:  # quick with a source opened, or slow without one, and now and then a no
            seconds, opened = [(6, 1), (90, 0), (240, 3)][number % 3]
            rows.append(answer(number, "rejected" if number % 4 == 0 else "approved", by, seconds, opened))
    table = runkit.decisions(runs, "answered_by", log(rows)).set_index("answered_by")
    assert set(table.index) == set(REVIEWERS)
    assert table["n_answered"].tolist() == table["n_shown"].tolist() == [20] * 5
    suspects = table[(table["n_quick"] / table["n_shown"] > 0.5) & (table["n_rejected"] == 0)]
    assert suspects.index.tolist() == ["Chi Okafor"]
    assert table["n_quick"].drop("Chi Okafor").eq(0).all()
    assert runkit.decisions(runs, "answered_by", log(rows), quick_s=3)["n_quick"].eq(0).all()
    panel = fleet.decisions(runkit.frames(runs), "answered_by", log(rows))
    assert "20 of 100 answers in a form" in panel.sentence


def test_decisions_of_the_frames_count_without_the_log() -> None:
    """Frames that were joined with the answer log know them; how they were shown is not in frames."""
    runs = [asked(number, "answered", 0, 9) for number in range(3)]
    rows = log([answer(number, "rejected", "Ana Ortiz", 5, 0) for number in range(2)])
    [row] = runkit.decisions(runkit.frames(runs, answers=rows)).to_dict("records")
    assert (row["n_answered"], row["n_rejected"], row["n_approved"]) == (3, 2, 0)
    assert row["n_shown"] is None


def test_a_log_of_runkit_0_1_has_no_displays() -> None:
    """Its answers count, and none of them is quick."""
    rows = log([answer(0, "approved", "Ana Ortiz", 5, 0)]).drop(columns=["shown_at", "n_sources_opened"])
    [row] = runkit.decisions([asked(0, "answered", 0, 9)], answers=rows).to_dict("records")
    assert (row["n_approved"], row["n_shown"], row["n_quick"]) == (1, 0, 0)


@pytest.mark.parametrize("by", ["kind", "agent", "answered_by", "week"])
def test_no_questions(by: str) -> None:
    """No rows, with the same columns and dtypes."""
    none, one = (
        runkit.decisions([], by),
        runkit.decisions([asked(0, "answered", 0, 9)], by),
    )
    assert len(none) == 0
    assert none.dtypes.equals(one.dtypes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"by": "agents"}, "by='agents' is not known; expected one of 'kind', 'agent'"),
        ({"quick_s": -1}, "quick_s=-1; expected"),
        ({"quick_s": "10"}, "quick_s='10'; expected"),
        ({"answers": 3}, "answers is 3; expected"),
    ],
)
def test_refused_arguments(options: dict[str, Any], words: str) -> None:
    """A group that does not exist, and numbers that are none."""
    with pytest.raises(UsageError, match=words):
        runkit.decisions([], **options)
