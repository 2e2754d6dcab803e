"""Runs as wide and as large as it gets, in bounded time and memory; the time is the processor's."""

import json
import time
from contextlib import contextmanager

import pytest

import runkit
from support import run, step

WIDE = 200_000


@contextmanager
def within(seconds):
    """Fail if it takes the processor longer."""
    start = time.process_time()
    yield
    assert time.process_time() - start < seconds


@pytest.fixture(scope="module")
def wide():
    """Build a run of 200,000 steps as text: an agent's step each ten, nine in it."""
    kids = [step(f"0-{kid}", 0, 1, parent_step_id="0-") for kid in range(9)]
    family = json.dumps(step("0-", 0, 99, steps=kids))
    steps = ",".join(family.replace("0-", f"{number}-") for number in range(WIDE // 10))
    return json.dumps(run(0)).replace('"steps": [0]', f'"steps": [{steps}]').encode()


def test_200_000_steps_become_frames_and_a_chart(wide):
    """The figure is bounded, and so is the time."""
    with within(20):
        f = runkit.frames(wide)
        figure = runkit.gantt(f).to_json()
    assert len(f.steps) == WIDE
    assert f.problems.empty
    assert len(figure) < 2_000_000
    assert "200,000 steps" in repr(f)
