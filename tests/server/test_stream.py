"""The stream of a run, replayed and live."""

import json


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


def test_a_question_ends_the_stream(server):
    """Once answered, a new one replays a snapshot of each change and goes on to the end."""
    run = server.reach("watchlist_hit")
    messages = replay(server, run["id"])
    assert [word for word, _ in messages[:2]] == ["RUN_STARTED", "STATE_SNAPSHOT"]
    assert messages[-2][1]["snapshot"] == run
    assert messages[-1][1]["outcome"] == {"type": "interrupt", "interrupts": run["interrupts"]}
    done = server.answer(run, decision="reject")
    again = replay(server, run["id"])
    assert again[: len(messages) - 1] == messages[:-1]
    assert all(word == data["type"] and data["run_id"] == run["id"] for word, data in again)
    assert again[-2][1]["snapshot"] == done
    assert again[-1][1]["outcome"] == {"type": "success"}
