"""A user's own finished runs, played by the sandbox."""

import json
import logging

import pytest
from pandas.testing import assert_frame_equal

import runkit
from runkit.api.question_kinds import KIND_OF_NAME, interrupt_kind
from runkit.errors import UsageError
from strangers import fleet, records
from support import question, run, step

STRANGERS = records(fleet(5, 8))
ENDED = {raw["id"]: raw for raw in STRANGERS if raw["status"] in ("completed", "error")}
ITEM = {"id": "int-9", "value": {"type": "decision", "label": "Approve it?", "agent": "a"}}
ANSWERED = run(
    step("s", 0, 20),
    question("q", 30, 90, label="Approve?", result={"interrupt_id": "int-9", "verdict": "no"}),
    step("t", 95, 120, name="after"),
    run_id="0aaaaaaa-0000-4000-8000-000000000001",
    end=130,
)
WAITING = ANSWERED | {"status": "interrupted", "ended_at": None, "interrupts": [ITEM], "steps": []}
OPEN = WAITING | {"id": "0bbbbbbb-0000-4000-8000-000000000001", "steps": ANSWERED["steps"]}


def write(path, *rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A sandbox that plays runs of strangers, and one that asks."""
    path = tmp_path_factory.mktemp("replay") / "runs.ndjson"
    with runkit.sandbox(replay=write(path, *STRANGERS, WAITING, ANSWERED), speed=1e6) as running:
        yield running


@pytest.fixture(scope="module")
def client(box):
    with box.client(rate=None) as made:
        yield made


def finish(client, business_id):
    """Start a run, answer each question, and return the run at its end."""
    made = client.runs.wait(client.runs.create("cip_orchestrator", business_id=business_id))
    while made.status == "interrupted":
        for item in made.interrupts:
            kind = interrupt_kind(item.value.to_dict())
            verdict = "reject" if kind == "document" else KIND_OF_NAME[kind].choices[0].word
            client.runs.resume(made, item.id, {"decision": verdict, "note": "seen"})
        made = client.runs.wait(made)
    return client.runs.get(made.id)


def test_runs_of_strangers_are_played_to_their_ends(box, client):
    played = runkit.frames([finish(client, box.business(run_id[:8])) for run_id in ENDED])
    recorded = runkit.frames([*ENDED.values()])
    columns = ["status", "outcome", "n_findings", "weakest", "n_errors", "n_steps"]
    assert_frame_equal(played.runs[columns].astype("str"), recorded.runs[columns].astype("str"))
    columns = ["label", "name", "type", "status", "depth", "n_artifacts"]
    assert_frame_equal(played.steps[columns].astype("str"), recorded.steps[columns].astype("str"))


def test_a_replayed_run_asks_at_the_recorded_time(box, client):
    """With the words of a copy that waited; after any answer the run goes on as recorded."""
    made = client.runs.wait(
        client.runs.create("cip_orchestrator", business_id=box.business(ANSWERED["id"]))
    )
    [item] = made.interrupts
    assert item.value.to_dict() == ITEM["value"]
    waiting = runkit.frames(client.runs.get(made.id))
    delay = waiting.interrupts["asked_at"] - waiting.runs["created_at"]
    assert delay.dt.total_seconds().tolist() == [31]
    assert waiting.steps["name"].tolist() == ["work", "await_review"]
    client.runs.resume(made, item.id, {"decision": "approved"})
    done = runkit.frames(client.runs.get(client.runs.wait(made).id))
    assert done.steps["name"].tolist() == ["work", "await_review", "after"]
    for f in (waiting, done):  # no part of the recorded answer
        result = json.loads(f.steps["result"].dropna().iloc[-1])
    assert result == {"interrupt_id": item.id}


def test_what_replay_leaves_out_is_counted_by_its_reason(tmp_path, caplog):
    """A file is only read; a finished run without steps is played, too."""
    bare = run(run_id="0ddddddd-0000-4000-8000-000000000001")
    rows = ["{nope", {"a": 1}, {"object": "thread", "id": "t"}, OPEN, bare]
    path = write(tmp_path / "runs.ndjson", ANSWERED, WAITING, *rows)
    before = path.read_bytes()
    with (
        caplog.at_level(logging.WARNING, "runkit"),
        runkit.sandbox(replay=path, speed=1e6) as box,
        box.client() as client,
    ):
        assert [business.scenario for business in box.businesses] == [ANSWERED["id"], bare["id"]]
        assert finish(client, box.business(bare["id"])).status == "completed"
    [message] = [record.getMessage() for record in caplog.records if "replay" in record.msg]
    words = "replay plays 2 runs and leaves out 4 records: record_refused 3, not ended 1"
    assert message == words
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{nope", json.dumps({"data": [OPEN]})])
def test_a_file_without_a_run_to_play_is_refused(tmp_path, text):
    with pytest.raises(UsageError, match="no run that can be played"):
        runkit.sandbox(replay=write(tmp_path / "runs.ndjson", text))
    with pytest.raises(UsageError):
        runkit.sandbox(replay=tmp_path / "missing.ndjson")
