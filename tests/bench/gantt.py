"""`gantt()` of one run and of a fleet: what it costs to build, its bytes, and a zoom in a browser."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import plotly.express as px

import runkit

from . import data
from .browser import browser, zoom
from .measuring import Row, in_turns, row, seconds

SIZES = (1_000, 10_000, 100_000, 1_000_000)  # steps of one run
BASE, MOST = 1_000, 100_000  # steps of `px.timeline`, and of a Gantt chart that must not zoom slower
EXACT = 2_000  # steps up to which each is a bar
FLEET = 2_000  # runs
BUILDS, ZOOMS = 3, 21  # rounds
MOST_MB = 1.0  # of a figure's JSON, whatever the source holds
LINEAR = 1.3  # ten times the steps, that much more than ten times the time: caches end, sorting is n log n


def measure(n_steps: int) -> list[Row]:
    """Up to five times `n_steps` in a run."""
    sizes = [size for size in SIZES if size <= max(5 * n_steps, BASE)]
    frames = {size: runkit.frames(data.long_run(size)) for size in (*sizes, EXACT)}
    fleet = runkit.frames(b"\n".join(data.lines("rich", FLEET * data.STEPS_PER_RUN)))
    for size, read in frames.items():
        assert len(read.steps) == size
        assert not len(read.problems)
    return [*_built(frames, sizes, fleet), *_zoomed(frames, sizes)]


def _built(frames: dict[int, runkit.Frames], sizes: list[int], fleet: runkit.Frames) -> list[Row]:
    text: dict[str, str] = {}

    def build(name: str, read: runkit.Frames) -> Callable[[], float]:
        def draw() -> None:
            text[name] = runkit.gantt(read, depth=None if read is frames[EXACT] else "auto").to_json()

        return lambda: seconds(draw)

    ways = {f"{size:,} steps": build(f"{size:,} steps", frames[size]) for size in (*sizes, EXACT)}
    name = f"{FLEET:,} runs, {len(fleet.steps):,} steps"
    ways[name] = build(name, fleet)
    ways[next(iter(ways))]()  # imports plotly
    taken = in_turns(ways, BUILDS)
    exact = f"{EXACT:,} steps"
    rows = [row("gantt", f"build and serialise, {what}", value, "s") for what, value in taken.items()]
    for less, more in pairwise(sizes[1:]):
        grown = taken[f"{more:,} steps"] / taken[f"{less:,} steps"]
        limit = LINEAR * more / less
        rows.append(row("gantt", f"build, {more:,} steps / {less:,} steps", grown, "times", limit))
    rows += [row("gantt", f"JSON, {what}", len(text[what]) / 1e6, "MB", MOST_MB) for what in ways]
    biggest = f"{sizes[-1]:,} steps"
    share = len(text[biggest]) / len(text[exact])
    return [*rows, row("gantt", f"JSON, {biggest} / {exact}, each a bar", share, "times", 1.0)]


def _zoomed(frames: dict[int, runkit.Frames], sizes: list[int]) -> list[Row]:
    ours = {f"gantt, {size:,} steps": runkit.gantt(frames[size]) for size in sizes}
    theirs = f"px.timeline, {BASE:,} steps"
    with browser() as chromium:
        ways = {theirs: zoom(chromium, *_express(frames[BASE]))}
        ways |= {name: zoom(chromium, drawn.to_json(), _numeric(drawn)) for name, drawn in ours.items()}
        taken = in_turns(ways, ZOOMS)
    rows = [row("gantt", f"one zoom, {name}", value * 1e3, "ms") for name, value in taken.items()]
    shares = {name: taken[name] / taken[theirs] for name in ours}
    return rows + [
        row("gantt", f"zoom, {name} / {theirs}", share, "times", 1.0) for name, share in shares.items()
    ]


def _express(read: runkit.Frames) -> tuple[str, Callable[[float], Any]]:
    """The timeline that plotly makes of the same steps: a row per agent, a colour per type."""
    steps = read.steps
    drawn = px.timeline(steps, x_start="started_at", x_end="completed_at", y="agent", color="type")
    first, last = steps["started_at"].min(), steps["completed_at"].max()
    return drawn.to_json(), lambda share: (first + (last - first) * share).isoformat()[:23]


def _numeric(drawn: Any) -> Callable[[float], float]:
    first, last = drawn.layout.xaxis.range
    return lambda share: float(first + (last - first) * share)
