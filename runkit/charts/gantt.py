"""`gantt()`: what runs did and when, as a plotly figure that says in one sentence what it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import PositiveInt

from runkit.arguments import Hours, checked
from runkit.charts._axis import PLOT_PX, TimeAxis, axes_of, relative_axis
from runkit.charts._bars import (
    GROUP,
    LETTERS,
    MAX_BARS,
    MAX_ROWS,
    WAIT,
    Picture,
    Scene,
    agent_rows,
    bars_of,
    blocked,
    scene_of,
    tree_rows,
    visible_steps,
)
from runkit.charts._fleet_chart import fleet_chart
from runkit.charts._marks import (
    STUB,
    durations,
    empty_labels,
    fold_labels,
    is_stub,
    legend,
    shades,
    traces,
    wait_labels,
)
from runkit.charts._pair_chart import can_pair, pair_chart
from runkit.charts.panel import SLA_H, short_ids
from runkit.charts.theme import (
    AXIS_PX,
    EDGE_PX,
    LEGEND_EDGE_PX,
    LEGEND_PX,
    MAX_TITLE,
    WIDTH,
    Heading,
    Json,
    Trace,
    annotation,
    bold,
    chosen_theme,
    colored,
    entry_px,
    figure_layout,
    heading_of,
    legend_at,
    level,
    pill,
    plain,
    row_axis,
    width_px,
)
from runkit.display.colors import Theme
from runkit.display.text import duration, moment, plural
from runkit.errors import UsageError
from runkit.facts import Facts, time_parts
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source
from runkit.time_budget import Flags

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FOLDED_SHARE = 0.5  # `compress_waits="auto"` folds waits that take more than this share of the time
MAX_NAME = 30  # characters of a name in the line of one of a few runs
NARROW_PX = 800  # the width of a narrow figure, for which the legend is laid out
MIN_BAND_PX = 1  # a narrower wait would not be seen
STRIP = 1.6  # rows above the first one, for the labels of waits


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

    One run is a tree of its steps. Two runs stand step by step, or, if they are too large to be
    matched, agent under agent, as three or four do. More are a fleet, with a row or a point for
    each run. Times are relative to the start of each run, those of a fleet are in UTC.

    Parameters
    ----------
    source
        `Frames`, or anything that `frames()` takes.
    depth
        Levels of steps to show. `auto` shows a whole tree up to 60 rows, and of a larger one the 60
        that matter most: failed steps, waits, the top level, then the longest. None shows all
        levels. No chart has more than 2,000 bars, chosen in the same order; the figure says how
        many steps it shows.
    compress_waits
        Whether times in which everything shown waits for a reviewer are folded to a fixed width.
        `auto` folds them if they take more than half of the width, and always where two runs stand
        step by step. The axis says "not to scale" there.
    sort
        Order of the runs of a fleet. None is `attention`: the longest waits first, failed runs
        newest first; `time`: newest first; `duration`: longest first.
    group
        What the rows of a fleet are grouped by. None is `status`.
    sla_h
        Hours within which a reviewer should answer, for a fleet. None is 4.
    title
        Replaces the name of the business and the agent.

    Returns
    -------
    plotly.graph_objects.Figure
        Its sentence is also in `figure.layout.meta["alt"]`. It is dark if
        `plotly.io.templates.default` is ("plotly_dark"). A drag zooms on time.

    Raises
    ------
    UsageError
        For a word, a title or a number that cannot be used, for an argument that does not apply to
        so many runs, and for a source without runs.
    """
    from runkit.charts.figure import RunFigure

    f = frames(source)
    n_runs = len(f.runs)
    if not n_runs:
        raise UsageError(
            "There is no run to draw; expected at least one. "
            "What was refused is in frames().problems."
        )
    if n_runs > len(LETTERS):
        few = f"1 to {len(LETTERS)} runs"
        _refuse("auto", n_runs, few, depth=depth, compress_waits=compress_waits)
        hours = SLA_H if sla_h is None else sla_h
        sort, group = sort or "attention", group or "status"
        return fleet_chart(Facts(f, hours), sort=sort, group=group, title=title)
    many = f"more than {len(LETTERS)} runs"
    _refuse(None, n_runs, many, sort=sort, group=group, sla_h=sla_h)

    scene, reach = scene_of(f), 0.0
    layout: Json = {}
    is_pair = n_runs == 2 and can_pair(scene.steps)
    n_sides = 2 if is_pair else 1  # bars in a row
    is_bounded = depth == "auto" and n_runs == n_sides
    limit = MAX_ROWS * n_sides if is_bounded else MAX_BARS // n_sides
    is_visible = visible_steps(scene.steps, depth, limit)
    if is_pair:
        picture, labels, layout = pair_chart(scene, is_visible, fold=bool(compress_waits))
    else:
        picture = _picture(scene, is_visible, compress_waits)
        labels, reach = durations(picture)
    data = [*traces(picture), *legend(picture), *labels]
    heading = run_heading(scene.runs, picture.theme, title, *_notes(scene, picture.bars, depth))
    return RunFigure(data, _layout(picture, data, heading, reach, layout))


