"""Many runs in one figure: a point for when each was created and how long it waited."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.api.words import RUN_STATUSES
from runkit.charts._placement import INTERVALS
from runkit.charts.theme import (
    FONT_PX,
    NBSP,
    Heading,
    Json,
    Trace,
    annotation,
    array_ticks,
    bold,
    colored,
    entry,
    faded,
    figure_layout,
    hover_texts,
    legend_below,
    line_trace,
    plain,
    row_axis,
)
from runkit.display.colors import FAILED_COLOR, OTHER_COLOR, Theme
from runkit.display.counts import DAY, HOUR, lasted
from runkit.display.text import day, moment

MIN_WAIT = 30.0  # seconds: shorter waits are drawn so long
NO_WAIT = 11.0  # seconds: the middle of the lane of runs without a wait
MIN_SCALE = 30 * DAY  # seconds: the scale of waits ends at least here
TICKS = {
    60: "1 min",
    600: "10 min",
    HOUR: "1 h",
    4 * HOUR: "4 h",
    DAY: "1 d",
    10 * DAY: "10 d",
}
MAX_POINTS = 5_000  # an SVG of more is slow to draw; with labels 5,000 take 0.4 MB
HEIGHT_PX = 320
LEFT_PX, RIGHT_PX = 76, 24
LABEL_EDGE_PX = 14
GOLDEN = 0.618034  # the golden ratio: its multiples fall evenly between each other

LISTED = {  # by status: the column that orders the runs, how many are listed, and their order
    "interrupted": ("wait_s", 13, "longest first"),
    "error": ("created_at", 7, "newest first"),
}
LIST_PX = 490
COLUMNS_PX = (36, 242, LIST_PX - 16)  # where names and ids begin, and where times end
SIDES = ("left", "left", "right")

DATE_STEPS = [seconds / DAY for seconds in INTERVALS if seconds >= 60]  # between ticks, in days
MAX_TICKS, TICKS_BESIDE_LIST = (7, 7), (6, 4)  # with a date; with a date and a time, which is wider
DATES_EDGE = 0.03  # the share of the time that is free before the first and after the last point

MAX_NAMES = 8  # waiting runs that are named beside their points
LINE_PX, MARK_PX = 12, 8  # the height of a name, and its distance from the point
SHADE = {"type": "rect", "line": {"width": 0}, "layer": "below"}


def sla_band(theme: Theme, sla_h: float, box: Json, corner: Json) -> tuple[Json, Json]:
    """Shade the waits that are longer than `sla_h`, with a label in a corner."""
    label = annotation(
        f"{NBSP}over {sla_h:g} h", theme.attention, FONT_PX - 0.5, xanchor="left", **corner
    )
    return SHADE | box | {"fillcolor": faded(theme.wait, 0.1)}, label


def is_drawn(runs: pd.DataFrame) -> pd.Series[bool]:
    """Flag the runs that have a point; of the others it is not known when, or if they waited."""
    has_wait = runs["has_steps"] | runs["wait_s"].notna() | runs["since"].notna()
    return has_wait & runs["day"].notna()


def points(runs: pd.DataFrame, theme: Theme) -> tuple[list[Trace], list[str]]:
    """Draw a marker per run, a trace per status, the urgent ones on top; with their legend."""
    styles = {
        "completed": (OTHER_COLOR, "circle", 0.6, "●"),
        "running": (theme.accent, "circle", 0.8, "●"),
        "interrupted": (theme.wait, "circle-open", 1.0, "○"),
        "error": (FAILED_COLOR, "x-thin", 1.0, "✕"),
    }
    n_of = runs["status"].value_counts()
    # Runs without a wait are spread over their lane, so that points do not hide each other.
    spread = NO_WAIT * np.exp((runs.index.to_numpy() * GOLDEN % 1 - 0.5) * 0.9)
    y = runs["wait_s"].clip(lower=MIN_WAIT).where(runs["wait_s"] > 0, spread)
    drawn = runs.assign(y=y)[is_drawn(runs)].sort_values("rank", kind="stable")

    groups: Any = drawn.head(MAX_POINTS).groupby(["rank", "status"])
    traces: list[Trace] = []
    names: list[str] = []
    for (_, word), group in groups:
        color, symbol, opacity, icon = styles.get(word, (OTHER_COLOR, "diamond", 0.8, "◆"))
        edge = {"width": 2 if symbol in ("circle-open", "x-thin") else 0, "color": color}
        mark = {"size": 7, "color": color, "symbol": symbol, "opacity": opacity, "line": edge}
        name = f"{RUN_STATUSES.find(word).label} {n_of[word]:,}"
        options = hover_texts(group) | {"mode": "markers", "name": plain(name), "marker": mark}
        traces.insert(0, line_trace(group["day"], group["y"], **options))
        names.append(entry(icon, color, name))
    return traces, names


def points_layout(
    runs: pd.DataFrame,
    names: list[str],
    heading: Heading,
    theme: Theme,
    sla_h: float | None,
    *,
    is_small: bool,
) -> Json:
    """Build the layout of a point per run; `names` are the entries of its legend."""
    ticks = {NO_WAIT: "0 s or<br>unknown"} | TICKS
    dates = _dates(runs, is_small=is_small)
    longest = max(MIN_SCALE, runs["wait_s"].max())
    waits = np.log10([NO_WAIT * 0.55, 1.5 * longest]).tolist()

    legend, bottom = legend_below(names, theme, LEFT_PX)
    margin = {"l": LEFT_PX, "r": RIGHT_PX if is_small else LIST_PX, "t": 4, "b": bottom}
    rows = row_axis(theme, LEFT_PX - LABEL_EDGE_PX, [*ticks], [*ticks.values()])

    across = {"xref": "x domain", "yref": "y", "x0": 0, "x1": 1}
    shapes, labels = [], []
    if sla_h is not None:
        beyond = across | {"y0": sla_h * HOUR, "y1": 1e20}
        corner = {"xref": "paper", "x": 0, "yref": "y", "y": np.log10(sla_h * HOUR)}
        band, label = sla_band(theme, sla_h, beyond, corner | {"yanchor": "bottom"})
        shapes, labels = [band], [label]
    lane = {"y0": NO_WAIT * 0.58, "y1": NO_WAIT * 1.75, "fillcolor": theme.band}
    if is_small:
        heading = heading._replace(lines=[])
        notes = _names(runs, dates["range"], waits, theme)
    else:
        notes = _list(runs, theme)
    return figure_layout(theme, heading, HEIGHT_PX, margin) | {
        "xaxis": dates,
        "yaxis": rows | {"showgrid": True, "type": "log", "range": waits},
        "shapes": [*shapes, SHADE | across | lane],
        "annotations": [*labels, legend, *notes],
    }


def _dates(runs: pd.DataFrame, *, is_small: bool) -> Json:
    """Build the axis of days since the first one, with its ticks in UTC."""
    first, last = runs["day"].agg(["min", "max"])
    if np.isnan(first):
        return {"range": [0, 1]} | array_ticks([], [])
    edge = max((last - first) * DATES_EDGE, 1.5 * DATE_STEPS[0])
    limits = MAX_TICKS if is_small else TICKS_BESIDE_LIST
    step = next(step for step in DATE_STEPS if (last - first) / limits[step < 1] <= step)
    days = np.arange(np.ceil((first - edge) / step) * step, last + edge / 2, step)
    times = runs["created_at"].min().normalize() + pd.to_timedelta(days, "D").round("s")
    is_first = np.diff(times.year, prepend=0) != 0  # the first tick of each year has it
    labels = [
        day(time, has_year=first) + (f", {time:%H:%M}" if step < 1 else "")
        for time, first in zip(times, is_first, strict=True)
    ]
    return {"range": [first - edge, last + edge], "tickangle": 0} | array_ticks([*days], labels)


def _names(runs: pd.DataFrame, days: list[float], waits: list[float], theme: Theme) -> list[Json]:
    """Name the runs that wait, if they are few, beside their points, each in a line of its own."""
    is_known = runs["status"].eq("interrupted") & runs["wait_s"].notna() & runs["day"].notna()
    waiting = runs[is_known].sort_values("wait_s", ascending=False)
    if len(waiting) > MAX_NAMES:
        return []
    low, high = waits
    notes = []
    free_px = -np.inf  # how far below the top the next line may stand
    for run in waiting.to_dict("records"):
        y = np.log10(max(run["wait_s"], MIN_WAIT))
        point_px = (high - y) / (high - low) * HEIGHT_PX
        line_px = max(point_px, free_px)
        free_px = line_px + LINE_PX
        is_left = run["day"] < np.mean(days)
        place = {"x": run["day"], "y": y, "yshift": point_px - line_px}
        place |= (
            {"xanchor": "left", "xshift": MARK_PX}
            if is_left
            else {"xanchor": "right", "xshift": -MARK_PX}
        )
        text = f"{run['name']}, {lasted(run['wait_s'])}"
        notes.append(annotation(text, theme.attention, **place))
    return notes


def _list(runs: pd.DataFrame, theme: Theme) -> list[Json]:
    """List the longest waits and the newest failures right of the points: names, ids, and times."""
    rows: list[tuple[str, ...]] = []
    for word, (column, limit, order) in LISTED.items():
        group = runs[runs["status"] == word].sort_values(column, ascending=False, kind="stable")
        if len(group):
            state = RUN_STATUSES.find(word)
            listed = f"{state} {len(group):,}, {order}"
            if len(group) > limit:
                listed = f"{state}: {limit} of {len(group):,}, {order}"
            rows.append((bold(colored(listed, getattr(theme, state.role))), NBSP, NBSP))
        first = group.head(limit)
        times = first["created_at"].map(moment) if word == "error" else first["waited"]
        rows += zip(first["name"], first["short_id"], times, strict=True)

    corner = {"xref": "paper", "x": 1, "yref": "paper", "y": 1, "yanchor": "top"}
    colors = theme.text, theme.muted, theme.text
    columns = zip(*rows, strict=True)  # of no rows there is no column
    notes = []
    for lines, px, side, color in zip(columns, COLUMNS_PX, SIDES, colors, strict=False):
        position = corner | {"xshift": px, "xanchor": side, "align": side}
        notes.append(annotation("<br>".join(lines), color, FONT_PX, **position))
    return notes
