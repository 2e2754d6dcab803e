"""Panels of many runs: their numbers, for no run, for one, for hundreds and for odd ones."""

from __future__ import annotations

import pytest

from runkit.charts import fleet
from runkit.errors import UsageError
from runkit.tables.frames import frames
from support import artifact, at, question, run, step


def source(name="Register", tier="government", **more):
    """A source of a finding."""
    return {"url": "https://a.example/1", "source_name": name, "source_tier": tier} | more


def found(confidence, *sources):
    """A finding with sources."""
    return artifact(confidence=confidence, sources=list(sources))


def many(n, **more):
    """Runs that are alike."""
    return [run(step(f"s{k}", 0, 60), run_id=f"r{k}", end=60, **more) for k in range(n)]


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
