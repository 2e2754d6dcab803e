"""Figures of plotly in a notebook's page, in a real browser."""

from __future__ import annotations

import json

import pytest
from plotly.offline import get_plotlyjs

from runkit.charts.figure import FIGURE_STYLE
from runkit.charts.gantt import gantt
from runkit.display.colors import DARK, LIGHT
from support import run, step


@pytest.mark.browser
def test_a_figure_of_plotly_follows_the_theme_of_the_notebook(browser):
    """Ground, marks and muted words have JupyterLab's colors beside a chart or a panel."""
    page = browser.new_page()
    colors = "--jp-layout-color0: #111; --jp-layout-color1: #222; --jp-ui-font-color1: #fff; --jp-ui-font-color2: #ccc"
    output = f'<div class="jp-OutputArea"><div class="jp-OutputArea-child">{FIGURE_STYLE}</div><div id="plot"></div></div>'
    page.set_content(f'<body data-jp-theme-light="false" style="{colors}">{output}</body>')
    page.add_script_tag(content=get_plotlyjs())
    draw = "([data, layout]) => Plotly.newPlot('plot', data, layout)"
    failed = step("b", 1, 5, status="error", result={"error": "timeout"})
    runs = [run(step("a", 0, 9), failed, status="error", run_id=name) for name in "ab"]
    figure = json.loads(gantt(runs).to_json())
    page.evaluate(draw, [figure["data"], figure["layout"]])
    look = "([mark, name]) => getComputedStyle(document.querySelector(mark)).getPropertyValue(name)"
    marks = {
        ".bg": ("fill", "rgb(17, 17, 17)"),
        ".gtitle": ("fill", "rgb(255, 255, 255)"),
        f".annotation [style*='{LIGHT.muted}']": ("fill", "rgb(204, 204, 204)"),
        f"[style*='{LIGHT.fail}']": ("fill", rgb(DARK.fail)),
        f".barlayer [style*='fill: {rgb(LIGHT.fail)}']": ("fill", rgb(DARK.fail)),
        ".barlayer [style*='fill-opacity: 0.32']": ("fill-opacity", "0.45"),
    }
    for mark, (name, value) in marks.items():
        assert page.evaluate(look, [mark, name]) == value, mark
    page.close()


def rgb(color: str) -> str:
    """A color as a browser writes it."""
    return f"rgb({', '.join(map(str, bytes.fromhex(color[1:])))})"
