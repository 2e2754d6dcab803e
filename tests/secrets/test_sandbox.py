"""The sandbox lets nobody in who has no key or comes by another name, and shows its key to nobody."""

from __future__ import annotations

import inspect
import json
import logging
import pickle
import socket
from collections.abc import Iterator

import psutil
import pytest

from runkit.server import Sandbox
from runkit.server.launch import SandboxServer
from tests.secrets.canary import CANARY, found_in
from tests.secrets.requests import PATHS, ask


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    """One server for all."""
    started = SandboxServer(key=CANARY)
    yield started
    started.close()


def test_it_listens_on_loopback_only(running: SandboxServer) -> None:
    """Its one socket is bound to 127.0.0.1, and every other address of this machine refuses."""
    listening = [
        one.laddr
        for one in psutil.Process().net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == running.port
    ]
    assert [address.ip for address in listening] == ["127.0.0.1"]
    others = {one.address for found in psutil.net_if_addrs().values() for one in found if one.family == 2}
    for address in {*others, "127.0.0.2"} - {"127.0.0.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, running.port), timeout=5)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example.com", "evil.example.com:{port}", "127.0.0.1.evil.example.com", "localhost.evil.com"),
        *(
            "127.0.0.1.",
            "localhost.",
            "LOCALHOST.",
            "localhost.localdomain",
            "127.0.0.1.nip.io",
            "a.localhost",
        ),
        *("2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "127.0.1", "127.000.000.001", "0"),
        *("127.0.0.2", "0.0.0.0:80", "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "::1", "[::1%25lo]"),
        *("evil.com@127.0.0.1", "127.0.0.1@evil.com", "127.0.0.1/evil.com", "127.0.0.1#.evil.com"),
        *("127.0.0.1:80:80", "127.0.0.1:", "localhost:x", "127.0.0.1, evil.com"),
        *("127.0.0.1\\.evil.com", "127.0.0.1 evil.com", "ⓛocalhost", "１２７.0.0.1", ""),
    ],
)
def test_no_other_name_is_answered(running: SandboxServer, host: str) -> None:
    """DNS rebinding: a page under another name that leads here gets nothing on any path, key or not."""
    for path in PATHS:
        for key in (CANARY, None):
            status, _, content = ask(
                running, f"GET {path}", [f"Host: {host.format(port=running.port)}"], key=key
            )
            assert status == 400, (path, content)
            assert b"run" not in content


def test_no_answer_or_document_holds_the_key(
    running: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the OpenAPI document nor any error repeats it, however it was sent; nor does a log."""
    caplog.set_level(logging.DEBUG)
    for path in PATHS:
        for key in (CANARY, CANARY + "x"):
            _, told, content = ask(running, f"GET {path}", ["Host: 127.0.0.1"], key=key)
            assert not found_in(content + json.dumps(told).encode())
    assert not found_in(caplog.text)


def test_no_part_of_a_sandbox_shows_the_key(running: SandboxServer) -> None:
    """Its repr, attributes and members; it is pickled by nobody. `key` itself gives it."""
    joined = Sandbox(running.url, CANARY, 1, None)
    own = Sandbox(running.url, running.key, 1, running)
    for box in (joined, own):
        members = [(name, value) for name, value in inspect.getmembers(box) if name != "key"]
        assert not found_in(f"{box!r} {box} {vars(box)} {members}")
        with pytest.raises(TypeError):
            pickle.dumps(box)
        assert box.key == CANARY
