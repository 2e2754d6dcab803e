"""Many runs in one figure: a row for each of up to 150 runs, beyond that a point for each.

The rows show agent work on a linear scale and waiting on a log scale, because waits last from seconds to
weeks. The points show when each run was created and how long it waited, so that questions that nobody
answers stand out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from runkit.charts.heading import heading_of
from runkit.charts.labels import bold, colored, plain, width_px
from runkit.charts.layout import figure_layout, title_px
from runkit.charts.style import chosen_theme, faded, keep_private, note
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
ROW_PX, HEAD_PX, POINTS_PX, EDGE_PX = 20, 46, 480, 14  # heights
RIGHT_PX, LIST_PX, PHONE_PX = 190, 460, 132  # status and confidence; the list; names on a phone
NAME, PHONE_NAME = 28, 16  # characters
LEAST_WAIT, NO_WAIT = 30.0, 11.0  # seconds: where lines begin, and where runs without a wait are drawn
TEXT_SHARE = 0.5  # of the scale of waits, for the words at the end of the longest one
TICKS = {60: "1 min", 600: "10 min", 3_600: "1 h", 14_400: "4 h", 86_400: "1 d", 864_000: "10 d"}
LISTED = {"interrupted": ("wait", 13, "longest first"), "error": ("created_at", 7, "newest first")}
PHONE_TICKS = (60, 3_600, 86_400)
NBSP = "\u00a0"  # plotly leaves out empty lines
BARS = {"type": "bar", "orientation": "h", "showlegend": False}
SHADE = {"type": "rect", "line": {"width": 0}, "layer": "below"}
Drawing = tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]  # data, layout, changes on a phone


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
        For an `sla_h` that cannot be used.
    """
    import plotly.graph_objects as go

    if sla_h is not None and not (isinstance(sla_h, int | float) and 0 < sla_h < float("inf")):
        raise UsageError(f"sla_h={sla_h!r} cannot be used; expected a positive number of hours, or None.")
    keep_private()
    runs, theme = _runs(f, sort, tz), chosen_theme()
    is_rows = len(runs) <= MOST_ROWS
    created = runs["created_at"].agg(["min", "max"]).dropna().map(moment).unique()
    since = f" · {' to '.join(created)}" if len(created) else ""
    words = [[(title or plural(len(runs), "run"), "text+"), (since, "muted")]]
    if counts := _counts(runs, sla_h):
        words.append([(counts, "muted")])
    if len(runs) > MOST_POINTS:
        words.append([(f"{MOST_POINTS:,} of {len(runs):,} runs drawn, the most urgent first", "muted")])
    drawing = _rows(runs, theme, group, sla_h) if is_rows else _points(runs, theme, sla_h, has_list)
    data, drawn, phone = drawing
    missing = "the work" if is_rows else "a list" * has_list
    heading = heading_of(words, theme, f"A wide screen shows {missing}, too." if missing else "")
    layout = figure_layout(theme, heading, drawn.pop("height"), 0)
    layout["meta"] |= {"narrow": {"layout": phone, "hidden": [0] if is_rows else []}}
    drawn["margin"]["t"] += title_px(heading)
    return go.Figure(data, layout | drawn)


def _runs(f: Frames, sort: str, tz: str) -> pd.DataFrame:
    """Give the runs in order, with what is drawn of them."""
    status_of = f.runs["status"].astype(object).fillna("unknown")
    is_open = status_of == "interrupted"
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].groupby("run_id")["wait_s"].max()
    runs = f.runs.assign(
        status=status_of,
        rank=status_of.map(dict(zip(ORDER, range(4), strict=True))).fillna(len(ORDER)),
        wait=f.runs["run_id"].map(pending).where(is_open).fillna(f.runs["waiting_s"]),
        business=f.runs["business_name"].fillna(f.runs["agent_name"]).fillna(f.runs["agent"]),
        created_at=f.runs["created_at"].dt.tz_convert(tz),
    )
    newest = runs["created_at"].rank(ascending=False, na_option="bottom")
    longest = newest.where(status_of == "error", -runs["wait"].fillna(0))
    keys = {
        "time": [newest],
        "duration": [-runs["duration_s"].fillna(-1)],
        "attention": [-runs["working_s"].fillna(0), longest, runs["rank"]],
    }
    return runs.iloc[np.lexsort(keys[sort])].reset_index(drop=True)


