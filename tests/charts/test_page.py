"""Figures of plotly in a notebook's page, in a real browser."""

from __future__ import annotations

import json

import pytest
from plotly.offline import get_plotlyjs

from runkit.charts.figure import RULES
from runkit.charts.gantt import gantt
from support import question, run, step


@pytest.mark.browser
def test_a_figure_of_plotly_follows_the_theme_of_the_notebook(browser):
    """Ground, marks and muted words have JupyterLab's colors beside a panel, and in the monitor."""
    page = browser.new_page()
    colors = "--jp-layout-color0: #111; --jp-ui-font-color1: #fff; --jp-ui-font-color2: #ccc"
    output = f'<div class="jp-OutputArea"><div class="jp-OutputArea-child">{RULES}</div><div id="plot"></div></div>'
    page.set_content(f'<body data-jp-theme-light="false" style="{colors}">{output}</body>')
    page.add_script_tag(content=get_plotlyjs())
    draw = "([data, layout]) => Plotly.newPlot('plot', data, layout)"
    waiting = run(step("a"), question("q", 1, None), end=None, status="interrupted")
    figure = json.loads(gantt(waiting).to_json())
    page.evaluate(draw, [figure["data"], figure["layout"]])
    look = "([mark, name]) => getComputedStyle(document.querySelector(mark)).getPropertyValue(name)"
    title = ".gtitle [style*='{}']".format
    words = {title("1F2328"): "fill", title("59636E"): "fill"}
    marks = {".bg": "fill", ".point[style*='255, 255, 255']": "fill", **words}
    assert [page.evaluate(look, [*mark]) for mark in marks.items()] == [
        "rgb(17, 17, 17)",
        "rgb(17, 17, 17)",
        "rgb(255, 255, 255)",
        "rgb(204, 204, 204)",
    ]
    page.close()
