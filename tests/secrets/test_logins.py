"""Passwords of proxies, addresses and certificates show up no more than the key does."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from runkit.archive.archive import Archive
from runkit.client import Client
from runkit.errors import ArchiveError, RunkitError
from tests.secrets.canary import CANARY, found_in, told_by
from tests.secrets.conftest import LOGIN
from tests.secrets.hostile import hostile
from tests.support import run

WAYS = ("401", "500", "redirect", "bad status", "bad header", "nothing", "HTML")


def ours(caplog: pytest.LogCaptureFixture) -> str:
    """What runkit has logged."""
    return "".join(record.getMessage() for record in caplog.records if record.name == "runkit")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_of_environment", [True, False])
def test_a_proxy_that_repeats_its_login(
    way: str, is_of_environment: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the error nor runkit's log at DEBUG holds it, and the proxy never sees the key."""
    caplog.set_level(logging.DEBUG)
    with hostile() as server:
        server.way = way
        proxy = f"http://ana:{LOGIN}@{server.url.removeprefix('http://').removesuffix('/v1')}"
        if is_of_environment:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
        passed = [0.0]
        monkeypatch.setattr(Client, "_clock", staticmethod(lambda: passed[0]))
        monkeypatch.setattr(Client, "_sleep", staticmethod(lambda s: passed.append(passed.pop() + s)))
        client = Client(
            CANARY, "https://host.example/v1", proxy=None if is_of_environment else proxy, timeout=2
        )
        with client, pytest.raises(RunkitError) as caught:
            client.agents.list()
        assert all(seen.startswith("Basic ") for seen in server.seen)
        assert server.seen
    assert not found_in(told_by(caught.value) + ours(caplog), LOGIN, CANARY)
    assert not found_in(f"{client!r} {vars(client)}", LOGIN, CANARY)


@pytest.mark.parametrize("use", [lambda archive: archive.add([run()]), lambda archive: archive.frames()])
@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
def test_an_object_store_that_is_not_there(
    use: Callable[[Archive], object], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The keys of an archive's object store are in no message of its error and in no log."""
    caplog.set_level(logging.DEBUG)
    options = {"AWS_SECRET_ACCESS_KEY": "x", "AWS_ACCESS_KEY_ID": "y", "AWS_REGION": "eu-west-1"}
    options |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ALLOW_HTTP": "true", "max_retries": "0"}
    archive = Archive("s3://bucket/runs", storage_options={**options, name: LOGIN})
    with pytest.raises(ArchiveError) as caught:
        use(archive)
    assert not found_in(f"{archive!r} {vars(archive)} {told_by(caught.value)} {caplog.text}", LOGIN)
