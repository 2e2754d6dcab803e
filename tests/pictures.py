"""Make README's pictures from the sandbox: `PYTHONPATH=tests python -m tests.pictures`.

It writes `overview`, `gantt` (in dark, too), `form` and `report` to `notebooks`.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from unittest.mock import patch

from playwright.sync_api import Browser, Page, sync_playwright

import runkit
from runkit.charts.gantt import draw
from runkit.charts.svg import image
from runkit.screens.html import offline_page
from runkit.screens.panel import page_of
from runkit.shell._demo import run_demo
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
MARGIN = 20
STYLE = "main { margin: 40px; padding: 0 } .runkit-form { margin: 40px !important }"


def past_runs() -> runkit.Frames:
    """Read the runs that a sandbox starts with."""
    with runkit.sandbox(speed=300, seed=7, now=NOW, history=60) as box, box.client() as client:
        runs = client.runs.list(with_businesses=True)
        return runkit.frames(client.runs.fetch(runs, progress=False))


def answered() -> runkit.Frames:
    """Let a run ask, answer it, and read it at its end."""
    with runkit.sandbox(speed=300, seed=7, now=NOW) as box, box.client() as client:
        names = ("watchlist_hit", "clean_pass")  # while one works, time passes for the other
        made = [client.runs.create("cip_orchestrator", box.business(name)) for name in names]
        run, _ = map(client.runs.wait, made)
        answer = {"decision": "approve", "note": REASON}
        client.runs.resume(run, run.interrupts[0].id, answer, who="Ana Ortiz")
        return runkit.frames(client.runs.wait(run.id), answers=runkit.answer_log())


def take(page: Page, part: str, name: str, height: float = 0) -> None:
    """Take a picture of a part of a page, or of its top, with a margin."""
    page.add_style_tag(content=STYLE)
    box = page.locator(part).first.bounding_box()
    assert box
    clip = {
        "x": box["x"] - MARGIN,
        "y": box["y"] - MARGIN,
        "width": box["width"] + 2 * MARGIN,
        "height": height or box["height"] + 2 * MARGIN,
    }
    page.screenshot(path=PICTURES / f"{name}.png", clip=clip, full_page=True)


def open_page(browser: Browser, file: Path) -> Page:
    """Open a page without scripts."""
    page = browser.new_page(viewport={"width": 1000, "height": 700}, device_scale_factor=2)
    page.goto(file.as_uri())
    return page


def take_charts(browser: Browser, folder: Path) -> None:
    """Take pictures of the demo's overview, and of the completed run that waited longest."""
    with patch("runkit.sandbox", partial(runkit.sandbox, now=NOW)):
        run_demo(folder, speed=60)
    panel = runkit.overview(runkit.frames(folder / "runs.ndjson"))
    (folder / "overview.html").write_text(page_of("Overview", [panel]))
    take(open_page(browser, folder / "overview.html"), "main", "overview")
    f = past_runs()
    done = f.runs.query("status == 'completed'").set_index("run_id")
    chart = image(draw(f.select(done["waiting_s"].idxmax())))
    (folder / "gantt.html").write_text(offline_page("A run", [chart]))
    page = open_page(browser, folder / "gantt.html")
    take(page, "img", "gantt")
    page.emulate_media(color_scheme="dark")
    take(page, "img", "gantt_dark")


def take_report(browser: Browser, folder: Path) -> None:
    """Take pictures of the top of a run's report."""
    runkit.report(answered(), folder / "report.html")
    take(open_page(browser, folder / "report.html"), ".quote", "report", 444)


def take_form(browser: Browser, folder: Path) -> None:
    """Take pictures of a form in JupyterLab, with an answer and its reason."""
    lab, process = start(folder, folder, LAB)
    try:
        write_notebook(folder / "form.ipynb", FORM)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, device_scale_factor=2)
        page.goto(lab.address("form.ipynb"))
        wait_until_ready(page)
        page.evaluate(RUN_ALL)
        form = page.locator(".runkit-form")
        form.get_by_role("button", name="Dismiss the hit").click()
        form.locator(".rk-required textarea").fill(REASON)
        form.locator(".rk-ask").click()
        take(page, ".runkit-form", "form")
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    """Take each picture."""
    path = next(filter(None, map(shutil.which, NAMES)))
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        for each in (take_charts, take_report, take_form):
            each(browser, Path(name))
        browser.close()


if __name__ == "__main__":
    main()
