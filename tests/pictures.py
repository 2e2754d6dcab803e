"""Make README's pictures from the sandbox: `PYTHONPATH=tests python -m tests.pictures`.

It writes `gantt.png`, `form.png` and `report.png` to `notebooks`.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import runkit
from runkit.charts.gantt import draw
from runkit.charts.svg import image
from runkit.screens.html import offline_page
from tests.conftest import ARGS, NAMES
from tests.end_to_end.lab.conftest import LAB, RUN_ALL, start, wait_until_ready, write_notebook

PICTURES = Path(__file__).parent.parent / "notebooks"
NOW = "2026-11-25T16:00:00Z"
PORT = 8765  # a form shows its host
FORM = f"""
import runkit
box = runkit.sandbox(speed=300, seed=7, now="{NOW}", port={PORT})
client = box.client()
run = client.runs.create("cip_orchestrator", business_id=box.business("watchlist_hit"))
runkit.InterruptForm(client, client.runs.wait(run), who="Ana Ortiz")"""
REASON = "The listed person was born in 1951, our owner in 1984."


def longest_wait() -> runkit.Frames:
    """Find the completed run that waited longest for a reviewer."""
    with runkit.sandbox(speed=300, seed=7, now=NOW, history=24) as box, box.client() as client:
        runs = client.runs.list(with_businesses=True, status="completed")
        f = runkit.frames(client.runs.fetch(runs, progress=False))
    return f.select(f.runs.loc[f.runs["waiting_s"].idxmax(), "run_id"])


def answered() -> runkit.Frames:
    """Let a run ask, answer it, and read it at its end."""
    with runkit.sandbox(speed=300, seed=7, now=NOW) as box, box.client() as client:
        names = ("watchlist_hit", "clean_pass")  # while one works, time passes for the other
        made = [client.runs.create("cip_orchestrator", box.business(name)) for name in names]
        run, _ = map(client.runs.wait, made)
        answer = {"decision": "approve", "note": REASON}
        client.runs.resume(run, run.interrupts[0].id, answer, who="Ana Ortiz")
        return runkit.frames(client.runs.wait(run.id), answers=runkit.answer_log())


def take_gantt(browser: Browser, folder: Path) -> None:
    """Take a picture of the chart of a run."""
    file = folder / "gantt.html"
    file.write_text(offline_page("A run", [image(draw(longest_wait()))]))
    page = browser.new_page(viewport={"width": 1120, "height": 700}, device_scale_factor=1.5)
    page.goto(file.as_uri())
    page.add_style_tag(content="img { padding: 0 16px }")
    page.locator("img").first.screenshot(path=PICTURES / "gantt.png")


def take_report(browser: Browser, folder: Path) -> None:
    """Take a picture of the top of a run's report."""
    file = folder / "report.html"
    runkit.report(answered(), file)
    page = browser.new_page(viewport={"width": 1000, "height": 540}, device_scale_factor=0.84)
    page.goto(file.as_uri())
    page.screenshot(path=PICTURES / "report.png")


def take_form(browser: Browser, folder: Path) -> None:
    """Take a picture of a form in JupyterLab, with an answer and its reason."""
    lab, process = start(folder, folder, LAB)
    try:
        write_notebook(folder / "form.ipynb", FORM)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(lab.address("form.ipynb"))
        wait_until_ready(page)
        page.evaluate(RUN_ALL)
        form = page.locator(".runkit-form")
        form.get_by_role("button", name="Dismiss the hit").click()
        form.locator(".rk-required textarea").fill(REASON)
        form.locator(".rk-ask").click()
        form.screenshot(path=PICTURES / "form.png")
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    """Take each picture."""
    path = next(filter(None, map(shutil.which, NAMES)))
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        for take in (take_gantt, take_report, take_form):
            take(browser, Path(name))
        browser.close()


if __name__ == "__main__":
    main()
