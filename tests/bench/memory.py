"""Peak memory of `frames(path)`, read from the operating system in a process of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from . import data
from .measuring import Row, peak_of, row

KIND = "rich"
SHARE, BESIDES = 1.5, 64  # the frames' own size and half as much, and MB for a batch and the allocators
WARM = "runkit.frames(sys.argv[1])"
WORK = "read = runkit.frames(sys.argv[2])"
TELL = """[
    sum(int(df.memory_usage(deep=True).sum()) for _, df in read.items()) / 2**20,
    len(read.steps),
    len(read.problems),
]"""


def measure(n_steps: int) -> list[Row]:
    """`n_steps` and five times as many."""
    with tempfile.TemporaryDirectory() as folder:
        warm = data.write(Path(folder) / "warm.ndjson", KIND, 1_000)
        return [found for size in (n_steps, 5 * n_steps) for found in _measured(Path(folder), warm, size)]


def _measured(folder: Path, warm: Path, n_steps: int) -> list[Row]:
    path = data.write(folder / f"{n_steps}.ndjson", KIND, n_steps)
    peak, (own, n_read, n_problems) = peak_of(WARM, WORK, TELL, str(warm), str(path))
    assert (n_read, n_problems) == (n_steps, 0)
    size = path.stat().st_size / 2**20
    path.unlink()
    of = f"{n_steps:,} steps"
    return [
        row("memory", f"{of}, the NDJSON file", size, "MB"),
        row("memory", f"{of}, the frames' own size", own, "MB"),
        row("memory", f"{of}, peak of frames(path)", peak, "MB", SHARE * own + BESIDES),
    ]
