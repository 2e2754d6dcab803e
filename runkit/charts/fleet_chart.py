"""Many runs in one figure: a row for each of up to 150 runs, beyond that a point for each.

The rows show agent work on a linear scale and waiting on a log scale, because waits last from seconds to
weeks. The points show when each run was created and how long it waited, so that questions that nobody
answers stand out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from runkit.charts.axis import AXIS_PX, LEGEND_EDGE_PX, LEGEND_PX, array_ticks, figure_layout, row_axis
from runkit.charts.heading import LONGEST, Heading, heading_of
from runkit.charts.panel import aged, short_ids
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
ROW_PX, HEAD_PX, TICKS_PX, POINTS_PX, EDGE_PX = 20, 34, 16, 380, 14  # heights
RIGHT_PX, LIST_PX = 190, 460  # status and confidence; the list
NAME = 28  # characters
# rows: more room before the heading of a group, and from it to its runs
BEFORE_HEAD, AFTER_HEAD = 0.3, 1.05
# seconds: where lines begin, and where runs without a wait are drawn
LEAST_WAIT, NO_WAIT = 30.0, 11.0
# the least lengths of the scales of waits
LEAST_LOG_S, LEAST_POINTS_S = 86_400.0, 30 * 86_400.0
# of the scale of waits, for the words at the end of the longest one
TEXT_SHARE = 0.5
TICKS = {60: "1 min", 600: "10 min", 3_600: "1 h", 14_400: "4 h", 86_400: "1 d", 864_000: "10 d"}
NO_WAITS = 0.98  # of the width is for the work where no run waited
ROW_TICKS = (60, 3_600, 86_400, 864_000)  # beside the bars there is no room for more
MOST_LISTED = 20  # runs; of each status so many, more if the other has fewer
LISTED = {"interrupted": ("wait", 13, "longest first"), "error": ("created_at", 7, "newest first")}
NBSP = "\u00a0"  # plotly leaves out empty lines
INDENT = NBSP * 3  # from the middle of a dot to its words
DATE_STEPS = (1 / 24, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 7, 14, 28, 91, 182, 364, 3_640, 36_400, 364_000)  # days
DAY_S = 86_400
MOST_NAMES = 8  # waiting runs that are named beside their points
NAMES_PX = 790  # the width of the points, about
MOST_DATES = 7  # ticks in a narrow figure
DATES_EDGE = 0.03  # of the time shown, before the first and after the last point
GOLDEN = 0.618034  # the golden ratio: its multiples fall evenly between each other
BARS: Trace = {"type": "bar", "orientation": "h", "showlegend": False}
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
    has_waits = bool(_has_waited(runs).any())
    heading = heading_of(theme, *_title(runs, title, sla_h))
    if len(runs) > MOST_ROWS or is_small:
        layout = _points_layout(runs, heading, theme, sla_h, is_small)
        return RunFigure(_markers(runs, theme), layout)
    heads, runs = _placed(runs, group, theme)
    layout = _rows_layout(runs, heads, heading, theme, sla_h if has_waits else None)
    layout |= _scales(runs, has_waits)
    return RunFigure([*_work(runs, theme), *_waits(runs, theme)], layout)


def _has_waited(runs: pd.DataFrame) -> pd.Series[bool]:
    """Flag the runs with a wait, of known length or not."""
    return (runs["wait"] > 0) | runs["waits_since"].notna()


def _runs(f: Frames, sort: str) -> pd.DataFrame:
    """Give the runs in order, with what is drawn of them."""
    statuses = f.runs["status"].astype("str")
    pending_s = open_questions(f).groupby("run_id")["wait_s"].max()
    waits_since = unmeasured_waits(f)
    wait = f.runs["run_id"].map(pending_s).where(statuses == "interrupted").fillna(f.runs["waiting_s"])
    rank = {word: number for number, word in enumerate(ORDER)}
    runs = f.runs.assign(
        status=statuses,
        rank=statuses.map(rank).fillna(len(ORDER)),
        wait=wait.mask(waits_since.notna()),
        waits_since=waits_since,
        business=f.runs["business_name"].fillna(f.runs["agent_name"]),
        short_id=short_ids(f.runs["run_id"]),
        day=(f.runs["created_at"] - f.runs["created_at"].min().normalize()).dt.total_seconds() / DAY_S,
    )
    newest = runs["created_at"].rank(ascending=False, na_option="bottom")
    longest_wait = -runs["wait"].fillna(0)
    keys = {  # the last key counts most
        "time": [newest],
        "duration": [-runs["duration_s"].fillna(-1)],
        "attention": [
            -runs["working_s"].fillna(0),
            newest.where(statuses == "error", longest_wait),
            runs["rank"],
        ],
    }
    return runs.iloc[np.lexsort(keys[sort])].reset_index(drop=True)


def _title(runs: pd.DataFrame, title: str | None, sla_h: float) -> list[list[str]]:
    """How many runs from when to when, what stands out, and how many are not drawn."""
    created = runs["created_at"].agg(["min", "max"]).dropna().map(moment).unique()
    failed, waiting, running, completed = (runs[runs["status"] == word] for word in ORDER)
    work = completed["working_s"].dropna()
    n_over = (waiting["wait"] > sla_h * 3_600).sum()
    n_unknown = int(waiting["waits_since"].notna().sum())
    known = waiting["wait"].dropna()
    ages = f", oldest {duration(known.max())}" if len(known) else ""
    ages += f", {plural(n_unknown, 'unknown wait')}" if n_unknown else ""
    parts = {
        f"{len(waiting):,} waiting{ages}": len(waiting),
        f"{n_over:,} over {sla_h:g} h": n_over,
        f"{len(failed):,} failed": len(failed),
        f"{len(running):,} running": len(running),
        f"median work of completed runs {duration(work.median())}": len(work),
    }
    n_dated = runs["created_at"].count()
    n_drawn = min(n_dated, MOST_POINTS)
    left_out = ""
    if MOST_ROWS < len(runs) > n_drawn:
        left_out = f"{n_drawn:,} of {len(runs):,} runs drawn, the most urgent first"
        if n_dated < len(runs):
            left_out += f"; {len(runs) - n_dated:,} without a time of creation"
    name = plain(title or plural(len(runs), "run"), LONGEST)
    return [[name, " to ".join(created)], [words for words, n in parts.items() if n], [left_out]]


def _placed(runs: pd.DataFrame, group: str, theme: Theme) -> tuple[dict[float, str], pd.DataFrame]:
    """Put runs into groups: the headings by their row, and the runs with their row as `y`."""
    key = runs["agent_name" if group == "agent" else group].fillna("Unknown")
    urgency, size = runs["rank"].groupby(key).min(), key.value_counts()
    order = key.map(urgency if group == "status" else -size)
    runs = runs.assign(key=key).iloc[np.lexsort([key.rank(method="dense"), order])]
    number, words = pd.factorize(runs["key"])
    runs = runs.assign(y=np.arange(len(runs)) + AFTER_HEAD + (AFTER_HEAD + BEFORE_HEAD) * number)
    heads = {}
    for word, first in zip(words, runs.groupby(number)["y"].min(), strict=True):
        name = pill(word, theme) if group == "status" else bold(plain(word, 40))
        heads[first - AFTER_HEAD] = f"{name} {size[word]:,}"
    return heads, runs


def _rows_layout(
    runs: pd.DataFrame, heads: dict[float, str], heading: Heading, theme: Theme, sla_h: float | None
) -> dict[str, Any]:
    """The layout of a row per run, in groups with a heading, but for the scales."""
    ids = [colored(plain(run_id), theme.muted) for run_id in runs["short_id"]]
    names = [f"{plain(name, NAME)} {run_id}" for name, run_id in zip(runs["business"], ids, strict=True)]
    states = [pill(word, theme) for word in runs["status"]]
    levels = [f" · {level(word, theme)}" if isinstance(word, str) else "" for word in runs["confidence"]]
    labels_px, y, last = max(map(width_px, names)), runs["y"].tolist(), runs["y"].max()
    rows = row_axis(theme, labels_px, [*heads, *y], [*heads.values(), *names])
    rows |= {"range": [last + 0.7, -0.7]}
    ended = {"tickvals": y, "ticktext": [a + b for a, b in zip(states, levels, strict=True)]}
    margin = {"l": labels_px + 16, "r": RIGHT_PX, "t": HEAD_PX, "b": EDGE_PX}
    layout = figure_layout(theme, heading, int(ROW_PX * (last + 1.4)), margin)
    beyond = {"xref": "x2", "x0": (sla_h or 0) * 3_600, "x1": 1e20, "yref": "y2 domain", "y0": 0, "y1": 1}
    corner = {"xref": "x2", "x": _log(sla_h), "yref": "paper", "y": 1, "yanchor": "top"}
    layout |= _band(theme, sla_h, beyond, corner)
    layout["annotations"] += _scale_names(theme, sla_h is not None)
    return layout | {
        "yaxis": rows,
        "yaxis2": rows | ended | {"anchor": "x2", "ticklabelstandoff": 8},
    }


def _scale_names(theme: Theme, has_waits: bool) -> list[dict[str, Any]]:
    """Name both scales, over their ticks."""
    names = {"x": "Agent work", "x2": "Waiting for a reviewer (log scale)"}
    place = {"x": 0.5, "yref": "paper", "y": 1, "yanchor": "bottom", "yshift": TICKS_PX}
    shown = [*names.items()][: 1 + has_waits]
    return [note(name, theme.muted, SIZE, xref=f"{axis} domain", **place) for axis, name in shown]


def _scales(runs: pd.DataFrame, has_waits: bool) -> dict[str, Any]:
    """The linear scale of work, which needs no ticks beside its texts, and the logarithmic one of waits."""
    longest = max(1.0, runs["working_s"].max())
    work = {
        "domain": [0, 0.4 if has_waits else NO_WAITS],
        "range": [0, longest * 1.6],
        "tickvals": [0],
        "ticktext": ["0"],
    }
    waits = {
        "type": "log",
        "domain": [0.44 if has_waits else NO_WAITS, 1],
        "range": _wait_range(runs),
        "tickvals": [*ROW_TICKS],
        "ticktext": [TICKS[seconds] for seconds in ROW_TICKS],
        "anchor": "y2",
        "visible": has_waits,
    }
    return {"xaxis": ON_TOP | work, "xaxis2": ON_TOP | waits}


def _wait_range(runs: pd.DataFrame) -> list[float]:
    """The logarithms at the ends of the scale of waits."""
    low, high = np.log10([LEAST_WAIT, np.nanmax([LEAST_LOG_S, runs["wait"].max()])]).tolist()
    return [low, low + (high - low) / (1 - TEXT_SHARE)]


def _work(runs: pd.DataFrame, theme: Theme) -> list[Trace]:
    """Draw agent work: bars with their duration."""
    runs = runs[runs["working_s"].notna()]
    is_failed, is_open = runs["status"] == "error", runs["status"] == "running"
    fill = np.select([is_failed, is_open], [FAILED_COLOR, theme.line], AGENT_COLORS[0])
    edge = {"color": AGENT_COLORS[0], "width": is_open.astype(float).tolist()}
    work, y = runs["working_s"], runs["y"].tolist()
    bars = {
        "base": [0] * len(runs),
        "x": work.tolist(),
        "y": y,
        "width": 0.6,
        "marker": {"color": fill.tolist(), "line": edge, "cornerradius": 3},
    }
    texts = _texts(work.tolist(), y, _durations(work, is_open), theme)
    return [BARS | bars | _hover(runs), texts]


def _waits(runs: pd.DataFrame, theme: Theme) -> list[Trace]:
    """Draw waits: a line with a dot, open while a question is pending."""
    runs = runs[_has_waited(runs)]
    is_open = runs["status"] == "interrupted"
    ends, y = runs["wait"].fillna(LEAST_WAIT).clip(lower=LEAST_WAIT), runs["y"].tolist()
    color = np.where(is_open, theme.wait, OTHER_COLOR).tolist()
    fill = np.where(is_open, theme.ground, OTHER_COLOR).tolist()
    place = {"xaxis": "x2", "yaxis": "y2"}
    bars = {
        "base": [LEAST_WAIT] * len(runs),
        "x": (ends - LEAST_WAIT).tolist(),
        "y": y,
        "width": 0.1,
        "marker": {"color": color},
        "hoverinfo": "skip",
    }
    mark = {"size": 9, "color": fill, "line": {"width": 2, "color": color}}
    look = place | {"mode": "markers", "marker": mark, "cliponaxis": False}
    unknown = zip(_durations(runs["wait"], is_open), runs["waits_since"], strict=True)
    words = [INDENT + (length if pd.isna(since) else f"since {day(since)}") for length, since in unknown]
    texts = _texts(ends.tolist(), y, words, theme, **place)
    return [BARS | bars | place, lines(ends.tolist(), y, **look | _hover(runs)), texts]


def _durations(seconds: pd.Series[float], is_open: pd.Series[bool]) -> list[str]:
    """Return a duration for each mark."""
    return [f"{duration(s)}{' so far' * more}" for s, more in zip(seconds, is_open, strict=True)]


def _texts(x: list[float], y: list[float], words: list[str], theme: Theme, **look: Any) -> Trace:
    """Write a text behind each mark."""
    font = {"size": SIZE - 1, "color": theme.text}
    look |= {"mode": "text", "textposition": "middle right", "textfont": font, "cliponaxis": False}
    return lines(x, y, text=[f"{NBSP}{text}" for text in words], **look)


def _points_layout(
    runs: pd.DataFrame, heading: Heading, theme: Theme, sla_h: float, is_small: bool
) -> dict[str, Any]:
    """The layout of a point per run: when it was created, and how long it waited."""
    has_unknown = runs["waits_since"].notna().any()
    ticks = {NO_WAIT: "none or<br>unknown" if has_unknown else "no wait"} | TICKS
    across = {"xref": "x domain", "yref": "y", "x0": 0, "x1": 1}
    beyond = across | {"y0": sla_h * 3_600, "y1": 1e20}
    corner = {"xref": "paper", "x": 0, "yref": "y", "y": _log(sla_h), "yanchor": "bottom"}
    lane = {"y0": NO_WAIT * 0.58, "y1": NO_WAIT * 1.75, "fillcolor": theme.band}
    below = AXIS_PX + LEGEND_EDGE_PX + LEGEND_PX * (2 - is_small)  # beside a list the legend has two lines
    margin = {"l": 76, "r": 24 if is_small else LIST_PX, "t": 4, "b": below}
    rows = row_axis(theme, margin["l"] - EDGE_PX, [*ticks], [*ticks.values()]) | {"showgrid": True}
    rows |= {"type": "log", "range": np.log10([NO_WAIT * 0.55, _longest(runs)]).tolist()}
    shown = heading._replace(lines=[]) if is_small else heading
    layout = figure_layout(theme, shown, POINTS_PX, margin) | _band(theme, sla_h, beyond, corner)
    layout["shapes"].append(SHADE | across | lane)
    dates = _dates(runs)
    layout["annotations"] += _names(runs, dates["range"], theme) if is_small else _list(runs, theme)
    return layout | {"xaxis": dates, "yaxis": rows, "legend": LEGEND | {"y": -AXIS_PX / POINTS_PX}}


def _longest(runs: pd.DataFrame) -> float:
    """Return where the scale of waits ends."""
    return float(np.nanmax([LEAST_POINTS_S, runs["wait"].max() * 1.5]))


def _dates(runs: pd.DataFrame) -> dict[str, Any]:
    """The axis of days since the first one, with its ticks in UTC."""
    created = runs["created_at"].dropna()
    if created.empty:
        return {"range": [0, 1], "tickvals": [], "ticktext": []}
    first, last = runs["day"].min(), runs["day"].max()
    edge = max((last - first) * DATES_EDGE, 0.02)
    step = next(step for step in DATE_STEPS if (last - first) / MOST_DATES <= step)
    places = np.arange(np.ceil((first - edge) / step) * step, last + edge, step)
    times = created.min().normalize() + pd.to_timedelta(places, "D")
    texts = [f"{day(time)}, {time:%H:%M}" if step < 1 else day(time) for time in times]
    return {"range": [first - edge, last + edge], "tickangle": 0} | array_ticks(places.tolist(), texts)


def _names(runs: pd.DataFrame, span: list[float], theme: Theme) -> list[dict[str, Any]]:
    """Name the runs that wait, if they are few, beside their points and apart from each other."""
    waiting = runs[runs["status"].eq("interrupted")].dropna(subset=["day", "wait"])
    notes: list[dict[str, Any]] = []
    taken: list[tuple[float, float, float]] = []
    for run in waiting.sort_values("wait", ascending=False).head(MOST_NAMES + 1).to_dict("records"):
        text = f"{plain(run['business'], NAME)}, {aged(run['wait'])}"
        width, wait = width_px(text), max(run["wait"], LEAST_WAIT)
        x = (run["day"] - span[0]) / (span[1] - span[0]) * NAMES_PX
        y = math.log(_longest(runs) / wait) / math.log(_longest(runs) / NO_WAIT) * POINTS_PX
        left = x + width > NAMES_PX
        start = x - width if left else x
        near = [b - y for a, b, c in taken if a < start + width and start < c]
        shifts = (14 * way * n for n in range(MOST_NAMES) for way in (1, -1))
        down = next(shift for shift in shifts if all(abs(shift - other) >= 14 for other in near))
        taken.append((start, y + down, start + width))
        side: dict[str, Any] = (
            {"xanchor": "right", "xshift": -8} if left else {"xanchor": "left", "xshift": 8}
        )
        notes.append(note(text, theme.attention, x=run["day"], y=math.log10(wait), yshift=-down, **side))
    return notes if len(notes) <= MOST_NAMES else []


def _markers(runs: pd.DataFrame, theme: Theme) -> list[Trace]:
    """Draw a marker per run, a trace per status, the urgent ones on top; at most `MOST_POINTS` runs."""
    looks = {
        "completed": (OTHER_COLOR, "circle", 0.6),
        "running": (theme.accent, "circle", 0.8),
        "interrupted": (theme.wait, "circle-open", 1.0),
        "error": (FAILED_COLOR, "x-thin", 1.0),
    }
    n_of = runs["status"].value_counts()
    urgent_first = runs.sort_values("rank", kind="stable").dropna(subset="created_at")
    traces: list[Trace] = []
    for _, own in urgent_first.head(MOST_POINTS).groupby(["rank", "status"], sort=True):
        word = own["status"].iloc[0]
        color, symbol, opacity = looks.get(word, (OTHER_COLOR, "diamond", 0.8))
        edge = {"width": 2 if symbol in ("circle-open", "x-thin") else 0, "color": color}
        mark = {"size": 7, "color": color, "symbol": symbol, "opacity": opacity, "line": edge}
        # Runs without a wait are spread over their lane, so that points do not hide each other.
        spread = NO_WAIT * np.exp((own.index.to_numpy() * GOLDEN % 1 - 0.5) * 0.9)
        waits = own["wait"].clip(lower=LEAST_WAIT).where(own["wait"] > 0, spread)
        name = f"{plain(status(word), 30)} {n_of[word]:,}"
        look = {"mode": "markers", "name": name, "marker": mark, "showlegend": True}
        traces.insert(0, lines(own["day"].tolist(), waits.tolist(), **look | _hover(own)))
    return traces


def _list(runs: pd.DataFrame, theme: Theme) -> list[dict[str, Any]]:
    """List the longest waits and the newest failures right of the points: names, ids, and times."""
    rows: list[tuple[str, str, str]] = []
    for word, (column, least, order) in LISTED.items():
        own = runs[runs["status"] == word]
        if own.empty:
            continue
        state = STATUSES[word]
        head = colored(f"{state} {len(own):,}, {order}", getattr(theme, state.color))
        rows += [(NBSP, NBSP, NBSP)] if rows else []
        rows.append((bold(head), NBSP, NBSP))
        n_others = runs["status"].isin([*LISTED]).sum() - len(own)
        first = own.sort_values(column, ascending=False, kind="stable")
        for run in first.head(max(least, MOST_LISTED - n_others)).to_dict("records"):
            time = moment(run[column]) if word == "error" else _so_far(run)
            rows.append((plain(run["business"], NAME), plain(run["short_id"]), time))
    place = {"xref": "paper", "x": 1, "yref": "paper", "y": 1, "yanchor": "top"}
    columns = ((36, "left", theme.text), (242, "left", theme.muted), (LIST_PX - 16, "right", theme.text))
    return [
        note("<br>".join(words), color, SIZE, xshift=px, xanchor=side, align=side, **place)
        for words, (px, side, color) in zip(zip(*rows, strict=True), columns, strict=False)
    ]


def _so_far(run: dict[Any, Any]) -> str:
    """Return how long a run has waited, or since when if it is not known until when."""
    since = run["waits_since"]
    return f"{duration(run['wait'])} so far" if pd.isna(since) else f"since {day(since)}"


def _band(
    theme: Theme, sla_h: float | None, place: dict[str, Any], corner: dict[str, Any]
) -> dict[str, list[Any]]:
    """Shade the waits beyond the time within which a reviewer should answer, with words in a corner."""
    if sla_h is None:
        return {"shapes": [], "annotations": []}
    words = note(f"{NBSP}over {sla_h:g} h", theme.attention, SIZE - 0.5, xanchor="left", **corner)
    return {"shapes": [SHADE | place | {"fillcolor": faded(theme.wait, 0.1)}], "annotations": [words]}


def _log(sla_h: float | None) -> float:
    """Return the place of words on a scale of waits, which plotly wants as a logarithm."""
    return math.log10((sla_h or 1) * 3_600)


def _hover(runs: pd.DataFrame) -> dict[str, Any]:
    """Say of a run's mark: its label, its state, its work and its wait."""
    texts = []
    for run in runs.to_dict("records"):
        label = run_label(run["run_id"], run["business_name"], run["agent_name"])
        wait = f"{duration(run['wait'])} waiting" if run["wait"] > 0 else "no wait"
        if pd.notna(run["waits_since"]):
            wait = f"waiting {_so_far(run)}"
        state, work = plain(status(run["status"]), 30), f"{duration(run['working_s'])} work"
        outcome = f"<br>{plain(run['outcome'], 80)}" if isinstance(run["outcome"], str) else ""
        texts.append(f"{bold(plain(label, 80))}<br>{state}{outcome}<br>{work}, {wait}")
    return {"hovertext": texts, "hoverinfo": "text"}
