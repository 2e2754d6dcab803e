"""Figures in a real browser, from a file, with the network off."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import plotly.io
import pytest
from markupsafe import Markup

from runkit import style
from runkit.charts.gantt import gantt
from runkit.charts.page import figure_div, offline_page, wide
from runkit.text import html_table
from support import example, run, step

RANGES = "['xaxis', 'yaxis'].map(name => document.querySelector('.js-plotly-plot')._fullLayout[name].range)"


@pytest.fixture
def opened(open_file, tmp_path: Path):
    """Write a page to a file and open it with the network off."""

    def show(html: str, width: int = 1280, scheme: str = "light"):
        path = tmp_path / "page.html"
        path.write_text(html)
        return open_file(path, width, scheme)

    return show


def page_of(*sources, **options):
    """A page with a figure for each source."""
    return offline_page("Runs", [figure_div(gantt(source, **options)) for source in sources])


@pytest.mark.browser
@pytest.mark.parametrize(("n_runs", "offset"), [(1, 5), (3, 200)])
def test_a_drag_zooms_on_time_only(opened, n_runs, offset):
    """Near time 0, where plotly puts the handle of the row axis, as elsewhere: the rows stay as they are."""
    page = opened(page_of([example("completed") | {"id": f"r{number}"} for number in range(n_runs)])).page
    before = page.evaluate(RANGES)
    plot = page.locator(".nsewdrag").bounding_box()
    page.mouse.move(plot["x"] + offset, plot["y"] + 10)
    page.mouse.down()
    page.mouse.move(plot["x"] + offset + 300, plot["y"] + plot["height"] - 5, steps=5)
    page.mouse.up()
    page.wait_for_function(f"x => JSON.stringify(({RANGES})[0]) !== x", arg=json.dumps(before[0]))
    (since, to), rows_after = page.evaluate(RANGES)
    assert rows_after == before[1]
    assert before[0][0] <= since < to < before[0][1]


@pytest.mark.browser
def test_the_wheel_scrolls_the_page(opened):
    """And does not zoom."""
    page = opened(page_of(*[example("completed")] * 4)).page
    before = page.evaluate(RANGES)
    plot = page.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(plot["x"] + 50, plot["y"] + 50)
    page.mouse.wheel(0, 300)
    page.wait_for_function("() => window.scrollY > 0")
    assert page.evaluate(RANGES) == before


@pytest.mark.browser
@pytest.mark.parametrize(
    ("length", "zoomed", "label"),
    [(5_000, [61, 65], "1 min 2 s"), (200_000, [7_200, 7_800], "2 h 5 min"), (50, [1.01, 1.06], "1.02 s")],
)
def test_ticks_become_finer_for_any_length(opened, length, zoomed, label):
    """At round times, evenly, from end to end of what is seen; and the first ones come back with a reset."""
    page = opened(page_of(run(step("a", 0, length), end=length))).page
    whole = page.locator(".xtick text").all_text_contents()
    figure = "document.querySelector('.js-plotly-plot')"
    page.evaluate(f"range => Plotly.relayout({figure}, {{'xaxis.range': range}})", zoomed)
    page.locator(".xtick text", has_text=label).first.wait_for()
    places = page.evaluate(f"{figure}._fullLayout.xaxis._vals.map(tick => tick.x)")
    steps = [b - a for a, b in pairwise(places)]
    assert len(places) >= 4
    assert steps == pytest.approx([steps[0]] * len(steps))
    page.locator("[data-title='Reset axes']").click()
    page.wait_for_function(
        "n => document.querySelectorAll('.xtick text').length >= n - 1 && "
        "!document.querySelector('.xtick text').textContent.includes('2 s')",
        arg=len(whole),
    )


@pytest.mark.browser
@pytest.mark.parametrize(
    ("scheme", "ground", "made_in"),
    [("light", style.LIGHT, "plotly_dark"), ("dark", style.DARK, "plotly")],
)
def test_page_and_figure_follow_the_readers_scheme(opened, scheme, ground, made_in, monkeypatch):
    """Ground, text, path and title of the figure are those of the page, whatever it was made in."""
    monkeypatch.setattr(plotly.io.templates, "default", made_in)
    seen = opened(page_of(example("completed")), scheme=scheme)
    grounds = seen.page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, "
        "getComputedStyle(document.querySelector('.main-svg')).backgroundColor]"
    )
    assert grounds[0] == grounds[1]
    layout = seen.page.evaluate("document.querySelector('.js-plotly-plot').layout")
    assert layout["template"]["layout"]["font"]["color"] == ground.text
    assert f'<span style="color:{ground.ok}">' in layout["title"]["text"]
    lines = seen.page.evaluate("document.querySelector('.js-plotly-plot').data.map(e => e.line?.color)")
    assert {ground.text, ground.ground} <= set(lines)


@pytest.mark.browser
def test_a_chart_scrolls_in_its_box_on_a_phone(opened):
    """The page itself is no wider than the screen: one run, two, a few, very many."""
    few = [run(step("a"), run_id=f"{n:08d}") for n in range(8)]
    many = [run(run_id=f"{n:08d}") for n in range(160)]
    seen = opened(page_of(example("completed"), [run(), run(step("a"), run_id="s")], few, many), width=360)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360
    boxes = seen.page.locator(".runkit-figure").evaluate_all(
        "all => all.map(e => [e.scrollWidth, e.tabIndex])"
    )
    assert boxes == [[800, 0]] * 4
    assert seen.complaints == []


@pytest.mark.browser
def test_labels_of_a_tree_do_not_reach_into_the_bars(opened):
    """The longest label ends before the time axis begins."""
    seen = opened(page_of(run(step("a", 0, 100, label="Wide words WWWW with MMMM in them all"))))
    label = seen.page.locator(".ytick text").bounding_box()
    assert label["x"] + label["width"] <= seen.page.locator(".barlayer path").first.bounding_box()["x"]


def test_the_library_is_in_the_page_once():
    """However many figures there are, plotly.js is inlined one time, and not at all without a figure."""
    one, two = page_of(example("completed")), page_of(example("completed"), example("interrupted"))
    assert len(two) - len(one) < 100_000
    assert len(one) > 4_000_000
    assert len(offline_page("Empty", [Markup("<p>None</p>")])) < 5_000


@pytest.mark.browser
def test_a_wide_table_can_be_scrolled_by_keyboard(opened):
    """On a phone its box is a tab stop; where it fits it is none."""
    table = wide(html_table(["a long header"] * 3, [["0123456789" * 3] * 3], ["white-space:nowrap"] * 3))
    html = offline_page("Wide", [Markup("<h1>Wide</h1>"), table])
    phone, laptop = opened(html, width=390), opened(html, width=1280)
    assert [seen.page.locator(".wide").evaluate("e => e.tabIndex") for seen in (phone, laptop)] == [
        0,
        -1,
    ]
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.complaints == laptop.complaints == []
