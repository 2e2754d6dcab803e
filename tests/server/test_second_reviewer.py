"""A second reviewer with a key: what that reviewer does is recorded as theirs."""

from typing import Any

import httpx
import pytest

from runkit.server.scenarios import SECOND_REVIEWER, second_key
from tests.server.conftest import KEY, Server


@pytest.fixture
def server(shared: Server) -> Server:
    """One for all these tests."""
    return shared


def post(server: Server, is_second: bool, path: str, body: dict[str, Any]) -> httpx.Response:
    """POST with the key of the second reviewer, or the account's."""
    key = second_key(KEY) if is_second else KEY
    return server.http.post(path, json=body, headers={"Authorization": f"Bearer {key}"})


def answer(server: Server, is_second: bool, run: dict[str, Any]) -> httpx.Response:
    body = {"interrupt_id": run["interrupts"][0]["id"], "input": {"decision": "reject"}}
    return post(server, is_second, f"/runs/{run['id']}/resume?include=steps", body)


def question(run: dict[str, Any]) -> dict[str, Any]:
    return next(dict(step) for step in run["steps"] if step["type"] == "interrupt")


def test_the_step_names_who_answered(server: Server) -> None:
    """Once the second reviewer has answered, the step names her; before, and for the account, nobody."""
    run = server.reach("watchlist_hit")
    waiting = {"interrupt_id": run["interrupts"][0]["id"]}
    assert question(run)["result"] == waiting
    server.time.seconds += 1
    response = answer(server, True, run)
    by = question(response.json())["result"].pop("answered_by")
    assert by["name"] == SECOND_REVIEWER
    assert question(server.settle(run["id"]))["result"] == {**waiting, "answered_by": by}
    by_account = server.reach("watchlist_hit")
    answer(server, False, by_account)
    assert set(question(server.settle(by_account["id"]))["result"]) == {"interrupt_id"}
