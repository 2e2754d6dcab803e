"""The key shows up nowhere."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from runkit.client import Client
from runkit.errors import RunkitError, UsageError
from tests.client.conftest import DROP, HANG, Answer, Server
from tests.secrets.canary import chained, told_by


@pytest.mark.parametrize(
    "trouble",
    [
        DROP,
        HANG,
        Answer({}, cut=1),
        Answer(status=302, headers={"Location": "/"}),
        Answer(b"<html>"),
        *(Answer({"errors": [{"message": "?"}]}, status=status) for status in (400, 401, 404, 429, 500)),
    ],
    ids=lambda answer: str(answer.status),
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.runs.get("run-1"),
        lambda client: client.runs.create("cip_orchestrator", business_id="b-1"),
    ],
    ids=["GET", "POST"],
)
def test_key_is_in_no_error(
    server: Server,
    make_client: Callable[..., Client],
    key: str,
    trouble: Answer,
    ask: Callable[[Client], object],
) -> None:
    """Neither text, arguments, chained errors, traceback nor pickle hold the key."""
    server.script = lambda asked: trouble
    client = make_client(timeout=0.1)
    with pytest.raises(RunkitError) as caught:
        ask(client)
    assert key not in told_by(caught.value)
    assert "authorization" not in told_by(caught.value).lower()
    assert list(chained(caught.value)) == [caught.value]


def test_key_was_sent(server: Server, client: Client, key: str) -> None:
    """The key does go out, as a bearer token: the other tests look for something that exists."""
    server.say(Answer({"data": []}))
    client.agents.list()
    assert server.asked[0].headers["authorization"] == f"Bearer {key}"


def test_key_that_the_server_echoes_is_hidden(server: Server, client: Client, key: str) -> None:
    """A server that repeats the key does not bring it into an error."""
    errors = {"errors": [{"message": f"key {key} is wrong", "parameter": key}]}
    server.script = lambda asked: Answer(errors, status=401, headers={"Content-Type": key})
    with pytest.raises(PermissionError) as caught:
        client.agents.list()
    assert "key *** is wrong" in str(caught.value)
    assert key not in told_by(caught.value)


def test_key_and_personal_data_are_in_no_log(
    server: Server, client: Client, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines of runkit say method, path, status and time, no query; httpcore's no header that was sent."""
    caplog.set_level(logging.DEBUG)
    server.say(Answer({"data": []}), Answer(status=401))
    client.actions.list("businesses", "jane-doe")
    with pytest.raises(PermissionError):
        client.agents.list()
    assert key not in caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name == "runkit"]
    assert ours[0].startswith("GET /v1/actions: 200, ")
    assert "jane-doe" not in "".join(ours)


def test_key_is_in_no_repr(client: Client, key: str) -> None:
    """Nothing that hangs on a client shows the key."""
    shown = f"{client!r} {client.__dict__} {client._http.__dict__} {client._target!r}"
    shown += f"{client._http._reads.__dict__} {client._http._reads.headers}"
    assert key not in shown


@pytest.mark.parametrize(
    "options", [{"base_url": "https://api.middesk.com/v1"}, {"rate": -1}, {"cert": "/no"}]
)
@pytest.mark.parametrize("is_from_environment", [True, False])
def test_client_that_cannot_be_made_shows_no_key(
    key: str, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], is_from_environment: bool
) -> None:
    """The error of the constructor holds no key either, wherever the key came from."""
    if is_from_environment:
        monkeypatch.setenv("MIDDESK_API_KEY", key)
    with pytest.raises(UsageError) as caught:
        Client(None if is_from_environment else key, **options)
    assert key not in told_by(caught.value)
