"""In a real browser: hostile text in every field makes and runs nothing, on pages of all kinds."""

from functools import partial

import pytest
from playwright.sync_api import Error
from plotly.offline import get_plotlyjs

import runkit
from hostile.made import hostile_runs
from hostile.payloads import BATCHES, FOUND, PAYLOADS, SAMPLE, SCRIPTS, WATCH
from runkit.display.text import visible
from tests.panel_texts import FLEET, ONE

pytestmark = pytest.mark.browser

# The middle of each row of each figure, in pixels of the page
ROWS = """() => [...document.querySelectorAll(".js-plotly-plot .ytick text")].map(e => {
  const plot = e.closest(".js-plotly-plot").querySelector(".nsewdrag").getBoundingClientRect();
  const label = e.getBoundingClientRect();
  return [plot.x + 5 + scrollX, (label.y + label.bottom) / 2 + scrollY];
})"""
# without a policy that could save it
PAGE = "<!doctype html><meta charset=utf-8><title>x</title><body>"


def html_forms(path):
    """The HTML of frames, with every text in every field."""
    html = [runkit.frames(hostile_runs(batch))._repr_html_() for batch in BATCHES]
    path.write_text(PAGE + "".join(html), encoding="utf-8")


def figures(path):
    """Titles, labels, ticks, legends and notes of panels and charts, as pictures and drawn by plotly."""
    texts = SCRIPTS | SAMPLE
    runs = hostile_runs(texts)
    title = "".join(texts.values())[:200]
    f = runkit.frames(runs)
    of_one_run = runkit.frames(runs[1])
    panels = [make(f) for make in FLEET.values()]
    panels += [make(of_one_run) for make in ONE.values()]
    html = [panel._repr_html_() for panel in panels]
    live = [panel.figure for panel in panels if panel.figure is not None]
    live += [runkit.gantt(runs[:n_runs], title=title) for n_runs in (1, 2, 3, None)]
    for figure in live:
        html += [figure.picture(), figure.to_html(full_html=False, include_plotlyjs=False)]
    path.write_text(f"{PAGE}<script>{get_plotlyjs()}</script>{''.join(html)}", encoding="utf-8")


def report(name, path):
    runs = hostile_runs(SAMPLE)
    title = "</title><script>canary=24</script> **b** [x](x) \\* $x$"
    source = runs[1] if name == "run" else runs
    runkit.report(source, path, template=name, title=title, progress=False)


PAGES = {
    "html forms": html_forms,
    "figures": figures,
    "report, run": partial(report, "run"),
    "report, runs": partial(report, "runs"),
}


def show_hover_texts(page):
    """Move the mouse over each row of each figure; return how many texts were seen."""
    n_seen = 0
    page.set_viewport_size({"width": 1000, "height": 800})
    for x, y in page.evaluate(ROWS):
        page.evaluate("y => scrollTo(0, y - 400)", y)
        page.mouse.move(x, y - page.evaluate("scrollY"))
        page.wait_for_timeout(60)
        n_seen += page.locator(".hovertext").count() > 0
    return n_seen


@pytest.mark.parametrize("name", PAGES)
def test_hostile_text_does_nothing(browser, tmp_path, name):
    """Nothing ran, was made, asked for or opened, nothing hides, and the page was not left."""
    path = tmp_path / "page.html"
    happened = []
    PAGES[name](path)
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.on("request", lambda request: happened.append(request.url))
    page.on("dialog", lambda dialog: (happened.append(dialog.message), dialog.dismiss()))
    page.on("popup", lambda popup: happened.append(popup.url))
    try:
        page.goto(path.as_uri())
        if name == "figures":
            page.wait_for_function("document.querySelectorAll('.main-svg').length > 4")
            assert show_hover_texts(page) > 50
        assert page.evaluate("window.canary") is None
        assert page.evaluate(FOUND, "body") == []
        assert (
            page.locator("svg a, foreignObject, .mjx-container, svg image[href^=http]").count() == 0
        )
        words = page.evaluate("document.body.innerText + document.title")
    except Error as gone:  # of a page that is being left nothing can be asked
        raise AssertionError("the page was left, or could not be asked") from gone
    finally:
        page.close()
    assert visible(words) == words
    assert [url for url in happened if not url.startswith("data:") and url != path.as_uri()] == []
    if name == "html forms":  # a reader sees what was written
        for payload in ("img", "entities", "latex", "markdown", "jinja"):
            assert PAYLOADS[payload] in words
