"""`runkit demo`: six agents on the embedded sandbox, and what an analyst sees of their runs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd

import runkit
from runkit import files
from runkit.answers import DIR_NAME
from runkit.charts.gantt import gantt
from runkit.charts.page import figure_div, offline_page, wide
from runkit.client import Client
from runkit.errors import WaitTimeout
from runkit.html_tables import df_to_html, with_labels
from runkit.progress import Bar
from runkit.server import Sandbox
from runkit.tables.frames import Frames, frames
from runkit.terminal import HEADS, outcomes, paint, run_rows, table, totals, write
from runkit.text import Markup, duration, moment, one_line, plural, run_label

QUESTION_SCENARIO = "watchlist_hit"  # the demo answers this scenario's question
SCENARIOS = ("clean_pass", QUESTION_SCENARIO, "specialist_fails", "auto_approve", "tin_mismatch", "long_200")
ANSWER_DELAY_S = 3.0  # real seconds before the demo's reviewer answers; visible in the run as waiting
POLL_INTERVAL_S = 0.2
MAX_RUN_S = 600.0  # simulated seconds for all runs to stop; they need at most 400
EXTRA_WAIT_S = 60.0  # real seconds in addition, for a busy machine


class Started(NamedTuple):
    """A run of the demo, with its label for people and its scenario."""

    run_id: str
    label: str
    scenario: str


def run_demo(folder: Path, *, speed: float) -> Path:
    """Run the demo and write `index.html` to `folder`; return the path of the page.

    Raises `WaitTimeout` if a run does not stop, and `UsageError` for an invalid folder.
    """
    files.folder_at(folder)  # fails before the runs start
    with _temporary_state(), runkit.sandbox(speed=speed) as box, box.client() as client:
        write([paint(f"6 runs · sandbox at {box.url} · {moment(box.now())}", "muted")])
        started = list(_start(box, client))
        _watch(client, started, timeout=EXTRA_WAIT_S + MAX_RUN_S / box.speed)
        f = frames(client.runs.fetch([run.run_id for run in started], progress=False))
    page = _write(folder, f, started)
    write(["", *table(HEADS, run_rows(f), right=("Work", "Waiting"))])
    write(["", f"{totals(f)}    {paint(f'Charts: {page} (works offline)', 'muted')}"])
    return page


@contextmanager
def _temporary_state() -> Iterator[None]:
    """Keep the demo's answer out of the user's answer log: its business is fictitious."""
    before = os.environ.get(DIR_NAME)
    with tempfile.TemporaryDirectory(prefix="runkit-demo-") as folder:
        os.environ[DIR_NAME] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[DIR_NAME]
            else:
                os.environ[DIR_NAME] = before


def _start(box: Sandbox, client: Client) -> Iterator[Started]:
    businesses = {business.scenario: business for business in box.businesses}
    for scenario in SCENARIOS:
        business = businesses[scenario]
        run = client.runs.create("cip_orchestrator", business_id=business.id)
        yield Started(run.id, run_label(run.id, business.name, run.agent_name), scenario)


def _watch(client: Client, started: list[Started], *, timeout: float) -> None:
    """Follow the runs until each has ended or is waiting, and answer one question."""
    asked_at: float | None = None
    deadline = time.monotonic() + timeout
    open_runs = {run.run_id: run for run in started}
    with Bar(total=len(started), desc="runs stopped", unit="run") as bar:
        while open_runs:
            if time.monotonic() > deadline:
                labels = ", ".join(one.label for one in open_runs.values())
                raise WaitTimeout(
                    f"{plural(len(open_runs), 'run')} did not stop within {duration(timeout)}: {labels}. "
                    "Try again with a higher --speed."
                )
            for run_id, one in list(open_runs.items()):
                run = client.runs.get(run_id, steps=False)
                if run.status == "running":
                    continue
                if one.scenario == QUESTION_SCENARIO and run.interrupts:
                    if asked_at is None:
                        asked_at = time.monotonic()
                        bar.tell(f'{one.label} asks: "{one_line(run.interrupts[0].label or "")}"')
                    elif time.monotonic() - asked_at >= ANSWER_DELAY_S:
                        client.runs.resume(run, run.interrupts[0].id, {"decision": "approve", "note": "Demo"})
                        bar.tell("Answered: approve")
                    continue
                del open_runs[run_id]
                bar.update()
            time.sleep(POLL_INTERVAL_S)


def _write(folder: Path, f: Frames, started: list[Started]) -> Path:
    answered = next(one for one in started if one.scenario == QUESTION_SCENARIO)
    runs = f.runs[["run_id", "business_name", "agent_name", "status", "confidence", "working_s", "waiting_s"]]
    runs.insert(4, "outcome_or_question", pd.Series(outcomes(f), runs.index, "str"))
    sections = [
        Markup(
            "<h1>runkit demo</h1><p>Six runs on the embedded sandbox. All businesses are fictitious.</p>{}"
        ).format(wide(df_to_html(with_labels(runs)))),
        Markup("<h2>{}</h2>{}").format(answered.label, figure_div(gantt(f.select(answered.run_id)))),
        Markup("<h2>All runs</h2>{}").format(figure_div(gantt(f, rows="run"))),
    ]
    page = folder / "index.html"
    with files.replacing(page) as part:
        part.write_text(offline_page("runkit demo", sections), encoding="utf-8")
    return page
