"""Many runs in one figure: a row for each of up to 150 runs, beyond that a point for each.

The rows show agent work on a linear scale and waiting on a log scale, because waits last from
seconds to weeks. The points show when each run was created and how long it waited, so that
questions that nobody answers stand out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from runkit.charts.panel import aged, oldest, short_ids, waited
from runkit.charts.style import (
    AXIS_PX,
    HOVER,
    LEGEND_EDGE_PX,
    LEGEND_PX,
    MAX_TITLE,
    SIZE,
    Heading,
    Json,
    Trace,
    array_ticks,
    bar_trace,
    bold,
    chosen_theme,
    colored,
    faded,
    figure_layout,
    heading_of,
    legend_at,
    level,
    line_trace,
    note,
    pill,
    plain,
    row_axis,
    text_trace,
    width_px,
)
from runkit.style import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, STATUSES, Theme, status
from runkit.tables.facts import unmeasured_waits
from runkit.tables.frames import Frames
from runkit.text import day, duration, moment, plural, run_label

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Sort = Literal["attention", "time", "duration"]
Group = Literal["status", "business", "agent"]

ORDER = ("error", "interrupted", "running", "completed")  # of statuses, the most urgent first
MOST_ROWS = 150  # a figure of more rows is taller than three screens
MOST_POINTS = 5_000  # an SVG of more is slow to draw; with labels 5,000 take 0.4 MB
ROW_PX, HEAD_PX, TICKS_PX, POINTS_PX, EDGE_PX = 20, 34, 16, 320, 14  # heights
RIGHT_PX, LIST_PX = 190, 460  # status and confidence; the list
NAME = 28  # characters
# rows: more room before the heading of a group, and from it to its runs
BEFORE_HEAD, AFTER_HEAD = 0.3, 1.05
DAY_S = 86_400
# seconds: where lines begin, where runs without a wait are drawn, and the least ends of the scales
# of waits
LEAST_WAIT, NO_WAIT, LEAST_END, LEAST_POINTS_END = 30.0, 11.0, DAY_S, 30 * DAY_S
TEXT_SHARE = 0.5  # of the scale of waits, for the words at the end of the longest one
TICKS = {60: "1 min", 600: "10 min", 3_600: "1 h", 14_400: "4 h", DAY_S: "1 d", 10 * DAY_S: "10 d"}
ROW_TICKS = (60, 3_600, DAY_S, 10 * DAY_S)  # beside the bars there is no room for more
SPLIT = (0.4, 0.44)  # of the width: the end of the work, the start of the waits
LISTED = {
    "interrupted": ("wait_s", 13, "longest first"),
    "error": ("created_at", 7, "newest first"),
}
MOST_LISTED = 20  # runs; of each status so many, more if the other has fewer
NBSP = "\u00a0"  # plotly leaves out empty lines
INDENT = NBSP * 4  # from the middle of a dot to its words
# days
DATE_STEPS = (1 / 24, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 7, 14, 28, 91, 182, 364, 3_640, 36_400, 364_000)
MOST_DATES = 7  # ticks
DATES_EDGE = 0.03  # of the time shown, before the first and after the last point
GOLDEN = 0.618034  # the golden ratio: its multiples fall evenly between each other
MOST_NAMES = 8  # waiting runs that are named beside their points
# the width of the points, about; a line; from a point to its name
NAMES_PX, LINE_PX, MARK_PX = 790, 14, 8
# of a name, the nearest first
SHIFTS = [LINE_PX * way * n for n in range(2 * MOST_NAMES) for way in (1, -1)]
ON_TOP = {"side": "top", "tickangle": 0, "fixedrange": True}  # an axis
SHADE = {"type": "rect", "line": {"width": 0}, "layer": "below"}


def fleet_chart(
    f: Frames,
    *,
    sort: Sort = "attention",
    group: Group = "status",
    sla_h: float = 4,
    title: str | None = None,
    is_small: bool = False,
) -> Figure:
    """Draw many runs.

    Parameters
    ----------
    f
        At least one run.
    sort
        `attention`: the longest waits first, failed runs newest first; `time`: newest first;
        `duration`: longest first.
    group
        What the rows are grouped by.
    sla_h
        Hours within which a reviewer should answer; waits beyond lie on a band.
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

    runs, theme = _runs(f, sort), chosen_theme()
    heading = heading_of(theme, *_title(runs, title, sla_h))
    if len(runs) > MOST_ROWS or is_small:
        return RunFigure(
            _points(runs, theme), _points_layout(runs, heading, theme, sla_h, is_small)
        )
    runs = _placed(runs, group)
    layout = _rows_layout(runs, group, heading, theme, sla_h)
    return RunFigure([*_work(runs, theme), *_waits(runs, theme)], layout)


