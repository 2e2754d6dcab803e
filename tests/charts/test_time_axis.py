"""The time axis: true labels, relative or by the clock, with waits as they are or folded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn import WAIT, draw
from runkit.charts.axis import axis_of, clock_ticks, relative_ticks
from support import at, question, run, step

MARCH = pd.Timestamp("2026-03-27", tz="UTC")
NIGHT = 14 * 3600
DAY = 86_400


def overnight(run_id="r", wait=NIGHT, **more):
    """Two minutes of work, a wait, a minute of work."""
    return run(
        step(f"{run_id}a", 0, 120),
        question(f"{run_id}q", 120, 120 + wait),
        step(f"{run_id}b", 120 + wait, 180 + wait),
        run_id=run_id,
        end=180 + wait,
        **more,
    )


def test_relative_time_starts_at_zero_for_every_run():
    """Runs of different days are aligned at their starts."""
    first, second = (
        run(step("a", 5, 10)),
        run(step("b", DAY + 5, DAY + 10), run_id="s", start=DAY, end=DAY + 100),
    )
    drawn = draw([first, second], rows="agent")
    assert drawn.numbers("base").tolist() == [5, 5]
    assert drawn.layout["xaxis"]["range"] == pytest.approx([-1 / 3, 100])


def test_absolute_time_keeps_the_days_apart():
    """The axis is in seconds since the first start, labelled with clock times and dates."""
    first, second = (
        run(step("a", 5, 10)),
        run(step("b", DAY + 5, DAY + 10), run_id="s", start=DAY, end=DAY + 100),
    )
    drawn = draw([first, second], time="absolute")
    assert drawn.numbers("base").tolist() == [5, DAY + 5]
    assert drawn.ticks["12:00<br>Feb 3, 2026"] == 2 * 3600
    assert drawn.ticks["00:00<br>Feb 4, 2026"] == 14 * 3600


def test_clock_times_are_those_of_the_zone():
    """The same instant has another label in another zone, and the axis names the zone."""
    drawn = draw(run(step("a", 0, 600), end=600), time="absolute", tz="America/New_York")
    assert drawn.ticks["05:00<br>Feb 3, 2026"] == 0
    assert drawn.layout["xaxis"]["title"]["text"] == "Time of day, America/New_York"
    assert "05:00:00 EST" in drawn.hover[0]


def test_midnights_are_those_of_the_calendar():
    """Over a change of the clocks, days are 23 hours long and ticks still stand at midnight."""
    places, texts = clock_ticks(axis_of(0, 6 * DAY), MARCH, "UTC")
    assert (places[1] - places[0], texts[0]) == (DAY, "Mar 27, 2026")
    places, texts = clock_ticks(axis_of(0, 6 * DAY), MARCH, "Europe/Berlin")
    assert 23 * 3600 in np.diff(places).tolist()


@pytest.mark.parametrize(
    ("tz", "day"), [("America/Sao_Paulo", "2018-11-04"), ("America/Havana", "2025-11-02")]
)
@pytest.mark.parametrize("length", [5 * DAY, 20_000])
def test_a_day_without_midnight_or_with_two_has_ticks(tz, day, length):
    """Where the clocks change at midnight, the day still begins once."""
    start = pd.Timestamp(day, tz="UTC") - pd.Timedelta("4h")
    _, texts = clock_ticks(axis_of(0, length), start, tz)
    assert len(texts) == len(set(texts)) >= 4


@pytest.mark.parametrize("length", [0.02, 0.7, 3, 9, 100, 5_000, 1e5, 3e6, 1e8, 1e10])
def test_any_length_has_a_few_round_ticks(length):
    """From milliseconds to centuries there are two to ten different labels."""
    places, texts = relative_ticks(axis_of(0, length))
    assert 2 <= len(texts) <= 10
    assert len(set(texts)) == len(texts)
    assert min(places) == 0


def test_ticks_of_seconds_become_finer_when_a_reader_zooms():
    """Plotly places them, and each second of the run has its words."""
    axis = draw(run(step("a", 0, 150), end=150)).layout["xaxis"]
    assert axis["tickmode"] == "auto"
    assert axis["labelalias"]["0 s"] == "0"
    assert axis["labelalias"]["90 s"] == "1 min 30 s"


def test_ticks_of_a_longer_run_are_even():
    """From end to end, without gaps."""
    drawn = draw(run(step("a", 0, 5_000), end=5_000))
    places = sorted(drawn.ticks.values())
    assert len(set(np.diff(places).tolist())) == 1
    assert places[0] == 0
    assert places[-1] + 2 * places[1] > 5_000


def test_an_overnight_wait_does_not_flatten_the_run():
    """Folded, the wait has a fixed width, and the work keeps its length."""
    drawn = draw(overnight())
    assert np.allclose(drawn.numbers("x", "CIP Orchestrator"), [120, 60])
    width = 180 * (130 / 600) / (1 - 130 / 600)
    assert drawn.numbers("x", WAIT)[0] == pytest.approx(width)
    assert drawn.notes == ["14 h waiting for a reviewer", "not to scale"]
    unfolded_wait = draw(overnight(), compress_waits=False)
    assert unfolded_wait.numbers("x", WAIT).tolist() == [NIGHT]
    assert unfolded_wait.notes == ["14 h waiting for a reviewer"]


def test_ticks_begin_again_behind_a_fold():
    """As time since its end; clock times stay true."""
    drawn = draw(overnight(wait=NIGHT))
    end = 120 + drawn.numbers("x", WAIT)[0]
    assert drawn.ticks["+1 min"] == pytest.approx(end + 60)
    assert "00:02<br>Feb 4, 2026" in draw(overnight(), time="absolute").ticks


@pytest.mark.parametrize(("wait", "is_folded"), [(100, False), (250, True)])
def test_a_wait_is_folded_if_it_takes_more_than_half(wait, is_folded):
    """By itself; True folds it in any case."""
    assert ("not to scale" in draw(overnight(wait=wait)).notes) == is_folded
    assert "not to scale" in draw(overnight(wait=wait), compress_waits=True).notes


def test_work_during_a_wait_is_not_folded():
    """A step that works while the question is open keeps its length; only blocked time is folded."""
    busy = overnight()
    busy["steps"].insert(1, step("w", 1_000, 1_300, label="Meanwhile"))
    drawn = draw(busy)
    assert np.allclose(sorted(drawn.numbers("x", "CIP Orchestrator")), [60, 120, 300])
    assert drawn.notes.count("not to scale") == 2


def test_a_wait_is_folded_only_where_all_runs_are_blocked():
    """On a shared axis, a run that works keeps its time; one that is over does not hold the fold up."""
    long = run(step("x", 0, 20_000), run_id="s", end=20_000)
    drawn = draw([overnight(), long], rows="agent", compress_waits=True)
    assert 20_000 in drawn.numbers("x").tolist()
    assert drawn.notes == ["not to scale"]


def test_each_run_of_a_comparison_has_its_own_fold():
    """Two runs that waited differently long have waits of one width."""
    drawn = draw([overnight("r", wait=NIGHT), overnight("s", wait=600)])
    waits = drawn.numbers("x", WAIT)
    assert len(waits) == 2
    assert waits[0] == pytest.approx(waits[1])
    assert max(drawn.ticks.values()) <= 120


def test_a_short_wait_stays_as_it_is():
    """What is no longer than a fold is not folded."""
    assert "not to scale" not in draw(overnight(wait=5), compress_waits=True).notes


def test_a_question_settled_by_policy_is_not_folded():
    """The policy's answer is no wait for a reviewer."""
    source = overnight()
    source["steps"][1] |= {"result": {"resolution": "skip"}}
    assert draw(source).notes == []


