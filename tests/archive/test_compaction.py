"""Compaction makes the table smaller, and changes nothing that is read, whatever others do meanwhile."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import deltalake
import pytest

import runkit
from runkit.archive import table, writing
from support import at, run, step

Json = dict[str, Any]


def item(run_id: str, updated: float = 100, **more: Any) -> Json:
    """A run of one step."""
    return run(step(f"{run_id}-s", 0, 10), run_id=run_id, updated_at=at(updated), **more)


def held(archive: runkit.Archive, **chosen: Any) -> dict[str, Json]:
    """What is read of the archive, by id; each run once."""
    runs = [one.to_dict() for one in archive.runs(**chosen)]
    assert len(runs) == len(archive.select(**chosen))
    by_id = {one["id"]: one for one in runs}
    assert len(by_id) == len(runs)
    return by_id


def rows_in(folder: Path) -> Counter[str]:
    """How many rows the table has of each run."""
    rows = deltalake.DeltaTable(folder).to_pyarrow_table(columns=["run_id"])
    return Counter(rows["run_id"].to_pylist())


def n_files(folder: Path) -> int:
    """How many files the newest version has."""
    return len(deltalake.DeltaTable(folder).file_uris())


def test_superseded_copies_go_and_small_files_are_joined(archive: runkit.Archive, tmp_path: Path) -> None:
    """One row a run and one file are left; every version still reads as it did."""
    for number in range(12):
        archive.add([item(f"r{number % 4}", 100 + number)])
    before, old = held(archive), held(archive, version=3)
    assert sum(rows_in(tmp_path / "runs").values()) == 12
    version = archive.compact()
    assert version == archive.version
    assert rows_in(tmp_path / "runs") == {f"r{number}": 1 for number in range(4)}
    assert n_files(tmp_path / "runs") == 1
    assert held(archive) == before == {f"r{number}": item(f"r{number}", 108 + number) for number in range(4)}
    assert held(archive, version=3) == old
    assert len(old) == 3


def test_nothing_to_do_writes_nothing(archive: runkit.Archive) -> None:
    """A compacted archive, and an empty one, stay as they are."""
    archive.add([])
    assert archive.compact() == 0
    archive.add([item("a"), item("b")])
    assert archive.compact() == 1
    archive.add([item("a", 200)])
    version = archive.compact()
    assert archive.compact() == version


def test_an_append_that_comes_first_makes_it_decide_again(
    archive: runkit.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer copy, added while the older ones are compacted, is neither lost nor undone."""
    archive.add([item("a", 100)])
    archive.add([item("a", 200)])
    real = table.Snapshot.replace

    def replace(snapshot: table.Snapshot, *given: Any) -> None:
        monkeypatch.setattr(table.Snapshot, "replace", real)
        runkit.Archive(tmp_path / "runs").add([item("a", 300), item("b")])
        real(snapshot, *given)

    monkeypatch.setattr(table.Snapshot, "replace", replace)
    archive.compact()
    assert held(archive) == {"a": item("a", 300), "b": item("b")}
    assert rows_in(tmp_path / "runs") == {"a": 1, "b": 1}


def test_two_compactions_of_one_version(archive: runkit.Archive, tmp_path: Path) -> None:
    """Whether or not the table's library lets both commit, each run is read once."""
    for number in range(8):
        archive.add([item(f"r{number % 4}", 100 + number)])
    before = held(archive)
    places = [runkit.Archive(tmp_path / "runs")._place.latest() for _ in range(4)]
    for snapshot in places[:2]:
        with suppress(table.CommitConflict):
            writing.drop_copies(snapshot, [f"r{number}" for number in range(4)])
        assert held(archive) == before
    for snapshot in places[2:]:
        with suppress(table.CommitConflict):
            snapshot.join_files()
        assert held(archive) == before
    archive.compact()
    assert held(archive) == before
    assert set(rows_in(tmp_path / "runs").values()) == {1}


def test_a_sync_ends_with_it(
    archive: runkit.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a sync the table has one row a run, and few small files."""
    monkeypatch.setattr("runkit.archive.sync.MAX_SMALL_FILES", 3)
    with runkit.sandbox(speed=600, history=5, seed=3) as box, box.client(rate=None) as client:
        listed = client.runs.list()
        for one in listed:
            archive.add([one])
            archive.add([one.to_dict() | {"updated_at": "2000-01-01T00:00:00Z", "id": one.id}])
        assert archive.sync(client).is_complete
        assert rows_in(tmp_path / "runs") == dict.fromkeys(listed.ids, 1)
        assert n_files(tmp_path / "runs") <= 3
        version = archive.version
        assert archive.sync(client).version == version
