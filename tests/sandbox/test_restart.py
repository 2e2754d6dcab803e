"""What a database keeps, and what a past looks like."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from runkit.contract import parse_time
from runkit.errors import UsageError
from runkit.server import sandbox
from tests.sandbox.conftest import BUSINESS, RealTime, Serve, Server


def test_a_restart_changes_nothing(serve: Serve, tmp_path: Path) -> None:
    """Another server on the same file gives the same bytes: runs, threads, feedback, actions, documents."""
    time, db = RealTime(), tmp_path / "box.db"
    first = serve(time, db=db)
    run = first.answer(first.reach("combined_proposal"), decision="approve", note="fine")
    first.reach("watchlist_hit")
    body = {"rating": "POSITIVE", "artifact_id": run["output"]["artifacts"][0]["id"]}
    first.post(f"/runs/{run['id']}/feedback", body)
    paths = ("/runs", "/threads", f"/runs/{run['id']}?include=steps", "/businesses")
    before = [first.http.get(path).content for path in paths]
    first.running.close()
    second = serve(time, db=db, seed=99, now="2020-01-01T00:00:00Z")
    assert [second.http.get(path).content for path in paths] == before
    assert second.post(f"/runs/{run['id']}/feedback", body)["superseded_prior"] is True


def test_a_run_goes_on_by_the_clock(serve: Serve, tmp_path: Path) -> None:
    """A run that was in mid-flight is where the clock says, and the clock did not stop with the server."""
    time, db = RealTime(), tmp_path / "box.db"
    first = serve(time, db=db, speed=10)
    run_id = first.start("clean_pass")
    time.seconds += 5
    assert first.run(run_id)["status"] == "running"
    first.running.close()
    time.seconds += 60
    second = serve(time, db=db, speed=10)
    run = second.run(run_id)
    assert run["status"] == "completed"
    ended = second.running.store.plan_of(run_id).ended
    assert ended
    virtual = second.running.store.clock.now()
    assert virtual == ended + 65_000 - (ended - second.running.store.plan_of(run_id).spec.created) // 10 - 1


def test_a_question_still_waits(serve: Serve, tmp_path: Path) -> None:
    """A question that waited before a restart waits after it, and can be answered."""
    time, db = RealTime(), tmp_path / "box.db"
    first = serve(time, db=db)
    run = first.reach("watchlist_hit")
    first.running.close()
    time.seconds += 86_400
    second = serve(time, db=db)
    assert second.run(run["id"]) == run
    assert second.answer(run, decision="reject")["status"] == "completed"


def test_a_changed_policy_does_not_change_runs(serve: Serve, tmp_path: Path) -> None:
    """A run keeps the policy that it was started under."""
    time, db = RealTime(), tmp_path / "box.db"
    run = (first := serve(time, db=db)).reach("watchlist_hit")
    first.running.close()
    second = serve(time, db=db, policy="auto_approve")
    assert second.run(run["id"]) == run
    assert second.reach("watchlist_hit")["status"] == "completed"


KILLED = """
import sys, httpx
from runkit.server import sandbox
box = sandbox(db=sys.argv[1], speed=1, now="2026-02-03T12:00:00Z", key="k")
http = httpx.Client(base_url=box.url, headers={"Authorization": "Bearer k"}, trust_env=False)
body = {"type": "cip_orchestrator", "business_id": box.business("clean_pass")}
print(http.post("/runs", json=body).json()["id"], flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.name != "posix", reason="kills with a signal")
def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    """After kill -9 the run that was just created is there and still running."""
    db = tmp_path / "box.db"
    command = [sys.executable, "-c", KILLED, str(db)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        run_id = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
    with sandbox(db=db) as box, box.client() as client:
        assert client.runs.get(run_id).status == "running"


def test_equal_worlds_give_equal_bytes(serve: Serve) -> None:
    """Equal seeds and requests at equal virtual times give equal bytes; another seed gives others."""
    lists = []
    for seed in (3, 3, 4):
        server = serve(seed=seed)
        server.answer(server.reach("combined_proposal"), decision="reject")
        lists.append(server.http.get("/runs").content)
    assert lists[0] == lists[1] != lists[2]


def runs_of(server: Server) -> list[dict[str, Any]]:
    """All runs, newest first."""
    pages = [server.get("/runs", page=page, per_page=100) for page in (1, 2)]
    return [dict(run) for page in pages for run in page["data"]]


def test_a_past_looks_lived_in(serve: Serve) -> None:
    """Two weeks of runs, newest first: most are done, some failed, some wait, none still works."""
    server = serve(history=120)
    runs = runs_of(server)
    created = [run["created_at"] for run in runs]
    assert len(created) == 120
    assert created == sorted(created, reverse=True)
    assert "2026-01-20T12" <= created[-1] < created[0] < "2026-02-03T11:46"
    found = Counter(run["status"] for run in runs)
    assert set(found) == {"completed", "interrupted", "error"}
    assert found["completed"] > 60
    assert min(found.values()) >= 3
    pauses = [step for run in runs for step in server.run(run["id"])["steps"] if step["type"] == "interrupt"]
    waits = [
        (parse_time(step["completed_at"]) - parse_time(step["started_at"])).total_seconds()
        for step in pauses
        if step["completed_at"] and "interrupt_id" in step["result"]
    ]
    assert min(waits) < 1_500
    assert max(waits) > 9 * 3_600
    for business in BUSINESS.values():
        assert server.get(f"/businesses/{business.id}")["status"] == business.status
    hit = {"object_type": "watchlist_result", "object_id": BUSINESS["watchlist_hit"].hit_id}
    assert server.get("/actions", **hit)["data"]


def test_a_question_of_the_past_can_be_answered(serve: Serve) -> None:
    """What was done in a made-up past changes no business; what follows from an answer of today does."""
    server = serve(history=200)
    business = BUSINESS["decision"]
    runs = runs_of(server)
    asked = [run for run in runs if run["interrupts"] and business.name in str(run["interrupts"])]
    assert server.get(f"/businesses/{business.id}")["status"] == "in_review"
    server.answer(asked[0], decision="rejected")
    assert server.get(f"/businesses/{business.id}")["status"] == "rejected"


def test_a_past_is_determined_by_its_seed(serve: Serve) -> None:
    """Equal seeds have equal pasts."""
    pages = [serve(seed=seed, history=60).http.get("/runs", params={"per_page": 60}) for seed in (0, 0, 1)]
    assert pages[0].content == pages[1].content != pages[2].content


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    """A file that is no database is refused and left alone, as is a place that does not exist."""
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be read as one" * 20)
    before = text.read_bytes()
    for path in (text, tmp_path / "nowhere" / "box.db"):
        with pytest.raises(UsageError, match="db="):
            sandbox(db=path)
    assert text.read_bytes() == before
