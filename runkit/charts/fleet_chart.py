"""Many runs in one figure: a row for each of up to 150 runs, beyond that a point for each.

The rows show agent work on a linear scale and waiting on a log scale, because waits last from seconds to
weeks. The points show when each run was created and how long it waited, so that questions that nobody
answers stand out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from runkit.charts.axis import AXIS_PX, LEGEND_EDGE_PX, LEGEND_PX, array_ticks, figure_layout, row_axis
from runkit.charts.heading import LONGEST, Heading, heading_of
from runkit.charts.panel import aged, short_ids, waited
from runkit.charts.style import (
    LEGEND,
    SIZE,
    Trace,
    bold,
    chosen_theme,
    colored,
    faded,
    level,
    lines,
    note,
    pill,
    plain,
    width_px,
)
from runkit.style import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, STATUSES, Theme, status
from runkit.tables.facts import open_questions, unmeasured_waits
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
# seconds: where lines begin, where runs without a wait are drawn, and the least ends of the scales of waits
LEAST_WAIT, NO_WAIT, LEAST_END, LEAST_POINTS_END = 30.0, 11.0, DAY_S, 30 * DAY_S
TEXT_SHARE = 0.5  # of the scale of waits, for the words at the end of the longest one
TICKS = {60: "1 min", 600: "10 min", 3_600: "1 h", 14_400: "4 h", DAY_S: "1 d", 10 * DAY_S: "10 d"}
ROW_TICKS = (60, 3_600, DAY_S, 10 * DAY_S)  # beside the bars there is no room for more
SPLIT = (0.4, 0.44)  # of the width: the end of the work, the start of the waits
LISTED = {"interrupted": ("wait", 13, "longest first"), "error": ("created_at", 7, "newest first")}
MOST_LISTED = 20  # runs; of each status so many, more if the other has fewer
NBSP = "\u00a0"  # plotly leaves out empty lines
INDENT = NBSP * 4  # from the middle of a dot to its words
DATE_STEPS = (1 / 24, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 7, 14, 28, 91, 182, 364, 3_640, 36_400, 364_000)  # days
MOST_DATES = 7  # ticks
DATES_EDGE = 0.03  # of the time shown, before the first and after the last point
GOLDEN = 0.618034  # the golden ratio: its multiples fall evenly between each other
MOST_NAMES = 8  # waiting runs that are named beside their points
NAMES_PX, LINE_PX, MARK_PX = 790, 14, 8  # the width of the points, about; a line; from a point to its name
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
        `attention`: the longest waits first, failed runs newest first; `time`: newest first; `duration`:
        longest first.
    group
        What the rows are grouped by.
    sla_h
        Hours within which a reviewer should answer; waits beyond lie on a band.
    title
        Replaces "40 runs" in the title.
    is_small
        Points for any number of runs, without a title; up to 8 waiting runs are named instead of a list.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    from runkit.charts.figure import RunFigure

    runs, theme = _runs(f, sort), chosen_theme()
    heading = heading_of(theme, *_title(runs, title, sla_h))
    if len(runs) > MOST_ROWS or is_small:
        layout = _points_layout(runs, heading, theme, sla_h, is_small)
        return RunFigure(_points(runs, theme), layout)
    heads, runs = _placed(runs, group, theme)
    layout = _rows_layout(runs, heads, heading, theme, sla_h)
    return RunFigure([*_work(runs, theme), *_waits(runs, theme)], layout)


def _runs(f: Frames, sort: str) -> pd.DataFrame:
    """Return the runs in order, with what is drawn of them."""
    statuses = f.runs["status"].astype("str")
    pending_s = open_questions(f).groupby("run_id")["wait_s"].max()
    since, created = unmeasured_waits(f), f.runs["created_at"]
    wait = f.runs["run_id"].map(pending_s).where(statuses == "interrupted").fillna(f.runs["waiting_s"])
    runs = f.runs.assign(
        status=statuses,
        rank=statuses.map(dict(zip(ORDER, range(len(ORDER)), strict=True))).fillna(len(ORDER)),
        wait=wait.mask(since.notna()),
        since=since,
        has_waited=(wait > 0) | since.notna(),
        business=f.runs["business_name"].fillna(f.runs["agent_name"]),
        short_id=short_ids(f.runs["run_id"]),
        day=(created - created.min().normalize()).dt.total_seconds() / DAY_S,
    )
    newest = created.rank(ascending=False, na_option="bottom")
    urgent = newest.where(statuses == "error", -runs["wait"].fillna(0))
    keys = {  # the last key counts most
        "time": [newest],
        "duration": [-runs["duration_s"].fillna(-1)],
        "attention": [-runs["working_s"].fillna(0), urgent, runs["rank"]],
    }
    runs = runs.iloc[np.lexsort(keys[sort])].reset_index(drop=True)
    return runs.assign(hover=[_hover(run) for run in runs.to_dict("records")])


def _hover(run: dict[Any, Any]) -> str:
    """Write the hover text of a run's mark: its label, its state and outcome, its work and its wait."""
    label = run_label(run["run_id"], run["business_name"], run["agent_name"])
    outcome = [plain(run["outcome"], 80)] if isinstance(run["outcome"], str) else []
    wait = f"{waited(run['wait'], run['since'])} waiting" if run["has_waited"] else "no wait"
    state = plain(status(run["status"]), 30)
    return "<br>".join(
        [bold(plain(label, 80)), state, *outcome, f"{duration(run['working_s'])} work, {wait}"]
    )


