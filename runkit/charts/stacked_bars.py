"""Stacked bars from a DataFrame, legible from a phone's width on.

The label of a bar stands above it, so it needs no room beside the bar. Marks have 3:1 on both grounds; what
depends on the ground is in the template.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from runkit.charts.axis import array_ticks
from runkit.charts.labels import note, plain
from runkit.charts.layout import LEGEND_EDGE_PX, LEGEND_PX
from runkit.charts.style import LEGEND, SIZE, Trace, base_layout, chosen_theme, lines
from runkit.style import MISSING, STATUSES
from runkit.text import duration, plural

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_BARS = 20  # beyond, nobody compares bars any more
ROW_PX, BAR_PX = 38, 14
LABEL = 54  # characters of a label with its note, which fit into a phone's plot of 346 px
SHORTEST = 12  # characters of a label before a long note
MOST_TICKS = 5
OK, WORK, WAIT, FAIL, REST = "#1A7F37", "#1F6FEB", "#D97706", "#E03131", "#808080"
BELOW_PX, EDGE_PX = 44, 12  # the ticks and the title of the axis; around the drawing
HATCHES = {WAIT: "/", FAIL: "x"}  # a color alone tells nothing to many readers
LOOKS = {  # of a part of a bar, by its column: the name for people, and the color
    "completed": (str(STATUSES["completed"]), OK),
    "running": (str(STATUSES["running"]), WORK),
    "interrupted": (str(STATUSES["interrupted"]), WAIT),
    "error": (str(STATUSES["error"]), FAIL),
    "other": ("Other status", REST),
    "working_s": ("Working", WORK),
    "waiting_s": ("Waiting", WAIT),
    "idle_s": ("Idle", REST),
    "critical_s": ("On the critical path", WORK),
    "n_answered": ("Answered", OK),
    "n_pending": ("Waiting", WAIT),
    "n_lapsed": ("Expired", REST),
    "n_not_completed": ("Runs that did not complete", FAIL),
    "n_completed": ("Runs that completed", OK),
}


def stacked_bars(
    parts: pd.DataFrame,
    notes: Sequence[str],
    axis: str = "",
    unit: Literal["count", "seconds"] = "count",
) -> Figure | None:
    """Draw one stacked bar for each row of `parts`, from the top down.

    Parameters
    ----------
    parts
        The labels of the bars as index, and a column of `LOOKS` for each part, in the order of the stack.
    notes
        A few words behind each label.
    axis
        The title of the axis.
    unit
        Seconds have no scale: give them as notes.

    Returns
    -------
    Figure or None
        At most `MOST_BARS` bars; the axis says how many are left out. None if no bar has a length.
    """
    if not parts.to_numpy(float).any():
        return None
    if len(parts) > MOST_BARS:
        axis = f"{axis} · {plural(len(parts) - MOST_BARS, 'more bar')} not shown"
    labels, parts = [*map(str, parts.index[:MOST_BARS])], parts.head(MOST_BARS).reset_index(drop=True)
    traces: list[Trace] = []
    starts = parts.cumsum(axis=1) - parts
    for part in parts.columns.astype(str):
        own = parts.loc[parts[part] != 0, part]
        amounts = [f"{n:,.0f}" if unit == "count" else duration(n) for n in own]
        texts = [f"{plain(labels[at])}: {amount}" for at, amount in zip(own.index, amounts, strict=True)]
        if len(own):
            place = {"x": own.tolist(), "base": starts.loc[own.index, part].tolist()}
            traces.append(_bar(part, texts) | place | {"y": (own.index + 0.2).tolist()})
    most = float(parts.sum(axis=1).max())
    ticks = _ticks(most) if unit == "count" else []
    values = {"range": [0.0, most]} | array_ticks(ticks, [f"{tick:,}" for tick in ticks])
    rows = {"range": [len(parts) - 0.4, -0.6], "visible": False}
    words = [  # above the bars; a label is cut so that its note fits
        f"{plain(label, max(LABEL - 3 - len(note), SHORTEST))} · {plain(note)}"
        for label, note in zip(labels, notes, strict=False)
    ]
    y = [at - 0.22 for at in range(len(words))]
    look = {"mode": "text", "textposition": "middle right", "textfont": {"size": SIZE}, "cliponaxis": False}
    traces.append(lines([0.0] * len(y), y, text=words, **look))
    return _figure(traces, values, rows, axis, ROW_PX * len(parts))


def _ticks(most: float) -> list[float]:
    """Return the ticks of a scale of counts."""
    steps = (k * 10**power for power in range(15) for k in (1, 2, 5))
    step = next(step for step in steps if most <= step * MOST_TICKS)
    return [*range(0, int(most) + 1, step)]


def _figure(
    traces: list[Trace], xaxis: dict[str, Any], yaxis: dict[str, Any], axis: str, height: int
) -> Figure:
    """Return a figure with the words of its axis and its legend below."""
    from runkit.charts.figure import RunFigure

    below = BELOW_PX + LEGEND_EDGE_PX + LEGEND_PX * -(-len(traces) // 2)
    margin = {"l": EDGE_PX, "r": 16, "t": EDGE_PX, "b": below}
    theme = chosen_theme()
    place = {"xref": "paper", "x": 0.5, "yref": "paper", "y": 0, "yanchor": "top", "yshift": -20}
    layout = {
        "annotations": [note(axis, theme.muted, SIZE, **place)] if axis else [],
        "barmode": "overlay",
        "dragmode": False,
        "legend": LEGEND | {"y": -BELOW_PX / height},
        "showlegend": True,
        "xaxis": {"fixedrange": True, "tickangle": 0} | xaxis,
        "yaxis": {"fixedrange": True} | yaxis,
    }
    return RunFigure(traces, base_layout(theme, height + below + EDGE_PX, margin) | layout)


def _bar(part: str, texts: list[str]) -> Trace:
    """Return the trace of one part, but for its place."""
    name, color = LOOKS[part]
    pattern = {"fillmode": "overlay", "size": 7, "solidity": 0.25, "fgcolor": "#FFFFFF"}
    return {
        "type": "bar",
        "orientation": "h",
        "width": BAR_PX / ROW_PX,
        "textposition": "none",
        "name": name,
        "marker": {"color": color, "line": {"width": 0}, "pattern": pattern | {"shape": HATCHES.get(color)}},
        "customdata": texts,
        "hovertemplate": f"%{{customdata}}<extra>{name}</extra>",
    }


def cross(rows: pd.Series[Any], parts: Any, columns: list[str]) -> pd.DataFrame:
    """Count rows by a label and a part, the label with most rows first; a missing label is a dash."""
    labels = rows.astype("object").fillna(MISSING).to_numpy()
    counted = pd.crosstab(labels, parts).reindex(columns=columns, fill_value=0)
    return counted.loc[counted.sum(axis=1).sort_values(ascending=False, kind="stable").index]
