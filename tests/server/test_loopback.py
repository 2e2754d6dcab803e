"""The sandbox listens on loopback only, and answers to no other name."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

import runkit
from runkit.server import Sandbox


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with runkit.sandbox() as running:
        yield running


def test_it_listens_on_loopback_only(box: Sandbox) -> None:
    """Its one socket is bound to 127.0.0.1, and every other address of this machine refuses."""
    port = urlsplit(box.url).port
    sockets = [item for item in psutil.Process().net_connections("tcp") if item.status == psutil.CONN_LISTEN]
    assert [item.laddr.ip for item in sockets if item.laddr.port == port] == ["127.0.0.1"]
    others = {item.address for found in psutil.net_if_addrs().values() for item in found if item.family == 2}
    for address in {*others, "127.0.0.2"} - {"127.0.0.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, port), timeout=5)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example.com", "evil.example.com:{port}", "127.0.0.1.evil.example.com", "localhost.evil.com"),
        *("127.0.0.1.", "localhost.localdomain", "127.0.0.1.nip.io", "2130706433", "0x7f.1", "127.1", "0"),
        *("127.0.0.2", "[::]", "[::ffff:127.0.0.1]", "::1", "evil.com@127.0.0.1", "127.0.0.1/evil.com"),
        *("127.0.0.1:80:80", "localhost:x", "127.0.0.1, evil.com", "127.0.0.1\\.evil.com", ""),
    ],
)
def test_no_other_name_is_answered(box: Sandbox, host: str) -> None:
    """DNS rebinding: a page under another name that leads here gets nothing on any path, key or not."""
    headers = {"Host": host.format(port=urlsplit(box.url).port)}
    for path in ("/v1/agents", "/v1/runs/x", "/openapi.json", "/docs", "/", "/no"):
        for more in ({}, {"Authorization": f"Bearer {box.key}"}):
            url = box.url.removesuffix("/v1") + path
            response = httpx.get(url, headers=headers | more, trust_env=False)
            assert response.status_code == 400, (path, response.text)
