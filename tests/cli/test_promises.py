"""The command line as a script uses it.

Exit codes to rely on, and files that are whole or untouched.
"""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import runkit
from tests import faults
from tests.cli.conftest import run

Run = Callable[..., subprocess.CompletedProcess[str]]
DONE, FAILED, _, INCOMPLETE = range(4)


@pytest.fixture(scope="module")
def past() -> Iterator[Any]:
    """A sandbox with five past runs."""
    with faults.sandbox(history=5) as running:
        yield running


@pytest.fixture
def command(past: Any, tmp_path: Path) -> Iterator[Run]:
    """Run `runkit` in a folder of its own, on the sandbox."""

    def command_(*arguments: str) -> subprocess.CompletedProcess[str]:
        at = {"MIDDESK_API_KEY": past.key, "MIDDESK_BASE_URL": past.url}
        return run(*arguments, cwd=tmp_path, **at)

    yield command_
    past.clear_faults()


def ids(path: Path) -> list[str]:
    """The runs in a file."""
    return list(runkit.frames(path).runs["run_id"])


def test_a_fetch_that_has_everything_is_done(command: Run, tmp_path: Path) -> None:
    """All runs with their steps, in a file for its owner only."""
    done = command("fetch", "-o", "runs.ndjson")
    assert done.returncode == DONE, done.stderr
    f = runkit.frames(tmp_path / "runs.ndjson")
    assert (len(f.runs), f.is_complete, f.runs["has_steps"].all()) == (5, True, True)
    assert stat.S_IMODE((tmp_path / "runs.ndjson").stat().st_mode) == 0o600


def test_a_fetch_that_lacks_a_run_says_so(command: Run, past: Any, tmp_path: Path) -> None:
    """The others are saved, and the exit code tells a script."""
    with past.client() as client:
        missing = client.runs.list(progress=False)[2].id
    past.fault("refuse", on=f"GET /runs/{missing}", status=404, times=None)
    done = command("fetch", "-o", "runs.ndjson")
    assert done.returncode == INCOMPLETE
    assert missing in done.stderr
    assert len(ids(tmp_path / "runs.ndjson")) == 4
    assert missing not in ids(tmp_path / "runs.ndjson")


def test_a_fetch_whose_key_is_refused_keeps_what_arrived(
    command: Run, past: Any, tmp_path: Path
) -> None:
    with past.client() as client:
        last = client.runs.list(progress=False)[-1].id
    past.fault("refuse", on=f"GET /runs/{last}", status=401, times=None)
    done = command("fetch", "-o", "runs.ndjson")
    assert done.returncode == FAILED
    assert "the key was refused" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["runs.partial.ndjson"]
    assert 0 < len(ids(tmp_path / "runs.partial.ndjson")) < 5


def test_a_fetch_that_fails_leaves_the_file_as_it_was(
    command: Run, past: Any, tmp_path: Path
) -> None:
    """Yesterday's runs are still there when the key is refused today, and nothing else is."""
    assert command("fetch", "-o", "runs.ndjson").returncode == DONE
    before = (tmp_path / "runs.ndjson").read_bytes()
    past.fault("refuse", on="GET /runs", status=401, times=None)
    done = command("fetch", "-o", "runs.ndjson")
    assert done.returncode == FAILED
    assert (tmp_path / "runs.ndjson").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["runs.ndjson"]