def _counts(runs: pd.DataFrame, sla_h: float | None) -> str:
    """Say what stands out, in numbers."""
    own = {word: runs[runs["status"] == word] for word in ORDER}
    waits, work = own["interrupted"]["wait"], own["completed"]["working_s"].dropna()
    n_over = (waits > sla_h * 3_600).sum() if sla_h else 0
    parts = {
        f"{len(waits):,} waiting, oldest {duration(waits.max())}": len(waits),
        f"{n_over:,} over SLA ({sla_h or 0:g} h)": n_over,
        f"{len(own['error']):,} failed": len(own["error"]),
        f"{len(own['running']):,} running": len(own["running"]),
        f"median work {duration(work.median())}": len(work),
    }
    return " · ".join(words for words, n in parts.items() if n)


def _rows(runs: pd.DataFrame, theme: Theme, group: str | None, sla_h: float | None) -> Drawing:
    """Draw a row per run, in groups with a heading: work on a linear scale, waiting on a log scale."""
    heads, runs = _placed(runs, group, theme)
    labels = [_labels(run, theme) for run in runs.to_dict("records")]
    names, phone_names, states, icons = map(list, zip(*labels, strict=True))
    labels_px, last = max(map(width_px, names)), runs["y"].max()
    low, high = np.log10([LEAST_WAIT, max(86_400.0, runs["wait"].max())]).tolist()
    top = {"side": "top", "tickangle": 0, "fixedrange": True}
    rows = {"range": [last + 0.7, -0.7], "showgrid": False, "fixedrange": True, "side": "right"}
    rows["tickfont"] = {"size": 12, "color": theme.text}
    # Labels right of their axis and moved left begin at one line.
    left: dict[str, Any] = {"anchor": "free", "position": 0, "ticklabelstandoff": -labels_px}
    left |= {"tickvals": [*heads, *runs["y"]], "ticktext": [*heads.values(), *names]}
    right: dict[str, Any] = {"anchor": "x2", "tickvals": runs["y"].tolist(), "ticktext": states}
    work: dict[str, Any] = {"domain": [0, 0.4], "range": [0, max(1.0, runs["working_s"].max()) * 1.6]}
    work |= {"title": {"text": "Agent work"}, "tickvals": [0], "ticktext": ["0"]}
    waits: dict[str, Any] = {"domain": [0.44, 1], "range": [low, low + (high - low) / (1 - TEXT_SHARE)]}
    waits |= {"title": {"text": "Waiting for a reviewer (log scale)"}, "type": "log", "anchor": "y2"}
    band = {"xref": "x2", "yref": "y2 domain", "x0": (sla_h or 0) * 3_600, "x1": 1e20, "y0": 0, "y1": 1}
    layout = {
        "height": int(ROW_PX * (last + 1.4)) + HEAD_PX + EDGE_PX,
        "margin": {"l": labels_px + 16, "r": RIGHT_PX, "t": HEAD_PX, "b": EDGE_PX},
        "shapes": _band(theme, sla_h, "top left", band),
        "xaxis": work | top,
        "xaxis2": waits | top | {"tickvals": [*TICKS], "ticktext": [*TICKS.values()]},
        "yaxis": rows | left,
        "yaxis2": rows | right | {"ticklabelstandoff": 8},
    }
    phone: dict[str, Any] = {"margin.l": PHONE_PX, "margin.r": 36, "xaxis.visible": False}
    phone |= {
        "xaxis.domain": [0, 0.001],
        "xaxis2.domain": [0.001, 1],
        "yaxis.ticklabelstandoff": 8 - PHONE_PX,
    }
    phone |= {"yaxis.ticktext": [*heads.values(), *phone_names], "yaxis2.ticktext": icons}
    phone |= {"xaxis2.tickvals": [*PHONE_TICKS], "xaxis2.ticktext": [TICKS[at] for at in PHONE_TICKS]}
    return [_work(runs, theme), *_waits(runs, theme)], layout, phone


def _labels(run: dict[Any, Any], theme: Theme) -> tuple[str, str, str, str]:
    """Name a run, on a phone too, and give its status, with its confidence or as an icon."""
    look, sure = status(run["status"]), run["confidence"]
    color = getattr(theme, look.color)
    state = bold(colored(plain(look, 20), color))
    if isinstance(sure, str):
        shade = getattr(theme, CONFIDENCE_COLORS.get(sure, "muted"))
        state += f" · {colored(plain(sure.capitalize(), 14), shade)}"
    name = f"{plain(run['business'], NAME)} {colored(plain(short_id(run['run_id'])), theme.muted)}"
    return name, plain(run["business"], PHONE_NAME), state, colored(look.icon, color)