def _runs(f: Frames, sort: str) -> pd.DataFrame:
    """Return the runs in order, with all that is drawn and written of them.

    `wait_s` is null where a wait is not measured, and `asked_at` null elsewhere.
    """
    statuses, created = f.runs["status"].astype("str"), f.runs["created_at"]
    is_open, since = statuses.eq("interrupted"), unmeasured_waits(f)
    pending = f.interrupts[f.interrupts["outcome"].eq("pending")]
    pending_s = pending.groupby("run_id")["wait_s"].max()
    wait_s = f.runs["run_id"].map(pending_s).where(is_open).fillna(f.runs["waiting_s"])
    runs = f.runs.assign(
        status=statuses,
        # other words come last
        rank=pd.Index(ORDER).get_indexer(pd.Index(statuses)) % (len(ORDER) + 1),
        wait_s=wait_s.mask(since.notna()),
        asked_at=since,
        has_waited=(wait_s > 0) | since.notna(),
        so_far=np.where(is_open & since.isna(), " so far", ""),
        business=f.runs["business_name"].fillna(f.runs["agent_name"]),
        day=(created - created.min().normalize()).dt.total_seconds() / DAY_S,
    )
    newest = created.rank(ascending=False, na_option="bottom")
    urgent = newest.where(statuses.eq("error"), -runs["wait_s"].fillna(0))
    keys = {  # the last key counts most
        "time": [newest],
        "duration": [-runs["duration_s"].fillna(-1)],
        "attention": [-runs["working_s"].fillna(0), urgent, runs["rank"]],
    }
    runs = runs.assign(
        name=[plain(name, NAME) for name in runs["business"]],
        short_id=short_ids(runs["run_id"]).map(plain),
        waited=runs["wait_s"].combine(since, waited) + runs["so_far"],
    ).iloc[np.lexsort(keys[sort])]
    return runs.assign(hover=[_hover(run) for run in runs.to_dict("records")]).reset_index(
        drop=True
    )


def _hover(run: dict[Any, Any]) -> str:
    """Write the hover text of a run's mark: its label, its state and outcome, its work and its wait."""
    label = run_label(run["run_id"], run["business_name"], run["agent_name"])
    outcome = [plain(run["outcome"], 80)] if isinstance(run["outcome"], str) else []
    wait = f"waited {run['waited']}" if run["has_waited"] else "no wait"
    time = f"{duration(run['working_s'])} work, {wait}"
    return "<br>".join([bold(plain(label, 80)), plain(status(run["status"]), 30), *outcome, time])


def _title(runs: pd.DataFrame, title: str | None, sla_h: float) -> list[list[str]]:
    """Write how many runs there are from when to when, what stands out, and how many are not drawn."""
    created = runs["created_at"].agg(["min", "max"]).dropna().map(moment).unique()
    failed, waiting, running, completed = (runs[runs["status"] == word] for word in ORDER)
    n_over = int((waiting["wait_s"] > sla_h * 3_600).sum())
    parts = {
        f"{len(waiting):,} waiting, oldest {oldest(waiting)}": len(waiting),
        f"{n_over:,} over {sla_h:g} h": n_over,
        f"{len(failed):,} failed": len(failed),
        f"{len(running):,} running": len(running),
        f"median work of completed runs {duration(completed['working_s'].median())}": len(
            completed
        ),
    }
    n_drawn = min(runs["day"].count(), MOST_POINTS)
    is_cut = MOST_ROWS < len(runs) > n_drawn
    left_out = f"{n_drawn:,} of {len(runs):,} runs drawn, the most urgent first" if is_cut else ""
    name = plain(title or plural(len(runs), "run"), MAX_TITLE)
    return [[name, " to ".join(created)], [words for words, n in parts.items() if n], [left_out]]


def _band(theme: Theme, sla_h: float, place: Json, corner: Json) -> tuple[Json, Json]:
    """Shade the waits beyond the time within which a reviewer should answer, with words in a corner."""
    words = note(f"{NBSP}over {sla_h:g} h", theme.attention, SIZE - 0.5, xanchor="left", **corner)
    return SHADE | place | {"fillcolor": faded(theme.wait, 0.1)}, words


