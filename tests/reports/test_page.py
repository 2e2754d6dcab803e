"""Reports in a real browser, from a file, with the network off: quiet, readable, and harmless."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from runkit.text import visible
from support import artifact, example, question, step
from tests.reports.conftest import Made, make, write_template

TEMPLATES = ["run", "compare", "fleet"]
VIEWS = [(1280, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def opened(made: Callable[[str], Made], open_file: Callable[..., Any]) -> Callable[..., Any]:
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
        violations = Axe().run(page).response["violations"]
        serious = [item["id"] for item in violations if item["impact"] in ("serious", "critical")]
        assert serious == [], (template, view)
        assert page.locator("h1").count() == 1
        heading = page.locator("h1").inner_text()
        assert page.title().startswith("40 runs, " if template == "fleet" else f"{heading}, ")
        figures = page.locator("svg[role=img]").evaluate_all("all => all.map(e => e.ariaLabel.length)")
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
    """Light also for a reader of dark screens, with a running head, and a fleet on few pages."""
    page = open_file(made("fleet").report.html, 1280, "dark").page
    sheets = page.pdf(format="Letter")
    assert len(re.findall(rb"/Type /Page\b", sheets)) >= 2
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    fill = "getComputedStyle(document.querySelector('svg rect')).fill"
    assert page.evaluate(fill) == "rgb(255, 255, 255)"
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
    assert '<img class="output" alt="Runs by week" src="data:image/png;base64,iVBORw0KGgo=">' in page


# ------------------------------------------------------------------------------------------------ harmless

TAGS = (
    "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'>"
    "<form action=https://evil.example/form><input></form><base href=https://evil.example>"
    "<meta http-equiv=refresh content='0;url=https://evil.example/meta'>"
    "<a href='https://evil.example/tag'>tag</a>"
)
MARKS = "[mark](https://evil.example/mark) ![x](https://evil.example/x.png) $\\href{javascript:1}{x}$ %{y}"
HOSTILE = f"{TAGS} {MARKS} \u202e\u200b\x9b31m\x1b]8;;https://evil.example\x1b\\"
TITLE = "</title><script>window.hacked=10</script> <img src=x onerror=window.hacked=11> **b** [x](x) \\* $x$"
URLS = [
    "javascript:window.hacked=3",
    "data:text/html,<script>window.hacked=4</script>",
    "https://good.example\\@evil.example/host",
    "https://evil.example/by-design?a='><script>window.hacked=5</script>",
]
HOSTILE_REPORTS = ["run", "compare", "fleet", "own"]
KEPT = {"object", "created_at", "updated_at", "started_at", "ended_at", "completed_at"}


def poisoned(value: Any, name: str = "", *, kept: set[str]) -> Any:
    """Write hostile text into every text of a run, names of unknown fields too."""
    if isinstance(value, dict):
        made = {key: poisoned(child, key, kept=kept) for key, child in value.items()}
        return made | ({HOSTILE: HOSTILE} if name in ("result", "value") else {})
    if isinstance(value, list):
        return [poisoned(child, name, kept=kept) for child in value]
    return f"{value} {HOSTILE}" if isinstance(value, str) and name not in kept else value


def hostile_run(kind: str, kept: set[str]) -> dict[str, Any]:
    """A run of the examples with more of everything, hostile in all its fields."""
    raw = example(kind) | {"business_id": "b", "prompt": "p", "error": "e"}
    sources = [{"url": "", "source_name": "n", "source_tier": "t", "source_type": "s"} for _ in URLS]
    finding = artifact(summary="s", sources=sources)
    raw["steps"] += [
        step("w", 10, 20, artifacts=[finding]),
        step("x", 20, 90, type="error", artifacts=[finding], result={}),
        question("y", 90, 100, result={"decision": "approve", "note": "n"}),
    ]
    raw["output"] = {"artifacts": [finding]}
    bad: dict[str, Any] = poisoned(raw, kept=kept)
    holders = [bad["output"], bad["steps"][-2], bad["steps"][-3]]
    for poisoned_finding in (holder["artifacts"][0] for holder in holders):
        for one, url in zip(poisoned_finding["sources"], URLS, strict=True):
            one["url"] = url
    return bad


SHOW_ALL = """
import runkit
from IPython.display import HTML, SVG, Javascript, Latex, Markdown, display

