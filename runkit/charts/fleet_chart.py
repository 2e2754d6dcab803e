"""Many runs in one figure: a row for each of up to 150 runs, beyond that a point for each.

The rows show agent work on a linear scale and waiting on a log scale, because waits last from seconds to
weeks. The points show when each run was created and how long it waited, so that questions that nobody
answers stand out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from runkit.charts.axis import check_zone
from runkit.charts.heading import Line, heading_of
from runkit.charts.labels import bold, colored, note, plain, width_px
from runkit.charts.layout import figure_layout, title_px
from runkit.charts.style import SIZE, chosen_theme, faded, keep_private
from runkit.errors import UsageError
from runkit.style import AGENT_COLORS, CONFIDENCE_COLORS, FAILED_COLOR, OTHER_COLOR, STATUSES, Theme, status
from runkit.tables.frames import Frames
from runkit.text import duration, moment, plural, run_label, short_id

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Sort = Literal["attention", "time", "duration"]
Group = Literal["status", "business", "agent"]

ORDER = ("error", "interrupted", "running", "completed")  # of statuses, the most urgent first
MOST_ROWS = 150  # a figure of more rows is taller than three screens
MOST_POINTS = 5_000  # an SVG of more is slow to draw; with labels 5,000 take 0.4 MB
ROW_PX, HEAD_PX, POINTS_PX, EDGE_PX = 20, 34, 460, 14  # heights
RIGHT_PX, LIST_PX, PHONE_PX = 190, 460, 162  # status and confidence; the list; names on a phone
NAME, PHONE_NAME = 28, 11  # characters
BEFORE_HEAD, AFTER_HEAD = 0.3, 1.05  # rows: more room before the heading of a group, and from it to its runs
LEAST_WAIT, NO_WAIT = 30.0, 11.0  # seconds: where lines begin, and where runs without a wait are drawn
LEAST_LOG_S, LEAST_POINTS_S = 86_400.0, 30 * 86_400.0  # the least lengths of the scales of waits
TEXT_SHARE, PHONE_SHARE = 0.5, 0.65  # of the scale of waits, for the words at the end of the longest one
TICKS = {60: "1 min", 600: "10 min", 3_600: "1 h", 14_400: "4 h", 86_400: "1 d", 864_000: "10 d"}
PHONE_TICKS = (60, 86_400)
PHONE_WAITS = {
    "xaxis.visible": False,
    "xaxis.domain": [0, 0.001],
    "xaxis2.domain": [0.001, 1],
    "xaxis2.tickvals": [*PHONE_TICKS],
    "xaxis2.ticktext": [TICKS[seconds] for seconds in PHONE_TICKS],
}
NO_WAITS = 0.98  # of the width is for the work where no run waited
ROW_TICKS = (60, 3_600, 86_400, 864_000)  # beside the bars there is no room for more
MOST_LISTED = 20  # runs; of each status so many, more if the other has fewer
LISTED = {"interrupted": ("wait", 13, "longest first"), "error": ("created_at", 7, "newest first")}
NBSP = "\u00a0"  # plotly leaves out empty lines
GOLDEN = 0.618034  # the golden ratio: its multiples fall evenly between each other
BARS = {"type": "bar", "orientation": "h", "showlegend": False}
ON_TOP = {"side": "top", "tickangle": 0, "fixedrange": True}  # an axis
SHADE = {"type": "rect", "line": {"width": 0}, "layer": "below"}


class Drawing(NamedTuple):
    """A figure without its title.

    `phone` is what changes in the layout on a narrow screen, `hidden` are the traces that it has no room for,
    and `missing` says so in words.
    """

    traces: list[dict[str, Any]]
    height: int
    margin: dict[str, int]
    layout: dict[str, Any]
    phone: dict[str, Any]
    missing: str = ""
    hidden: tuple[int, ...] = ()


def fleet_chart(
    f: Frames,
    *,
    sort: Sort = "attention",
    group: Group | None = "status",
    sla_h: float | None = 4,
    tz: str = "UTC",
    title: str | None = None,
    has_list: bool = True,
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
        What the rows are grouped by; None for one list.
    sla_h
        Hours within which a reviewer should answer; waits beyond lie on a band. None draws none.
    tz
        An IANA time zone, for times in words and on the axis.
    title
        Replaces "40 runs" in the title.
    has_list
        Whether the runs that need attention are listed beside the points.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    UsageError
        For an `sla_h` or a `tz` that cannot be used.
    """
    import plotly.graph_objects as go

    if sla_h is not None:
        check_hours(sla_h)
    check_zone(tz)
    keep_private()
    runs, theme = _runs(f, sort, tz), chosen_theme()
    if len(runs) <= MOST_ROWS:
        drawing = _rows(runs, theme, group, sla_h)
    else:
        drawing = _points(runs, theme, sla_h, has_list)
    phone_note = f"A wide screen shows {drawing.missing}, too." if drawing.missing else ""
    heading = heading_of(_title(runs, title, sla_h), theme, phone_note)
    layout = figure_layout(theme, heading, drawing.height, 0) | drawing.layout
    layout["meta"] |= {"narrow": {"layout": drawing.phone, "hidden": drawing.hidden}}
    layout["margin"] = drawing.margin | {"t": drawing.margin["t"] + title_px(heading)}
    return go.Figure(drawing.traces, layout)