# --------------------------------------------------------------------------------------------- rows


def _placed(runs: pd.DataFrame, group: str) -> pd.DataFrame:
    """Put runs into groups: each with the `key` and `size` of its group, and its row `y`."""
    key = runs["agent_name" if group == "agent" else group].fillna("Unknown")
    size = key.map(key.value_counts())
    order = runs["rank"].groupby(key).transform("min") if group == "status" else -size
    runs = runs.assign(key=key, size=size).iloc[np.lexsort([key.rank(method="dense"), order])]
    n_heads = (~runs["key"].duplicated()).cumsum()
    return runs.assign(y=np.arange(len(runs)) + n_heads * (AFTER_HEAD + BEFORE_HEAD) - BEFORE_HEAD)


def _rows_layout(
    runs: pd.DataFrame, group: str, heading: Heading, theme: Theme, sla_h: float
) -> Json:
    """Build the layout of a row per run, in groups with a heading."""
    columns = zip(runs["name"], runs["short_id"], strict=True)
    names = [f"{name} {colored(short, theme.muted)}" for name, short in columns]
    sure = [
        f" · {level(word, theme)}" if isinstance(word, str) else "" for word in runs["confidence"]
    ]
    states = [pill(word, theme) + words for word, words in zip(runs["status"], sure, strict=True)]
    first = runs[~runs["key"].duplicated()]
    titles = [
        pill(word, theme) if group == "status" else bold(plain(word, 40)) for word in first["key"]
    ]
    heads = [f"{title} {size:,}" for title, size in zip(titles, first["size"], strict=True)]
    labels_px, y = max(map(width_px, names)), runs["y"].tolist()
    rows = row_axis(theme, labels_px, [*(first["y"] - AFTER_HEAD), *y], [*heads, *names])
    rows |= {"range": [y[-1] + 0.7, -0.7]}
    ended = array_ticks(y, states) | {"anchor": "x2", "ticklabelstandoff": 8}
    margin = {"l": labels_px + 16, "r": RIGHT_PX, "t": HEAD_PX, "b": EDGE_PX}
    low, high = np.log10([LEAST_WAIT, max(LEAST_END, runs["wait_s"].max())]).tolist()
    work = {"domain": [0, SPLIT[0]], "range": [0, 1.6 * max(1, runs["working_s"].max())]}
    waits = {"domain": [SPLIT[1], 1], "range": [low, low + (high - low) / (1 - TEXT_SHARE)]}
    above = {"x": 0.5, "yref": "paper", "y": 1, "yanchor": "bottom", "yshift": TICKS_PX}
    notes = [
        note(name, theme.muted, SIZE, xref=f"{axis} domain", **above)
        for axis, name in {"x": "Agent work", "x2": "Waiting for a reviewer (log scale)"}.items()
    ]
    beyond = {"xref": "x2", "x0": sla_h * 3_600, "x1": 1e20, "yref": "y2 domain", "y0": 0, "y1": 1}
    corner = {"xref": "x2", "x": np.log10(sla_h * 3_600), "yref": "paper", "y": 1, "yanchor": "top"}
    shade, words = _band(theme, sla_h, beyond, corner)
    ticks = array_ticks(ROW_TICKS, [TICKS[seconds] for seconds in ROW_TICKS])
    return figure_layout(theme, heading, int(ROW_PX * (y[-1] + 1.4)), margin) | {
        "xaxis": ON_TOP | work | array_ticks([0], ["0"]),
        "xaxis2": ON_TOP | waits | ticks | {"type": "log", "anchor": "y2"},
        "yaxis": rows,
        "yaxis2": rows | ended,
        "shapes": [shade],
        "annotations": [words, *notes],
    }


def _work(runs: pd.DataFrame, theme: Theme) -> list[Trace]:
    """Draw agent work: bars with their duration."""
    runs = runs[runs["working_s"].notna()]
    is_open = runs["status"].eq("running")
    fill = np.select(
        [runs["status"].eq("error"), is_open], [FAILED_COLOR, theme.line], AGENT_COLORS[0]
    )
    edge = {"color": AGENT_COLORS[0], "width": is_open.astype("float64").tolist()}
    mark = {"color": fill.tolist(), "line": edge, "cornerradius": 3}
    words = [
        f"{NBSP}{duration(work_s)}" + " so far" * is_more
        for work_s, is_more in zip(runs["working_s"], is_open, strict=True)
    ]
    hover = HOVER | {"customdata": runs["hover"].tolist()}
    return [
        bar_trace(0 * runs["y"], runs["working_s"], runs["y"], 0.6, mark, **hover),
        text_trace(runs["working_s"], runs["y"], words, theme.text),
    ]


