"""What many runs show: each exhibit says what is so, for no run, for one, for thousands and for odd ones."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from runkit.charts import fleet, one_run
from runkit.charts.stacked_bars import MOST_BARS
from runkit.tables.frames import frames
from support import artifact, at, example, question, run, step

EXHIBITS = [getattr(fleet, name) for name in fleet.__all__]
HOSTILE = '<img src=x onerror=alert(1)> <a href="https://evil.example">$x$</a> %{y}'


def source(name="Register", tier="government", **more):
    """A source of a finding."""
    return {"url": "https://a.example/1", "source_name": name, "source_tier": tier} | more


def found(confidence, *sources):
    """A finding with sources."""
    return artifact(confidence=confidence, sources=list(sources))


def many(n, **more):
    """Runs that are alike."""
    return [run(step(f"s{k}", 0, 60), run_id=f"r{k}", end=60, **more) for k in range(n)]


ODD = [
    run(run_id="no-steps") | {"steps": None},
    run(run_id="unstarted", started_at=None, ended_at=None, status="running"),
    run(step("a", 0, None), run_id="open", end=None, agent=None),
    run(step("b", agent=None, name=None, label=None), run_id="odd", status="paused", agent=HOSTILE),
    run(
        step("c", artifacts=[found(None), found("sure", source(None, HOSTILE, url=None))]),
        question("q", 10, None, agent=None, label=None),
        run_id="lapsed",
        status="error",
    ),
    {"id": "not-a-run"},
]


@pytest.mark.parametrize("exhibit", EXHIBITS)
@pytest.mark.parametrize(
    "source", [[], [example("minimal")], [example("completed")], [example("interrupted")], ODD, many(300)]
)
def test_every_exhibit_takes_any_runs(exhibit, source):
    """A sentence, a table and a private, bounded figure without a complaint, whatever the runs hold."""
    shown = exhibit(frames(source))
    assert shown.sentence.endswith(".")
    assert "nan" not in shown.sentence.split()
    if shown.figure is not None:
        meta = shown.figure.layout.meta
        assert shown.figure.layout.yaxis.fixedrange  # a drag cannot crush its rows
        assert meta["summary"] == shown.sentence
        assert shown.sentence in meta["alt"]
        assert "title" not in meta
        assert shown.figure.layout.height <= 1_100
        assert shown.figure.layout.width is None


@pytest.mark.parametrize("exhibit", EXHIBITS)
def test_hostile_words_are_text_in_figures(exhibit):
    """No markup of a run reaches a place where plotly reads it."""
    figure = exhibit(frames(ODD)).figure
    if figure is not None:
        drawn = figure.to_plotly_json()
        drawn["layout"].pop("meta")
        assert "<img" not in json.dumps(drawn, default=list)
        assert "<a href" not in json.dumps(drawn, default=list)


def test_in_short_says_what_waits_and_what_is_missing():
    """Failures, the oldest question and the reason why the frames are not whole stand in the sentence."""
    said = fleet.in_short(frames(ODD)).sentence
    assert said.startswith("5 runs: 2 running, 1 completed, 1 paused and 1 failed.")
    assert "1 record of 6 could not be read" in said
    assert "1 run came without steps" in said
    waiting = run(question("q", 10, None), end=None, status="interrupted", updated_at=at(70))
    assert "1 question waits for a person: for 1 min" in fleet.in_short(frames(waiting)).sentence


def test_a_question_that_cannot_be_read_is_not_denied():
    """An interrupted run waits for something, whatever its list of questions holds."""
    runs = [run(step("s"), end=None, status="interrupted", interrupts=odd) for odd in ([], [{"id": "i"}])]
    for f in map(frames, runs):
        assert "The question of 1 interrupted run cannot be read." in fleet.in_short(f).sentence
        assert "its question cannot be read" in one_run.open_items(f).sentence
        assert "Nothing is open" not in one_run.in_short(f).sentence
    assert "No question waits for a person." in fleet.in_short(frames(run(step("s")))).sentence


def failed(n, label, **more):
    """A run that ended with an error."""
    cause = step(f"e{n}", 0, 5, type="error", status="error", label=label)
    return run(cause, run_id=f"f{n}", status="error", created_at=at(n)) | more


def waiting(n, waited=60):
    """A run whose question has waited so many seconds."""
    asked = question(f"q{n}", 10, None, label="Is it so?")
    return run(asked, run_id=f"w{n}", end=None, status="interrupted", updated_at=at(10 + waited))


def test_look_first_puts_failures_with_the_same_error_into_one_row():
    """The row counts them, names the newest and others, and stands after the question that waits."""
    runs = [failed(n, "The register did not answer") for n in range(6)]
    shown = fleet.look_first(frames([*runs, failed(9, "No such business"), waiting(1)]))
    assert shown.table["n_runs"].tolist() == [1, 6, 1]
    assert shown.table["run_id"].tolist() == ["w1", "f5", "f9"]
    assert shown.table["reason"][1] == (
        "6 runs failed alike: The register did not answer; the newest after 1 min 40 s; "
        "the others: f4, f3, f2 and 2 more"
    )
    assert "7 runs failed with 2 different errors" in shown.sentence
    assert shown.sentence.startswith("3 tasks about 8 of 8 runs: 1 question waits for a person;")


def test_look_first_says_since_when_and_the_longest_wait_comes_first():
    """A question has waited since it was asked."""
    shown = fleet.look_first(frames([waiting(1, 60), waiting(2, 7_200)]))
    assert shown.table["run_id"].tolist() == ["w2", "w1"]
    assert shown.table["to_do"].unique().tolist() == ["Answer the question"]
    assert {f"{when:%H:%M:%S}" for when in shown.table["since"]} == {"10:00:10"}
    assert "the oldest for 2 h" in shown.sentence


def test_look_first_leaves_room_for_each_kind_and_says_what_it_leaves_out():
    """Thirty waiting questions do not hide the failed run, and the eleven without a row are counted."""
    shown = fleet.look_first(frames([*(waiting(n) for n in range(30)), failed(1, "No answer")]))
    assert len(shown.table) == 20
    assert shown.table["to_do"].value_counts().tolist() == [19, 1]
    assert "Not listed for want of room: 11 waiting questions." in shown.sentence


def test_look_first_shows_decisions_without_a_person_and_findings_without_a_source():
    """Each is a row with its runs; a finding that has a source is in none."""
    by_policy = question("s", 60, 61, label="Dismiss it?", result={"resolution": "auto_approve"})
    bare = step("a", artifacts=[artifact("Bare"), found("high", source())])
    shown = fleet.look_first(frames([run(by_policy, run_id="p"), run(bare, run_id="b")]))
    assert shown.table[["reason", "n_runs", "run_id"]].to_numpy().tolist() == [
        ["1 question approved by policy, without a person: “Dismiss it?”", 1, "p"],
        ["1 of 2 findings (50 %) rests on no source: “Bare”", 1, "b"],
    ]


def test_look_first_names_the_business_or_the_agent():
    """As far as the data knows it: no title, website or question is a business."""
    site = step("s", artifacts=[found("high", source("Website of Acme LLC"))])
    told = {"artifacts": [artifact("Summary for Bolt Inc", confidence="low")]}
    f = frames([waiting(1), waiting(2), run(site, run_id="low", output=told)])
    known = pd.Series({"w1": "Acme LLC"}, dtype="str").reindex(f.runs["run_id"]).array
    table = fleet.look_first(replace(f, runs=f.runs.assign(business_name=known))).table
    about = dict(zip(table["run_id"], table["about"], strict=True))
    assert about["w1"] == "Acme LLC"
    assert {about["w2"], about["low"]} == {"CIP Orchestrator"}


def test_look_first_finds_the_run_that_took_far_longer():
    """One run of an hour among runs of a minute is listed, with what is usual."""
    slow = run(step("x", 0, 3600), run_id="slow", end=3600)
    table = fleet.look_first(frames([*many(20), slow])).table
    assert table["run_id"].tolist() == ["slow"]
    assert table["reason"].tolist() == ["took 1 h without its waits, where 1 min is usual"]


@pytest.mark.parametrize(
    ("apart_s", "words"), [(3_600, "hour"), (86_400, "day"), (8 * 86_400, "week"), (30 * 86_400, "month")]
)
def test_volume_counts_by_the_unit_that_the_range_wants(apart_s, words):
    """Thirty runs an hour, a day, eight or thirty days apart are counted by other units; none is lost."""
    runs = [run(run_id=f"r{k}", created_at=at(k * apart_s)) for k in range(30)]
    shown = fleet.volume(frames(runs))
    assert f" per {words} on average" in shown.sentence
    assert shown.table["n_runs"].sum() == 30
    assert shown.table["since"].is_monotonic_increasing


def test_outcomes_add_up():
    """Every run is in one row, and the shares of an agent's runs make 100 %."""
    shown = fleet.outcomes(frames([*many(3), run(run_id="e", status="error")]))
    assert shown.table["n_runs"].tolist() == [3, 1]
    assert shown.table["runs_percent"].tolist() == [75, 25]
    assert shown.sentence.startswith("3 of 4 runs completed (75 %), 1 failed (25 %)")


