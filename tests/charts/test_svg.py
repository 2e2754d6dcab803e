"""Figures as static SVG: the same drawing as plotly's, harmless, and without script."""

from __future__ import annotations

import copy
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

import runkit
from hostile.payloads import PAYLOADS
from runkit.charts._fleet_chart import MAX_ROWS
from runkit.charts.svg import svg
from runkit.display.colors import DARK, LIGHT
from strangers import fleet, records
from support import example, run, step

# Boxes of bars, marks and lines of text; the legend wraps by widths that plotly measures, and is
# left out.
MEASURE = r"""
async ([html, figure]) => {
  document.body.innerHTML = '<div id="plotly" style="width:900px"></div>' + html;
  const { data, layout } = JSON.parse(figure);
  await Plotly.newPlot("plotly", data, { ...layout, width: 900 }, { displayModeBar: false });
  const boxes = (root, selectors) => {
    const { x, y } = root.getBoundingClientRect();
    return Object.entries(selectors).flatMap(([kind, selector]) => [...root.querySelectorAll(selector)]
      .filter((mark) => mark.getBoundingClientRect().height && !mark.querySelector("tspan.line"))
      .map((mark) => {
        const box = mark.getBoundingClientRect();
        const style = getComputedStyle(mark);
        const fill = (mark.getAttribute("d") ?? "Z").includes("Z") ? style.fill : style.stroke;
        const color = fill.startsWith("url") ? "pattern" : fill;
        const name = kind === "text" ? mark.textContent.replace(/\u00a0/g, " ") : color;
        return [kind, name, [box.left - x, box.right - x, box.top - y, box.bottom - y]];
      }));
  };
  const texts = ".textpoint text, [class$=tick] text, .annotation-text, .gtitle, .xtitle, .x2title";
  const lines = texts.split(", ").flatMap((text) => [text, `${text} tspan.line`]).join(", ");
  return [
    boxes(document.querySelector("#plotly"), {
      bar: ".barlayer .point > path", mark: ".scatterlayer .points path", text: lines,
    }),
    boxes(document.querySelector("svg.runkit-chart"), {
      bar: ":scope > rect:not(:first-of-type)",
      mark: ":scope > circle, :scope > path[transform]",
      text: ":scope > text",
    }),
  ];
}
"""


EDITS: dict[str, Any] = {
    "title": lambda figure: figure.update_layout(title="Mine"),
    "size and color of the title": lambda figure: figure.update_layout(title_font={"size": 20, "color": "red"}),
    "vertical line": lambda figure: figure.add_vline(x=10),
    "line and text": lambda figure: figure.add_vline(x=10, line_dash="dot", annotation_text="here"),
    "range": lambda figure: figure.add_vrect(x0=5, x1=20, fillcolor="red", opacity=0.2, annotation_text="slow"),
    "text": lambda figure: figure.add_annotation(x=10, y=1, text="look", showarrow=False),
    "axis title": lambda figure: figure.update_xaxes(title="Time"),
    "zoom": lambda figure: figure.update_xaxes(range=[0, 20]),
    "opacity": lambda figure: figure.update_traces(opacity=0.5),
    "template": lambda figure: figure.update_layout(template="plotly_dark"),
    "ground": lambda figure: figure.update_layout(plot_bgcolor="lightyellow"),
    "font": lambda figure: figure.update_layout(font_color="red"),
    "size": lambda figure: figure.update_layout(width=700, height=600),
    "hidden": lambda figure: figure.update_traces(visible=False),
}  # fmt: skip


def root_of(figure: Figure) -> ElementTree.Element:
    """The picture as XML."""
    return ElementTree.fromstring(svg(figure))  # noqa: S314 - our own


RUNS = records(fleet(2, MAX_ROWS + 10))


def figures() -> dict[str, Figure]:
    """A figure of each kind."""
    sources = {name: example(name) for name in ("completed", "object_page", "interrupted")}
    sources |= {f"{n} runs": RUNS[:n] for n in (2, 3, 20, len(RUNS))}
    sources["failed"] = next(run for run in RUNS if run["status"] == "error")
    charts = {name: runkit.gantt(source) for name, source in sources.items()}
    charts["edited"] = edited = runkit.gantt(example("completed"), compress_waits=False)
    for name in ("title", "line and text", "range", "axis title", "ground"):
        EDITS[name](edited)
    return charts


