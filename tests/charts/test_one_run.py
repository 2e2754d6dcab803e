"""What one run shows to somebody who was not there: each sentence is right, whatever the run is."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import runkit
from runkit.charts import one_run
from runkit.charts.phrases import known, listed, sentences_of, share
from runkit.charts.run_people import answer_words
from runkit.errors import UsageError
from runkit.tables.linked import frames
from support import artifact, example, question, run, step

ALL = [getattr(one_run, name) for name in one_run.__all__]
SOURCE = {"url": "https://a.example.gov/1", "source_name": "A", "source_tier": "government"}


def delivering(*summaries, **more):
    """A run whose output has an artifact for each summary."""
    artifacts = [artifact(f"Summary {n}", summary=text) for n, text in enumerate(summaries)]
    return run(step("a", 0, 100), output={"artifacts": artifacts}, **more)


ODD = {
    "completed": example("completed"),
    "interrupted": example("interrupted"),
    "minimal": example("minimal"),
    "no steps delivered": {key: value for key, value in example("completed").items() if key != "steps"},
    "not started": run(started_at=None, ended_at=None, status="running"),
    "running": run(step("a", 0, None), end=None),
    "unknown words": run(step("a", type="odd", status="odd"), status="odd"),
    "nulls": run(step("a", agent=None), question("q", 10, 20, agent=None), agent=None, requester=None),
    "blanks": run(
        step("a", agent="", name="", label="", artifacts=[artifact("", confidence="", summary="")]),
        question("q", 10, 20, agent="", label=" "),
        agent="",
    ),
    "no time": run(step("a", 0, 0), end=0),
    "lapsed": run(question("q", 0, None), end=50, status="error"),
    "many": run(*[step(str(n), n, n + 1) for n in range(5_000)], end=5_000),
}


@pytest.mark.parametrize("name", ODD)
def test_every_run_has_sentences(name):
    """Whatever the run, each exhibit ends its sentence, shows no NaN, and draws and prints itself."""
    f = frames(ODD[name])
    for show in ALL:
        shown = show(f)
        assert shown.sentence
        assert "nan" not in shown.sentence.lower().replace("finance", "").split()
        assert repr(shown)
        if shown.figure is not None:
            assert shown.figure.layout.meta["summary"]
            assert len(shown.figure.to_json()) < 1_000_000


@pytest.mark.parametrize("show", ALL)
@pytest.mark.parametrize("source", [[], [run(), run(run_id="s")]])
def test_it_takes_exactly_one_run(show, source):
    """No run, or two, is refused, and the message says what to do."""
    with pytest.raises(UsageError, match=r"holds . runs?; expected exactly one.*select"):
        show(frames(source))


def test_the_verdict_comes_first():
    """The last sentence that begins with Recommendation, with the title and its confidence."""
    said = one_run.in_short(frames(delivering("It is so. Recommendation: approve."))).sentence
    assert said.startswith(
        "“Recommendation: approve.” (“Summary 0”, high confidence). The run completed after"
    )


def test_a_quoted_recommendation_is_not_the_agents():
    """What a person wrote, quoted in the summary, does not pass for the verdict."""
    text = "All is well. The reviewer noted: “Seen. Recommendation: reject.” Nothing else."
    assert "reject" not in one_run.in_short(frames(delivering(text))).sentence.split("(")[0]
    assert sentences_of(text)[0] == "All is well."


def test_a_run_that_waits_says_for_what():
    """There is no verdict yet, and the question that is open is named with how long it has waited."""
    said = one_run.in_short(frames(example("interrupted"), as_of="2026-02-03T10:40:12Z")).sentence
    assert said.startswith("No verdict yet: the run has waited for 37 min 42 s for a person to answer “")


def test_the_prompt_is_what_was_asked():
    """It stands in the run's JSON, and the business is said to be unknown where it is."""
    given = runkit.Run.from_json(delivering("Fine.", prompt="Look at the address"))
    said = one_run.asked(frames(given), given).sentence
    assert "“Look at the address”" in said
    assert "does not say which business" in said
    assert "“Summary 0”" in said


def test_findings_are_counted_by_evidence():
    """A finding without a source is named; the report of a failure is no finding."""
    shown = one_run.found(
        frames(
            run(
                step(
                    "a", artifacts=[artifact("Rests", sources=[SOURCE]), artifact("Bare", confidence="low")]
                ),
                step("b", type="error", artifacts=[artifact("Step failed")]),
            )
        )
    )
    assert shown.table["title"].tolist() == ["Rests", "Bare"]
    assert shown.table["tiers"].iloc[0] == "1 government"
    assert "1 of 2 rests on government or primary sources; 1 on no source: “Bare”" in shown.sentence


def test_every_source_is_a_row_of_evidence():
    """Each with its finding and its address."""
    shown = one_run.evidence(frames(example("completed")))
    assert len(shown.table) == len(frames(example("completed")).sources)
    assert shown.table["url"].str.startswith("https://").all()


def logged(**more):
    """An answer log with one row, for the question `q` of run `r`."""
    row = {
        "run_id": "r",
        "run_created_at": pd.NaT,
        "interrupt_id": "i",
        "step_id": "q",
        "answered_by": "Ana",
        "answer": json.dumps({"decision": "approve", "note": "seen"}),
        "delivery": "confirmed",
    } | more
    log = pd.DataFrame([row])
    return log.assign(run_created_at=pd.to_datetime(log["run_created_at"], utc=True))