def _placed(runs: pd.DataFrame, group: str | None, theme: Theme) -> tuple[dict[float, str], pd.DataFrame]:
    """Put runs into groups: the headings by their row, and the runs with their row as `y`."""
    if group is None:
        return {}, runs.assign(y=np.arange(len(runs), dtype=float))
    key = runs[{"agent": "agent_name"}.get(group, group)].astype(object).fillna("Unknown")
    order = key.map(runs["rank"].groupby(key).min()) if group == "status" else -key.map(key.value_counts())
    runs = runs.assign(key=key).iloc[np.lexsort([key.rank(method="dense"), order])]
    number, words = pd.factorize(runs["key"])
    runs = runs.assign(y=np.arange(len(runs)) + 1.35 * number + 1.05)
    n_of, heads = runs["key"].value_counts(), {}
    for word, first in zip(words, runs.groupby(number)["y"].min() - 1.05, strict=True):
        look = status(word) if group == "status" else None
        color = getattr(theme, look.color) if look else theme.text
        heads[first] = f"{bold(colored(plain(look or word, 40), color))} {n_of[word]:,}"
    return heads, runs


def _work(runs: pd.DataFrame, theme: Theme) -> dict[str, Any]:
    """Draw agent work: bars with their duration."""
    runs = runs[runs["working_s"].notna()]
    is_open, usual = runs["status"] == "running", AGENT_COLORS[0]
    color = np.where(runs["status"] == "error", FAILED_COLOR, np.where(is_open, theme.line, usual))
    marker = {"color": color.tolist(), "line": {"color": usual, "width": is_open.astype(float).tolist()}}
    bars = {"x": runs["working_s"].tolist(), "width": 0.6, "marker": marker | {"cornerradius": 3}}
    texts = _texts(runs["working_s"], is_open, theme) | {"textposition": "outside"}
    return BARS | bars | {"y": runs["y"].tolist()} | texts | _hover(runs)


def _waits(runs: pd.DataFrame, theme: Theme) -> list[dict[str, Any]]:
    """Draw waits: a line with a dot, open while a question is pending."""
    runs = runs[runs["wait"] > 0]
    is_open, ends = runs["status"] == "interrupted", runs["wait"].clip(lower=LEAST_WAIT)
    color = np.where(is_open, theme.wait, OTHER_COLOR).tolist()
    fill = np.where(is_open, theme.ground, OTHER_COLOR).tolist()
    axes = {"xaxis": "x2", "yaxis": "y2", "y": runs["y"].tolist()}
    lines = {
        "base": [LEAST_WAIT] * len(runs),
        "x": (ends - LEAST_WAIT).tolist(),
        "width": 0.1,
        "marker": {"color": color},
    }
    dots: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers+text",
        "x": ends.tolist(),
        "textposition": "middle right",
    }
    dots["marker"] = {"size": 9, "color": fill, "line": {"width": 2, "color": color}}
    texts = _texts(runs["wait"], is_open, theme)
    return [BARS | lines | axes | {"hoverinfo": "skip"}, dots | axes | texts | _hover(runs)]


def _texts(seconds: pd.Series[float], is_open: pd.Series[bool], theme: Theme) -> dict[str, Any]:
    """Write a duration at each mark."""
    texts = [f"  {duration(s)}{' so far' * more}" for s, more in zip(seconds, is_open, strict=True)]
    font = {"size": 11, "color": theme.text}
    return {"text": texts, "textfont": font, "cliponaxis": False, "showlegend": False}


def _points(runs: pd.DataFrame, theme: Theme, sla_h: float | None, has_list: bool) -> Drawing:
    """Draw a point per run: when it was created, and how long it waited."""
    lane = {"xref": "x domain", "x0": 0, "x1": 1, "yref": "y", "y0": NO_WAIT * 0.58, "y1": NO_WAIT * 1.75}
    band = {"xref": "x domain", "yref": "y", "x0": 0, "x1": 1, "y0": (sla_h or 0) * 3_600, "y1": 1e20}
    ticks, most = {NO_WAIT: "no wait"} | TICKS, max(30 * 86_400, runs["wait"].max() * 1.5)
    waits = {"type": "log", "range": np.log10([NO_WAIT * 0.55, most]).tolist(), "fixedrange": True}
    layout = {
        "height": POINTS_PX,
        "margin": {"l": 76, "r": LIST_PX if has_list else 24, "t": 24, "b": 76},
        "xaxis": {"type": "date"},
        "yaxis": waits | {"tickvals": [*ticks], "ticktext": [*ticks.values()]},
        "legend": {"orientation": "h", "x": 0, "y": -0.09, "yanchor": "top"},
        "shapes": [*_band(theme, sla_h, "bottom left", band), SHADE | lane | {"fillcolor": theme.band}],
        "annotations": _list(runs, theme) if has_list else [],
    }
    phone = {"margin.l": 56, "margin.r": 12, "annotations": [], "xaxis.nticks": 4, "xaxis.tickangle": 0}
    urgent_first = runs.iloc[np.argsort(runs["rank"], kind="stable")].dropna(subset="created_at")
    return _markers(urgent_first.head(MOST_POINTS), runs, theme), layout, phone


