"""A server that misbehaves: each read ends with one error of runkit, or says what may be missing."""

import gzip
import json
from typing import Any

import pytest

from runkit.client.run_list import ApiList
from runkit.errors import RunkitError
from tests.client.conftest import DROP, KEY, Answer

RUN = {
    "object": "run",
    "id": "run-1",
    "created_at": "2026-02-03T10:00:00Z",
    "updated_at": "2026-02-03T10:00:40Z",
    "status": "interrupted",
    "requester": {"name": "Jane Doe"},
}
TEXT = json.dumps(RUN).encode()
MODES = {
    **{f"status {status}": Answer(status=status) for status in (204, 301, 401, 404, 408, 429, 503)},
    "dropped": DROP,
    "cut": Answer(RUN, cut=9),
    "html": Answer(b"<html>Jane Doe</html>"),
    "empty": Answer(b""),
    "null": Answer(b"null"),
    "text": Answer(b'"Jane Doe"'),
    "list": Answer([RUN]),
    "deep": Answer(b"[" * 5_000),
    "not UTF-8": Answer(b'{"id": "\xff"}'),
    "half of gzip": Answer(gzip.compress(TEXT)[:40], headers={"Content-Encoding": "gzip"}),
    "no id": Answer({**RUN, "id": None}),
    "no time": Answer({**RUN, "updated_at": "soon"}),
    "another run": Answer({**RUN, "id": "run-2"}),
    "not HTTP": Answer(parts=[b"hello\r\n\r\n"]),
    "no data": Answer({"object": "list", "has_more": False}),
    "data is text": Answer({"data": "run-1"}),
    "has more": Answer({"data": [], "has_more": True}),
    "counts more": Answer({"data": [], "has_more": False, "total_count": 7}),
    "no runs": Answer({"data": [7, None, {}], "has_more": False}),
}
CALLS = {
    "list": lambda client: client.runs.list(),
    "get": lambda client: client.runs.get("run-1"),
    "fetch": lambda client: client.runs.fetch(["run-1"], progress=False),
    "wait": lambda client: client.runs.wait("run-1", timeout=5),
    "businesses": lambda client: client.businesses.list(),
    "agents": lambda client: client.agents.list(),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("call", CALLS)
def test_a_read_ends_with_an_error_or_with_a_reason(server, make_client, call, mode):
    """Nothing is an empty list that says it is complete; no message has the key or what was sent."""
    server.script = lambda request: MODES[mode]
    result: Any = None
    message = ""
    try:
        result = CALLS[call](make_client(call_timeout=2))
    except RunkitError as error:
        message = str(error)
    if result is None:
        assert message
        assert KEY not in message
        assert "Doe" not in message
    else:
        assert isinstance(result, ApiList)
        assert len(result) == 0
        assert result.missing
    assert not server.posts
