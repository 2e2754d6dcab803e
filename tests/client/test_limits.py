"""Answers that never end, drip, or swell.

Each is given up in its time, whatever part of it is slow.
"""

import gzip

import pytest

from runkit.client import Client, http
from runkit.errors import ContractError
from tests.client.conftest import Answer, Server


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_answer_too_large_is_refused(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch, is_packed: bool
) -> None:
    """Also when it only swells while it is unpacked."""
    monkeypatch.setattr(http, "MAX_RESPONSE", 2**20)
    body = b" " * 2**21
    packed = Answer(gzip.compress(body), headers={"Content-Encoding": "gzip"})
    server.script = lambda request: packed if is_packed else Answer(body)
    with pytest.raises(ContractError, match="larger than 1 MB"):
        client.runs.get("run-1")
    assert len(server.requests) == 1
