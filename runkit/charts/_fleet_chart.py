"""Many runs in one figure: a row for each of up to 150 runs, beyond that a point for each.

The rows show agent work on a linear scale and waiting on a log scale, because waits last from
seconds to weeks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from runkit.api.words import RUN_STATUSES
from runkit.charts._fleet_points import (
    MAX_POINTS,
    MIN_WAIT,
    TICKS,
    is_drawn,
    points,
    points_layout,
    sla_band,
)
from runkit.charts._placement import INTERVALS, MAX_PX
from runkit.charts.theme import (
    MAX_TITLE,
    NBSP,
    Heading,
    Json,
    Trace,
    array_ticks,
    bar_trace,
    bold,
    chosen_theme,
    colored,
    figure_layout,
    heading_of,
    hover_texts,
    level,
    line_trace,
    pill,
    plain,
    row_axis,
    text_trace,
    width_px,
)
from runkit.display.colors import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, Theme
from runkit.display.counts import DAY, HOUR, counted, lasted
from runkit.display.text import duration, moment, plural, run_label
from runkit.facts import Facts
from runkit.tables.run_rules import short_ids, time_parts

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

WORDS = {"interrupted": "waiting", "error": "failed", "running": "running"}  # in the subtitle
RANKS = {"error": 0, "interrupted": 1, "running": 2, "completed": 3}  # the most urgent is first
MAX_ROWS = 150  # a figure of more rows is taller than three screens
MAX_NAME, MAX_OUTCOME = 28, 80  # characters
ROW_PX, MIN_ROW_PX = 20, 13  # the height of a row; if many do not fit, points are drawn
ROW_EDGES = 1.4  # rows more above the first one and below the last one
HEAD_PX, BOTTOM_PX = 34, 14  # heights
RIGHT_PX, STATES_PX = 190, 20  # the width of status and confidence, and where they begin in it
BEFORE_HEAD, AFTER_HEAD = 0.3, 1.05  # rows more before the heading of a group, and below it
ROW_TICKS = (60, HOUR, DAY, 10 * DAY)  # beside the bars there is no room for more
TEXT_SHARE = 0.5  # the text of the longest wait has this share of the scale
SPLIT = (0.4, 0.44)  # the work ends, and the waits start, at these shares of the width
INDENT = NBSP * 5  # the text of a dot begins so far from its middle
ON_TOP = {"side": "top", "tickangle": 0, "fixedrange": True}


def fleet_chart(
    facts: Facts,
    *,
    sort: str = "attention",
    group: str = "status",
    title: str | None = None,
    is_small: bool = False,
) -> Figure:
    """Draw many runs.

    Parameters
    ----------
    facts
        The facts of at least one run; waits beyond a limit, if there is one, lie on a band.
    sort
        `attention`: the longest waits first, failed runs newest first; `time`: newest first;
        `duration`: longest first.
    group
        What the rows are grouped by.
    title
        Replaces "40 runs" in the title.
    is_small
        Points for any number of runs, without a title; up to 8 waiting runs are named instead of a
        list.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    from runkit.charts.figure import RunFigure

    theme = chosen_theme()
    runs = _runs(facts, sort, theme)
    sla_h = facts.sla_h
    heading = heading_of(theme, *_title(facts, runs, title))
    rows = _in_rows(runs, group)
    row_px = min(ROW_PX, MAX_PX / (rows["y"].max() + ROW_EDGES))
    if len(runs) > MAX_ROWS or row_px < MIN_ROW_PX or is_small:
        data, names = points(runs, theme)
        layout = points_layout(runs, names, heading, theme, sla_h, is_small=is_small)
        return RunFigure(data, layout)
    layout = _layout(rows, group, heading, theme, sla_h, row_px)
    return RunFigure([*_work(rows, theme), *_waits(rows, theme)], layout)


