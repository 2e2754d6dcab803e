"""The stream of a run, in any shape and cut anywhere, and the truth at its end."""

import json

import pytest

from runkit.errors import RunkitError
from tests.client.conftest import DROP, Answer

STARTED = {"run_id": "run-1"}
FINISHED = {"run_id": "run-1", "outcome": {"type": "success"}}


def middesk(kind, data, end="\n"):
    return f"event: {kind}{end}data: {json.dumps(data)}{end}{end}".encode()


def agui(kind, data, end="\n"):
    text = json.dumps({"type": kind, **data}).replace("run_id", "runId")
    return f"data: {text}{end}{end}".encode()


def serve(server, *streams, runs):
    """Answer each stream request with the next stream, each read with the next run.

    The last run stays.
    """
    left = iter(streams)
    reads = list(runs)

    def answer(received):
        if received.path.endswith("/stream"):
            return next(left, DROP)
        return Answer(reads.pop(0) if len(reads) > 1 else reads[0])

    server.script = answer


# ------------------------------------------------------------------------------------------ parsing


@pytest.mark.parametrize("encode", [middesk, agui])
@pytest.mark.parametrize(
    ("end", "start"), [("\n", b""), ("\r\n", b"\xef\xbb\xbf"), ("\r", b"retry: 10\nid: 7\n\n")]
)
def test_both_forms_of_events_are_read_with_every_line_end(
    server, client, run_json, encode, end, start
):
    """Middesk's and AG-UI's form are read, with a mark or hint before; other types are left out."""
    body = start + encode("RUN_STARTED", STARTED, end) + encode("STATE_DELTA", {}, end)
    stream = Answer(chunks=[body, encode("RUN_FINISHED", FINISHED, end)])
    serve(server, stream, runs=[run_json()])
    kinds = [event.type for event in client.runs.stream("run-1") if event.run_id == "run-1"]
    assert kinds == ["RUN_STARTED", "RUN_FINISHED", "RUN_READ"]


# ---------------------------------------------------------------------------------------- following


def test_stream_ends_with_the_run(server, client, run_json):
    """After the last event the run is read, so that the caller learns what became of it."""
    body = middesk("STATE_SNAPSHOT", STARTED | {"snapshot": {"n": 1}})
    stream = Answer(chunks=[body, middesk("RUN_FINISHED", FINISHED)])
    serve(server, stream, runs=[run_json(steps=[])])
    found = list(client.runs.stream("run-1"))
    assert [event.type for event in found] == ["STATE_SNAPSHOT", "RUN_FINISHED", "RUN_READ"]
    run = found[-1].run
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
    serve(server, stream, runs=[run_json(status="running")])
    *received, last = client.runs.stream("run-1")
    assert [event.type for event in received] == events
    assert (last.type, last.run.status) == ("RUN_READ", "running")


def test_a_stream_of_another_run_is_an_error(server, client, run_json):
    data = json.dumps({"snapshot": run_json("run-of-another-customer", steps=[])})
    stream = Answer(chunks=[f"event: STATE_SNAPSHOT\ndata: {data}\n\n".encode()])
    server.script = lambda request: (
        stream if request.path.endswith("/stream") else Answer(run_json("run-1"))
    )
    with pytest.raises(RunkitError):
        list(client.runs.stream("run-1"))