def _markers(drawn: pd.DataFrame, runs: pd.DataFrame, theme: Theme) -> list[dict[str, Any]]:
    """Draw a marker per run, a trace per status, the urgent ones on top."""
    looks = {
        "completed": (OTHER_COLOR, "circle", 0.6),
        "running": (theme.accent, "circle", 0.8),
        "interrupted": (theme.wait, "circle-open", 1.0),
        "error": (FAILED_COLOR, "x-thin", 1.0),
    }
    n_of = runs["status"].value_counts()
    traces: list[dict[str, Any]] = []
    for _, some in drawn.groupby(["rank", "status"], sort=True):
        word = some["status"].iloc[0]
        color, symbol, opacity = looks.get(word, (OTHER_COLOR, "diamond", 0.8))
        # Spread over the lane by multiples of the golden ratio, so that points do not hide each other.
        spread = NO_WAIT * np.exp((some.index.to_numpy() * 0.618034 % 1 - 0.5) * 0.9)
        waited = some["wait"].clip(lower=LEAST_WAIT)
        edge = {"width": 2 if symbol in ("circle-open", "x-thin") else 0, "color": color}
        marker = {"size": 7, "color": color, "symbol": symbol, "opacity": opacity, "line": edge}
        trace = {
            "type": "scatter",
            "mode": "markers",
            "x": some["created_at"].dt.tz_localize(None).astype("datetime64[ms]").astype("int64").tolist(),
            "y": waited.where(some["wait"] > 0, spread).tolist(),
            "name": f"{plain(status(word), 30)} {n_of[word]:,}",
            "marker": marker,
        }
        traces.insert(0, trace | _hover(some))
    return traces


def _list(runs: pd.DataFrame, theme: Theme) -> list[dict[str, Any]]:
    """List the longest waits and the newest failures right of the points: names, ids, and times."""
    lines = []
    for word, (column, most, order) in LISTED.items():
        own = runs[runs["status"] == word].sort_values(column, ascending=False, kind="stable")
        color = getattr(theme, STATUSES[word].color)
        if len(own):
            lines.append((bold(colored(f"{STATUSES[word]} {len(own):,}, {order}", color)), NBSP, NBSP))
        for run in own.head(most).to_dict("records"):
            time = moment(run[column]) if word == "error" else f"{duration(run[column])} so far"
            lines.append((plain(run["business"], NAME), plain(short_id(run["run_id"])), time))
    place: dict[str, Any] = {"xref": "paper", "x": 1, "yref": "paper", "y": 1, "yanchor": "top"}
    columns = [(36, "left", theme.text), (242, "left", theme.muted), (LIST_PX - 16, "right", theme.text)]
    return [
        note("<br>".join(words), color, 12, xshift=px, xanchor=side, align=side, **place)
        for words, (px, side, color) in zip(zip(*lines, strict=True), columns, strict=bool(lines))
    ]


def _band(theme: Theme, sla_h: float | None, corner: str, place: dict[str, Any]) -> list[dict[str, Any]]:
    """Shade the waits beyond the time within which a reviewer should answer."""
    label = {"text": f"over SLA ({sla_h or 0:g} h)", "font": {"size": 11.5, "color": theme.attention}}
    shade = SHADE | {"fillcolor": faded(theme.wait, 0.1), "label": label | {"textposition": corner}}
    return [shade | place] if sla_h else []


def _hover(runs: pd.DataFrame) -> dict[str, Any]:
    """Say of a run's mark: its label, its state, its work and its wait."""
    texts = []
    for run in runs.to_dict("records"):
        label = run_label(run["run_id"], run["business_name"], run["agent_name"])
        wait = f"{duration(run['wait'])} waiting" if run["wait"] > 0 else "no wait"
        lines = [bold(plain(label, 80)), plain(status(run["status"]), 30)]
        texts.append("<br>".join([*lines, f"{duration(run['working_s'])} work, {wait}"]))
    return {"hovertext": texts, "hoverinfo": "text"}
