"""`gantt()`: what runs did and when, as a plotly figure that says in one sentence what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import PositiveInt

from runkit.arguments import Hours, checked
from runkit.charts.axis import Axis, Picture, axis_of, layout
from runkit.charts.bars import (
    GROUP,
    LETTERS,
    MOST_BARS,
    MOST_ROWS,
    WAIT,
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
from runkit.charts.heading import run_heading
from runkit.charts.marks import durations, legend, traces
from runkit.charts.pair_chart import can_pair, pair_chart
from runkit.charts.style import bold, chosen_theme, plain
from runkit.errors import UsageError
from runkit.tables.frames import frames
from runkit.tables.sources import Source
from runkit.text import duration, plural
from runkit.timing import Flags

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FOLDED_SHARE = 0.5  # of the time: waits that take more are folded by `compress_waits="auto"`
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
    is_tree = n_runs == 1
    is_shown = visible_steps(scene.steps, depth, MOST_ROWS if is_tree and depth == "auto" else MOST_BARS)
    picture = _picture(scene, is_shown, compress_waits)
    notes = _notes(scene, is_shown, depth, is_tree=is_tree)
    texts, reach = durations(picture)
    data = [*traces(picture), *texts, *legend(picture)]
    heading = run_heading(scene.runs, picture.theme, title, *notes)
    return RunFigure(data, layout(picture, data, heading, reach=reach))


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
    axis = _axis(steps, runs, compress_waits)
    row: Any = np.arange(len(steps))
    is_tree = len(runs) == 1
    rows = None
    if not is_tree:
        rows, row = agent_rows(steps, len(runs))
    has_path = scene.steps["is_critical"].any()
    is_solid = steps["is_critical"] if has_path else not runs["status"].eq("error").all()
    x0, x1 = (axis.at(steps[edge].to_numpy()) for edge in ("start", "end"))
    bars = bars_of(scene, is_shown, row=row, x0=x0, x1=x1, is_solid=steps["is_failing"] | is_solid)
    path = critical_path(bars, axis) if is_tree and is_shown.all() else []
    return Picture(runs, bars, scene.legend, rows or tree_rows(bars, row), axis, chosen_theme(), path)


def _axis(steps: pd.DataFrame, runs: pd.DataFrame, compress_waits: bool | str) -> Axis:
    """Return the time axis, folded if that is asked for or helps."""
    first = min([0.0, *steps["start"]])
    last = max([0.0, *steps["end"], *runs["end"]])
    least = FOLDED_SHARE * (last - first) if compress_waits == "auto" else 0.0
    waits = steps[steps["kind"] == WAIT]
    can_fold = compress_waits and (waits["end"] - waits["start"]).sum() > least
    folds = blocked(steps) if can_fold else []
    is_folded = sum(to - since for since, to in folds) > least
    return axis_of(first, last, folds if is_folded else ())


def _notes(scene: Scene, is_shown: Flags, depth: int | str | None, *, is_tree: bool) -> list[str]:
    """Write in which step a run failed, which of its steps are shown, and what set the total time."""
    steps, runs, notes = scene.steps, scene.runs, []
    if is_tree:
        failing = steps[steps["is_failing"] & (runs["status"].iloc[0] == "error")].nlargest(1, "end")
        notes = ["".join(f". Failed in {bold(plain(label))}" for label in failing["label"])]
    if is_shown.all():
        return notes
    n_steps, n_hidden = len(scene.frames.steps), int((~is_shown).sum())
    words = f"{n_steps - n_hidden:,} of {n_steps:,} steps shown"
    if not isinstance(depth, int):
        shown, hidden = steps[is_shown], steps[~is_shown]
        n_top, n_failed = int(shown["depth"].eq(0).sum()), int(shown["is_failing"].sum())
        longest = (hidden["end"] - hidden["start"])[hidden["kind"] != GROUP].max()
        words += f": failed steps, waits, {plural(n_top, 'top step')}, then the longest. "
        words += f"The others took {duration(longest)} or less. {n_failed or 'None'} failed."
    notes.append(words)
    if is_tree and steps["is_critical"].any():
        last = steps[steps["depth"].eq(0) & steps["kind"].eq(GROUP)].nlargest(1, "end")
        notes += [f"{bold(plain(step.label))} is the group that ended last" for step in each(last)]
    return notes
