"""All benchmarks, or some topics, as one table and one JSON file.

    .venv/bin/python -m tests.bench [topic ...] [-o bench.json] [--steps 200000]

What is compared is measured in turns in one run, and checked to be right before. The exit code is 1 if a row
misses its limit. A topic is a module beside this one with `measure(n_steps) -> list[Row]`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .measuring import Row

TOPICS = ("imports", "frames", "memory", "fetch", "archive", "cluster", "gantt", "redaction")
PACKAGES = ("numpy", "orjson", "pandas", "plotly", "pyarrow", "pydantic")


def main(words: list[str]) -> int:
    """Measure, print, write; tell by the exit code whether all limits were kept."""
    here = [topic for topic in TOPICS if find_spec(f"{__package__}.{topic}")]
    options = _parser(here).parse_args(words)
    rows: list[Row] = []
    print(f"{options.steps:,} steps, Python {platform.python_version()}, {os.cpu_count()} cores")
    for topic in options.topics or here:
        found = _measure(topic)(options.steps)
        print("\n" + _table(found), flush=True)
        rows += found
    missed = [found for found in rows if not found["is_ok"]]
    n_limits = sum(found["limit"] is not None for found in rows)
    print(f"\n{n_limits - len(missed)} of {n_limits} limits kept")
    for found in missed:
        print(f"missed: {found['topic']}: {found['what']}")
    options.output.write_text(json.dumps(_facts() | {"steps": options.steps, "rows": rows}, indent=1))
    return 1 if missed else 0


def _measure(topic: str) -> Callable[[int], list[Row]]:
    measure: Callable[[int], list[Row]] = import_module(f"{__package__}.{topic}").measure
    return measure


def _parser(topics: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.bench", description="Measure runkit.")
    parser.add_argument("topics", nargs="*", metavar="topic", help=f"any of {', '.join(topics)}; else all")
    parser.add_argument("-o", "--output", type=Path, default=Path("bench.json"), help="the JSON file")
    parser.add_argument("--steps", type=int, default=200_000, help="steps to measure with")
    return parser


def _facts() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _table(rows: list[Row]) -> str:
    """One line a row: topic, what, value, limit, and a mark where it is missed."""
    wide = max(len(found["what"]) for found in rows)
    lines = []
    for found in rows:
        limit = "" if found["limit"] is None else f"at most {found['limit']:,.4g}"
        mark = "" if found["limit"] is None else ("ok" if found["is_ok"] else "MISSED")
        line = f"{found['topic']:8} {found['what']:{wide}} {found['value']:10,.4g} {found['unit']:8}"
        lines.append(f"{line} {limit:15} {mark}".rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