def _waits(runs: pd.DataFrame, theme: Theme) -> list[Trace]:
    """Draw waits: a line with a dot, open while a question is pending."""
    runs, place = runs[runs["has_waited"]], {"xaxis": "x2", "yaxis": "y2"}
    is_open, y = runs["status"].eq("interrupted"), runs["y"]
    ends = runs["wait_s"].fillna(LEAST_WAIT).clip(lower=LEAST_WAIT)
    color, fill = (
        np.where(is_open, shown, OTHER_COLOR).tolist() for shown in (theme.wait, theme.ground)
    )
    mark = {"size": 9, "color": fill, "line": {"width": 2, "color": color}}
    dots = {"mode": "markers", "marker": mark, "customdata": runs["hover"].tolist()}
    thin = {"color": color}
    return [
        bar_trace(0 * y + LEAST_WAIT, ends - LEAST_WAIT, y, 0.1, thin, hoverinfo="skip", **place),
        line_trace(ends.tolist(), y.tolist(), cliponaxis=False, **HOVER, **dots, **place),
        text_trace(ends, y, NBSP + INDENT + runs["waited"], theme.text, **place),
    ]


# ------------------------------------------------------------------------------------------- points


def _points_layout(
    runs: pd.DataFrame, heading: Heading, theme: Theme, sla_h: float, is_small: bool
) -> Json:
    """Build the layout of a point per run: when it was created, and how long it waited."""
    ticks = {NO_WAIT: "none or<br>unknown" if runs["asked_at"].notna().any() else "no wait"} | TICKS
    across = {"xref": "x domain", "yref": "y", "x0": 0, "x1": 1}
    beyond = across | {"y0": sla_h * 3_600, "y1": 1e20}
    corner = {
        "xref": "paper",
        "x": 0,
        "yref": "y",
        "y": np.log10(sla_h * 3_600),
        "yanchor": "bottom",
    }
    lane = {"y0": NO_WAIT * 0.58, "y1": NO_WAIT * 1.75, "fillcolor": theme.band}
    # beside a list the legend has two lines
    below = AXIS_PX + LEGEND_EDGE_PX + LEGEND_PX * (2 - is_small)
    margin = {"l": 76, "r": 24 if is_small else LIST_PX, "t": 4, "b": below}
    span = np.log10([NO_WAIT * 0.55, 1.5 * max(LEAST_POINTS_END, runs["wait_s"].max())]).tolist()
    rows = row_axis(theme, margin["l"] - EDGE_PX, [*ticks], [*ticks.values()])
    shade, words = _band(theme, sla_h, beyond, corner)
    dates = _dates(runs)
    names = _names(runs, dates["range"], span, theme) if is_small else _list(runs, theme)
    shown = heading._replace(lines=[]) if is_small else heading
    return figure_layout(theme, shown, POINTS_PX, margin) | {
        "xaxis": dates,
        "yaxis": rows | {"showgrid": True, "type": "log", "range": span},
        "legend": legend_at(POINTS_PX),
        "shapes": [shade, SHADE | across | lane],
        "annotations": [words, *names],
    }


def _dates(runs: pd.DataFrame) -> Json:
    """Build the axis of days since the first one, with its ticks in UTC."""
    first, last = runs["day"].agg(["min", "max"])
    if np.isnan(first):
        return {"range": [0, 1]} | array_ticks([], [])
    edge = max((last - first) * DATES_EDGE, 0.02)
    step = next(step for step in DATE_STEPS if (last - first) / MOST_DATES <= step)
    places = np.arange(np.ceil((first - edge) / step) * step, last + edge, step)
    times = runs["created_at"].min().normalize() + pd.to_timedelta(places, "D")
    words = [f"{day(time)}, {time:%H:%M}" if step < 1 else day(time) for time in times]
    return {"range": [first - edge, last + edge], "tickangle": 0} | array_ticks(
        places.tolist(), words
    )


