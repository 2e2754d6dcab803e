"""`import runkit` beside `import pandas`, each in fresh processes."""

from __future__ import annotations

import subprocess
import sys

from .measuring import Row, in_turns, row

ROUNDS = 9
MOST_OF_PANDAS = 0.1
CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def measure(n_steps: int) -> list[Row]:
    """Whatever the number of steps."""
    taken = in_turns({name: lambda name=name: _seconds(name) for name in ("runkit", "pandas")}, ROUNDS)
    return [
        *(row("imports", f"import {name}", value * 1e3, "ms") for name, value in taken.items()),
        row(
            "imports",
            "import runkit / import pandas",
            taken["runkit"] / taken["pandas"],
            "times",
            MOST_OF_PANDAS,
        ),
    ]


def _seconds(module: str) -> float:
    done = subprocess.run([sys.executable, "-c", CODE.format(module)], capture_output=True, check=True)
    return float(done.stdout)
