"""Peak memory of `frames(path)`, read from the operating system in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from . import data
from .measuring import Row, row

KIND = "rich"
SHARE, BESIDES = 1.5, 64  # the frames' own size and half as much, and MB for a batch and the allocators
# Imports and a first small file come before: what they hold is no cost of the data. Writing 5 to clear_refs
# sets the peak (VmHWM) back to what is resident now.
CODE = """
import json, sys
from pathlib import Path
import runkit

def resident(which):
    line = next(line for line in open("/proc/self/status") if line.startswith(which))
    return int(line.split()[1]) / 1024

warm, measured = sys.argv[1:]
runkit.frames(warm)
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
read = runkit.frames(measured)
peak = resident("VmHWM") - before
own = sum(int(df.memory_usage(deep=True).sum()) for _, df in read.items()) / 2**20
print(json.dumps([peak, own, len(read.steps), len(read.problems)]))
"""


def measure(n_steps: int) -> list[Row]:
    """`n_steps` and five times as many."""
    with tempfile.TemporaryDirectory() as folder:
        warm = data.write(Path(folder) / "warm.ndjson", KIND, 1_000)
        return [found for size in (n_steps, 5 * n_steps) for found in _measured(Path(folder), warm, size)]


def _measured(folder: Path, warm: Path, n_steps: int) -> list[Row]:
    path = data.write(folder / f"{n_steps}.ndjson", KIND, n_steps)
    done = subprocess.run([sys.executable, "-c", CODE, warm, path], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    peak, own, n_read, n_problems = json.loads(done.stdout)
    assert (n_read, n_problems) == (n_steps, 0)
    size = path.stat().st_size / 2**20
    path.unlink()
    of = f"{n_steps:,} steps"
    return [
        row("memory", f"{of}, the NDJSON file", size, "MB"),
        row("memory", f"{of}, the frames' own size", own, "MB"),
        row("memory", f"{of}, peak of frames(path)", peak, "MB", SHARE * own + BESIDES),
    ]
