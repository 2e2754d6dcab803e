"""`overview()`: what needs somebody, in one order, and code that runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys

import pandas as pd
import pytest

import runkit
import strangers
from panel_texts import headings, texts, tiles
from support import artifact, at, question, run, step

CODE = """
import re, runkit
from html import unescape
{given}
html = runkit.overview({name}{options})._repr_html_()
lines = [unescape(line) for line in re.findall("<code>(.*?)</code>", html)]
for line in lines:
    eval(line)
    print(line)
"""
OF_FRAMES = """
import strangers
mine = runkit.frames(strangers.records(strangers.fleet(seed=1, n_runs=25)))
"""
OF_CLIENT = """
box = runkit.sandbox(history=25, seed=7)
box.__enter__()
mine = box.client()
"""


def done(run_id, title="Match", confidence="low", **more):
    """A completed run with one finding."""
    found = artifact(title, confidence=confidence)
    return run(step("a", artifacts=[found]), run_id=run_id, **more)


@pytest.mark.parametrize(
    ("given", "options", "functions"),
    [
        (OF_FRAMES, "", {"one_run.questions", "gantt", "fleet.weak_findings"}),
        (OF_CLIENT, ", progress=False", {"InterruptForm", "gantt", "fleet.weak_findings"}),
    ],
    ids=["frames", "client"],
)
def test_each_line_of_code_runs_as_it_stands(given, options, functions):
    """In a script in which the source has a name of the user's."""
    script = CODE.format(given=given, name="mine", options=options)
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": "tests"})
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert {re.match(r"runkit\.([\w.]+)", line)[1] for line in lines} == functions
    assert all("mine" in line for line in lines)


def test_a_source_without_a_name_has_no_line_of_code():
    records = strangers.records(strangers.fleet(seed=1, n_runs=25))
    html = runkit.overview(runkit.frames(records))._repr_html_()
    assert "<code>" not in html


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
