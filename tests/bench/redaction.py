"""Masking the runs and frames of a report: what reading base64 and hexadecimal digits adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import orjson

import runkit
from runkit import encodings
from runkit.reports.masker import Masker
from runkit.reports.redaction import Redaction

from . import data
from .measuring import Row, in_turns, row, seconds

MOST_STEPS = 20_000  # in a report
ROUNDS = 5
MOST = 1.3  # times the cost of a masker that reads no other signs


def measure(n_steps: int) -> list[Row]:
    """Mask as a report does: learn from the runs, then frames and runs."""
    lines = list(data.lines("rich", min(n_steps, MOST_STEPS)))
    frames = runkit.frames(b"\n".join(lines))
    runs = [runkit.Run.from_json(orjson.loads(line)) for line in lines]

    def mask() -> None:
        masker = Masker(Redaction())
        masker.learn([run.to_dict() for run in runs])
        masker.frames(frames)
        for run in runs:
            masker.run(run)

    def mask_without() -> float:
        with patch.object(encodings, "words", _none):
            return seconds(mask)

    taken = in_turns({"as it is": lambda: seconds(mask), "without decoding": mask_without}, ROUNDS)
    what = f"{len(frames.steps):,} steps"
    rows = [row("redaction", f"mask {what}, {name}", value, "s") for name, value in taken.items()]
    ratio = taken["as it is"] / taken["without decoding"]
    return [*rows, row("redaction", f"mask {what}, with decoding / without", ratio, "times", MOST)]


def _none(text: str) -> Iterator[encodings.Word]:
    return iter(())
