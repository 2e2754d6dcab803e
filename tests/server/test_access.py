"""The sandbox over HTTP is only for whoever has its key, and for no web page."""

import httpx
import pytest

import runkit


@pytest.fixture(scope="module")
def box():
    """A sandbox in which agents work a few milliseconds."""
    with runkit.sandbox(speed=3000) as running:
        yield running


@pytest.fixture
def http(box):
    """Speak to the sandbox without a client of runkit's."""
    headers = {"Authorization": f"Bearer {box.key}"}
    with httpx.Client(base_url=box.url, headers=headers, trust_env=False) as made:
        yield made


@pytest.mark.parametrize("key", [None, "x", "another", "KEY-and-more", "KE"])
def test_only_the_key_opens(box, key):
    """No key, another one, a longer and a shorter one: 401, and nothing is told."""
    given = key and key.replace("KEY", box.key).replace("KE", box.key[:-3])
    headers = {} if given is None else {"Authorization": f"Bearer {given}"}
    for method, path in (("GET", "/runs"), ("POST", "/runs"), ("GET", "/businesses")):
        response = httpx.request(method, f"{box.url}{path}", headers=headers, trust_env=False)
        assert response.status_code == 401
        assert "data" not in response.json()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1:80@evil"])
@pytest.mark.parametrize("header", ["Host", "Origin"])
def test_a_request_of_a_web_page_is_refused(http, header, host):
    """A page of another host that the browser was tricked into sending here."""
    response = http.get("/runs", headers={header: f"http://{host}" if header == "Origin" else host})
    assert response.status_code == (400 if header == "Host" else 403)
    assert "data" not in response.text
