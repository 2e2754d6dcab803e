"""The frames of an archive on a Dask cluster of one and of two worker processes, and without one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from dask.distributed import Client, LocalCluster

import runkit
from runkit.archive import writing

from . import data
from .measuring import Row, in_turns, row, seconds

KIND = "rich"
ROUNDS = 3
PARTS = 16  # so that two workers have the same to do


def measure(n_steps: int) -> list[Row]:
    """A sum over all steps, from the files to the answer."""
    with tempfile.TemporaryDirectory() as name:
        file = data.write(Path(name) / "runs.ndjson", KIND, n_steps)
        archive = runkit.Archive(Path(name) / "archive")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writing, "BATCH_BYTES", file.stat().st_size // PARTS)
            archive.add(file)
            return _measured(archive)


def _measured(archive: runkit.Archive) -> list[Row]:
    def ask(frames: Any) -> Any:
        return frames.steps.groupby("agent")["self_s"].sum()

    expected = ask(archive.frames()).sort_index().round(3)
    n_parts = archive.dask().npartitions

    def on(n_workers: int) -> float:
        with (
            LocalCluster(
                n_workers=n_workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
            ) as cluster,
            Client(cluster) as workers,
        ):
            workers.run(lambda: __import__("runkit").frames([]))  # imports are no part of the work
            found: list[Any] = []
            taken = seconds(lambda: found.append(ask(archive.dask()).compute()))
        assert found[0].sort_index().round(3).equals(expected)
        return taken

    ways = {
        "memory": lambda: seconds(lambda: ask(archive.frames())),
        "one": lambda: on(1),
        "two": lambda: on(2),
    }
    taken = in_turns(ways, ROUNDS)
    what = f"a sum over all steps, {n_parts} partitions"
    return [
        row("cluster", f"{what}: two workers", taken["two"] / taken["one"], "of one", 0.8),
        row("cluster", f"{what}: one worker", taken["one"] / taken["memory"], "of memory"),
        row("cluster", f"{what}: two workers", taken["two"] / taken["memory"], "of memory"),
    ]
