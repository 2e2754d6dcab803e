"""The endpoint table, lists, errors and the gate."""

import base64
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import BUSINESS, KEY, Serve, Server


@pytest.fixture
def server(shared: Server) -> Server:
    """One for all these tests."""
    return shared


RUN_FIELDS = [
    "object",
    "id",
    "created_at",
    "updated_at",
    "status",
    "thread_id",
    "agent",
    "requester",
    "prompt",
    "started_at",
    "ended_at",
    "output",
    "interrupts",
]


def origin(server: Server) -> str:
    return str(server.http.base_url).removesuffix("/v1/")


def test_openapi_tells_the_sandboxs_own_routes(server: Server) -> None:
    """What the sandbox adds stands under /sandbox, and whose key it is is nobody's parameter."""
    told = server.http.get(f"{origin(server)}/openapi.json").json()["paths"]
    own = {path: set(operations) for path, operations in told.items() if not path.startswith("/v1/")}
    assert own == {
        "/sandbox": {"get"},
        "/sandbox/runs/{id}/end": {"post"},
        "/sandbox/faults": {"post", "delete"},
    }
    resume = told["/v1/runs/{id}/resume"]["post"]
    assert [one["name"] for one in resume["parameters"]] == ["id", "include"]


def test_agents(server: Server) -> None:
    """Four agents are there, by list and by id; the invented one says so."""
    agents = server.get("/agents")["data"]
    assert len(agents) == 4
    assert server.get(f"/agents/{agents[0]['id']}") == agents[0]
    assert "only in this sandbox" in next(
        one["description"] for one in agents if one["type"] == "tin_verification"
    )
    server.get("/agents/unknown", status=404)


def test_a_new_run_is_running(server: Server) -> None:
    """Creation answers at once with a running run that has the contract's fields and no business."""
    body = {"type": "cip_orchestrator", "business_id": BUSINESS["clean_pass"].id, "prompt": "look at the TIN"}
    run = server.post("/runs", body)
    assert list(run) == RUN_FIELDS
    assert (run["status"], run["started_at"], run["prompt"]) == ("running", None, "look at the TIN")
    assert run["requester"]["email"] is None
    assert "steps" in server.run(run["id"])
    assert server.get(f"/runs/{run['id']}", include="anything,else") == run


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
        ([], 422),
    ],
)
def test_refused_runs(server: Server, body: Any, status: int) -> None:
    """Each documented reason has its documented code, and no run is made."""
    before = server.get("/runs")["total_count"]
    server.post("/runs", body, status=status)
    assert server.get("/runs")["total_count"] == before


def test_a_context_is_as_good_as_a_business(server: Server) -> None:
    """`context_type` with `context_id` says the same as `business_id`, and a thread hands its own on."""
    hit = BUSINESS["watchlist_hit"].id
    context = {"type": "cip_orchestrator", "context_type": "business", "context_id": hit}
    assert server.settle(server.post("/runs", context)["id"])["status"] == "interrupted"
    thread = server.post("/threads", context)
    run = server.post("/runs", {"type": "cip_orchestrator", "thread_id": thread["id"]})
    assert run["thread_id"] == thread["id"]
    assert server.settle(run["id"])["status"] == "interrupted"


def test_a_threads_status_follows_its_runs(server: Server) -> None:
    """A thread is interrupted if any of its runs is, else running, else as the last one ended."""
    thread = server.post(
        "/threads", {"type": "cip_orchestrator", "business_id": BUSINESS["watchlist_hit"].id}
    )
    assert (thread["status"], thread["metadata"]) == ("completed", None)
    where = {"thread_id": thread["id"]}
    first = server.start("watchlist_hit", **where)
    assert server.get(f"/threads/{thread['id']}")["status"] == "running"
    run = server.settle(first)
    second = server.start("specialist_fails", **where)
    assert server.get(f"/threads/{thread['id']}")["status"] == "interrupted"
    server.answer(run, decision="reject")
    server.settle(second)
    assert server.get(f"/threads/{thread['id']}")["status"] == "error"
    server.settle(server.start("clean_pass", **where))
    last = server.get(f"/threads/{thread['id']}")
    assert last["status"] == "completed"
    assert last["updated_at"] > last["created_at"]
    server.get("/threads/unknown", status=404)
    server.post("/threads", {"type": "nobody"}, status=404)


def test_lists_come_in_pages(serve: Serve) -> None:
    """Lists are newest first, in pages of 25 unless told otherwise, and say whether there is more."""
    server = serve()
    ids = [server.start() for _ in range(30)][::-1]
    first, second = server.get("/runs"), server.get("/runs", page=2)
    assert [run["id"] for run in first["data"] + second["data"]] == ids
    assert (first["has_more"], second["has_more"], first["total_count"]) == (True, False, 30)
    assert [run["id"] for run in server.get("/runs", page=3, per_page=7)["data"]] == ids[14:21]
    assert server.get("/runs", page=99)["data"] == []
    assert "steps" not in first["data"][0]


@pytest.mark.parametrize("path", ["/runs", "/threads", "/businesses"])
def test_a_page_that_is_no_number_is_refused(server: Server, path: str) -> None:
    """With a 400 that names the parameter. Pages count from 1, and have 1 to 100 items."""
    for name, value in (("page", "x"), ("page", 0), ("page", -1), ("per_page", 0), ("per_page", 101)):
        [error] = server.get(path, status=400, **{name: value})["errors"]
        assert error["parameter"] == name