@pytest.fixture(scope="module")
def original():
    return runkit.gantt(example("completed"))


@pytest.fixture
def figure(original):
    """A figure to change."""
    return copy.deepcopy(original)


def has_partner(box: list[Any], others: list[list[Any]]) -> bool:
    """Whether a box of that kind and name has edges that are at most 2 px away."""
    kind, name, edges = box
    return any(
        kind == other_kind
        and (name == other_name or (kind == "bar" and "pattern" in (name, other_name)))
        and max(abs(a - b) for a, b in zip(edges, other_edges, strict=True)) <= 2
        for other_kind, other_name, other_edges in others
    )


def test_the_svg_is_what_plotly_draws(browser):
    """Bars, marks and texts of each kind of figure stand within 2 px of plotly's, and the other way round."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.add_script_tag(content=get_plotlyjs())
    for kind, figure in figures().items():
        # plotly's own ticks are where a reader's zoom puts them
        figure.update_xaxes(tickmode="array")
        theirs, ours = page.evaluate(MEASURE, [svg(figure), figure.to_json()])
        assert len(theirs) == len(ours) > 4, kind
        for boxes, others in ((theirs, ours), (ours, theirs)):
            assert [box for box in boxes if not has_partner(box, others)] == [], kind
    page.close()


def test_an_svg_follows_the_theme_of_its_page(browser, figure):
    page = browser.new_page(color_scheme="dark")
    fill = "document.querySelector('svg rect').computedStyleMap().get('fill').toString()"
    for scheme, theme in {"light": LIGHT, "light dark": DARK}.items():
        page.set_content(f"<style>:root {{ color-scheme: {scheme} }}</style>{svg(figure)}")
        assert page.evaluate(fill) == f"rgb({', '.join(map(str, bytes.fromhex(theme.ground[1:])))})"
    page.close()


def test_an_svg_has_a_label_and_titles():
    """Its label is the figure's sentence, and each bar says what plotly's hover says."""
    figure = runkit.gantt(run(step("a", 0, 30, label="Looking"), end=30))
    root = root_of(json.loads(figure.to_json()))  # as a notebook keeps it
    assert root.attrib["aria-label"] == figure.layout.meta["alt"]
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert [title.split("\n")[0] for title in titles if title] == ["Looking"]
    # the mouse reaches the bar below it
    assert len(root.findall("*[@pointer-events='none']")) == 1


@pytest.mark.parametrize("n_runs", [1, 2, 5])
def test_hostile_text_stays_text(n_runs):
    """In labels, agents, statuses and names: well-formed XML of our own elements only."""
    texts = [*PAYLOADS.values()]
    steps = [step(text, label=text, agent=text, error=text, status="error") for text in texts]
    sources = [run(*steps, status=text, agent=text, run_id=text) for text in texts[:n_runs]]
    names = {element.tag.split("}")[1] for element in root_of(runkit.gantt(sources)).iter()}
    assert names <= {"svg", "g", "style", "rect", "path", "circle", "text", "tspan", "title"}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_everyday_edit_is_in_the_picture(figure, edit):
    before = svg(figure)
    edit(figure)
    assert "Not in this picture" not in svg(figure)
    assert svg(figure) != before


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (lambda figure: figure.add_pie(values=[1, 2]), "a pie trace"),
        (lambda figure: figure.add_bar(x=[1, 2], y=[1, 2]), "a bar trace"),
        (lambda figure: figure.add_scatter(x=[1, 20], y=[0, 1]), "a scatter trace"),
        (lambda figure: figure.add_annotation(text="a", x=1, y=1), "a text with an arrow"),
        (lambda figure: figure.update_yaxes(title="Steps"), "the title of the rows"),
        (lambda figure: figure.update_layout(showlegend=True), "the legend"),
    ],
)  # fmt: skip
def test_parts_that_the_picture_lacks_are_named_in_it(figure, edit, name):
    n_parts = svg(figure).count("<")
    edit(figure)
    assert f"Not in this picture: {name}" in svg(figure)
    assert svg(figure).count("<") >= n_parts