data = runkit.report_data()
bad = data.frames.steps["label"].iloc[0]
display(HTML(bad), Markdown(bad), Latex(bad), Javascript("window.hacked=6"))
display(HTML("<script>window.hacked=7</script><p id=near onclick='window.hacked=8'>near the script</p>"))
display(SVG('<svg xmlns="http://www.w3.org/2000/svg" onload="window.hacked=9"><a href="https://evil.example/svg"/></svg>'))
display(data.frames.steps.head(2)[["label"]].style)
display({"text/html": f"<iframe src='https://evil.example'></iframe>{bad}", "text/plain": bad}, raw=True)
print(bad, "\\x1b[31m", bad)
"""


@pytest.fixture(scope="module")
def hostile(
    tmp_path_factory: pytest.TempPathFactory, open_file: Callable[..., Any]
) -> Callable[[str], tuple[Made, Any]]:
    """Make and open reports on runs that are hostile in every field, also in unknown words."""
    folder = tmp_path_factory.mktemp("hostile")
    tame = hostile_run("completed", KEPT | {"type", "status", "outcome", "resolution", "kind", "confidence"})
    wild = hostile_run("interrupted", KEPT)
    wild["id"] = f"another {wild['id']}"
    own = write_template(folder / "own.ipynb", "# Own", "## Everything", SHOW_ALL)
    sources = {name: ([tame, wild], name) for name in ("compare", "fleet")}
    sources |= {"run": (tame, "run"), "own": (tame, own)}

    @cache
    def show(name: str) -> tuple[Made, Any]:
        source, template = sources[name]
        done = make(source, folder / f"on_{name}.html", template=template, title=TITLE)
        return done, open_file(done.report.html)

    return show


@pytest.mark.browser
def test_hostile_text_does_nothing(hostile):
    """No script of it ran, nothing was asked for, and the browser did not even have to refuse a thing."""
    for name in HOSTILE_REPORTS:
        _, seen = hostile(name)
        assert seen.page.evaluate("window.hacked") is None
        assert [url for url in seen.requests if not url.startswith("data:")] == [seen.page.url]
        assert seen.complaints == []


@pytest.mark.browser
def test_nothing_hides_in_the_page(hostile):
    """Signs that cannot be seen are codes, also in what cells printed and in other people's HTML."""
    for name in HOSTILE_REPORTS:
        _, seen = hostile(name)
        words = seen.page.evaluate("document.body.innerText + document.title")
        assert visible(words) == words


@pytest.mark.browser
def test_hostile_text_becomes_no_element(hostile):
    """No form, frame, picture, base or refresh, no handler, and no id but of headings."""
    for name in HOSTILE_REPORTS:
        _, seen = hostile(name)
        assert seen.page.locator("form, input, iframe, object, embed, base, main img, link").count() == 0
        metas = seen.page.locator("meta[http-equiv]").all()
        assert [meta.get_attribute("http-equiv") for meta in metas] == ["Content-Security-Policy"]
        mine = "[...document.querySelectorAll('main *:not(.runkit-figure *)')]"
        named = seen.page.evaluate(
            f"{mine}.flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
        )
        assert named == []
        ids = seen.page.evaluate(f"{mine}.map(e => e.id).filter(Boolean)")
        assert all(re.fullmatch(r"part-\d+", one) for one in ids)


@pytest.mark.browser
@pytest.mark.parametrize(("name", "hosts"), [("run", {"https://evil.example/by-design"}), ("fleet", set())])
def test_the_only_links_are_sources_and_contents(hostile, name, hosts):
    """Of the hostile addresses only the one whose host is certain is a link; a fleet counts hosts."""
    _, seen = hostile(name)
    links = seen.page.locator("a[href]").evaluate_all("all => all.map(e => [e.getAttribute('href'), e.rel])")
    away = [(href, rel) for href, rel in links if not href.startswith("#part-")]
    assert {href.partition("?")[0] for href, _ in away} == hosts
    assert {rel for _, rel in away} <= {"noopener noreferrer"}
    assert seen.page.locator("svg a").count() == 0


@pytest.mark.browser
def test_hostile_text_is_shown_as_text(hostile):
    """A reader sees what was written: in the title, the sentences, the tables and the hover text."""
    _, seen = hostile("run")
    assert seen.page.title() == seen.page.locator("h1").inner_text() == TITLE
    assert TAGS in "".join(seen.page.locator("td").all_text_contents())
    assert "\\u202e\\u200b\\x9b31m\\x1b]8;;" in "".join(seen.page.locator("td").all_text_contents())
    titles = "".join(seen.page.locator("svg title").all_text_contents())
    assert "<script>window.hacked=1</script>" in titles
    assert seen.page.evaluate("window.hacked") is None


@pytest.mark.browser
def test_what_a_template_displays_is_cleaned(hostile):
    """HTML keeps its words and loses its script; Markdown, LaTeX and JavaScript are text."""
    done, seen = hostile("own")
    assert "window.hacked=7" in done.outputs
    assert "near the script" in seen.page.locator(".outputs").first.inner_text()
    shown = seen.page.locator(".output").evaluate_all("all => all.map(e => e.innerHTML).join()")
    assert "window.hacked=7" not in shown
    assert seen.page.locator("pre.output", has_text="[mark](https://evil.example/mark)").count() >= 3
    links = seen.page.locator(".outputs a").evaluate_all("all => all.map(e => [e.href, e.rel])")
    assert {tuple(one) for one in links} <= {("https://evil.example/tag", "noopener noreferrer")}
