"""The endpoint table, lists, errors and the gate."""

import pytest

from tests.server.conftest import BUSINESS


@pytest.fixture
def server(shared):
    """One for all these tests."""
    return shared


def origin(server):
    return str(server.http.base_url).removesuffix("/v1/")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"type": "cip_orchestrator"}, 400),
        ({"type": "cip_orchestrator", "context_id": BUSINESS["clean_pass"].id}, 400),
        ({"type": "cip_orchestrator", "business_id": "nonsense"}, 422),
        ({"type": "nobody", "business_id": BUSINESS["clean_pass"].id}, 404),
        ({"type": "cip_orchestrator", "thread_id": "00000000-0000-4000-8000-00000000abcd"}, 404),
        ({"type": "cip_orchestrator", "business_id": BUSINESS["in_audit"].id}, 422),
        ({"type": "tin_verification", "business_id": BUSINESS["clean_pass"].id}, 422),
        ([], 422),
    ],
)
def test_runs_are_refused_with_the_documented_status(server, body, status):
    """Each documented reason has its documented code, and no run is made."""
    before = server.get("/runs")["total_count"]
    server.post("/runs", body, status=status)
    assert server.get("/runs")["total_count"] == before


def test_a_threads_status_follows_its_runs(server):
    """A thread is interrupted if any of its runs is, else running, else as the last one ended."""
    business_id = BUSINESS["watchlist_hit"].id
    made = server.post("/threads", {"type": "cip_orchestrator", "business_id": business_id})
    where, path = {"thread_id": made["id"]}, f"/threads/{made['id']}"
    statuses = [made["status"]]
    first = server.start("watchlist_hit", **where)
    statuses.append(server.get(path)["status"])
    run = server.settle(first)
    second = server.start("specialist_fails", **where)
    statuses.append(server.get(path)["status"])
    server.answer(run, decision="reject")
    server.settle(second)
    statuses.append(server.get(path)["status"])
    server.settle(server.start("clean_pass", **where))
    statuses.append(server.get(path)["status"])
    assert statuses == ["completed", "running", "interrupted", "error", "completed"]
    server.get("/threads/unknown", status=404)
    server.post("/threads", {"type": "nobody"}, status=404)


@pytest.mark.parametrize("path", ["/runs", "/threads", "/businesses"])
def test_a_page_that_is_no_number_is_refused(server, path):
    """With a 400 that names the parameter. Pages count from 1, and have 1 to 100 items."""
    for name, value in (
        ("page", "x"),
        ("page", 0),
        ("page", -1),
        ("per_page", 0),
        ("per_page", 101),
    ):
        [error] = server.get(path, status=400, **{name: value})["errors"]
        assert error["parameter"] == name


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/v1/nowhere", b"", 404),
        ("GET", "/v1/runs/unknown", b"", 404),
        ("DELETE", "/v1/runs", b"", 405),
        ("POST", "/v1/runs", b"{nope", 422),
        ("POST", "/v1/runs", b"[" * 100_000, 422),
        ("POST", "/v1/threads", b'{"type": "\xff"}', 422),
        ("POST", "/v1/runs/unknown/feedback", b"\xff\xfe", 422),
        ("POST", "/v1/runs", b" " * 1_000_001, 413),
    ],
)
def test_every_error_has_the_same_shape(server, method, path, content, status):
    """Whoever refuses, the body is a list of messages."""
    headers = {"content-type": "application/json"}
    answer = server.http.request(method, origin(server) + path, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    errors = answer.json()["errors"]
    assert all(error["message"] for error in errors)
    assert {*errors[0]} <= {"message", "parameter"}
    if status == 405:
        assert answer.headers["Allow"] == "GET, POST"