def test_an_open_wait_is_folded_too():
    """A question that has waited since yesterday does not flatten what came before it."""
    source = run(
        step("a", 0, 120), question("q", 120, None), end=None, updated_at=at(NIGHT), status="interrupted"
    )
    drawn = draw(source)
    assert np.allclose(drawn.numbers("x", "CIP Orchestrator"), [120])
    assert drawn.numbers("x", WAIT)[0] < 40
    assert drawn.notes[0] == "13 h 58 min so far waiting for a reviewer"


edges = st.lists(st.integers(0, 1_000), min_size=2, max_size=10, unique=True).map(sorted)


@given(edges)
def test_a_folded_axis_never_turns_back(cuts):
    """The map from time to place only grows, and is the identity apart from the folds."""
    folds = list(zip(cuts[::2], cuts[1::2], strict=False))
    axis = axis_of(0.0, 1_000.0, [(float(a), float(b)) for a, b in folds])
    places = axis.at(np.arange(1_001, dtype=float))
    lengths = np.diff(places)
    is_folded = np.zeros(1_000, bool)
    for a, b in axis.folds:
        is_folded[int(a) : int(b)] = True
    assert (lengths > 0).all()
    assert np.allclose(lengths[~is_folded], 1)
    assert axis.length <= 1_000 + 1e-9
