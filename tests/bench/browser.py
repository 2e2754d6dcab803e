"""Zooms of figures in a real headless browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from plotly.offline import get_plotlyjs

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Without the limit of 60 frames a second a redraw does not wait for the screen it does not have.
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-frame-rate-limit"]
VIEWS = ((0.45, 0.55), (0.4, 0.6), (0.1, 0.35), (0.7, 0.72), (0.0, 1.0))  # from one to the next is a zoom
DRAW = """async (text) => {
  window.figure = document.getElementById("figure");
  await Plotly.newPlot(figure, JSON.parse(text));
}"""
# A relayout, and the frame in which it is painted.
ZOOM = """async (ranges) => {
  const start = performance.now();
  for (const range of ranges) {
    await Plotly.relayout(figure, {"xaxis.range": range});
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  }
  return (performance.now() - start) / ranges.length / 1000;
}"""


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium of its own."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield started
        started.close()


def zoom(chromium: Browser, text: str, view: Callable[[float], Any]) -> Callable[[], float]:
    """Draw a figure's JSON in a page of its own; give what measures the seconds that one zoom takes.

    `view` gives the place on the time axis of a share of it.
    """
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_content('<div id="figure"></div>')
    page.add_script_tag(content=get_plotlyjs())
    page.evaluate(DRAW, text)
    ranges = [[view(share) for share in shares] for shares in VIEWS]

    def measure() -> float:
        taken: float = page.evaluate(ZOOM, ranges)
        return taken

    measure()  # the first zooms compile plotly.js
    return measure
