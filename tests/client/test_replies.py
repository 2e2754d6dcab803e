"""From statuses to errors, and requests that are not sent."""

import pytest

from runkit.errors import (
    AuthError,
    Conflict,
    ContractError,
    Invalid,
    NotFound,
    RateLimited,
    Unavailable,
)
from tests.client.conftest import Answer

ERRORS = {"errors": [{"message": "type is unknown", "parameter": "type"}, {"message": "and more"}]}
WRITES = {
    "create": lambda client: client.runs.create("cip_orchestrator", thread_id="t-1"),
    "resume": lambda client: client.runs.resume("run-1", "int-1", {"decision": "approve"}),
    "feedback": lambda client: client.runs.feedback("run-1", "artifact-1", "positive"),
}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, AuthError),
        (404, NotFound),
        (409, Conflict),
        (422, Invalid),
        (429, RateLimited),
        (500, Unavailable),
    ],
)
def test_each_status_has_its_error_class(server, client, status, kind):
    """Each status is its own class, and carries what was asked and what the API said."""
    server.script = lambda request: Answer(ERRORS, status=status)
    with pytest.raises(
        kind,
        match=rf"GET /v1/runs/run-1: .* returned {status}, .*type is unknown / and more.*\(parameter type\)",
    ) as caught:
        client.runs.get("run-1")
    assert caught.value.status == status
    assert caught.value.messages == ("type is unknown", "and more")
    assert caught.value.parameter == "type"


@pytest.mark.parametrize("body", [b"<html>", {"object": "run"}])
@pytest.mark.parametrize("write", [write for write in WRITES if write != "resume"])
def test_an_unreadable_response_to_a_post_says_that_it_may_be_done(server, client, write, body):
    """A POST answered 201 was carried out, whatever the body looks like."""
    server.script = lambda request: Answer(body, status=201)
    with pytest.raises(ContractError, match=r"^POST /v1/\S+: .* may have been carried out"):
        WRITES[write](client)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("../agents", "/runs/..%2Fagents"),
        ("a?include=x#y", "/runs/a%3Finclude%3Dx%23y"),
    ],
)
def test_ids_are_quoted(server, client, given, path):
    """No id leads to another path."""
    with pytest.raises(NotFound):
        client.runs.get(given)
    assert server.requests[0].path == path


@pytest.mark.parametrize("write", WRITES)
def test_read_only_sends_no_post(server, make_client, run_json, write):
    """A client that may not write says so; a run is read before its question is answered."""
    server.script = lambda request: Answer(run_json())
    with pytest.raises(PermissionError, match="read_only"):
        WRITES[write](make_client(read_only=True))
    assert server.posts == []
