"""The time axis: true labels, with waits as they are or folded."""

from __future__ import annotations

import numpy as np
import pytest

from chart import WAIT, draw
from support import question, run, step

NIGHT = 14 * 3600
DAY = 86_400


def overnight(wait=NIGHT, *more):
    """Two minutes of work, a wait, a minute of work."""
    pending = question("q", 120, 120 + wait)
    return run(step("a", 0, 120), *more, pending, step("b", 120 + wait, 180 + wait), end=180 + wait)


def test_runs_of_different_days_are_aligned_at_their_starts():
    days = (0, DAY, 9 * DAY)
    chart = draw(
        [
            run(step("a", day + 5, day + 10), run_id=f"{day}", start=day, end=day + 100)
            for day in days
        ]
    )
    assert chart.numbers("base").tolist() == [5, 5, 5]
    assert chart.layout["xaxis"]["range"] == pytest.approx([-1 / 3, 100])


@pytest.mark.parametrize(
    ("source", "ticks"),
    [
        (run(step("a", 0, 100), end=100), "0, 15 s, 30 s, 45 s, 1 min, 1:15, 1:30"),
        (overnight(), "0, 30 s, 1 min, 1:30, 2 min"),
    ],
)
def test_ticks_of_a_pair_stand_apart_and_end_at_its_first_fold(source, ticks):
    """The bars have about half of the width, which "1 min 15 s" must not fill three times."""
    assert ", ".join(draw([source, source | {"id": "other"}]).ticks) == ticks


def test_an_overnight_wait_does_not_flatten_the_run():
    """Folded, the wait has a fixed width, and the work keeps its length."""
    chart = draw(overnight())
    assert np.allclose(chart.numbers("x", "CIP Orchestrator"), [120, 60])
    assert chart.numbers("x", WAIT) == pytest.approx([180 * 130 / (600 - 130)])
    assert chart.notes == ["14 h waiting for a reviewer", "not to scale"]
    whole = draw(overnight(), compress_waits=False)
    assert whole.numbers("x", WAIT).tolist() == [NIGHT]
    assert whole.notes == ["14 h waiting for a reviewer"]


@pytest.mark.parametrize(("wait", "is_folded"), [(100, False), (250, True)])
def test_a_wait_is_folded_if_it_takes_more_than_half(wait, is_folded):
    """By itself; True folds it in any case."""
    assert ("not to scale" in draw(overnight(wait)).notes) == is_folded
    assert "not to scale" in draw(overnight(wait), compress_waits=True).notes


def test_work_during_a_wait_is_not_folded():
    chart = draw(overnight(NIGHT, step("w", 1_000, 1_300)))
    assert np.allclose(sorted(chart.numbers("x", "CIP Orchestrator")), [60, 120, 300])
    assert chart.notes.count("not to scale") == 2
    busy = run(step("w", 0, NIGHT), run_id="b", end=NIGHT)
    assert "not to scale" not in draw([overnight(), busy, busy | {"id": "c"}]).notes


def test_ticks_stand_apart_beside_a_long_error():
    """Its text takes room that the axis does not have."""
    label = "IRS TIN Matching did not respond: 3 attempts timed out after 20 s each"
    failed = step("b", 2, 92, status="error", label="Querying the records of IRS TIN Matching")
    steps = [failed, step("e", 92, 92, type="error", label=label)]
    chart = draw(run(step("g", 1, 95, steps=steps), status="error", end=105))
    assert list(chart.ticks) == ["0", "20 s", "40 s", "1 min", "1:20", "1:40"]
