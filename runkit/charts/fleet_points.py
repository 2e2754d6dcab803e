"""A fleet chart of very many runs: a point each, when it was created and how long it waited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from runkit.charts.fleet_parts import (
    DONE_WAIT,
    ERROR,
    LEAST_WAIT,
    MOST_WAIT,
    ORDER,
    Drawing,
    Fleet,
    hover_texts,
    shaded,
    wait_axis,
)
from runkit.charts.labels import bold, colored, plain
from runkit.charts.style import MONO, note
from runkit.style import STATUSES, status
from runkit.text import duration, short_id

MOST_POINTS = 5_000  # an SVG of more is slow to draw; with labels 5,000 take 0.4 MB
MOST_LISTED = {"interrupted": 13, "error": 7}  # beside the points
LIST_PX = 440  # beside the points
PLOT_PX, HEAD_PX, BELOW_PX = 380, 24, 76  # heights
NO_WAIT = 11.0  # seconds: where runs without a wait are drawn, below every wait
TICKS = {NO_WAIT: "no wait", 60: "1 min", 600: "10 min", 3_600: "1 h", 14_400: "4 h"}
TICKS |= {86_400: "1 d", 864_000: "10 d"}


def draw(fleet: Fleet, has_list: bool) -> Drawing:
    """Draw a point per run: when it was created, and how long it waited."""
    runs = _bounded(fleet.runs[fleet.runs["created_at"].notna()])
    lane = {"xref": "x domain", "x0": 0, "x1": 1, "y0": NO_WAIT * 0.58, "y1": NO_WAIT * 1.75}
    beside = []
    if fleet.sla_h is not None:
        place = {"xref": "x domain", "x": 0, "xshift": 6, "y": float(np.log10(fleet.sla_h * 3_600))}
        text = note(fleet.over_sla, fleet.theme.attention, 11.5, xanchor="left", yanchor="bottom")
        beside = [text | place]
    n_left_out = len(fleet.runs) - len(runs)
    layout = {
        "margin": {"l": 76, "r": LIST_PX if has_list else 24, "t": HEAD_PX, "b": BELOW_PX},
        "xaxis": {"type": "date"},
        "yaxis": wait_axis(NO_WAIT * 0.55, max(runs["wait"].max() * 1.5, MOST_WAIT), 0, TICKS),
        "legend": {"orientation": "h", "x": 0, "y": -0.09, "yanchor": "top"},
        "shapes": [*fleet.sla_band("y"), shaded(fleet.theme.band) | lane],
        "annotations": [*(_listed(fleet) if has_list else []), *beside],
    }
    return Drawing(
        _markers(fleet, runs),
        layout,
        PLOT_PX + HEAD_PX + BELOW_PX,
        {"margin.l": 56, "margin.r": 12, "annotations": beside, "xaxis.nticks": 4, "xaxis.tickangle": 0},
        f"{len(runs):,} of {len(fleet.runs):,} runs drawn" if n_left_out else "",
        "The list of runs that need attention is on wide screens." if has_list else "",
    )


def _markers(fleet: Fleet, runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Draw a marker per run, a trace per status."""
    traces = []
    looks = {
        "completed": (DONE_WAIT, "circle", 0.0, 0.6),
        "running": (fleet.theme.accent, "circle", 0.0, 0.8),
        "interrupted": (fleet.theme.wait, "circle-open", 1.8, 1.0),
        "error": (ERROR, "x-thin", 2.2, 1.0),
    }
    for word in [*ORDER[::-1], *sorted(set(runs["status"]) - set(ORDER))]:
        some = runs[runs["status"] == word]
        if some.empty:
            continue
        color, symbol, width, opacity = looks.get(word, (DONE_WAIT, "diamond", 0.0, 0.8))
        # Spread over the lane by multiples of the golden ratio, so that points do not hide each other.
        spread = NO_WAIT * np.exp((some.index.to_numpy() * 0.618034 % 1 - 0.5) * 0.9)
        local = some["created_at"].dt.tz_convert(fleet.tz).dt.tz_localize(None)
        marker = {"size": 6.5 if symbol == "circle" else 8, "color": color, "symbol": symbol}
        trace = {
            "type": "scatter",
            "mode": "markers",
            "x": local.astype("datetime64[ms]").astype("int64").tolist(),
            "y": np.where(some["wait"].fillna(0) > 0, some["wait"].clip(lower=LEAST_WAIT), spread).tolist(),
            "name": f"{plain(status(word), 30)} {int((fleet.runs['status'] == word).sum()):,}",
            "marker": marker | {"opacity": opacity, "line": {"width": width, "color": color}},
        }
        traces.append(trace | hover_texts(some))
    return traces


def _bounded(runs: pd.DataFrame) -> pd.DataFrame:
    """Choose the runs to draw: those that wait or failed first, then the others evenly."""
    if len(runs) <= MOST_POINTS:
        return runs
    urgent = runs[runs["status"].isin(["interrupted", "error"])].iloc[: MOST_POINTS // 2]
    others = runs.drop(urgent.index)
    places = np.linspace(0, len(others) - 1, MOST_POINTS - len(urgent)).round().astype(int)
    return pd.concat([urgent, others.iloc[places]]).sort_index()


def _listed(fleet: Fleet) -> list[dict[str, Any]]:
    """List the runs that need attention, right of the points: the longest waits, the newest failures."""
    theme, runs = fleet.theme, fleet.runs
    n_of = {word: int((runs["status"] == word).sum()) for word in MOST_LISTED}
    n_shown = sum(min(n, MOST_LISTED[word]) for word, n in n_of.items())
    head = f"{bold('Needs attention')} {colored(f'{n_shown} of {sum(n_of.values()):,}', theme.muted)}"
    notes, down = [_aside(36, -28, head, theme.text, 13)], 0.0
    orders: dict[str, tuple[str, str, Callable[[Any], str]]] = {
        "interrupted": ("longest first", "wait", lambda run: f"{duration(run['wait'])} so far"),
        "error": ("newest first", "created_at", lambda run: fleet.time(run["created_at"])),
    }
    for word, (how, column, words) in orders.items():
        members = runs[runs["status"] == word].sort_values(column, ascending=False, kind="stable")
        if members.empty:
            continue
        head = bold(f"{STATUSES[word]} {len(members):,}, {how}")
        notes.append(_aside(36, down, head, getattr(theme, STATUSES[word].color)))
        for run in members.head(MOST_LISTED[word]).to_dict("records"):
            down += 19
            notes += [
                _aside(36, down, plain(run["business"], 28), theme.text),
                _aside(226, down, plain(short_id(run["run_id"])), theme.muted, 11, MONO),
                _aside(LIST_PX - 16, down, words(run), theme.text) | {"xanchor": "right"},
            ]
        down += 30
    return notes


def _aside(px: float, down: float, text: str, color: str, size: float = 12, family: str = "") -> Any:
    """A text right of the axes, `px` from their edge and `down` from their top."""
    place = {"xref": "paper", "yref": "paper", "x": 1, "y": 1, "xshift": px, "yshift": -down}
    return note(text, color, size, family, xanchor="left", yanchor="middle") | place
