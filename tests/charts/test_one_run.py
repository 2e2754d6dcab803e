"""What one run shows to somebody who was not there: each sentence is right, whatever the run is."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

import runkit
from runkit.charts import fleet, one_run
from runkit.charts.run_people import answer_words
from runkit.charts.wording import EXCERPT, known, listed, share
from runkit.errors import UsageError
from runkit.tables.frames import frames
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


@pytest.mark.parametrize("show", [*ALL, one_run.findings, one_run.overconfident, one_run.open_counts])
@pytest.mark.parametrize("source", [[], [run(), run(run_id="s")]])
def test_it_takes_exactly_one_run(show, source):
    """No run, or two, is refused, and the message says what to do."""
    with pytest.raises(UsageError, match=r"holds . runs?; expected exactly one.*select"):
        show(frames(source))


def test_what_came_out_comes_first():
    """The output's title, its confidence and the beginning of its summary, cut at a space, as a quote."""
    long = "It is so. Recommendation: approve. " + "word " * 100
    said = one_run.in_short(frames(delivering(long, "More"))).sentence
    head, quote, rest = said.split("“", 2)[0], *said.split(": “", 1)[1].split("”", 1)
    assert head == "The output is "
    assert said.startswith(
        "The output is “Summary 0” (high confidence, the first of 2 artifacts): “It is so. Rec"
    )
    assert rest.startswith(" The run completed after")
    assert quote.endswith(" word…")
    assert long.startswith(quote.removesuffix("…") + " ")
    assert EXCERPT - 5 < len(quote) <= EXCERPT + 1


@pytest.mark.parametrize(
    "summary", ["Recommendation: reject. Still open: the address.", "Website of Acme for Beta"]
)
def test_no_meaning_is_read_out_of_a_text(summary):
    """Nothing of it is a business, a recommendation or an open point, or a row of a table."""
    f = frames(delivering(summary, artifacts=[artifact("Summary for Gamma")]))
    for show in (one_run.in_short, one_run.asked, one_run.open_items):
        shown = show(f)
        assert not [value for value in shown.table.to_numpy().ravel() if summary[:10] in str(value)]
        assert "probably" not in shown.sentence
    facts = one_run.in_short(f).table
    assert facts.loc[facts["fact"] == "business", "value"].tolist() == ["unknown"]


def test_a_run_that_waits_says_what_the_reader_has_to_do():
    """The question with its agent and its wait comes first, then where it can be answered."""
    said = one_run.in_short(frames(example("interrupted"), as_of="2026-02-03T10:40:12Z")).sentence
    assert said.startswith("Someone has to answer: “")
    first, rest = said.split(". Answer it with runkit.InterruptForm", 1)
    assert ", waiting for 37 min 42 s)" in first
    assert rest.startswith(" or where the review was started; this page cannot record an answer.")


@pytest.mark.parametrize(
    ("known_of_it", "words"),
    [
        ({"business_id": "b1", "business_name": "Acme LLC"}, "Acme LLC"),
        ({"business_id": "b1"}, "b1"),
        ({}, "unknown"),
    ],
)
def test_the_business_is_named_where_it_is_known(known_of_it, words):
    """By its name, else by its id; the facts have one row for it."""
    f = frames(run(step("a")))
    f = replace(f, runs=f.runs.assign(**known_of_it))
    for show in (one_run.in_short, one_run.asked):
        shown = show(f)
        assert shown.table.loc[shown.table["fact"] == "business", "value"].tolist() == [words]
        assert (f"“{words}”" in shown.sentence) == bool(known_of_it)


TOLD = "Asking failed. The IRS did not answer: 3 attempts. Start it again later."


def failing(summary=TOLD, **more):
    """A run that found something and then failed at a look-up, while another step took most of the time."""
    error = step("e", 30, 30, type="error", status="error", label="No answer", agent="tin")
    error |= {"artifacts": [artifact("Step failed", summary=summary)]}
    look_up = step("l", 20, 30, status="error", label="Asking the IRS", agent="tin")
    outer = step("o", 20, 30, status="error", label="Outer", steps=[look_up, error])
    slow = step("s", 0, 100, label="Slow", artifacts=[artifact("Active")])
    return run(slow, outer, status="error", end=100, **more)


def test_a_failed_run_says_what_went_wrong():
    """The error with what the agent wrote; then what is done, and what is not."""
    said = one_run.in_short(frames(failing())).sentence
    assert said.startswith(
        "No result: the run failed after 1 min 40 s. What went wrong: “No answer”: “Asking failed. "
        "The IRS did not answer: 3 attempts. Start it again later.” (tin). "
        "Done: 2 findings (“Active” and “Step failed”). Not done: “Outer” and the summary."
    )


def test_a_failed_run_names_the_step_that_failed():
    """Which other step took most of the time explains nothing then."""
    said = one_run.critical_path(frames(failing())).sentence
    assert said.startswith(
        "The run ended after 1 min 40 s because “Asking the IRS” failed (tin, within “Outer”)"
    )
    assert "explain" not in said


