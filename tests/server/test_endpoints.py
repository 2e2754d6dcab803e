"""Lists, and the errors of the API."""

import pytest

from tests.server.conftest import BUSINESS

NOBODY = "00000000-0000-4000-8000-00000000abcd"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"type": "cip_orchestrator"}, 400),
        ({"type": "cip_orchestrator", "business_id": NOBODY}, 404),
        ({"type": "cip_orchestrator", "thread_id": NOBODY}, 404),
        ({"type": "nobody", "business_id": BUSINESS["clean_pass"].id}, 404),
        ({"type": "cip_orchestrator", "business_id": BUSINESS["in_audit"].id}, 422),
        ([], 422),
    ],
)
def test_runs_are_refused_with_the_documented_status(server, body, status):
    """Each documented reason has its documented code, and no run is made."""
    before = server.get("/runs")["total_count"]
    server.post("/runs", body, status=status)
    assert server.get("/runs")["total_count"] == before


def test_a_page_that_is_no_number_is_refused(server):
    """With a 400 that names the parameter. Pages count from 1, and have 1 to 100 items."""
    for name, value in (("page", "x"), ("page", 0), ("per_page", 0), ("per_page", 101)):
        [error] = server.get("/runs", status=400, **{name: value})["errors"]
        assert error["parameter"] == name


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "nowhere", b"", 404),
        ("GET", "runs/unknown", b"", 404),
        ("DELETE", "runs", b"", 405),
        ("POST", "runs", b"{nope", 422),
        ("POST", "runs", b"[" * 100_000, 400),
        ("POST", "runs/unknown/feedback", b"\xff\xfe", 422),
    ],
)
def test_every_error_has_the_same_shape(server, method, path, content, status):
    """Whoever refuses, the body is a list of messages."""
    headers = {"content-type": "application/json"}
    answer = server.http.request(method, path, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    [error] = answer.json()["errors"]
    assert error["message"]
    assert {*error} <= {"message", "parameter"}


def test_every_response_has_the_date_of_virtual_time(serve):
    """A refusal, too."""
    server = serve()
    server.time.seconds += 3600
    for path in ("/runs", "/nowhere"):
        answer = server.http.get(path)
        assert answer.headers.get_list("date") == ["Tue, 03 Feb 2026 13:00:00 GMT"]
