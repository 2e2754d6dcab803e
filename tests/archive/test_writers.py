"""Several writers, and writers that are killed: every version is whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import runkit
from runkit.archive import adding, rows, table
from runkit.errors import ArchiveError
from runkit.tables.problems import Problems
from runkit.tables.records import Record, Where
from support import at, run, step

# Adds one list after the other, each half new and half newer copies, and says so on stdout.
WRITER = """
import sys
import runkit
from support import at, run, step

name, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
archive = runkit.Archive(folder)
print("ready", flush=True)
for number in range(count):
    own = [run(step(f"s{one}"), run_id=f"{name}-{number}-{one}") for one in range(5)]
    shared = [
        run(step("s"), run_id=f"shared-{one}", updated_at=at(1000 * number), writer=name) for one in range(5)
    ]
    archive.add([*own, *shared], progress=False)
    print(number, flush=True)
"""
TESTS = Path(__file__).parent.parent


def rows_of(item: dict[str, Any]) -> pa.Table:
    """A run as a row."""
    return rows.table_of([rows.row_of(Record(item, Where()))], Problems())[0]


def start_writer(name: str, folder: Path, count: int) -> subprocess.Popen[str]:
    """A process that adds `count` lists of ten runs."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, name, str(folder), str(count)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
    )


def test_two_writers_at_once(tmp_path: Path) -> None:
    """Whatever both add arrives, each run once; of runs that both write, the newest copy is there."""
    writers = [start_writer(name, tmp_path / "runs", 6) for name in ("ann", "bob")]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    f = runkit.Archive(tmp_path / "runs").frames()
    assert f.runs["run_id"].is_unique
    assert set(f.runs["run_id"]) == {f"shared-{one}" for one in range(5)} | {
        f"{name}-{number}-{one}" for name in ("ann", "bob") for number in range(6) for one in range(5)
    }
    shared = f.runs[f.runs["run_id"].str.startswith("shared")]
    assert (shared["updated_at"] == at(5000)).all()


def test_a_writer_that_is_killed(tmp_path: Path) -> None:
    """At whatever moment: the last whole version is there, and the next writer goes on from it."""
    chance = random.Random(5)
    archive = runkit.Archive(tmp_path / "runs")
    for attempt in range(5):
        writer = start_writer(f"w{attempt}", tmp_path / "runs", 10_000)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        if attempt:  # the first one may be killed before it has made the table
            writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.3))
        writer.send_signal(signal.SIGKILL)
        said = writer.communicate(timeout=30)[0].split()
        if not (tmp_path / "runs" / "_delta_log").is_dir():
            continue
        f = archive.frames()
        assert f.runs["run_id"].is_unique
        own = f.runs["run_id"][f.runs["run_id"].str.startswith(f"w{attempt}-")]
        assert len(own) % 5 == 0  # lists are whole
        assert len(own) >= 5 * len(said)  # what was said to be written is written
    assert archive.add([run(step("s"), run_id="after")]).n_new == 1
    assert "after" in set(archive.frames().runs["run_id"])


def test_who_was_second_decides_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that another writer added in between is not added twice, and a newer copy is not replaced."""
    archive = runkit.Archive(tmp_path / "runs")
    archive.add([run(step("s"), run_id="a")])
    real = table.Snapshot.append

    def append(snapshot: table.Snapshot, rows: object) -> table.Snapshot:
        monkeypatch.setattr(table.Snapshot, "append", real)
        runkit.Archive(tmp_path / "runs").add(
            [run(step("s"), run_id="b", updated_at=at(500), status="error")]
        )
        return real(snapshot, rows)

    monkeypatch.setattr(table.Snapshot, "append", append)
    added = archive.add([run(step("s"), run_id="b"), run(step("s"), run_id="c")])
    assert (added.n_new, added.n_unchanged) == (1, 1)
    f = archive.frames()
    assert sorted(f.runs["run_id"]) == ["a", "b", "c"]
    assert f.runs.set_index("run_id").loc["b", "status"] == "error"


def test_a_writer_that_is_never_first_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of trying for ever, and nothing of its batch is written."""
    archive = runkit.Archive(tmp_path / "runs")
    real, numbers = table.Snapshot.append, iter(range(100))

    def lose(snapshot: table.Snapshot, rows: object) -> None:
        other = rows_of(run(run_id=f"other-{next(numbers)}"))
        real(snapshot, other)
        raise table.Lost

    monkeypatch.setattr(table.Snapshot, "append", lose)
    monkeypatch.setattr(adding, "WAIT_MOST", 0)
    monkeypatch.setattr(adding, "TRIES", 3)
    with pytest.raises(ArchiveError, match="other writers were faster 3 times"):
        archive.add([run(run_id="a")])
    assert sorted(archive.frames().runs["run_id"]) == ["other-0", "other-1", "other-2"]


def test_a_version_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody else writes, there is nobody to wait for."""
    archive = runkit.Archive(tmp_path / "runs")

    def refuse(*args: object) -> None:
        raise table.Lost

    monkeypatch.setattr(table.Snapshot, "append", refuse)
    monkeypatch.setattr(adding, "WAIT_MOST", 0)
    with pytest.raises(ArchiveError, match="Is the disk full"):
        archive.add([run(run_id="a")])
    assert len(archive) == 0


def test_a_disk_that_refuses_leaves_the_last_version(tmp_path: Path) -> None:
    """A write that fails is said, and what was there can be read."""
    archive = runkit.Archive(tmp_path / "runs")
    archive.add([run(step("s"), run_id="a")])
    log = tmp_path / "runs" / "_delta_log"
    moved = tmp_path / "log"
    log.rename(moved)
    log.write_text("not a folder")
    with pytest.raises((ArchiveError, runkit.RunkitError)):
        archive.add([run(run_id="b")])
    log.unlink()
    moved.rename(log)
    assert archive.frames().runs["run_id"].tolist() == ["a"]
