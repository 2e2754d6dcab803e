"""The bounded picture: what it paints adds up, however many steps there are."""

from __future__ import annotations

import base64
import json
import struct
import zlib

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from drawn import FAILING, draw, values
from drawn import WAIT as WAIT_NAME
from runkit.charts import bounded
from runkit.charts.bars import GROUP, STEP, WAIT
from runkit.tables.frames import frames
from support import artifact, question, run, step

LENGTH = 100.0  # seconds of the axis; a bucket is a tenth of a second
COLORS = 3
BUCKET = LENGTH / bounded.BUCKETS


@st.composite
def scenes(draw):
    """Bars on two bands and three groups, on a coarse clock that goes beyond the axis."""
    n = draw(st.integers(1, 12))
    moments = st.integers(-40, 1_040).map(lambda tick: tick / 8)
    spans = [sorted((draw(moments), draw(moments))) for _ in range(n)]
    kinds = draw(st.lists(st.sampled_from([STEP, GROUP, WAIT]), min_size=n, max_size=n))
    colors = draw(st.lists(st.integers(0, COLORS - 1), min_size=n, max_size=n))
    failed = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    group = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    x0, x1 = np.array(spans).T
    is_failing = np.array(failed) & (np.array(kinds) == STEP)
    columns = {"x0": x0, "x1": x1, "kind": kinds, "color": colors, "is_failing": is_failing, "run": group}
    return pd.DataFrame(columns), group % 2


def aggregate(scene):
    return bounded.aggregate(*scene, COLORS, 2, 0.0, LENGTH)


@given(scenes())
def test_the_busy_time_painted_is_the_clipped_busy_time(scene):
    """Per band: instants at which a run works, counted on a fine clock, whatever overlaps."""
    bars, _ = scene
    busy = np.zeros(2)
    for number in range(3):
        clock = np.zeros(800, bool)
        for bar in bars[(bars["run"] == number) & (bars["kind"] == STEP)].itertuples():
            clock[max(int(bar.x0 * 8), 0) : max(int(bar.x1 * 8), 0)] = True
        busy[number % 2] += clock.sum() / 8
    assert np.allclose(aggregate(scene)["busy"].sum(axis=1) * BUCKET, busy)


@given(scenes())
def test_every_step_is_counted_in_one_bucket(scene):
    """The counts add up to the bars of each band."""
    _, band = scene
    assert aggregate(scene)["counts"].sum(axis=1).tolist() == np.bincount(band, minlength=2).tolist()


@given(scenes())
def test_the_time_of_each_color_is_kept(scene):
    """Per color, the buckets add up to the durations of the steps, clipped to the axis."""
    bars, _ = scene
    steps = bars[bars["kind"] == STEP]
    clipped = np.clip(steps["x1"], 0, LENGTH) - np.clip(steps["x0"], 0, LENGTH)
    sums = aggregate(scene)["by_color"].sum(axis=(1, 2)) * BUCKET
    assert np.allclose(sums, np.bincount(steps["color"], clipped, COLORS))


@given(scenes())
def test_a_bucket_holds_what_touches_it(scene):
    """Single buckets are right too, not only their sums."""
    bars, band = scene
    edges = np.linspace(0, LENGTH, bounded.BUCKETS + 1)
    ends, starts = bars["x1"].to_numpy()[:, None], bars["x0"].to_numpy()[:, None]
    cover = np.clip(np.minimum(ends, edges[1:]) - np.maximum(starts, edges[:-1]), 0, None)
    is_wait = bars["kind"].to_numpy() == WAIT
    expected = np.stack([cover[is_wait & (band == number)].sum(axis=0) for number in (0, 1)])
    assert np.allclose(aggregate(scene)["waiting"] * BUCKET, expected)


@given(scenes())
def test_errors_and_waits_are_at_least_three_pixels_wide(scene):
    """Each touches three columns or more, and they lie over all else."""
    bars, band = scene
    view = aggregate(scene)
    cells = bounded.render(view).reshape(2, bounded.BAND_PX, bounded.BUCKETS)
    for number in (0, 1):
        for which, flags in ((bars["is_failing"], view["errors"]), (bars["kind"] == WAIT, view["waits"])):
            if (which & (band == number)).any():
                assert flags[number].sum() >= bounded.LEAST_PX
        assert (cells[number, 0, view["errors"][number]] == bounded.FRAME).all()


