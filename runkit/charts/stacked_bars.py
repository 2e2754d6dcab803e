"""Stacked bars from a DataFrame, legible from a phone's width on.

The label of a bar stands above it, so it needs no room beside the bar. Marks have 3:1 on both grounds; what
depends on the ground is in the template.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from runkit.charts.labels import plain
from runkit.charts.style import LEGEND, SIZE, chosen_theme, keep_private, template
from runkit.style import MISSING
from runkit.text import duration, plural

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_BARS = 20  # beyond, nobody compares bars any more; the rest is one bar
ROW_PX, BAR_PX, COLUMNS_PX = 38, 14, 260
LABEL = 54  # characters of a label with its note, which fit into a phone's plot of 346 px
SHORTEST = 12  # characters of a label before a long note
TICKS = 5
TIME_STEPS = (1, 5, 10, 30, 60, 300, 900, 1800, 3600, 14_400, 43_200, 86_400, 604_800, 2_592_000, 31_536_000)
OK, WORK, ATTENTION, WAIT, FAIL, REST = "#1A7F37", "#1F6FEB", "#B26A00", "#D97706", "#E03131", "#808080"
HATCH = {"fillmode": "overlay", "size": 7, "solidity": 0.25, "fgcolor": "#FFFFFF"}
HATCHES = {WAIT: "/", FAIL: "x"}  # a color alone tells nothing to many readers


def stacked_bars(
    parts: pd.DataFrame,
    colors: Mapping[str, str],
    *,
    alt: str,
    notes: Sequence[str] = (),
    axis: str = "",
    unit: Literal["count", "percent", "seconds"] = "count",
    is_vertical: bool = False,
) -> Figure | None:
    """Draw one stacked bar for each row of `parts`, from the top down or from left to right.

    Parameters
    ----------
    parts
        A column for each part of a bar, in the order of the stack; the index has the labels of the bars.
        Lengths below zero go to the other side.
    colors
        The color of each part, by its column.
    alt
        The sentence of the panel; it is the alt text.
    notes
        A few words behind each label.
    axis
        The title of the axis.
    unit
        `percent` draws each bar as shares of itself.
    is_vertical
        Draw columns, for numbers over time; all of them, without notes.

    Returns
    -------
    Figure or None
        Bars beyond `MOST_BARS` are added up in one. None if no bar has a length.
    """
    import plotly.graph_objects as go

    if not parts.to_numpy(float).any():
        return None
    keep_private()
    labels, notes = [str(label) for label in parts.index], notes or [""] * len(parts)
    n_more = 0 if is_vertical else max(len(parts) - MOST_BARS, 0)
    if n_more:
        parts = pd.concat([parts.head(MOST_BARS), parts.iloc[MOST_BARS:].sum().to_frame().T])
        labels, notes = [*labels[:MOST_BARS], plural(n_more, "other")], [*notes[:MOST_BARS], ""]
    parts = parts.set_axis(range(len(parts)))
    lengths = parts.div(parts.sum(axis=1).where(lambda whole: whole > 0, 1), axis=0) * 100
    lengths = lengths if unit == "percent" else parts
    least, most = _range(lengths)
    values = {"range": [least, most], "fixedrange": True, "title": {"text": axis, "standoff": 6}}
    values |= _ticks(least, most, unit)
    show = "{:,.0f}".format if unit == "count" else lambda seconds: duration(abs(seconds))
    traces: list[Any] = [
        _bars(part, labels, [*map(show, parts[part])], lengths[part], color)
        for part, color in colors.items()
        if lengths[part].any()
    ]
    if is_vertical:
        every = list(range(0, len(parts), -(-len(parts) // TICKS) or 1))
        places = {"tickvals": every, "ticktext": [labels[at] for at in every], "showgrid": False}
        across = places | {"fixedrange": True, "tickangle": 0}
        upright = {"orientation": "v", "width": 0.8}
        traces = [bar | upright | {"x": [at - 0.2 for at in bar["y"]], "y": bar["x"]} for bar in traces]
        layout: dict[str, Any] = {"xaxis": across, "yaxis": values | {"automargin": True}}
    else:
        traces.append(_labels(labels, notes, least))
        rows = {"range": [len(parts) - 0.4, -0.6], "visible": False, "fixedrange": True}
        layout = {"xaxis": values, "yaxis": rows}
    height = COLUMNS_PX if is_vertical else ROW_PX * len(parts)
    below = 44 + 20 * -(-len(traces) // 2)
    layout |= {
        "template": template(chosen_theme()),
        "meta": {"alt": alt, "summary": alt},
        "barmode": "relative",
        "height": height + below + 12,
        "margin": {"l": 12, "r": 16, "t": 12, "b": below, "pad": 0},
        "legend": LEGEND | {"traceorder": "normal"},
        "showlegend": True,
        "hovermode": "closest",
        "dragmode": False,
    }
    return go.Figure(traces, layout)


def _bars(
    part: str, labels: list[str], amounts: list[str], lengths: pd.Series[float], color: str
) -> dict[str, Any]:
    """Give the trace of one part; a bar without length would have its outline drawn."""
    has = lengths[lengths != 0]
    pattern = HATCH | {"shape": HATCHES.get(color, "")}
    return {
        "type": "bar",
        "orientation": "h",
        "name": plain(part),
        "x": [float(length) for length in has],
        "y": [at + 0.2 for at in has.index],
        "width": BAR_PX / ROW_PX,
        "marker": {"color": color, "line": {"width": 0}, "pattern": pattern},
        "customdata": [f"{plain(labels[at])}: {amounts[at]}" for at in has.index],
        "hovertemplate": f"%{{customdata}}<extra>{plain(part)}</extra>",
    }


def _labels(labels: list[str], notes: Sequence[str], least: float) -> dict[str, Any]:
    """Give one trace with the words above the bars; a label is cut so that its note fits."""
    notes = [f" · {plain(note)}" if note else "" for note in notes]
    words = [
        plain(label, max(LABEL - len(note), SHORTEST)) + note
        for label, note in zip(labels, notes, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "text",
        "x": [least] * len(words),
        "y": [at - 0.22 for at in range(len(words))],
        "text": words,
        "textposition": "middle right",
        "textfont": {"size": SIZE},
        "cliponaxis": False,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _range(lengths: pd.DataFrame) -> tuple[float, float]:
    """Give the ends of the axis: from zero on, or as far to the left as to the right."""
    most = float(lengths.clip(lower=0).sum(axis=1).max()) if len(lengths) else 0.0
    least = float(lengths.clip(upper=0).sum(axis=1).min()) if len(lengths) else 0.0
    most = max(most, -least) or 1.0
    return (-most * 1.02 if least < 0 else 0.0), most * 1.02


def _ticks(least: float, most: float, unit: str) -> dict[str, Any]:
    if unit == "percent":
        return {"tickvals": [0, 25, 50, 75, 100], "ticktext": ["0%", "25%", "50%", "75%", "100%"]}
    if unit == "count":
        return ({"dtick": 1} if most <= TICKS else {"nticks": TICKS}) | {"tickformat": ",d", "tickangle": 0}
    span = most - least
    step = next((step for step in TIME_STEPS if span / step <= TICKS), span / TICKS)
    places = [step * at for at in range(int(least / step), int(most / step) + 1)]
    return {"tickvals": places, "ticktext": [duration(abs(at)) for at in places], "tickangle": 0}


def cross(rows: pd.Series[Any], parts: Any, order: Iterable[str]) -> pd.DataFrame:
    """Count rows by a label and a part, the label with most rows first; a missing label is a dash."""
    labels = rows.astype("object").fillna(MISSING).to_numpy()
    counted = pd.crosstab(labels, parts).reindex(columns=list(order), fill_value=0)
    return counted.loc[counted.sum(axis=1).sort_values(ascending=False, kind="stable").index]
