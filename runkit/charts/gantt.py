"""`gantt()`: what runs did and when, as a plotly figure that says in one sentence what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import PositiveInt

from runkit.arguments import Hours, checked
from runkit.charts._bars import NO_RANGES, Picture, Scene, blocked, picture_of, scene_of
from runkit.charts._fleet_chart import fleet_chart
from runkit.charts._marks import (
    durations,
    empty_labels,
    fold_labels,
    groups_and_slivers,
    legend,
    shades,
    traces,
    wait_labels,
)
from runkit.charts._pair_chart import can_pair, pair_chart
from runkit.charts._placement import (
    LETTERS,
    LOW_ROW_PX,
    MAX_BARS,
    MAX_ROWS,
    PLOT_PX,
    WAIT,
    agent_rows,
    axes_of,
    chosen_steps,
    relative_axis,
    steps_with_rows,
    tree_of,
)
from runkit.charts.theme import (
    EDGE_PX,
    MAX_TITLE,
    WIDTH,
    Heading,
    Json,
    annotation,
    bold,
    colored,
    figure_layout,
    heading_of,
    legend_below,
    level,
    pill,
    plain,
    row_axis,
    width_px,
)
from runkit.display.colors import Theme
from runkit.display.text import duration, moment, plural
from runkit.errors import UsageError
from runkit.facts import Facts
from runkit.tables.read_frames import frames
from runkit.tables.run_rules import short_ids, time_parts
from runkit.tables.sources import Source

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FOLDED_SHARE = 0.5  # `compress_waits="auto"` folds waits that take more than this share of the time
MAX_NAME, MAX_LINE = 60, 30  # characters of a name in the title, and in the line of a run
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
        Levels of steps that have a row. `auto` is all of a tree up to 60 rows, and of a larger one
        the 60 that matter most: failed steps, waits, the 15 longest, the top level, then the
        longest, each with the groups around it. Every other step is a sliver in the row of its
        group (those closer than half a pixel are one, also when you zoom), and the figure says how
        many they are. None is all levels, and refused where they have no room. Three or four runs
        have up to 45 lanes and 2,000 bars; the others are slivers in the last lane of their agent.
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
        Hours within which a reviewer should answer, for a fleet. None is no limit.
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
        _refuse("auto", n_runs, depth=depth, compress_waits=compress_waits)
        facts = Facts(f, sla_h)
        group = group or "status"
        return fleet_chart(facts, sort=sort or "attention", group=group, title=title)
    _refuse(None, n_runs, sort=sort, group=group, sla_h=sla_h)

    scene = scene_of(f)
    reach = 0.0
    more = Json()
    if n_runs == 2 and can_pair(scene.steps):
        picture, texts, more = pair_chart(scene, depth, fold=bool(compress_waits))
    else:
        picture = _picture(scene, depth, compress_waits)
        label, reach = durations(picture)
        texts = [label]
    notes = _notes(picture, depth, has_lanes=n_runs > 1 and not more)
    heading = run_heading(scene.runs, scene.theme, title, notes)
    data = [trace for trace in (*traces(picture), *texts) if len(trace["x"])]
    return RunFigure(data, _layout(picture, heading, reach, more))


def _refuse(default: object, n_runs: int, **options: object) -> None:
    """Refuse options that do not apply to a chart of so many runs."""
    for name, value in options.items():
        if value != default:
            raise UsageError(
                f"{name}={value!r} does not apply to a chart of {plural(n_runs, 'run')}: "
                "leave it out."
            )


def _picture(scene: Scene, depth: int | str | None, compress_waits: bool | str) -> Picture:
    """Place the steps of one run in a tree, or of several runs in bands of their agents."""
    steps = scene.steps
    runs = scene.runs
    start = min([0.0, *steps["start"]])
    end = max([0.0, *steps["end"], *runs["duration_s"].fillna(0)])
    folds = blocked(steps)
    if compress_waits == "auto":
        compress_waits = np.diff(folds).sum() > FOLDED_SHARE * (end - start)
    [axis] = axes_of(start, [end], [folds if compress_waits else NO_RANGES])
    if len(runs) == 1:
        layout = tree_of(steps, steps_with_rows(steps, depth, LOW_ROW_PX))
    else:
        layout = agent_rows(steps, chosen_steps(steps, depth, MAX_BARS))
    return picture_of(scene, layout, [axis] * len(runs), axis, steps["is_failing"].to_numpy())


def _notes(picture: Picture, depth: int | str | None, *, has_lanes: bool) -> list[str]:
    """Write which steps have no row of their own."""
    steps = picture.scene.steps
    hidden = steps.drop(picture.bars.index)
    if hidden.empty:
        return []

    n_steps = len(picture.scene.frames.steps)
    n_failed = int(steps["is_failing"].sum())
    have = "a row: failed steps, waits, the longest, and groups"
    group = "group"
    if depth != "auto":
        have = f"a row, down to level {depth}"
    if has_lanes:
        have = "a lane"
        group = "agent"
    longest = duration((hidden["end"] - hidden["start"]).max())
    rest = f"The others are slivers in the row of their {group}; they took {longest} or less."
    have = f"{n_steps - len(hidden):,} of {n_steps:,} steps have {have}."
    return [have, rest + f" {n_failed:,} failed." * (n_failed > 0)]


def run_heading(
    runs: pd.DataFrame, theme: Theme, title: str | None, notes: Iterable[str]
) -> Heading:
    """Write the heading of one run, or of two to four with a line for each, and the notes.

    The title names the business and the agent that all runs share.
    """
    businesses, agents = (runs[name].unique() for name in ("business_name", "agent_name"))
    only = [names[0] for names in (businesses, agents) if len(names) == 1]
    shared = [plain(name, MAX_NAME) for name in _names(*only)]
    names = [plain(title, MAX_TITLE)] if title else shared
    ids = "run " + short_ids(runs["run_id"])
    first, *others = records = runs.to_dict("records")
    if others:
        head = [*names, f"{len(runs)} runs compared"]
        created = runs["created_at"].map(moment, na_action="ignore")
        # a line has no room for both the name and the time
        columns = (ids, created) if len(businesses) == 1 else (runs["business_name"], ids)
        abouts = map(_names, *columns)
        letters = zip(LETTERS, records, abouts, strict=False)
        lines = [_run_line(letter, run, about, theme) for letter, run, about in letters]
    else:
        failed = [f"Failed in {bold(plain(step))}" for step in _names(first["cause"])]
        head = [*(names or ["Unknown agent"]), pill(first["status"], theme)]
        lines = [[". ".join([time_words(first), *failed]), plain(ids[0])]]
    return heading_of(theme, head, *lines, *([note] for note in notes))


def _run_line(letter: str, run: dict[Any, Any], about: list[str], theme: Theme) -> list[str]:
    """Write the line of a run: what it is about, its status, where its time went."""
    confidence = [level(word, theme, " confidence") for word in _names(run["confidence"])]
    first, *more = [plain(text, MAX_LINE) for text in about]
    head = f"{colored(bold(letter), theme.text)}  {first}"
    words = time_words(run, has_total=False)
    return [head, *more, pill(run["status"], theme), *confidence, words]


def _names(*values: object) -> list[str]:
    """Return the names that are not missing."""
    return [value for value in values if isinstance(value, str) and value.strip()]


def time_words(run: Any, emphasize: Callable[[str], str] = bold, *, has_total: bool = True) -> str:
    """Write where a run's time went, with the waiting emphasized."""
    whole, work, waiting = time_parts(run)
    parts = ", ".join(filter(None, [work, waiting and emphasize(waiting)]))
    return ": ".join(filter(None, [whole if has_total else "", parts])) or whole