def test_a_weak_finding_is_linked_to_what_followed():
    """Only to what its own agent did after a question that came later."""
    weak = [artifact("Weak", confidence="low", sources=[SOURCE])]
    steps = [
        step("a", 0, 10, artifacts=weak),
        question("q", 10, 60, label="Add one?"),
        step("b", 60, 70, label="Adding"),
        step("c", 70, 80, label="Elsewhere", agent="other"),
    ]
    shown = one_run.open_items(frames(run(*steps, end=80)))
    assert shown.table["note"].dropna().tolist() == [
        "raised before the question “Add one?” was answered; afterwards: “Adding”"
    ]
    assert shown.table["note"].iloc[1] in one_run.in_short(frames(run(*steps, end=80))).sentence
    earlier = [question("q", 0, 5), step("a", 5, 10, artifacts=weak), step("b", 10, 20)]
    assert one_run.open_items(frames(run(*earlier))).table["note"].isna().all()


@pytest.mark.parametrize(("sure", "is_said"), [("high", True), ("low", False), ("odd", False)])
def test_a_summary_surer_than_its_findings_is_told(sure, is_said):
    """In short and where the findings stand; words without a rank are not compared."""
    weak, output = artifact("Weak", confidence="low"), artifact("Sum", confidence=sure)
    f = frames(run(step("a", artifacts=[weak]), output={"artifacts": [output]}))
    words = "The summary's confidence is high, while a finding that it may rest on is rated low: “Weak”."
    for show in (one_run.in_short, one_run.found):
        assert (words in show(f).sentence) == is_said


def test_a_review_without_a_result_says_since_when():
    """And for how long it had been so when it was read."""
    shown = one_run.open_items(frames(failing(), as_of="2026-02-03T10:11:40Z"))
    assert shown.sentence == (
        "Open: no result since 2026-02-03 10:01:40 UTC (10 min before it was read); "
        "2 findings without a source: “Active” and “Step failed”."
    )
    assert shown.table[["what", "open_s"]].to_numpy().tolist()[0] == ["no result", 600]


def test_the_prompt_is_what_was_asked():
    """It stands in the run's JSON, and the business is said to be unknown where it is."""
    given = runkit.Run.from_json(delivering("Fine.", prompt="Look at the address"))
    said = one_run.asked(frames(given), given).sentence
    assert "“Look at the address”" in said
    assert "The API does not name the business." in said


def test_findings_are_counted_by_evidence():
    """A finding without a source is named, one of a failed step, too."""
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
    assert shown.table["title"].tolist() == ["Rests", "Bare", "Step failed"]
    assert shown.table["how_official"].iloc[0] == "1 government"
    assert "1 of 3 rests on government or primary sources; 2 on no source: “Bare” and" in shown.sentence


def test_a_finding_counts_once():
    """A proposal that repeats what a step found is no other finding; one that says more is."""
    asks = [artifact("Hit", type="dismissal"), artifact("New", type="dismissal")]
    value = {"agent": "cip_orchestrator", "label": "Sure?", "artifacts": asks}
    found = step("a", 0, 10, artifacts=[artifact("Hit", type="dismissal")])
    source = run(found, question("q", 10, None), end=None, interrupts=[{"id": "i", "value": value}])
    f = frames(source)
    assert f.artifacts["is_repeat"].sum() == 1
    assert one_run.found(f).table["title"].tolist() == ["Hit", "New"]
    assert fleet.confidence(f).table["n_artifacts"].sum() == 2
    assert "of 2 findings" in fleet.sources(f).sentence
    assert fleet.look_first(f).table["reason"].str.contains("2 of 2 findings").any()


def test_summaries_are_counted_apart_from_findings():
    """What sums the findings up is none of them, and a source of both counts once."""
    step_found, output = artifact("X", sources=[SOURCE]), artifact("Sum", sources=[SOURCE])
    said = one_run.found(
        frames(run(step("a", artifacts=[step_found]), output={"artifacts": [output]}))
    ).sentence
    assert said.startswith(
        "1 finding and 1 summary: 1 found on the way. Confidence: 1 high; of the summary: high"
    )
    assert "Together they name 1 different source: 1 government." in said


def test_every_source_is_one_row_of_evidence():
    """However many findings it supports; they are named, the summary last."""
    found = [artifact(title, sources=[SOURCE]) for title in ("X", "Y")]
    other = SOURCE | {"url": "https://b.example.gov/2", "source_name": None}
    output = artifact("Sum", sources=[SOURCE, other])
    shown = one_run.evidence(frames(run(step("a", artifacts=found), output={"artifacts": [output]})))
    assert shown.table[["source", "supports"]].fillna("none").to_numpy().tolist() == [
        ["A", "X; Y; Sum"],
        ["none", "Sum"],
    ]
    assert shown.sentence == "2 findings and 1 summary rest on 2 different sources: 2 government."


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


