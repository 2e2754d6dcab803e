"""Compaction makes the table smaller, and changes nothing that is read."""

from collections import Counter

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import runkit
from runkit.archive.table import Table
from runkit.errors import ArchiveError
from tests.archive.conftest import check_holds, held, item


def rows_in(folder):
    """How many rows the table has of each run."""
    rows = deltalake.DeltaTable(folder).to_pyarrow_table(columns=["run_id"])
    return Counter(rows["run_id"].to_pylist())


def n_files(folder):
    """How many files the newest version has."""
    return len(deltalake.DeltaTable(folder).file_uris())


def test_superseded_copies_go_and_small_files_are_joined(archive, tmp_path):
    """One row a run and one file are left; every version still reads as it did."""
    for number in range(12):
        archive.add([item(f"r{number % 4}", 100 + number)])
    before, old = held(archive), held(archive, version=3)
    assert sum(rows_in(tmp_path / "runs").values()) == 12
    assert archive.compact() == archive.version
    assert rows_in(tmp_path / "runs") == {f"r{number}": 1 for number in range(4)}
    assert n_files(tmp_path / "runs") == 1
    assert held(archive) == before
    assert held(archive, version=3) == old
    assert len(old) == 3


def test_compacting_a_compact_archive_writes_no_version(archive):
    """A compacted archive, and an empty one, stay as they are."""
    archive.add([])
    assert archive.compact() == 0
    archive.add([item("a"), item("b")])
    assert archive.compact() == 1
    archive.add([item("a", 200)])
    version = archive.compact()
    assert archive.compact() == version


def add_before_commit(monkeypatch, folder, before):
    """Let another writer come between what the next commit has read and its commit."""
    real = Table.write

    def write(table, *given):
        monkeypatch.setattr(Table, "write", real)
        before(runkit.Archive(folder))
        real(table, *given)

    monkeypatch.setattr(Table, "write", write)


def test_an_append_during_a_compaction_is_kept(archive, tmp_path, monkeypatch):
    archive.add([item("a", 100)])
    archive.add([item("a", 200)])
    add_before_commit(
        monkeypatch, tmp_path / "runs", lambda other: other.add([item("a", 300), item("b")])
    )
    archive.compact()
    assert held(archive) == {"a": item("a", 300), "b": item("b")}
    archive.compact()
    assert rows_in(tmp_path / "runs") == {"a": 1, "b": 1}


def test_two_compactions_at_once_are_one(archive, tmp_path, monkeypatch):
    for number in range(4):
        archive.add([item(f"r{number % 2}", 100 + number)])
    add_before_commit(monkeypatch, tmp_path / "runs", runkit.Archive.compact)
    with pytest.raises(ArchiveError, match="came first"):
        archive.compact()
    assert held(archive) == {"r0": item("r0", 102), "r1": item("r1", 103)}
    assert set(rows_in(tmp_path / "runs").values()) == {1}


def test_a_sync_joins_small_files(archive, tmp_path, monkeypatch):
    monkeypatch.setattr("runkit.archive.sync.MAX_SMALL_FILES", 3)
    with runkit.sandbox(speed=600, history=5, seed=3) as box, box.client(rate=None) as client:
        listed = client.runs.list()
        for stored in listed:
            archive.add([stored])
        assert archive.sync(client).is_complete
    assert rows_in(tmp_path / "runs") == dict.fromkeys(listed.ids, 1)
    assert n_files(tmp_path / "runs") == 1


def test_doubled_rows_are_read_as_one_run(archive, tmp_path):
    """As in an archive of 0.1 that two writers doubled, in several files and in one.

    Read, and compacted.
    """
    archive.add([item("a", 100, status="error"), item("b")])
    archive.add([item("a", 200), item("c")])
    table = deltalake.DeltaTable(str(tmp_path / "runs"))
    # all but the newest copy of a
    again = (pc.field("run_id") != "a") | (pc.field("status") == "error")
    doubled = table.to_pyarrow_table().filter(again)
    deltalake.write_deltalake(table, pa.concat_tables([doubled, doubled]), mode="append")
    wanted = dict.fromkeys("abc", "completed")
    check_holds(archive, wanted)
    assert sorted(archive.dask().steps["run_id"].compute(scheduler="synchronous")) == [
        "a",
        "b",
        "c",
    ]
    before = archive.version
    archive.compact()
    check_holds(archive, wanted)
    assert deltalake.DeltaTable(str(tmp_path / "runs")).to_pyarrow_table().num_rows == 3
    assert sorted(archive.frames(version=before).runs["run_id"]) == ["a", "b", "c"]