def _refuse(default: object, n_runs: int, applies_to: str, **options: object) -> None:
    """Refuse options that do not apply to a chart of so many runs."""
    for name, value in options.items():
        if value != default:
            raise UsageError(
                f"{name}={value!r} does not apply to a chart of {plural(n_runs, 'run')}; "
                f"it is for {applies_to}. Leave it out."
            )


def _picture(scene: Scene, is_visible: Flags, compress_waits: bool | str) -> Picture:
    """Place the visible steps on the axis and in rows."""
    steps, runs = scene.steps[is_visible], scene.runs
    axis, is_tree = _axis(steps, runs, compress_waits), len(runs) == 1
    row: Any = np.arange(len(steps))
    if is_tree:
        rows = tree_rows(steps, row)
    else:
        rows, row = agent_rows(steps)

    has_path = scene.steps["is_critical"].any()
    is_solid = steps["is_critical"] if has_path else not runs["status"].eq("error").all()
    x0, x1 = (axis.at(steps[edge].to_numpy()) for edge in ("start", "end"))
    bars = bars_of(scene, steps, row=row, x0=x0, x1=x1, is_solid=steps["is_failing"] | is_solid)
    return Picture(runs, bars, scene.legend, rows, axis, chosen_theme())


def _axis(steps: pd.DataFrame, runs: pd.DataFrame, compress_waits: bool | str) -> TimeAxis:
    """Return the time axis, with its waits folded where the argument says so."""
    start = min([0.0, *steps["start"]])
    end = max([0.0, *steps["end"], *runs["duration_s"].fillna(0)])
    folds = blocked(steps) if compress_waits else []
    folded_s = sum(stop - start for start, stop in folds)
    if compress_waits == "auto" and folded_s <= FOLDED_SHARE * (end - start):
        folds = []
    [axis] = axes_of(start, [end], [folds])
    return axis


def _notes(scene: Scene, bars: pd.DataFrame, depth: int | str | None) -> list[str]:
    """Write in which step a run failed, which steps are shown, and what set the total time."""
    steps, runs, notes = scene.steps, scene.runs, []
    is_tree, hidden = len(runs) == 1, steps.drop(bars.index)
    if is_tree:
        notes = ["".join(f". Failed in {bold(plain(cause))}" for cause in runs["cause"].dropna())]
    if hidden.empty:
        return notes

    n_steps = len(scene.frames.steps)
    text = f"{n_steps - len(hidden):,} of {n_steps:,} steps shown"
    if not isinstance(depth, int):
        n_top, n_failed = int(bars["depth"].eq(0).sum()), int(bars["is_failing"].sum())
        longest = (hidden["end"] - hidden["start"]).max()
        text += f": failed steps, waits, {plural(n_top, 'top step')}, then the longest. "
        text += f"The others took {duration(longest)} or less. {n_failed or 'None'} failed."
    notes.append(text)
    if is_tree and steps["is_critical"].any():
        top_groups = steps[steps["depth"].eq(0) & steps["kind"].eq(GROUP)]
        last = top_groups.nlargest(1, "end")
        notes += [f"{bold(plain(label))} is the group that ended last" for label in last["label"]]
    return notes


def run_heading(runs: pd.DataFrame, theme: Theme, title: str | None, *notes: str) -> Heading:
    """Write the heading of one run, or of two to four with a line for each, and the notes.

    The title names the business and the agent that all runs share.
    """
    businesses = _names(*runs["business_name"].unique())
    agents = _names(*runs["agent_name"].unique())
    shared = [names[0] for names in (businesses, agents) if len(names) == 1]
    names = [plain(name, MAX_TITLE) for name in _names(title) or shared]
    runs = runs.assign(short_id=short_ids(runs["run_id"]))
    if len(runs) == 1:
        [run] = runs.to_dict("records")
        head = [*(names or ["Unknown agent"]), pill(run["status"], theme)]
        line = [time_words(run) + notes[0], _run_id(run)]
        return heading_of(theme, head, line, *([note] for note in notes[1:]))

    number = f"{len(runs)} runs compared"
    head = [*names, number] if names and len(businesses) < 2 else [number, *names]
    has_names = len(businesses) != 1
    lines = [_run_line(run, theme, has_name=has_names) for run in runs.to_dict("records")]
    return heading_of(theme, head, *lines, *([note] for note in notes))


