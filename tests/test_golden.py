"""Every version reads what earlier versions wrote. Tests work on a copy of the files."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import runkit
from runkit import answers

GOLDEN = Path(__file__).parent / "golden"
TIN, WATCHLIST, FAILED, WAITING, WORKING = (
    "7a309f4c-48e1-5cf6-a35b-f5cfa964100c",
    "eedb58d3-dfaa-5c94-bb21-e43afd7fda2c",
    "0b5a426f-29be-5414-a76c-82b1a5273e6c",
    "514787de-e1a0-5aa7-a84f-9dd1e9a1e349",
    "a5f29513-5909-5ba5-b46e-140745ce7563",
)
RUNS = {  # status, then seconds: in all, at work, waiting for a person, idle
    TIN: ("completed", 1193.344, 215.155, 974.241, 3.948),
    WATCHLIST: ("completed", 304.017, 202.333, 99.164, 2.520),
    FAILED: ("error", 109.712, 107.289, 0, 2.423),
    WAITING: ("interrupted", 608.256, 135.518, 471.150, 1.588),
    WORKING: ("running", 149.408, 146.660, 0, 2.748),
}
EARLIER = {  # version 1 of the archive, before one run was answered and another began
    TIN: ("interrupted", 1069.049, 93.223, 974.241, 1.585),
    WATCHLIST: RUNS[WATCHLIST],
    FAILED: RUNS[FAILED],
    WAITING: ("interrupted", 483.256, 135.518, 346.150, 1.588),
}


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """The files of 0.1, which a test may change."""
    return Path(shutil.copytree(GOLDEN / "0.1", tmp_path / "golden"))


def budgets(f: runkit.Frames) -> dict[str, tuple[Any, ...]]:
    """Each run's status and seconds."""
    columns = ["run_id", "status", "duration_s", "working_s", "waiting_s", "idle_s"]
    rows = f.runs[columns].itertuples(index=False)
    return {run_id: (status, *(round(one, 6) for one in seconds)) for run_id, status, *seconds in rows}


def check_rows(f: runkit.Frames) -> None:
    """The five runs and all that hangs on them."""
    assert budgets(f) == RUNS
    by_run = f.runs.set_index("run_id")
    counts = ["n_steps", "n_errors", "n_interrupts", "n_pending", "n_artifacts", "n_sources"]
    assert by_run.loc[TIN, counts].tolist() == [19, 0, 1, 0, 7, 14]
    assert by_run.loc[FAILED, counts].tolist() == [15, 1, 0, 0, 4, 4]
    assert by_run.loc[WAITING, counts].tolist() == [16, 0, 1, 1, 5, 7]
    assert [len(f.steps), len(f.artifacts), len(f.sources), len(f.interrupts)] == [85, 26, 43, 3]
    assert f.steps["type"].value_counts().to_dict() == {
        "activity": 78,
        "output": 3,
        "interrupt": 3,
        "error": 1,
    }
    critical = f.steps.groupby("run_id")["critical_s"].sum()
    assert critical.round(3).to_dict() == {
        TIN: 1189.634,
        WATCHLIST: 301.812,
        FAILED: 107.721,
        WAITING: 606.852,
        WORKING: 147.447,
    }
    interrupts = f.interrupts.set_index("run_id")
    assert interrupts["outcome"].to_dict() == {TIN: "answered", WATCHLIST: "answered", WAITING: "pending"}
    assert interrupts["wait_s"].round(3).to_dict() == {TIN: 974.241, WATCHLIST: 99.164, WAITING: 471.15}


def test_fetched_runs(golden: Path) -> None:
    """NDJSON of `runkit fetch`: when each run was read is in it, so that open runs give the same numbers."""
    f = runkit.frames(golden / "runs.ndjson")
    check_rows(f)
    assert f.is_complete
    assert set(f.runs["as_of"].astype(str)) == {"2026-02-03 14:20:15+00:00"}


def test_saved_frames(golden: Path) -> None:
    """Columns that came later are there, too, with the dtypes of today; what was refused is still known."""
    f = runkit.frames(golden / "frames")
    check_rows(f)
    assert f.coverage[:3] == (6, 5, 1)
    assert not f.is_complete
    assert f.problems["run_id"].tolist() == ["without-times"] * 3
    for name, empty in runkit.frames([]).items():
        frame = getattr(f, name)
        assert list(frame) == list(empty)
        assert (frame.dtypes == empty.dtypes).all(), name


def test_an_archive(golden: Path) -> None:
    """The newest copy of each run, and the table as it was before."""
    archive = runkit.Archive(golden / "archive")
    assert archive.version == 2
    assert len(archive) == 5
    assert {run.id: run.status for run in archive.runs()} == {key: row[0] for key, row in RUNS.items()}
    check_rows(archive.frames())
    assert budgets(archive.frames(version=1)) == EARLIER
    assert set(archive.frames(status="interrupted").runs["run_id"]) == {WAITING}


