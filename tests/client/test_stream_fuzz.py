"""Any bytes at all as a stream of events, cut into any chunks."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runkit.client.stream import events
from runkit.models import Run

LINES = [
    b"\n",
    b"\r",
    b"\r\n",
    b"data",
    b"data:",
    b"data: x",
    b"event",
    b"event: STATE_SNAPSHOT",
    b":",
    b": x",
    b" ",
]
ODD = [
    b"\xef\xbb\xbf",
    b"\xff",
    b"\x00",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"\x0b",
    b"\x0c",
    b"\x1c",
    b"id: 1",
    b"retry: x",
]
JSON = [
    b'data: {"type": "RUN_STARTED", "run_id": "r"}',
    b"data: [",
    b'data: {"snapshot": {"status": []}}',
    b"data: 1e999",
]
STREAMS = st.lists(st.sampled_from(LINES + ODD + JSON) | st.binary(max_size=5), max_size=30).map(b"".join)


def chunked(stream: bytes, cuts: list[int]) -> list[bytes]:
    """Cut a stream at some places."""
    at = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[one:other] for one, other in pairwise(at)]


@given(STREAMS, st.lists(st.integers(0, 500), max_size=8))
def test_any_stream_gives_events_or_none(stream: bytes, cuts: list[int]) -> None:
    """What is no event is left out; nothing is raised, and an event shows itself and its run."""
    for event in events(chunked(stream, cuts)):
        assert repr(event)
        assert event.run is None or isinstance(event.run, Run)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
FIELDS = [
    "type",
    "run_id",
    "runId",
    "thread_id",
    "threadId",
    "timestamp",
    "snapshot",
    "outcome",
    "message",
    "code",
]
TYPES = st.sampled_from(["RUN_STARTED", "STATE_SNAPSHOT", "RUN_FINISHED", "RUN_ERROR", "CUSTOM"])


@given(TYPES, st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4))
def test_any_data_of_an_event(kind: str, data: dict[str, object]) -> None:
    """An event with any values in its fields is read or left out, and never breaks the stream off."""
    said = f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
    good = b'event: RUN_STARTED\ndata: {"run_id": "r"}\n\n'
    found = list(events([said, good]))
    assert [event.run_id for event in found][-1] == "r"
    for event in found:
        assert repr(event)
        assert event.run is None or isinstance(event.run, Run)


@pytest.mark.parametrize("depth", [100, 400, 100_000])
def test_deep_data(depth: int) -> None:
    """However deep the data of an event is, the next one is read."""
    deep = b"data: " + b'{"snapshot":' * depth + b"1" + b"}" * depth + b"\n\n"
    good = b'event: RUN_STARTED\ndata: {"run_id": "r"}\n\n'
    assert [event.run_id for event in events([b"event: STATE_SNAPSHOT\n", deep, good])][-1] == "r"
