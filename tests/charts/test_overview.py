"""The bounded picture: what it paints adds up, however many steps there are."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn import STEPS, draw
from runkit.charts import bounded
from runkit.charts.style import CONTAINER, ERROR, LOOKS, WAIT
from runkit.tables.frames import frames
from support import question, run, step

LENGTH = 100.0  # seconds of the axis; a bucket is a tenth of a second


@st.composite
def scenes(draw):
    """Steps on two bands and three groups, on a coarse clock that goes beyond the axis."""
    n = draw(st.integers(1, 12))
    moments = st.integers(-40, 1_040).map(lambda tick: tick / 8)
    spans = [sorted((draw(moments), draw(moments))) for _ in range(n)]
    look = draw(st.lists(st.sampled_from(range(len(LOOKS))), min_size=n, max_size=n))
    group = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    band = [number % 2 for number in group]
    return (*np.array(spans).T, *(np.array(part, np.int64) for part in (look, band, group)))


def survey(scene):
    start, end, look, band, group = scene
    return bounded.survey(
        start, end, look, look == ERROR, band=band, group=group, n_bands=2, first=0.0, length=LENGTH
    )


@given(scenes())
def test_the_busy_time_painted_is_the_clipped_busy_time(scene):
    """Per band: instants at which a group works, counted on a fine clock, whatever overlaps."""
    start, end, look, _, group = scene
    busy = np.zeros(2)
    for number in range(3):
        clock = np.zeros(800, bool)
        for lo, hi in zip(start[works(look, group, number)], end[works(look, group, number)], strict=True):
            clock[max(int(lo * 8), 0) : max(int(hi * 8), 0)] = True
        busy[number % 2] += clock.sum() / 8
    assert np.allclose(survey(scene).busy.sum(axis=1), busy)


def works(look, group, number):
    return (group == number) & (look != CONTAINER) & (look != WAIT)


@given(scenes())
def test_every_step_is_counted_in_one_bucket(scene):
    """The counts add up to the steps of each band."""
    _, _, _, band, _ = scene
    assert survey(scene).counts.sum(axis=1).tolist() == np.bincount(band, minlength=2).tolist()


@given(scenes())
def test_the_time_of_each_look_is_kept(scene):
    """Per look, the buckets add up to the durations, clipped to the axis."""
    start, end, look, _, _ = scene
    clipped = np.clip(end, 0, LENGTH) - np.clip(start, 0, LENGTH)
    sums = survey(scene).by_look.sum(axis=(1, 2))
    assert np.allclose(sums, np.bincount(look, clipped, len(LOOKS)))


@given(scenes())
def test_a_bucket_holds_what_touches_it(scene):
    """Single buckets are right too, not only their sums."""
    start, end, look, band, _ = scene
    edges = np.linspace(0, LENGTH, bounded.BUCKETS + 1)
    cover = np.clip(np.minimum(end[:, None], edges[1:]) - np.maximum(start[:, None], edges[:-1]), 0, None)
    expected = np.stack([cover[(look == WAIT) & (band == number)].sum(axis=0) for number in (0, 1)])
    assert np.allclose(survey(scene).by_look[WAIT], expected)


@given(scenes())
def test_errors_and_waits_are_at_least_three_pixels_wide(scene):
    """Each error touches three columns or more, and they are painted over all else."""
    _, _, look, band, _ = scene
    view = survey(scene)
    cells = bounded.paint(view).reshape(2, bounded.BAND_PX, bounded.BUCKETS)
    for number in (0, 1):
        for kind, flags in ((ERROR, view.errors), (WAIT, view.waits)):
            if ((look == kind) & (band == number)).any():
                assert flags[number].sum() >= bounded.LEAST_PX
        assert np.isin(cells[number, 0, view.errors[number]], [bounded.OUTLINE, ERROR + 1]).all()


def test_height_is_the_busy_fraction():
    """Half a bucket of work is half a band high; the colour is the look with most time."""
    start, end = np.array([0.0, 10.0, 10.0]), np.array([0.05, 10.1, 10.04])
    look, zero = np.array([2, 2, 3]), np.zeros(3, np.int64)
    cells = bounded.paint(
        bounded.survey(start, end, look, zero > 0, zero, zero, n_bands=1, first=0.0, length=LENGTH)
    )
    assert (cells[:, 0] > 0).sum() == bounded.BAND_PX / 2
    assert set(cells[:, 100].tolist()) == {2 + 1}


def test_the_image_is_a_png():
    """The picture decodes to the palette numbers that were painted."""
    painted = np.arange(48, dtype=np.uint8).reshape(6, 8) % 9
    body = base64.b64decode(bounded.png(painted).partition(",")[2])
    at, chunks = 8, {}
    while at < len(body):
        [size] = struct.unpack(">I", body[at : at + 4])
        chunks[body[at + 4 : at + 8]] = body[at + 8 : at + 8 + size]
        at += size + 12
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (8, 6)
    assert len(chunks[b"PLTE"]) == 3 * (len(LOOKS) + 3)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(6, 9)
    assert (rows[:, 1:] == painted).all()


def many(n):
    """A run of n steps in sequence, with an error and a wait among them."""
    steps = [step(f"{k}", k, k + 0.5 + (k % 7) / 20, agent=f"agent {k % 3}") for k in range(n)]
    steps[n // 2] |= {"type": "error", "status": "error"}
    steps[n // 3] = question("q", n // 3, n // 3 + 0.1)
    return run(*steps, end=n)


def test_up_to_max_bars_all_is_exact():
    """At the limit there is a bar for each step and no picture."""
    drawn = draw(many(300), max_bars=301)
    assert len(drawn.numbers("x")) == 300
    assert drawn.layout.get("images", []) == []


def test_beyond_max_bars_the_title_says_so():
    """Nothing is cut silently: the title counts the steps and those drawn exactly; so does the alt text."""
    drawn = draw(many(300), max_bars=100)
    n_exact = len(drawn.numbers("x"))
    assert 0 < n_exact <= 100
    assert f"300 steps, {n_exact} drawn exactly" in drawn.title
    assert "drawn exactly" in drawn.layout["meta"]["alt"]
    assert drawn.layout["images"][0]["source"].startswith("data:image/png;base64,")


def test_errors_and_waits_are_among_the_exact_bars():
    """What an analyst looks for is drawn exactly, however short it is."""
    drawn = draw(many(3_000), max_bars=200)
    assert len(drawn.numbers("x", {"error"})) == 1
    assert len(drawn.numbers("x", {"waiting for a person"})) == 1


def test_of_steps_equally_long_some_from_everywhere_are_drawn():
    """The exact bars do not crowd at the start: each tenth of the run has about a tenth of them."""
    drawn = draw(run(*(step(f"{k}", k, k + 0.5) for k in range(2_000)), end=2_000), max_bars=200)
    per_tenth = np.histogram(drawn.numbers("base"), 10, (0, 2_000))[0]
    assert per_tenth.sum() == 200
    assert per_tenth.min() >= 15


def test_crosses_and_stubs_over_the_picture_stand_apart():
    """Each mark of a flood of errors would hide the picture, which shows them all; the legend says so."""
    failed = [step(f"{k}", 5 * k, 5 * k + 1, type="error", status="error") for k in range(60)]
    still = [step(f"open {k}", 300 + k / 10, None) for k in range(300)]
    drawn = draw(run(*failed, *still, end=None), max_bars=300)
    assert len(drawn.numbers("x", {"error"})) == 60
    for name in ("failed here (not all marked)", "still running (not all marked)"):
        assert 0 < len(drawn.numbers("x", {name})) <= 25


def test_over_the_picture_the_critical_path_is_outlined_by_the_bars_themselves():
    """One bar a step, with an edge in the template's colour; the legend explains it once."""
    drawn = draw(many(3_000), max_bars=200)
    edged = [trace for trace in drawn.json["data"] if trace.get("showlegend") is False and "base" in trace]
    assert edged
    assert all("color" not in trace["marker"]["line"] for trace in edged)
    assert drawn.trace("critical path")["x"] == [None]
    shown = [trace["name"] for trace in drawn.json["data"] if trace.get("showlegend", True)]
    assert len(shown) == len(set(shown))


def test_a_look_that_only_the_picture_shows_is_in_the_legend():
    """With no exact bar at all, the legend still explains the colours."""
    assert {"activity", "error", "waiting for a person"} <= set(draw(many(300), max_bars=0).names)


@pytest.mark.parametrize("rows", ["tree", "agent", "lanes", "run"])
def test_the_size_does_not_grow_with_the_steps(rows):
    """However many steps there are, at most 300 are bars and the JSON stays under a megabyte."""
    for n in (6_000, 60_000):
        drawn = draw(frames(many(n)), rows=rows)
        assert len(drawn.numbers("x", STEPS)) <= 300
        assert len(str(drawn.json)) < 1_000_000


def test_a_fleet_without_steps_is_bounded_too():
    """Runs are bars as well: ten thousand of them become a picture."""
    fleet = draw([run(run_id=f"run {number}") for number in range(10_000)])
    assert len(str(fleet.json)) < 200_000
    assert len(fleet.layout["images"]) == 1
