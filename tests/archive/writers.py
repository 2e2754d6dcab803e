"""Processes that add runs to one archive, and what must be read of it afterwards, whatever became of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import runkit
from support import at, run, step

TESTS = Path(__file__).parent.parent
N_SHARED = 5
SECONDS = 10  # that each run works

# Adds single runs: its own, and every fourth time one that all writers add, in ever newer copies.
# Says which when it is written. A writer that compacts does so now and then.
WRITER = """
import sys
from pathlib import Path
import runkit
from archive.writers import own, shared

name, folder, count, compacts = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "True"
archive = runkit.Archive(folder)
print("ready", flush=True)
for number in range(count):
    archive.add([shared(number, name) if number % 4 == 3 else own(name, number)], progress=False)
    print(number, flush=True)
    if compacts and number % 5 == 4:
        try:
            archive.compact()
        except runkit.errors.ArchiveError:  # others are always in the way
            pass
"""


def own(name: str, number: int) -> dict[str, Any]:
    """A run that one writer alone adds."""
    return run(step(f"{name}-{number}-s", 0, SECONDS), run_id=f"{name}-{number}", end=SECONDS)


def shared(number: int, name: str) -> dict[str, Any]:
    """A run that all writers add, the newer the higher the number."""
    run_id = f"shared-{number % N_SHARED}"
    made = run(
        step(f"{run_id}-s", 0, SECONDS), run_id=run_id, end=SECONDS, number=number, writer=name
    )
    return made | {"updated_at": at(1000 + number)}


def environment(**more: str) -> dict[str, str]:
    """The variables of a process that finds runkit and the tests."""
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": paths} | more


@contextmanager
def writers(
    folder: Path, names: Iterable[str], count: int, *, compacts: bool = False
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start a process for each name; none is left."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name, str(folder), str(count), str(compacts)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        for name in names
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def written(process: subprocess.Popen[str]) -> list[int]:
    """Read to its end what a writer says, and give the numbers that it said were written."""
    assert process.stdout is not None
    numbers = [int(line) for line in process.stdout if line != "ready\n"]
    process.wait()
    return numbers


def check(folder: Path, numbers: dict[str, list[int]], killed: Iterable[str] = ()) -> None:
    """Nothing is lost, nothing counts twice, in any way of reading.

    `numbers` has what each writer said to be written; one that was killed may have written one run
    more than it could say.
    """
    archive = runkit.Archive(folder)
    n_rows = len(archive)
    f = archive.frames()
    held = set(f.runs["run_id"])
    own_ids = {stored for stored in held if not stored.startswith("shared")}
    must = {
        f"{name}-{number}"
        for name, claimed in numbers.items()
        for number in claimed
        if number % 4 != 3
    }
    assert must <= own_ids <= must | {f"{name}-{len(numbers[name])}" for name in killed}
    assert n_rows == len(f.runs) == len(held)
    assert sorted(stored.id for stored in archive.runs()) == sorted(held)
    assert len(archive.select(status="completed")) == n_rows
    assert len(archive.select(status="interrupted")) == 0
    assert f.is_complete
    d = archive.dask()
    assert f.steps["self_s"].sum() == d.steps["self_s"].sum().compute() == SECONDS * n_rows
    newest: dict[str, int] = {}
    for number in sorted(
        number for claimed in numbers.values() for number in claimed if number % 4 == 3
    ):
        newest[shared(number, "")["id"]] = number
    found = {
        stored.id: stored.to_dict()["number"]
        for stored in archive.runs()
        if stored.id in held - own_ids
    }
    assert all(found[run_id] >= number for run_id, number in newest.items())
    assert killed or found == newest
