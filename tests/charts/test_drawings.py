"""The two drawings of a chart: plotly's and the picture."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

import runkit
from chart import WIDTH
from runkit.display.colors import DARK, LIGHT
from strangers import fleet, records
from support import example

# Texts and bars of both drawings: what they are, and their edges in pixels.
MEASURE = r"""
const GROUNDS = 3;
async ([picture, data, layout]) => {
  document.body.innerHTML = '<div id="plotly" style="width:848px"></div>' + picture;
  await Plotly.newPlot("plotly", data, layout, { displayModeBar: false });
  const texts = (root) => [...root.querySelectorAll("text")].map((text) => {
    const box = text.getBoundingClientRect(), at = root.getBoundingClientRect();
    const words = text.textContent.replace(/\u00a0/g, " ").trim();
    return ["text", words, box.right - at.x, (box.top + box.bottom) / 2 - at.y];
  }).filter(([, words]) => words);
  const bars = [...plotly.querySelectorAll(".barlayer .trace")].flatMap((trace) =>
    [...trace.querySelectorAll(".point path")].map((bar) => {
      const box = bar.getBoundingClientRect(), at = plotly.getBoundingClientRect();
      return [bar.style.fill + bar.style.fillOpacity, box.left - at.x, box.right - at.x, (box.top + box.bottom) / 2 - at.y];
    })).filter(([fill]) => fill !== "rgb(0, 0, 0)0");
  const svg = document.querySelector("body > svg");
  const lines = [...svg.querySelectorAll("path")].slice(GROUNDS).flatMap((path) =>
    path.getAttribute("d").slice(1).split("M").map((part) => part.split(/[ hv]/).map(Number))
      .map(([left, top, width, height]) => ["", left, left + width, top + height / 2]));
  return [texts(plotly), texts(svg), bars, lines];
}
"""


def picture(figure: Figure) -> str:
    """The SVG in a figure's output."""
    html = figure._repr_mimebundle_()["text/html"]
    return unquote(html.split('src="data:image/svg+xml,')[1].rpartition('"')[0])


def charts() -> dict[str, Figure]:
    """A figure of each kind."""
    runs = records(fleet(2, 60))
    sources: dict[str, Any] = {name: example(name) for name in ("completed", "interrupted")}
    sources |= {f"{n} runs": runs[:n] for n in (2, 60)}
    return {name: runkit.gantt(source) for name, source in sources.items()}


def partners(mark: list[Any], others: list[list[Any]]) -> list[list[Any]]:
    """The marks with the same words whose edges are at most 2.5 px away."""
    return [
        other
        for other in others
        if (mark[0] != "text" or mark[1] == other[1])
        and all(abs(a - b) <= 2.5 for a, b in zip(mark[2:], other[2:], strict=True))
        and (mark[0] == "text" or abs(mark[1] - other[1]) <= 2.5)
    ]


@pytest.mark.browser
def test_both_drawings_are_the_same_to_a_pixel_or_two(browser):
    """Each text and each bar of one has its partner in the other."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.add_script_tag(content=get_plotlyjs())
    for kind, figure in charts().items():
        parts = figure.to_plotly_json()
        layout = parts["layout"] | {"width": WIDTH}
        data = [trace | {"hoverinfo": "skip"} for trace in parts["data"]]
        texts, ours, bars, lines = page.evaluate(MEASURE, [picture(figure), data, layout])
        assert len(texts) == len(ours) > 4, kind
        assert len(bars) == len(lines) > 0, kind
        for some, others in ((texts, ours), (ours, texts), (bars, lines), (lines, bars)):
            assert [mark for mark in some if not partners(mark, others)] == [], kind
    page.close()


@pytest.mark.browser
def test_a_picture_follows_the_theme_of_its_page(browser):
    page = browser.new_page(color_scheme="dark")
    html = runkit.gantt(example("completed"))._repr_mimebundle_()["text/html"]
    look = """async () => {
      const image = document.querySelector("img"), canvas = document.createElement("canvas");
      await image.decode();
      return image.naturalWidth;
    }"""
    for scheme, theme in {"light": LIGHT, "light dark": DARK}.items():
        page.set_content(
            f"<style>:root {{ color-scheme: {scheme} }} body {{ margin: 0 }}</style>{html}"
        )
        assert page.evaluate(look) == WIDTH
        shot = page.screenshot(clip={"x": 2, "y": 2, "width": 1, "height": 1})
        color = page.evaluate(PIXEL, shot.hex())
        assert color == [*bytes.fromhex(theme.ground[1:])]
    page.close()


PIXEL = """async (hex) => {
  const bytes = Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  const image = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1});
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""
