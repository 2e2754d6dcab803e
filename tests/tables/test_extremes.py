"""As deep, as wide and as large as it gets, in bounded time and memory.

Time is the processor's, so that a busy machine fails nothing; the limits are a few times what was
measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import runkit
from support import artifact, run, step

Json = dict[str, Any]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if it takes the processor longer."""
    start = time.process_time()
    yield
    assert time.process_time() - start < seconds


def chain(depth: int) -> Json:
    """A run of one step in another, so many levels."""
    inner: list[Json] = []
    for number in reversed(range(depth)):
        inner = [
            step(
                str(number), 0, 50, parent_step_id=str(number - 1) if number else None, steps=inner
            )
        ]
    return run(*inner)


# --------------------------------------------------------------------------------------------- deep


def test_deep_steps_are_read_and_drawn() -> None:
    """In tree order, with one critical path through all of them."""
    with within(10):
        f = runkit.frames(chain(250))
        figure = runkit.gantt(f).to_json()
    assert f.problems.empty
    assert f.steps["depth"].tolist() == list(range(250))
    assert f.steps["critical_s"].sum() == 50
    assert len(figure) < 10_000_000


# ----------------------------------------------------------------------------------- wide and large


def test_a_megabyte_in_every_field() -> None:
    """What people are shown stays short."""
    long = "w" * 1_000_000
    source = run(
        step(
            long,
            agent=long,
            name=long,
            label=long,
            type=long,
            artifacts=[artifact(long, summary=long)],
        ),
        run_id=long,
        agent=long,
        status=long,
    )
    with within(20):
        f = runkit.frames(source)
        assert len(repr(runkit.Run.from_json(source))) < 1_000
        assert f.problems["detail"].str.len().max() < 200
        assert len(runkit.gantt(f).to_json()) < 200_000
