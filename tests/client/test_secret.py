"""The key shows up nowhere."""

import logging
from typing import Any

import pytest

from runkit.client import Client
from runkit.errors import UsageError
from tests.client.conftest import Answer, Server
from tests.secrets.canary import told_by


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
    assert ours[0].startswith(f"GET /v1/actions: {client.host}: 200, ")
    assert "jane-doe" not in "".join(ours)


def test_key_is_in_no_repr(client: Client, key: str) -> None:
    """Nothing that hangs on a client shows the key."""
    shown = f"{client!r} {client.__dict__} {client._http.__dict__} {client._http.target!r}"
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
