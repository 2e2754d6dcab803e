"""In a real browser, in a page without a policy that could save it: hostile text makes and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import IPython.display
import pytest
from playwright.sync_api import Browser, Error, Page
from plotly.offline import get_plotlyjs

import runkit
from hostile.made import hostile_runs
from hostile.payloads import FOUND, PAYLOADS, SCRIPTS, TELLING, WATCH
from runkit.charts import fleet, one_run
from runkit.charts.page import figure_div
from runkit.client import RunList

pytestmark = pytest.mark.browser

# Shows the hover text of each bar and mark of a figure, one after the other, and gives what the texts say.
HOVER = """async () => {
  const said = [];
  for (const gd of document.querySelectorAll(".js-plotly-plot")) {
    for (const [curveNumber, trace] of gd._fullData.entries()) {
      const points = trace._length ?? trace.x?.length ?? 0;
      for (let pointNumber = 0; pointNumber < Math.min(points, 80); pointNumber++) {
        try { Plotly.Fx.hover(gd, [{curveNumber, pointNumber}]); } catch { continue; }
        said.push(...[...gd.querySelectorAll(".hovertext")].map((e) => e.textContent));
      }
    }
  }
  return said;
}"""


class Watched:
    """A page, and all that happened in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.opened: list[str] = []
        page.add_init_script(WATCH)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("popup", lambda popup: self.opened.append(popup.url))

    def show(self, html: str, path: Path) -> None:
        """Open a page from a file, with the network on: what asks for something is seen to ask."""
        path.write_text(f"<!doctype html><meta charset=utf-8><title>x</title><body>{html}", encoding="utf-8")
        self.page.goto(path.as_uri())
        self.requests = [url for url in self.requests if url != path.as_uri()]

    def check(self) -> None:
        """Check that nothing ran, was made, asked for or opened, and that the page was not left."""
        try:
            assert self.page.evaluate("window.canary") is None
            assert self.page.evaluate(FOUND, "body") == []
        except Error as gone:  # of a page that is being left nothing can be asked
            raise AssertionError("the page was left, or could not be asked") from gone
        assert [url for url in self.requests if not url.startswith("data:")] == []
        assert self.dialogs == self.opened == []


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page on a wide screen."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Watched(context.new_page())
    context.close()


def test_html_forms(watched: Watched, tmp_path: Path) -> None:
    """The HTML of lists and frames, with every text in every field; a reader sees what was written."""
    runs = hostile_runs(PAYLOADS)
    shown: list[Any] = [
        *(RunList((run,)) for run in runs),
        RunList(tuple(runs), why=PAYLOADS["img"]),
        runkit.frames(runs),
    ]
    watched.show("".join(one._repr_html_() for one in shown), tmp_path / "forms.html")
    words = watched.page.inner_text("body")
    for name in ("img", "entities", "latex", "markdown", "jinja"):
        assert PAYLOADS[name] in words
    assert "\\u202egpj.exe\\u2066" in words
    watched.check()


def drawn(texts: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Figures and tables of hostile runs."""
    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda one, **_options: shown.append(one))
    runs = hostile_runs(texts)
    f = runkit.frames(runs)
    for exhibit in [getattr(fleet, name)(f) for name in fleet.__all__]:
        exhibit._ipython_display_()
    for run in runs[1:2]:
        one = runkit.frames(run)
        panels = [getattr(one_run, name) for name in one_run.__all__ if name != "step"]
        panels += [partial(one_run.step, name=step_id) for step_id in one.steps["step_id"]]
        for panel in panels:
            panel(one)._ipython_display_()
    title = "".join(texts.values())[:200]
    shown += [runkit.gantt(runs[:n_runs], title=title) for n_runs in (1, 2, 3, None)]
    return shown


@pytest.mark.parametrize("texts", [SCRIPTS, TELLING], ids=["scripts", "telling"])
def test_figures_and_their_hover_texts(
    watched: Watched, texts: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Titles, labels, ticks, legends, notes, and what every bar says when somebody points at it."""
    shown = drawn(texts, monkeypatch)
    scripts = f"<script>{get_plotlyjs()}</script>"
    html = "".join(item["text/html"] if isinstance(item, dict) else figure_div(item) for item in shown)
    live = [
        item.to_html(full_html=False, include_plotlyjs=False) for item in shown if not isinstance(item, dict)
    ]
    watched.show(scripts + html + "".join(live), tmp_path / "figures.html")
    page = watched.page
    page.wait_for_function("n => document.querySelectorAll('.main-svg').length >= n", arg=len(live))
    said = page.evaluate(HOVER)
    assert len(said) > 100
    assert page.locator("svg a, foreignObject, .mjx-container, svg image[href^=http]").count() == 0
    watched.check()
