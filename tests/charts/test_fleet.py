"""Panels of many runs: their numbers, for no run, for one, for hundreds and for odd ones."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from runkit.charts import fleet, one_run
from runkit.errors import UsageError
from runkit.tables.frames import frames
from support import artifact, at, example, question, run, step

PANELS = [getattr(fleet, name) for name in fleet.__all__]
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


@pytest.mark.parametrize(
    "source", [[], [example("minimal")], [example("completed")], [example("interrupted")], ODD, many(60)]
)
def test_every_panel_takes_any_runs(source):
    """A sentence, a table and a private, bounded figure without a complaint, whatever the runs hold."""
    f = frames(source)
    for shown in [panel(f) for panel in PANELS]:
        assert shown.sentence.endswith(".")
        assert "nan" not in shown.sentence.split()
        assert "–" not in shown.sentence or source is ODD  # where labels may be missing
        if shown.figure is not None:
            meta = shown.figure.layout.meta
            assert shown.figure.layout.yaxis.fixedrange  # a drag cannot crush its rows
            assert meta["summary"] == shown.sentence
            assert shown.sentence in meta["alt"]
            assert shown.figure.layout.height <= 1_100
            assert shown.figure.layout.width is None


def test_a_question_that_cannot_be_read_is_not_denied():
    """An interrupted run waits for something, whatever its list of questions holds."""
    runs = [run(step("s"), end=None, status="interrupted", interrupts=odd) for odd in ([], ["?"])]
    for f in map(frames, runs):
        assert fleet.look_first(f).table["next_step"].iloc[0] == "Answer"


def failed(n, label, **more):
    """A run that ended with an error."""
    cause = step(f"e{n}", 0, 5, type="error", status="error", label=label)
    return run(cause, run_id=f"f{n}", status="error", created_at=at(n)) | more


def waiting(n, waited=60):
    """A run whose question has waited so many seconds."""
    asked = question(f"q{n}", 10, None, label="Is it so?")
    read = {"read_at": at(10 + waited)}
    return run(asked, run_id=f"w{n}", end=None, status="interrupted", _runkit=read)


def completed(run_id, *artifacts, sure="high", steps=()):
    """A completed run that found these artifacts and delivered an output with this confidence."""
    output = {"artifacts": [artifact("Summary", confidence=sure)]}
    return run(step("a", artifacts=list(artifacts)), *steps, run_id=run_id, output=output)


def todo(*runs):
    """Next steps and runs of the table."""
    table = fleet.look_first(frames(list(runs))).table
    return list(zip(table["next_step"], table["run_id"], strict=True))


def test_failures_with_the_same_error_are_one_row():
    """It counts them and names the newest; the question that waits comes before it."""
    runs = [failed(n, "The register did not answer") for n in range(6)]
    table = fleet.look_first(frames([*runs, failed(9, "No such business"), waiting(1)])).table
    assert table["n_runs"].tolist() == [1, 6, 1]
    assert table["run_id"].tolist() == ["w1", "f5", "f9"]
    assert table["next_step"].tolist() == ["Answer", "Check the error", "Check the error"]
    assert table["status"].tolist() == ["interrupted", "error", "error"]


def test_the_longest_wait_comes_first():
    """With the time since when it was asked."""
    table = fleet.look_first(frames([waiting(1, 60), waiting(2, 7_200)])).table
    assert table["run_id"].tolist() == ["w2", "w1"]
    assert table["age_s"].tolist() == [7_200, 60]
    assert {f"{when:%H:%M:%S}" for when in table["since"]} == {"10:00:10"}


def test_each_reason_has_room_and_what_is_left_out_is_said():
    """Thirty waiting questions do not hide the failed run."""
    panel = fleet.look_first(frames([*(waiting(n) for n in range(30)), failed(1, "No answer")]))
    assert panel.table["next_step"].value_counts().tolist() == [19, 1]
    assert panel.sentence.startswith("20 of 31 shown")


def test_completed_runs_that_need_somebody():
    """High confidence on weak sources, then failed steps, then low confidence, then none."""
    blog = source("Blog", "secondary")
    bad = step("e", 5, 6, type="error", status="error", label="No answer")
    runs = [
        completed("fine", found("high", source(), blog)),
        completed("none", sure=None),
        completed("low", sure="low"),
        completed("steps", steps=[bad]),
        completed("weak", found("high", blog)),
        completed("bare", found("high"), found("high")),
    ]
    assert todo(*runs)[:5] == [
        ("Check the evidence", "bare"),
        ("Check the evidence", "weak"),
        ("Check the failed steps", "steps"),
        ("Read the findings", "low"),
        ("Read the findings", "none"),
    ]
    assert todo(runs[0]) == []
    assert fleet.look_first(frames(runs[0])).sentence == "You're all caught up."


def test_decisions_of_the_policy_and_findings_without_a_source_are_listed():
    """Each is a row with its runs."""
    by_policy = question("s", 60, 61, label="Dismiss it?", result={"resolution": "auto_approve"})
    bare = step("a", artifacts=[artifact("Bare", confidence="medium"), found("high", source())])
    assert todo(run(by_policy, run_id="p"), run(bare, run_id="b")) == [
        ("Check the decision", "p"),
        ("Ask for evidence", "b"),
    ]


def test_expired_questions_and_unreadable_data_are_listed():
    """The run that ended without an answer, and the record that is not in the frames."""
    asked = question("q", 10, None)
    expired = run(asked, run_id="x", status="error")
    bad = run(run_id="bad", created_at=5)
    assert {("Decide what was left open", "x"), ("Check the data", "bad")} <= set(todo(expired, bad))


def test_a_row_names_the_business_or_the_agent():
    """As far as the data knows it: no title, website or question is a business."""
    f = frames([waiting(1), waiting(2)])
    names = pd.Series({"w1": "Acme LLC"}, dtype="str").reindex(f.runs["run_id"]).array
    table = fleet.look_first(replace(f, runs=f.runs.assign(business_name=names))).table.set_index("run_id")
    assert table["business_name"].dropna().to_dict() == {"w1": "Acme LLC"}
    assert set(table["agent_name"]) == {"CIP Orchestrator"}


def test_a_run_that_took_far_longer_is_listed():
    """One run of an hour among runs of a minute."""
    slow = run(step("x", 0, 3600), run_id="slow", end=3600)
    assert todo(*many(20), slow) == [("See why it was slow", "slow")]


def test_a_slow_run_is_compared_with_the_others_of_its_agent():
    """Steps, work and waits beside medians and 90th percentiles; another agent's runs do not count."""
    slow = run(*[step(f"s{n}", n * 60, n * 60 + 60) for n in range(4)], run_id="slow", end=240)
    other = run(step("x", 0, 90), run_id="other", end=90, agent="tin_verification")
    f = frames([*many(10), slow, other])
    for panel in (fleet.why_slow(f), fleet.why_slow(f, "slow")):
        rows = panel.table.set_index("group")
        assert rows["n_runs"].tolist() == [1, 10, 10]
        assert rows["n_steps"].tolist() == [4, 1, 1]
        assert rows["working_s"].tolist() == [240, 60, 60]
    alone = fleet.why_slow(f, "other")
    assert alone.table["n_runs"].tolist() == [1]
    assert "no other run" in alone.sentence
    with pytest.raises(UsageError):
        fleet.why_slow(f, "unknown-run")


