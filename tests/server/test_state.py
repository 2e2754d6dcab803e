"""The pure function: a run at any instant."""

from uuid import NAMESPACE_DNS, uuid5

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runkit
from runkit.server._plan import Answer, RunSpec, plan_run
from runkit.server._scenarios import AGENTS, BUSINESSES, ORCHESTRATOR, QUESTIONS
from runkit.server._state import state

CREATED = 1_770_000_000_000
MANUAL = {"default": "manual"}
SHORT = [business for business in BUSINESSES if business.scenario != "long_5000"]


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
    """Answer one open question after another, each after a delay."""
    answers: tuple[Answer, ...] = ()
    at = 0
    for delay in delays:
        planned = plan_run(spec, answers)
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


@settings(max_examples=60)
@given(briefs, waits, st.integers(0, 2), st.floats(0, 1))
def test_an_answer_does_not_change_the_past(
    spec: RunSpec, delays: list[int], choice: int, share: float
) -> None:
    """Before an answer, the run with it and the run without it are the same bytes."""
    answers = answered(spec, delays, choice)
    for number, answer in enumerate(answers):
        at = CREATED + int((answer.at - 1 - CREATED) * share)
        known, unknown = (state(plan_run(spec, given), at) for given in (answers, answers[:number]))
        assert orjson.dumps(known) == orjson.dumps(unknown)


@pytest.mark.parametrize("steps", [200, 5000])
def test_long_runs_have_their_number_of_steps(steps: int) -> None:
    """A long run has exactly as many steps as it says, three levels deep, of four agents."""
    business = next(item for item in BUSINESSES if item.scenario == f"long_{steps}")
    run_id = str(uuid5(NAMESPACE_DNS, business.id))
    planned = plan_run(RunSpec(run_id, run_id, ORCHESTRATOR, business.id, "0", CREATED, MANUAL), ())
    frame = runkit.frames(state(planned, planned.changes[-1])).steps
    assert (len(frame), frame["depth"].max()) == (steps, 2)
    assert set(frame["agent"]) == set(AGENTS)
