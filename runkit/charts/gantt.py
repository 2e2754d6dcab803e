"""`gantt()`: what runs did and when, as a plotly figure that says in one sentence what it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import PositiveInt

from runkit.arguments import Hours, checked
from runkit.charts.axis import PLOT_PX, Axis, axes_of, relative_axis
from runkit.charts.bars import (
    GROUP,
    LETTERS,
    MOST_BARS,
    MOST_ROWS,
    WAIT,
    Picture,
    Scene,
    agent_rows,
    bars_of,
    blocked,
    critical_path,
    each,
    scene_of,
    tree_rows,
    visible_steps,
)
from runkit.charts.fleet_chart import fleet_chart
from runkit.charts.marks import (
    STUB,
    absences,
    durations,
    fold_words,
    is_stub,
    legend,
    shades,
    traces,
    wait_words,
)
from runkit.charts.pair_chart import can_pair, pair_chart
from runkit.charts.style import (
    AXIS_PX,
    EDGE_PX,
    LEGEND_EDGE_PX,
    LEGEND_PX,
    LONGEST,
    WIDTH,
    Heading,
    Json,
    Trace,
    bold,
    chosen_theme,
    colored,
    entry_px,
    figure_layout,
    heading_of,
    legend_at,
    level,
    note,
    pill,
    plain,
    row_axis,
    width_px,
)
from runkit.errors import UsageError
from runkit.style import Theme
from runkit.tables.frames import frames
from runkit.tables.sources import Source
from runkit.text import duration, moment, plural, short_id
from runkit.timing import Flags

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FOLDED_SHARE = 0.5  # of the time: waits that take more are folded by `compress_waits="auto"`
SLA_H = 4
NAME = 30  # characters of a name in the line of one of a few runs
SHOWN_IDLE = 0.05  # of the time that is no waiting: less idle time is not worth a word
FIGURE_PX = 800  # of a rather narrow figure, for the legend
LEAST_BAND_PX = 1  # a narrower wait would not be seen
STRIP = 1.6  # rows above the first one, where the words of waits stand


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

    of_steps: Json = {"depth": depth, "compress_waits": compress_waits}
    of_fleet: Json = {"sort": sort, "group": group, "sla_h": sla_h}
    read = frames(source)
    n_runs = len(read.runs)
    if not n_runs:
        raise UsageError(
            "There is no run to draw; expected at least one. What was refused is in frames().problems."
        )
    if n_runs > len(LETTERS):
        _refuse(of_steps, "auto", n_runs, f"1 to {len(LETTERS)} runs")
        hours = SLA_H if sla_h is None else sla_h
        return fleet_chart(
            read, sort=sort or "attention", group=group or "status", sla_h=hours, title=title
        )
    _refuse(of_fleet, None, n_runs, f"more than {len(LETTERS)} runs")

    scene, reach = scene_of(read), 0.0
    more: Json = {}
    is_pair = n_runs == 2 and can_pair(scene.steps)
    n_sides = 2 if is_pair else 1  # bars in a row
    is_bounded = depth == "auto" and n_runs == n_sides
    is_shown = visible_steps(
        scene.steps, depth, MOST_ROWS * n_sides if is_bounded else MOST_BARS // n_sides
    )
    if is_pair:
        picture, words, more = pair_chart(scene, is_shown, fold=bool(compress_waits))
    else:
        picture = _picture(scene, is_shown, compress_waits)
        words, reach = durations(picture)
    data = [*traces(picture), *legend(picture), *words]
    heading = run_heading(scene.runs, picture.theme, title, *_notes(scene, picture.bars, depth))
    return RunFigure(data, _layout(picture, data, heading, reach, more))


def _refuse(options: dict[str, object], default: object, n_runs: int, applies_to: str) -> None:
    """Refuse options that do not apply to a chart of so many runs."""
    for name, value in options.items():
        if value != default:
            raise UsageError(
                f"{name}={value!r} does not apply to a chart of {plural(n_runs, 'run')}; "
                f"it is for {applies_to}. Leave it out."
            )


def _picture(scene: Scene, is_shown: Flags, compress_waits: bool | str) -> Picture:
    """Place what is shown: on the axis, in rows, and on the critical path if all steps are shown."""
    steps, runs = scene.steps[is_shown], scene.runs
    axis, is_tree = _axis(steps, runs, compress_waits), len(runs) == 1
    row: Any = np.arange(len(steps))
    rows, row = (tree_rows(steps, row), row) if is_tree else agent_rows(steps)
    has_path = scene.steps["is_critical"].any()
    is_solid = steps["is_critical"] if has_path else not runs["status"].eq("error").all()
    x0, x1 = (axis.at(steps[edge].to_numpy()) for edge in ("start", "end"))
    bars = bars_of(scene, steps, row=row, x0=x0, x1=x1, is_solid=steps["is_failing"] | is_solid)
    path = critical_path(bars, axis) if is_tree and is_shown.all() else []
    return Picture(runs, bars, scene.legend, rows, axis, chosen_theme(), path)


def _axis(steps: pd.DataFrame, runs: pd.DataFrame, compress_waits: bool | str) -> Axis:
    """Return the time axis, folded if that is asked for or helps."""
    first = min([0.0, *steps["start"]])
    last = max([0.0, *steps["end"], *runs["duration_s"].fillna(0)])
    least = FOLDED_SHARE * (last - first) if compress_waits == "auto" else 0.0
    folds = blocked(steps) if compress_waits else []
    is_folded = sum(to - since for since, to in folds) > least
    return axes_of(first, [last], [folds if is_folded else []])[0]


def _notes(scene: Scene, bars: pd.DataFrame, depth: int | str | None) -> list[str]:
    """Write in which step a run failed, which of its steps are shown, and what set the total time."""
    steps, runs, notes = scene.steps, scene.runs, []
    is_tree, hidden = len(runs) == 1, steps.drop(bars.index)
    if is_tree:
        failing = steps[steps["is_failing"] & (runs["status"].iloc[0] == "error")].nlargest(
            1, "end"
        )
        notes = ["".join(f". Failed in {bold(plain(label))}" for label in failing["label"])]
    if hidden.empty:
        return notes
    n_steps = len(scene.frames.steps)
    words = f"{n_steps - len(hidden):,} of {n_steps:,} steps shown"
    if not isinstance(depth, int):
        n_top, n_failed = int(bars["depth"].eq(0).sum()), int(bars["is_failing"].sum())
        longest = (hidden["end"] - hidden["start"])[hidden["kind"] != GROUP].max()
        words += f": failed steps, waits, {plural(n_top, 'top step')}, then the longest. "
        words += f"The others took {duration(longest)} or less. {n_failed or 'None'} failed."
    notes.append(words)
    if is_tree and steps["is_critical"].any():
        last = steps[steps["depth"].eq(0) & steps["kind"].eq(GROUP)].nlargest(1, "end")
        notes += [f"{bold(plain(step.label))} is the group that ended last" for step in each(last)]
    return notes


def run_heading(runs: pd.DataFrame, theme: Theme, title: str | None, *notes: str) -> Heading:
    """Write the heading of one run, or of two to four with a line for each; `notes` say what is left out.

    The title names the business and the agent that all runs share.
    """
    businesses, agents = (_names(*runs[name].unique()) for name in ("business_name", "agent_name"))
    shared = _names(title) or [
        name for same in (businesses, agents) if len(same) == 1 for name in same
    ]
    names = [plain(name, LONGEST) for name in shared]
    if len(runs) > 1:
        number = f"{len(runs)} runs compared"
        names = [*names, number] if len(businesses) < 2 and names else [number, *names]
        runs_lines = [
            _run_line(run, theme, len(businesses) != 1) for run in runs.to_dict("records")
        ]
        return heading_of(theme, names, *runs_lines, *([note] for note in notes))
    [run] = runs.to_dict("records")
    head = [*(names or ["Unknown agent"]), pill(run["status"], theme)]
    return heading_of(
        theme, head, [time_words(run) + notes[0], _id(run)], *([note] for note in notes[1:])
    )


def _run_line(run: dict[Any, Any], theme: Theme, has_name: bool) -> list[str]:
    """Write one of a few runs: its id with its name or its time, how it ended, and where its time went."""
    names = [plain(name, NAME) for name in _names(run["business_name"])] if has_name else []
    is_dated = pd.notna(run["created_at"]) and not has_name  # a line has no room for both
    first, *parts = [*names, _id(run), moment(run["created_at"]) if is_dated else ""]
    sure = [level(word, theme, " confidence") for word in _names(run["confidence"])]
    letter = colored(bold(run["label"][0]), theme.text)
    return [
        f"{letter}  {first}",
        *parts,
        pill(run["status"], theme),
        *sure,
        time_words(run, has_total=False),
    ]


def _names(*words: object) -> list[str]:
    """Return the words that are not missing."""
    return [word for word in words if isinstance(word, str) and word.strip()]


def _id(run: Any) -> str:
    return f"run {plain(short_id(run['run_id']))}"


def time_words(run: Any, emphasize: Callable[[str], str] = bold, *, has_total: bool = True) -> str:
    """Write where a run's time went, with the waiting emphasized."""
    total, work, waiting = run["duration_s"], run["working_s"], run["waiting_s"]
    if pd.isna(total):
        return "Not started"
    whole = duration(total) + (" so far" if run["status"] in ("running", "interrupted") else "")
    if pd.isna(work):
        return f"{whole}; steps not delivered"
    parts = [f"{duration(work)} work"]
    if run["idle_s"] > SHOWN_IDLE * (total - waiting):
        parts.append(f"{duration(run['idle_s'])} idle")
    if pd.notna(run["waits_since"]):
        parts.append(emphasize(f"waiting since {moment(run['waits_since'])}"))
    elif waiting:
        parts.append(emphasize(f"{duration(waiting)} waiting"))
    return (f"{whole}: " if has_total else "") + ", ".join(parts)