def _names(runs: pd.DataFrame, days: list[float], span: list[float], theme: Theme) -> list[Json]:
    """Name the runs that wait, if they are few, beside their points and apart from each other."""
    waiting = runs[runs["status"].eq("interrupted")].dropna(subset=["wait_s", "day"])
    if len(waiting) > MOST_NAMES:
        return []
    waits = np.log10(waiting["wait_s"].clip(lower=LEAST_WAIT))
    x = ((waiting["day"] - days[0]) / (days[1] - days[0]) * NAMES_PX).tolist()
    y = ((span[1] - waits) / (span[1] - span[0]) * POINTS_PX).tolist()
    taken = [(at - MARK_PX, row, at + MARK_PX) for at, row in zip(x, y, strict=True)]
    notes = []
    for run, wait, at, row in zip(waiting.to_dict("records"), waits, x, y, strict=True):
        text = f"{run['name']}, {aged(run['wait_s'])}"
        width = width_px(text) + MARK_PX
        way, side = (-1, "right") if at + width > NAMES_PX else (1, "left")
        start, end = sorted((at + way * MARK_PX, at + way * width))
        near = [other - row for left, other, right in taken if left < end and start < right]
        down = next(
            shift for shift in SHIFTS if all(abs(shift - other) >= LINE_PX - 1 for other in near)
        )
        taken.append((start, row + down, end))
        place = {
            "x": run["day"],
            "y": wait,
            "xanchor": side,
            "xshift": way * MARK_PX,
            "yshift": -down,
        }
        notes.append(note(text, theme.attention, **place))
    return notes


def _points(runs: pd.DataFrame, theme: Theme) -> list[Trace]:
    """Draw a marker per run, a trace per status, the urgent ones on top; at most `MOST_POINTS` runs."""
    looks = {
        "completed": (OTHER_COLOR, "circle", 0.6),
        "running": (theme.accent, "circle", 0.8),
        "interrupted": (theme.wait, "circle-open", 1.0),
        "error": (FAILED_COLOR, "x-thin", 1.0),
    }
    n_of = runs["status"].value_counts()
    # Runs without a wait are spread over their lane, so that points do not hide each other.
    spread = NO_WAIT * np.exp((runs.index.to_numpy() * GOLDEN % 1 - 0.5) * 0.9)
    y = runs["wait_s"].clip(lower=LEAST_WAIT).where(runs["wait_s"] > 0, spread)
    dated = (
        runs.assign(y=y).dropna(subset="day").sort_values("rank", kind="stable").head(MOST_POINTS)
    )
    traces: list[Trace] = []
    for _, own in dated.groupby(["rank", "status"]):
        word = own["status"].iloc[0]
        color, symbol, opacity = looks.get(word, (OTHER_COLOR, "diamond", 0.8))
        edge = {"width": 2 * (symbol in ("circle-open", "x-thin")), "color": color}
        mark = {"size": 7, "color": color, "symbol": symbol, "opacity": opacity, "line": edge}
        look = {
            "mode": "markers",
            "name": f"{plain(status(word), 30)} {n_of[word]:,}",
            "marker": mark,
        }
        look |= HOVER | {"customdata": own["hover"].tolist(), "showlegend": True}
        traces.insert(0, line_trace(own["day"].tolist(), own["y"].tolist(), **look))
    return traces


def _list(runs: pd.DataFrame, theme: Theme) -> list[Json]:
    """List the longest waits and the newest failures right of the points: names, ids, and times."""
    parts: list[list[str]] = [[], [], []]  # of each column
    n_of = runs["status"].value_counts().reindex([*LISTED], fill_value=0)
    for word, (column, least, order) in LISTED.items():
        own, state = runs[runs["status"] == word], STATUSES[word]
        most = max(least, MOST_LISTED - n_of.drop(word).sum())
        first = own.sort_values(column, ascending=False, kind="stable").head(most)
        head = bold(colored(f"{state} {len(own):,}, {order}", getattr(theme, state.color)))
        times = first["created_at"].map(moment) if word == "error" else first["waited"]
        for part, title, values in zip(
            parts, (head, NBSP, NBSP), (first["name"], first["short_id"], times), strict=True
        ):
            part += [title, *values] if len(own) else []
    place = {"xref": "paper", "x": 1, "yref": "paper", "y": 1, "yanchor": "top"}
    columns = (
        (36, "left", theme.text),
        (242, "left", theme.muted),
        (LIST_PX - 16, "right", theme.text),
    )
    return [
        note("<br>".join(part), color, SIZE, xshift=px, xanchor=side, align=side, **place)
        for part, (px, side, color) in zip(parts, columns, strict=True)
        if part
    ]
