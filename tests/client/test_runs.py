"""Create, read, wait for and rate runs; threads, agents and actions."""

from datetime import UTC, datetime

import pytest

from runkit.api.models import Run
from runkit.errors import NotFound, Unavailable, WaitTimeout
from tests.client.conftest import Answer

NOW = "2026-02-03T10:00:00Z"


def test_create_sends_and_keeps_the_business(server, client, run_json):
    """The API never returns it, so the client keeps it for the run's thread, and so does the run's JSON."""
    stamps = dict.fromkeys(["created_at", "updated_at"], NOW)
    business = {"object": "business", "id": "b-1", "name": "Acme", "status": "in_review"} | stamps
    made = Answer(run_json(status="running"), status=201)
    server.say(Answer(business), made, Answer(run_json()))
    run = client.runs.create("cip_orchestrator", business_id="b-1", prompt="Look at the TIN")
    [post] = server.posts
    assert post.body == {
        "type": "cip_orchestrator",
        "business_id": "b-1",
        "prompt": "Look at the TIN",
    }
    assert (run.business_id, run.business_name, run.business_status) == ("b-1", "Acme", "in_review")
    assert client.runs.get(run).business_name == "Acme"
    assert Run.from_json(run.to_dict()).business_name == "Acme"


def test_no_run_is_created_for_a_business_that_cannot_be_read(server, client):
    server.script = lambda request: Answer(status=404)
    with pytest.raises(NotFound, match="/businesses/b-1") as caught:
        client.runs.create("cip_orchestrator", business_id="b-1")
    assert server.posts == []
    assert "No run was created" in caught.value.__notes__[0]


def test_get_stamps_the_servers_time(server, client, run_json):
    """`read_at` is the Date of the answer; a stamp that the server sent is dropped."""
    forged = Answer(run_json(_runkit={"business_id": "forged", "read_at": NOW}, steps=[]))
    server.say(forged, Answer(run_json(), headers={"Date": "no date"}))
    run = client.runs.get("run-1")
    assert run.read_at == datetime(2026, 2, 3, 10, 40, 12, tzinfo=UTC)
    assert run.to_dict()["_runkit"] == {"read_at": "2026-02-03T10:40:12Z", "read_from": client.host}
    without = client.runs.get("run-1")
    assert (without.read_at, without.steps) == (None, None)
    assert [request.query for request in server.requests] == [{"include": "steps"}] * 2


def test_wait_ends_when_the_run_stops_or_with_its_last_state(server, client, run_json, fake_time):
    """Waiting looks ever less often."""
    running = Answer(run_json(status="running"))
    pending = Answer(run_json(status="pending"))  # of the first documentation
    server.say(pending, *[running] * 15, Answer(run_json(status="interrupted", steps=[])))
    assert client.runs.wait("run-1").steps == ()
    assert fake_time.slept[:3] == pytest.approx([0.05, 0.075, 0.1125])
    assert max(fake_time.slept) == 5
    fake_time.slept.clear()
    server.script = lambda request: running
    with pytest.raises(WaitTimeout, match="still running after 20 s") as caught:
        client.runs.wait("run-1", timeout=20)
    assert 15 < sum(fake_time.slept) < 20
    assert caught.value.run.status == "running"


def test_wait_ends_with_the_real_error(server, client):
    """A host that fails is no timeout."""
    server.script = lambda request: Answer(status=503)
    with pytest.raises(Unavailable):
        client.runs.wait("run-1", timeout=5)


WAITING = {"id": "int-1", "value": {"label": "?"}}
OPEN_STEP = {"id": "s", "type": "interrupt", "status": "running", "started_at": NOW, "steps": []}


@pytest.mark.parametrize(
    ("fields", "is_waiting"),
    [
        ({"status": "interrupted"}, True),
        ({"status": "paused", "interrupts": [WAITING]}, True),
        ({"status": "paused", "interrupts": [WAITING | {"decision": "approve"}]}, False),
        ({"status": "paused", "steps": [OPEN_STEP]}, True),
        ({"status": "paused", "steps": [OPEN_STEP | {"completed_at": NOW}]}, False),
        ({"status": "paused"}, False),
        ({"status": "completed", "interrupts": [WAITING]}, False),
        ({"status": "paused", "interrupts": [WAITING], "ended_at": NOW}, False),
    ],
)
def test_a_run_waits_while_a_question_is_open(run_json, fields, is_waiting):
    assert Run.from_json(run_json(**fields)).is_waiting == is_waiting