def _runs(facts: Facts, sort: str, theme: Theme) -> pd.DataFrame:
    """Return the runs in order, with all that is drawn and written of them.

    `wait_s` is null where a wait is not known; `since` is of open questions only.
    """
    runs = facts.runs
    is_open = runs["since"].notna()
    statuses = runs["status"].astype("str")
    created = runs["created_at"]
    runs = runs.assign(status=statuses, wait_s=runs["wait_s"].where(is_open, runs["waiting_s"]))
    records = runs.to_dict("records")
    business = runs["business_name"].fillna(runs["agent_name"])
    newest = created.rank(ascending=False, na_option="bottom")
    urgent = newest.where(statuses.eq("error"), -runs["wait_s"].fillna(0))
    runs = runs.assign(
        rank=statuses.map(RANKS).fillna(len(RANKS)),  # other words come last
        has_waited=(runs["wait_s"] > 0) | is_open,
        waited=runs["wait_s"].map(lasted),
        hover=[_hover(run) for run in records],
        state=[_state(run, theme) for run in records],
        business=business,
        name=[plain(name, MAX_NAME) for name in business],
        short_id=short_ids(runs["run_id"]).map(plain),
        day=(created - created.min().normalize()).dt.total_seconds() / DAY,
    )
    keys = {  # the last one of several counts most
        "attention": [-runs["working_s"].fillna(0), urgent, runs["rank"]],
        "time": [newest],
        "duration": [-runs["duration_s"].fillna(-1)],
    }
    return runs.iloc[np.lexsort(keys[sort])].reset_index(drop=True)


def _hover(run: dict[Any, Any]) -> str:
    """Write the hover text of a run: its label, its state and outcome, and where its time went."""
    label = run_label(run["run_id"], run["business_name"], run["agent_name"])
    lines = [bold(plain(label, 80)), plain(RUN_STATUSES.find(run["status"]), 30)]
    if isinstance(run["outcome"], str):
        lines.append(plain(run["outcome"], MAX_OUTCOME))
    return "<br>".join([*lines, ", ".join(filter(None, time_parts(run)))])


def _state(run: dict[Any, Any], theme: Theme) -> str:
    """Write the status and the confidence of a run."""
    confidence = run["confidence"]
    suffix = f" · {level(confidence, theme)}" if isinstance(confidence, str) else ""
    return pill(run["status"], theme) + suffix


def _title(facts: Facts, runs: pd.DataFrame, title: str | None) -> list[list[str]]:
    """Write how many runs there are, what stands out, and how many are not drawn."""
    created = runs["created_at"].agg(["min", "max"]).dropna().map(moment).unique()
    statuses = facts.statuses
    counts = [f"{statuses[word]:,} {WORDS[word]}" for word in WORDS if word in statuses]
    waiting = facts.waiting
    if len(waiting):
        questions = plural(len(waiting), "open question")
        counts.append(f"{questions}, oldest {lasted(waiting['wait_s'].max())}")
        if facts.sla_h is not None:
            counts.append(f"{counted(waiting['is_late'])} over {facts.sla_h:g} h")

    n_drawn = min(is_drawn(runs).sum(), MAX_POINTS)
    n_bare = int((~runs["has_steps"]).sum())
    notes = []
    if MAX_ROWS < len(runs) > n_drawn:
        notes.append(f"{n_drawn:,} of {len(runs):,} runs drawn, the most urgent first")
    if n_bare:
        notes.append(f"{plural(n_bare, 'run')} without steps")
    name = plain(title or plural(len(runs), "run"), MAX_TITLE)
    return [[name, " to ".join(created)], counts, notes]


def _in_rows(runs: pd.DataFrame, group: str) -> pd.DataFrame:
    """Put runs into groups: each with the `key` and `size` of its group, and its row `y`."""
    key = runs["agent_name" if group == "agent" else group].fillna("Unknown")
    size = key.map(key.value_counts())
    order = runs["rank"].groupby(key).transform("min") if group == "status" else -size
    runs = runs.assign(key=key, size=size).iloc[np.lexsort([key.rank(method="dense"), order])]
    n_heads = (~runs["key"].duplicated()).cumsum()
    return runs.assign(y=np.arange(len(runs)) + n_heads * (AFTER_HEAD + BEFORE_HEAD) - BEFORE_HEAD)


