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
    status = was["status"] if was else None
    before, after = (
        {item["id"] for item in (run or {}).get("interrupts", ())} for run in (was, now)
    )
    rules = {
        "newly waiting": after - before,
        "failed": now["status"] == "error" != status,
        "answered": before - after,
        "completed": now["status"] == "completed" and status not in ("completed", "error"),
        "new": was is None,
    }
    return next((change for change, applies in rules.items() if applies), None)


@pytest.fixture(scope="module")
def states() -> list[list[Json]]:
    """The runs of a sandbox at five times, with answers in between."""
    choose = random.Random(3)
    states = []
    with (
        runkit.sandbox(history=30, seed=4, now="2026-11-28T09:00:00Z", speed=5000) as box,
        box.client() as client,
    ):
        businesses = client.businesses.list()[:8]
        for number in range(5):
            runs = client.runs.fetch(client.runs.list(), progress=False)
            read = {"_runkit": {"read_at": str(runs.now())}}
            states.append([item.to_dict() | read for item in runs])
            for waiting in [item for item in runs if item.interrupts][number::5]:
                for item in waiting.interrupts:
                    is_decision = item.value["type"] == "decision"
                    word = "rejected" if is_decision else "reject"
                    client.runs.resume(waiting, item.id, {"decision": word, "note": "Not enough."})
            for business in choose.sample(list(businesses), 3):
                client.runs.wait(client.runs.create("cip_orchestrator", business_id=business.id))
    return states


@pytest.mark.parametrize(("first", "second"), [(0, 1), (0, 4), (2, 3)])
def test_each_run_has_its_strongest_change(
    states: list[list[Json]], first: int, second: int
) -> None:
    was = {item["id"]: item for item in states[first]}
    expected = {item["id"]: expected_change(was.get(item["id"]), item) for item in states[second]}
    found = runkit.changes(states[first], states[second])
    assert found.set_index("run_id")["change"].astype(str).to_dict() == {
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


@pytest.mark.parametrize(
    "fields", [lambda time: {"_runkit": {"read_at": time}}, lambda time: {"updated_at": time}]
)
def test_the_later_state_comes_second(fields: Any) -> None:
    """By the times of reading, else by those of the runs."""
    states = [run(**fields(at(seconds))) for seconds in (200, 300)]
    assert runkit.changes(*states).empty
    with pytest.raises(UsageError, match="swap them"):
        runkit.changes(*reversed(states))


def test_the_sentence_says_what_waits_now() -> None:
    found = runkit.changes(run(run_id="b"), [run(run_id="b"), waiting(id="r")])
    assert "1 question waiting now" in found.attrs["sentence"]