def test_height_is_the_busy_fraction():
    """Half a bucket of work is half a band high; the color is the one with most time."""
    bars = pd.DataFrame({"x0": [0.0, 10.0, 10.0], "x1": [0.05, 10.1, 10.04], "color": [2, 2, 1]})
    bars = bars.assign(kind=STEP, run=0, is_failing=False)
    view = bounded.aggregate(bars, np.zeros(3, np.int64), COLORS, 1, 0.0, LENGTH)
    cells = bounded.render(view)
    assert (cells[:, 0] > 0).sum() == bounded.BAND_PX / 2
    assert set(cells[:, 100].tolist()) == {bounded.FIRST_COLOR + 2}


def test_the_image_is_a_png():
    """The picture decodes to the palette numbers that were painted."""
    painted = np.arange(48, dtype=np.uint8).reshape(6, 8) % 9
    colors = ["#010203", "#040506", "#070809"]
    body = base64.b64decode(bounded.png(painted, colors).partition(",")[2])
    at, chunks = 8, {}
    while at < len(body):
        [size] = struct.unpack(">I", body[at : at + 4])
        chunks[body[at + 4 : at + 8]] = body[at + 8 : at + 8 + size]
        at += size + 12
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (8, 6)
    assert chunks[b"PLTE"][3 * bounded.FIRST_COLOR :] == bytes(range(1, 10))
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
    drawn = draw(many(300), max_bars=301, depth=None)
    assert len(drawn.numbers("x")) == 300
    assert drawn.layout.get("images", []) == []


def test_beyond_max_bars_the_title_says_so():
    """Nothing is cut silently: the title counts the steps and those drawn exactly; so does the alt text."""
    drawn = draw(many(300), max_bars=100)
    words = f"{len(drawn.numbers('x'))} of 300 steps shown in detail"
    assert 0 < len(drawn.numbers("x")) <= 100
    assert words in drawn.title
    assert words in drawn.layout["meta"]["alt"]
    assert drawn.layout["images"][0]["source"].startswith("data:image/png;base64,")


def test_errors_and_waits_are_among_the_exact_bars():
    """What an analyst looks for is drawn exactly, however short it is."""
    drawn = draw(many(3_000), max_bars=200)
    assert len(drawn.numbers("x", FAILING)) == 1
    assert len(drawn.numbers("x", WAIT_NAME)) == 1


def test_of_steps_equally_long_some_from_everywhere_are_drawn():
    """The exact bars do not crowd at the start: each tenth of the run has about a tenth of them."""
    drawn = draw(run(*(step(f"{k}", k, k + 0.5) for k in range(2_000)), end=2_000), max_bars=200)
    per_tenth = np.histogram(drawn.numbers("base"), 10, (0, 2_000))[0]
    assert per_tenth.sum() == 200
    assert per_tenth.min() >= 15


def test_crosses_over_the_picture_are_few():
    """A mark for each of a flood of errors would hide the picture, which shows them all."""
    failed = [step(f"{k}", 5 * k, 5 * k + 1, type="error", status="error") for k in range(60)]
    still = [step(f"open {k}", 300 + k / 10, None) for k in range(300)]
    drawn = draw(run(*failed, *still, end=None), max_bars=300)
    assert len(drawn.numbers("x", FAILING)) == 60
    assert 0 < len(values(drawn.trace("durations")["x"])) <= 25


def test_a_color_that_only_the_picture_shows_is_in_the_legend():
    """With no exact bar at all, the legend still explains the colors."""
    assert {"Agent 0", "Agent 1", "Agent 2", FAILING} <= set(draw(many(300), max_bars=0).legend)


def test_the_size_does_not_grow_with_the_steps():
    """However many steps there are, at most 300 are bars and the JSON stays under a megabyte."""
    read = frames(many(8_000))
    for rows in ("tree", "agent", "lanes"):
        drawn = draw(read, rows=rows)
        assert len(drawn.numbers("x")) <= 300
        assert len(str(drawn.json)) < 1_000_000


def test_the_figure_with_most_bars_has_a_megabyte_at_most():
    """5,000 steps, each with a bar and three findings: hover texts get shorter."""
    text = "&\u4e16" * 30
    found = [artifact(text) for _ in range(3)]
    steps = [step(f"{k}", k, k + 0.5, label=text, agent=text, artifacts=found) for k in range(5_000)]
    source = frames(run(*steps, end=5_000))
    drawn = draw(source, depth=None)
    assert len(drawn.numbers("x")) == 5_000
    assert len(json.dumps(drawn.json)) < 1_000_000


def test_runs_without_steps_are_bounded_too():
    """Runs are bars as well: ten thousand of them become a picture."""
    drawn = draw([run(run_id=f"run {number}") for number in range(5_100)], rows="tree")
    assert len(str(drawn.json)) < 200_000
    assert len(drawn.layout["images"]) == 1
