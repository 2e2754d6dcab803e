"""Reports in a real browser, from a file, with the network off: quiet, readable, and harmless."""

from __future__ import annotations

import re
from functools import cache
from itertools import product

import pytest
from axe_playwright_python.sync_playwright import Axe

from support import example
from tests.reports.conftest import make, write_template

TEMPLATES = ["run", "compare", "fleet"]
VIEWS = [(1280, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def opened(made, open_file):
    """Open the report of a template; tests that change nothing look at the same page."""
    return cache(lambda template, *view: open_file(made(template).report.html, *view))


@pytest.mark.browser
def test_a_report_is_quiet_and_readable(opened):
    """On a wide light screen and a narrow dark one: no request, no complaint, and the outcome on top."""
    for template, view in product(TEMPLATES, VIEWS):
        seen = opened(template, *view)
        page = seen.page
        assert [url for url in seen.requests if not url.startswith("data:")] == [page.url]
        assert seen.complaints == []
        assert page.evaluate("document.documentElement.scrollWidth") <= view[0]
        violations = Axe().run(page).response["violations"]  # of any impact
        assert [item["id"] for item in violations] == [], (template, view)
        assert page.locator("[tabindex]:not([role][aria-label])").count() == 0
        assert page.locator("h1").count() == 1
        heading = page.locator("h1").inner_text()
        assert page.title().startswith("40 runs, " if template == "fleet" else f"{heading}, ")
        figures = page.locator("svg[role=img]").evaluate_all(
            "all => all.map(e => e.ariaLabel.length)"
        )
        assert figures
        assert min(figures) > 20


@pytest.mark.browser
def test_a_phone_shows_the_outcome_first(opened):
    """The first banner or number ends within 200 pixels from the top; a Gantt chart needs a wide screen."""
    for template in TEMPLATES:
        page = opened(template, *VIEWS[1]).page
        box = page.locator(".banner .headline :is(.pill, strong), .tiles b").first.bounding_box()
        assert box["y"] + box["height"] < 200
    assert opened("run", *VIEWS[0]).page.locator("svg:visible").count() == 1
    assert opened("run", *VIEWS[1]).page.locator("svg:visible").count() == 0
    assert opened("fleet", *VIEWS[1]).page.locator("svg:visible").count() > 0


@pytest.mark.browser
def test_it_prints(made, open_file):
    """Light also for a reader of dark screens, with a running head, folds open, a fleet on few pages."""
    page = open_file(made("fleet").report.html, 1280, "dark").page
    sheets = page.pdf(format="Letter")
    assert len(re.findall(rb"/Type /Page\b", sheets)) >= 2
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    fill = "getComputedStyle(document.querySelector('svg rect')).fill"
    assert page.evaluate(fill) == "rgb(255, 255, 255)"
    assert page.locator(".needs-rest .need").first.is_visible()
    assert page.locator(".folded").first.is_hidden()  # a table that repeats a chart
    head = page.locator(".running-head")
    assert head.inner_text() == page.title()
    assert head.evaluate("e => getComputedStyle(e).position") == "fixed"  # so it is on each page
    page.set_viewport_size({"width": 673, "height": 900})  # of A4 between its margins
    wide = "all => all.filter(e => e.getBoundingClientRect().right > 673).length"
    assert page.locator("main :is(table, svg)").evaluate_all(wide) == 0


FIGURES = """
import runkit
import plotly.graph_objects as go
from IPython.display import display

runkit.report_data()
bars = go.Figure(go.Bar(x=["a"], y=[1])).update_layout(title="Runs by <b>week</b>")
bars.show("plotly_mimetype")
display({"application/vnd.plotly.v1+json": bars.to_plotly_json(), "image/png": "iVBORw0KGgo="}, raw=True)
runkit.gantt(runkit.report_data().frames)
"""


def test_a_readers_own_figure_is_never_lost(tmp_path):
    """It is drawn if its vocabulary is known, else its picture, else its title and where to look."""
    own = write_template(tmp_path / "own.ipynb", FIGURES)
    page = make(example("completed"), tmp_path / "a.html", template=own).page
    assert page.count("<svg") == 1
    assert "Runs by week <small>(interactive: open the notebook beside this file)</small>" in page
    assert (
        '<img class="output" alt="Runs by week" src="data:image/png;base64,iVBORw0KGgo=">' in page
    )
