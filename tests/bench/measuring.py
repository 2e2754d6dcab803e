"""How things are measured: in turns within one process, as medians, each against what it may cost."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any, TypedDict

# What `warm` leaves behind (imports, first allocations) is no cost of the data. Writing 5 to clear_refs sets
# the peak (VmHWM) back to what is resident now.
_PEAK = """
import json, sys
from pathlib import Path
import runkit

def resident(which):
    line = next(line for line in open("/proc/self/status") if line.startswith(which))
    return int(line.split()[1]) / 1024

{warm}
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
{work}
print(json.dumps([resident("VmHWM") - before, {tell}]))
"""


class Row(TypedDict):
    """One measurement. `limit`: the most that `value` may be; None if it is only told."""

    topic: str
    what: str
    value: float
    unit: str
    limit: float | None
    is_ok: bool


def row(topic: str, what: str, value: float, unit: str, limit: float | None = None) -> Row:
    """Make a row, judged by its limit."""
    is_ok = limit is None or value <= limit
    return {"topic": topic, "what": what, "value": value, "unit": unit, "limit": limit, "is_ok": is_ok}


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes; what it returns is dropped before the clock stops, as a user's code would."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median of what each way measures, all of them in turn, so that a busy machine is busy for all.

    In another order each time: what comes after a dear way would pay for its rest.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    order, random = list(ways), Random(0)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            taken[name].append(ways[name]())
    return {name: statistics.median(values) for name, values in taken.items()}


def peak_of(warm: str, work: str, tell: str, *words: str) -> tuple[float, Any]:
    """Run `work` in a process of its own; give its peak memory in MB, as the system tells, and `tell`.

    All three are Python code that sees `runkit` and the words as `sys.argv[1:]`.
    """
    code = _PEAK.format(warm=warm, work=work, tell=tell)
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    peak, told = json.loads(done.stdout)
    return peak, told
