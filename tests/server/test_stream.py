"""The stream of a run, replayed and live."""

import json

import pytest


@pytest.fixture
def server(shared):
    """One for all these tests."""
    return shared


def events(text):
    """The `event:` word, if any, and the data of each message."""
    found = []
    for message in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in message.split("\n"))
        found.append((fields.get("event"), json.loads(fields["data"])))
    return found


def replay(server, run_id, **params):
    answer = server.http.get(f"/runs/{run_id}/stream", params=params)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events(answer.text)


def test_a_finished_run_is_replayed(server):
    """All events come from the start.

    A snapshot at each change, the last as the run is, then the end.
    """
    run = server.reach("clean_pass")
    messages = replay(server, run["id"])
    assert [word for word, _ in messages[:2]] == ["RUN_STARTED", "STATE_SNAPSHOT"]
    assert all(word == data["type"] and data["run_id"] == run["id"] for word, data in messages)
    assert len(messages) == len(server.running.store.placed(run["id"]).changes) + 1
    times = [data["timestamp"] for _, data in messages]
    assert times == sorted(times)
    assert messages[-2][1]["snapshot"] == run
    assert messages[-1][0] == "RUN_FINISHED"
    assert messages[-1][1]["outcome"] == {"type": "success"}
    assert replay(server, run["id"]) == messages


def test_a_question_ends_the_stream(server):
    """A run that waits ends its stream with the question.

    Once answered, a new one replays and goes on.
    """
    run = server.reach("watchlist_hit")
    messages = replay(server, run["id"])
    assert messages[-2][1]["snapshot"] == run
    assert messages[-1][1]["outcome"] == {"type": "interrupt", "interrupts": run["interrupts"]}
    server.answer(run, decision="reject")
    again = replay(server, run["id"])
    assert again[: len(messages) - 1] == messages[:-1]
    assert [word for word, _ in again].count("RUN_FINISHED") == 1
    assert again[-1][1]["outcome"] == {"type": "success"}