def _title(runs: pd.DataFrame, title: str | None, sla_h: float) -> list[list[str]]:
    """Write how many runs there are from when to when, what stands out, and how many are not drawn."""
    created = runs["created_at"].agg(["min", "max"]).dropna().map(moment).unique()
    failed, waiting, running, completed = (runs[runs["status"] == word] for word in ORDER)
    n_unknown = int(waiting["since"].notna().sum())
    ages = [f"oldest {duration(waiting['wait'].max())}"] * bool(waiting["wait"].notna().any())
    ages += [plural(n_unknown, "unknown wait")] * bool(n_unknown)
    n_over = int((waiting["wait"] > sla_h * 3_600).sum())
    parts = {
        ", ".join([f"{len(waiting):,} waiting", *ages]): len(waiting),
        f"{n_over:,} over {sla_h:g} h": n_over,
        f"{len(failed):,} failed": len(failed),
        f"{len(running):,} running": len(running),
        f"median work of completed runs {duration(completed['working_s'].median())}": len(completed),
    }
    n_drawn = min(runs["day"].count(), MOST_POINTS)
    is_cut = MOST_ROWS < len(runs) > n_drawn
    left_out = f"{n_drawn:,} of {len(runs):,} runs drawn, the most urgent first" if is_cut else ""
    name = plain(title or plural(len(runs), "run"), LONGEST)
    return [[name, " to ".join(created)], [words for words, n in parts.items() if n], [left_out]]


# ----------------------------------------------------------------------------------------------------- rows


def _placed(runs: pd.DataFrame, group: str, theme: Theme) -> tuple[dict[float, str], pd.DataFrame]:
    """Put runs into groups: the headings by their row, and the runs with their row as `y`."""
    key = runs["agent_name" if group == "agent" else group].fillna("Unknown")
    urgency, size = runs["rank"].groupby(key).min(), key.value_counts()
    order = key.map(urgency if group == "status" else -size)
    runs = runs.assign(key=key).iloc[np.lexsort([key.rank(method="dense"), order])]
    number, words = pd.factorize(runs["key"])
    y = np.arange(len(runs)) + AFTER_HEAD + (AFTER_HEAD + BEFORE_HEAD) * number
    first = pd.Series(y).groupby(number).min() - AFTER_HEAD
    names = [pill(word, theme) if group == "status" else bold(plain(word, 40)) for word in words]
    heads = {row: f"{name} {size[word]:,}" for row, name, word in zip(first, names, words, strict=True)}
    return heads, runs.assign(y=y)


