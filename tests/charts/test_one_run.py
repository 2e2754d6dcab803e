"""Panels of one run: their numbers and states, whatever the run is."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from runkit.charts import one_run
from runkit.errors import UsageError
from runkit.tables.read_frames import frames
from support import question, run, step

SOURCE = {"url": "https://a.example.gov/1", "source_name": "A", "source_tier": "government"}


@pytest.mark.parametrize("source", [[], [run(), run(run_id="s")]])
def test_panels_of_one_run_take_exactly_one_run(source):
    """No run, or two, is refused, and the message says what to do."""
    f = frames(source)
    for show in (one_run.findings, one_run.questions):
        with pytest.raises(UsageError, match=r"holds . runs?; expected exactly one.*select"):
            show(f)


def logged(**more):
    """An answer log with one row, for the question `q` of run `r`."""
    row = {
        "run_id": "r",
        "interrupt_id": "i",
        "step_id": "q",
        "answered_by": "Ana",
        "answer": json.dumps({"decision": "approve", "note": "seen"}),
        "delivery": "confirmed",
    }
    return pd.DataFrame([row | more])


ANSWERED = run(question("q", 0, 60), step("n", 60, 70, label="Recording it"), end=70)
