"""`gantt()`: what runs did and when, as a bounded plotly figure that says in one sentence what it shows."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from runkit.charts.axis import Axis, folded, unfolded
from runkit.charts.intervals import blocked
from runkit.charts.layout import layout, parting_mark
from runkit.charts.rows import LAYOUTS, LETTERS
from runkit.charts.scene import SECOND, Scene
from runkit.charts.style import CONTAINER, keep_private
from runkit.charts.traces import Picture, thickness, traces
from runkit.errors import UsageError
from runkit.tables.frames import Frames, frames, summarize_run
from runkit.tables.validate import FIRST, LAST
from runkit.text import fleet_sentence, plural
from runkit.timing import Ints

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Bars over the picture: plotly redraws all of them with every move, seen or not, at 0.04 ms each. So many,
# hatches and outlines and all, zoom in 0.6 of the time of `px.timeline` of 1,000 steps (`tests.bench gantt`);
# 500 took 0.8 of it, and more than it on a machine that is busy with other things.
MOST_EXACT = 300
MOST_COVERED = 0.25  # of the picture, by the bars over it
MOST_OF_A_KIND = 75  # of them errors, and waits: a flood of one kind leaves room for the others
DAY = 86_400 * SECOND  # in microseconds; no zone is farther from UTC
GOLDEN = 2_654_435_761  # 2**32 by the golden ratio: its multiples fall evenly between each other


def gantt(
    source: object,
    *,
    rows: Literal["tree", "agent", "lanes", "run"] | None = None,
    time: Literal["relative", "absolute"] = "relative",
    tz: str = "UTC",
    compress_waits: bool = False,
    max_bars: int = 5_000,
    title: str | None = None,
) -> Figure:
    """Draw runs as a Gantt chart.

    `source`: `Frames`, or anything that `frames()` takes.
    `rows`: `tree`, a row per step, nested; `agent`, a band per agent; `lanes`, as few rows as do not overlap,
    so their number is the peak concurrency; `run`, a row per run. Without it one run is a tree, two to four
    stand agent under agent, more are one row each.
    `time`: `relative`, seconds since each run started, all aligned at 0; or `absolute`, labelled with clock
    times in `tz`, an IANA name (in UTC, on the first and the last day of the years 1 to 9999).
    `compress_waits`: fold each time in which all that is shown waits for a person to a fixed width, with a
    break mark and its true length in words. The labels of the axis stay true.
    `max_bars`: up to so many steps, each is a bar; beyond, one picture shows them all and at most 300 bars
    lie over it: errors, waits, the critical path, then the longest. The title says so. The size of the figure
    is bounded whatever the source holds.
    `title`: stands over the sentence that says where the time went.

    The sentence is also in `figure.layout.meta["alt"]`. With two runs, the first step at which they part is
    marked. The ground is white, or dark if `plotly.io.templates.default` says so ("plotly_dark"). Raises
    `UsageError` for a word, a time zone or a number that cannot be used, and for a source without runs; a run
    that has not started or has no steps is said in words.
    """
    _check(rows, time, max_bars)
    _check_zone(tz)
    read = source if isinstance(source, Frames) else frames(source)
    if read.runs.empty:
        raise UsageError(
            "There is no run to draw; expected at least one. What was refused is in frames().problems."
        )
    scene = Scene.of(read)
    kind = rows or _default_rows(scene.n_runs)
    placed = _place(scene, time, compress_waits)
    where = LAYOUTS[kind](scene, placed.start, placed.end)
    picture = Picture(
        scene=scene,
        rows=where,
        axis=placed.axis,
        start=placed.axis.at(placed.start / SECOND),
        end=placed.axis.at(placed.end / SECOND),
        run_start=placed.axis.at(placed.run_start / SECOND),
        run_end=placed.axis.at((placed.run_start + scene.run_end - scene.run_start) / SECOND),
        chosen=np.arange(scene.n_steps),
        is_bounded=scene.n_steps + int((where.of_run >= 0).sum()) > max_bars,
        shares_rows=kind == "run",
        tz=tz if _has_local_times(scene) else "UTC",
    )
    if picture.is_bounded:
        picture = picture._replace(chosen=most_telling(picture, min(MOST_EXACT, max_bars)))
    import plotly.graph_objects as go

    keep_private()
    lines = sentences(scene)
    if picture.is_bounded:
        lines.append(
            f"{plural(scene.n_steps, 'step')}, {len(picture.chosen):,} drawn exactly; "
            "the picture behind them shows all"
        )
    origin = _first(scene) if time == "absolute" else None
    data = traces(picture) + parting_mark(picture)
    return go.Figure(data=data, layout=layout(picture, data, origin, title, lines))


def _check(rows: object, time: object, max_bars: object) -> None:
    if rows is not None and rows not in LAYOUTS:
        raise UsageError.one_of("rows", rows, LAYOUTS)
    if time not in ("relative", "absolute"):
        raise UsageError.one_of("time", time, ["relative", "absolute"])
    if isinstance(max_bars, bool) or not isinstance(max_bars, int) or max_bars < 0:
        raise UsageError(f"max_bars={max_bars!r} cannot be used; expected a whole number, 0 or more.")


def _check_zone(tz: str) -> None:
    try:
        ZoneInfo(tz)
    except (KeyError, ValueError, TypeError, OSError):
        near = get_close_matches(str(tz), available_timezones(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"tz={tz!r} is not known; expected an IANA name like 'UTC' or 'America/New_York'.{hint}"
        ) from None


def _default_rows(n_runs: int) -> str:
    if n_runs == 1:
        return "tree"
    return "agent" if n_runs <= len(LETTERS) else "run"


def _has_local_times(scene: Scene) -> bool:
    """Whether all of it has a date in every zone: none has one at the edges of the years 1 and 9999."""
    if not scene.n_runs:
        return True
    times = np.concatenate([scene.start, scene.end, scene.run_start, scene.run_end])
    return bool(times.min() > FIRST + DAY and times.max() < LAST - DAY)


class Placed(NamedTuple):
    """Steps and runs in microseconds since the origin of the axis, and the axis."""

    start: Ints
    end: Ints
    run_start: Ints
    axis: Axis


def _place(scene: Scene, time: str, compress_waits: bool) -> Placed:
    origin = scene.run_start if time == "relative" else np.full(scene.n_runs, _first(scene))
    start, end = scene.start - origin[scene.run], scene.end - origin[scene.run]
    run_start = scene.run_start - origin
    spans = run_start[scene.is_started], (run_start + scene.run_end - scene.run_start)[scene.is_started]
    moments = np.concatenate([start, end, *spans, [0]]) / SECOND
    first, last = float(moments.min()), float(moments.max())
    folds = blocked(scene, start, end, run_start) if compress_waits else []
    return Placed(start, end, run_start, folded(first, last, folds) if folds else unfolded(first, last))


def _first(scene: Scene) -> int:
    """When the first run started, in microseconds."""
    is_there = scene.is_started | ~scene.has_no_steps
    return int(scene.run_start[is_there].min()) if is_there.any() else 0


def most_telling(picture: Picture, most: int) -> Ints:
    """The steps to draw exactly when not all can be: errors, waits, the critical path, then the longest.

    Only as many as leave most of the picture behind them to be seen; what holds others comes last where it
    would hide them. Of steps equally long, some from everywhere, not those that come first.
    """
    scene = picture.scene
    scattered = np.arange(scene.n_steps, dtype=np.uint64) * np.uint64(GOLDEN) % np.uint64(2**32)
    longest_first = np.lexsort((scattered, scene.start - scene.end))
    rank = np.full(scene.n_steps, 3)
    rank[scene.is_critical] = 2
    rank[picture.shares_rows & (scene.look == CONTAINER)] = 4
    for place, which in ((1, scene.is_wait), (0, scene.is_error)):
        rank[longest_first[which[longest_first]][:MOST_OF_A_KIND]] = place
    chosen = longest_first[np.argsort(rank[longest_first], kind="stable")][:most]
    area = (picture.end - picture.start)[chosen] * thickness(picture, chosen)
    is_kept = (np.cumsum(area) <= MOST_COVERED * picture.axis.length * picture.rows.n) | scene.is_error[
        chosen
    ]
    return np.sort(chosen[is_kept])


def sentences(scene: Scene) -> list[str]:
    """What the figure says in words: a sentence per run up to four, else one for all."""
    runs = scene.frames.runs
    if scene.n_runs == 1:
        return [summarize_run(runs.iloc[0])]
    if scene.n_runs <= len(LETTERS):
        return [f"{LETTERS[number]}: {summarize_run(row)}" for number, (_, row) in enumerate(runs.iterrows())]
    budget = runs[["working_s", "waiting_s", "idle_s"]].sum()
    status = runs["status"].value_counts()
    return [
        fleet_sentence(
            scene.n_runs,
            statuses={str(word): int(n) for word, n in status[status > 0].items()},
            budget=(budget["working_s"], budget["waiting_s"], budget["idle_s"]),
            n_steps=scene.n_steps,
            n_errors=int(runs["n_errors"].sum()),
            n_pending=int(runs["n_pending"].sum()),
        )
    ]
