"""Several writers, and writers that are killed: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import runkit
from archive.writers import environment, own
from runkit.archive import table
from runkit.errors import ArchiveError

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
    assert sorted(archive.frames().runs["run_id"]) == sorted(listed.ids)
    assert len(archive) == len(listed) == 20


def test_a_version_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the table refuses every try, that is said; what was there can be read."""
    archive = runkit.Archive(tmp_path / "runs")
    archive.add([own("a", 0)])

    def refuse(*args: object, **named: object) -> None:
        raise table.CommitFailedError("no")

    with monkeypatch.context() as patch:
        patch.setattr(table.deltalake.DeltaTable, "create_write_transaction", refuse)
        with pytest.raises(ArchiveError, match="came first"):
            archive.add([own("b", 0)])
    assert [stored.id for stored in archive] == ["a-0"]
    assert archive.add([own("b", 0)]).n_new == 1
