"""The sandbox is only for whoever has its key, on this machine, and for no web page."""

from urllib.parse import urlsplit

import httpx
import psutil
import pytest

import runkit


@pytest.fixture(scope="module")
def box():
    with runkit.sandbox() as running:
        yield running


@pytest.mark.parametrize("key", [None, "x", "another", "KEY-and-more", "KE"])
def test_only_the_key_opens(box, key):
    """No key, another one, a longer and a shorter one: 401, and nothing is told."""
    given = key and key.replace("KEY", box.key).replace("KE", box.key[:-3])
    headers = {} if given is None else {"Authorization": f"Bearer {given}"}
    for method, path in (("GET", "/runs"), ("POST", "/runs"), ("GET", "/businesses")):
        response = httpx.request(method, f"{box.url}{path}", headers=headers, trust_env=False)
        assert response.status_code == 401
        assert "data" not in response.json()


def test_the_sandbox_listens_on_loopback_only(box):
    sockets = [item.laddr for item in psutil.Process().net_connections("tcp")]
    port = urlsplit(box.url).port
    assert {address.ip for address in sockets if address.port == port} == {"127.0.0.1"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil"])
def test_a_request_to_another_host_is_refused(box, host):
    """A page of another host whose name leads here."""
    headers = {"Authorization": f"Bearer {box.key}", "Host": host}
    response = httpx.get(f"{box.url}/runs", headers=headers, trust_env=False)
    assert response.status_code == 400
    assert "data" not in response.text