def _rows_layout(
    runs: pd.DataFrame, heads: dict[float, str], heading: Heading, theme: Theme, sla_h: float
) -> dict[str, Any]:
    """Build the layout of a row per run, in groups with a heading."""
    ids = [colored(plain(run_id), theme.muted) for run_id in runs["short_id"]]
    names = [f"{plain(name, NAME)} {run_id}" for name, run_id in zip(runs["business"], ids, strict=True)]
    sure = [f" · {level(word, theme)}" if isinstance(word, str) else "" for word in runs["confidence"]]
    states = [pill(word, theme) + words for word, words in zip(runs["status"], sure, strict=True)]
    labels_px, y = max(map(width_px, names)), runs["y"].tolist()
    rows = row_axis(theme, labels_px, [*heads, *y], [*heads.values(), *names])
    rows |= {"range": [y[-1] + 0.7, -0.7]}
    ended = {"tickvals": y, "ticktext": states, "anchor": "x2", "ticklabelstandoff": 8}
    margin = {"l": labels_px + 16, "r": RIGHT_PX, "t": HEAD_PX, "b": EDGE_PX}
    layout = figure_layout(theme, heading, int(ROW_PX * (y[-1] + 1.4)), margin)
    low, high = np.log10([LEAST_WAIT, _longest(runs, "wait", LEAST_END)]).tolist()
    work = {"domain": [0, SPLIT[0]], "range": [0, 1.6 * _longest(runs, "working_s", 1)]}
    waits = {"domain": [SPLIT[1], 1], "range": [low, low + (high - low) / (1 - TEXT_SHARE)]}
    place = {"x": 0.5, "yref": "paper", "y": 1, "yanchor": "bottom", "yshift": TICKS_PX}
    heads_of = {"x": "Agent work", "x2": "Waiting for a reviewer (log scale)"}
    notes = [note(name, theme.muted, SIZE, xref=f"{axis} domain", **place) for axis, name in heads_of.items()]
    beyond = {"xref": "x2", "x0": sla_h * 3_600, "x1": 1e20, "yref": "y2 domain", "y0": 0, "y1": 1}
    corner = {"xref": "x2", "x": np.log10(sla_h * 3_600), "yref": "paper", "y": 1, "yanchor": "top"}
    shade, words = _band(theme, sla_h, beyond, corner)
    ticks = array_ticks(ROW_TICKS, [TICKS[seconds] for seconds in ROW_TICKS])
    return layout | {
        "xaxis": ON_TOP | work | array_ticks([0], ["0"]),
        "xaxis2": ON_TOP | waits | ticks | {"type": "log", "anchor": "y2"},
        "yaxis": rows,
        "yaxis2": rows | ended,
        "shapes": [shade],
        "annotations": [words, *notes],
    }


def _longest(runs: pd.DataFrame, name: str, least: float) -> float:
    return float(np.nanmax([least, runs[name].max()]))


def _work(runs: pd.DataFrame, theme: Theme) -> list[Trace]:
    """Draw agent work: bars with their duration."""
    runs = runs[runs["working_s"].notna()]
    is_open = runs["status"] == "running"
    fill = np.select([runs["status"] == "error", is_open], [FAILED_COLOR, theme.line], AGENT_COLORS[0])
    edge = {"color": AGENT_COLORS[0], "width": is_open.astype(float).tolist()}
    marker = {"color": fill.tolist(), "line": edge, "cornerradius": 3}
    words = [duration(s) + " so far" * more for s, more in zip(runs["working_s"], is_open, strict=True)]
    bars = _bars(runs, 0, runs["working_s"], 0.6, marker)
    return [
        bars | {"hovertext": runs["hover"].tolist(), "hoverinfo": "text"},
        _texts(runs["working_s"], runs, words, theme),
    ]


def _waits(runs: pd.DataFrame, theme: Theme) -> list[Trace]:
    """Draw waits: a line with a dot, open while a question is pending."""
    runs, place = runs[runs["has_waited"]], {"xaxis": "x2", "yaxis": "y2"}
    is_open = runs["status"] == "interrupted"
    ends = runs["wait"].fillna(LEAST_WAIT).clip(lower=LEAST_WAIT)
    color = np.where(is_open, theme.wait, OTHER_COLOR).tolist()
    fill = np.where(is_open, theme.ground, OTHER_COLOR).tolist()
    mark = {"size": 9, "color": fill, "line": {"width": 2, "color": color}}
    dots = {"mode": "markers", "marker": mark, "hovertext": runs["hover"].tolist(), "hoverinfo": "text"}
    words = [
        INDENT + waited(wait, since) + " so far" * (more and pd.isna(since))
        for wait, since, more in zip(runs["wait"], runs["since"], is_open, strict=True)
    ]
    bars = _bars(runs, LEAST_WAIT, ends - LEAST_WAIT, 0.1, {"color": color}) | {"hoverinfo": "skip"}
    dots_trace = lines(ends.tolist(), runs["y"].tolist(), cliponaxis=False, **dots, **place)
    return [bars | place, dots_trace, _texts(ends, runs, words, theme) | place]


