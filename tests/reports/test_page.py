"""Reports by each template: an executed notebook, and a page that is quiet and readable in a browser."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import product

import nbformat
import plotly.graph_objects as go
import pytest
from axe_playwright_python.sync_playwright import Axe

import runkit
from runkit.display.colors import DARK, LIGHT
from runkit.reports._export import to_html
from runkit.reports.templates import find_template
from support import example, run
from tests.reports.conftest import make

PLOTLY = "application/vnd.plotly.v1+json"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
TEMPLATES = ["run", "runs"]
GROUND = "getComputedStyle(document.body).backgroundColor"
VIEWS = [(1280, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def opened(made, open_file):
    """Open the report of a template; tests that change nothing look at the same page."""
    return cache(lambda template, *view: open_file(made(template).report.html, *view))


@pytest.mark.parametrize(
    ("template", "n_runs", "size"),
    [
        ("run", 1, 100_000),
        ("runs", 40, 300_000),
    ],
)
def test_each_template_gives_a_small_page_and_an_executed_notebook(made, template, n_runs, size):
    """Each code cell was executed, none failed; charts, but no script and no private path."""
    done = made(template)
    assert done.report.n_runs == n_runs
    assert done.report.notebook == done.report.html.with_suffix(".ipynb")
    code = [cell for cell in done.notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert kinds <= {"display_data", "execute_result", "stream"}
    assert "widgets" not in done.notebook["metadata"]
    assert "application/vnd.plotly.v1+json" in done.outputs
    assert len(done.page.encode()) < size
    assert '<img alt="Timeline: ' in done.page
    assert "<script" not in done.page
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in done.page
    assert f"{template}.ipynb" in done.page
    changed = done.page.find("What changed")
    assert (changed >= 0) == (template == "runs")
    assert "runkit-report-" not in done.page + json.dumps(done.notebook)


def execute(notebook, **sources):
    """Execute the code cells of a notebook, with these sources instead of its own; return its names."""
    names = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)  # noqa: S102
            names |= sources
    return names


@pytest.mark.parametrize(("template", "n_runs"), [("run", 1), ("runs", 40)])
def test_a_template_opened_by_itself_shows_runs_of_the_sandbox(template, n_runs):
    names = execute(nbformat.read(find_template(template).path, 4))
    assert len(names["data"].frames) == n_runs
    assert " from 127.0.0.1" in names["data"].provenance.line


def test_the_executed_notebook_can_be_executed_again(made, completed):
    """By any tool, on a source that is given."""
    names = execute(made("run").notebook, source=completed[1])
    assert names["f"].runs["run_id"].tolist() == [completed[1].id]


def long_words(*files: str) -> list[str]:
    """The words of the files that could be secrets: long, with letters and digits, no links."""
    words = {word.strip("()[],.-#") for text in files for word in re.split(r"[\s<>\"{};\\]+", text)}
    is_long = re.compile(r"(?=.*[A-Za-z])(?=.*\d)(?!https?:)(?!.*&#).{12,200}")
    return sorted(filter(is_long.fullmatch, words))


def test_a_run_that_quotes_a_page_blocks_no_report(made, tmp_path):
    """Whatever it quotes of the files of an earlier report, `initial-scale=1` among it."""
    source = example("completed")
    earlier = made("run")
    words = long_words(earlier.page, earlier.report.notebook.read_text())
    assert {"initial-scale=1", "color:#59636E"} <= {*words}
    source["steps"][0]["label"] = "Read initial-scale=1"
    source["output"]["artifacts"][0]["summary"] = "\n".join(f"token={word}" for word in words)
    done = make(source, tmp_path / "a.html", template="run")
    assert done.report.masked["secret"] > 40
    assert "token=initial" not in done.page
    assert "Read initial-scale=1" in done.page


@pytest.mark.browser
def test_a_report_is_quiet_and_readable(opened):
    """On a wide light screen and a narrow dark one: no request, no complaint, and the outcome on top."""
    for template, view in product(TEMPLATES, VIEWS):
        seen = opened(template, *view)
        page = seen.page
        assert [url for url in seen.requests if not url.startswith("data:")] == [page.url]
        assert seen.complaints == []
        ground = {"light": LIGHT, "dark": DARK}[view[1]].ground
        color = f"rgb({', '.join(map(str, bytes.fromhex(ground[1:])))})"
        assert page.evaluate(GROUND) == color
        assert page.evaluate("document.documentElement.scrollWidth") <= view[0]
        violations = Axe().run(page).response["violations"]  # of any impact
        assert [item["id"] for item in violations] == [], (template, view)
        assert page.locator("[tabindex]:not([role][aria-label])").count() == 0
        assert page.locator("h1").count() == 1
        heading = page.locator("h1").inner_text()
        assert page.title().startswith("40 runs, " if template == "runs" else f"{heading}, ")
        figures = page.locator("img").evaluate_all("all => all.map(e => e.alt.length)")
        assert figures
        assert min(figures) > 20


@pytest.mark.browser
def test_a_phone_shows_the_outcome_first(opened):
    """The first status or number ends within 300 pixels from the top; a chart scrolls in its box."""
    for template in TEMPLATES:
        page = opened(template, *VIEWS[1]).page
        box = page.locator(".quote .pill, .tiles b").first.bounding_box()
        assert box["y"] + box["height"] < 300
        assert page.locator(".runkit-figure").evaluate("e => e.scrollWidth > e.clientWidth")


@pytest.mark.browser
def test_a_report_prints_in_light_colors_on_few_pages(made, open_file):
    """Light also for a reader of dark screens, with a running head, tables folded."""
    page = open_file(made("runs").report.html, 1280, "dark").page
    sheets = page.pdf(format="Letter")
    assert len(re.findall(rb"/Type /Page\b", sheets)) in (2, 3, 4)
    page.emulate_media(media="print")
    assert page.evaluate(GROUND) == "rgb(255, 255, 255)"
    assert page.locator(".more table").first.is_hidden()
    head = page.locator(".running-head")
    assert head.inner_text() == page.title()
    assert head.evaluate("e => getComputedStyle(e).position") == "fixed"  # so it is on each page
    page.set_viewport_size({"width": 673, "height": 900})  # of A4 between its margins
    wide = "all => all.filter(e => e.getBoundingClientRect().right > 673).length"
    assert page.locator("main :is(table, img)").evaluate_all(wide) == 0


def test_a_figure_of_the_user_is_a_picture_or_named():
    """A chart is a picture; of another figure its title says where to look."""
    bars = go.Figure(go.Bar(x=["a"], y=[1])).update_layout(title="Runs by <b>week</b>")
    shown = {PLOTLY: json.loads(bars.to_json())}, runkit.gantt(run())._repr_mimebundle_()
    outputs = [nbformat.v4.new_output("display_data", data=data) for data in shown]
    cells = [nbformat.v4.new_code_cell(outputs=outputs)]
    page = to_html(nbformat.v4.new_notebook(cells=cells), title="t")
    assert page.count("<img") == 1
    assert "Runs by week <small>(interactive: open the notebook beside this file)</small>" in page


def page_of(*cells):
    """A notebook's cells as a page, without what is around them."""
    html = to_html(nbformat.v4.new_notebook(cells=list(cells)), title="t")
    return html[html.index("<main>") : html.index("</main>")]


@pytest.mark.parametrize(
    ("address", "is_kept"),
    [
        ("https://example.com/a?b=c", True),
        ("#part-1", False),
        ("//evil.example/share", False),
        (r"\\\\evil.example\\share", False),
        ("https://bank.example@evil.example/", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_links_to_the_web_are_kept(address, is_kept):
    """From a file on a disk, an address without a scheme leads into the reader's own network."""
    page = page_of(nbformat.v4.new_markdown_cell(f"[words]({address})"))
    assert (f'href="{address}"' in page) == ("href" in page) == is_kept
