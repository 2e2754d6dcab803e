"""What many runs show: each exhibit says what is so, for no run, for one, for thousands and for odd ones."""

from __future__ import annotations

import json

import pytest

from runkit.charts import fleet
from runkit.charts.bars import MOST_BARS
from runkit.tables.linked import frames
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
    assert "1 run failed." in said
    assert "1 record of 6 could not be read" in said
    assert "1 run came without steps" in said
    waiting = run(question("q", 10, None), end=None, status="interrupted", updated_at=at(70))
    assert "1 question waits for a person: for 1 min 0 s" in fleet.in_short(frames(waiting)).sentence


def test_look_first_leaves_room_for_each_kind_and_says_what_it_leaves_out():
    """Thirty failed runs do not hide the question that waits, and the ten without a row are counted."""
    failed = [run(run_id=f"f{k}", status="error") for k in range(30)]
    waiting = run(question("q", 10, None), run_id="w", end=None, status="interrupted", updated_at=at(70))
    shown = fleet.look_first(frames([*failed, waiting]))
    assert len(shown.table) == 20
    assert shown.table["kind"].value_counts().to_dict() == {"failed": 19, "waits": 1}
    assert "11 runs whose first reason is “failed”" in shown.sentence


def test_look_first_finds_the_run_that_took_far_longer():
    """One run of an hour among runs of a minute is listed, with what is usual."""
    slow = run(step("x", 0, 3600), run_id="slow", end=3600)
    table = fleet.look_first(frames([*many(20), slow])).table
    assert table["run_id"].tolist() == ["slow"]
    assert table["reason"].tolist() == ["took 1 h 0 min without its waits, where 1 min 0 s is usual"]


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


def test_budget_says_the_share_that_waited():
    """Working, waiting and idle are those of the frames."""
    shown = fleet.budget(frames([run(step("a", 0, 30), question("q", 30, 90)), *many(1)]))
    assert shown.sentence.startswith(
        "Waiting for a person took 38 % of the time of 2 runs: 1 min 0 s of 2 min 40 s"
    )
    assert shown.table.loc[0, ["working_s", "waiting_s", "idle_s"]].tolist() == [90, 60, 10]


def test_waits_tell_pending_answered_lapsed_and_settled_apart():
    """Settled questions are said, not counted; a lapsed one is neither answered nor pending."""
    steps = [question("a", 0, 60), question("s", 60, 61, result={"resolution": "skip"})]
    lapsed = run(question("l", 0, None), run_id="l", status="error")
    shown = fleet.waits(frames([run(*steps), lapsed]))
    assert shown.table[["n_answered", "n_pending", "n_lapsed"]].sum().tolist() == [1, 0, 1]
    assert "the policy settled 1 question (1 by skip)" in shown.sentence


def test_slowest_steps_leave_out_waits_and_containers():
    """The child that worked counts, its container and the question do not."""
    outer = step("o", 0, 50, name="outer", steps=[step("i", 0, 50, name="inner", label="Inner")])
    shown = fleet.slowest_steps(frames(run(outer, question("q", 50, 100))))
    assert shown.table[["name", "label", "n_steps", "critical_s"]].to_numpy().tolist() == [
        ["inner", "Inner", 1, 50]
    ]


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
    assert "1 (33 %) rests on one source only, 1 on none" in shown.sentence


def test_a_part_without_length_has_no_bar():
    """Its outline would be drawn all the same; the agent that did not fail has no orange line."""
    shown = fleet.outcomes(frames([run(agent="a"), run(run_id="e", agent="b", status="error")]))
    assert [list(trace.x) for trace in shown.figure.data] == [[1], [1]]


def test_many_categories_are_added_up_and_said():
    """Beyond the most bars, one bar holds the rest."""
    runs = [run(run_id=f"r{k}", agent=f"agent_{k}") for k in range(100)]
    shown = fleet.outcomes(frames(runs))
    assert len(shown.figure.data[0].x) == MOST_BARS + 1
    assert sum(shown.figure.data[0].x) == 100
    assert f"{100 - MOST_BARS} agents" in shown.sentence
