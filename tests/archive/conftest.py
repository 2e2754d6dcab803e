"""An archive in a folder of its own."""

from __future__ import annotations

from typing import Any

import pytest

import runkit
from support import at, run, step


@pytest.fixture
def archive(tmp_path):
    """One that nothing was added to yet."""
    return runkit.Archive(tmp_path / "runs")


def item(run_id: str, updated: float = 100, **more: Any) -> dict[str, Any]:
    """A run of one step, which `check_holds` looks for, too."""
    return run(step("s", 0, 10), run_id=run_id, updated_at=at(updated), **more)


def held(archive: runkit.Archive, version: int | None = None) -> dict[str, dict[str, Any]]:
    """What is read of the archive, by id; each run once."""
    by_id = {run.id: run.to_dict() for run in archive.runs(version=version)}
    assert len(by_id) == len(archive.select(version=version))
    return by_id


def check_holds(archive: runkit.Archive, wanted: dict[str, str]) -> None:
    """Check that every way to read gives these runs, each once, with this status."""
    f = archive.frames()
    assert f.runs.set_index("run_id")["status"].to_dict() == wanted
    assert sorted(run.id for run in archive.runs()) == sorted(wanted)
    assert len(f.runs) == len(archive) == len(archive.select()) == len(wanted)
    assert f.steps["run_id"].is_unique
    for status in set(wanted.values()):
        chosen = archive.select(status=status)
        assert len(chosen) == len(chosen.frames().runs) == list(wanted.values()).count(status)