def _bars(
    runs: pd.DataFrame, base: float, x: pd.Series[float], width: float, marker: dict[str, Any]
) -> Trace:
    """Draw a bar for each row."""
    look: Trace = {"type": "bar", "orientation": "h", "showlegend": False, "width": width, "marker": marker}
    return look | {"base": [base] * len(runs), "x": x.tolist(), "y": runs["y"].tolist()}


def _texts(x: pd.Series[float], runs: pd.DataFrame, words: list[str], theme: Theme) -> Trace:
    """Write a text behind each mark."""
    font = {"size": SIZE - 1, "color": theme.text}
    look = {"mode": "text", "textposition": "middle right", "textfont": font, "cliponaxis": False}
    return lines(x.tolist(), runs["y"].tolist(), text=[f"{NBSP}{text}" for text in words], **look)


# --------------------------------------------------------------------------------------------------- points


def _points_layout(
    runs: pd.DataFrame, heading: Heading, theme: Theme, sla_h: float, is_small: bool
) -> dict[str, Any]:
    """Build the layout of a point per run: when it was created, and how long it waited."""
    ticks = {NO_WAIT: "none or<br>unknown" if runs["since"].notna().any() else "no wait"} | TICKS
    across = {"xref": "x domain", "yref": "y", "x0": 0, "x1": 1}
    beyond = across | {"y0": sla_h * 3_600, "y1": 1e20}
    corner = {"xref": "paper", "x": 0, "yref": "y", "y": np.log10(sla_h * 3_600), "yanchor": "bottom"}
    lane = {"y0": NO_WAIT * 0.58, "y1": NO_WAIT * 1.75, "fillcolor": theme.band}
    below = AXIS_PX + LEGEND_EDGE_PX + LEGEND_PX * (2 - is_small)  # beside a list the legend has two lines
    margin = {"l": 76, "r": 24 if is_small else LIST_PX, "t": 4, "b": below}
    span = [NO_WAIT * 0.55, _longest(runs, "wait", LEAST_POINTS_END) * 1.5]
    rows = row_axis(theme, margin["l"] - EDGE_PX, [*ticks], [*ticks.values()])
    rows |= {"showgrid": True, "type": "log", "range": np.log10(span).tolist()}
    shown = heading._replace(lines=[]) if is_small else heading
    shade, words = _band(theme, sla_h, beyond, corner)
    dates = _dates(runs)
    names = _names(runs, dates["range"], span, theme) if is_small else _list(runs, theme)
    return figure_layout(theme, shown, POINTS_PX, margin) | {
        "xaxis": dates,
        "yaxis": rows,
        "legend": LEGEND | {"y": -AXIS_PX / POINTS_PX},
        "shapes": [shade, SHADE | across | lane],
        "annotations": [words, *names],
    }


def _dates(runs: pd.DataFrame) -> dict[str, Any]:
    """Build the axis of days since the first one, with its ticks in UTC."""
    created, days = runs["created_at"].dropna(), runs["day"].dropna()
    if days.empty:
        return {"range": [0, 1]} | array_ticks([], [])
    first, last = days.min(), days.max()
    edge = max((last - first) * DATES_EDGE, 0.02)
    step = next(step for step in DATE_STEPS if (last - first) / MOST_DATES <= step)
    places = np.arange(np.ceil((first - edge) / step) * step, last + edge, step)
    times = created.min().normalize() + pd.to_timedelta(places, "D")
    texts = [f"{day(time)}, {time:%H:%M}" if step < 1 else day(time) for time in times]
    return {"range": [first - edge, last + edge], "tickangle": 0} | array_ticks(places.tolist(), texts)


