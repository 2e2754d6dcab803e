"""`report()` end to end: two files, nothing secret in them, and nothing left behind, come what may."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

import runkit
from runkit.errors import ReportError, UsageError
from support import example, run, until
from tests.reports.conftest import make, write_template

EIN, EMAIL, KEY = "47-1839265", "olga.hrdlicka@kestrel.example", "mk_live_q8Zt4Lw2Xc7Vb1Nm"
READ = "import runkit\ndata = runkit.report_data()"


@pytest.mark.usefixtures("without_kernel")
def test_the_title_names_the_business_and_the_time(tmp_path):
    source = example("completed") | {"_runkit": {"business_name": "<b> Imports"}}
    done = make(source, tmp_path / "a.html")
    assert "<title>&lt;b&gt; Imports, Feb 3, 2026, 10:41 UTC</title>" in done.page


# ------------------------------------------------------------------------------------------ failure


@pytest.fixture(scope="module")
def labelled():
    """A run whose first label holds secrets."""
    raw = example("completed")
    raw["steps"][0]["label"] = f"{EIN} {EMAIL} {KEY} token=q8Zt4Lw2Xc7Vb1Nm"
    return raw


@pytest.mark.usefixtures("without_kernel")
def test_what_is_kept_stays_and_is_recorded(labelled, tmp_path):
    show = "print('\\n'.join(data.frames.steps['label']))"
    template = write_template(tmp_path / "own.ipynb", READ, show)
    policy = runkit.Redaction(patterns={"license": "LIC-[0-9]+"}, keep=[EMAIL])
    page = make(labelled, tmp_path / "a.html", template=template, redact=policy).page
    assert f"[number 1 …65] {EMAIL} [secret 1] token=[secret 2]" in page
    assert "custom rules: license" in page
    assert "LIC-" not in page
    assert "patterns of values that stay: 1" in page


@pytest.mark.parametrize("as_frames", [True, False])
@pytest.mark.usefixtures("leaves_nothing", "without_kernel")
def test_a_template_that_holds_a_masked_value_fails_closed(labelled, tmp_path, as_frames):
    """Built from parts: the error names the rule and no value; nothing is written."""
    template = write_template(tmp_path / "own.ipynb", READ, "print('q8Zt4Lw2' + 'Xc7Vb1Nm')")
    source = runkit.frames(labelled) if as_frames else labelled
    with pytest.raises(ReportError, match=r"1 masked value \(secret\)") as caught:
        make(source, tmp_path / "a.html", template=template)
    assert "q8Zt4Lw2" not in str(caught.value)
    assert [*tmp_path.iterdir()] == [template]


@pytest.mark.usefixtures("leaves_nothing")
def test_a_failing_template_leaves_the_earlier_report(completed, tmp_path):
    """The error names the cell and the reason, without keys; an earlier report stays as it was."""
    cell = f'key = "{KEY}"\nraise ValueError("x" * 480 + key)'
    template = write_template(tmp_path / "own.ipynb", READ, cell, "data.provenance")
    earlier = {"a.html": "earlier", "a.ipynb": '{"metadata": {"runkit_report": {}}}'}
    for name, text in earlier.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(
        ReportError, match=r"cell 2 of own.ipynb failed: ValueError: xxx.*\n    key = "
    ) as caught:
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
        ("folder.html", {}, "is a folder or a device; expected a file"),
        ("nowhere/a.html", {}, "is in a folder that does not exist"),
        ("pipe.html", {}, r"pipe\.ipynb is a folder or a device"),  # reading it would wait for ever
        ("a.html", {"template": "nowhere.ipynb"}, "cannot be read .FileNotFoundError"),
        ("a.html", {"template": "odd.ipynb"}, r"odd\.ipynb"),
        ("a.html", {"before": run()}, "before= is for the report on many runs"),
        (
            "a.html",
            {"template": "compare"},
            '\'compare\' is not a template; expected "run" or "runs"',
        ),
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
    (tmp_path / "odd.ipynb").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=reason):
        make(example("completed"), Path(path), **options)
    assert len(list(tmp_path.iterdir())) == 4


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