ASKED = run(question("q", 0, 60), step("n", 60, 70, label="Recording it"), end=70)


def test_a_confirmed_answer_is_told():
    """In words, with the name that was declared."""
    shown = one_run.people(frames(ASKED), logged())
    assert shown.table["answer"].tolist() == ["decision: approve; note: seen"]
    assert "by Ana (self-declared): decision: approve; note: seen." in shown.sentence


@pytest.mark.parametrize("delivery", ["unconfirmed", "unknown", "sending"])
def test_an_answer_in_doubt_is_said_to_be(delivery):
    """It may not be the answer that counted."""
    shown = one_run.people(frames(ASKED), logged(delivery=delivery))
    assert shown.table["answer"].iloc[0].startswith("not confirmed: ")
    assert "it is not confirmed" in shown.sentence


@pytest.mark.parametrize(
    "more",
    [
        {"delivery": "failed"},
        {"run_id": "other"},
        {"step_id": "other"},
        {"run_created_at": pd.Timestamp("2020-01-01", tz="UTC")},
    ],
)
def test_without_an_answer_what_came_next_is_told(more):
    """An answer that did not arrive, or belongs elsewhere, tells nothing; the next step is named."""
    shown = one_run.people(frames(ASKED), logged(**more))
    assert shown.table["answer"].tolist() == ["not told by the API; then: Recording it"]
    assert "The API does not tell what was answered" in shown.sentence


def test_a_question_settled_by_policy_asked_nobody():
    """It is said apart."""
    shown = one_run.people(frames(run(question("q", 0, 1, result={"resolution": "skip"}))))
    assert shown.sentence.startswith("No person was asked anything. 1 question was settled by policy")


def test_answers_are_said_in_words():
    """Also nested ones, and what is no JSON."""
    assert answer_words('{"proposals": [{"agent": "a", "decision": "yes"}], "x": true}') == (
        "proposals: agent: a; decision: yes; x: yes"
    )
    assert answer_words("not json") == "not json"


def test_the_budget_adds_up():
    """Three parts that make up the duration, one trace each that has time."""
    f = frames(example("completed"))
    shown = one_run.budget(f)
    assert shown.table["spent_s"].tolist() == [196, 2262, 1]
    assert [trace.x[0] for trace in shown.figure.data] == [196, 2262, 1]
    assert shown.sentence == (
        "Of 40 min 59 s, 37 min 42 s (92 %) waited for a person, 3 min 16 s (8 %) were work "
        "and 1 s (under 1 %) were idle."
    )


def test_the_critical_path_adds_up_to_the_duration():
    """With the time that lies in no step as the last row."""
    f = frames(run(step("a", 0, 60), step("b", 70, 100)))
    shown = one_run.critical_path(f)
    assert shown.table["critical_s"].tolist() == [60, 30, 10]
    assert shown.sentence == (
        "“Step a” (1 min 0 s) and “Step b” (30 s) explain 90 % of the 1 min 40 s. 10 s (10 %) lie in no step."
    )


def test_the_slowest_work_leaves_waits_and_containers_out():
    """Ten leaf steps at most."""
    inner = [step(f"i{n}", n, n + 1) for n in range(12)]
    shown = one_run.slowest_steps(frames(run(step("a", 0, 50, steps=inner), question("q", 50, 100))))
    assert len(shown.table) == 10
    assert shown.table["step"].str.startswith("Step i").all()


def test_what_failed_says_the_cause_and_what_went_with_it():
    """The error's own summary, the container around it, and the run."""
    cause = step("e", 5, 5, type="error", status="error", artifacts=[artifact("X", summary="No answer.")])
    shown = one_run.failed(
        frames(run(step("c", label="Outer", status="error", steps=[cause]), status="error"))
    )
    assert shown.sentence == "1 error: “No answer” (cip_orchestrator). With it failed “Outer” and the run."
    assert shown.table["within"].tolist() == ["Outer"]


def test_what_is_open_is_listed_by_kind():
    """A pending question, a bare finding of low confidence, and a point that the output names."""
    shown = one_run.open_items(frames(delivering("Fine. Still open: the TIN.")))
    assert shown.table["what"].tolist() == ["point that the output calls open", "finding without a source"]
    assert one_run.open_items(frames(example("completed"))).sentence == "Nothing is open."


def test_shares_do_not_round_to_nothing_or_all():
    """A wait of a second in a day is not 0 %."""
    assert [share(part, 1_000) for part in (0, 1, 500, 999, 1_000)] == [
        "0 %",
        "under 1 %",
        "50 %",
        "over 99 %",
        "100 %",
    ]


def test_what_cannot_be_seen_is_dropped():
    """Signs without a picture go, blanks become one, and what is left of nothing is missing."""
    assert known("a\u200bb\u202e \n\u00a0 c\x00 \u200b d") == "ab c d"
    assert [known(value) for value in (None, float("nan"), pd.NaT, " \u200b ")] == [None] * 4


def test_lists_are_said():
    """None, one and more."""
    assert [listed("abc"[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
