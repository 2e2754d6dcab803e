"""Benchmarks: what is compared is a group, measured side by side in one run. It prints the ratios.

.venv/bin/python -m pytest tests/bench --benchmark-enable
"""

from functools import partial

import orjson
import pytest

import runkit
from runkit.reports.redaction import Masker, Redaction
from support import example, run, step

N_RUNS = 2_000  # of 8 steps, with findings, sources, results and a question
LINES = [
    orjson.dumps(example("completed") | {"id": f"run-{number:06}"}) for number in range(N_RUNS)
]
TEXT = b"\n".join(LINES)


def frames(text):
    return runkit.frames(text, progress=False)


def wide():
    """Make the frames of a run of 5,000 steps, ten in each container."""
    containers = [
        step(f"{n}", n, n + 9, steps=[step(f"{n}-{k}", n + k, n + k + 1) for k in range(9)])
        for n in range(0, 5_000, 10)
    ]
    return runkit.frames(run(*containers, end=5_000))


def reading():
    """Return six frames from bytes, and orjson's bare parse of them."""
    return {"orjson": lambda: [*map(orjson.loads, LINES)], "frames": partial(frames, TEXT)}


def drawing():
    """Return charts of one run of some and of many steps, and of 60 and 500 runs."""
    sources = {f"{n} runs": frames(b"\n".join(LINES[:n])) for n in (1, 60, 500)}
    sources["5,000 steps"] = wide()
    return {name: partial(runkit.gantt, f) for name, f in sources.items()}


def looking():
    """Return what goes through all texts: a search without and with many hits, and masking."""
    f = frames(TEXT)
    return {
        "no hit": lambda: runkit.search(f, "is nowhere"),
        "10,000 hits": lambda: runkit.search(f, "business"),
        "masked": lambda: Masker(Redaction()).tables(dict(f.items())),
    }


CASES = {
    reading: ["orjson", "frames"],
    drawing: ["1 runs", "60 runs", "500 runs", "5,000 steps"],
    looking: ["no hit", "10,000 hits", "masked"],
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("group", "way"), [(group, way) for group, ways in CASES.items() for way in ways]
)
def test_speed(benchmark, group, way):
    benchmark.group = group.__name__
    benchmark.name = way
    benchmark.pedantic(group()[way], rounds=5, warmup_rounds=1)