def test_outcomes_say_which_runs_are_open():
    """A run that waits for a person is not one that runs."""
    going = run(run_id="g", end=None)
    said = fleet.outcomes(frames([*many(1), waiting(1), waiting(2), going])).sentence
    assert "2 wait for a person, 1 still runs" in said


def test_volume_says_a_large_mean_in_whole_runs():
    """No power of ten."""
    runs = [run(run_id=f"r{n}", created_at=at(n % 2 * 3_600)) for n in range(3_001)]
    assert "2 hours, 1,500 per hour on average; most on 3 Feb" in fleet.volume(frames(runs)).sentence


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ([0], "1 failed, on 3 Feb 2026."),
        ([0, 1, 2, 3, 4], "5 failed, on 5 different days."),
        ([0, 1, 1], "3 failed, most on 4 Feb 2026 (2)."),
        ([0, 0, 1, 1], "4 failed, at most 2 in one day."),
    ],
)
def test_volume_names_a_day_only_where_one_has_most(days, words):
    """What is true of many days is not said of the first one."""
    runs = [run(run_id=f"e{n}", status="error", created_at=at(day * 86_400)) for n, day in enumerate(days)]
    runs += [run(run_id=f"c{n}", created_at=at(n * 86_400 * 3)) for n in range(4)]
    assert fleet.volume(frames(runs)).sentence.endswith(words)


