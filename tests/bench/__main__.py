"""Benchmarks as one table; the exit code is 1 if a row misses its limit.

    .venv/bin/python -m tests.bench [--steps 200000]

What is compared is measured in turns in one run, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

import orjson

import runkit

from . import data

ROUNDS = 5
MB = 2**20
# Imports and first allocations are no cost of the data; 5 sets the peak (VmHWM) back to what is resident now.
PEAK = """
import sys
from pathlib import Path
import runkit

def resident(which):
    line = next(line for line in open("/proc/self/status") if line.startswith(which))
    return int(line.split()[1]) / 1024

runkit.frames(sys.argv[1])
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
f = runkit.frames(sys.argv[2])
print(resident("VmHWM") - before, sum(int(df.memory_usage(deep=True).sum()) for _, df in f.items()) / 2**20)
"""
IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
Way = Callable[[], object]


class Row(NamedTuple):
    """One measurement, and the most that it may be."""

    what: str
    value: float
    unit: str
    limit: float = float("inf")


def run_python(code: str, *words: object) -> list[float]:
    """Run Python in a process of its own, and return the numbers that it prints."""
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def seconds(ways: dict[str, Way]) -> dict[str, float]:
    """Return the median time of each way, all of them in turn and in another order each time."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    order, random = list(ways), Random(0)
    for _ in range(ROUNDS):
        random.shuffle(order)
        for name in order:
            start = time.perf_counter()
            ways[name]()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in taken.items()}


def measure_import() -> list[Row]:
    """`import runkit` beside `import pandas`, in fresh processes."""
    runkit_s, pandas_s = (
        statistics.median(run_python(IMPORT.format(name))[0] for _ in range(ROUNDS))
        for name in ("runkit", "pandas")
    )
    return [Row("import runkit / import pandas", runkit_s / pandas_s, "times", 0.1)]


def measure_frames(folder: Path, n_steps: int) -> list[Row]:
    """Bytes to six frames beside orjson's bare parse, and the peak of memory."""
    lines = list(data.lines(n_steps))
    text = b"\n".join(lines)
    assert len(runkit.frames(text).steps) == len(lines) * data.STEPS_PER_RUN
    taken = seconds(
        {"parse": lambda: [orjson.loads(line) for line in lines], "frames": lambda: runkit.frames(text)}
    )
    small, large = data.write(folder / "small.ndjson", 1_000), data.write(folder / "large.ndjson", n_steps)
    peak, size = run_python(PEAK, small, large)
    return [
        Row("frames", taken["frames"] / n_steps * 1e6, "µs a step"),
        Row("frames / orjson's parse", taken["frames"] / taken["parse"], "times", 4),
        Row("peak of frames(path)", peak, "MB", 1.5 * size + 64),
    ]


def measure_archive(folder: Path) -> list[Row]:
    """Writing, writing again and reading, beside `frames` of the same file."""
    file, fresh = folder / "large.ndjson", count()
    archive = runkit.Archive(folder / "archive")
    archive.add(file, progress=False)
    created = archive.frames().runs["created_at"].sort_values()
    since = created.iloc[len(created) * 9 // 10].isoformat()
    taken = seconds(
        {
            "frames": lambda: runkit.frames(file),
            "add": lambda: runkit.Archive(folder / f"archive-{next(fresh)}").add(file, progress=False),
            "again": lambda: archive.add(file, progress=False),
            "read": archive.frames,
            "tenth": lambda: archive.frames(since=since),
        }
    )
    n_bytes = sum(path.stat().st_size for path in (folder / "archive").glob("*.parquet"))
    return [
        Row("archive: add / frames", taken["add"] / taken["frames"], "times", 1),
        Row("archive: add the same again / frames", taken["again"] / taken["frames"], "times", 1),
        Row("archive: read / frames", taken["read"] / taken["frames"], "times", 1.5),
        Row("archive: read the newest tenth / all", taken["tenth"] / taken["read"], "times", 0.5),
        Row("archive: bytes on disk / NDJSON", n_bytes / file.stat().st_size, "times", 0.3),
    ]


def measure_gantt(n_steps: int) -> list[Row]:
    """Charts of one run of many steps and of a fleet: time grows with the steps, JSON does not."""
    sources = {f"{n:,} steps": runkit.frames(data.made_run(n)) for n in (n_steps // 10, n_steps)}
    sources["2,000 runs"] = runkit.frames(b"\n".join(data.lines(2_000 * data.STEPS_PER_RUN)), progress=False)
    taken = seconds({name: lambda f=f: runkit.gantt(f) for name, f in sources.items()})
    rows = [Row(f"gantt, {name}", value, "s") for name, value in taken.items()]
    few, many, _ = taken.values()
    rows.append(Row("gantt, ten times the steps", many / few, "times", 13))
    sizes = {name: len(runkit.gantt(f).to_json()) / MB for name, f in sources.items()}
    return [*rows, *(Row(f"JSON of gantt, {name}", size, "MB", 1) for name, size in sizes.items())]


def measure_export(folder: Path, n_steps: int) -> list[Row]:
    """An export, whose texts are masked as in a report, beside `frames` of the same runs."""
    text = b"\n".join(data.lines(min(n_steps, 20_000)))
    f = runkit.frames(text, progress=False)
    ways: dict[str, Way] = {
        "frames": lambda: runkit.frames(text, progress=False),
        "export": lambda: runkit.to_perfetto(f, folder / "trace.json"),
    }
    taken = seconds(ways)
    return [Row("masked export / frames", taken["export"] / taken["frames"], "times", 6)]


def main() -> int:
    """Measure, and print a row for each measurement."""
    parser = argparse.ArgumentParser("python -m tests.bench", description="Measure runkit.")
    parser.add_argument("--steps", type=int, default=200_000, help="steps to measure with")
    n_steps = parser.parse_args().steps
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*measure_import(), *measure_frames(folder, n_steps), *measure_archive(folder)]
        rows += [*measure_gantt(n_steps), *measure_export(folder, n_steps)]
    for row in rows:
        mark = "" if row.value <= row.limit else "MISSED"
        print(f"{row.what:42} {row.value:10.3g} {row.unit:10} at most {row.limit:<8.3g} {mark}".rstrip())
    return int(any(row.value > row.limit for row in rows))


if __name__ == "__main__":
    sys.exit(main())
