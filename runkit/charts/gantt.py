"""`gantt()`: what runs did and when, as a plotly figure that says in one sentence what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from runkit.arguments import Hours, checked
from runkit.charts.axis import Axis, axis_of
from runkit.charts.bars import LETTERS, WAIT, Scene, blocked, scene_of, with_words
from runkit.charts.fleet_chart import fleet_chart
from runkit.charts.heading import Heading, run_heading, runs_heading
from runkit.charts.hover import with_hover
from runkit.charts.layout import layout
from runkit.charts.pair_chart import can_pair, pair_chart
from runkit.charts.rows import agent_rows, tree_rows
from runkit.charts.selection import MOST_BARS, MOST_ROWS, critical_path, visible_steps
from runkit.charts.style import chosen_theme
from runkit.charts.traces import DENSE_PX, Picture, durations, legend, traces
from runkit.errors import UsageError
from runkit.tables.frames import frames
from runkit.tables.sources import Source
from runkit.text import plural

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FOLDED_SHARE = 0.5  # of the time: waits that take more are folded by `compress_waits="auto"`
WHAT_MATTERS = "failed steps, waits, the top level, then the longest"
SLA_H = 4


@checked
def gantt(
    source: Source,
    *,
    depth: PositiveInt | Literal["auto"] | None = "auto",
    compress_waits: bool | Literal["auto"] = "auto",
    sort: Literal["attention", "time", "duration"] | None = None,
    group: Literal["status", "business", "agent"] | None = None,
    sla_h: Hours | None = None,
    title: str | None = None,
) -> Figure:
    """Draw runs as a Gantt chart; their number decides how.

    One run is a tree of its steps. Two runs stand step by step, or, if they are too large to be matched,
    agent under agent, as three or four do. More are a fleet, with a row or a point for each run. Times are
    relative to the start of each run, those of a fleet are in UTC.

    Parameters
    ----------
    source
        `Frames`, or anything that `frames()` takes.
    depth
        Levels of steps to show. `auto` shows a whole tree up to 60 rows, and of a larger one the 60 that
        matter most: failed steps, waits, the top level, then the longest. None shows all levels. No chart has
        more than 2,000 bars, chosen in the same order; the figure says how many steps it shows.
    compress_waits
        Whether times in which everything shown waits for a reviewer are folded to a fixed width. `auto` folds
        them if they take more than half of the width, and always where two runs stand step by step. The axis
        says "not to scale" there.
    sort
        Order of the runs of a fleet. None is `attention`: the longest waits first, failed runs newest first;
        `time`: newest first; `duration`: longest first.
    group
        What the rows of a fleet are grouped by. None is `status`.
    sla_h
        Hours within which a reviewer should answer, for a fleet. None is 4.
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
        For a word, a title or a number that cannot be used, for an argument that does not apply to so many
        runs, and for a source without runs.
    """
    from runkit.charts.figure import RunFigure

    of_steps: dict[str, object] = {"depth": depth, "compress_waits": compress_waits}
    of_fleet: dict[str, object] = {"sort": sort, "group": group, "sla_h": sla_h}
    read = frames(source)
    n_runs = len(read.runs)
    if not n_runs:
        raise UsageError(
            "There is no run to draw; expected at least one. What was refused is in frames().problems."
        )

    if n_runs > len(LETTERS):
        _refuse(of_steps, "auto", n_runs, f"1 to {len(LETTERS)} runs")
        hours = SLA_H if sla_h is None else sla_h
        return fleet_chart(read, sort=sort or "attention", group=group or "status", sla_h=hours, title=title)
    _refuse(of_fleet, None, n_runs, f"more than {len(LETTERS)} runs")

    scene = scene_of(read)
    if n_runs == 2 and can_pair(read):
        return pair_chart(scene, depth, compress_waits=bool(compress_waits), title=title)
    picture = _picture(scene, depth, _axis(scene, compress_waits))
    texts, reach = durations(picture)
    data = [*traces(picture), *texts, *legend(picture)]
    return RunFigure(data, layout(picture, data, _heading(picture, title), reach=reach))


def _refuse(options: dict[str, object], default: object, n_runs: int, applies_to: str) -> None:
    """Refuse options that do not apply to a chart of so many runs."""
    for name, value in options.items():
        if value != default:
            raise UsageError(
                f"{name}={value!r} does not apply to a chart of {plural(n_runs, 'run')}; "
                f"it is for {applies_to}. Leave it out."
            )


def _axis(scene: Scene, compress_waits: bool | str) -> Axis:
    """Return the time axis, folded if that is asked for or helps; `x0` and `x1` of bars follow it."""
    bars, runs = scene.bars, scene.runs
    first = min(0.0, bars["start"].min())
    last = max(0.0, bars["end"].max(), runs["end"].max())
    least = FOLDED_SHARE * (last - first) if compress_waits == "auto" else 0.0
    waits = bars[bars["kind"] == WAIT]
    can_fold = compress_waits and (waits["end"] - waits["start"]).sum() > least
    folds = blocked(bars) if can_fold else []
    is_folded = sum(to - since for since, to in folds) > least
    axis = axis_of(first, last, folds if is_folded else ())
    bars["x0"] = axis.at(bars["start"].to_numpy())
    bars["x1"] = axis.at(bars["end"].to_numpy())
    return axis


def _picture(scene: Scene, depth: int | str | None, axis: Axis) -> Picture:
    """Choose what is shown, give each bar its row, and write how many steps are shown if not all are."""
    bars, n_steps, is_tree = scene.bars, len(scene.frames.steps), len(scene.runs) == 1
    is_shown = visible_steps(bars, depth, MOST_ROWS if is_tree and depth == "auto" else MOST_BARS)
    shown = scene._replace(bars=bars[is_shown])
    rows = tree_rows(shown) if is_tree else agent_rows(shown)

    path, note = [], ""
    if not is_shown.all():
        note = f"{n_steps - int((~is_shown).sum()):,} of {n_steps:,} steps shown"
        note += "" if isinstance(depth, int) else f": {WHAT_MATTERS}"
    elif is_tree and rows.px >= DENSE_PX:
        path = critical_path(shown, axis)

    drawn = with_hover(shown, with_words(shown, shown.bars))
    has_path = bars["is_critical"].any()
    is_solid = drawn["is_critical"] if has_path else not scene.runs["status"].eq("error").all()
    drawn = drawn.assign(is_solid=drawn["is_failing"] | is_solid)
    return Picture(shown, drawn, rows, axis, chosen_theme(), path, note)


def _heading(picture: Picture, title: str | None) -> Heading:
    runs, bars = picture.scene.runs, picture.scene.bars
    if len(runs) > 1:
        return runs_heading(runs, picture.theme, title, picture.note)
    failing = bars[bars["is_failing"] & (runs["status"].iloc[0] == "error")]
    label = next(iter(failing.nlargest(1, "end")["label"]), None)
    return run_heading(runs.iloc[0], picture.theme, label, title, picture.note)
