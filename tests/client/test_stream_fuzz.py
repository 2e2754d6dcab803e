"""Any bytes at all as a stream of events, cut into any chunks."""

import json
import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runkit.client.stream import _messages, events
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


def by_the_book(stream: bytes) -> list[tuple[str, str]]:
    """What the standard of server-sent events makes of it, line by line; its end counts as a blank line."""
    text = stream.decode("utf-8-sig", "replace") + "\n\n"
    found, name, data = [], "", []
    for line in re.split("\r\n|\n|\r", text):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if "\n".join(data):
                found.append((name or "message", "\n".join(data)))
            name, data = "", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
    return found


@given(STREAMS, st.lists(st.integers(0, 500), max_size=8))
@example(b"data: one\r", [])
@example("data: a\u2028b\x85c\x0bd\n\n".encode(), [9, 10])
@example(b"\xef\xbb\xbfdata: x\n\n", [1, 2])
@example(b"data: \xe2\x82\xac\r\n\r\ndata: y", [7, 8, 10, 11, 12])
def test_messages_are_those_of_the_standard(stream: bytes, cuts: list[int]) -> None:
    """Whatever the bytes and wherever they are cut, the messages are those that the standard names."""
    assert list(_messages(chunked(stream, cuts))) == by_the_book(stream)


@given(STREAMS, st.lists(st.integers(0, 500), max_size=8))
def test_any_stream_gives_events_or_none(stream: bytes, cuts: list[int]) -> None:
    """What is no event is left out; nothing is raised, and an event shows itself and its run."""
    for event in events(chunked(stream, cuts)):
        assert repr(event)
        assert event.run is None or isinstance(event.run, Run)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
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


@given(TYPES, st.dictionaries(st.sampled_from(FIELDS), VALUES))
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
