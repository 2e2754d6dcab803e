"""`overview()`: what needs somebody, in one order."""

from __future__ import annotations

import pandas as pd
import pytest

import runkit
from panel_texts import headings, texts, tiles
from support import artifact, at, question, run, step


def done(run_id, title="Match", confidence="low", **more):
    """A completed run with one finding."""
    found = artifact(title, confidence=confidence)
    return run(step("a", artifacts=[found]), run_id=run_id, **more)


@pytest.mark.sandbox
def test_of_a_client_the_newest_200_runs_are_read():
    with runkit.sandbox(history=203) as box, box.client() as client:
        panel = runkit.overview(client, progress=False)
    assert "the newest 200 of 203" in panel.read.missing
    assert "200 runs read" in panel.read.counted


def test_equal_findings_and_equal_reasons_are_one_row():
    failed = [
        run(
            step("a", status="error", result={"error": f"Register {n} is down"}),
            run_id=f"f{n}",
            end=100 + n,
            status="error",
        )
        for n in range(3)
    ]
    low = [done(f"l{n}", "No evidence") for n in range(8)]
    panel = runkit.overview([*failed, *low, done("other", "Weak"), done("high", "Fine", "high")])
    rows = panel.table[["group", "what", "n_runs"]].values.tolist()
    assert rows == [
        ["Failed", "Register * is down", 3],
        ["Low confidence", "No evidence", 8],
        ["Low confidence", "Weak", 1],
    ]
    assert panel.table["since"][0] == pd.Timestamp(at(102))  # the newest
    assert headings(panel) == {"Waiting for a reviewer": 0, "Failed": 3, "Low confidence": 9}
    assert tiles(panel)["Low confidence"] == "9 of 10 completed runs"
    assert "Low confidence 2 findings in 9 runs" in texts(panel)


@pytest.mark.parametrize("show", [runkit.overview, runkit.fleet.waits])
def test_a_limit_is_shown_if_somebody_gave_it(show):
    waiting = run(question("q", 0, None), end=None, status="interrupted")
    f = runkit.frames(waiting, as_of=at(5 * 3600))
    has_limit = [" over 4 h" in " ".join(texts(show(f, sla_h=h))).lower() for h in (None, 4)]
    assert has_limit == [False, True]
