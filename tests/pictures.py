"""Make README's pictures from the sandbox: `python -m tests.pictures` writes them into `notebooks/`.

A chart, the inbox in JupyterLab and the first page of a report; each at most 200 KB.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import runkit
from runkit.charts.page import figure_div, offline_page
from runkit.client import Client
from runkit.server import Sandbox
from tests.conftest import ARGS, NAMES
from tests.lab.conftest import LIGHT, start, wait_until_ready, write_notebook

FOLDER = Path(__file__).parent.parent / "notebooks"
SEED, NOW = 7, "2026-11-25T16:00:00Z"
MAX_BYTES = 200_000
WAITING = ("combined_proposal", "tin_mismatch", "address_gap", "decision", "watchlist_hit")


def gantt(browser: Browser, folder: Path, frames: runkit.Frames) -> None:
    """Draw a run."""
    (folder / "gantt.html").write_text(offline_page("A run", [figure_div(runkit.gantt(frames))]))
    page = browser.new_page(viewport={"width": 1120, "height": 700}, device_scale_factor=1.5)
    page.goto((folder / "gantt.html").as_uri())
    page.locator("svg").first.screenshot(path=FOLDER / "gantt.png")


def report(browser: Browser, folder: Path, frames: runkit.Frames) -> None:
    """Show the first page of a report."""
    runkit.report(frames, folder / "report.html", progress=False)
    page = browser.new_page(viewport={"width": 1000, "height": 700}, device_scale_factor=1.25)
    page.goto((folder / "report.html").as_uri())
    page.screenshot(path=FOLDER / "report.png")


def inbox(browser: Browser, folder: Path, box: Sandbox) -> None:
    """Show the inbox in JupyterLab."""
    home, work = folder / "home", folder / "work"
    work.mkdir(parents=True)
    (work / "own.py").write_text(f"URL, KEY = {box.url!r}, {box.key!r}\n")
    write_notebook(
        work / "n.ipynb",
        "import runkit\nfrom own import KEY, URL\nclient = runkit.Client(KEY, base_url=URL)",
        'inbox = runkit.InterruptInbox(client, who="Ana Ortiz")\ninbox',
    )
    lab, process = start(work, home, LIGHT)
    try:
        page = browser.new_page(viewport={"width": 1340, "height": 900}, device_scale_factor=1.25)
        page.goto(lab.address("n.ipynb"))
        wait_until_ready(page)
        page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        shown = page.locator(".jp-OutputArea-output").last
        shown.get_by_role("button").first.wait_for(timeout=60_000)
        page.wait_for_timeout(5_000)  # until the names of all businesses are known
        shown.screenshot(path=FOLDER / "inbox.png")
    finally:
        process.terminate()
        process.wait(30)


def longest_wait(client: Client) -> runkit.Frames:
    """Find the completed run that waited longest for a reviewer."""
    runs = client.runs.list(business_id=client.businesses.list(), status="completed")
    f = runkit.frames(client.runs.fetch(runs, progress=False))
    return f.select(f.runs.loc[f.runs["waiting_s"].idxmax(), "run_id"])


def main() -> None:
    """Make all pictures."""
    path = next(filter(None, map(shutil.which, NAMES)))
    with (
        tempfile.TemporaryDirectory() as name,
        runkit.sandbox(speed=300, seed=SEED, now=NOW, history=24) as box,
        box.client() as client,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        frames = longest_wait(client)
        gantt(browser, Path(name), frames)
        report(browser, Path(name), frames)
        for scenario in WAITING:
            client.runs.create("cip_orchestrator", business_id=box.business(scenario))
        inbox(browser, Path(name), box)
        browser.close()
    for picture in ("gantt.png", "report.png", "inbox.png"):
        size = (FOLDER / picture).stat().st_size
        print(f"{picture}: {size / 1000:.0f} KB")
        if size > MAX_BYTES:
            raise SystemExit(f"{picture} has {size} bytes, at most {MAX_BYTES} are wanted; use fewer colors")


if __name__ == "__main__":
    main()
