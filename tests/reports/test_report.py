"""`report()` end to end: two files, nothing secret in them, and nothing left behind, come what may."""

from __future__ import annotations

import asyncio
import base64
import copy
import hashlib
import html
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import pytest
from nbclient import NotebookClient

import runkit
from runkit.errors import ReportError, UsageError
from runkit.reports import templates
from runkit.reports.redaction import Masker, Redaction
from support import example
from tests.reports.conftest import LIBRARY, Made, make, write_template

EIN, EMAIL, PERSON = "47-1839265", "olga.hrdlicka@kestrel.example", "reviewer.novak@kestrel.example"
KEY, SIGNATURE, ENV_KEY = "mk_live_q8Zt4Lw2Xc7Vb1Nm", "9f3c1e7ad0b24c55", "tr0ub4dor-envkey-8142"
SIGNED = f"https://docs.example.gov/letter.pdf?id=1&X-Amz-Signature={SIGNATURE}"
SECRETS = {
    "EIN": [EIN, EIN.replace("-", ""), EIN.replace("-", " ")],
    "e-mail": [EMAIL],
    "person": [PERSON],
    "key": [KEY],
    "signed link": [SIGNATURE],
    "key of the environment": [ENV_KEY],
}
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


def test_the_digest_is_that_of_the_file(made):
    """What `report()` gives is what a colleague computes."""
    report = made("run").report
    assert report.sha256 == hashlib.sha256(report.html.read_bytes()).hexdigest()
    assert report.sha256 in str(report)


def test_a_report_is_shown_without_its_files(made):
    """They may have been moved."""
    report = replace(made("run").report, html=Path("moved.html"))
    assert report.sha256 in repr(report)
    assert repr(report) == str(report)


@pytest.mark.parametrize("template", ["run", "compare", "fleet"])
def test_one_library_and_at_most_a_megabyte_more(made, template):
    """plotly.js is in the page once, however many figures; all else stays below 1 MB."""
    done = made(template)
    assert done.html.count(LIBRARY) == 1
    assert len(done.html.encode()) < len(LIBRARY.encode()) + 1_000_000
    assert done.page.count('class="runkit-figure"') >= 1


def test_figures_stay_data_in_the_notebook(made):
    """The notebook holds figures as JSON, which an untrusted notebook draws, and no plotly.js."""
    done = made("run")
    assert "application/vnd.plotly.v1+json" in done.outputs
    assert done.report.notebook.stat().st_size < 1_000_000


def test_paper_has_page_numbers(made):
    """In the margin, by a rule of the page's style that holds no text of a run."""
    style = made("run").html.partition("<style>")[2].partition("</style>")[0]
    rule = re.search(r"@page \{(.*?)\n\}", style, re.DOTALL)
    assert rule
    assert "counter(page)" in rule[1]


