"""Figures in a page of their own, in a real browser, from a file, with the network off."""

from __future__ import annotations

import json

import plotly.io
import pytest
from plotly.offline import get_plotlyjs

from runkit.charts.figure import RULES
from runkit.charts.gantt import gantt
from runkit.charts.page import figure_div, offline_page, wide
from runkit.display import colors
from runkit.display.text import html_table
from support import example, run, step

FILLS = (
    "[...document.querySelectorAll('svg rect:first-of-type')].map(e => getComputedStyle(e).fill)"
)
GROUND = "getComputedStyle(document.body).backgroundColor"
SOURCES = [
    example("completed"),
    [run(), run(step("a"), run_id="s")],
    [run(step("a"), run_id=f"{n:08d}") for n in range(8)],
    [run(run_id=f"{n:08d}") for n in range(160)],
]


def rgb(color):
    """A color as a browser writes it."""
    return f"rgb({', '.join(str(part) for part in bytes.fromhex(color[1:]))})"


@pytest.fixture
def opened(open_file, tmp_path, monkeypatch):
    """A page with a figure of each kind and a wide table, made while plotly's own template is dark or not."""

    def show(width, scheme, made_in):
        monkeypatch.setattr(plotly.io.templates, "default", made_in)
        table = html_table(
            ["a long header"] * 3, [["0123456789" * 3] * 3], ["white-space:nowrap"] * 3
        )
        path = tmp_path / "page.html"
        path.write_text(
            offline_page("Runs", [*(figure_div(gantt(s)) for s in SOURCES), wide(table)])
        )
        return open_file(path, width, scheme)

    return show


@pytest.mark.browser
@pytest.mark.parametrize(
    ("width", "scheme", "theme", "made_in"),
    [(1280, "light", colors.LIGHT, "plotly"), (360, "dark", colors.DARK, "plotly")],
)
def test_a_page_follows_the_reader_and_fits_the_screen(opened, width, scheme, theme, made_in):
    seen = opened(width, scheme, made_in)
    page = seen.page
    assert page.evaluate(GROUND) == rgb(theme.ground)
    assert page.evaluate(FILLS)[0] == rgb(theme.ground)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = page.locator(".runkit-figure, .wide").evaluate_all("all => all.map(e => e.tabIndex)")
    assert boxes == [0] * 5
    assert page.locator("script").count() == 0
    assert seen.complaints == []


@pytest.mark.browser
def test_a_figure_of_plotly_follows_the_theme_of_the_notebook(browser):
    """Ground, marks and muted words have JupyterLab's colors beside a panel, and in the monitor."""
    page = browser.new_page()
    colors = "--jp-layout-color0: #111; --jp-ui-font-color1: #fff; --jp-ui-font-color2: #ccc"
    output = f'<div class="jp-OutputArea"><div class="jp-OutputArea-child">{RULES}</div><div id="plot"></div></div>'
    page.set_content(f'<body data-jp-theme-light="false" style="{colors}">{output}</body>')
    page.add_script_tag(content=get_plotlyjs())
    draw = "([data, layout]) => Plotly.newPlot('plot', data, layout)"
    figure = json.loads(gantt([run(step("b")), run(step("a", name="b"), run_id="s")]).to_json())
    page.evaluate(draw, [figure["data"], figure["layout"]])
    look = "([mark, name]) => getComputedStyle(document.querySelector(mark)).getPropertyValue(name)"
    marks = {".bg": "fill", ".point[style*='31, 35']": "fill", '.gtitle [style*="59636E"]': "fill"}
    assert [page.evaluate(look, [*mark]) for mark in marks.items()] == [
        "rgb(17, 17, 17)",
        "rgb(255, 255, 255)",
        "rgb(204, 204, 204)",
    ]
    page.close()