def test_a_slow_run_names_the_step_that_took_most_extra_time():
    """By its own time above the median of that step; a completed run is compared with completed ones."""

    def timed(run_id, look_s, status="completed"):
        steps = [step("p", 0, 5, name="plan"), step("l", 5, 5 + look_s, name="look_up", label="Looking up")]
        return run(*steps, run_id=run_id, end=5 + look_s, status=status)

    usual = [timed("a", 20), timed("b", 22), timed("c", 18), timed("failed", 1, "error")]
    panel = fleet.why_slow(frames([timed("slow", 58), *usual]), "slow")
    assert panel.table["n_runs"].tolist() == [1, 3, 3]
    assert panel.sentence.endswith("; most extra time: Looking up (CIP Orchestrator), 58 s, median 20 s.")
    only = run(step("x", 0, 9, name="extra", label="Again"), run_id="only", end=9)
    panel = fleet.why_slow(frames([only, *usual]), "only")
    assert "Again (CIP Orchestrator), 9 s, median 0 s" in panel.sentence


def test_outcomes_add_up():
    """Every run is in one row, and the shares of an agent's runs make 100%."""
    table = fleet.outcomes(frames([*many(3), run(run_id="e", status="error")])).table
    assert table["n_runs"].tolist() == [3, 1]
    assert table["runs_percent"].tolist() == [75, 25]
    assert table.loc[0, ["median_s", "p90_s", "longest_s", "total_s"]].tolist() == [60, 60, 60, 180]


def test_waits_tell_pending_answered_expired_and_settled_apart():
    """What the policy settled is not counted; an expired question is neither answered nor pending."""
    steps = [question("a", 0, 60), question("s", 60, 61, result={"resolution": "skip"})]
    expired = run(question("l", 0, None), run_id="l", status="error")
    panel = fleet.waits(frames([run(*steps), expired]))
    assert panel.table[["n_answered", "n_pending", "n_lapsed"]].sum().tolist() == [1, 0, 1]
    assert "1 decided by policy" in panel.sentence