@pytest.mark.parametrize("template", ["run", "compare", "fleet"])
def test_the_policy_lists_every_script_by_its_hash(made, template):
    """All scripts of the page and no other; nothing is loaded, sent or framed."""
    page = made(template).html
    [policy] = re.findall('<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    rules = {rule.split()[0]: rule.split()[1:] for rule in html.unescape(policy).split(";")}
    scripts = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    assert rules["script-src"] == [f"'sha256-{one}'" for one in hashes]
    assert len(scripts) == 4  # plotly.js, its drawing, wide tables, printing
    assert page.count("<script") == 4 + page.count('<script type="application/json">')
    for name in ("default-src", "connect-src", "form-action", "base-uri"):
        assert rules[name] == ["'none'"]
    assert rules["img-src"] == ["data:", "blob:"]


def executed(made: Callable[[str], Made], template: str) -> nbformat.NotebookNode:
    """The executed notebook of a report, to be opened again."""
    return nbformat.from_dict(copy.deepcopy(made(template).notebook))


@pytest.mark.parametrize("template", ["run", "compare", "fleet"])
def test_the_parameters_hold_the_ids(made, template, completed, fetched):
    """Whoever opens the executed notebook has them, as a list of texts."""
    [cell] = [one for one in executed(made, template).cells if "parameters" in one.metadata.get("tags", [])]
    known: dict[str, object] = {}
    exec("".join(cell.source), known)  # noqa: S102 - it is our own template's
    expected = {
        "run": [completed[0].id],
        "compare": [completed[0].id, completed[-1].id],
        "fleet": [run.id for run in fetched],
    }
    assert known["run_ids"] == expected[template]


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


def test_under_report_it_is_what_the_report_is_about(made, completed):
    """The argument of `report()` decides, not the ids of the template, which are none."""
    done = made("run")
    assert f"run <code>{completed[0].id[:8]}</code>" in done.page
    assert completed[0].id in done.outputs


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
    (folder / "a.HTML").write_text(made("run").html)
    (folder / "a.ipynb").write_text(json.dumps(made("run").notebook))
    done = make(completed[1], folder / "a.HTML", template=template)
    assert completed[1].id in done.html
    assert completed[0].id not in done.html
    assert sorted(path.name for path in folder.iterdir()) == ["a.HTML", "a.ipynb"]


def test_it_works_where_a_loop_runs(completed, tmp_path):
    """As in a cell of a notebook, whose kernel runs an event loop; a folder that is not there is made."""
    template = write_template(tmp_path / "own.ipynb", READ)
    done: list[Made] = []

    async def cell() -> None:
        done.append(make(completed[0], tmp_path / "new" / "a.html", template=template))

    thread = threading.Thread(target=lambda: asyncio.run(cell()))
    thread.start()
    thread.join()
    assert completed[0].id in done[0].html


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


def planted(run: dict[str, Any]) -> dict[str, Any]:
    """Write secrets into a run, where agents would write them, in several spellings."""
    step = run["steps"][0]
    step["label"] = f"Checking {EIN} for {EMAIL} with {ENV_KEY}"
    step["result"] = {
        "nested": [{"tax_id": EIN.replace("-", "")}, {"payload": json.dumps({"owner": EMAIL, "key": KEY})}],
        "escaped": f"{EMAIL.replace('@', '%40')} &#52;7&#45;1839265 {KEY}",
    }
    step["agent"] = f"agent of {EMAIL}"  # stands in the hover text
    run["output"]["artifacts"][0]["summary"] = (
        f"TIN {EIN.replace('-', ' ')} agrees. See {SIGNED} with key {KEY} there."
    )
    run["output"]["artifacts"][0]["sources"][0]["url"] = SIGNED
    run["requester"] = {"id": "r", "name": EMAIL}
    run["prompt"] = f"Look at {EIN} (<b>{EMAIL}</b>) with {KEY}"
    return run


def answered(state: Path) -> dict[str, Any]:
    """A run of the sandbox whose question was answered from here; the answer is in the log below `state`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNKIT_STATE_DIR", str(state))
        patch.setenv("JUPYTERHUB_USER", PERSON)
        with runkit.sandbox(speed=3000) as box, box.client(rate=None) as client:
            run = client.runs.wait(client.runs.create("cip_orchestrator", box.business("watchlist_hit")))
            note = f"another person: {EIN}, wrote {EMAIL} of {SIGNED}"
            client.runs.resume(run, run.interrupts[0].id, {"decision": "approve", "note": note})
            return client.runs.wait(run).to_dict()


@pytest.fixture(scope="module")
def secretive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A report on a run with secrets everywhere, whose answer is in the log."""
    folder = tmp_path_factory.mktemp("secretive")
    with pytest.MonkeyPatch.context() as patch:
        run = planted(answered(folder / "state"))
        patch.setenv("RUNKIT_STATE_DIR", str(folder / "state"))
        patch.setenv("MIDDESK_API_KEY", ENV_KEY)
        assert EIN in runkit.answer_log()["answer"].item()
        labels: Any = {"classification": f"For {EMAIL}", "prepared_by": EMAIL}
        yield make(run, folder / "a.html", title=f"For {EMAIL} about {EIN} <b>", **labels)


def every_reading(text: str) -> set[str]:
    """The text as whoever undoes JSON, HTML and URLs reads it, three layers deep."""
    undo = (
        html.unescape,
        unquote,
        lambda it: re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), it),
        lambda it: re.sub(r'\\(["\\/])', r"\1", it),
    )
    seen = layer = {text}
    for _ in range(3):
        layer = {again(one) for one in layer for again in undo} - seen
        seen = seen | layer
    return seen


