"""The sandbox listens on loopback only."""

from urllib.parse import urlsplit

import psutil

import runkit


def test_the_sandbox_listens_on_loopback_only():
    with runkit.sandbox() as box:
        sockets = [item.laddr for item in psutil.Process().net_connections("tcp")]
        port = urlsplit(box.url).port
    assert {address.ip for address in sockets if address.port == port} == {"127.0.0.1"}
