"""Bytes to six frames, beside orjson's bare parse and `pandas.json_normalize` of the same bytes.

Prints ratios of medians, each way measured in turn in one process. Correctness is checked first.

    python tests/bench/frames.py [steps]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pandas as pd

import runkit

ROUNDS = 5
STEPS_PER_RUN = 50
START = datetime(2026, 2, 3, 10, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def step(number: int, run_id: str, start: float, end: float, parent: str | None) -> dict[str, Any]:
    source = {
        "url": "https://irs.example.gov/tin-matching",
        "source_name": "IRS TIN Matching",
        "source_tier": "government",
        "source_type": "tin_match",
    }
    finding = {
        "title": f"Finding {number}",
        "type": "tin_verification",
        "confidence": "medium",
        "summary": "The IRS record carries another last digit; the uploaded letter agrees with the IRS.",
        "sources": [source],
    }
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{run_id}/{number}")),
        "run_id": run_id,
        "agent": "tin_verification",
        "type": "activity",
        "name": "research_tin",
        "label": "Researching TIN verification",
        "parent_step_id": parent,
        "status": "completed",
        "started_at": at(start),
        "completed_at": at(end),
        "steps": [],
        "result": {},
        "artifacts": [finding] if number % 5 == 1 else [],
    }


def run(number: int) -> dict[str, Any]:
    """Ten containers of four steps that overlap, a finding in each."""
    run_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"run/{number}"))
    steps = []
    for group in range(STEPS_PER_RUN // 5):
        outer = step(group * 5, run_id, group * 30, group * 30 + 40, None)
        outer["steps"] = [
            step(group * 5 + inner, run_id, group * 30 + inner * 5, group * 30 + inner * 5 + 12, outer["id"])
            for inner in range(1, 5)
        ]
        steps.append(outer)
    return {
        "object": "run",
        "id": run_id,
        "created_at": at(-1),
        "updated_at": at(400),
        "status": "completed",
        "thread_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"thread/{number}")),
        "agent": "cip_orchestrator",
        "started_at": at(0),
        "ended_at": at(400),
        "interrupts": [],
        "steps": steps,
    }


def all_steps(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        for outer in orjson.loads(line)["steps"]:
            yield outer
            yield from outer["steps"]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def import_seconds(module: str) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def main(n_steps: int) -> None:
    """Measure and print."""
    lines = [orjson.dumps(run(number)) for number in range(n_steps // STEPS_PER_RUN)]
    text = b"\n".join(lines)
    frames = runkit.frames(text)
    assert len(frames.steps) == n_steps
    assert len(frames.problems) == 0
    assert frames.steps["self_s"].sum() == n_steps / 5 * (13 + 4 * 12)
    del frames

    def parse_and_drop() -> None:
        for line in lines:
            orjson.loads(line)

    ways: dict[str, Callable[[], object]] = {
        "orjson, each line parsed and dropped": parse_and_drop,
        "orjson, all lines parsed and kept": lambda: [orjson.loads(line) for line in lines],
        "pandas.json_normalize, steps alone": lambda: pd.json_normalize(list(all_steps(lines))),
        "runkit.frames, six frames": lambda: runkit.frames(text),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, work in ways.items():
            taken[name].append(seconds(work))
    median = {name: statistics.median(times) for name, times in taken.items()}
    ours = median["runkit.frames, six frames"]
    print(f"{n_steps:,} steps, {len(text) / n_steps:.0f} bytes a step, median of {ROUNDS}")
    for name, value in median.items():
        print(f"{name:40} {value / n_steps * 1e6:7.2f} µs a step   frames / this = {ours / value:5.2f}")

    imports: dict[str, list[float]] = {"runkit": [], "pandas": []}
    for _ in range(ROUNDS):
        for module, times in imports.items():
            times.append(import_seconds(module))
    ratio = statistics.median(imports["runkit"]) / statistics.median(imports["pandas"])
    print(f"import runkit / import pandas = {ratio:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