def test_an_archive_goes_on(golden: Path) -> None:
    """What it holds already is not doubled, and a newer copy of a run takes the place of the old one."""
    archive = runkit.Archive(golden / "archive")
    archive.add(golden / "runs.ndjson", progress=False)
    assert budgets(archive.frames()) == RUNS
    run = next(archive.runs(status="running")).to_dict()
    run |= {
        "status": "completed",
        "ended_at": "2026-02-03T14:20:17.000Z",
        "updated_at": "2026-02-03T14:20:17.000Z",
    }
    archive.add([run], progress=False)
    assert len(archive) == 5
    assert budgets(archive.frames())[WORKING][0] == "completed"


def test_an_answer_log(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer that was sent, by whom, and what became of it."""
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(golden / "state"))
    log = runkit.answer_log()
    assert log["run_id"].tolist() == [WATCHLIST, WATCHLIST, TIN]
    assert log["delivery"].tolist() == ["confirmed", "refused", "unconfirmed"]
    assert log["answered_by"].tolist() == ["Ana Ortiz", "bo.lindqvist", "bo.lindqvist"]
    assert [json.loads(answer)["decision"] for answer in log["answer"]] == ["approve", "reject", "approve"]
    assert log["sent_at"].is_monotonic_increasing
    assert log["answer_digest"].str.len().eq(64).all()
    assert log[["shown_at", "n_sources_opened"]].isna().all(axis=None)
    display = answers.Display(datetime.now(UTC), 2)
    answers.begin({"decision": "approve"}, "Ana Ortiz", {"run_id": WATCHLIST}, display)
    assert runkit.answer_log()["n_sources_opened"].dropna().tolist() == [2]


def test_a_draft(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form of the same question on the same host shows what was typed."""
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(golden / "state"))
    with sqlite3.connect(golden / "state" / "runkit.sqlite3") as db:  # a draft is kept for seven days
        db.execute("UPDATE drafts SET saved_at = ?", [time.time()])
    db.close()
    lines = (golden / "runs.ndjson").read_text().splitlines()
    run = next(one for one in map(json.loads, lines) if one["id"] == WAITING)
    network = httpx.MockTransport(lambda request: httpx.Response(200, json=run))
    host = "http://127.0.0.1:8100/v1"  # the one that the draft was made for
    with runkit.Client("mk_test_golden", host, transport=network) as client:
        form = runkit.InterruptForm(client, WAITING)
        entries = form.controller.entries
        form.close()
    assert "Half a thought about the name" in json.dumps(entries)


# -------------------------------------------------------------------------------------------- files of 0.2

OLD_RUNS = {
    "888d6a61-dc5c-5780-8f09-ff1b066ba628": ("completed", 194.458, 192.422, 0, 2.036),
    "80c8b83e-8967-595d-9ba8-aa691080affe": ("completed", 704.365, 203.183, 496.883, 4.299),
    "7036b343-c660-555c-90e1-faee53e03772": ("error", 128.702, 127.363, 0, 1.339),
    "cc79c394-00f6-5441-9e9c-792e6a61fb7a": ("interrupted", 101350.088, 170.614, 101176.745, 2.729),
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The files of 0.2, which a test may change."""
    return Path(shutil.copytree(GOLDEN / "0.2", tmp_path / "old"))


def test_saved_frames_of_02(old: Path) -> None:
    """Columns of today follow from those of 0.2 where they can; each row of its problems counts once."""
    f = runkit.frames(old / "frames")
    assert budgets(f) == OLD_RUNS | {"odd-steps": OLD_RUNS[f.runs["run_id"][0]]}
    assert f.coverage == (6, 5, 1, None)
    assert (f.steps["is_failed"].sum(), f.steps["label"].isna().sum()) == (3, 0)
    assert f.interrupts["outcome"].tolist() == ["answered", "answered", "pending"]
    problems = ["not_a_run", *["unknown_value"] * 4]
    assert f.problems["problem"].tolist() == problems
    order = f.steps["step_no" if "step_no" in f.steps else "order"]
    assert order.max() == f.runs["n_steps"].max() - 1
    if "n" in f.problems:
        assert f.problems["n"].tolist() == [1] * 5
    for name, empty in runkit.frames([]).items():
        assert (f[name].dtypes.astype(str) == empty.dtypes.astype(str)).all(), name


def test_an_archive_of_02(old: Path) -> None:
    f = runkit.frames(old / "archive")
    assert (budgets(f), f.version) == (OLD_RUNS, 2)
    assert f.runs["business_name"].notna().all()
    assert set(runkit.Archive(old / "archive").frames(version=1).runs["run_id"]) == set([*OLD_RUNS][:3])


def test_an_answer_log_of_02(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(old / "state"))
    f = runkit.frames(old / "frames", answers=runkit.answer_log())
    question = f.interrupts[f.interrupts["outcome"] == "pending"].iloc[0]
    [entry] = runkit.answer_log().to_dict("records")
    assert (entry["run_id"], entry["interrupt_id"]) == (question["run_id"], question["interrupt_id"])
    assert (entry["answered_by"], entry["delivery"]) == ("Ana Ortiz", "confirmed")