def _layout(picture: Picture, heading: Heading, reach: float, more: Json) -> Json:
    """Build the figure's layout; `more` is what a chart of two runs adds.

    Texts reach `reach` pixels behind the axis.
    """
    rows = picture.rows
    axis = picture.axis
    theme = picture.scene.theme
    bands = _bands(picture)
    empty = empty_labels(picture)
    top = -0.5 - (rows.above if bands.empty else STRIP)
    bottom = rows.n - 0.5 + len(empty)
    height = round((bottom - top) * rows.px)
    labels_px = max(map(width_px, rows.texts), default=0) + EDGE_PX
    left = labels_px + EDGE_PX
    right = EDGE_PX + round(reach)
    note, below = legend_below(legend(picture), theme, left)

    plot_px = min(WIDTH - left - right, PLOT_PX)
    end = max([axis.end, *picture.bars["tip"]])
    span = [axis.start - 2 * axis.length / PLOT_PX, end]
    ticks = relative_axis(axis._replace(px=plot_px))
    time = ticks | {"range": span, "tickangle": 0, "showgrid": True} | more.get("xaxis", {})
    labels = [note, *wait_labels(picture, bands, top), *fold_labels(picture), *empty]
    if rows.n >= MAX_ROWS:  # a chart that is taller than a screen has ticks also above it
        for tick, text in zip(time["tickvals"], time["ticktext"], strict=True):
            labels.append(annotation(text, theme.muted, x=tick, y=top, yanchor="bottom"))

    row_ticks = row_axis(theme, labels_px, rows.ticks, rows.texts)
    margin = {"l": left, "r": right, "b": below}
    return figure_layout(theme, heading, height, margin) | {
        **more,
        "xaxis": time,
        "yaxis": row_ticks | {"range": [bottom, top]},
        "shapes": [*shades(picture, bands, top), *groups_and_slivers(picture)],
        "annotations": [*labels, *more.get("annotations", ())],
    }


def _bands(picture: Picture) -> pd.DataFrame:
    """Return the waits of a chart of one run that are wide enough for a band, the widest first."""
    waits = picture.bars[picture.bars["kind"].eq(WAIT) & (len(picture.scene.runs) == 1)]
    waits = waits.assign(px=(waits["x1"] - waits["x0"]) * picture.axis.scale)
    return waits[waits["px"] >= MIN_BAND_PX].sort_values("px", ascending=False, kind="stable")
