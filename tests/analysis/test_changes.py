"""What has changed between two states of some runs."""

from __future__ import annotations

import random
from typing import Any

import pytest

import runkit
from runkit.errors import UsageError
from support import at, question, run, step

Json = dict[str, Any]


def expected_change(was: Json | None, now: Json) -> str | None:
    """The rule of the page, read from the API's JSON by itself."""
    before = {item["id"] for item in was["interrupts"]} if was else set()
    asks = {item["id"] for item in now["interrupts"]}
    if asks - before:
        return "newly waiting"
    if now["status"] == "error" and (was is None or was["status"] != "error"):
        return "failed"
    if before - asks:
        return "answered"
    if now["status"] == "completed" and (
        was is None or was["status"] not in ("completed", "error")
    ):
        return "completed"
    return "new" if was is None else None


@pytest.fixture(scope="module")
def states() -> list[list[Json]]:
    """The runs of a sandbox at five times, with answers in between."""
    choose = random.Random(3)
    with (
        runkit.sandbox(history=30, seed=4, now="2026-11-28T09:00:00Z", speed=5000) as box,
        box.client() as c,
    ):
        businesses = c.businesses.list()
        states = []
        for number in range(5):
            runs = c.runs.fetch(c.runs.list(), progress=False)
            states.append(
                [each.to_dict() | {"_runkit": {"read_at": str(runs.now())}} for each in runs]
            )
            for waiting in [each for each in runs if each.interrupts][number::5]:
                for item in waiting.interrupts:
                    is_decision = runkit.frames(waiting).interrupts["kind"].eq("decision").any()
                    word = "rejected" if is_decision else "reject"
                    c.runs.resume(waiting, item.id, {"decision": word, "note": "Not enough."})
            for business in choose.sample(list(businesses)[:8], 3):
                c.runs.wait(c.runs.create("cip_orchestrator", business_id=business.id))
    return states


@pytest.mark.parametrize(("first", "second"), [(0, 1), (0, 4), (1, 3), (2, 3), (3, 4)])
def test_each_run_has_its_strongest_change(
    states: list[list[Json]], first: int, second: int
) -> None:
    was = {each["id"]: each for each in states[first]}
    expected = {each["id"]: expected_change(was.get(each["id"]), each) for each in states[second]}
    found = runkit.changes(states[first], states[second])
    assert dict(zip(found["run_id"], found["change"].astype("str"), strict=True)) == {
        run_id: change for run_id, change in expected.items() if change
    }
    assert found["when"].notna().all()
    assert found["change"].is_monotonic_increasing


def waiting(**fields: Any) -> Json:
    items = [{"id": "q", "label": "Approve?"}]
    source = run(step("a", 0, 10), question("q", 10, None), status="interrupted", interrupts=items)
    return source | {"ended_at": None} | fields


def test_a_question_is_the_same_when_it_is_answered() -> None:
    answered = run(step("a", 0, 10), question("q", 10, 40, result={"interrupt_id": "q"}))
    [row] = runkit.changes(waiting(), answered).to_dict("records")
    assert (row["change"], row["before"]) == ("answered", "Approve?")
    assert row["when"] == runkit.frames(answered).interrupts["answered_at"].iloc[0]


def test_a_change_of_confidence_is_the_weakest_change() -> None:
    def done(confidence: str) -> Json:
        return run(output={"artifacts": [{"title": "T", "type": "t", "confidence": confidence}]})

    [row] = runkit.changes(done("low"), done("high")).to_dict("records")
    assert (row["change"], row["before"], row["after"]) == (
        *("confidence changed", "Completed, low", "Completed, high"),
    )


def test_another_selection_is_no_change() -> None:
    """Of runs that were there before, the sentence says that only one of the two has them."""
    both = [run(run_id=name) for name in "abc"]
    found = runkit.changes(both[:2], both[1:])
    assert found.empty
    assert "1 other run only before. 1 other run only now." in found.attrs["sentence"]


def test_the_later_state_comes_second() -> None:
    states = [run(_runkit={"read_at": at(seconds)}) for seconds in (200, 300)]
    assert runkit.changes(*states).empty
    with pytest.raises(UsageError, match="swap them"):
        runkit.changes(*reversed(states))


def test_the_sentence_says_what_waits_now() -> None:
    found = runkit.changes(run(run_id="b"), [run(run_id="b"), waiting(id="r")])
    assert "1 question waiting now" in found.attrs["sentence"]
