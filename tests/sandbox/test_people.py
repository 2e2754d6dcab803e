"""People with keys of their own: what they do is theirs."""

from typing import Any

import httpx
import pytest

from runkit.errors import UsageError
from runkit.server import Sandbox, sandbox
from runkit.server.web import person_key
from tests.sandbox.conftest import BUSINESS, KEY, Server


@pytest.fixture
def server(shared: Server) -> Server:
    """One for all these tests."""
    return shared


PRIYA, OLE = "Priya Raman", "Ole Ångström"


def post(server: Server, person: str | None, path: str, body: dict[str, Any]) -> httpx.Response:
    """POST with the key of a person, or the account's."""
    key = person_key(KEY, person) if person else KEY
    return server.http.post(path, json=body, headers={"Authorization": f"Bearer {key}"})


def answer(server: Server, person: str | None, run: dict[str, Any]) -> httpx.Response:
    body = {"interrupt_id": run["interrupts"][0]["id"], "input": {"decision": "reject"}}
    return post(server, person, f"/runs/{run['id']}/resume?include=steps", body)


def question(run: dict[str, Any]) -> dict[str, Any]:
    return next(dict(step) for step in run["steps"] if step["type"] == "interrupt")


def test_a_client_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's client asks for runs in her name, also where the sandbox is joined."""
    with sandbox() as box:
        monkeypatch.setenv("RUNKIT_SANDBOX_URL", box.url)
        monkeypatch.setenv("RUNKIT_SANDBOX_KEY", box.key)
        requesters = []
        for one in (box, sandbox()):
            for person in (PRIYA, OLE, None):
                with one.client(person=person) as client:
                    run = client.runs.create("cip_orchestrator", business_id=box.business("clean_pass"))
                assert run.requester
                requesters.append((run.requester.name, run.requester.id, run.requester.email))
    assert [name for name, _, _ in requesters[:3]] == [PRIYA, OLE, "Sandbox Bank"]
    assert requesters[:3] == requesters[3:]
    assert len({id_ for _, id_, _ in requesters}) == 3
    assert {email for _, _, email in requesters} == {None}


@pytest.mark.parametrize("person", ["", " ", " Ann", "x" * 101, "two\nlines", "\ud800", 5])
def test_a_name_that_is_none(person: Any) -> None:
    """A client cannot be made for a name that is empty, too long or not printable."""
    with pytest.raises(UsageError, match="person="):
        Sandbox("http://127.0.0.1:9/v1", KEY, 1, None).client(person=person)


@pytest.mark.parametrize(
    ("key", "status"),
    [
        (f"{KEY}.Ann", 200),
        (f"{KEY}.{'x' * 100}", 200),
        (f"{KEY}.{'x' * 101}", 401),
        (f"{KEY}.", 401),
        (f"{KEY}Ann", 401),
        (f"{KEY}.Ann Lee", 401),
        (f"{KEY}.%ff", 401),
        (f"{KEY}.%0a", 401),
        ("mk_test_other.Ann", 401),
        (f"x{KEY}.Ann", 401),
    ],
)
def test_a_persons_key_holds_the_account_s(server: Server, key: str, status: int) -> None:
    """A person's key is the account's and a name, spelled as `client` spells it; nothing else is let in."""
    assert server.http.get("/runs", headers={"Authorization": f"Bearer {key}"}).status_code == status
    assert server.http.get("/runs", auth=(key, ""), headers={}).status_code == status


def test_the_step_names_who_answered(server: Server) -> None:
    """Once a person has answered, the question's step names her; before, and for the account, nobody."""
    run = server.reach("watchlist_hit")
    waiting = {"interrupt_id": run["interrupts"][0]["id"]}
    assert question(run)["result"] == waiting
    server.time.seconds += 1
    told = answer(server, PRIYA, run)
    by = question(told.json())["result"].pop("answered_by")
    assert by["name"] == PRIYA
    assert question(server.settle(run["id"]))["result"] == {**waiting, "answered_by": by}
    by_account = server.reach("watchlist_hit")
    answer(server, None, by_account)
    assert set(question(server.settle(by_account["id"]))["result"]) == {"interrupt_id"}


def test_first_come_first_served(server: Server) -> None:
    """Of two people who answer the second is refused, and the first stays the one who answered."""
    run = server.reach("watchlist_hit")
    assert [answer(server, person, run).status_code for person in (OLE, PRIYA)] == [200, 422]
    assert question(server.run(run["id"]))["result"]["answered_by"]["name"] == OLE


def test_feedback_and_actions_are_a_persons(server: Server) -> None:
    """Ratings are hers and supersede hers only; an action has her as its actor."""
    run = server.reach("clean_pass")
    body = {"rating": "POSITIVE", "artifact_id": run["output"]["artifacts"][0]["id"]}
    rated = [post(server, who, f"/runs/{run['id']}/feedback", body).json() for who in (PRIYA, None, PRIYA)]
    assert [one["reviewer"]["type"] for one in rated] == ["User", "Account", "User"]
    assert [one["superseded_prior"] for one in rated] == [False, False, True]
    decision = {"type": "decision", "payload": {"status": "approved"}, "object_type": "businesses"}
    made = post(server, PRIYA, "/actions", {**decision, "object_id": BUSINESS["clean_pass"].id}).json()
    person = {"id": rated[0]["reviewer"]["id"], "name": PRIYA}
    assert made["actors"] == [{"actor_type": "user", "data": person}]
