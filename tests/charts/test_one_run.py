"""Panels of one run: their numbers and states, whatever the run is."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from runkit.charts import one_run
from runkit.errors import UsageError
from runkit.tables.read_frames import frames
from support import artifact, at, question, run, step

SOURCE = {"url": "https://a.example.gov/1", "source_name": "A", "source_tier": "government"}


@pytest.mark.parametrize("source", [[], [run(), run(run_id="s")]])
def test_panels_of_one_run_take_exactly_one_run(source):
    """No run, or two, is refused, and the message says what to do."""
    f = frames(source)
    for show in (one_run.findings, one_run.questions):
        with pytest.raises(UsageError, match=r"holds . runs?; expected exactly one.*select"):
            show(f)


def test_findings_are_counted_by_evidence_and_the_weakest_is_first():
    """One of two has a government source, one has none; an error's record and an output are none."""
    steps = [
        step(
            "a", artifacts=[artifact("Rests", sources=[SOURCE]), artifact("Bare", confidence="low")]
        ),
        step("b", type="error", artifacts=[artifact("Step failed")]),
    ]
    output = artifact("Out", sources=[{"url": "https://b.example"}])
    panel = one_run.findings(frames(run(*steps, output={"artifacts": [output]})))
    assert panel.table["title"].tolist() == ["Bare", "Rests", "Out"]
    assert panel.sentence.startswith("2 findings")
    assert panel.table["best_tier_text"].iloc[1] == "government"
    assert ": 1 on government or primary sources, 1 without a source." in panel.sentence


def test_a_finding_that_a_reviewer_rejected_says_so():
    """Whether the question's own artifact is the finding, or repeats that of a step."""
    hit = artifact("Other person", type="dismissal")
    asked = [
        question(name, 20, 30, artifacts=[each], result={"decision": "reject"})
        for name, each in (("q", hit), ("r", artifact("Lease", type="add_sources")))
    ]
    f = frames(run(step("a", artifacts=[hit, artifact("Open")]), *asked))
    panel = one_run.findings(f)
    rejected = panel.table.loc[panel.table["is_rejected"], "title"]
    assert set(rejected) == {"Other person", "Lease"}
    assert panel.body.count("Rejected by a reviewer") == 2


def test_a_failed_run_says_first_what_it_did_not_finish():
    """An agent that stopped and found nothing is a row before the findings."""
    bad = step("b", 5, 76, status="error", label="Asking", agent="tin_verification")
    note = step(
        "e", 76, 76, type="error", status="error", label="No answer", agent="tin_verification"
    )
    panel = one_run.findings(
        frames(run(step("a", artifacts=[artifact("Fine")]), bad, note, status="error"))
    )
    assert panel.table["title"].tolist() == ["TIN Verification", "Fine"]
    assert panel.table["is_unfinished"].tolist() == [True, False]
    assert (
        panel.table["summary"].iloc[0]
        == "Stopped in “Asking” after 1 min 11 s. It returned no finding."
    )
    assert panel.body.count("✕ Not finished") == 1


@pytest.mark.parametrize(("status", "agents"), [("completed", []), ("error", ["Not finished"])])
def test_an_agent_is_unfinished_only_where_its_failure_was_not_got_over(status, agents):
    """And what its other steps returned is named; a step of type error failed."""
    looked = step("a", 1, 2, result={"match": False})
    f = frames(run(looked, step("b", 2, 3, type="error"), step("c", 3, 4), status=status))
    assert [*one_run.unfinished_agents(f)] == agents
    assert ("match: false" in one_run.findings(f).body) == (status == "error")
    assert "✕ Failed" in one_run.step(f, "b").body


def test_findings_have_their_evidence():
    """A link only where the host is certain; sources beyond five are folded."""
    sources = [SOURCE, {"url": "javascript:1", "source_name": "Odd", "source_tier": "secondary"}]
    many = [SOURCE | {"url": f"https://a.example.gov/{n}"} for n in range(7)]
    found = [artifact("One", sources=sources), artifact("Two"), artifact("Many", sources=many)]
    body = one_run.findings(frames(run(step("a", artifacts=found)))).body
    assert "javascript:1" not in re.findall('href="(.*?)"', body)
    assert "▮▮▮ government" in body
    assert "▮▯▯ secondary" in body
    assert "No source" in body
    assert "2 more sources" in body


def logged(**more):
    """An answer log with one row, for the question `q` of run `r`."""
    row = {
        "run_id": "r",
        "interrupt_id": "i",
        "step_id": "q",
        "answered_by": "Ana",
        "answered_by_source": "self-declared",
        "answer": json.dumps({"decision": "approve", "note": "seen"}),
        "delivery": "confirmed",
    }
    return pd.DataFrame([row | more])


ANSWERED = run(question("q", 0, 60), step("n", 60, 70, label="Recording it"), end=70)


def test_a_confirmed_answer_is_shown():
    """As plain text, with the name from the log."""
    panel = one_run.questions(frames(ANSWERED), logged())
    [row] = panel.table.to_dict("records")
    assert json.loads(row["answer"]) == {"decision": "approve", "note": "seen"}
    for text in ("seen", "Ana (self-declared)"):
        assert text in panel.body
    assert "Neither the answer" in one_run.questions(frames(ANSWERED)).body
    assert (row["answered_by"], row["delivery"]) == ("Ana", "confirmed")


def test_an_answer_in_doubt_says_so_and_names_nobody():
    """It may not be the answer that counted."""
    for delivery in ("unconfirmed", "unknown", "sending"):
        table = one_run.questions(frames(ANSWERED), logged(delivery=delivery)).table
        assert table["delivery"].tolist() == [delivery]
        assert table["answered_by"].isna().all()


@pytest.mark.parametrize(("read_s", "is_later"), [(100, True), (300, False)])
def test_an_answer_after_reading_is_shown_and_the_question_stays_open(read_s, is_later):
    item = {"id": "i", "value": {"label": "Approve?", "type": "decision"}}
    more = {"status": "interrupted", "interrupts": [item], "_runkit": {"read_at": at(read_s)}}
    f = frames(run(question("q", 20, None), end=None, **more))
    panel = one_run.questions(f, logged(answered_at=at(200)))
    assert ("Answered by Ana" in panel.body) == is_later
    assert panel.table["outcome"].tolist() == ["pending"]
    assert panel.table[["decision", "answer"]].isna().all(axis=None)
    assert "confirmed" not in panel.body


@pytest.mark.parametrize(("n", "evidence"), [(1, ["Another date of birth (no source)"]), (2, [])])
def test_a_pending_item_without_an_id_keeps_its_evidence(n, evidence):
    """Of two such items nobody knows whose it is."""
    proposals = [artifact("Another date of birth")]
    item = {"value": {"label": "Dismiss?", "type": "dismissal", "artifacts": proposals}}
    f = frames(run(end=None, status="interrupted", interrupts=[item] * n))
    assert one_run.questions(f).table["evidence"].dropna().tolist() == evidence
