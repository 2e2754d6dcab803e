"""A run is meant by its id or, wherever runs are at hand, by the first characters of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import runkit
from runkit.errors import NotFound, UsageError


def test_frames_and_lists() -> None:
    """Eight characters are enough where they are unique; fewer are not."""
    with runkit.sandbox(history=12) as box, box.client() as client:
        runs = client.runs.list()
        f = runkit.frames(runs)
    one = runs[3]
    assert runs[one.id[:8]] is one
    assert runs[one.id.upper()] is one
    assert f.select(one.id[:8]).runs["run_id"].tolist() == [one.id]
    for short in (one.id[:7], "ffffffff-ffff"):
        with pytest.raises(UsageError):
            runs[short]
        with pytest.raises(UsageError):
            f.select(short)


def test_the_start_of_several_ids_lists_them() -> None:
    """An ambiguous start is refused, with the ids that are meant."""
    base = {"object": "run", "created_at": "2026-02-03T10:00:00Z", "updated_at": "2026-02-03T10:00:00Z"}
    ids = ["aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"]
    f = runkit.frames([{**base, "id": one, "status": "completed"} for one in ids])
    with pytest.raises(UsageError) as error:
        f.select("aaaaaaaa")
    assert all(one in str(error.value) for one in ids)
    assert f.select(ids[1]).runs["run_id"].tolist() == [ids[1]]


def test_the_client_finds_the_run() -> None:
    """Also one that this client has not seen before; an unknown start is not found."""
    with runkit.sandbox(history=12) as box, box.client() as client, box.client() as other:
        run_id = client.runs.list()[5].id
        assert client.runs.get(run_id[:8]).id == other.runs.get(run_id[:8]).id == run_id
        assert runkit.frames(client.runs.fetch([run_id[:9]])).runs["run_id"].tolist() == [run_id]
        with pytest.raises(NotFound):
            client.runs.get("ffffffff")


def test_archives(tmp_path: Path) -> None:
    """In `select`, `frames` and `runs`; an ambiguous start lists the runs, and an unknown one is refused."""
    ids = [f"{start}-0000-4000-8000-000000000001" for start in ("aaaaaaaa", "aaaaaaab", "bbbbbbbb")]
    base = {"object": "run", "created_at": "2026-02-03T10:00:00Z", "updated_at": "2026-02-03T10:00:00Z"}
    archive = runkit.Archive(tmp_path / "runs")
    archive.add([{**base, "id": one, "status": "completed"} for one in [*ids, ids[2][:-1] + "2"]])
    assert [run.id for run in archive.select(run_id="AAAAAAAA").runs()] == [ids[0]]
    assert sorted(archive.frames(run_id=["aaaaaaaa", ids[1]]).runs["run_id"]) == ids[:2]
    assert [run.id for run in archive.runs(run_id=ids[2])] == [ids[2]]
    assert len(archive.select(run_id=[])) == 0
    with pytest.raises(UsageError, match=ids[2]):
        archive.select(run_id="bbbbbbbb")
    for unknown in ("cccccccc", "aaaaaaa"):
        with pytest.raises(UsageError, match=unknown):
            archive.runs(run_id=unknown)
