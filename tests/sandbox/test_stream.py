"""The stream of a run, replayed and live."""

import json
import time
from typing import Any

import httpx
import pytest

from runkit.server import sandbox
from tests.sandbox.conftest import Server


@pytest.fixture
def server(shared: Server) -> Server:
    """One for all these tests."""
    return shared


def events(text: str) -> list[tuple[str | None, dict[str, Any]]]:
    """The `event:` word, if any, and the data of each message."""
    found = []
    for message in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in message.split("\n"))
        found.append((fields.get("event"), json.loads(fields["data"])))
    return found


def replay(server: Server, run_id: str, **params: Any) -> list[tuple[str | None, dict[str, Any]]]:
    answer = server.http.get(f"/runs/{run_id}/stream", params=params)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events(answer.text)


def test_a_finished_run_is_replayed(server: Server) -> None:
    """All events come from the start: a snapshot at each change, the last as the run is, then the end."""
    run = server.reach("clean_pass")
    messages = replay(server, run["id"])
    assert [word for word, _ in messages[:2]] == ["RUN_STARTED", "STATE_SNAPSHOT"]
    assert all(word == data["type"] and data["run_id"] == run["id"] for word, data in messages)
    snapshots = [data for word, data in messages if word == "STATE_SNAPSHOT"]
    assert len(snapshots) == len(server.running.store.plan_of(run["id"]).changes) - 1
    assert snapshots[-1]["snapshot"] == run
    assert [data["timestamp"] for _, data in messages] == sorted(data["timestamp"] for _, data in messages)
    assert messages[-1][0] == "RUN_FINISHED"
    assert messages[-1][1]["outcome"] == {"type": "success"}
    assert replay(server, run["id"]) == messages


def test_a_pause_closes_the_stream(server: Server) -> None:
    """A run that waits ends its stream with the question; once answered, a new one replays and goes on."""
    run = server.reach("watchlist_hit")
    messages = replay(server, run["id"])
    assert messages[-2][1]["snapshot"] == run
    assert messages[-1][1]["outcome"] == {"type": "interrupt", "interrupts": run["interrupts"]}
    server.answer(run, decision="reject")
    again = replay(server, run["id"])
    assert again[: len(messages) - 1] == messages[:-1]
    assert [word for word, _ in again].count("RUN_FINISHED") == 1
    assert again[-1][1]["outcome"] == {"type": "success"}


@pytest.mark.parametrize("scenario", ["clean_pass", "watchlist_hit"])
def test_a_live_run_streams_as_time_passes(scenario: str) -> None:
    """Events arrive while the run works, in virtual time, and the stream ends where the run stops."""
    with sandbox(speed=150, now="2026-02-03T12:00:00Z") as box, connect(box.url, box.key) as http:
        body = {"type": "cip_orchestrator", "business_id": box.business(scenario)}
        run_id = http.post("/runs", json=body).json()["id"]
        arrived = []
        with http.stream("GET", f"/runs/{run_id}/stream") as answer:
            arrived = [(time.monotonic(), line) for line in answer.iter_lines() if line.startswith("event")]
        assert arrived[-1][0] - arrived[0][0] > 0.1
        assert arrived[-1][1] == "event: RUN_FINISHED"
        live = len(arrived)
        assert live == http.get(f"/runs/{run_id}/stream").text.count("event: ")


def connect(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False)
