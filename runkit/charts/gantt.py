"""`gantt()`: what runs did and when, as a plotly figure that says in one sentence what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from runkit.charts.axis import Axis, axis_of, check_zone
from runkit.charts.bars import SECOND, WAIT, Scene, blocked, scene_of, with_words
from runkit.charts.fleet_chart import fleet_chart
from runkit.charts.heading import Heading, run_heading, runs_heading
from runkit.charts.hover import with_hover
from runkit.charts.layout import layout
from runkit.charts.pair_chart import can_pair, pair_chart
from runkit.charts.rows import LAYOUTS
from runkit.charts.selection import MOST_BARS, MOST_ROWS, critical_path, visible_steps
from runkit.charts.style import chosen_theme, keep_private
from runkit.charts.traces import DENSE_PX, Picture, durations, legend, traces
from runkit.errors import UsageError
from runkit.tables.frames import Frames, frames
from runkit.tables.validate import FIRST, LAST

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FOLDED_SHARE = 0.5  # of the time: waits that take more are folded by `compress_waits="auto"`
WHAT_MATTERS = "failed steps, waits, the top level, then the longest"
DAY = 86_400 * SECOND  # in microseconds; no zone is farther from UTC
DEFAULT_ROWS = {1: "tree", 2: "pair", 3: "agent", 4: "agent"}  # by the number of runs
CHOICES = {
    "rows": (None, *LAYOUTS, "run"),
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
    depth
        Levels of a tree to show. `auto` shows all up to 60 rows, and of more the 60 that matter most: failed
        steps, waits, the top level, then the longest. None shows all levels. No chart has more than 2,000
        bars, chosen in the same order; the figure says how many steps it shows.
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
        For a word, a title, a time zone or a number that cannot be used, and for a source without runs.
    """
    import plotly.graph_objects as go

    words = {"rows": rows, "time": time, "color": color, "sort": sort, "group": group}
    _check(depth, title, words | {"compress_waits": compress_waits})
    check_zone(tz)
    read = source if isinstance(source, Frames) else frames(source)
    if read.runs.empty:
        raise UsageError(
            "There is no run to draw; expected at least one. What was refused is in frames().problems."
        )
    kind = rows or DEFAULT_ROWS.get(len(read.runs), "run")
    if kind == "run":
        return fleet_chart(read, sort=sort, group=group, sla_h=sla_h, tz=tz, title=title)
    keep_private()
    is_pair = len(read.runs) == 2 and kind in ("tree", "pair") and time == "relative"
    if is_pair and can_pair(read):
        scene = scene_of(read, time, color, is_tree=False)
        return pair_chart(scene, depth, compress_waits=bool(compress_waits), title=title, tz=tz)
    kind = "agent" if kind == "pair" else kind
    scene = scene_of(read, time, color, is_tree=kind == "tree")
    axis, tz = _axis(scene, compress_waits, tz)
    picture = _picture(scene, kind, depth, axis, tz)
    texts, reach = durations(picture)
    data = [*traces(picture), *texts, *legend(picture)]
    clock = tz if time == "absolute" else None
    return go.Figure(data, layout(picture, data, _heading(picture, title), tz=clock, reach=reach))


def _check(depth: object, title: object, words: dict[str, object]) -> None:
    for name, word in words.items():
        if word not in CHOICES[name]:
            raise UsageError.one_of(name, word, map(str, CHOICES[name]))
    if depth not in (None, "auto") and not (type(depth) is int and depth > 0):
        raise UsageError(
            f"depth={depth!r} cannot be used; expected 'auto', None, or a whole number from 1 on."
        )
    if title is not None and not isinstance(title, str):
        raise UsageError(f"title={title!r} cannot be used; expected text, or None.")


def _axis(scene: Scene, compress_waits: bool | str, tz: str) -> tuple[Axis, str]:
    """The time axis, folded if that is asked for or helps, and its zone; `x0` and `x1` of bars follow it."""
    bars, runs = scene.bars, scene.runs
    first = min(0.0, bars["start"].min(), runs["start"].min())
    last = max(0.0, bars["end"].max(), runs["end"].max())
    least = FOLDED_SHARE * (last - first) if compress_waits == "auto" else 0.0
    waits = bars[bars["kind"] == WAIT]
    can_fold = compress_waits and (waits["end"] - waits["start"]).sum() > least
    folds = blocked(bars) if can_fold else []
    is_folded = sum(to - since for since, to in folds) > least
    axis = axis_of(first, last, folds if is_folded else ())
    bars["x0"] = axis.at(bars["start"].to_numpy())
    bars["x1"] = axis.at(bars["end"].to_numpy())
    earliest = runs["origin"].min() + first * SECOND
    latest = runs["origin"].max() + last * SECOND
    has_zone = earliest > FIRST + DAY and latest < LAST - DAY
    return axis, tz if has_zone else "UTC"


def _picture(scene: Scene, kind: str, depth: int | str | None, axis: Axis, tz: str) -> Picture:
    """Choose what is shown, give each bar its row, and write how many steps are shown if not all are."""
    bars, n_steps = scene.bars, len(scene.frames.steps)
    is_tree = kind == "tree"
    is_shown = visible_steps(bars, depth, MOST_ROWS if is_tree and depth == "auto" else MOST_BARS)
    shown = scene._replace(bars=bars[is_shown])
    rows = LAYOUTS[kind](shown)

    path, note = [], ""
    if not is_shown.all():
        note = f"{n_steps - int((~is_shown).sum()):,} of {n_steps:,} steps shown"
        note += "" if isinstance(depth, int) else f": {WHAT_MATTERS}"
    elif len(scene.runs) == 1 and rows.px >= DENSE_PX:
        path = critical_path(shown, axis)

    drawn = with_hover(shown, with_words(shown, shown.bars), tz)
    has_path = bars["is_critical"].any()
    is_solid = drawn["is_critical"] if has_path else not scene.runs["status"].eq("error").all()
    drawn = drawn.assign(is_solid=drawn["is_failing"] | is_solid)
    return Picture(shown, drawn, rows, axis, chosen_theme(), path, note)


def _heading(picture: Picture, title: str | None) -> Heading:
    runs, bars = picture.scene.runs, picture.scene.bars
    if len(runs) > 1:
        return runs_heading(runs, picture.theme, title, picture.note)
    failing = bars[bars["is_failing"] & (runs["status"].iloc[0] == "error")]
    steps = picture.scene.steps.loc[failing.nlargest(1, "end").index]
    label = next(iter(steps["label"]), None)
    return run_heading(runs.iloc[0], picture.theme, label, title, picture.note)
