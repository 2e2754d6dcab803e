"""The numbers of the six frames, worked out by hand, and nothing left out without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import runkit
from support import artifact, at, question, run, step
from tests.client.conftest import Answer, Server, client, fake_time, make_client, server

__all__ = ["client", "fake_time", "make_client", "server"]
BUDGET = ["duration_s", "waiting_s", "working_s", "idle_s", "overlap_s"]


def budget(source: Any, **options: Any) -> list[float]:
    """Where the time of the only run went."""
    [numbers] = runkit.frames(source, **options).runs[BUDGET].values.tolist()
    return list(numbers)


# -------------------------------------------------------------------------------------------- times


def test_a_step_with_children_is_at_work() -> None:
    """An orchestrator's step over 90 of 100 s with 30 s of work in it: 90 s working, 10 s idle."""
    inner = [step("a", 10, 30), step("b", 50, 60)]
    assert budget(run(step("all", 0, 90, steps=inner))) == [100, 0, 90, 10, 0]


def test_two_questions_at_once_are_waited_for_once() -> None:
    """10 to 50 and 30 to 60 are 50 s of waiting; work of 20 to 40 meanwhile is overlap."""
    steps = [question("q1", 10, 50), question("q2", 30, 60), step("w", 20, 40)]
    assert budget(run(*steps)) == [100, 50, 0, 50, 20]


def test_an_open_step_is_work_until_the_run_is_measured() -> None:
    """It is in the frame, still open, and its time counts to `as_of`."""
    f = runkit.frames(run(step("a", 0, 10), step("b", 40, None), end=None), as_of=at(100))
    assert f.steps[["step_id", "is_open", "duration_s"]].values.tolist() == [
        ["a", False, 10],
        ["b", True, 60],
    ]
    assert f.runs[BUDGET].values.tolist() == [[100, 0, 70, 30, 0]]


def test_a_run_has_the_same_numbers_in_any_company() -> None:
    """An open run is measured at its own newest time, whatever its neighbors did since."""
    mine, other = run(step("a", 0, 20), end=None), run(step("b", 0, 900), run_id="other", end=900)
    assert runkit.frames([mine, other]).runs["duration_s"].tolist() == [20, 900]


def test_steps_that_were_not_delivered_are_not_idle_time() -> None:
    """The object page and webhooks show an ended run with an empty list.

    Where the time went is not known.
    """
    f = runkit.frames(run(end=100))
    assert f.runs[["has_steps", "duration_s"]].values.tolist() == [[False, 100]]
    assert f.runs[["working_s", "waiting_s", "idle_s"]].isna().all(axis=None)


def test_overlapping_children_are_taken_off_once() -> None:
    """Children of 10 to 60 and 40 to 90 leave 20 of 100 s to their parent."""
    f = runkit.frames(run(step("p", 0, 100, steps=[step("a", 10, 60), step("b", 40, 90)])))
    assert f.steps.set_index("step_id")["self_s"].to_dict() == {"p": 20, "a": 50, "b": 50}


def test_the_critical_path_changes_over_where_the_next_step_begins() -> None:
    """Back from the end: c from 60, b from 30 to 60, a to 30.

    D was over before anybody waited for it.
    """
    steps = [step("a", 0, 50), step("b", 30, 70), step("c", 60, 100), step("d", 61, 90)]
    f = runkit.frames(run(*steps))
    assert f.steps["critical_s"].tolist() == [30, 30, 40, 0]
    assert f.steps["is_critical"].tolist() == [True, True, True, False]


def test_frames_do_not_depend_on_the_machine(server: Server, client: runkit.Client) -> None:
    """Who answered from here is joined only where it is asked for."""
    answered, item = run(question("q", 10, 30), end=100), {"id": "q", "value": {"type": "decision"}}
    asking = run(question("q", 10, None), end=None, status="interrupted", interrupts=[item])
    server.script = lambda request: Answer(answered)
    client.runs.resume(runkit.Run.from_json(asking), "q", {"decision": "approved"})
    who = runkit.answer_log()["answered_by"].iloc[0]
    assert runkit.frames(answered).interrupts["answered_by"].isna().all()
    joined = runkit.frames(answered, answers=runkit.answer_log()).interrupts
    assert joined[["answered_by", "decision"]].values.tolist() == [[who, "approved"]]


# -------------------------------------------------------------------------------- who belongs where


@pytest.mark.parametrize("n_runs", [2, 1700])
def test_sources_stand_with_their_own_finding(n_runs: int) -> None:
    """Each finding keeps its own evidence, in few runs and in more than are read at once."""

    def found(name: str, n: int) -> dict[str, Any]:
        title = f"{name}-{n}"
        return artifact(title, sources=[{"url": f"https://{title}.example/{k}"} for k in range(n)])

    f = runkit.frames(
        run(step("a", artifacts=[found(name, n) for n in (2, 0, 3, 1)]), run_id=name)
        for name in (f"r{number}" for number in range(n_runs))
    )
    joined = f.sources.drop(columns="title").merge(f.artifacts, on=["run_id", "artifact_no"])
    assert len(joined) == len(f.sources) == 6 * n_runs
    assert (joined["host"] == joined["title"] + ".example").all()
    assert (f.sources["host"] == f.sources["title"] + ".example").all()
    assert (f.artifacts.groupby("run_id")["n_sources"].sum() == 6).all()


# ---------------------------------------------------------------------------- nothing goes silently


def test_a_broken_line_is_counted_and_costs_no_other() -> None:
    """One of three lines is no JSON.

    Two runs, one refused record, a row in `problems`, not complete.
    """
    lines = [json.dumps(run(run_id="a")), '{"object": "run", "id": ', json.dumps(run(run_id="b"))]
    f = runkit.frames("\n".join(lines).encode())
    assert f.runs["run_id"].tolist() == ["a", "b"]
    assert (f.coverage.seen, f.coverage.kept, f.coverage.refused) == (3, 2, 1)
    assert f.problems["problem"].tolist() == ["bad_json"]
    assert not f.is_complete


def test_many_problems_of_a_kind_are_counted_exactly() -> None:
    """In each of 200 runs, 8 steps of an unknown type are one row with their number."""
    steps = [step(f"s{n}", type="tool_call") for n in range(8)]
    f = runkit.frames([run(*steps, run_id=f"r{k}") for k in range(200)])
    assert f.problems[["problem", "n"]].values.tolist() == [["unknown_value", 8]] * 200
    assert len(f.steps) == 1600


def test_saved_frames_know_that_they_are_not_whole(tmp_path: Path) -> None:
    """What was refused is still said after `save` and `read`."""
    f = runkit.frames([run(), {"object": "thread"}])
    again = runkit.frames(f.save(tmp_path / "frames"))
    assert not f.is_complete
    assert not again.is_complete
    assert again.coverage == f.coverage


def test_hostile_text_is_text_in_html() -> None:
    text = "<img src=x onerror=alert(1)><b>bold</b>"
    html = runkit.frames(run(run_id=text, agent=text, status=text))._repr_html_()
    assert "bold" in html
    assert "<img" not in html
    assert "<b>bold" not in html
