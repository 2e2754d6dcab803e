"""What a report must not do: replace what is not its own, tell by its digests, or trip over odd data."""

from __future__ import annotations

import json
import os
import signal
import threading

import pandas as pd
import pytest

import runkit
from runkit import answers
from runkit.errors import UsageError
from runkit.reports.bundle import make_masker, read_source, redact_source
from runkit.reports.redaction import Redaction
from support import example, question, run
from tests.reports.conftest import kernels, make, write_template

READ = "import runkit\ndata = runkit.report_data()"


def material(*sources):
    """Runs as a report hands them over."""
    return redact_source(read_source(list(sources)), make_masker())


@pytest.mark.usefixtures("without_kernel")
def test_a_planted_file_is_not_written_through(tmp_path, monkeypatch):
    """Nobody can know the name that a report is written under; it has the permissions of the umask.

    Whoever asks for the umask has to change it, and what another thread writes meanwhile is open to all.
    """
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".a.html.part").symlink_to(tmp_path / "victim")
    template = write_template(tmp_path / "own.ipynb", READ)
    umask = os.umask(0)
    os.umask(umask)
    with monkeypatch.context() as patch:
        patch.setattr(os, "umask", lambda mask: pytest.fail(f"umask {mask:o}"))
        done = make(example("completed"), tmp_path / "a.html", template=template)
    assert (tmp_path / "victim").read_text() == "mine"
    assert not done.report.html.is_symlink()
    assert done.report.html.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("name", ["a.html", "a.ipynb"])
def test_a_pipe_is_neither_read_nor_replaced(tmp_path, name):
    """Reading it to see what it holds would wait for ever."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(UsageError, match=rf"{name} is a folder or a device"):
        make(example("completed"), tmp_path / "a.html")
    assert (tmp_path / name).is_fifo()


def test_there_is_no_digest_of_an_answer(state_dir):
    """From the digest of an answer and the rest of it, a tax number of nine digits could be found."""
    known = {"run_id": "r", "interrupt_id": "i", "step_id": "q", "question_digest": "0" * 64}
    answers.begin({"tin": "12-3456789", "corrected_tin": 523456789}, "jane", known)
    [row] = material(run(question("q", 10, 20))).answers.to_dict("records")
    assert json.loads(row["answer"]) == {"tin": "[ein 1]", "corrected_tin": "[ein 2]"}
    assert pd.isna([row["answer_digest"], row["question_digest"]]).all()


@pytest.mark.usefixtures("without_kernel")
def test_a_broken_line_does_not_break_a_fleet_report(tmp_path):
    """It is a problem in the data, and the report says that not all was read."""
    source = tmp_path / "runs.ndjson"
    source.write_text(json.dumps(example("completed")) + "\n{broken\n")
    done = make(source, tmp_path / "fleet.html", template="fleet")
    assert "1 of 2 records refused" in done.page
    assert "bad_json" in repr(material(source).provenance)


@pytest.mark.usefixtures("leaves_nothing")
def test_ctrl_c_ends_the_kernel(tmp_path, monkeypatch):
    """The interrupt comes through as itself, and nothing is written."""
    template = write_template(tmp_path / "own.ipynb", READ, "import time\ntime.sleep(60)")
    started = threading.Event()

    def interrupt() -> None:
        while not kernels() and not started.wait(0.1):
            pass
        started.wait(2)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        make(example("completed"), tmp_path / "a.html", template=template)
    assert not (tmp_path / "a.html").exists()


def test_a_pattern_that_masks_field_names_is_blamed(tmp_path):
    """And not the API, which was not even read."""
    with pytest.raises(UsageError, match="patterns also masks field names"):
        make(example("completed"), tmp_path / "a.html", redact=Redaction(patterns={"a": "a"}))


@pytest.mark.usefixtures("without_kernel")
def test_the_title_names_the_business_and_the_time(tmp_path):
    """And another redaction is said where the ids are; the pattern itself is not kept."""
    policy = Redaction(patterns={"license": "LIC-[0-9]+"}, keep_last=4)
    source = example("completed") | {"_runkit": {"business_name": "<b> Imports"}}
    done = make(source, tmp_path / "a.html", redact=policy)
    assert "<title>&lt;b&gt; Imports, Feb 3, 10:41 UTC</title>" in done.page
    [cell] = [one for one in done.notebook["cells"] if "parameters" in one["metadata"].get("tags", ())]
    assert "# redaction of the report: custom rules: license; last digits" in "".join(cell["source"])
    assert "LIC-" not in done.page


def test_examples_come_from_the_sandbox_only():
    """A client that was given without ids is not asked for anything: it might be the real one."""
    client = runkit.Client(api_key="mk_live_0123456789", base_url="https://127.0.0.1:9/v1")
    assert len(runkit.report_data(examples=1, client=client).frames.runs) == 1