def test_threads_of_a_business(serve: Serve) -> None:
    """The list of threads can be cut to a business; nothing in a thread says which."""
    server = serve()
    server.start("clean_pass")
    run = server.run(server.start("decision"))
    listed = server.get("/threads", business_id=BUSINESS["decision"].id)
    assert [thread["id"] for thread in listed["data"]] == [run["thread_id"]]
    assert listed["total_count"] == 1
    assert "business_id" not in listed["data"][0]


def test_businesses_and_documents(server: Server) -> None:
    """The seeded businesses and their documents can be read."""
    assert server.get("/businesses", per_page=5)["total_count"] == len(BUSINESS)
    for business in BUSINESS.values():
        assert server.get(f"/businesses/{business.id}")["name"] == business.name
    owner = BUSINESS["tin_mismatch"]
    documents = server.get(f"/businesses/{owner.id}/documents")["data"]
    assert [server.get(f"/documents/{one['id']}") for one in documents] == documents
    for path in ("/businesses/unknown", "/businesses/unknown/documents", "/documents/unknown"):
        server.get(path, status=404)


def test_feedback(server: Server) -> None:
    """An artifact of a run can be rated; a second rating says that it replaces the first."""
    run = server.reach("clean_pass")
    artifact = run["output"]["artifacts"][0]["id"]
    body = {"rating": "POSITIVE", "artifact_id": artifact, "comment": "  well found "}
    first = server.post(f"/runs/{run['id']}/feedback", body)
    assert (first["comment"], first["superseded_prior"]) == ("well found", False)
    assert (first["run_id"], first["reviewer"]["type"]) == (run["id"], "Account")
    second = server.post(f"/runs/{run['id']}/feedback", {**body, "rating": "NEGATIVE", "comment": "  "})
    assert (second["comment"], second["superseded_prior"]) == (None, True)
    server.post("/runs/unknown/feedback", body, status=404)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"rating": "positive"}, 422),
        ({"rating": None}, 422),
        ({"artifact_id": "x"}, 422),
        ({"artifact_id": "00000000-0000-4000-8000-00000000abcd"}, 422),
        ({"comment": "x" * 5001}, 422),
        ({"comment": " " * 100 + "x" * 5000}, 201),
        ({"comment": None}, 201),
    ],
)
def test_feedback_rules(server: Server, change: dict[str, Any], status: int) -> None:
    """Ratings are upper case, the artifact is the run's, a comment has 5,000 characters when trimmed."""
    run = server.reach("clean_pass")
    body = {"rating": "POSITIVE", "artifact_id": run["output"]["artifacts"][0]["id"], **change}
    server.post(f"/runs/{run['id']}/feedback", body, status=status)


def test_feedback_needs_an_artifact_that_is_seen(server: Server) -> None:
    """What a run has not found yet cannot be rated."""
    run_id = server.start()
    later = server.settle(server.start())
    artifact = later["output"]["artifacts"][0]["id"]
    body = {"rating": "POSITIVE", "artifact_id": artifact}
    server.post(f"/runs/{run_id}/feedback", body, status=422)


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/v1/nowhere", b"", 404),
        ("GET", "/", b"", 404),
        ("GET", "/v1/runs/unknown", b"", 404),
        ("GET", "/v1/runs/%2e%2e%2f", b"", 404),
        ("DELETE", "/v1/runs", b"", 405),
        ("POST", "/v1/runs", b"{nope", 422),
        ("POST", "/v1/runs", b"\xff\xfe", 422),
        ("POST", "/v1/runs", b"", 422),
        ("POST", "/v1/runs", b"[" * 100_000, 400),
    ],
)
def test_every_error_has_the_same_shape(
    server: Server, method: str, path: str, content: bytes, status: int
) -> None:
    """Whoever refuses, the body is a list of messages."""
    headers = {"content-type": "application/json"}
    answer = server.http.request(method, origin(server) + path, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    errors = answer.json()["errors"]
    assert errors
    assert all(error["message"] and set(error) <= {"message", "parameter"} for error in errors)


def basic(user: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {KEY}", 200),
        (f"bearer {KEY}", 200),
        (basic(KEY), 200),
        (basic("other"), 401),
        ("Bearer other", 401),
        ("Bearer schlüssel".encode(), 401),
        ("Basic ???", 401),
        ("Digest x", 401),
        ("", 401),
        (None, 401),
    ],
)
def test_the_key_is_asked_for(server: Server, authorization: Any, status: int) -> None:
    """The key is taken as a bearer token or as a user name; everything else is a 401, on every path."""
    headers = {} if authorization is None else {"authorization": authorization}
    with httpx.Client(trust_env=False) as client:
        for path in ("/v1/runs", "/v1/nowhere", "/openapi.json", "/sandbox"):
            if (reply := client.get(origin(server) + path, headers=headers)).status_code == 401:
                assert reply.json()["errors"]
                assert "www-authenticate" in reply.headers
            assert (reply.status_code == 401) == (status == 401)


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("host", "evil.example.com", 400),
        ("host", "127.0.0.1.evil.example.com:80", 400),
        ("host", "[bad", 400),
        ("host", "localhost:1234", 200),
        ("host", "[::1]:1234", 200),
        ("origin", "https://evil.example.com", 403),
        ("origin", "null", 403),
        ("origin", "http://localhost:8888", 200),
    ],
)
def test_only_this_machine_is_served(server: Server, header: str, value: str, status: int) -> None:
    """A foreign Host or Origin is refused, whatever the key."""
    assert server.http.get("/runs", headers={header: value}).status_code == status
