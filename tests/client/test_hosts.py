"""Which key goes to which host."""

import gc
import logging

import pytest

from runkit.client import Client
from runkit.errors import UsageError
from tests.client.conftest import KEY, Answer

LIVE, TEST = "mk_live_0123456789abcdef", "mk_test_0123456789abcdef"
PRODUCTION, SANDBOX = "https://api.middesk.com/v1", "https://api-sandbox.middesk.com/v1"
PROXY = "https://proxy.example.com/v1"


@pytest.mark.parametrize(
    ("key", "base_url", "host", "mode"),
    [
        (LIVE, None, "api.middesk.com", "LIVE"),
        (TEST, None, "api-sandbox.middesk.com", "TEST"),
        (TEST, "https://API-SANDBOX.middesk.com/v1/", "api-sandbox.middesk.com", "TEST"),
        (TEST, "http://127.0.0.1:8123/v1", "127.0.0.1:8123", "SANDBOX"),
        ("anything", "http://[::1]:8123/v1", "[::1]:8123", "SANDBOX"),
        (LIVE, PROXY, "proxy.example.com", "LIVE"),
        ("unknown-key", PROXY, "proxy.example.com", "LIVE"),
    ],
)
def test_key_and_url_choose_host_and_mode(key, base_url, host, mode):
    """What is not surely a test is live."""
    with Client(key, base_url) as client:
        assert (client.host, client.mode) == (host, mode)


@pytest.mark.parametrize(
    ("key", "base_url"),
    [
        (TEST, PRODUCTION),
        (LIVE, SANDBOX),
        ("unknown", PRODUCTION),
        ("unknown", None),
        (LIVE, "http://api.middesk.com/v1"),
        (TEST, "http://example.com/v1"),
        (TEST, "api.middesk.com"),
        (TEST, "https://user:pass@example.com/v1"),
        (TEST, "https://example.com/v1?key=1"),
        ("mk_test_ with space", None),
        ("", None),
    ],
)
def test_wrong_key_or_url_is_refused_without_showing_it(key, base_url):
    """A key that does not fit, and a URL that may hold a password, are refused and not repeated."""
    with pytest.raises(UsageError) as caught:
        Client(key, base_url)
    assert not key or key.strip() not in str(caught.value) or key == "unknown"
    assert "pass" not in str(caught.value).replace("pass api_key", "")


def test_key_and_url_come_from_the_environment(monkeypatch):
    """Both variables are read, and an argument wins over its variable."""
    monkeypatch.setenv("MIDDESK_API_KEY", TEST)
    monkeypatch.setenv("MIDDESK_BASE_URL", "http://localhost:1/v1")
    with Client() as local, Client(base_url=SANDBOX) as remote:
        assert (local.host, remote.host) == ("localhost:1", "api-sandbox.middesk.com")


def test_the_key_changes_no_answer(server, run_json):
    """A run is read as it came, also if the key is a word of the API."""
    server.script = lambda request: Answer(run_json())
    with Client("completed", server.url, rate=None) as client:
        assert client.runs.get("run-1").status == "completed"
    del client
    gc.collect()  # else the word is hidden in messages of later tests


@pytest.mark.parametrize("key", [KEY, "of-another-form-7c1e9a04"])
def test_the_key_is_in_no_log_and_no_error(server, caplog, key):
    """Logs of all libraries at every level, and the words of a server that repeats the key."""
    caplog.set_level(logging.DEBUG)
    body = {"errors": [{"message": f"the key {key} may not do this", "parameter": key}]}
    server.script = lambda request: Answer(body, status=401)
    with Client(key, server.url, rate=None) as client, pytest.raises(PermissionError) as caught:
        client.agents.list()
    assert "may not do this" in str(caught.value)
    assert key not in f"{caught.value} {caught.value!r} {client!r}"
    assert caplog.records
    assert key not in caplog.text


@pytest.mark.parametrize(
    ("key", "url"),
    [
        (LIVE, "https://elsewhere.example/v1"),
        (LIVE, "http://127.0.0.1:9/v1"),
        (LIVE, SANDBOX),
        ("another_0123456789abcdef", "http://127.0.0.1:9/v1"),
    ],
)
def test_the_environment_sends_no_live_key_elsewhere(monkeypatch, key, url):
    """Only code can send a key that may be live to a host that is not Middesk's own for it."""
    monkeypatch.setenv("MIDDESK_API_KEY", key)
    monkeypatch.setenv("MIDDESK_BASE_URL", url)
    with pytest.raises(UsageError):
        Client()
