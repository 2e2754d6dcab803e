"""A run that is made from recordings, at any instant."""

from uuid import NAMESPACE_DNS, uuid5

import pytest

import runkit
from runkit.server._recordings import ORCHESTRATOR, packaged, walk
from runkit.server._replay import Answer, RunSpec, cut, place

CREATED = 1_770_000_000_000
ANSWERED = [item for item in packaged() if item.recordings and not item.is_form]


def spec_of(business, seed):
    run_id = str(uuid5(NAMESPACE_DNS, f"{business.id}/{seed}"))
    return RunSpec(run_id, run_id, ORCHESTRATOR, business.id, str(seed), CREATED)


def placed(business, seed, answers=()):
    return place(business.recordings, spec_of(business, seed), answers, spread=0.4)


def answered(business, recording, seed, delays):
    """Answer as in a recording, each question after a delay."""
    answers = ()
    for (key, verdicts), delay in zip(recording.answers.items(), delays, strict=False):
        interrupts = placed(business, seed, answers).interrupts
        [asked_at] = [int(item.asked_at) for item in interrupts if item.recorded_id == key]
        at = max([asked_at, *(answer.at for answer in answers)]) + delay
        answers += (Answer(key, at, verdicts, {}),)
    return answers


@pytest.mark.parametrize("business", ANSWERED, ids=lambda business: business.scenario)
def test_each_recording_is_played_by_its_verdicts(business):
    for recording in business.recordings:
        run = placed(business, 0, answered(business, recording, 0, (60_000, 60_000)))
        names = [step["name"] for step in walk(cut(run, int(run.ended))["steps"])]
        assert names == [step["name"] for step in walk(recording.run["steps"])]


def test_the_long_run_has_200_steps():
    """Three levels deep, of four agents."""
    [business] = [item for item in ANSWERED if item.scenario == "long_200"]
    run = placed(business, 0)
    frame = runkit.frames(cut(run, int(run.ended))).steps
    assert (len(frame), frame["depth"].max(), frame["agent"].nunique()) == (200, 2, 4)
