"""`client.businesses`, and runs that know which business they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import runkit
from runkit.errors import NotFound, UsageError
from support import run
from tests.client.conftest import Answer, Asked, Server


@pytest.fixture(scope="module")
def box() -> Iterator[runkit.Sandbox]:
    with runkit.sandbox(history=12, speed=3000) as box:
        yield box


@pytest.fixture
def client(box: runkit.Sandbox) -> Iterator[runkit.Client]:
    with box.client() as client:
        yield client


def test_all_are_listed(box: runkit.Sandbox, client: runkit.Client) -> None:
    """The list holds every business of the sandbox, with name and status, and is complete."""
    businesses = client.businesses.list()
    assert {one.id: one.name for one in businesses} == {one.id: one.name for one in box.businesses}
    assert {one.status for one in businesses} <= {"in_review", "in_audit", "approved", "rejected"}
    assert businesses.is_complete


def test_one_is_read(box: runkit.Sandbox, client: runkit.Client) -> None:
    """By its id, or again by what was read."""
    business = client.businesses.get(box.business("watchlist_hit"))
    assert client.businesses.get(business) == business
    with pytest.raises(NotFound):
        client.businesses.get("b1500000-0000-4000-8000-999999999999")


def test_runs_of_several_businesses(box: runkit.Sandbox, client: runkit.Client) -> None:
    """Ids and objects may be mixed; each run knows its business, and those of others are left out."""
    businesses = client.businesses.list()
    runs = client.runs.list(business_id=[businesses[0], businesses[1].id])
    assert {run.business_id for run in runs} == {businesses[0].id, businesses[1].id}
    names = {one.id: one.name for one in businesses}
    assert all(run.business_name == names[run.business_id or ""] for run in runs)
    everything = client.runs.list(business_id=businesses)
    assert sorted(everything.ids) == sorted(client.runs.list().ids)


def test_a_created_run_knows_its_business(box: runkit.Sandbox, client: runkit.Client) -> None:
    """Name, status and when that was read; also in the frame, which other runs leave empty."""
    business = client.businesses.get(box.business("clean_pass"))
    run = client.runs.create("cip_orchestrator", business_id=business)
    assert (run.business_id, run.business_name, run.business_status) == (
        business.id,
        business.name,
        "in_review",
    )
    row = runkit.frames(client.runs.wait(run)).runs.iloc[0]
    assert (row["business_name"], row["agent_name"]) == (business.name, "CIP Orchestrator")
    assert row["business_status_at"] <= row["as_of"]


def test_a_file_keeps_what_is_known(box: runkit.Sandbox, client: runkit.Client) -> None:
    """What a run knows of its business goes with its JSON, and from there into a client that asks again."""
    [run, *_] = client.runs.list(business_id=client.businesses.list())
    again = runkit.Run.from_json(run.to_dict())
    assert again.business_name == run.business_name is not None
    with box.client() as other:
        assert other.runs.get(run.id).business_name is None
        assert other.runs.get(again).business_name == run.business_name


@pytest.mark.parametrize("wrong", ["", [""], 5, [5], [None], [["b-1"]]])
def test_what_is_no_business(client: runkit.Client, wrong: object) -> None:
    """An empty id would list the runs of everybody."""
    with pytest.raises(UsageError):
        client.runs.list(business_id=wrong)  # type: ignore[arg-type]


BUSINESS = {
    "object": "business",
    "name": "A",
    "status": "open",
    "created_at": "2026-02-03T10:00:00Z",
    "updated_at": "2026-02-03T10:00:00Z",
}


def test_many_businesses_of_one_name(server: Server, make_client: Callable[..., runkit.Client]) -> None:
    """3,000 are read in 30 requests; runs of two of the same name are told apart by their ids."""

    def answer(asked: Asked) -> Answer:
        page = int(asked.query.get("page", "1"))
        if asked.path == "/businesses":
            data = [{**BUSINESS, "id": f"b-{n}"} for n in range(100 * page - 100, 100 * page)]
            return Answer({"object": "list", "data": data, "total_count": 3_000, "has_more": page < 30})
        if asked.path == "/threads":
            business_id = asked.query["business_id"]
            thread = {"object": "thread", "id": f"t-{business_id}", "status": "completed"}
            thread |= {"created_at": BUSINESS["created_at"], "updated_at": BUSINESS["updated_at"]}
            return Answer({"object": "list", "data": [thread], "has_more": False})
        runs = [run(run_id=f"{n:08d}-r", thread_id=f"t-b-{n}") for n in (1, 2, 3)]
        return Answer({"object": "list", "data": runs, "has_more": False})

    server.script = answer
    client = make_client()
    businesses = client.businesses.list(progress=False)
    assert len(businesses) == 3_000
    assert len(server.asked) == 30
    runs = client.runs.list(business_id=businesses[1:3], progress=False)
    assert [run.business_id for run in runs] == ["b-1", "b-2"]
    assert [run.label for run in runs] == ["A · 00000001-r", "A · 00000002-r"]


def test_a_server_that_ignores_the_page(server: Server, make_client: Callable[..., runkit.Client]) -> None:
    """A page that brings nothing new ends the list; every business is there once."""

    def answer(asked: Asked) -> Answer:
        return Answer({"object": "list", "data": [{**BUSINESS, "id": f"b-{n}"} for n in range(100)]})

    server.script = answer
    assert len(make_client().businesses.list()) == 100
    assert len(server.asked) == 2


def test_an_archive_keeps_what_is_known(box: runkit.Sandbox, client: runkit.Client, tmp_path: Path) -> None:
    """A run keeps the name of its business; one that was read again is not taken for a changed one."""
    business = client.businesses.get(box.business("clean_pass"))
    runs = client.runs.fetch(client.runs.list(business_id=business))
    archive = runkit.Archive(tmp_path / "runs")
    assert archive.add(runs).n_new == len(runs) > 0
    assert set(archive.frames().runs["business_name"]) == {business.name}
    client.businesses.get(business)  # its status was read later
    assert archive.add(client.runs.fetch(runs.ids)).n_changed == 0
