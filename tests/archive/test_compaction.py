"""Compaction makes the table smaller, and changes nothing that is read."""

from collections import Counter

import deltalake
import pandas as pd

import runkit
from runkit.archive.table import Table
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
    assert archive.compact() == archive.version == 13  # as it was


def test_an_append_during_a_compaction_is_kept(archive, tmp_path, monkeypatch):
    archive.add([item("a", 100)])
    archive.add([item("a", 200)])
    write = Table.write

    def write_second(table, *given):
        monkeypatch.undo()
        runkit.Archive(tmp_path / "runs").add([item("a", 300), item("b")])
        write(table, *given)

    monkeypatch.setattr(Table, "write", write_second)
    archive.compact()
    assert held(archive) == {"a": item("a", 300), "b": item("b")}
    archive.compact()
    assert rows_in(tmp_path / "runs") == {"a": 1, "b": 1}


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
    """As two writers may double them, in two files and in one."""
    archive.add([item("a", 100, status="error"), item("b")])
    archive.add([item("a", 200), item("c")])
    table = deltalake.DeltaTable(tmp_path / "runs")
    rows = table.to_pandas()
    doubled = rows[rows["run_id"].ne("a") | rows["status"].eq("error")]
    rows = pd.concat([doubled, doubled], ignore_index=True)
    deltalake.write_deltalake(table, rows, mode="append")
    wanted = dict.fromkeys("abc", "completed")
    check_holds(archive, wanted)
    archive.compact()
    check_holds(archive, wanted)
    assert rows_in(tmp_path / "runs") == dict.fromkeys("abc", 1)
