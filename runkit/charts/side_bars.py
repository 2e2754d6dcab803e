"""Bars to both sides of zero: by how much each kind of step took longer in one of two runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from runkit.charts.labels import plain
from runkit.charts.theme import (
    ACTIVITY,
    CONTAINER,
    ERROR,
    ERROR_OUTLINE,
    LOOKS,
    OUTPUT,
    SIZE,
    WAIT,
    chosen_ground,
    keep_private,
    template,
)
from runkit.text import duration

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_BARS = 15  # with their labels they fill a phone's screen; the table has all
ROW_PX = 38  # a bar and the label over it, which so needs no room beside it
THICK = 14 / ROW_PX  # of a bar, in rows
SHIFT = 0.2  # of a bar below the middle of its row
LABEL = 30  # characters of a step; with its difference it fills a phone's width
EDGE_PX = 12
LEGEND_PX = 24  # a line of the legend
ENTRIES = 2  # in a line, on a phone


def looks_of(steps: pd.DataFrame) -> pd.Series[Any]:
    """How each step is drawn, as a position in `theme.LOOKS`; one that holds others contains."""
    is_wait = (steps["type"] == "interrupt") & steps["resolution"].isna()
    choices = [is_wait, steps["n_children"] > 0, steps["type"] == "error", steps["type"] == "output"]
    conditions = [np.asarray(choice.fillna(False), bool) for choice in choices]
    return pd.Series(np.select(conditions, [WAIT, CONTAINER, ERROR, OUTPUT], ACTIVITY))


def difference_bars(table: pd.DataFrame, looks: Sequence[int], sentence: str) -> Figure:
    """Draw the first rows of a table with `step` and `difference_s`; to the right, B took longer.

    Colours are those of the steps in a timeline; the side and the words over each bar carry the meaning.
    """
    import plotly.graph_objects as go

    keep_private()
    rows = table.head(MOST_BARS)
    rows = rows[rows["difference_s"] != 0]
    seconds, of = rows["difference_s"].tolist(), np.asarray(looks[: len(rows)])
    names = [plain(step, LABEL) for step in rows["step"]]
    says = [f"{'B' if second > 0 else 'A'} longer by {duration(abs(second))}" for second in seconds]
    traces = [
        _trace(look, np.flatnonzero(of == look).tolist(), seconds, names, says) for look in dict.fromkeys(of)
    ]
    most = max(map(abs, seconds))
    below = LEGEND_PX * -(-len(traces) // ENTRIES) + EDGE_PX
    head = [_words("← longer in A", 0, "left", -0.55), _words("longer in B →", 1, "right", -0.55)]
    labels = [
        _words(f"{name} · {said}", 0, "left", place + SHIFT - THICK / 2)
        for place, (name, said) in enumerate(zip(names, says, strict=True))
    ]
    layout = {
        "template": template(chosen_ground()),
        "meta": {"alt": f"Differences of two runs, step by step. {sentence}", "summary": sentence},
        "barmode": "overlay",
        "height": ROW_PX * (len(rows) + 1) + below + EDGE_PX,
        "margin": {"l": EDGE_PX, "r": EDGE_PX, "t": EDGE_PX, "b": below, "pad": 0},
        "xaxis": {
            "range": [-1.02 * most, 1.02 * most],
            "showticklabels": False,
            "showgrid": False,
            "zeroline": True,
            "zerolinecolor": LOOKS[CONTAINER].colour,
            "fixedrange": True,
        },
        "yaxis": {"range": [len(rows) - 0.5, -1.2], "visible": False, "fixedrange": True},
        "annotations": [*head, *labels],
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "traceorder": "normal",
            "x": 0,
            "xref": "container",
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
        },
        "hovermode": "closest",
    }
    return go.Figure(data=traces, layout=layout)


def _trace(
    look: int, places: list[int], seconds: list[float], names: list[str], says: list[str]
) -> dict[str, Any]:
    style = LOOKS[look]
    is_error = look == ERROR
    marker: dict[str, Any] = {
        "color": style.colour,
        "line": {"width": 2, "color": ERROR_OUTLINE} if is_error else {"width": 0},
    }
    if style.hatch:
        marker["pattern"] = {
            "shape": style.hatch,
            "fillmode": "overlay",
            "fgcolor": style.hatch_colour,
            "size": 7,
            "solidity": 0.3,
        }
    return {
        "type": "bar",
        "orientation": "h",
        "name": style.words,
        "x": [seconds[place] for place in places],
        "y": [place + SHIFT for place in places],
        "width": THICK,
        "marker": marker,
        "customdata": [[names[place], says[place]] for place in places],
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{customdata[1]}<extra></extra>",
    }


def _words(text: str, x: float, anchor: str, y: float) -> dict[str, Any]:
    return {
        "text": text,
        "showarrow": False,
        "font": {"size": SIZE},
        "borderpad": 0,
        "xref": "paper",
        "x": x,
        "xanchor": anchor,
        "y": y,
        "yanchor": "bottom",
    }
