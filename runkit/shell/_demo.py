"""`runkit demo`: eight runs on the embedded sandbox, and what an analyst sees of their runs."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import runkit
from runkit.api import contract
from runkit.api.models import Run
from runkit.charts.gantt import gantt
from runkit.client import Client
from runkit.display.messages import echo
from runkit.local import files
from runkit.local.answer_log import DIR_NAME
from runkit.screens.overview import overview
from runkit.screens.pages import head, show_panel
from runkit.screens.panel import page_of
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames

QUESTION_SCENARIO = "watchlist_hit"  # the demo answers this scenario's question
SCENARIOS = (
    "clean_pass",
    QUESTION_SCENARIO,
    "specialist_fails",
    "auto_approve",
    "tin_mismatch",
    "long_200",
    "null_label",  # two forms that other accounts send
    "no_steps",
)
# real seconds before the demo's reviewer answers; visible in the run as waiting
ANSWER_DELAY_S = 3.0
RUNS_FILE = "runs.ndjson"
MAX_RUN_S = 600.0  # simulated seconds for all runs to stop; they need at most 400
TITLE = "Demo: eight runs on the embedded sandbox, about fictitious businesses"
EXTRA_WAIT_S = 60.0  # real seconds in addition, for a busy machine


def run_demo(folder: Path, *, speed: float) -> Path:
    """Run the demo, and return the path of the page that shows it.

    Writes `index.html` and `runs.ndjson` to `folder`. Raises `WaitTimeout` if a run does not stop,
    `UsageError` for an invalid folder, and `MissingExtra` without the extra `[sandbox]`.
    """
    # The demo's answer stays out of the user's answer log: its business is fictitious.
    state = tempfile.TemporaryDirectory(prefix="runkit-demo-")
    with (
        state as name,
        patch.dict(os.environ, {DIR_NAME: name}),
        runkit.sandbox(speed=speed) as box,
        box.client() as client,
    ):
        folder = files.folder_at(folder)  # fails before the runs start
        n = len(SCENARIOS)
        line = f"{n} runs · sandbox at {box.url} · its time runs {speed:g} times as fast\n"
        echo(line, file=sys.stdout)
        runs = {
            name: client.runs.create("cip_orchestrator", business_id=box.business(name))
            for name in SCENARIOS
        }
        _watch(client, runs, timeout=EXTRA_WAIT_S + MAX_RUN_S / box.speed)
        fetched = client.runs.fetch([run.id for run in runs.values()], progress=False)
        f = frames(fetched)

    page = _write_page(folder, f, runs[QUESTION_SCENARIO])
    file = folder / RUNS_FILE
    _write_file(file, "".join(f"{contract.dumps(run.to_dict())}\n" for run in fetched))
    show_panel(f).print()
    echo(f"\nCharts: {page.resolve().as_uri()}\nRuns: runkit show {file}", file=sys.stdout)
    return page


def _watch(client: Client, runs: Mapping[str, Run], *, timeout: float) -> None:
    """Follow the runs until each has ended or is waiting, and answer one question."""
    for scenario, run in runs.items():
        stopped = client.runs.wait(run, timeout=timeout)
        if scenario == QUESTION_SCENARIO:
            time.sleep(ANSWER_DELAY_S)
            answer = {"decision": "approve", "note": "Demo"}
            client.runs.resume(stopped, stopped.interrupts[0].id, answer)
            client.runs.wait(run, timeout=timeout)


def _write_page(folder: Path, f: Frames, answered: Run) -> Path:
    shown = f.select(answered.id)
    panels = [replace(overview(f), title=TITLE), replace(head(shown), figure=gantt(shown))]
    page = folder / "index.html"
    _write_file(page, page_of("runkit demo", panels))
    return page


def _write_file(path: Path, text: str) -> None:
    with files.replacing(path) as part:
        part.write_text(text, encoding="utf-8")