def check_hours(sla_h: object) -> None:
    """Refuse what is no length of a wait."""
    if not (isinstance(sla_h, int | float) and 0 < sla_h < float("inf")):
        raise UsageError(f"sla_h={sla_h!r} cannot be used; expected a positive number of hours.")


def _runs(f: Frames, sort: str, tz: str) -> pd.DataFrame:
    """Give the runs in order, with what is drawn of them."""
    statuses = f.runs["status"].astype(object).fillna("unknown")
    is_open = statuses == "interrupted"
    is_pending = f.interrupts["outcome"] == "pending"
    pending_s = f.interrupts[is_pending].groupby("run_id")["wait_s"].max()
    rank = {word: number for number, word in enumerate(ORDER)}
    runs = f.runs.assign(
        status=statuses,
        rank=statuses.map(rank).fillna(len(ORDER)),
        wait=f.runs["run_id"].map(pending_s).where(is_open).fillna(f.runs["waiting_s"]),
        business=f.runs["business_name"].fillna(f.runs["agent_name"]).fillna(f.runs["agent"]),
        created_at=f.runs["created_at"].dt.tz_convert(tz),
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


def _title(runs: pd.DataFrame, title: str | None, sla_h: float | None) -> list[Line]:
    """How many runs from when to when, what stands out, and how many are not drawn."""
    created = runs["created_at"].agg(["min", "max"]).dropna().map(moment).unique()
    since = f" · {' to '.join(created)}" if len(created) else ""
    lines: list[Line] = [[(title or plural(len(runs), "run"), "text+"), (since, "muted")]]
    if counts := _counts(runs, sla_h):
        lines.append([(counts, "muted")])
    n_dated = runs["created_at"].count()
    n_drawn = min(n_dated, MOST_POINTS)
    if MOST_ROWS < len(runs) > n_drawn:
        words = f"{n_drawn:,} of {len(runs):,} runs drawn, the most urgent first"
        if n_dated < len(runs):
            words += f"; {len(runs) - n_dated:,} without a time of creation"
        lines.append([(words, "muted")])
    return lines


def _counts(runs: pd.DataFrame, sla_h: float | None) -> str:
    """Say what stands out, in numbers."""
    failed, waiting, running, completed = (runs[runs["status"] == word] for word in ORDER)
    work = completed["working_s"].dropna()
    n_over = (waiting["wait"] > sla_h * 3_600).sum() if sla_h else 0
    parts = {
        f"{len(waiting):,} waiting, oldest {duration(waiting['wait'].max())}": len(waiting),
        f"{n_over:,} over {sla_h or 0:g} h": n_over,
        f"{len(failed):,} failed": len(failed),
        f"{len(running):,} running": len(running),
        f"median work of completed runs {duration(work.median())}": len(work),
    }
    return " · ".join(words for words, n in parts.items() if n)


def _rows(runs: pd.DataFrame, theme: Theme, group: str | None, sla_h: float | None) -> Drawing:
    """Draw a row per run, in groups with a heading: work on a linear scale, waiting on a log scale."""
    heads, runs = _placed(runs, group, theme)
    words = (_words(run, theme) for run in runs.to_dict("records"))
    names, phone_names, states, icons = zip(*words, strict=True)
    labels_px = max(map(width_px, names))
    y, last = runs["y"].tolist(), runs["y"].max()
    rows = {
        "range": [last + 0.7, -0.7],
        "showgrid": False,
        "fixedrange": True,
        "side": "right",
        "tickfont": {"size": SIZE, "color": theme.text},
    }
    # Labels right of their axis and moved left begin at one line.
    left = {"anchor": "free", "position": 0, "ticklabelstandoff": -labels_px}
    named = {"tickvals": [*heads, *y], "ticktext": [*heads.values(), *names]}
    ended = {"tickvals": y, "ticktext": states}
    beyond = {"xref": "x2", "x0": (sla_h or 0) * 3_600, "x1": 1e20}
    band = _band(theme, sla_h, "top left", beyond | {"yref": "y2 domain", "y0": 0, "y1": 1})
    has_waits = bool((runs["wait"] > 0).any())
    layout = {
        "shapes": band if has_waits else [],
        "xaxis": _work_axis(runs) | ({} if has_waits else {"domain": [0, NO_WAITS]}),
        "xaxis2": _wait_axis(runs) | ({} if has_waits else {"domain": [NO_WAITS, 1], "visible": False}),
        "yaxis": rows | left | named,
        "yaxis2": rows | ended | {"anchor": "x2", "ticklabelstandoff": 8},
    }
    phone = {
        "margin.l": PHONE_PX,
        "margin.r": 36,
        "yaxis.ticklabelstandoff": 8 - PHONE_PX,
        "yaxis.ticktext": [*heads.values(), *phone_names],
        "yaxis2.ticktext": icons,
    }
    height = int(ROW_PX * (last + 1.4)) + HEAD_PX + EDGE_PX
    margin = {"l": labels_px + 16, "r": RIGHT_PX, "t": HEAD_PX, "b": EDGE_PX}
    drawing = Drawing([_work(runs, theme), *_waits(runs, theme)], height, margin, layout, phone)
    if not has_waits:
        return drawing
    # A phone has no room for the bars of work.
    phone |= PHONE_WAITS | {"xaxis2.range": _wait_range(runs, PHONE_SHARE)}
    return drawing._replace(phone=phone, missing="the work", hidden=(0,))


def _words(run: dict[Any, Any], theme: Theme) -> tuple[str, str, str, str]:
    """The words of a row: its name, the same on a phone, and its status, on a phone as an icon."""
    look, level = status(run["status"]), run["confidence"]
    color = getattr(theme, look.color)
    state = bold(colored(plain(look, 20), color))
    if isinstance(level, str):
        shade = getattr(theme, CONFIDENCE_COLORS.get(level, "muted"))
        state += f" · {colored(plain(level.capitalize(), 14), shade)}"
    run_id = colored(plain(short_id(run["run_id"])), theme.muted)
    name, phone_name = (f"{plain(run['business'], most)} {run_id}" for most in (NAME, PHONE_NAME))
    return name, phone_name, state, colored(look.icon, color)


def _work_axis(runs: pd.DataFrame) -> dict[str, Any]:
    """The linear axis of work; its bars have their durations beside them instead of ticks."""
    longest = max(1.0, runs["working_s"].max())
    return ON_TOP | {
        "title": {"text": "Agent work", "standoff": 4},
        "domain": [0, 0.4],
        "range": [0, longest * 1.6],
        "tickvals": [0],
        "ticktext": ["0"],
    }


def _wait_range(runs: pd.DataFrame, text_share: float) -> list[float]:
    """The logarithms at the ends of the axis of waits."""
    low, high = np.log10([LEAST_WAIT, max(LEAST_LOG_S, runs["wait"].max())]).tolist()
    return [low, low + (high - low) / (1 - text_share)]


def _wait_axis(runs: pd.DataFrame) -> dict[str, Any]:
    """The logarithmic axis of waits."""
    return ON_TOP | {
        "title": {"text": "Waiting for a reviewer (log scale)", "standoff": 4},
        "type": "log",
        "domain": [0.44, 1],
        "range": _wait_range(runs, TEXT_SHARE),
        "tickvals": [*ROW_TICKS],
        "ticktext": [TICKS[seconds] for seconds in ROW_TICKS],
        "anchor": "y2",
    }


def _placed(runs: pd.DataFrame, group: str | None, theme: Theme) -> tuple[dict[float, str], pd.DataFrame]:
    """Put runs into groups: the headings by their row, and the runs with their row as `y`."""
    if group is None:
        return {}, runs.assign(y=np.arange(len(runs), dtype=float))
    column = "agent_name" if group == "agent" else group
    key = runs[column].astype(object).fillna("Unknown")
    urgency, size = runs["rank"].groupby(key).min(), key.value_counts()
    order = key.map(urgency if group == "status" else -size)
    runs = runs.assign(key=key).iloc[np.lexsort([key.rank(method="dense"), order])]
    number, words = pd.factorize(runs["key"])
    y = np.arange(len(runs)) + AFTER_HEAD + (AFTER_HEAD + BEFORE_HEAD) * number
    runs = runs.assign(y=y)
    heads = {}
    for word, first in zip(words, runs.groupby(number)["y"].min(), strict=True):
        look = status(word) if group == "status" else None
        color = getattr(theme, look.color) if look else theme.text
        name = bold(colored(plain(look or word, 40), color))
        heads[first - AFTER_HEAD] = f"{name} {size[word]:,}"
    return heads, runs


def _work(runs: pd.DataFrame, theme: Theme) -> dict[str, Any]:
    """Draw agent work: bars with their duration."""
    runs = runs[runs["working_s"].notna()]
    is_failed, is_open = runs["status"] == "error", runs["status"] == "running"
    usual = AGENT_COLORS[0]
    fill = np.select([is_failed, is_open], [FAILED_COLOR, theme.line], usual)
    edge = {"color": usual, "width": is_open.astype(float).tolist()}
    bars = {
        "x": runs["working_s"].tolist(),
        "y": runs["y"].tolist(),
        "width": 0.6,
        "marker": {"color": fill.tolist(), "line": edge, "cornerradius": 3},
        "textposition": "outside",
    }
    return BARS | bars | _durations(runs["working_s"], is_open, theme) | _hover(runs)


def _waits(runs: pd.DataFrame, theme: Theme) -> list[dict[str, Any]]:
    """Draw waits: a line with a dot, open while a question is pending."""
    runs = runs[runs["wait"] > 0]
    is_open = runs["status"] == "interrupted"
    ends = runs["wait"].clip(lower=LEAST_WAIT)
    color = np.where(is_open, theme.wait, OTHER_COLOR).tolist()
    fill = np.where(is_open, theme.ground, OTHER_COLOR).tolist()
    place = {"xaxis": "x2", "yaxis": "y2", "y": runs["y"].tolist()}
    lines = {
        "base": [LEAST_WAIT] * len(runs),
        "x": (ends - LEAST_WAIT).tolist(),
        "width": 0.1,
        "marker": {"color": color},
        "hoverinfo": "skip",
    }
    dots = {
        "type": "scatter",
        "mode": "markers+text",
        "x": ends.tolist(),
        "textposition": "middle right",
        "marker": {"size": 9, "color": fill, "line": {"width": 2, "color": color}},
    }
    texts = _durations(runs["wait"], is_open, theme)
    return [BARS | lines | place, dots | place | texts | _hover(runs)]


def _durations(seconds: pd.Series[float], is_open: pd.Series[bool], theme: Theme) -> dict[str, Any]:
    """Write a duration at each mark."""
    texts = [f"  {duration(s)}{' so far' * more}" for s, more in zip(seconds, is_open, strict=True)]
    font = {"size": SIZE - 1, "color": theme.text}
    return {"text": texts, "textfont": font, "cliponaxis": False, "showlegend": False}


def _points(runs: pd.DataFrame, theme: Theme, sla_h: float | None, has_list: bool) -> Drawing:
    """Draw a point per run: when it was created, and how long it waited."""
    ticks = {NO_WAIT: "no wait"} | TICKS
    longest = max(LEAST_POINTS_S, runs["wait"].max() * 1.5)
    across = {"xref": "x domain", "yref": "y", "x0": 0, "x1": 1}
    beyond = across | {"y0": (sla_h or 0) * 3_600, "y1": 1e20}
    lane = {"y0": NO_WAIT * 0.58, "y1": NO_WAIT * 1.75, "fillcolor": theme.band}
    layout = {
        "xaxis": {"type": "date"},
        "yaxis": {
            "type": "log",
            "range": np.log10([NO_WAIT * 0.55, longest]).tolist(),
            "tickvals": [*ticks],
            "ticktext": [*ticks.values()],
            "fixedrange": True,
        },
        "legend": {"orientation": "h", "x": 0, "y": -0.09, "yanchor": "top"},
        "shapes": [*_band(theme, sla_h, "bottom left", beyond), SHADE | across | lane],
        "annotations": _list(runs, theme) if has_list else [],
    }
    phone = {
        "margin.l": 56,
        "margin.r": 12,
        "annotations": [],
        "xaxis.nticks": 4,
        "xaxis.tickangle": 0,
    }
    margin = {"l": 76, "r": LIST_PX if has_list else 24, "t": 4, "b": 76}
    missing = "a list" if has_list else ""
    return Drawing(_markers(runs, theme), POINTS_PX, margin, layout, phone, missing)


def _markers(runs: pd.DataFrame, theme: Theme) -> list[dict[str, Any]]:
    """Draw a marker per run, a trace per status, the urgent ones on top; at most `MOST_POINTS` runs."""
    looks = {
        "completed": (OTHER_COLOR, "circle", 0.6),
        "running": (theme.accent, "circle", 0.8),
        "interrupted": (theme.wait, "circle-open", 1.0),
        "error": (FAILED_COLOR, "x-thin", 1.0),
    }
    n_of = runs["status"].value_counts()
    urgent_first = runs.sort_values("rank", kind="stable").dropna(subset="created_at")
    traces: list[dict[str, Any]] = []
    for _, own in urgent_first.head(MOST_POINTS).groupby(["rank", "status"], sort=True):
        word = own["status"].iloc[0]
        color, symbol, opacity = looks.get(word, (OTHER_COLOR, "diamond", 0.8))
        edge = {"width": 2 if symbol in ("circle-open", "x-thin") else 0, "color": color}
        # Runs without a wait are spread over their lane, so that points do not hide each other.
        spread = NO_WAIT * np.exp((own.index.to_numpy() * GOLDEN % 1 - 0.5) * 0.9)
        waits = own["wait"].clip(lower=LEAST_WAIT).where(own["wait"] > 0, spread)
        created = own["created_at"].dt.tz_localize(None).astype("datetime64[ms]")
        trace = {
            "type": "scatter",
            "mode": "markers",
            "x": created.astype("int64").tolist(),
            "y": waits.tolist(),
            "name": f"{plain(status(word), 30)} {n_of[word]:,}",
            "marker": {
                "size": 7,
                "color": color,
                "symbol": symbol,
                "opacity": opacity,
                "line": edge,
            },
        }
        traces.insert(0, trace | _hover(own))
    return traces


def _list(runs: pd.DataFrame, theme: Theme) -> list[dict[str, Any]]:
    """List the longest waits and the newest failures right of the points: names, ids, and times."""
    lines: list[tuple[str, str, str]] = []
    blank = (NBSP, NBSP, NBSP)
    for word, (column, least, order) in LISTED.items():
        own = runs[runs["status"] == word]
        if own.empty:
            continue
        state = STATUSES[word]
        head = f"{state} {len(own):,}, {order}"
        lines += [blank] if lines else []
        lines.append((bold(colored(head, getattr(theme, state.color))), NBSP, NBSP))
        n_others = runs["status"].isin([*LISTED]).sum() - len(own)
        most = max(least, MOST_LISTED - n_others)
        first = own.sort_values(column, ascending=False, kind="stable").head(most)
        for run in first.to_dict("records"):
            time = moment(run[column]) if word == "error" else f"{duration(run[column])} so far"
            lines.append((plain(run["business"], NAME), plain(short_id(run["run_id"])), time))
    place = {"xref": "paper", "x": 1, "yref": "paper", "y": 1, "yanchor": "top"}
    columns = (
        (36, "left", theme.text),
        (242, "left", theme.muted),
        (LIST_PX - 16, "right", theme.text),
    )
    return [
        note("<br>".join(words), color, SIZE, xshift=px, xanchor=side, align=side, **place)
        for words, (px, side, color) in zip(zip(*lines, strict=True), columns, strict=False)
    ]


def _band(theme: Theme, sla_h: float | None, corner: str, place: dict[str, Any]) -> list[dict[str, Any]]:
    """Shade the waits beyond the time within which a reviewer should answer."""
    if sla_h is None:
        return []
    label = {
        "text": f"over {sla_h:g} h",
        "font": {"size": SIZE - 0.5, "color": theme.attention},
        "textposition": corner,
    }
    return [SHADE | place | {"fillcolor": faded(theme.wait, 0.1), "label": label}]


def _hover(runs: pd.DataFrame) -> dict[str, Any]:
    """Say of a run's mark: its label, its state, its work and its wait."""
    texts = []
    for run in runs.to_dict("records"):
        label = run_label(run["run_id"], run["business_name"], run["agent_name"])
        wait = f"{duration(run['wait'])} waiting" if run["wait"] > 0 else "no wait"
        lines = [
            bold(plain(label, 80)),
            plain(status(run["status"]), 30),
            f"{duration(run['working_s'])} work, {wait}",
        ]
        texts.append("<br>".join(lines))
    return {"hovertext": texts, "hoverinfo": "text"}