def test_budget_leads_with_a_typical_ended_run():
    """One run that waited for hours and an open one do not hide what is usual."""
    long = run(step("a", 0, 30), question("q", 30, 7_230), run_id="long", end=7_230)
    shown = fleet.budget(frames([*many(4), long, waiting(1, 90_000)]))
    assert shown.sentence.startswith(
        "A typical ended run worked for 1 min, did not wait for a person and was idle for 0 s (medians). "
        "1 of 5 ended runs waited, which took 96 % of the time of all: 2 h of 2 h 5 min"
    )
    assert "1 run is still open: 1 d 1 h so far, over 99 % of it waiting" in shown.sentence
    assert shown.table["group"].tolist()[:3] == ["typical ended run", "ended runs", "open runs"]
    assert shown.table.loc[0, ["working_s", "waiting_s", "idle_s"]].tolist() == [60, 0, 0]


def test_budget_says_the_share_that_waited():
    """Working, waiting and idle are those of the frames."""
    shown = fleet.budget(frames([run(step("a", 0, 30), question("q", 30, 90)), *many(1)]))
    assert "38 % of the time of all: 1 min of 2 min 40 s" in shown.sentence
    assert shown.table.loc[1, ["working_s", "waiting_s", "idle_s"]].tolist() == [90, 60, 10]


def test_waits_tell_pending_answered_lapsed_and_settled_apart():
    """Settled questions are said, not counted; a lapsed one is neither answered nor pending."""
    steps = [question("a", 0, 60), question("s", 60, 61, result={"resolution": "skip"})]
    lapsed = run(question("l", 0, None), run_id="l", status="error")
    shown = fleet.waits(frames([run(*steps), lapsed]))
    assert shown.table[["n_answered", "n_pending", "n_lapsed"]].sum().tolist() == [1, 0, 1]
    assert "the policy settled 1 question (1 by skip)" in shown.sentence


def test_waits_do_not_say_a_number_twice():
    """Where all questions of a bar wait, their number is the bar's."""
    said = fleet.waits(frames([waiting(1, 60), waiting(2, 60), run(question("a", 0, 7_200), end=7_300)]))
    texts = [note.text for note in said.figure.layout.annotations]
    assert "under 15 min · 2 waiting" in texts
    assert "1 to 4 h · 1" in texts
    assert "15 min to 1 h · 0" in texts


def test_slowest_steps_leave_out_waits_and_containers():
    """The child that worked counts, its container and the question do not."""
    outer = step("o", 0, 50, name="outer", steps=[step("i", 0, 50, name="inner", label="Inner")])
    shown = fleet.slowest_steps(frames(run(outer, question("q", 50, 100))))
    assert shown.table[["name", "label", "n_steps", "critical_s"]].to_numpy().tolist() == [
        ["inner", "Inner", 1, 50]
    ]


def test_slowest_steps_begin_with_the_share_of_work_where_waiting_took_more():
    """Ten seconds of work in a run that waited for ninety."""
    shown = fleet.slowest_steps(frames(run(step("a", 0, 10), question("q", 10, 100))))
    assert shown.sentence.startswith("Of the work (10 s, 10 % of all time) “Step a”")
    assert shown.figure.layout.annotations[0].text == "Step a · 10 s, 1 time"
    assert fleet.slowest_steps(frames(many(1))).sentence.startswith("Of the work (1 min) “Step s0”")


