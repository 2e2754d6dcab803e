"""`report()` end to end: two files, nothing secret in them, and nothing left behind, come what may."""

from __future__ import annotations

import copy
import json
import os
import signal
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import runkit
from runkit.errors import ReportError, UsageError
from support import example, run, step, until
from tests.reports.conftest import make, write_template

EIN, EMAIL, KEY = "47-1839265", "olga.hrdlicka@kestrel.example", "mk_live_q8Zt4Lw2Xc7Vb1Nm"
READ = "import runkit\ndata = runkit.report_data()"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


# ---------------------------------------------------------------------------------------- two files


@pytest.mark.parametrize(
    ("template", "n_runs", "size"),
    [("run", 1, 100_000), ("compare", 2, 150_000), ("fleet", 40, 300_000)],
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
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="runkit-chart"' in done.page
    assert "<script" not in done.page
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in done.page
    assert f"{template}.ipynb, SHA-256" in done.page
    assert "runkit-report-" not in done.page + json.dumps(done.notebook)


@pytest.mark.usefixtures("exported")
def test_the_executed_notebook_can_be_executed_again(made):
    """By any tool, on the same sandbox: the same runs, read at another time, have the same digest."""
    notebook = nbformat.from_dict(copy.deepcopy(made("compare").notebook))
    for cell in notebook.cells:
        cell.source = "".join(cell.source)
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells.append(nbformat.v4.new_code_cell("print(data.provenance.digest)"))
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    digest = notebook.cells[-1].outputs[0].text.strip()
    assert f"SHA-256 {digest} of the redacted data" in made("compare").page


@pytest.mark.usefixtures("without_kernel")
def test_an_earlier_report_is_replaced(tmp_path):
    """Nothing else is left in the folder."""
    template = write_template(tmp_path / "own.ipynb", READ, "print(data.frames.runs['run_id'][0])")
    pages = [
        make(run(run_id=name), tmp_path / "a.HTML", template=template).page
        for name in ("r-1", "r-2")
    ]
    assert ["r-1" in page for page in pages] == [True, False]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.HTML", "a.ipynb", "own.ipynb"]


@pytest.mark.usefixtures("without_kernel")
def test_the_title_names_the_business_and_the_time(tmp_path):
    """And another redaction is said where the ids are; the pattern itself is not kept."""
    policy = runkit.Redaction(patterns={"license": "LIC-[0-9]+"}, keep_last=4)
    source = example("completed") | {"_runkit": {"business_name": "<b> Imports"}}
    done = make(source, tmp_path / "a.html", redact=policy)
    assert "<title>&lt;b&gt; Imports, Feb 3, 2026, 10:41 UTC</title>" in done.page
    sources = ["".join(cell["source"]) for cell in done.notebook["cells"]]
    assert any(
        "# redaction of the report: custom rules: license; last digits" in text for text in sources
    )
    assert "LIC-" not in done.page


def test_a_fleet_report_begins_with_what_has_changed(tmp_path):
    """Masked as all else; the report of one run refuses it."""
    then = [run(run_id=f"r{n}", end=None) for n in range(3)]
    failed = run(step("e", type="error", label=f"EIN {EIN}"), run_id="r2", status="error")
    now = [run(run_id="r0"), run(run_id="r1"), failed]
    done = make(now, tmp_path / "fleet.html", before=then)
    assert "1 failed, 2 completed" in done.page
    assert EIN not in done.page + done.outputs
    assert done.page.index("What changed") < done.page.index("Needs attention")
    with pytest.raises(UsageError, match="before="):
        make(failed, tmp_path / "one.html", before=then)


# ------------------------------------------------------------------------------------------ failure


@pytest.fixture(scope="module")
def labelled():
    """A run whose first label holds secrets."""
    raw = example("completed")
    raw["steps"][0]["label"] = f"{EIN} {EMAIL} {KEY} token=q8Zt4Lw2Xc7Vb1Nm"
    return raw


@pytest.mark.usefixtures("without_kernel")
def test_what_is_revealed_stays_and_is_recorded(labelled, tmp_path):
    show = "print('\\n'.join(data.frames.steps['label']))"
    template = write_template(tmp_path / "own.ipynb", READ, show, "data.provenance")
    policy = runkit.Redaction(reveal=["email"], keep_last=4)
    page = make(labelled, tmp_path / "a.html", template=template, redact=policy).page
    assert f"[ein 1 …9265] {EMAIL} [key 1] token=[key 2]" in page
    assert "Not masked on request: email." in page
    assert "Last digits shown of tax and social security numbers: 4" in page


@pytest.mark.parametrize("as_frames", [True, False])
@pytest.mark.usefixtures("leaves_nothing", "without_kernel")
def test_a_template_that_holds_a_masked_value_fails_closed(labelled, tmp_path, as_frames):
    """Built from parts: the error names the rule and no value; nothing is written."""
    template = write_template(tmp_path / "own.ipynb", READ, "print('q8Zt4Lw2' + 'Xc7Vb1Nm')")
    source = runkit.frames(labelled) if as_frames else labelled
    with pytest.raises(ReportError, match=r"1 masked value \(key\)") as caught:
        make(source, tmp_path / "out" / "a.html", template=template)
    assert "q8Zt4Lw2" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (
            f'key = "{KEY}"\nraise ValueError("x" * 480 + key)',
            "failed: ValueError: xxx.*\n    key = ",
        ),
        ("import os\nos._exit(3)", "failed: Kernel died"),
    ],
)
@pytest.mark.usefixtures("leaves_nothing")
def test_a_failing_template_leaves_the_earlier_report(completed, tmp_path, cell, reason):
    """The error names the cell and the reason, without keys; an earlier report stays as it was."""
    template = write_template(tmp_path / "own.ipynb", READ, cell, "data.provenance")
    earlier = {"a.html": "earlier", "a.ipynb": '{"metadata": {"runkit_report": {}}}'}
    for name, text in earlier.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ReportError, match=f"cell 2 of own.ipynb {reason}") as caught:
        make(completed[0], tmp_path / "a.html", template=template)
    assert KEY[:12] not in str(caught.value)
    assert {
        path.name: path.read_text() for path in tmp_path.iterdir() if path != template
    } == earlier


