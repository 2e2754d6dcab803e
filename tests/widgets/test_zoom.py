"""What counts as a zoom of a live chart, with plotly in a browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page
from plotly.offline import get_plotlyjs

import runkit

WHOLE = [-1, 240]  # the range of the time axis, as a chart of runkit has one
DRAW = """async (range) => {
  document.body.classList.add("jp-Cell");
  const node = document.body.appendChild(document.createElement("div"));
  const layout = {height: 300, xaxis: {range}, yaxis: {fixedrange: true}};
  await Plotly.newPlot(node, [{x: [0, 200], y: [1, 2]}], layout, {responsive: true});
}"""
NARROWER = {"width": 700, "height": 800}


@pytest.fixture(autouse=True)
def monitor(live, page, asking):
    """Display the card of a monitor beside a chart."""
    monitor = runkit.RunMonitor(asking.client, asking.run())
    monitor._ipython_display_()
    assert monitor.widget is not None
    live.add(monitor.widget.children[0])
    page.add_script_tag(content=get_plotlyjs())
    page.evaluate(DRAW, WHOLE)
    page.wait_for_function("document.querySelector('.js-plotly-plot').runkitWatched")
    yield
    monitor.close()


def zooms(page: Page) -> list[Any]:
    """Return the zooms that the card has sent."""
    return [message["zoom"] for message in page.evaluate("window.sent") if "zoom" in message]


def drag(page: Page) -> None:
    page.locator(".nsewdrag").scroll_into_view_if_needed()
    area = page.locator(".nsewdrag").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + 100, area["y"] + 50)
    page.mouse.down()
    page.mouse.move(area["x"] + 300, area["y"] + 50, steps=5)
    page.mouse.up()


def test_a_zoom_and_its_reset_are_sent_and_another_width_is_not(live, page):
    page.set_viewport_size(NARROWER)
    page.wait_for_function("document.querySelector('.main-svg').clientWidth < 700")
    drag(page)
    live.until(lambda: zooms(page))
    [[start, end]] = zooms(page)
    assert WHOLE[0] < start < end < WHOLE[1]
    page.locator(".nsewdrag").dblclick()
    live.until(lambda: zooms(page)[1:])
    assert zooms(page) == [[start, end], None]