def test_confidence_names_the_runs_with_low_ones():
    """The newest three, the others counted, and none where confidence is high."""
    runs = [
        run(step("a", artifacts=[found("low"), found("high")]), run_id=f"r{n}", created_at=at(n))
        for n in range(5)
    ]
    table = fleet.confidence(frames(runs)).table
    assert table["n_runs"].tolist() == [5, 5]
    assert table["run_ids"].fillna("").tolist() == ["", "r4, r3, r2 and 2 more"]
    assert table["artifacts_percent"].tolist() == [50, 50]


def test_confidence_goes_from_high_to_low_and_keeps_other_words():
    """A word that is not documented stands behind low, and no word last."""
    kinds = ["low", "high", None, "sure", "medium"]
    shown = fleet.confidence(frames(run(step("a", artifacts=[found(kind) for kind in kinds]))))
    assert shown.table["confidence"].fillna("").tolist() == ["high", "medium", "low", "sure", ""]
    assert [trace.name for trace in shown.figure.data] == [
        "high",
        "medium",
        "low",
        "another word",
        "none given",
    ]


def test_sources_count_findings_once_and_those_without_a_second_source():
    """A source that a finding names twice carries it once."""
    twice = found("high", source(), source())
    both = found("low", source(), source("Website", "secondary", url="https://b.example"))
    shown = fleet.sources(frames(run(step("a", artifacts=[twice, both, found("high")]))))
    assert shown.table[["source_name", "n_findings", "n_high"]].to_numpy().tolist() == [
        ["Register", 2, 1],
        ["Website", 1, 0],
    ]
    assert "1 of 3 findings (33 %) rests on one source only, 1 on none" in shown.sentence


def test_sources_rank_by_runs_and_say_which_has_more_findings():
    """Ten findings of one run are fewer runs than two findings of two; tiers that add up to more are said."""
    both = found("high", source(), source("Blog", "secondary", url="https://b.example"))
    runs = [run(step("a", artifacts=[both]), run_id=f"r{n}") for n in range(2)]
    deep = [found("low", source("Archive", "primary", url="https://c.example")) for _ in range(10)]
    shown = fleet.sources(frames([*runs, run(step("b", artifacts=deep), run_id="deep")]))
    assert shown.sentence.startswith(
        "The most frequent source is Blog (secondary): in 2 of 3 runs, for 2 of 12 findings; "
        "Archive (primary) has more findings, 10, but all in 1 run. "
    )
    assert "(one can have sources of several tiers)" in shown.sentence
    assert shown.table["n_runs"].tolist() == [2, 2, 1]
    assert "Archive · 10 findings in 1 run" in [note.text for note in shown.figure.layout.annotations]


def test_sources_beyond_twelve_are_one_bar():
    """It counts the runs once, however many of the others they have."""
    names = [f"Register {n}" for n in range(20)]
    all_of_them = step("a", artifacts=[found("high", source(name)) for name in names])
    shown = fleet.sources(frames([run(all_of_them, run_id=f"r{n}") for n in range(2)]))
    texts = [note.text for note in shown.figure.layout.annotations]
    assert (len(texts), texts[-1]) == (13, "8 others · 16 findings in 2 runs")
    assert "adds up 8 sources" in shown.sentence


def test_a_part_without_length_has_no_bar():
    """Its outline would be drawn all the same; the agent that did not fail has no orange line."""
    runs = [run(agent="a"), run(run_id="e", agent="b", status="error", created_at=at(7_200))]
    for exhibit in (fleet.outcomes, fleet.volume):
        assert [len(trace.x) for trace in exhibit(frames(runs)).figure.data] == [1, 1]


def test_many_categories_are_added_up_and_said():
    """Beyond the most bars, one bar holds the rest."""
    runs = [run(run_id=f"r{k}", agent=f"agent_{k}") for k in range(100)]
    shown = fleet.outcomes(frames(runs))
    assert len(shown.figure.data[0].x) == MOST_BARS + 1
    assert sum(shown.figure.data[0].x) == 100
    assert f"{100 - MOST_BARS} agents" in shown.sentence


def test_what_a_failed_step_carries_counts_too():
    """In every panel the same number of findings."""
    failure = step("e", 1, 2, type="error", status="error", artifacts=[artifact("Step failed")])
    f = frames([run(failure, step("s", 2, 3, artifacts=[artifact("Bare")]))])
    assert "of 2 findings " in fleet.sources(f).sentence
    assert "2 findings have no source" in fleet.look_first(f).sentence
    assert fleet.confidence(f).table["n_artifacts"].sum() == 2