@pytest.mark.parametrize("joined", [False, True])
def test_whom_the_api_names_is_named_everywhere(joined):
    """In the sentence as in the table, and not as a name that was declared."""
    asked = run(question("q", 0, 60, result={"answered_by": {"id": "u", "name": "Ana Ortiz"}}), end=70)
    log = logged(answered_by="root")
    shown = one_run.people(frames(asked, answers=log if joined else None), log)
    assert "by Ana Ortiz: decision: approve; note: seen." in shown.sentence
    assert shown.table["answered_by"].tolist() == ["Ana Ortiz"]
    assert "root" not in repr(shown)


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
    assert shown.table["answer"].tolist() == ["not recorded by the API; next came: Recording it"]
    assert shown.table["answered_by"].tolist() == ["not recorded"]
    assert "The API does not record what was answered" in shown.sentence


def test_questions_have_few_columns():
    """They fit a page: seven, and none of them for analysts alone."""
    shown = one_run.people(frames(run(question("q", 0, None), end=None)))
    columns = ["question", "agent", "asked_at", "wait_s", "outcome", "answered_by", "answer"]
    assert shown.table.columns.tolist() == columns
    assert shown.table["answered_by"].tolist() == ["nobody yet"]


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
    assert shown.table["delayed_the_end_s"].tolist() == [60, 30, 10]
    assert shown.sentence == (
        "“Step a” (1 min) and “Step b” (30 s) explain 90 % of the 1 min 40 s. "
        "10 s (10 %) lie between these steps."
    )


def test_kinds_of_steps_are_said_in_plain_words():
    """A reader does not know what an interrupt is; a type that nobody documents stays."""
    steps = [step("a", 0, 10), question("q", 10, 30), step("o", 30, 35, type="odd")]
    table = one_run.critical_path(frames(run(*steps, end=35))).table
    assert table["kind"].tolist() == ["question", "work", "odd"]


def test_time_between_steps_is_told_from_idle_time():
    """A step that holds others may have been open while nothing worked: two near-equal numbers, so why."""
    holds = step("a", 0, 60, steps=[step("i", 5, 60)])
    said = one_run.critical_path(frames(run(holds, step("b", 70, 100)))).sentence
    assert "10 s (10 %) lie between these steps. That is not the idle time of 15 s: idle means" in said


@pytest.mark.parametrize(("wait", "longest"), [(300, None), (5_000, "“Step a” (1 min 40 s)")])
def test_the_longest_work_is_no_step_shorter_than_one_named_before(wait, longest):
    """The first step that is no wait: said where the waits alone are named, else it is named already."""
    steps = [step("a", 0, 100), question("q", 100, 100 + wait), step("b", 100 + wait, 150 + wait)]
    said = one_run.critical_path(frames(run(*steps, end=150 + wait))).sentence
    assert "“Step b”" not in said
    assert ("the longest is" in said) == (longest is not None)
    assert longest is None or f"the longest is {longest}" in said


def test_the_slowest_work_leaves_waits_and_containers_out():
    """Ten leaf steps at most."""
    inner = [step(f"i{n}", n, n + 1) for n in range(12)]
    shown = one_run.slowest_steps(frames(run(step("a", 0, 50, steps=inner), question("q", 50, 100))))
    assert len(shown.table) == 10
    assert shown.table["step"].str.startswith("Step i").all()
    assert shown.table.columns.tolist()[-2:] == ["own_time_s", "delayed_the_end"]


def test_work_side_by_side_is_explained():
    """Own times then add up to more than the time in which anything worked; else nothing is said."""
    words = "Steps ran side by side, so their own times add up to more than the 10 s of work."
    beside = one_run.slowest_steps(frames(run(step("a"), step("b"), end=10))).sentence
    after = one_run.slowest_steps(frames(run(step("a"), step("b", 10, 20), end=20))).sentence
    assert words in beside
    assert "side by side" not in after


def test_what_failed_says_the_cause_and_what_went_with_it():
    """The error with its summary, the container around it, and the run."""
    cause = step("e", 5, 5, type="error", status="error", artifacts=[artifact("X", summary="No answer.")])
    shown = one_run.failed(
        frames(run(step("c", label="Outer", status="error", steps=[cause]), status="error"))
    )
    assert shown.sentence == (
        "1 error: “Step e”: “No answer.” (cip_orchestrator). With it failed “Outer” and the run."
    )
    assert shown.table["within"].tolist() == ["Outer"]


def test_what_is_open_is_listed_by_kind():
    """A finding of low confidence and without a source is two rows."""
    weak = step("a", artifacts=[artifact("Weak", confidence="low")])
    shown = one_run.open_items(frames(run(weak, output={"artifacts": []})))
    assert shown.table["what"].tolist() == [
        "no result",
        "finding of low or no confidence",
        "finding without a source",
    ]
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


def test_what_cannot_be_seen_is_shown():
    """Signs without a picture become codes, blanks become one, and what is left of nothing is missing."""
    assert known("a\u200bb\u202e \n\u00a0 c\x00") == r"a\u200bb\u202e c\x00"
    assert [known(value) for value in (None, float("nan"), pd.NaT, " \u00a0 ")] == [None] * 4


def test_lists_are_said():
    """None, one and more."""
    assert [listed("abc"[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