def _run_line(run: dict[Any, Any], theme: Theme, *, has_name: bool) -> list[str]:
    """Write the line of a run: its name or its time, its id, its status, where its time went."""
    letter = colored(bold(run["label"][0]), theme.text)
    names = [plain(name, MAX_NAME) for name in _names(run["business_name"])] if has_name else []
    created = ""
    if pd.notna(run["created_at"]) and not has_name:  # a line has no room for both
        created = moment(run["created_at"])
    first, *others = [*names, _run_id(run), created]
    confidence = [level(word, theme, " confidence") for word in _names(run["confidence"])]
    state = [pill(run["status"], theme), *confidence, time_words(run, has_total=False)]
    return [f"{letter}  {first}", *others, *state]


def _names(*values: object) -> list[str]:
    """Return the names that are not missing."""
    return [value for value in values if isinstance(value, str) and value.strip()]


def _run_id(run: dict[Any, Any]) -> str:
    return f"run {plain(run['short_id'])}"


def time_words(run: Any, emphasize: Callable[[str], str] = bold, *, has_total: bool = True) -> str:
    """Write where a run's time went, with the waiting emphasized."""
    whole, work, waiting = time_parts(run)
    parts = ", ".join(filter(None, [work, waiting and emphasize(waiting)]))
    return ": ".join(filter(None, [whole if has_total else "", parts])) or whole


def _layout(
    picture: Picture, data: list[Trace], heading: Heading, reach: float, layout: Json
) -> Json:
    """Build the figure's layout; `layout` is what a chart of two runs adds.

    Texts reach `reach` pixels behind the axis.
    """
    rows, axis, theme = picture.rows, picture.axis, picture.theme
    bands, empty = _bands(picture), empty_labels(picture)
    top = -0.5 - layout.pop("above", 0.15 if bands.empty else STRIP)
    bottom = rows.n - 0.5 + len(empty)
    height = round((bottom - top) * rows.px)
    labels_px = max(map(width_px, rows.texts), default=0) + EDGE_PX
    margin = {"l": labels_px + EDGE_PX, "r": EDGE_PX + round(max(reach, 0))}
    entries_px = sum(entry_px(trace["name"]) for trace in data if trace.get("showlegend"))
    n_lines = -int(-entries_px // (NARROW_PX - margin["r"]))
    margin["b"] = AXIS_PX + LEGEND_EDGE_PX + LEGEND_PX * n_lines

    plot_px = min(WIDTH - margin["l"] - margin["r"], PLOT_PX)
    stub = STUB * axis.length * is_stub(picture.bars).any()
    span = [axis.start - 2 * axis.length / PLOT_PX, axis.start + axis.length + stub]
    time = relative_axis(axis._replace(px=plot_px)) | {"range": span, "tickangle": 0}
    time |= {"showgrid": True} | layout.get("xaxis", {})
    labels = [*wait_labels(picture, bands, top), *fold_labels(picture), *empty]
    if rows.n >= MAX_ROWS:  # a chart that is taller than a screen has ticks also above it
        for tick, text in zip(time["tickvals"], time["ticktext"], strict=True):
            labels.append(annotation(text, theme.muted, x=tick, y=top, yanchor="bottom"))

    row_ticks = row_axis(theme, labels_px, rows.ticks, rows.texts)
    # The entries of the legend are traces of their own, which a click would hide alone.
    inert = {"itemclick": False, "itemdoubleclick": False}
    return figure_layout(theme, heading, height, margin) | {
        **layout,
        "xaxis": time,
        "yaxis": row_ticks | {"range": [bottom, top]},
        "legend": legend_at(height) | inert,
        "shapes": [*shades(picture, bands, top), *layout.get("shapes", ())],
        "annotations": [*labels, *layout.get("annotations", ())],
    }


def _bands(picture: Picture) -> pd.DataFrame:
    """Return the waits of a chart of one run that are wide enough for a band, the widest first."""
    bars = picture.bars
    bars = bars.assign(px=(bars["x1"] - bars["x0"]) * picture.axis.scale)
    is_band = bars["kind"].eq(WAIT) & (bars["px"] >= MIN_BAND_PX) & (len(picture.runs) == 1)
    return bars[is_band].sort_values("px", ascending=False, kind="stable")