@pytest.fixture(scope="module")
def all_readings(secretive: Made) -> set[str]:
    """Every reading of both files."""
    return every_reading(secretive.page) | every_reading(secretive.report.notebook.read_text())


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_in_the_files(all_readings, secret):
    """Neither in the page nor in the notebook, in whatever form it would be escaped."""
    assert not [
        value for value in SECRETS[secret] for one in all_readings if value.casefold() in one.casefold()
    ]


def test_equal_secrets_have_one_mask(secretive):
    """The EIN is `[ein 1]` in label, summary and answer; the address that was signed is left."""
    assert re.search(r"Checking \[ein 1\] for \[email \d\] with \[key \d\]", secretive.page)
    assert "TIN [ein 1] agrees." in secretive.page
    assert "another person: [ein 1], wrote [email" in secretive.page
    assert "https://docs.example.gov/letter.pdf?id=1&amp;X-Amz-Signature=[signed_url 1]" in secretive.page


def test_the_title_is_masked_and_is_text(secretive):
    """The window, the first heading and the notebook have it."""
    title = r"For \[email \d\] about \[ein 1\] &lt;b&gt;"
    assert re.search(f"<title>{title}</title>", secretive.page)
    assert re.search(f"<h1[^>]*>{title}</h1>", secretive.page)
    assert re.search(rf'class="running-head"[^>]*>{title} · For \[email \d\]</div>', secretive.page)
    assert re.search(r"Prepared by \[email \d\]", secretive.page)


def test_what_was_masked_is_counted(secretive):
    """By rule: how many values in how many texts, in the page and in what `report()` gives."""
    assert dict(secretive.report.masked) == {"ein": 1, "email": 2, "key": 2, "signed_url": 1}
    assert re.search(r"ein: 1 value in \d+ texts", secretive.page)
    assert re.search(r"email: 2 values in \d+ texts", secretive.page)
    assert "1 ein" in str(secretive.report)


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


@pytest.mark.usefixtures("without_kernel")
def test_without_redaction_keys_are_masked_all_the_same(labelled, tmp_path):
    """And the report says that it was switched off."""
    template = write_template(tmp_path / "own.ipynb", READ, SHOW)
    done = make(labelled, tmp_path / "a.html", template=template, redact=False)
    assert f"{EIN} {EMAIL} [key 1]" in done.page
    assert "Redaction is off; only API keys are masked" in done.page
    assert dict(done.report.masked) == {"key": 2}


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


@pytest.mark.usefixtures("without_kernel")
def test_a_leak_of_a_record_that_is_no_run_fails_closed(tmp_path):
    """It has no run to name, only the field."""
    template = write_template(tmp_path / "own.ipynb", READ, BUILT)
    source = [example("completed"), {"object": "token=q8Zt4Lw2Xc7Vb1Nm"}]
    with pytest.raises(ReportError, match=r"key \(field problems\.detail\)"):
        make(source, tmp_path / "a.html", template=template)


def test_an_escaped_value_is_found_in_the_finished_files():
    """As JSON, HTML and addresses write it, also one in the other."""
    masker = Masker(Redaction(), ["corporate key, 4711"])
    masker.text("token=q8Zt4Lw2Xc7Vb1Nm")
    for text in (
        "x q8Zt4Lw2&#88;c7Vb1Nm",
        "q8Zt4Lw2%58c7Vb1Nm",
        r"q8Zt4Lw2\\u0058c7Vb1Nm",
        "&amp;#113;8Zt4Lw2Xc7Vb1Nm",
    ):
        assert masker.leaks(text) == {"q8Zt4Lw2Xc7Vb1Nm"}
    assert masker.leaks("a corporate&#32;key, 4711") == {"corporate key, 4711"}
    assert masker.leaks("q8Zt4Lw2") == set()
    assert masker.leaks(r"half a pair is \ud800") == set()