def _layout(
    picture: Picture, data: list[Trace], heading: Heading, reach: float, more: Json
) -> Json:
    """Build the figure's layout; texts reach so many pixels behind the axis, `more` is what two runs add."""
    rows, axis, theme, nothing = picture.rows, picture.axis, picture.theme, absences(picture)
    bars = picture.bars.assign(px=(picture.bars["x1"] - picture.bars["x0"]) * axis.scale)
    bands = bars[(len(picture.runs) == 1) & bars["kind"].eq(WAIT) & (bars["px"] >= LEAST_BAND_PX)]
    waits = bands.sort_values("px", ascending=False, kind="stable")
    top = -0.5 - more.pop("above", 0.15 if waits.empty else STRIP)
    last = rows.n - 0.5 + len(nothing)
    area = round((last - top) * rows.px)
    labels_px = max(map(width_px, rows.texts), default=0) + EDGE_PX
    margin = {"l": labels_px + EDGE_PX, "r": EDGE_PX + round(max(reach, 0))}
    entries_px = sum(entry_px(trace["name"]) for trace in data if trace.get("showlegend"))
    n_lines = -int(-entries_px // (FIGURE_PX - margin["r"]))
    margin["b"] = AXIS_PX + LEGEND_EDGE_PX + LEGEND_PX * n_lines
    ticks = relative_axis(axis._replace(px=min(WIDTH - margin["l"] - margin["r"], PLOT_PX)))
    stub = STUB * axis.length * is_stub(bars).any()
    span = [axis.start - 2 * axis.length / PLOT_PX, axis.start + axis.length + stub]
    time = ticks | {"range": span, "tickangle": 0, "showgrid": True} | more.get("xaxis", {})
    # ticks also over a chart that is taller than a screen
    above = zip(time["tickvals"], time["ticktext"], strict=True) if rows.n >= MOST_ROWS else ()
    upper = [note(text, theme.muted, x=place, y=top, yanchor="bottom") for place, text in above]
    words = [*wait_words(picture, waits, top), *fold_words(picture), *nothing, *upper]
    # The entries of the legend are traces of their own, which a click would hide alone.
    return (
        figure_layout(theme, heading, area, margin)
        | more
        | {
            "xaxis": time,
            "yaxis": row_axis(theme, labels_px, rows.ticks, rows.texts) | {"range": [last, top]},
            "legend": legend_at(area) | {"itemclick": False, "itemdoubleclick": False},
            "shapes": [*shades(picture, waits, top), *more.get("shapes", ())],
            "annotations": [*words, *more.get("annotations", ())],
        }
    )