def _names(runs: pd.DataFrame, days: list[float], waits: list[float], theme: Theme) -> list[dict[str, Any]]:
    """Name the runs that wait, if they are few, beside their points and apart from each other."""
    waiting = runs[runs["status"].eq("interrupted") & runs["wait"].notna() & runs["day"].notna()]
    if len(waiting) > MOST_NAMES:
        return []
    height = np.log(waits[1] / waiting["wait"].clip(lower=LEAST_WAIT)) / np.log(waits[1] / waits[0])
    x = ((waiting["day"] - days[0]) / (days[1] - days[0]) * NAMES_PX).tolist()
    y = (height * POINTS_PX).tolist()
    taken = [(at - MARK_PX, row, at + MARK_PX) for at, row in zip(x, y, strict=True)]
    notes = []
    for run, at, row in zip(waiting.to_dict("records"), x, y, strict=True):
        text = f"{plain(run['business'], NAME)}, {aged(run['wait'])}"
        width = width_px(text) + MARK_PX
        is_left = at + width > NAMES_PX
        start, end = (at - width, at - MARK_PX) if is_left else (at + MARK_PX, at + width)
        near = [other - row for left, other, right in taken if left < end and start < right]
        shifts = (LINE_PX * way * n for n in range(2 * MOST_NAMES) for way in (1, -1))
        down = next(shift for shift in shifts if all(abs(shift - other) >= LINE_PX - 1 for other in near))
        taken.append((start, row + down, end))
        side: dict[str, Any] = {"xanchor": "left", "xshift": MARK_PX}
        if is_left:
            side = {"xanchor": "right", "xshift": -MARK_PX}
        y_log = np.log10(max(run["wait"], LEAST_WAIT))
        notes.append(note(text, theme.attention, x=run["day"], y=y_log, yshift=-down, **side))
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
    wait = runs["wait"].clip(lower=LEAST_WAIT).where(runs["wait"] > 0, spread)
    urgent_first = runs.assign(y=wait).sort_values("rank", kind="stable").dropna(subset="day")
    traces: list[Trace] = []
    for _, own in urgent_first.head(MOST_POINTS).groupby(["rank", "status"], sort=True):
        word = own["status"].iloc[0]
        color, symbol, opacity = looks.get(word, (OTHER_COLOR, "diamond", 0.8))
        edge = {"width": 2 if symbol in ("circle-open", "x-thin") else 0, "color": color}
        mark = {"size": 7, "color": color, "symbol": symbol, "opacity": opacity, "line": edge}
        look: Trace = {"mode": "markers", "name": f"{plain(status(word), 30)} {n_of[word]:,}", "marker": mark}
        look |= {"hovertext": own["hover"].tolist(), "hoverinfo": "text", "showlegend": True}
        traces.insert(0, lines(own["day"].tolist(), own["y"].tolist(), **look))
    return traces


def _list(runs: pd.DataFrame, theme: Theme) -> list[dict[str, Any]]:
    """List the longest waits and the newest failures right of the points: names, ids, and times."""
    rows: list[tuple[str, str, str]] = []
    for word, (column, least, order) in LISTED.items():
        own, state = runs[runs["status"] == word], STATUSES[word]
        n_others = runs["status"].isin([*LISTED]).sum() - len(own)
        head = colored(f"{state} {len(own):,}, {order}", getattr(theme, state.color))
        rows += [(bold(head), NBSP, NBSP)] if len(own) else []
        first = own.sort_values(column, ascending=False, kind="stable").head(
            max(least, MOST_LISTED - n_others)
        )
        for run in first.to_dict("records"):
            so_far = "" if pd.notna(run["since"]) else " so far"
            time = (
                moment(run["created_at"]) if word == "error" else waited(run["wait"], run["since"]) + so_far
            )
            rows.append((plain(run["business"], NAME), plain(run["short_id"]), time))
    place = {"xref": "paper", "x": 1, "yref": "paper", "y": 1, "yanchor": "top"}
    columns = ((36, "left", theme.text), (242, "left", theme.muted), (LIST_PX - 16, "right", theme.text))
    return [
        note("<br>".join(words), color, SIZE, xshift=px, xanchor=side, align=side, **place)
        for words, (px, side, color) in zip(zip(*rows, strict=True), columns, strict=False)
    ]


def _band(
    theme: Theme, sla_h: float, place: dict[str, Any], corner: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Shade the waits beyond the time within which a reviewer should answer, with words in a corner."""
    words = note(f"{NBSP}over {sla_h:g} h", theme.attention, SIZE - 0.5, xanchor="left", **corner)
    return SHADE | place | {"fillcolor": faded(theme.wait, 0.1)}, words
