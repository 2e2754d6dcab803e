"""`report_data()` and its provenance: one call gives a template its data, under `report()` and without."""

from __future__ import annotations

import re

import pytest

import runkit
from runkit.errors import AuthError, UsageError
from runkit.local import answer_log
from runkit.reports.report_data import make_masker, redact_source
from support import at, question, run
from tests.reports.conftest import make, write_template


@pytest.fixture
def client(box):
    """A client of the sandbox that can only read."""
    with box.client(read_only=True, rate=None) as made:
        yield made


# ----------------------------------------------------------------------------- a notebook by itself


def test_report_data_without_ids_reads_one_example(monkeypatch):
    """Of an own sandbox, also where a client or a key was given: it might be of the real API."""
    monkeypatch.setenv("MIDDESK_API_KEY", "mk_live_0123456789")
    live = runkit.Client(api_key="mk_live_0123456789", base_url="https://127.0.0.1:9/v1")
    data = runkit.report_data(client=live)
    [row] = data.frames.runs.to_dict("records")
    assert row["status"] == "completed"
    assert row["waiting_s"] > 0
    assert " from 127.0.0.1" in data.provenance.line


@pytest.mark.usefixtures("exported")
def test_ids_are_read_with_a_client_or_by_the_environment(client, completed):
    """In their order; an unknown id is named."""
    ids = [completed[1].id, completed[0].id]
    data = runkit.report_data(ids, client=client)
    assert data.frames.runs["run_id"].tolist() == [*data.provenance.run_ids] == ids
    unknown = "b0000000-0000-4000-8000-000000000000"
    part = runkit.report_data([ids[0], unknown])
    assert part.frames.runs["run_id"].tolist() == ids[:1]
    assert f"1 of 2 runs could not be read: {unknown}" in part.provenance.missing


def test_ids_without_a_key_ask_for_one():
    with pytest.raises((UsageError, AuthError), match="MIDDESK_API_KEY"):
        runkit.report_data(["r"])


def test_report_data_are_redacted(client, completed):
    policy = runkit.Redaction(patterns={"word": "[a-z]"})
    data = runkit.report_data(completed[0].id, client=client, redact=policy)
    assert data.provenance.masked["word"] > 20
    assert not re.search("[a-z]", data.frames.artifacts["title"].str.cat().replace("word", ""))


@pytest.mark.usefixtures("without_kernel")
def test_a_report_reads_no_answer_log_unasked(tmp_path):
    known = {"run_id": "r", "interrupt_id": "i", "step_id": "q"}
    answer_log.settle(answer_log.claim({"decision": "reject"}, "jane", known), "confirmed", "")
    show = "import runkit\nprint(runkit.report_data().frames.interrupts['answered_by'].to_list())"
    template = write_template(tmp_path / "own.ipynb", show)
    done = make(run(question("q", 10, 20)), tmp_path / "a.html", template=template)
    assert "[nan]" in done.page


@pytest.mark.parametrize(("hours", "words"), [(None, ""), (4, " · over 4 h"), (6, " · within 6 h")])
def test_an_open_question_says_whether_it_is_over_the_limit(hours, words):
    steps = [question("done", 5, 9), question("q", 0, None)]
    f = runkit.frames(run(*steps, end=None, status="interrupted"), as_of=at(5 * 3600))
    html = redact_source(f, make_masker(), sla_h=hours)._repr_html_()
    assert re.findall(r"since [^<·]* UTC([^<]*)", html) == [f" · waiting 5 h{words}"]
