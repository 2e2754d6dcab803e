"""A run that is made from recordings, at any instant."""

from uuid import NAMESPACE_DNS, uuid5

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runkit
from runkit.server._recordings import DESCRIPTIONS, ORCHESTRATOR, packaged, walk
from runkit.server._replay import NEVER, Answer, RunSpec, cut, pending, place

CREATED = 1_770_000_000_000
RECORDED = [business for business in packaged() if business.recordings]
ANSWERED = [business for business in RECORDED if not business.is_form]


def spec_of(business, seed):
    run_id = str(uuid5(NAMESPACE_DNS, f"{business.id}/{seed}"))
    return RunSpec(run_id, run_id, ORCHESTRATOR, business.id, str(seed), CREATED)


def placed(business, seed, answers=()):
    return place(business.recordings, spec_of(business, seed), answers, spread=0.4)


def answered(business, seed, delays, choice):
    """Answer one open question after another, each after a delay."""
    answers = ()
    for delay in delays:
        run = placed(business, seed, answers)
        open_items = [item for item in run.interrupts if item.answered_at == NEVER]
        if open_items:
            latest = max([int(open_items[0].asked_at), *(answer.at for answer in answers)])
            verdicts = {
                agent: words[choice % len(words)] for agent, words in open_items[0].verdicts.items()
            }
            answers += (Answer(open_items[0].item["id"], latest + delay, verdicts, {}, {}),)
    return answers


@settings(max_examples=60)
@given(
    st.sampled_from(RECORDED),
    st.integers(0, 50),
    st.lists(st.integers(1, 90_000_000), min_size=2, max_size=2),
    st.integers(0, 2),
    st.floats(0, 1),
)
def test_an_answer_does_not_change_the_past(business, seed, delays, choice, share):
    """Before an answer, the run with it and the run without it are the same bytes."""
    answers = answered(business, seed, delays, choice)
    for number, answer in enumerate(answers):
        at = CREATED + int((answer.at - 1 - CREATED) * share)
        known, unknown = (
            cut(placed(business, seed, given), at) for given in (answers, answers[:number])
        )
        assert orjson.dumps(known) == orjson.dumps(unknown)


@pytest.mark.parametrize("business", ANSWERED, ids=lambda business: business.scenario)
def test_each_recording_is_played_by_its_verdicts(business):
    for recording in business.recordings:
        answers = ()
        for number, verdicts in enumerate(recording.answers.values(), 1):
            at = CREATED + number * 10**9
            item = pending(placed(business, 0, answers), at)[0]
            answers += (Answer(item.item["id"], at, verdicts, {}, {}),)
        run = placed(business, 0, answers)
        names = [step["name"] for step in walk(cut(run, int(run.ended))["steps"])]
        assert names == [step["name"] for step in walk(recording.run["steps"])]


def test_the_long_run_has_200_steps():
    """Three levels deep, of four agents."""
    [business] = [item for item in RECORDED if item.scenario == "long_200"]
    run = placed(business, 0)
    frame = runkit.frames(cut(run, int(run.ended))).steps
    assert (len(frame), frame["depth"].max()) == (200, 2)
    assert set(frame["agent"]) == set(DESCRIPTIONS)
