"""An archive: writing, writing again, replacing, compacting, reading, and the memory that it takes.

Set against `frames()` of the same bytes, which is what an analyst would do without one.
"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pandas as pd

import runkit

from . import data
from .measuring import Row, in_turns, peak_of, row, seconds

KIND = "rich"
ROUNDS = 3
FLAT = 64  # MB that five times as many runs may take more: allocators do not give everything back
WARM = "runkit.Archive(sys.argv[2]).add(sys.argv[1])"
WORK = "added = runkit.Archive(sys.argv[4]).add(sys.argv[3], progress=False)"
COUNT = "archive = runkit.Archive(sys.argv[4]); n = len(archive) + len(archive.select(status='error'))"


def measure(n_steps: int) -> list[Row]:
    """Times of `n_steps`; memory of these and of five times as many."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*_times(folder, n_steps), *_memory(folder, n_steps)]


def _times(folder: Path, n_steps: int) -> list[Row]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    runs = [
        json.loads(line) | {"created_at": (start + timedelta(minutes=number)).isoformat()}
        for number, line in enumerate(data.lines(KIND, n_steps))
    ]
    file = folder / "runs.ndjson"
    file.write_bytes(b"\n".join(json.dumps(run).encode() for run in runs))
    changed = [run | {"updated_at": "2100-01-01T00:00:00Z"} for run in runs[:: max(1, len(runs) // 50)]]
    full = runkit.Archive(folder / "full")
    full.add(file)
    _check(full, file)
    since = sorted(run["created_at"] for run in runs)[len(runs) * 9 // 10]
    numbers = count()
    fresh = folder / "fresh"

    def replace() -> float:
        stamp = f"2100-01-01T00:00:00.{next(numbers):06}Z"
        newer = [run | {"updated_at": stamp} for run in changed]
        return seconds(lambda: full.add(newer))

    ways = {
        "frames": lambda: seconds(lambda: runkit.frames(file)),
        "add": lambda: seconds(lambda: runkit.Archive(fresh / str(next(numbers))).add(file)),
        "again": lambda: seconds(lambda: full.add(file)),
        "replace": replace,
        "compact": lambda: replace() and seconds(full.compact),
        "read": lambda: seconds(full.frames),
        "read a tenth": lambda: seconds(lambda: full.frames(since=since)),
    }
    taken = in_turns(ways, ROUNDS)
    of = "of frames(file)"
    size = sum(path.stat().st_size for path in next(fresh.iterdir()).glob("*.parquet"))
    return [
        row("archive", "add a file", taken["add"] / taken["frames"], of, 1.0),
        row("archive", "add the same again", taken["again"] / taken["frames"], of, 1.0),
        row(
            "archive", f"replace {len(changed)} runs all over it", taken["replace"] / taken["frames"], of, 1.0
        ),
        row("archive", "compact after that", taken["compact"] / taken["frames"], of, 1.0),
        row("archive", "read all as frames", taken["read"] / taken["frames"], of, 1.5),
        row("archive", "read the newest tenth", taken["read a tenth"] / taken["read"], "of all", 0.5),
        row("archive", "bytes on disk", size / file.stat().st_size, "of NDJSON", 0.3),
    ]


def _check(archive: runkit.Archive, file: Path) -> None:
    """What comes out is what went in."""
    expected = runkit.frames(file)
    for name, df in archive.frames().items():
        pd.testing.assert_frame_equal(df, getattr(expected, name))


def _memory(folder: Path, n_steps: int) -> list[Row]:
    warm = data.write(folder / "warm.ndjson", KIND, 1_000)
    peaks = []
    for size in (n_steps, 5 * n_steps):  # 200,000 steps are several batches
        file = data.write(folder / f"{size}.ndjson", KIND, size)
        words = (warm, folder / f"warm-{size}", file, folder / f"archive-{size}")
        peak, n_new = peak_of(WARM, WORK, "added.n_new", *map(str, words))
        assert n_new == len(runkit.Archive(folder / f"archive-{size}"))
        peaks.append(peak)
        file.unlink()
    counting, _ = peak_of(WARM, COUNT, "n", *map(str, words))
    return [
        row("archive", f"peak of counting runs of {5 * n_steps:,} steps", counting, "MB", FLAT),
        row("archive", f"peak of adding {n_steps:,} steps", peaks[0], "MB"),
        row("archive", f"peak of adding {5 * n_steps:,} steps", peaks[1], "MB", peaks[0] + FLAT),
    ]
