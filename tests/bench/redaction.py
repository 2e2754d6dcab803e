"""Masking the runs and frames of a report: both passes over rich data, plain and with secrets in it."""

from __future__ import annotations

import time

import orjson

import runkit
from runkit.reports.redaction import Masker, Redaction

from . import data
from .measuring import Row, in_turns, row

MOST_STEPS = 20_000  # in a report
ROUNDS = 5
MOST = 30  # µs a step of the processor's time, which a busy machine leaves as it is
SECRETS = b"Comparing records with token=abc123def456ghi of jane.doe@acme.example"


def measure(n_steps: int) -> list[Row]:
    """Mask as a report does: look through frames and runs, then mask them."""
    lines = list(data.lines("rich", min(n_steps, MOST_STEPS)))
    kinds = {
        "nothing found": lines,
        "secrets in every run": [line.replace(b"Comparing records", SECRETS) for line in lines],
    }
    frames = {kind: runkit.frames(b"\n".join(some)) for kind, some in kinds.items()}

    def taken(kind: str) -> float:
        runs = [runkit.Run.from_json(orjson.loads(line)) for line in kinds[kind]]
        start = time.process_time()
        _mask(frames[kind], runs)
        return time.process_time() - start

    medians = in_turns({kind: lambda kind=kind: taken(kind) for kind in kinds}, ROUNDS)
    n = len(frames["nothing found"].steps)
    return [
        row("redaction", f"mask {n:,} rich steps, {kind}", value / n * 1e6, "µs a step", limit)
        for (kind, value), limit in zip(medians.items(), (MOST, None), strict=True)
    ]


def _mask(f: runkit.Frames, runs: list[runkit.Run]) -> None:
    masker = Masker(Redaction())
    masker.tables(dict(f.items()), [run.to_json() for run in runs])
    for run in runs:
        masker.run(run)
