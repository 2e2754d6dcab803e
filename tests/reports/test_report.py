"""`report()` end to end: two files, nothing secret in them, and nothing left behind, come what may."""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import runkit
from runkit.errors import ReportError, UsageError
from runkit.reports import templates
from support import example, run, step
from tests.reports.conftest import Made, make, write_template

EIN, EMAIL, PERSON = "47-1839265", "olga.hrdlicka@kestrel.example", "reviewer.novak@kestrel.example"
KEY, SIGNATURE, ENV_KEY = "mk_live_q8Zt4Lw2Xc7Vb1Nm", "9f3c1e7ad0b24c55", "tr0ub4dor-envkey-8142"
READ = "import runkit\ndata = runkit.report_data()"
DIGEST = 'print("DIGEST " + data.provenance.digest)'
SHOW = "print('\\n'.join(data.frames.steps['label']))"


# ------------------------------------------------------------------------------------------------ two files


@pytest.mark.parametrize(("template", "n_runs"), [("run", 1), ("compare", 2), ("fleet", 40)])
def test_each_template_gives_a_page_and_an_executed_notebook(made, template, n_runs):
    """On runs of the sandbox; each code cell was executed, none failed, and no widget is left."""
    done = made(template)
    assert done.report.n_runs == n_runs
    assert done.report.html.suffix == ".html"
    assert done.report.notebook == done.report.html.with_suffix(".ipynb")
    code = [cell for cell in done.notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert kinds <= {"display_data", "execute_result", "stream"}
    assert "widgets" not in done.notebook["metadata"]
    assert f"{template}.ipynb, SHA-256" in done.page


@pytest.mark.parametrize(("template", "most"), [("run", 100_000), ("compare", 150_000), ("fleet", 300_000)])
def test_a_page_is_small_and_has_no_script(made, template, most):
    """Nothing is loaded, run or framed; pictures and styles are in the page."""
    done = made(template)
    assert len(done.page.encode()) < most
    assert done.page.count('<svg xmlns="http://www.w3.org/2000/svg" class="runkit-chart"') >= 1
    assert "<script" not in done.page
    [policy] = re.findall('<meta http-equiv="Content-Security-Policy" content="([^"]*)">', done.page)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_figures_stay_data_in_the_notebook(made):
    """The notebook holds figures as JSON, which an untrusted notebook draws, and no plotly.js."""
    done = made("run")
    assert "application/vnd.plotly.v1+json" in done.outputs
    assert done.report.notebook.stat().st_size < 1_000_000


def executed(made: Callable[[str], Made], template: str) -> nbformat.NotebookNode:
    """The executed notebook of a report, to be opened again."""
    return nbformat.from_dict(copy.deepcopy(made(template).notebook))


def test_the_executed_notebook_can_be_executed_again(made, joined):
    """By any tool, on the same sandbox: the same runs, read at another time, have the same digest."""
    notebook = executed(made, "compare")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, cell.outputs = "".join(cell.source), []
        else:
            cell.source = "".join(cell.source)
    notebook.cells.append(nbformat.v4.new_code_cell(DIGEST))
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    digest = notebook.cells[-1].outputs[0].text.split()[1]
    assert f"SHA-256 {digest} of the redacted frames" in made("compare").page


def test_nothing_tells_where_the_data_lay(made):
    """What is saved are ids and a digest, never the private path."""
    for template in ("run", "compare", "fleet"):
        done = made(template)
        assert "runkit-report-" not in done.page
        assert "runkit-report-" not in json.dumps(done.notebook)


@pytest.mark.usefixtures("without_kernel")
def test_what_is_there_is_replaced(made, completed, tmp_path):
    """A second report takes the place of the first; nothing else is left in the folder."""
    template = write_template(tmp_path / "own.ipynb", READ)
    folder = tmp_path / "new" / "folder"
    folder.mkdir(parents=True)
    (folder / "a.HTML").write_text(made("run").page)
    (folder / "a.ipynb").write_text(json.dumps(made("run").notebook))
    done = make(completed[1], folder / "a.HTML", template=template)
    assert completed[1].id in done.page
    assert completed[0].id not in done.page
    assert sorted(path.name for path in folder.iterdir()) == ["a.HTML", "a.ipynb"]


def test_a_report_enters_few_files(completed, tmp_path, monkeypatch):
    """No more of runkit is entered between the call and the two files, on the side of the host."""
    package, entered = str(Path(runkit.__file__).parent), set()
    template = write_template(tmp_path / "own.ipynb", READ)
    monkeypatch.setattr(templates, "execute", lambda *_, **__: None)  # it enters only its own file
    assert runkit.report  # loaded: what runs on import does not count

    def look(frame: Any, event: str, _arg: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(package) and frame.f_code.co_name != "<module>":
            entered.add(name.removeprefix(package))

    try:
        make(completed[0], tmp_path / "a.html", template=template)
    finally:
        sys.setprofile(None)
    assert len(entered) <= 20, sorted(entered)


# ------------------------------------------------------------------------------------------------ redaction


@pytest.fixture(scope="module")
def labelled() -> dict[str, Any]:
    """A run whose first label holds secrets."""
    run = example("completed")
    run["steps"][0]["label"] = f"{EIN} {EMAIL} {KEY} token=q8Zt4Lw2Xc7Vb1Nm"
    return run


@pytest.mark.usefixtures("without_kernel")
def test_what_is_revealed_stays_and_is_recorded(labelled, tmp_path):
    """A rule that was switched off masks nothing, and the report says so."""
    template = write_template(tmp_path / "own.ipynb", READ, SHOW, "data.provenance")
    policy = runkit.Redaction(reveal=["email"], keep_last=4)
    done = make(labelled, tmp_path / "a.html", template=template, redact=policy)
    assert f"[ein 1 …9265] {EMAIL} [key 1] token=[key 2]" in done.page
    assert "Not masked on request: email." in done.page
    assert "Last digits shown of tax and social security numbers: 4" in done.page


BUILT = "print('q8Zt4Lw2' + 'Xc7Vb1Nm')"


@pytest.mark.parametrize("as_frames", [True, False])
@pytest.mark.usefixtures("leaves_nothing", "without_kernel")
def test_a_template_that_holds_a_masked_value_fails_closed(labelled, tmp_path, as_frames):
    """Built from parts: the error names rule, run and field, and no value; nothing is written."""
    template = write_template(tmp_path / "own.ipynb", READ, BUILT)
    source = runkit.frames(labelled) if as_frames else labelled
    with pytest.raises(ReportError, match=rf"key \(run {labelled['id'][:8]}, field steps\.label\)") as caught:
        make(source, tmp_path / "out" / "a.html", template=template)
    assert "q8Zt4Lw2" not in str(caught.value)
    assert not (tmp_path / "out").exists()


# -------------------------------------------------------------------------------------------------- failure


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (
            f'key = "{KEY}"\nraise ValueError("x" * 480 + key)',
            r"cell 2 of own.ipynb failed: ValueError: xxx.*\n    key = ",
        ),
        ("import os\nos._exit(3)", r"cell 2 of own.ipynb failed: Kernel died"),
    ],
)
@pytest.mark.usefixtures("leaves_nothing")
def test_a_template_that_fails(completed, tmp_path, cell, said):
    """The error names the cell and what it said, without keys; an earlier report stays as it was."""
    template = write_template(tmp_path / "own.ipynb", READ, cell, "data.provenance")
    earlier = {"a.html": "earlier", "a.ipynb": '{"metadata": {"runkit_report": {}}}'}
    for name, text in earlier.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ReportError, match=said) as caught:
        make(completed[0], tmp_path / "a.html", template=template)
    assert KEY[:12] not in str(caught.value)
    assert {path.name: path.read_text() for path in tmp_path.glob("a.*")} == earlier
    assert not [path for path in tmp_path.rglob("*") if ".part" in path.name]


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("a.pdf", {}, r"a\.pdf' must end in \.html"),
        ("folder.html", {}, "is a folder or a device; expected a file"),
        ("a.html", {"template": "flet"}, "template='flet' is not known.*Did you mean 'fleet'"),
        ("a.html", {"template": "nowhere.ipynb"}, "cannot be read .FileNotFoundError"),
        ("a.html", {"template": "compare"}, r'template="compare" shows 2 runs; got 1\. Select runs, or'),
        ("own.html", {"template": "own.ipynb"}, r"own\.ipynb is the template itself"),
    ],
)
@pytest.mark.usefixtures("leaves_nothing")
def test_what_cannot_be_used_is_refused_at_once(tmp_path, monkeypatch, path, options, said):
    """Before a kernel starts, with what was given and what to do; nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    write_template(tmp_path / "own.ipynb", READ)
    with pytest.raises(UsageError, match=said):
        make(example("completed"), Path(path), **options)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder.html", "own.ipynb"]


@pytest.mark.parametrize(("template", "n_runs"), [("run", 2), ("compare", 3)])
def test_each_template_holds_so_many_runs(fetched, tmp_path, template, n_runs):
    """Too few and too many are refused, and the other templates are named."""
    with pytest.raises(UsageError, match=f"got {n_runs}.*another template") as caught:
        make(list(fetched)[:n_runs], tmp_path / "a.html", template=template)
    assert f'"{template}"' not in str(caught.value).partition("another template")[2]


@pytest.mark.usefixtures("leaves_nothing", "without_kernel")
def test_a_template_that_tells_its_folder_fails(completed, tmp_path):
    """The path of the private data is in no file."""
    cell = "import os\nprint(os.environ['RUNKIT_REPORT_DATA'])"
    template = write_template(tmp_path / "own.ipynb", READ, cell)
    with pytest.raises(ReportError, match="prints the path of its private data"):
        make(completed[0], tmp_path / "a.html", template=template)
    assert [path.name for path in tmp_path.iterdir()] == ["own.ipynb"]


def test_a_fleet_report_begins_with_what_has_changed(tmp_path):
    """Masked as all else; the report of one run refuses it."""
    secret = "12-3456789"
    then = [run(step("a"), run_id=f"r{n}", end=None) for n in range(3)]
    now = [run(step("a"), run_id=f"r{n}") for n in range(2)]
    now.append(
        run(step("e", 0, 5, type="error", status="error", label=f"EIN {secret}"), run_id="r2", status="error")
    )
    runkit.report(now, tmp_path / "fleet.html", before=then)
    page = (tmp_path / "fleet.html").read_text()
    assert "1 failed, 2 completed" in page
    assert secret not in page + (tmp_path / "fleet.ipynb").read_text()
    assert page.index("What changed") < page.index("Needs attention")
    with pytest.raises(UsageError, match="before="):
        runkit.report(now[0], tmp_path / "one.html", before=then)
