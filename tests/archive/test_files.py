"""Whatever files the table has, each run is read once."""

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


def test_many_small_files_are_joined_and_all_reads_as_before(archive, tmp_path, monkeypatch):
    """Another writer comes first; every version still reads as it did, and no value is in the log."""
    for number in range(12):
        archive.add([item(f"r{number % 4}", 100 + number)])
    before = held(archive)
    old = held(archive, version=3)
    folder = tmp_path / "runs"
    join = Table.join_files

    def join_second(table, snapshot):
        monkeypatch.undo()
        runkit.Archive(folder).add([item("late")])
        join(table, snapshot)

    monkeypatch.setattr(Table, "join_files", join_second)
    monkeypatch.setattr("runkit.archive._writing.MAX_SMALL_FILES", 12)
    assert archive.add([item("last")]).version == archive.version == 15
    assert n_files(folder) == 2
    assert held(archive) == before | {"late": item("late"), "last": item("last")}
    assert held(archive, version=3) == old
    for entry in folder.glob("_delta_log/*.json"):
        assert "completed" not in entry.read_text()


def test_files_are_not_joined_whose_order_says_which_copy_is_newest(archive, tmp_path, monkeypatch):
    """Equally new copies of a run, of which the later counts; until there is a newer one."""
    monkeypatch.setattr("runkit.archive._writing.MAX_SMALL_FILES", 2)
    notes = [{"note": "first" * 2_000}, {"note": "second"}, {"note": "third" * 1_000}]
    for n_before, note in enumerate(notes):
        archive.add([item("a", extra=note)])
        assert n_files(tmp_path / "runs") == n_before + 1
        assert held(archive)["a"]["extra"] == note
    archive.add([item("a", 200)])
    assert n_files(tmp_path / "runs") == 1
    assert held(archive) == {"a": item("a", 200)}
