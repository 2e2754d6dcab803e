"""Several writers, and writers that are killed: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import runkit
from archive.writers import check, environment, own, writers, written
from runkit.archive import table
from runkit.errors import ArchiveError
from support import run, step

NAMES = ("ann", "bob", "cyd")
N = 12  # runs that each of them adds; the soak adds more


def test_three_writers_of_which_one_is_killed(tmp_path: Path) -> None:
    """Three processes add single runs, of which some are the same, and compact; one of them is killed.

    The others go on; what the dead one said to be written is there.
    """
    folder = tmp_path / "runs"
    with writers(folder, NAMES, N, compacts=True) as processes:
        victim = processes[0]
        assert victim.stdout is not None
        said = [int(line) for line, _ in zip(victim.stdout, range(5), strict=False) if line != "ready\n"]
        victim.send_signal(signal.SIGKILL)
        numbers = {"ann": said + written(victim)}
        numbers |= {name: written(one) for name, one in zip(NAMES[1:], processes[1:], strict=True)}
        assert [process.returncode for process in processes] == [-signal.SIGKILL, 0, 0]
    assert list(numbers.values())[1:] == [[*range(N)]] * 2
    assert 4 <= len(numbers["ann"]) < N
    check(folder, numbers, killed=["ann"])
    archive = runkit.Archive(folder)
    before = {one.id: one.to_dict() for one in archive}
    archive.compact()
    assert {one.id: one.to_dict() for one in archive} == before
    assert archive.add([own("after", 0)]).n_new == 1


FETCH = "import sys; from runkit.cli import main; sys.exit(main(['fetch', '--sandbox', '-o', sys.argv[1]]))"


def test_two_fetches_side_by_side(tmp_path: Path) -> None:
    """`runkit fetch -o runs/` twice at once: both say that all is there, and each run is there once."""
    with runkit.sandbox(speed=600, history=20, seed=3) as box, box.client(rate=None) as client:
        there = environment(RUNKIT_SANDBOX_URL=box.url, RUNKIT_SANDBOX_KEY=box.key)
        command = [sys.executable, "-c", FETCH, str(tmp_path / "runs") + os.sep]
        fetches = [
            subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=there, cwd=tmp_path)
            for _ in range(2)
        ]
        texts = [process.communicate(timeout=120)[1] for process in fetches]
        assert [process.returncode for process in fetches] == [0, 0], texts
        listed = client.runs.list()
    archive = runkit.Archive(tmp_path / "runs")
    f, d = archive.frames(), archive.dask()
    assert Counter(f.runs["run_id"]) == Counter(d.runs["run_id"].compute()) == Counter(listed.ids)
    assert len(archive) == len(listed) == 20
    assert f.is_complete
    assert f.steps["self_s"].sum() == pytest.approx(d.steps["self_s"].sum().compute())
    assert len(f.steps) == len(d.steps) == len(runkit.frames(list(archive)).steps)


def test_a_run_that_another_writer_added_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read once, and the newer copy wins whichever is written last."""
    archive = runkit.Archive(tmp_path / "runs")
    archive.add([own("a", 0)])
    real = table.Snapshot.append
    newer = own("b", 0) | {"updated_at": "2100-01-01T00:00:00Z", "status": "error"}

    def append(snapshot: table.Snapshot, rows: Any) -> None:
        monkeypatch.setattr(table.Snapshot, "append", real)
        runkit.Archive(tmp_path / "runs").add([newer])
        real(snapshot, rows)

    monkeypatch.setattr(table.Snapshot, "append", append)
    archive.add([own("b", 0), own("c", 0)])
    f = archive.frames()
    assert sorted(f.runs["run_id"]) == ["a-0", "b-0", "c-0"]
    assert f.runs.set_index("run_id").loc["b-0", "status"] == "error"


def test_a_version_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the table refuses every try, that is said; what was there can be read."""
    archive = runkit.Archive(tmp_path / "runs")
    archive.add([own("a", 0)])

    def refuse(*args: object, **named: object) -> None:
        raise table.CommitFailedError("no")

    with monkeypatch.context() as patch:
        patch.setattr(table.deltalake, "write_deltalake", refuse)
        with pytest.raises(ArchiveError, match="came first in 20 tries"):
            archive.add([own("b", 0)])
    assert [one.id for one in archive] == ["a-0"]
    assert archive.add([own("b", 0)]).n_new == 1


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    """It is one error, and what was there can be read."""
    archive = runkit.Archive(tmp_path / "runs")
    archive.add([run(step("s"), run_id="a")])
    log = tmp_path / "runs" / "_delta_log"
    moved = tmp_path / "log"
    log.rename(moved)
    log.write_text("not a folder")
    with pytest.raises(runkit.RunkitError):
        archive.add([run(run_id="b")])
    log.unlink()
    moved.rename(log)
    assert archive.frames().runs["run_id"].tolist() == ["a"]
