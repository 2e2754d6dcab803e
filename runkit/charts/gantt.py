"""`gantt()`: what runs did and when, as a bounded plotly figure that says in one sentence what it shows."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from runkit.charts.axis import Axis, folded, unfolded
from runkit.charts.bars import SECOND, WAIT, Scene, answers, blocked, scene_of, step_label
from runkit.charts.fleet_chart import fleet_chart
from runkit.charts.heading import Heading, run_heading, runs_heading
from runkit.charts.hover import hover_texts
from runkit.charts.layout import layout
from runkit.charts.pair_chart import can_pair, pair_chart
from runkit.charts.rows import LAYOUTS, LETTERS, MOST_PX
from runkit.charts.selection import critical_path, exact_bars, visible_steps
from runkit.charts.style import chosen_theme, keep_private
from runkit.charts.traces import Picture, traces
from runkit.errors import UsageError
from runkit.tables.frames import Frames, frames
from runkit.tables.validate import FIRST, LAST

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BOUNDED_PX = 720  # of the rows of a picture of very many steps
FOLDED_SHARE = 0.5  # of the time: waits that take more are folded by `compress_waits="auto"`
DAY = 86_400 * SECOND  # in microseconds; no zone is farther from UTC
ROWS = (*LAYOUTS, "run")
DEFAULT_ROWS = {1: "tree", 2: "pair", 3: "agent", 4: "agent"}  # by the number of runs
CHOICES = {
    "time": ("relative", "absolute"),
    "color": ("agent", "type", "status"),
    "sort": ("attention", "time", "duration"),
    "group": ("status", "business", "agent", None),
    "compress_waits": ("auto", True, False),
}


def gantt(
    source: object,
    *,
    rows: Literal["tree", "agent", "lanes", "run"] | None = None,
    time: Literal["relative", "absolute"] = "relative",
    tz: str = "UTC",
    compress_waits: bool | Literal["auto"] = "auto",
    color: Literal["agent", "type", "status"] = "agent",
    max_bars: int = 5_000,
    depth: int | Literal["auto"] | None = "auto",
    sort: Literal["attention", "time", "duration"] = "attention",
    group: Literal["status", "business", "agent"] | None = "status",
    sla_h: float | None = 4,
    title: str | None = None,
) -> Figure:
    """Draw runs as a Gantt chart.

    Parameters
    ----------
    source
        `Frames`, or anything that `frames()` takes.
    rows
        `tree`, a row per step, nested; `agent`, a band per agent; `lanes`, as few rows as do not overlap, so
        their number is the peak concurrency; `run`, a row per run: the fleet. By default one run is a tree,
        two are compared step by step, three or four stand agent under agent, more are a fleet.
    time
        `relative`, time since each run started, all aligned at 0; or `absolute`, clock times in `tz`.
    tz
        An IANA name. Times on the first and last day of the years 1 to 9999 are in UTC.
    compress_waits
        Whether times in which everything shown waits for a reviewer are folded to a fixed width. `auto` folds
        them if they take more than half of the width. The axis says "not to scale" there.
    color
        What the color of a bar stands for. Failing steps are red in any case.
    max_bars
        Up to so many steps, bars are exact. Beyond, one picture shows all steps and at most 300 bars lie over
        it: failed steps, waits, the critical path, then the longest. The size of the figure is bounded.
    depth
        Levels of a tree to show. `auto` shows all up to 60 rows, beyond that groups, failed steps, waits and
        the critical path; the figure says how many steps it shows. None shows all.
    sort, group, sla_h
        Of a fleet: order of the runs, their groups, and the hours in which a reviewer should answer (None: no
        band).
    title
        Replaces the name of the business and the agent.

    Returns
    -------
    plotly.graph_objects.Figure
        Its sentence is also in `figure.layout.meta["alt"]`. It is dark if `plotly.io.templates.default` is
        ("plotly_dark"). A drag zooms on time.

    Raises
    ------
    UsageError
        For a word, a time zone or a number that cannot be used, and for a source without runs.
    """
    import plotly.graph_objects as go

    _check(
        rows, max_bars, depth, time=time, color=color, sort=sort, group=group, compress_waits=compress_waits
    )
    _check_zone(tz)
    read = source if isinstance(source, Frames) else frames(source)
    if read.runs.empty:
        raise UsageError(
            "There is no run to draw; expected at least one. What was refused is in frames().problems."
        )
    kind = rows or DEFAULT_ROWS.get(len(read.runs), "run")
    if kind == "run":
        return fleet_chart(read, sort=sort, group=group, sla_h=sla_h, tz=tz, title=title)
    keep_private()
    shown = scene_of(read, time, color)
    is_pair = len(shown.runs) == 2 and kind in ("tree", "pair") and time == "relative"
    if is_pair and can_pair(shown, max_bars):
        return pair_chart(shown, depth, compress_waits=compress_waits, title=title, tz=tz)
    picture = _picture(
        shown, "agent" if kind == "pair" else kind, max_bars, depth, _axis(shown, compress_waits), tz
    )
    data, heading = traces(picture), _heading(picture, title, _note(picture, shown))
    return go.Figure(data, layout(picture, data, heading, is_clock=time == "absolute"))


def _check(rows: object, max_bars: object, depth: object, **words: object) -> None:
    if rows not in (None, *ROWS):
        raise UsageError.one_of("rows", rows, ROWS)
    for name, word in words.items():
        if not any(word is choice or (isinstance(word, str) and word == choice) for choice in CHOICES[name]):
            raise UsageError.one_of(name, word, map(str, CHOICES[name]))
    if isinstance(max_bars, bool) or not isinstance(max_bars, int) or max_bars < 0:
        raise UsageError(f"max_bars={max_bars!r} cannot be used; expected a whole number, 0 or more.")
    is_number = isinstance(depth, int) and not isinstance(depth, bool) and depth > 0
    if depth is not None and depth != "auto" and not is_number:
        raise UsageError(
            f"depth={depth!r} cannot be used; expected 'auto', None, or a whole number from 1 on."
        )


def _check_zone(tz: str) -> None:
    try:
        ZoneInfo(tz)
    except (KeyError, ValueError, TypeError, OSError):
        near = get_close_matches(str(tz), available_timezones(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"tz={tz!r} is not known; expected an IANA name like 'UTC' or 'America/New_York'.{hint}"
        ) from None


def _axis(shown: Scene, compress_waits: bool | str) -> Axis:
    """The time axis, folded if that is asked for or helps; `x0` and `x1` of bars and runs follow it."""
    started = shown.runs[shown.runs["is_started"]]
    edges = [part[edge] for part in (shown.bars, started) for edge in ("start", "end")]
    moments = np.concatenate([*edges, [0.0]])
    first, last = float(moments.min()), float(moments.max())
    least = FOLDED_SHARE * (last - first) if compress_waits == "auto" else 0.0
    waits = shown.bars[shown.bars["kind"] == WAIT]
    can_fold = compress_waits and (waits["end"] - waits["start"]).sum() > least
    folds = blocked(shown) if can_fold else []
    is_folded = sum(to - since for since, to in folds) > least
    axis = folded(first, last, folds) if is_folded else unfolded(first, last)
    for part in (shown.bars, shown.runs):
        part["x0"], part["x1"] = axis.at(part["start"]), axis.at(part["end"])
    return axis


def _picture(scene: Scene, kind: str, max_bars: int, depth: int | str | None, axis: Axis, tz: str) -> Picture:
    """Choose what is shown, and give each bar its row."""
    several = len(scene.runs) > 1  # each run may have a row, too
    is_bounded = len(scene.bars) + several * len(scene.runs) > max_bars
    is_shown = visible_steps(scene, kind, None if is_bounded else depth)
    shown = scene._replace(bars=scene.bars[is_shown])
    rows = LAYOUTS[kind](shown, BOUNDED_PX if is_bounded else MOST_PX)
    bars = exact_bars(shown, axis, rows, max_bars) if is_bounded else shown.bars
    shown = shown._replace(answers=answers(shown.frames, bars["step"][bars["kind"] == WAIT]))
    tz = tz if _has_local_times(shown) else "UTC"
    return Picture(
        scene=shown,
        bars=bars,
        rows=rows,
        axis=axis,
        path=[] if is_bounded else critical_path(scene, is_shown, shown.bars["row"], axis),
        theme=chosen_theme(),
        is_bounded=is_bounded,
        is_partial=not is_shown.all(),
        tz=tz,
        texts=hover_texts(shown, bars, tz),
    )


def _note(picture: Picture, scene: Scene) -> str:
    """Say how many steps are shown if not all are."""
    n_steps = len(scene.frames.steps)
    if picture.is_bounded:
        return f"{len(picture.bars):,} of {n_steps:,} steps shown in detail"
    n_shown = n_steps - len(scene.bars) + len(picture.bars)
    return f"{n_shown:,} of {n_steps:,} steps shown" if picture.is_partial else ""


def _heading(picture: Picture, title: str | None, note: str) -> Heading:
    scene, runs = picture.scene, picture.scene.frames.runs
    if len(runs) > 1:
        letters = LETTERS if len(runs) <= len(LETTERS) else ""
        return runs_heading(runs, picture.theme, letters, title, note)
    failing = scene.bars[scene.bars["is_failing"] & scene.runs["is_failed"][0]]
    label = None
    if len(failing):
        label = step_label(scene.frames.steps, failing["step"][np.argmax(failing["end"])])
    return run_heading(runs.iloc[0], picture.theme, label, title, note)


def _has_local_times(scene: Scene) -> bool:
    """Whether all of it has a date in every zone: none has one at the edges of the years 1 and 9999."""
    parts = ((scene.bars, scene.bars["run"]), (scene.runs, np.arange(len(scene.runs))))
    times = np.concatenate(
        [scene.origin[run] + part[edge] * SECOND for part, run in parts for edge in ("start", "end")]
    )
    return bool(times.min() > FIRST + DAY and times.max() < LAST - DAY)
