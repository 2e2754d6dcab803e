"""Questions of one run whose answer, or whose evidence, is beside the data."""

from __future__ import annotations

import pandas as pd
import pytest

import runkit
import strangers
from runkit.tables.frames import Frames
from support import at, question, run


def log_of(f: Frames, sent_s: float) -> pd.DataFrame:
    """A log with one confirmed answer to the only question, sent at some second."""
    [interrupt] = f.interrupts.to_dict("records")
    entry = {
        "run_id": interrupt["run_id"],
        "interrupt_id": interrupt["interrupt_id"],
        "step_id": interrupt["step_id"],
        "delivery": "confirmed",
        "answer": '{"decision": "approve"}',
        "answered_by": "Ana Ortiz",
    }
    times = {
        "run_created_at": f.runs["created_at"].iloc[0],
        "sent_at": pd.Timestamp(at(sent_s)),
        "shown_at": pd.Timestamp(at(sent_s)),
    }
    return pd.DataFrame([entry]).astype("str").assign(**times)


@pytest.mark.parametrize(("read_s", "is_later"), [(100, True), (300, False)])
def test_an_answer_after_reading_is_shown_and_the_question_stays_open(read_s, is_later):
    asking = run(
        question("q", 20, None, label="Approve?"),
        end=None,
        status="interrupted",
        interrupts=[strangers.item_of(0, strangers.Question("Approve?", 20))],
        _runkit={"read_at": at(read_s)},
    )
    f = runkit.frames([asking])
    panel = runkit.one_run.questions(f, log_of(f, 200))
    assert ("Answered by Ana Ortiz" in panel.body) == is_later
    assert panel.table[["outcome", "decision"]].isna().values.tolist() == [[False, True]]
    assert panel.table["outcome"].tolist() == ["pending"]
    assert "confirmed" not in panel.body


def test_a_pending_item_without_an_id_keeps_its_evidence():
    proposal = strangers.evidence(strangers.Finding("Another date of birth", "high", ("primary",)))
    item = {"value": {"label": "Dismiss?", "type": "dismissal", "artifacts": [proposal]}}
    f = runkit.frames([run(end=None, status="interrupted", interrupts=[item])])
    evidence = runkit.one_run.questions(f).table["evidence"].tolist()
    assert evidence == ["Another date of birth (primary)"]
    two = runkit.frames([run(end=None, status="interrupted", interrupts=[item, item])])
    assert runkit.one_run.questions(two).table["evidence"].isna().tolist() == [True, True]


def test_a_question_that_expired_does_not_wait_so_far():
    """In the chart of a run that failed while it was open."""
    f = runkit.frames(run(question("q", 10, None), end=7200, status="error"))
    figure = runkit.gantt(f)
    assert not any("so far" in item.text for item in figure.layout.annotations)
    assert any("Expired" in text for trace in figure.data for text in trace.customdata or ())
