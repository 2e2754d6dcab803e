"""The stream of a run, in any shape and cut anywhere, and the truth at its end."""

import json

import pytest

from runkit.errors import RunkitError
from tests.client.conftest import Answer

STARTED = {"run_id": "run-1"}
FINISHED = {"run_id": "run-1", "outcome": {"type": "success"}}


def middesk(kind, data):
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def agui(kind, data):
    text = json.dumps({"type": kind, **data}).replace("run_id", "runId")
    return f"data: {text}\n\n".encode()


def serve(server, stream, run):
    """Answer a request for the stream with `stream`, and each read with `run`."""
    server.script = lambda request: stream if request.path.endswith("/stream") else Answer(run)


@pytest.mark.parametrize("encode", [middesk, agui])
def test_a_stream_ends_with_the_run(server, client, run_json, encode):
    """In Middesk's and AG-UI's form; other events are left out, and the last one is the run as read."""
    body = encode("RUN_STARTED", STARTED) + encode("STATE_DELTA", {})
    stream = Answer(chunks=[b"retry: 10\n\n", body, encode("RUN_FINISHED", FINISHED)])
    serve(server, stream, run_json(steps=[]))
    events = list(client.runs.stream("run-1"))
    assert [event.type for event in events] == ["RUN_STARTED", "RUN_FINISHED", "RUN_READ"]
    run = events[-1].run
    assert (run.id, run.steps, run.read_at is not None) == ("run-1", (), True)
    assert server.lines == ["GET /runs/run-1/stream", "GET /runs/run-1"]
    assert server.requests[0].headers["accept"] == "text/event-stream"


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (Answer(status=404), []),
        (Answer(status=410), []),
        (Answer(chunks=[middesk("RUN_STARTED", STARTED), b"event: STATE_SN"]), ["RUN_STARTED"]),
    ],
)
def test_a_stream_that_is_gone_or_lost_ends_with_the_run(server, client, run_json, stream, events):
    """What came until then is passed on; the last event shows that the run still runs."""
    serve(server, stream, run_json(status="running"))
    *received, last = client.runs.stream("run-1")
    assert [event.type for event in received] == events
    assert (last.type, last.run.status) == ("RUN_READ", "running")


def test_a_stream_of_another_run_is_an_error(server, client, run_json):
    other = {"snapshot": run_json("run-of-another-customer", steps=[])}
    serve(server, Answer(chunks=[middesk("STATE_SNAPSHOT", other)]), run_json())
    with pytest.raises(RunkitError):
        list(client.runs.stream("run-1"))
