"""Benchmarks: what is compared is a group, measured side by side in one run. It prints the ratios.

.venv/bin/python -m pytest tests/bench --benchmark-enable
"""

import re
from functools import partial

import orjson
import pandas as pd
import pytest

import runkit
from runkit.reports.redaction import Masker, Redaction
from support import example, run, step

N_RUNS = 2_000  # of 8 steps, with findings, sources, results and a question
LINES = [
    orjson.dumps(example("completed") | {"id": f"run-{number:06}"}) for number in range(N_RUNS)
]
TEXT = b"\n".join(LINES)


def steps_of(n_steps):
    """Make the frames of a run of many steps, ten in each container."""
    containers = [
        step(f"{n}", n, n + 9, steps=[step(f"{n}-{k}", n + k, n + k + 1) for k in range(9)])
        for n in range(0, n_steps, 10)
    ]
    return runkit.frames(run(*containers, end=n_steps))


def reading(folder):
    """Return six frames from bytes, from objects, and orjson's bare parse of the same bytes."""
    runs = [runkit.Run.from_json(orjson.loads(line)) for line in LINES]
    return {
        "orjson.loads": lambda: [orjson.loads(line) for line in LINES],
        "json_normalize of the steps": lambda: pd.json_normalize(
            list(map(orjson.loads, LINES)), "steps"
        ),
        "frames(bytes)": lambda: runkit.frames(TEXT, progress=False),
        "frames(runs)": lambda: runkit.frames(runs, progress=False),
    }


def storing(folder):
    """Return reading of frames that were saved, beside `frames` of the same file."""
    file = folder / "runs.ndjson"
    file.write_bytes(TEXT)
    saved = runkit.frames(file, progress=False).save(folder / "frames")
    return {
        "frames": lambda: runkit.frames(file, progress=False),
        "read": lambda: runkit.frames(saved, progress=False),
    }


def drawing(folder):
    """Return charts of one run of some and of many steps, and of 60 and 500 runs."""
    sources = {
        f"{n} runs": runkit.frames(b"\n".join(LINES[:n]), progress=False) for n in (1, 60, 500)
    }
    sources["5,000 steps"] = steps_of(5_000)
    return {name: partial(runkit.gantt, f) for name, f in sources.items()}


def searching(folder):
    """Return a search without and with many hits beside a loop over all cells without any."""
    f = runkit.frames(TEXT, progress=False)
    find = re.compile("is nowhere", re.IGNORECASE).search
    texts = [df[column] for _, df in f.items() for column in df.select_dtypes("str")]
    return {
        "loop": lambda: [find(value) for values in texts for value in values.dropna()],
        "no hit": lambda: runkit.search(f, "is nowhere"),
        "10,000 hits": lambda: runkit.search(f, "business"),
    }


def masking(folder):
    """Return masking all texts for a report, beside reading them."""
    f = runkit.frames(TEXT, progress=False)
    return {
        "frames": lambda: runkit.frames(TEXT, progress=False),
        "masked": lambda: Masker(Redaction()).tables(dict(f.items())),
    }


CASES = {
    reading: ["orjson.loads", "json_normalize of the steps", "frames(bytes)", "frames(runs)"],
    storing: ["frames", "read"],
    drawing: ["1 runs", "60 runs", "500 runs", "5,000 steps"],
    masking: ["frames", "masked"],
    searching: ["loop", "no hit", "10,000 hits"],
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("group", "way"), [(group, way) for group, ways in CASES.items() for way in ways]
)
def test_speed(benchmark, group, way, tmp_path):
    benchmark.group = group.__name__
    benchmark.name = way
    benchmark.pedantic(group(tmp_path)[way], rounds=5, warmup_rounds=1)
