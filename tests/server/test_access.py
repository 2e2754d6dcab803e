"""The sandbox over HTTP: only for whoever has its key, and a question is answered once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

import runkit

AGENT = "cip_orchestrator"
Start = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def box() -> Iterator[Any]:
    """A sandbox in which agents work a few milliseconds."""
    with runkit.sandbox(speed=3000) as running:
        yield running


@pytest.fixture
def http(box: Any) -> Iterator[httpx.Client]:
    """Speak to the sandbox without a client of runkit's."""
    headers = {"Authorization": f"Bearer {box.key}"}
    with httpx.Client(base_url=box.url, headers=headers, trust_env=False) as made:
        yield made


@pytest.fixture
def start(box: Any, http: httpx.Client) -> Start:
    """Start a run about the business of a scenario, and give it once it waits."""

    def start_(scenario: str) -> dict[str, Any]:
        body = {"type": AGENT, "business_id": box.business(scenario)}
        with box.client(rate=None) as client:
            run = client.runs.wait(http.post("/runs", json=body).json()["id"], poll=0.01)
        return dict(http.get(f"/runs/{run.id}", params={"include": "steps"}).json())

    return start_


def resume(http: httpx.Client, run: dict[str, Any], **given: Any) -> httpx.Response:
    """Answer the question of a run."""
    body = {"interrupt_id": run["interrupts"][0]["id"], "input": given}
    return http.post(f"/runs/{run['id']}/resume", json=body)


@pytest.mark.parametrize("key", [None, "x", "another", "KEY-and-more", "KE"])
def test_only_the_key_opens(box: Any, key: str | None) -> None:
    """No key, another one, a longer and a shorter one: 401, and nothing is told."""
    given = key and key.replace("KEY", box.key).replace("KE", box.key[:-3])
    headers = {} if given is None else {"Authorization": f"Bearer {given}"}
    for method, path in (("GET", "/runs"), ("POST", "/runs"), ("GET", "/businesses")):
        response = httpx.request(method, f"{box.url}{path}", headers=headers, trust_env=False)
        assert response.status_code == 401
        assert "data" not in response.json()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1:80@evil"])
@pytest.mark.parametrize("header", ["Host", "Origin"])
def test_a_request_of_a_web_page_is_refused(http: httpx.Client, header: str, host: str) -> None:
    """A page of another host that the browser was tricked into sending here."""
    response = http.get("/runs", headers={header: f"http://{host}" if header == "Origin" else host})
    assert response.status_code == (400 if header == "Host" else 403)
    assert "data" not in response.text


def test_a_question_is_answered_once(http: httpx.Client, start: Start) -> None:
    """The second answer is refused and changes nothing; the first is told with its step."""
    run = start("address_gap")
    first, second = resume(http, run, decision="reject"), resume(http, run, decision="approve")
    assert (first.status_code, second.status_code) == (200, 422)
    after = http.get(f"/runs/{run['id']}", params={"include": "steps"}).json()
    assert after["interrupts"] == []
    assert after["status"] in ("running", "completed")
    [pause] = [step for step in after["steps"] if step["type"] == "interrupt"]
    assert pause["completed_at"] is not None


@pytest.mark.parametrize(
    "given", [{"decision": "approve"}, {"decision": "approve", "note": " "}, {"decision": "yes"}]
)
def test_a_hit_is_not_dismissed_without_a_note(
    http: httpx.Client, start: Start, given: dict[str, Any]
) -> None:
    """Nor by a word that the API does not have.

    422, the parameter is named, the question still waits.
    """
    run = start("watchlist_hit")
    refused = resume(http, run, **given)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["parameter"].startswith("input.")
    assert http.get(f"/runs/{run['id']}").json()["interrupts"] == run["interrupts"]