@pytest.mark.usefixtures("leaves_nothing", "without_kernel")
def test_a_template_that_holds_the_key_fails_closed(labelled, tmp_path, monkeypatch):
    """However the key looks, and with no redaction of the data, too."""
    monkeypatch.setenv("MIDDESK_API_KEY", "corporate key, 4711")
    template = write_template(tmp_path / "own.ipynb", READ, "print('corporate' + ' key, 4711')")
    with pytest.raises(ReportError, match="an API key in use"):
        make(labelled, tmp_path / "out" / "a.html", template=template, redact=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("quoted", ["run", "step", "interrupt"])
@pytest.mark.usefixtures("without_kernel")
def test_a_quoted_id_is_masked_only_where_it_was_quoted(tmp_path, quoted):
    template = write_template(tmp_path / "own.ipynb", READ, SHOW)
    source = example("interrupted")
    ids = {"run": source["id"], "step": "step-0001-abcdef", "interrupt": source["interrupts"][0]["id"]}
    source["steps"][0] = source["steps"][0] | {"id": ids["step"], "label": f"token={ids[quoted]}"}
    done = make(source, tmp_path / "a.html", template=template)
    assert done.report.masked["key"] == 1
    assert f"token={ids[quoted]}" not in done.outputs
    assert source["id"] in done.report.notebook.read_text(encoding="utf-8")


@pytest.mark.usefixtures("without_kernel")
def test_what_the_template_says_by_itself_is_no_secret(labelled, tmp_path):
    """A word of the template that stands in the data, too, ends no report; there it is masked."""
    template = write_template(tmp_path / "own.ipynb", READ, SHOW, "# About review-2026-q1")
    labelled = labelled | {"prompt": "token=review-2026-q1"}
    done = make(labelled, tmp_path / "a.html", template=template)
    assert "About review-2026-q1" in done.page


PROBE = """
import os, json
from pathlib import Path
folder = Path(os.environ["RUNKIT_REPORT_DATA"])
said = {
    "names": sorted(os.environ),
    "is_ours": os.environ["RUNKIT_STATE_DIR"] == OURS,
    "answers": len(runkit.answer_log()),
    "mode": folder.stat().st_mode & 0o777,
    "files": sorted({file.stat().st_mode & 0o777 for file in folder.glob("*.*") if file.is_file()}),
    "text": any(WORD in file.read_text(errors="replace") for file in folder.glob("*.ndjson")),
}
print(json.dumps(said))
"""


@pytest.mark.usefixtures("leaves_nothing")
def test_the_kernel_knows_no_secret(labelled, tmp_path, monkeypatch, state_dir):
    """No key, no sandbox, no answer log of this machine; its folder is private, its data masked."""
    for name in ("MIDDESK_API_KEY", "RUNKIT_SANDBOX_URL", "RUNKIT_SANDBOX_KEY", "AWS_SECRET_X", "HF_TOKEN"):
        monkeypatch.setenv(name, "https://127.0.0.1:9/there")
    monkeypatch.setenv("LC_HARMLESS", "1")
    probe = f"OURS = {str(state_dir)!r}\nWORD = '47-' + '18'\n{PROBE}"
    template = write_template(tmp_path / "own.ipynb", READ, probe)
    done = make(labelled, tmp_path / "a.html", template=template)
    said = json.loads("".join(json.loads(done.outputs)[1][0]["text"]))
    assert "LC_HARMLESS" in said["names"]
    assert not [name for name in said["names"] if re.search("MIDDESK|RUNKIT_SANDBOX|SECRET|TOKEN|KEY", name)]
    assert (said["is_ours"], said["answers"], said["text"]) == (False, 0, False)
    assert said["mode"] == 0o700
    assert set(said["files"]) == {0o600}


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


@pytest.mark.usefixtures("leaves_nothing", "without_kernel")
def test_a_template_that_tells_its_folder_fails(completed, tmp_path):
    """The path of the private data is in no file."""
    cell = "import os\nprint(os.environ['RUNKIT_REPORT_DATA'])"
    template = write_template(tmp_path / "own.ipynb", READ, cell)
    with pytest.raises(ReportError, match="prints the path of its private data"):
        make(completed[0], tmp_path / "a.html", template=template)
    assert [path.name for path in tmp_path.iterdir()] == ["own.ipynb"]


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("a.pdf", {}, r"a\.pdf' must end in \.html"),
        ("folder.html", {}, "is a folder; expected a file"),
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
