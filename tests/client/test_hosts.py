"""Which key goes to which host."""

import gc
import logging

import httpx
import pytest

from runkit.client import Client
from runkit.client.hosts import choose_target
from runkit.errors import Unavailable, UsageError
from tests.client.conftest import KEY, Answer

LIVE, TEST = "mk_live_0123456789abcdef", "mk_test_0123456789abcdef"
PRODUCTION, SANDBOX = "https://api.middesk.com/v1", "https://api-sandbox.middesk.com/v1"


@pytest.mark.parametrize(
    ("key", "base_url", "url", "mode"),
    [
        (LIVE, None, PRODUCTION, "LIVE"),
        (TEST, None, SANDBOX, "TEST"),
        (LIVE, PRODUCTION, PRODUCTION, "LIVE"),
        (TEST, "https://API-SANDBOX.middesk.com/v1/", SANDBOX, "TEST"),
        (TEST, "http://127.0.0.1:8123/v1", "http://127.0.0.1:8123/v1", "SANDBOX"),
        ("anything", "http://[::1]:8123/v1", "http://[::1]:8123/v1", "SANDBOX"),
        (LIVE, "https://proxy.example.com/middesk", "https://proxy.example.com/middesk", "LIVE"),
        ("unknown-key", "https://proxy.example.com/v1", "https://proxy.example.com/v1", "LIVE"),
        (TEST, "https://proxy.example.com/a%2Fb%0A", "https://proxy.example.com/a%2Fb%0A", "TEST"),
    ],
)
def test_key_and_url_choose_host_and_mode(key, base_url, url, mode):
    """What is not surely a test is live."""
    target = choose_target(key, base_url)
    assert (target.url, target.mode) == (url, mode)


@pytest.mark.parametrize(
    ("key", "base_url"),
    [
        (TEST, PRODUCTION),
        (LIVE, SANDBOX),
        ("unknown", PRODUCTION),
        (LIVE, "https://api-sandbox.middesk.com./v1"),
        ("unknown", None),
        (LIVE, "http://api.middesk.com/v1"),
        (TEST, "http://example.com/v1"),
        (TEST, "ftp://127.0.0.1/v1"),
        (TEST, "api.middesk.com"),
        (TEST, ""),
        (TEST, "https://user:pass@example.com/v1"),
        (TEST, "https://example.com/v1?key=1"),
        (TEST, "https://exa mple.com\n/v1"),
        ("mk_test_ with space", None),
        ("", None),
        (None, None),
    ],
)
def test_wrong_key_or_url_is_refused_without_showing_it(key, base_url):
    """A key that does not fit, and a URL that may hold a password, are refused and not repeated."""
    with pytest.raises(UsageError) as caught:
        choose_target(key, base_url)
    assert not key or key.strip() not in str(caught.value) or key == "unknown"
    assert "pass" not in str(caught.value).replace("pass api_key", "")


def test_key_and_url_come_from_the_environment(monkeypatch):
    """Both variables are read, and an argument wins over its variable."""
    monkeypatch.setenv("MIDDESK_API_KEY", TEST)
    monkeypatch.setenv("MIDDESK_BASE_URL", "http://localhost:1/v1")
    assert choose_target(None, None).url == "http://localhost:1/v1"
    assert choose_target(None, SANDBOX).url == SANDBOX


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 0},
        {"timeout": 0},
        {"timeout": None},
        {"timeout": float("nan")},
    ],
)
def test_client_refuses_unusable_options(options):
    """An option that cannot work is said when the client is made."""
    with pytest.raises(UsageError):
        Client(TEST, **options)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SSL_CERT_FILE", "/no/such/file"), ("HTTPS_PROXY", "ftp://proxy.example.com")],
)
def test_an_environment_that_cannot_be_used_is_named(monkeypatch, name, value):
    """A client of a sandbox on this machine does not need it."""
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=name):
        Client(TEST)
    Client(TEST, "http://127.0.0.1:1/v1").close()


def test_client_shows_host_and_mode():
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    with Client(LIVE, read_only=True, transport=transport) as client:
        assert repr(client) == "Client('api.middesk.com', LIVE, read_only)"


def test_the_key_changes_no_answer(server, run_json):
    """A run is read as it came, also if the key is a word of the API."""
    server.script = lambda request: Answer(run_json())
    with Client("completed", server.url, rate=None) as client:
        assert client.runs.get("run-1").status == "completed"
    del client
    gc.collect()  # else the word is hidden in messages of later tests


def test_requests_go_through_the_proxy_of_the_environment(server, fake_time, monkeypatch):
    """Requests to loopback use none."""
    monkeypatch.setenv("HTTPS_PROXY", server.url.removesuffix("/v1"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(Client, "_sleep", fake_time.sleep)
    monkeypatch.setattr(Client, "_clock", fake_time.clock)
    with Client(KEY, "https://host.example/v1") as client, pytest.raises(Unavailable):
        client.agents.list()
    assert {request.method for request in server.requests} == {"CONNECT"}
    server.script = lambda request: Answer({"data": []})
    with Client(KEY, server.url) as client:
        assert len(client.agents.list()) == 0


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
        ("mk_live_0123456789abcdef", "https://elsewhere.example/v1"),
        ("mk_live_0123456789abcdef", "http://127.0.0.1:9/v1"),
        ("mk_live_0123456789abcdef", "https://api-sandbox.middesk.com/v1"),
        ("another_0123456789abcdef", "https://elsewhere.example/v1"),
        ("another_0123456789abcdef", "http://127.0.0.1:9/v1"),
    ],
)
def test_the_environment_sends_no_live_key_elsewhere(monkeypatch, key, url):
    """Only code can send a key that may be live to a host that is not Middesk's own for it."""
    monkeypatch.setenv("MIDDESK_API_KEY", key)
    monkeypatch.setenv("MIDDESK_BASE_URL", url)
    with pytest.raises(UsageError):
        Client()
