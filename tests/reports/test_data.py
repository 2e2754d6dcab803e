"""`report_data()` and its provenance: one call gives a template its data, under `report()` and without."""

from __future__ import annotations

import re

import pytest

import runkit
from runkit.local import answer_log
from runkit.reports.report_data import make_masker, redact_source
from support import at, question, run
from tests.reports.conftest import make, write_template


def test_report_data_are_redacted(completed):
    policy = runkit.Redaction(patterns={"word": "[a-z]"})
    data = runkit.report_data(completed[0], redact=policy)
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
