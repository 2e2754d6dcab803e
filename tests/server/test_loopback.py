"""The sandbox listens on loopback only."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

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
    sockets = [
        item
        for item in psutil.Process().net_connections("tcp")
        if item.status == psutil.CONN_LISTEN
    ]
    assert [item.laddr.ip for item in sockets if item.laddr.port == port] == ["127.0.0.1"]
    others = {
        item.address
        for found in psutil.net_if_addrs().values()
        for item in found
        if item.family == 2
    }
    for address in {*others, "127.0.0.2"} - {"127.0.0.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, port), timeout=5)
