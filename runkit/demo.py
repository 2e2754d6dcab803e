"""`runkit demo`: a handful of agents on the embedded sandbox, and what an analyst sees of them."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import runkit
from runkit import files
from runkit.answers import DIR_NAME
from runkit.charts.gantt import gantt
from runkit.charts.page import figure_div, offline_page, wide
from runkit.client import Client
from runkit.errors import WaitTimeout
from runkit.progress import Bar, say
from runkit.server import Sandbox
from runkit.tables.frames import Frames, frames
from runkit.text import Markup, duration, html_table, one_line, plural

QUESTION_SCENARIO = "watchlist_hit"  # the scenario whose question is answered here
SCENARIOS = ("clean_pass", QUESTION_SCENARIO, "specialist_fails", "auto_approve", "tin_mismatch", "long_200")
ANSWER_DELAY_S = 3.0  # how long the person of the demo takes to answer; real, and so in the record
POLL_INTERVAL_S = 0.2
MAX_RUN_S = 600.0  # virtual seconds in which all runs stop; they take 400 at most
EXTRA_WAIT_S = 60.0  # real seconds on top, for a busy machine
HEADERS = ("business", "status", "total", "working", "waiting", "idle", "steps", "errors")


class Started(NamedTuple):
    """A run of the demo and the business it is about."""

    run_id: str
    business: str
    scenario: str


def print_line(words: str = "") -> None:
    """Say something that the demo is for."""
    say(words, file=sys.stdout)


def show(folder: Path, *, speed: float) -> Path:
    """Run the demo and write `index.html` into `folder`; returns the page's path.

    Raises `WaitTimeout` if a run does not stop, and `UsageError` for a folder that cannot be used.
    """
    files.folder_at(folder)  # before there is anything to write into it
    with _temporary_state(), runkit.sandbox(speed=speed) as box, box.client() as client:
        print_line(f"Sandbox at {box.url}; a virtual minute takes {60 / box.speed:.2g} s while agents work.")
        started = list(_start(box, client))
        _watch(client, started, timeout=EXTRA_WAIT_S + MAX_RUN_S / box.speed)
        found = frames(client.runs.fetch([run.run_id for run in started], progress=False))
    rows = list(_rows(found, started))
    print_line()
    _print_table(rows)
    print_line()
    print_line("\n".join(f"- {line}" for line in found.sentences(len(started))))
    page = _write(folder, found, started, rows)
    print_line(f"\nThe Gantt charts are in {page}; open it in a browser, it needs no network.")
    return page


@contextmanager
def _temporary_state() -> Iterator[None]:
    """Keep the demo's answer out of the user's answer log: its business is invented."""
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
    names = {business.scenario: business for business in box.businesses}
    for scenario in SCENARIOS:
        business = names[scenario]
        run = client.runs.create("cip_orchestrator", business_id=business.id)
        yield Started(run.id, business.name, scenario)


def _watch(client: Client, started: list[Started], *, timeout: float) -> None:
    """Follow the runs until each has ended or waits, and answer the one question that is ours."""
    question_at: float | None = None
    deadline = time.monotonic() + timeout
    open_runs = {run.run_id: run for run in started}
    with Bar(total=len(started), desc="runs that have stopped", unit="run") as bar:
        while open_runs:
            if time.monotonic() > deadline:
                names = ", ".join(one_line(one.business) for one in open_runs.values())
                raise WaitTimeout(
                    f"{plural(len(open_runs), 'run')} had not stopped after {duration(timeout)}: {names}. "
                    "Try again with a higher --speed."
                )
            for run_id, one in list(open_runs.items()):
                run = client.runs.get(run_id, steps=False)
                if run.status == "running":
                    continue
                if one.scenario == QUESTION_SCENARIO and run.interrupts:
                    if question_at is None:
                        question_at = time.monotonic()
                        bar.tell(
                            f'{one_line(one.business)} asks: "{one_line(run.interrupts[0].label or "")}"'
                        )
                    elif time.monotonic() - question_at >= ANSWER_DELAY_S:
                        client.runs.resume(run, run.interrupts[0].id, {"decision": "approve", "note": "Demo"})
                        bar.tell("answered: approve")
                    continue
                del open_runs[run_id]
                bar.update()
            time.sleep(POLL_INTERVAL_S)


def _rows(found: Frames, started: list[Started]) -> Iterator[tuple[str, ...]]:
    by_id = found.runs.set_index("run_id")
    for one in started:
        row = by_id.loc[one.run_id].to_dict()
        spent = (duration(row[part]) for part in ("duration_s", "working_s", "waiting_s", "idle_s"))
        yield one_line(one.business), str(row["status"]), *spent, str(row["n_steps"]), str(row["n_errors"])


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(HEADERS, *rows, strict=True)]
    for row in (HEADERS, tuple("-" * width for width in widths), *rows):
        print_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _write(folder: Path, found: Frames, started: list[Started], rows: list[tuple[str, ...]]) -> Path:
    question = next(one for one in started if one.scenario == QUESTION_SCENARIO)
    sections = [
        Markup(
            "<h1>runkit demo</h1><p>Six runs on runkit's embedded sandbox; all businesses are invented.</p>{}"
        ).format(wide(html_table(HEADERS, rows))),
        Markup("<h2>{}, step by step</h2>{}").format(
            question.business, figure_div(gantt(found.select(question.run_id)))
        ),
        Markup("<h2>All runs</h2>{}").format(figure_div(gantt(found, rows="run"))),
    ]
    page = folder / "index.html"
    with files.replacing(page) as part:
        part.write_text(offline_page("runkit demo", sections), encoding="utf-8")
    return page
