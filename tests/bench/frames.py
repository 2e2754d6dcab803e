"""Bytes to six frames, beside orjson's bare parse and `pandas.json_normalize` of the same bytes."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import orjson
import pandas as pd

import runkit

from . import data
from .measuring import Row, in_turns, row, seconds

ROUNDS = 5
MOST_TIMES_PARSED = 4.0  # of orjson's bare parse
PARSED, KEPT = "orjson's parse, each line dropped", "orjson's parse, all lines kept"
NORMALIZED, FRAMES = "pandas.json_normalize, steps alone", "frames, all six"


def measure(n_steps: int) -> list[Row]:
    """Both kinds of data."""
    return [found for kind in data.KINDS for found in _measured(kind, n_steps)]


def _measured(kind: str, n_steps: int) -> list[Row]:
    lines = list(data.lines(kind, n_steps))
    text = b"\n".join(lines)
    _check(kind, runkit.frames(text), lines)
    ways = {
        PARSED: lambda: _parse_and_drop(lines),
        KEPT: lambda: seconds(lambda: [orjson.loads(line) for line in lines]),
        NORMALIZED: lambda: seconds(lambda: pd.json_normalize(list(_all_steps(lines)))),
        FRAMES: lambda: seconds(lambda: runkit.frames(text)),
    }
    taken = in_turns(ways, ROUNDS)
    of = f"{kind} data"
    per_step = 1e6 / (len(lines) * data.STEPS_PER_RUN)
    return [
        row("frames", f"{of}, JSON of a step", len(text) * per_step / 1e6, "bytes"),
        *(row("frames", f"{of}, {way}", taken[way] * per_step, "µs/step") for way in ways),
        row("frames", f"{of}, frames / {PARSED}", taken[FRAMES] / taken[PARSED], "times", MOST_TIMES_PARSED),
        row("frames", f"{of}, frames / {KEPT}", taken[FRAMES] / taken[KEPT], "times"),
        row("frames", f"{of}, frames / {NORMALIZED}", taken[FRAMES] / taken[NORMALIZED], "times", 1.0),
    ]


def _check(kind: str, read: runkit.Frames, lines: list[bytes]) -> None:
    """The frames say what the JSON says: every step, finding and source, and the time as counted by hand."""
    assert not len(read.problems)
    assert read.is_complete
    steps = list(_all_steps(lines))
    assert read.steps["step_id"].tolist() == [step["id"] for step in steps]
    findings = [finding for step in steps for finding in step["artifacts"]]
    assert len(read.artifacts) == len(findings)
    assert len(read.sources) == sum(len(finding["sources"]) for finding in findings)
    if kind == "plain":
        assert read.steps["self_s"].sum() == len(steps) / 5 * data.PLAIN_SELF_S
    budget = read.runs[["working_s", "waiting_s", "idle_s"]].sum(axis=1)
    assert (abs(budget - read.runs["duration_s"]) < 1e-6).all()


def _parse_and_drop(lines: list[bytes]) -> float:
    """Seconds of the bare parse, without the garbage collection that `frames` does without as well."""

    def parse() -> None:
        for line in lines:
            orjson.loads(line)

    gc.collect()
    gc.disable()
    try:
        return seconds(parse)
    finally:
        gc.enable()


def _all_steps(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        yield from _flat(orjson.loads(line)["steps"])


def _flat(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        yield from _flat(step["steps"])
