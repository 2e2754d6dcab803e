"""Compaction makes the table smaller, and changes nothing that is read."""

import deltalake
import pandas as pd

import runkit
from runkit.archive.table import Table
from tests.archive.conftest import check_holds, held, item


def n_files(folder):
    """How many files the newest version has."""
    return len(deltalake.DeltaTable(folder).file_uris())


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


def test_compaction_joins_files_and_changes_nothing_that_is_read(archive, tmp_path, monkeypatch):
    """Another writer comes first; every version still reads as it did, and no value is in the log."""
    for number in range(12):
        archive.add([item(f"r{number % 4}", 100 + number)])
    before, old, folder = held(archive), held(archive, version=3), tmp_path / "runs"
    opened = Table.open

    def open_first(table, *version):
        monkeypatch.undo()
        snapshot = opened(table, *version)
        runkit.Archive(folder).add([item("late")])
        return snapshot

    monkeypatch.setattr(Table, "open", open_first)
    version = archive.compact()
    assert n_files(folder) == 2
    assert held(archive) == before | {"late": item("late")}
    assert held(archive, version=3) == old
    assert archive.compact() == version + 1 == archive.compact() == archive.version
    for entry in folder.glob("_delta_log/*.json"):
        assert "completed" not in entry.read_text()


def test_a_sync_joins_small_files(archive, tmp_path, monkeypatch):
    monkeypatch.setattr("runkit.archive.sync.MAX_SMALL_FILES", 3)
    with runkit.sandbox(speed=600, history=5, seed=3) as box, box.client(rate=None) as client:
        for stored in client.runs.list():
            archive.add([stored])
        assert archive.sync(client).version == archive.version
    assert n_files(tmp_path / "runs") == 1