def _layout(
    runs: pd.DataFrame,
    group: str,
    heading: Heading,
    theme: Theme,
    sla_h: float | None,
    row_px: float,
) -> Json:
    """Build the layout of a row per run, in groups with a heading."""
    names = [
        f"{name} {colored(short_id, theme.muted)}"
        for name, short_id in zip(runs["name"], runs["short_id"], strict=True)
    ]
    first = runs[~runs["key"].duplicated()]
    heads = [
        f"{pill(key, theme) if group == 'status' else bold(plain(key, 40))} {size:,}"
        for key, size in zip(first["key"], first["size"], strict=True)
    ]
    labels_px = max(map(width_px, names))
    y = runs["y"].tolist()
    ticks = [*(first["y"] - AFTER_HEAD), *y]
    rows = row_axis(theme, labels_px, ticks, [*heads, *names]) | {"range": [y[-1] + 0.7, -0.7]}
    states = array_ticks(y, runs["state"].tolist()) | {
        "anchor": "x2",
        "ticklabelstandoff": STATES_PX,
    }
    margin = {"l": labels_px + 16, "r": RIGHT_PX, "t": HEAD_PX, "b": BOTTOM_PX}
    limit = (sla_h or 0) * HOUR
    beyond = {"xref": "x2", "x0": limit, "x1": 1e20, "yref": "y2 domain", "y0": 0, "y1": 1}
    corner = {"xref": "x2", "x": np.log10(limit or 1), "yref": "paper", "y": 1, "yanchor": "top"}
    bands = [] if sla_h is None else [sla_band(theme, sla_h, beyond, corner)]
    return figure_layout(theme, heading, int(row_px * (y[-1] + ROW_EDGES)), margin) | {
        "xaxis": _work_axis(runs),
        "xaxis2": _wait_axis(runs),
        "yaxis": rows,
        "yaxis2": rows | states,
        "shapes": [band for band, _ in bands],
        "annotations": [label for _, label in bands],
    }


def _work_axis(runs: pd.DataFrame) -> Json:
    """Build the linear axis of agent work, with a tick at 0 and one near the longest work."""
    longest = max(1, runs["working_s"].max())
    tick = max(seconds for seconds in INTERVALS if seconds <= longest)
    ticks = array_ticks([0, tick], ["0", duration(tick)])
    scale = {"domain": [0, SPLIT[0]], "range": [0, 1.6 * longest]}
    return ON_TOP | ticks | scale | {"title": {"text": "Agent work"}}


def _wait_axis(runs: pd.DataFrame) -> Json:
    """Build the log axis of waits, with room for the text of the longest one."""
    low, high = np.log10([MIN_WAIT, max(DAY, runs["wait_s"].max())]).tolist()
    ticks = array_ticks(ROW_TICKS, [TICKS[seconds] for seconds in ROW_TICKS])
    until = low + (high - low) / (1 - TEXT_SHARE)
    scale = {"domain": [SPLIT[1], 1], "range": [low, until], "type": "log", "anchor": "y2"}
    return ON_TOP | ticks | scale | {"title": {"text": "Waiting for a reviewer (log scale)"}}


def _work(runs: pd.DataFrame, theme: Theme) -> list[Trace]:
    """Draw agent work: bars with their duration."""
    runs = runs[runs["working_s"].notna()]
    is_running = runs["status"].eq("running")
    has_failed = runs["status"].eq("error")
    fill = np.select([has_failed, is_running], [FAILED_COLOR, theme.line], AGENT_COLORS[0])
    edge = {"color": AGENT_COLORS[0], "width": is_running.astype("float64").tolist()}
    mark = {"color": fill, "line": edge, "cornerradius": 3}
    labels = [f"{NBSP}{duration(work_s)}" for work_s in runs["working_s"]]
    return [
        bar_trace(0 * runs["y"], runs["working_s"], runs["y"], 0.6, mark, **hover_texts(runs)),
        text_trace(runs["working_s"], runs["y"], labels, theme.text),
    ]


def _waits(runs: pd.DataFrame, theme: Theme) -> list[Trace]:
    """Draw waits: a line with a dot, open while a question is pending."""
    runs = runs[runs["has_waited"]]
    axes = {"xaxis": "x2", "yaxis": "y2"}
    is_open = runs["status"].eq("interrupted")
    y = runs["y"]
    ends = runs["wait_s"].fillna(MIN_WAIT).clip(lower=MIN_WAIT)
    color = np.where(is_open, theme.wait, OTHER_COLOR)
    fill = np.where(is_open, theme.ground, OTHER_COLOR)
    mark = {"size": 9, "color": fill, "line": {"width": 2, "color": color}}
    dots = hover_texts(runs) | {"mode": "markers", "marker": mark, "cliponaxis": False} | axes
    line = {"color": color}
    return [
        bar_trace(0 * y + MIN_WAIT, ends - MIN_WAIT, y, 0.1, line, hoverinfo="skip", **axes),
        line_trace(ends, y, **dots),
        text_trace(ends, y, INDENT + runs["waited"], theme.text, **axes),
    ]
