"""Actions of agents, joined with the questions that led to them, against the sandbox's own plans."""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx
import pytest

import runkit
from analysis.truth import check_joins, equal_proposals, sandbox
from runkit.errors import NotFound, UsageError
from support import artifact, at, question, run

NOW = "2026-11-02T10:00:00Z"
OBJECT = "11111111-1111-4111-8111-111111111111"


@pytest.mark.parametrize("policy", [{}, {"tin_verification": "auto_approve"}])
def test_equal_proposals_are_told_apart(monkeypatch: pytest.MonkeyPatch, policy: dict[str, str]) -> None:
    """In one question, in two of one run, and in many runs about one business."""
    equal_proposals(monkeypatch, policy)
    with sandbox(history=60, seed=71, now=NOW) as (server, client):
        found = check_joins(server, client)
    assert len(found) > 40
    assert {"reviewer", "policy"} == set(found["settled_by"])
    assert (found.groupby(["object_id", "type"]).size() > 5).any()
    assert found.groupby("run_id").size().max() > 1
    if not policy:
        assert found["proposal_no"].max() == 1


def test_what_people_do_themselves() -> None:
    """An action without a proposal is of whoever did it; one that names a run is of that run, too."""
    with sandbox(seed=73, now=NOW) as (_, client):
        business = client.businesses.list()[0]
        made = client.runs.create("cip_orchestrator", business_id=business.id)
        client.actions.create("businesses", business.id, "decision", {"status": "approved"}, run_id=made.id)
        client.actions.create("businesses", business.id, "decision", {"status": "rejected"}, note="No")
        f = runkit.frames(client.runs.fetch(client.runs.list(business_id=business), progress=False))
        found = runkit.actions(f, client)
    assert found["run_id"].fillna("").tolist() == [made.id, ""]
    assert found["account_name"].tolist() == ["Sandbox Bank"] * 2
    assert found["note"].fillna("").tolist() == ["", "No"]
    assert found[["step_id", "interrupt_id", "proposal_no", "user_name"]].isna().all(axis=None)
    assert found["settled_by"].tolist() == ["unknown", "unknown"]
    [[effect], _] = map(json.loads, found["effects"])
    assert effect["diff"] == {"status": {"before": "in_review", "after": "approved"}}
    assert found["n_effects"].tolist() == [1, 1]


# ----------------------------------------------------------------------------------------- without a server


def recorded(number: int, seconds: float, object_id: str = OBJECT, **actor: Any) -> dict[str, Any]:
    """A dismissal as the API returns it."""
    actors = [{"actor_type": kind, "data": data} for kind, data in actor.items()]
    return {
        "id": f"action-{number}",
        "type": "dismissal",
        "object_type": "Watchlist::Result",
        "object_id": object_id,
        "created_at": at(seconds),
        "effects": [],
        "actors": actors or [{"actor_type": "run", "data": {"id": "r"}}],
    }


def dismissals(step_id: str, start: float, end: float, n: int = 1, **result: Any) -> dict[str, Any]:
    """A question that proposes dismissals, all alike."""
    proposals = [artifact("Dismiss", type="dismissal") for _ in range(n)]
    return question(
        step_id, start, end, artifacts=proposals, result={"interrupt_id": f"int-{step_id}", **result}
    )


def client_of(*actions: dict[str, Any]) -> runkit.Client:
    """A client of an API with one business, one watchlist result and these actions on it."""
    business = {"object": "business", "id": "b", "name": "B", "status": "in_review", "created_at": at(0)}
    hit = {"object": "watchlist_result", "id": OBJECT}
    business |= {
        "updated_at": at(0),
        "watchlist": {"people": [{"results": [hit]}], "lists": [{"results": []}]},
    }

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/businesses/b"):
            return httpx.Response(200, json=business)
        is_hit = request.url.params.get("object_id") == OBJECT
        return httpx.Response(200 if "actions" in request.url.path else 404, json={"data": actions * is_hit})

    return runkit.Client("mk_test_x", "http://127.0.0.1:1/v1", transport=httpx.MockTransport(reply))


