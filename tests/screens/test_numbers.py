"""The numbers of panels are those of a plain loop over the JSON, whoever sent it."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import pytest

import oracle
import runkit
import strangers
from panel_texts import headings, tiles
from runkit.screens import pages
from support import column

RATINGS = ("high", "medium", "low")
STATUSES = {"interrupted": "◷", "error": "✕", "failed": "✕", "running": "●", "pending": "●"}
FILES = {
    **{f"form {name}": name for name in strangers.FORMS},
    **{f"without {name}": name for name in strangers.REMOVALS},
}


def records_of(file: str) -> list[object]:
    """A file of runs: six in a form beside ordinary ones, or all with something removed."""
    ordinary = strangers.fleet(seed=5, n_runs=8)
    name = FILES[file]
    if file.startswith("form"):
        return strangers.records([*ordinary, *strangers.several(name, 6)])
    return strangers.reduced(ordinary, name)


@pytest.fixture(params=FILES, scope="module")
def file(request):
    """The frames of a file, and its rows by a plain loop."""
    records = records_of(request.param)
    return runkit.frames(records), oracle.tables(records)


def count(flags: Iterable[bool | None], noun: str, words: Iterable[str]) -> str:
    """A count by hand: `3 of 19 known runs, 1 not known: paused`."""
    flags = list(flags)
    known = [flag for flag in flags if flag is not None]
    others = ", ".join(dict.fromkeys(words))
    if flags and not known:
        text = f"– of {len(flags)} {noun}, not known"
    else:
        n_unknown = len(flags) - len(known)
        text = f"{sum(known)} of {len(known)}{' known' if n_unknown else ''} {noun}"
        text += f", {n_unknown} not known" if n_unknown else ""
    return f"{text}: {others}" if others else text


def is_low(row: oracle.Row, rated: list[oracle.Row]) -> bool | None:
    """Whether a run has something of low confidence; None where nobody knows."""
    words = [one["confidence"] for one in rated if one["run_id"] == row["run_id"]]
    if any(str(word).lower() == "low" for word in words):
        return True
    is_known = all(str(word).lower() in RATINGS for word in words)
    return False if is_known and row["n_findings"] is not None else None


def test_the_four_counts_and_the_numbers_of_the_groups(file):
    f, rows = file
    waiting = {row["run_id"] for row in rows.interrupts if row["outcome"] == "pending"}
    icons = [STATUSES.get(str(row["status"]).lower()) for row in rows.runs]
    done = [row for row in rows.runs if str(row["status"]).lower() == "completed"]
    odd = [
        row["status"]
        for row, icon in zip(rows.runs, icons, strict=True)
        if icon is None and row not in done
    ]
    ids = {row["run_id"] for row in done}
    rated = [
        row
        for row in rows.artifacts
        if row["run_id"] in ids
        and (row["origin"] == "output" or (row["origin"] == "finding" and not row["is_repeat"]))
    ]
    expected = {}
    for name, icon in (("Waiting", "◷"), ("Failed", "✕"), ("Running", "●")):
        flags: list[bool | None] = []
        for row, its in zip(rows.runs, icons, strict=True):
            is_so = row["run_id"] in waiting if icon == "◷" else its == icon
            is_known = is_so or row["status"] not in odd
            flags.append(is_so if is_known else None)
        expected[f"{name} {icon}"] = count(flags, "runs", odd)
    words = [
        row["confidence"]
        for row in sorted(rated, key=lambda row: row["origin"] == "output")
        if row["confidence"] and row["confidence"].lower() not in RATINGS
    ]
    flags = [is_low(row, rated) for row in done]
    expected["Low confidence"] = count(flags, "completed", words)
    assert tiles(pages.head(f)) == expected
    groups = headings(runkit.fleet.needs_attention(f))
    failed = sum(icon == "✕" for icon in icons)
    assert groups == {
        "Waiting for a reviewer": len(waiting),
        "Failed": failed,
        "Low confidence": sum(flag is True for flag in flags),
    }


def test_waits_of_questions(file):
    """Of all kinds together: no rule fixes what the kinds are."""
    f, rows = file
    waits = {"pending": [], "answered": []}
    for row in rows.interrupts:
        waits.get(row["outcome"], []).append(row["wait_s"])
    known = [wait for wait in (*waits["pending"], *waits["answered"]) if wait is not None]
    longest = max((wait for wait in waits["pending"] if wait is not None), default=None)
    table = runkit.fleet.waits(f, sla_h=4).table
    sums = table[["n_pending", "n_answered", "n_late"]].sum()
    late = sum(wait > 4 * 3600 for wait in known)
    assert sums.tolist() == [len(waits["pending"]), len(waits["answered"]), late]
    assert table["longest_pending_s"].max() == longest or longest is None
    if len(table) == 1:
        answered = [wait for wait in waits["answered"] if wait is not None]
        middle = pytest.approx(median(answered)) if answered else None
        assert column(table, "median_s") == [middle]


def test_what_failed_and_where_the_time_went(file):
    f, rows = file
    parents = {
        (row["run_id"], row["parent_step_id"]) for row in rows.steps if row["state"] == "failed"
    }
    failed = [
        row
        for row in rows.steps
        if row["state"] == "failed" and (row["run_id"], row["step_id"]) not in parents
    ]
    table = runkit.fleet.failed_steps(f).table
    pairs = {(row["run_id"]) for row in failed}
    assert {run_id for run_ids in table["run_ids"] for run_id in run_ids} == pairs
    critical = sum(
        row["critical_s"]
        for row in rows.steps
        if row["type"] != "interrupt"
        and row["completed_at"] is not None
        and row["self_s"] is not None
        and row["critical_s"] is not None
    )
    slowest = runkit.fleet.slowest_steps(f).table
    if len(slowest) < 15:
        assert slowest["critical_s"].sum() == pytest.approx(critical)


def test_panels_of_each_run_have_its_rows(file):
    f, rows = file
    for run_id in f.runs["run_id"][::3]:
        one = f.select(run_id)
        asked = [row for row in rows.interrupts if row["run_id"] == run_id]
        found = [
            row["title"]
            for row in rows.artifacts
            if row["run_id"] == run_id and row["origin"] == "finding" and not row["is_repeat"]
        ]
        questions = runkit.one_run.questions(one).table
        findings = runkit.one_run.findings(one).table
        assert sorted(map(str, column(questions, "decision"))) == sorted(
            str(row["decision"]) for row in asked
        )
        assert sorted(map(str, column(findings, "title"))) == sorted(map(str, found))
        beside = runkit.one_run.beside_others(f, run_id).table
        run = next(row for row in rows.runs if row["run_id"] == run_id)
        others = [
            row["working_s"]
            for row in rows.runs
            if row["agent"] == run["agent"]
            and row["agent"]
            and row["run_id"] != run_id
            and str(row["status"]).lower() == "completed"
            and row["working_s"] is not None
        ]
        middle = pytest.approx(median(others)) if others else None
        cells = beside.astype(object).where(beside.notna(), None).iloc[0].tolist()
        assert cells == ["Work", pytest.approx(run["working_s"]), middle, len(others)] or (
            cells == ["Work", None, middle, len(others)] and run["working_s"] is None
        )