@pytest.mark.usefixtures("leaves_nothing", "without_kernel")
def test_a_template_that_prints_its_folder_fails(tmp_path):
    """The path of the private data is in no file."""
    cell = "import os\nprint(os.environ['RUNKIT_REPORT_DATA'])"
    template = write_template(tmp_path / "own.ipynb", READ, cell)
    with pytest.raises(ReportError, match="prints the path of its private data"):
        make(example("completed"), tmp_path / "a.html", template=template)
    assert list(tmp_path.iterdir()) == [template]


@pytest.mark.parametrize(
    ("path", "options", "reason"),
    [
        ("a.pdf", {}, r"a\.pdf' must end in \.html"),
        ("folder.html", {}, "is a folder or a device; expected a file"),
        ("pipe.html", {}, r"pipe\.ipynb is a folder or a device"),  # reading it would wait for ever
        ("a.html", {"template": "flet"}, "template='flet' is not known.*Did you mean 'fleet'"),
        ("a.html", {"template": "nowhere.ipynb"}, "cannot be read .FileNotFoundError"),
        (
            "a.html",
            {"template": "compare"},
            'shows 2 runs; got 1.*another template: "run", "fleet"',
        ),
        (
            "a.html",
            {"evidence": "."},
            r"evidence='\.' is not empty; expected a new or empty folder",
        ),
        ("a.html", {"evidence": "own.ipynb"}, "own.ipynb' cannot be used: Not a directory"),
        ("own.html", {"template": "own.ipynb"}, r"own\.ipynb exists and was not made by a report"),
    ],
)
@pytest.mark.usefixtures("leaves_nothing")
def test_wrong_arguments_are_refused_before_a_kernel_starts(
    tmp_path, monkeypatch, path, options, reason
):
    """Before a kernel starts, with what was given and what to do; nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    os.mkfifo(tmp_path / "pipe.ipynb")
    write_template(tmp_path / "own.ipynb", READ)
    with pytest.raises(UsageError, match=reason):
        make(example("completed"), Path(path), **options)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.usefixtures("leaves_nothing")
def test_ctrl_c_ends_the_kernel(tmp_path):
    """The interrupt comes through as itself, and nothing is written."""
    begun = tmp_path / "begun"
    cell = f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(60)"
    template = write_template(tmp_path / "own.ipynb", READ, cell)

    def interrupt() -> None:
        until(begun.exists)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        make(example("completed"), tmp_path / "a.html", template=template)
    assert not (tmp_path / "a.html").exists()