def joined(asked: list[dict[str, Any]], *actions: dict[str, Any]) -> list[tuple[str | None, int | None]]:
    """The step and the proposal of each action of one run with these questions."""
    raw = run(*asked) | {"_runkit": {"business_id": "b"}}
    with client_of(*actions) as client:
        found = runkit.actions(raw, client)[["step_id", "proposal_no"]].astype("object")
    return list(found.where(found.notna(), None).itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("asked", "actions", "expected"),
    [
        # the nearest question that was answered before
        ([dismissals("a", 0, 5), dismissals("b", 10, 20)], [7, 25], [("a", 0), ("b", 0)]),
        ([dismissals("a", 0, 5), dismissals("b", 10, 20)], [25], [("b", 0)]),
        ([dismissals("a", 0, 5), dismissals("b", 10, 20)], [25, 30], [("b", 0), (None, None)]),
        ([dismissals("a", 0, 50)], [25], [(None, None)]),
        # what the policy skipped, and what nobody answered, led to nothing
        ([dismissals("a", 0, 5), dismissals("b", 10, 11, resolution="skip")], [25], [("a", 0)]),
        # in order, as many as there are
        ([dismissals("a", 0, 5, n=2)], [7, 8], [("a", 0), ("a", 1)]),
        ([dismissals("a", 0, 5, n=2)], [7], [("a", None)]),
        # open at the same time: the run went on when both were answered
        ([dismissals("a", 0, 8), dismissals("b", 1, 5)], [9, 10], [("a", 0), ("b", 0)]),
        ([dismissals("a", 0, 8), dismissals("b", 1, 5)], [9], [(None, None)]),
        # a step that names the object comes first
        ([dismissals("a", 0, 8, object_id=OBJECT), dismissals("b", 1, 5)], [9], [("a", 0)]),
        ([dismissals("a", 0, 8), dismissals("b", 1, 5, object_ids=[OBJECT])], [9], [("b", 0)]),
    ],
)
def test_which_question_led_to_an_action(
    asked: list[dict[str, Any]], actions: list[float], expected: list[tuple[str | None, int | None]]
) -> None:
    """By run, type and time; by object where one is named, else in order; null where it is not sure."""
    assert joined(asked, *(recorded(n, seconds) for n, seconds in enumerate(actions))) == expected


def test_actions_of_runs_that_are_not_in_the_frames(caplog: pytest.LogCaptureFixture) -> None:
    """They are rows; what cannot be joined is null, and a warning names the run."""
    raw = run(dismissals("a", 0, 5)) | {"_runkit": {"business_id": "b"}}
    elsewhere = recorded(0, 7, run={"id": "elsewhere-1234"}, user={"email": "ana@bank.example"})
    with caplog.at_level(logging.WARNING, "runkit"), client_of(elsewhere, recorded(1, 8)) as client:
        found = runkit.actions(raw, client)
    assert found["run_id"].tolist() == ["elsewhere-1234", "r"]
    assert found["user_name"].fillna("").tolist() == ["ana@bank.example", ""]
    assert found["settled_by"].tolist() == ["unknown", "reviewer"]
    assert "1 action: done by 1 run that are not in these frames (elsewher)" in caplog.text


def test_no_runs() -> None:
    """No rows, no request, the same columns and dtypes."""
    with client_of(recorded(0, 7)) as client:
        some = runkit.actions(run() | {"_runkit": {"business_id": "b"}}, client)
        assert runkit.actions([], client).dtypes.equals(some.dtypes)


def test_refused_arguments() -> None:
    """Runs whose business nobody knows, what is no client, and a business that is gone."""
    with client_of() as client:
        with pytest.raises(UsageError, match="none of the 1 run in f knows its business"):
            runkit.actions(run(), client)
        with pytest.raises(UsageError, match="client=None; expected"):
            runkit.actions(run(), None)
        with pytest.raises(NotFound):
            runkit.actions(run() | {"_runkit": {"business_id": "gone"}}, client)
