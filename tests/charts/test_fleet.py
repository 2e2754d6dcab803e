"""Panels of many runs: their numbers, for no run, for one, for hundreds and for odd ones."""

from __future__ import annotations

from runkit.charts import fleet
from runkit.tables.read_frames import frames
from support import artifact, at, question, run, step

SOURCE = {"url": "https://a.example/1", "source_name": "Register", "source_tier": "government"}


def failed(n, label):
    """A run that ended with an error."""
    cause = step(f"e{n}", 0, 5, type="error", status="error", label=label)
    return run(cause, run_id=f"f{n}", status="error", created_at=at(n))


def waiting(n, waited=60, **more):
    """A run whose question has waited so many seconds."""
    pending = question(f"q{n}", 10, None, label="Is it so?")
    read = {"read_at": at(10 + waited)}
    return run(pending, run_id=f"w{n}", end=None, status="interrupted", _runkit=read) | more


def completed(run_id, title="Fine", sure="high", steps=()):
    """A completed run with a finding and an output of this confidence."""
    found = artifact(title, confidence=sure or "high", sources=[SOURCE])
    output = {"artifacts": [artifact("Summary", confidence=sure)]}
    return run(step("a", artifacts=[found]), *steps, run_id=run_id, output=output)


def needs(*runs):
    """What needs attention."""
    return fleet.needs_attention(frames(list(runs)))


def timed(run_id, look_s, wait_s=0, status="completed"):
    """A run with two steps, and a question if it waited."""
    end = 5 + look_s + wait_s
    steps = [
        step("p", 0, 5, name="plan"),
        step("l", 5, 5 + look_s, name="look_up", label="Looking up"),
    ]
    steps += [question("q", 5 + look_s, end, label="Approve?")] if wait_s else []
    return run(*steps, run_id=run_id, end=end, status=status)


USUAL = [timed(name, look_s) for name, look_s in zip("abcde", (20, 22, 18, 21, 19), strict=True)]


def grouped(run_id, end):
    """A run in which a group works itself, but for a child of a minute."""
    group = step("g", 0, end, name="group", steps=[step("c", 0, 60)])
    return run(group, run_id=run_id, end=end)


def slowness(source, *others):
    """What is said of a run beside others."""
    return fleet.why_slow(frames([source, *others]), source["id"]).sentence


def test_kinds_of_steps_without_names_are_known_by_their_labels():
    """The own time of the group is 9 of 12 seconds in each of two runs."""
    lookup = step("b", 2, 5, name=None, label="Lookup", parent_step_id="a")
    runs = [
        run(step("a", 0, 12, name=None, label="Review", steps=[lookup]), run_id=n) for n in "xy"
    ]
    table = fleet.slowest_steps(frames(runs)).table.set_index("label")
    assert table["critical_s"].to_dict() == {"Review": 18, "Lookup": 6}
