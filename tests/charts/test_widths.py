"""No output is wider than JupyterLab leaves beside its file browser on a screen of 1,280 px."""

from __future__ import annotations

import nbformat
import pytest
from nbconvert import HTMLExporter

import runkit
from support import artifact, at, question, run, step
from tests.notebooks import NOTEBOOKS

WIDTH, BESIDE = 848, 115  # px: of an output, and what this page has beside it
NAME = "Consolidated Pacific Northwest Harbor Imports and Logistics Holdings LLC"
AGENT = "enhanced_beneficial_ownership_specialist"
TITLE = "Registration could not be confirmed in the state of formation"
SOURCE = {
    "url": "https://an-extraordinarily-long-host-name.example/filings/2026/",
    "source_name": "Secretary of State of the Commonwealth of Massachusetts",
    "source_tier": "government",
    "source_type": "business_registration",
}
MEASURE = """all => all
  .map(e => [e.innerText.trim().slice(0, 40), e.scrollWidth, e.clientWidth])
  .filter(([, needs, has]) => needs > has)"""


def wide_run(number):
    """A run whose names, labels, errors and addresses are long."""
    weak = artifact(TITLE, type=f"{AGENT}_registration", confidence="low", summary=f"{TITLE}. " * 5)
    sourced = artifact(TITLE, sources=[SOURCE | {"url": SOURCE["url"] + "x" * 90}])
    kinds = {"name": f"research_{number % 3}", "agent": f"{AGENT}_{number % 2}"}
    label = f"Researching {'registrations_' * 4}{number % 3} in every jurisdiction"
    steps = [
        step(f"a{number}", 0, 300 + number, label=label, artifacts=[weak, sourced], **kinds),
        question(f"q{number}", 600, 40_000, label=f"{TITLE}: replace the agent?", agent=AGENT),
    ]
    status = ("completed", "error", "interrupted")[number % 3]
    if status == "error":
        reason = {"error": f"{SOURCE['url']}{'x' * 60} refused {number}"}
        steps.append(step(f"e{number}", 40_000, 40_010, status="error", agent=AGENT, result=reason))
    if status == "interrupted":
        steps[1] |= {"completed_at": None, "status": "running"}
    names = {
        "business_id": f"b{number}",
        "business_name": f"{NAME} {number}",
        "read_at": at(90_000),
    }
    end = None if status == "interrupted" else 41_000
    return run(*steps, run_id=f"{number:08d}-long", end=end, status=status, _runkit=names)


def shown():
    """The outputs of every panel of many runs and of one, and of frames."""
    f = runkit.frames([wide_run(number) for number in range(9)])
    one = f.select(f.runs["run_id"][0])
    panels = [getattr(runkit.fleet, name)(f) for name in runkit.fleet.__all__]
    panels += [runkit.one_run.findings(one), runkit.one_run.questions(one)]
    panels += [runkit.one_run.step(one, "a0"), runkit.overview(f)]
    pages = [panel._repr_mimebundle_()["text/html"] for panel in panels]
    return [{"text/html": html} for html in (*pages, f._repr_html_())]


@pytest.mark.browser
def test_no_output_is_wider_than_its_place(open_file, tmp_path):
    cells = [cell for path in NOTEBOOKS for cell in nbformat.read(path, 4).cells]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    outputs += [nbformat.v4.new_output("display_data", data=data) for data in shown()]
    cell = nbformat.v4.new_code_cell(outputs=outputs)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    path = tmp_path / "page.html"
    path.write_text(HTMLExporter(template_name="lab").from_notebook_node(notebook)[0])
    page = open_file(path, WIDTH + BESIDE).page
    boxes = page.locator(".jp-RenderedHTML")
    assert boxes.evaluate_all("all => Math.max(...all.map(e => e.clientWidth))") <= WIDTH + 5
    assert boxes.evaluate_all(MEASURE) == []
