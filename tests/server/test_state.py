"""The pure function: a run at any instant."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runkit.server.plan import Answer, Plan, RunSpec, plan
from runkit.server.scenarios import AGENTS, BUSINESSES, ORCHESTRATOR, QUESTIONS, iso
from runkit.server.state import state

CREATED = 1_770_000_000_000
MANUAL = {"default": "manual"}
SHORT = [business for business in BUSINESSES if business.scenario != "long_5000"]
NEW = ("two_at_once", "add_attributes", "object_page")  # scenarios that 0.1 does not have
DIGEST = "d7076583cea41b70"  # of version 0.1
briefs = st.builds(
    lambda business, agent, seed: RunSpec(
        str(uuid5(NAMESPACE_DNS, f"{business.id}/{agent}/{seed}")),
        str(uuid5(NAMESPACE_DNS, "thread")),
        agent,
        business.id,
        str(seed),
        CREATED,
        MANUAL,
    ),
    st.sampled_from(SHORT),
    st.sampled_from(list(AGENTS)),
    st.integers(0, 50),
)
waits = st.lists(st.integers(1, 90_000_000), min_size=2, max_size=2)


def answered(spec: RunSpec, delays: list[int], choice: int) -> tuple[Answer, ...]:
    """Answer one open question after another, each after a delay, with the same choice among the verdicts."""
    answers: tuple[Answer, ...] = ()
    at = 0
    for delay in delays:
        planned = plan(spec, answers)
        if planned.status == "interrupted":
            interrupt = next(entry for entry in planned.interrupts if entry.answered_at is None)
            at = max(at, interrupt.asked_at) + delay
            verdicts = {
                agent: list(QUESTIONS[question].outcomes)[
                    choice % len(QUESTIONS[question].outcomes)
                ]
                for agent, question in interrupt.questions.items()
            }
            answers += (Answer(interrupt.item["id"], at, verdicts, {}, {}),)
    return answers


def last_instant(planned: Plan) -> int:
    return planned.changes[-1] + 1000


def walk(
    steps: list[dict[str, Any]], parent: dict[str, Any] | None = None
) -> Iterator[tuple[Any, Any]]:
    for step in steps:
        yield step, parent
        yield from walk(step["steps"], step)


@settings(max_examples=60)
@given(briefs, waits, st.integers(0, 2), st.floats(0, 1))
def test_steps_lie_within(spec: RunSpec, delays: list[int], choice: int, share: float) -> None:
    """At every instant each step lies within its run, and each child within its parent."""
    answers = answered(spec, delays, choice)
    at = CREATED + int((last_instant(plan(spec, answers)) - CREATED) * share)
    run = state(plan(spec, answers), at)
    for step, parent in walk(run["steps"]):
        outer_start, outer_end = (run["started_at"], run["ended_at"])
        if parent:
            outer_start, outer_end = parent["started_at"], parent["completed_at"]
        assert step["run_id"] == run["id"]
        assert outer_start <= step["started_at"] <= iso(at)
        if outer_end:
            assert step["completed_at"]
            assert step["completed_at"] <= outer_end
    if "output" in run:
        assert (run["output"] is not None) == (run["status"] == "completed")
    assert bool(run["interrupts"]) == (run["status"] == "interrupted")


@settings(max_examples=60)
@given(briefs, waits, st.integers(0, 2), st.floats(0, 1))
def test_an_answer_does_not_change_the_past(
    spec: RunSpec, delays: list[int], choice: int, share: float
) -> None:
    """Before an answer, the run with it and the run without it are the same bytes."""
    answers = answered(spec, delays, choice)
    for number, answer in enumerate(answers):
        at = CREATED + int((answer.at - 1 - CREATED) * share)
        known, unknown = (state(plan(spec, given), at) for given in (answers, answers[:number]))
        assert orjson.dumps(known) == orjson.dumps(unknown)


def brief_of(scenario: str, seed: str = "0/1") -> RunSpec:
    business = next(business for business in BUSINESSES if business.scenario == scenario)
    run_id = str(uuid5(NAMESPACE_DNS, scenario))
    return RunSpec(run_id, run_id, ORCHESTRATOR, business.id, seed, CREATED, MANUAL)


def test_runs_are_those_of_the_first_version() -> None:
    """Equal specs and answers give the steps of 0.1: ids, names and times; only texts have changed."""
    digest = sha256()
    for business in [entry for entry in SHORT if entry.scenario not in NEW]:
        for agent in AGENTS:
            spec = brief_of(business.scenario)._replace(agent=agent)
            planned = plan(spec, answered(spec, [60_000, 90_000_000], 0))
            for step in planned.steps:
                digest.update(f"{step.id} {step.name} {step.start} {step.end}\n".encode())
    assert digest.hexdigest()[:16] == DIGEST


@pytest.mark.parametrize("steps", [200, 5000])
def test_long_runs_have_their_number_of_steps(steps: int) -> None:
    """A long run has exactly as many steps as it says, three levels deep, of four agents."""
    planned = plan(brief_of(f"long_{steps}"), ())
    run = state(planned, planned.changes[-1])
    depth = {None: 0}
    for step, parent in walk(run["steps"]):
        depth[step["id"]] = depth[parent["id"] if parent else None] + 1
    assert len(depth) - 1 == steps
    assert max(depth.values()) == 3
    assert {step.agent for step in planned.steps} == set(AGENTS)