def test_buckets_of_waits_fit_the_data():
    """Ninety waits of seconds and four of days are not all in one bucket, and all are in one."""
    short = [question(f"q{n}", n * 100, n * 100 + 5 + n) for n in range(90)]
    long = [question(f"l{n}", 10_000, 10_000 + (n + 1) * 86_400) for n in range(4)]
    panel = fleet.waits(frames(run(*short, *long, end=400_000)))
    by_bucket = panel.table.groupby("wait")["n_questions"].sum()
    assert by_bucket.sum() == 94
    assert by_bucket.max() < 60
    assert sum(sum(trace.x) for trace in panel.figure.data[:-1]) == 94


def test_slowest_steps_leave_out_waits_and_containers():
    """The child that worked counts, its container and the question do not; its bar names its agent."""
    outer = step("o", 0, 50, name="outer", steps=[step("i", 0, 50, name="inner", label="Inner")])
    panel = fleet.slowest_steps(frames(run(outer, question("q", 50, 100))))
    columns = ["name", "label", "n_steps", "n_runs", "p90_s", "total_s", "critical_s"]
    assert panel.table[columns].to_numpy().tolist() == [["inner", "Inner", 1, 1, 50, 50, 50]]
    assert panel.figure.data[1].text[0] == "Inner (CIP Orchestrator) · 50 s in 1 run"
    assert panel.sentence.startswith("1 step without child steps, of 1 kind: ")


def test_the_slowest_of_many_kinds_say_what_they_add_up():
    """A bar is the total of its runs, and the axis says how many kinds are left out."""
    steps = [step(f"s{n}", n, n + 1, name=f"n{n}") for n in range(17)]
    runs = [run(*steps, run_id=run_id, end=17) for run_id in ("r", "s")]
    figure = fleet.slowest_steps(frames(runs)).figure
    assert figure.data[1].text[0].endswith(" · 2 s in 2 runs")
    assert figure.layout.xaxis.title.text == "total on the critical path · 15 of 17 kinds shown"


def test_failed_steps_are_counted_with_the_runs_that_completed():
    """By agent, name and label; the newest run stands for them, containers are left out."""
    bad = step("b", 5, 10, status="error", name="look_up", label="Looking up")
    outer = step("o", 0, 10, status="error", name="outer", steps=[bad])
    runs = [
        run(outer, run_id="old"),
        run(outer | {"started_at": at(1)}, run_id="new", status="error", start=1),
        run(step("a"), run_id="fine"),
    ]
    panel = fleet.failed_steps(frames(runs))
    [row] = panel.table.to_dict("records")
    assert [row[name] for name in ("name", "n_steps", "n_runs", "n_completed")] == ["look_up", 2, 2, 1]
    assert panel.sentence == "2 failed steps in 2 of 3 runs. 1 of these runs completed."


def test_failed_steps_have_the_name_of_their_newest_run():
    """Where it has none, not that of an older run."""
    bad = step("b", 5, 10, status="error")
    f = frames([run(bad, run_id="old"), run(bad | {"started_at": at(6)}, run_id="new")])
    named = f.runs.assign(business_name=f.runs["run_id"].map({"old": "Old Business"}).astype("str"))
    [row] = fleet.failed_steps(replace(f, runs=named)).table.to_dict("records")
    assert (row["run_id"], pd.isna(row["business_name"])) == ("new", True)


def test_a_failure_counts_once():
    """The call that failed, with what the error step after it says; an error step alone is one, too."""
    call = step("c", 5, 10, status="error", label="Looking up")
    error = step("e", 10, 10, type="error", status="error", label="No answer")
    outer = step("o", 0, 10, status="error", steps=[call, error])
    alone = step("a", 2, 2, type="error", status="error", label="Stopped")
    f = frames(run(alone, outer, status="error"))
    panel = fleet.failed_steps(f)
    assert panel.sentence == "2 failed steps in 1 of 1 run."
    known = panel.table.set_index("label")["error"].fillna("")
    assert known.to_dict() == {"Looking up": "No answer", "Stopped": "Stopped"}
    completed = fleet.look_first(frames(run(outer))).table
    assert completed["reason"].tolist() == ["1 failed: Looking up"]


def test_the_record_of_an_error_is_no_finding():
    """It is none in any panel: neither a sure one, nor one without a source."""
    record = artifact("Step failed", confidence="high")
    failure = step("e", 1, 2, type="error", status="error", artifacts=[record])
    f = frames([run(failure, step("s", 2, 3, artifacts=[artifact("Bare", confidence="low")]))])
    assert fleet.evidence(f).table["title"].tolist() == ["Bare"]
    assert "overconfident" not in fleet.look_first(f).sentence
    assert one_run.found(f).table["title"].tolist() == ["Bare"]
