"""Make README's picture from the sandbox: `python -m tests.pictures` writes `notebooks/gantt.png`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import runkit
from runkit.charts.gantt import draw
from runkit.charts.svg import image
from runkit.screens.html import offline_page
from tests.conftest import ARGS, NAMES

PICTURE = Path(__file__).parent.parent / "notebooks" / "gantt.png"
NOW = "2026-11-25T16:00:00Z"


def longest_wait() -> runkit.Frames:
    """Find the completed run that waited longest for a reviewer."""
    with runkit.sandbox(speed=300, seed=7, now=NOW, history=24) as box, box.client() as client:
        runs = client.runs.list(with_businesses=True, status="completed")
        f = runkit.frames(client.runs.fetch(runs, progress=False))
    return f.select(f.runs.loc[f.runs["waiting_s"].idxmax(), "run_id"])


def main() -> None:
    """Draw the run, and take a picture of its chart."""
    path = next(filter(None, map(shutil.which, NAMES)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder, "gantt.html")
        file.write_text(offline_page("A run", [image(draw(longest_wait()))]))
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        page = browser.new_page(viewport={"width": 1120, "height": 700}, device_scale_factor=1.5)
        page.goto(file.as_uri())
        page.locator("img").first.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
