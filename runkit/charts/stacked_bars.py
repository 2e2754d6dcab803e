"""Bars of a few categories, stacked or to both sides of zero: on screens from a phone's width on.

The label of a bar stands above it and says its value, so it needs no room beside the bars: a figure reads at
390 px as it does at 1280 px. Parts of a stack differ by hatch as well as by colour. Marks keep their colours
on both grounds; what depends on the ground stands in the template.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from runkit.charts.axis import relative_ticks, unfolded
from runkit.charts.labels import plain, width_px
from runkit.charts.style import (
    ACTIVITY,
    CONTAINER,
    ERROR,
    ERROR_OUTLINE,
    LEGEND,
    LOOKS,
    OTHER,
    OUTPUT,
    SIZE,
    WAIT,
    Look,
    chosen_ground,
    keep_private,
    template,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_DIFFERENCES = 15  # bars to both sides of zero, which are read one by one
MOST_BARS = 24  # with their labels they fill a screen; more are not compared any more, but looked up
ROW_PX = 38  # a bar and the label over it
THICK = 14 / ROW_PX  # of a bar, in rows
SHIFT = 0.2  # of a bar below the middle of its row, in rows: there is the label's room
TOP = SHIFT - THICK / 2  # of a bar, from the middle of its row
HEADING, ABOVE = 0.7, 0.5  # in rows: what a heading takes, and how far it stands over the label
SIDES = -0.55  # where the words for the two sides of zero stand, in rows
COLUMNS_PX = 260  # height of the area of columns
LABEL, SHORTEST = 30, 12  # characters of a category: at most, and where the value behind it needs room
ROOM_PX = 374  # of both together by `width_px`, which says 8 % more than the 346 px that a phone's plot has
TEXT = 80  # characters in a hover text's line
AXIS_PX = 44  # ticks and title of the axis
EDGE_PX = 12  # around the drawing
LEGEND_PX = 20  # a line of the legend
LEGEND_ENTRIES = 2  # in a line, on a phone
MOST_TICKS = 5  # of a few letters each, on a phone
HATCH = {"fillmode": "overlay", "size": 7, "solidity": 0.3}

# What a mark means is the same in all charts of many runs: green went well, blue is work, pink and hatched
# waits for a person, orange went wrong, grey is the rest.
GOOD = Look("good", LOOKS[OUTPUT].colour)
WORK = Look("working", LOOKS[ACTIVITY].colour)
GOES_ON = Look("running", LOOKS[ACTIVITY].colour, "\\", "#FFFFFF")
WAITS = Look("waiting for a person", *LOOKS[WAIT][1:])
BAD = Look("error", LOOKS[ERROR].colour, "x", "#3D0F00")
NOTHING = Look("idle", LOOKS[CONTAINER].colour)
REST = Look("other", *LOOKS[OTHER][1:])


def marker(look: Look) -> dict[str, Any]:
    """Give plotly's marker of a look. An error is outlined, thicker where no hatch tells it."""
    drawn: dict[str, Any] = {"color": look.colour, "line": {"width": 0}}
    if look.colour == BAD.colour:
        drawn["line"] = {"width": 1 if look.hatch else 2, "color": ERROR_OUTLINE}
    if look.hatch:
        drawn["pattern"] = HATCH | {"shape": look.hatch, "fgcolor": look.hatch_colour}
    return drawn


class Bar(NamedTuple):
    """One bar: its category, a note on it, and the length and hover text of each part of its stack.

    `heading` stands over the bar when a group of bars begins with it.
    """

    label: str
    note: str
    lengths: Sequence[float]
    hovers: Sequence[str]
    heading: str = ""


def bars(
    looks: Sequence[Look],
    rows: Sequence[Bar],
    *,
    axis: str,
    sentence: str,
    about: str,
    unit: Literal["count", "percent", "seconds"] = "count",
) -> Figure:
    """Draw horizontal stacked bars, from the top down.

    `looks` are of the parts; a part without length anywhere is left out of the legend. `axis` names the
    axis, `about` and `sentence` are the alt text.
    """
    places = _places(rows)
    longest = max((sum(row.lengths) for row in rows), default=0)
    rows_high = places[-1] + 1.1
    headings = [
        _words(f"<b>{plain(row.heading)}</b>", place + TOP - ABOVE)
        for row, place in zip(rows, places, strict=True)
        if row.heading
    ]
    xaxis = _value_axis(longest, unit) | {"title": {"text": axis, "standoff": 6}}
    yaxis = {"range": [rows_high - 0.5, -0.5], "visible": False, "fixedrange": True}
    return _figure(
        _traces(looks, rows, places),
        {"xaxis": xaxis, "yaxis": yaxis, "annotations": _labels(rows, places) + headings},
        round(rows_high * ROW_PX),
        f"{about}. {sentence}",
        sentence,
    )


def differences(looks: Sequence[Look], rows: Sequence[Bar], *, sentence: str, about: str) -> Figure:
    """Draw bars to both sides of zero, from the top down: to the right, B took longer than A.

    Each of `rows` has one length that is not zero; it may be below zero.
    """
    places = _places(rows)
    most = max(abs(length) for row in rows for length in row.lengths)
    # Zero is marked beside the bars and not between them, where the line would run through their labels.
    zero = " ".join(f"M 0,{place + TOP} L 0,{place + TOP + THICK}" for place in places)
    line = {"width": 1, "color": LOOKS[CONTAINER].colour}
    sides = [_words("← longer in A", SIDES), _words("longer in B →", SIDES, "right")]
    axis = {"visible": False, "fixedrange": True}
    drawn = {
        "xaxis": axis | {"range": [-1.02 * most, 1.02 * most]},
        "yaxis": axis | {"range": [len(rows) - 0.5, -1.2]},
        "annotations": sides + _labels(rows, places),
        "shapes": [{"type": "path", "path": zero, "layer": "below", "line": line}],
    }
    px = ROW_PX * (len(rows) + 1)
    traces = _traces(looks, rows, places)
    return _figure(traces, drawn, px, f"{about}. {sentence}", sentence, axis_px=EDGE_PX, has_legend=True)


def columns(
    looks: Sequence[Look],
    texts: Sequence[str],
    parts: Sequence[Sequence[float]],
    hovers: Sequence[str],
    *,
    axis: str,
    sentence: str,
    about: str,
) -> Figure:
    """Draw stacked columns from left to right, for numbers over time.

    `parts[p][c]` is the length of part p of column c, `texts[c]` its tick text (ours, may hold a `<br>`), of
    which as many are shown as a phone has room for, `hovers[c]` its hover text.
    """
    places = list(range(len(texts)))
    traces = []
    for look, lengths in zip(looks, parts, strict=True):
        has = [place for place in places if lengths[place]]  # as in bars, an outline is drawn of nothing too
        trace = {
            "type": "bar",
            "name": look.words,
            "x": has,
            "y": [float(lengths[place]) for place in has],
            "width": 0.8,
            "marker": marker(look),
            "customdata": [_hover(hovers[place], look.words) for place in has],
            "hovertemplate": "%{customdata}: %{y:,}<extra></extra>",
        }
        traces += [trace] if has else []
    highest = max((sum(lengths) for lengths in zip(*parts, strict=True)), default=0)
    shown = places[:: -(-len(places) // MOST_TICKS)]
    xaxis = {
        "range": [-0.6, len(places) - 0.4],
        "tickmode": "array",
        "tickvals": shown,
        "ticktext": [texts[place] for place in shown],
        "tickangle": 0,
        "showgrid": False,
    }
    yaxis = _value_axis(highest, "count") | {"title": {"text": axis}, "automargin": True, "fixedrange": True}
    return _figure(traces, {"xaxis": xaxis, "yaxis": yaxis}, COLUMNS_PX, f"{about}. {sentence}", sentence)


def _places(rows: Sequence[Bar]) -> list[float]:
    """The row of each bar; a heading takes most of a row."""
    places, place = [], -1.0
    for row in rows:
        place += 1 + HEADING if row.heading else 1.0
        places.append(place)
    return places


def _traces(looks: Sequence[Look], rows: Sequence[Bar], places: Sequence[float]) -> list[dict[str, Any]]:
    traces = []
    for part, look in enumerate(looks):
        # of a bar without length the outline would be drawn
        has = [(row, place) for row, place in zip(rows, places, strict=True) if row.lengths[part]]
        trace = {
            "type": "bar",
            "orientation": "h",
            "name": look.words,
            "x": [float(row.lengths[part]) for row, _ in has],
            "y": [place + SHIFT for _, place in has],
            "width": THICK,
            "marker": marker(look),
            "customdata": [_hover(row.label, row.hovers[part]) for row, _ in has],
            "hovertemplate": "%{customdata}<extra></extra>",
        }
        traces += [trace] if has else []
    return traces


def _labels(rows: Sequence[Bar], places: Sequence[float]) -> list[dict[str, Any]]:
    return [_words(_label(row), place + TOP) for row, place in zip(rows, places, strict=True)]


def _label(row: Bar) -> str:
    """Say the category and the note; the category is cut so that both fit into a phone's plot."""
    note = f" · {plain(row.note)}" if row.note else ""
    fits = (
        limit for limit in range(LABEL, SHORTEST, -1) if width_px(plain(row.label, limit) + note) <= ROOM_PX
    )
    return plain(row.label, next(fits, SHORTEST)) + note


def _words(text: str, y: float, side: Literal["left", "right"] = "left") -> dict[str, Any]:
    """Words that stand on `y`, from an edge on."""
    at = {"xref": "paper", "x": int(side == "right"), "xanchor": side, "y": y, "yanchor": "bottom"}
    return {"text": text, "showarrow": False, "font": {"size": SIZE}, "borderpad": 0} | at


def _hover(label: str, text: str) -> str:
    return f"<b>{plain(label)}</b><br>{plain(text, TEXT)}"


def _value_axis(most: float, unit: str) -> dict[str, Any]:
    """An axis from 0 to a little more than `most`, with few ticks."""
    most = most or 1
    axis: dict[str, Any] = {"range": [0, most * 1.02], "showgrid": True, "tickangle": 0}
    if unit == "seconds":
        places, texts = relative_ticks(unfolded(0, most))
        every = -(-len(texts) // MOST_TICKS)
        return axis | {"tickmode": "array", "tickvals": places.tolist()[::every], "ticktext": texts[::every]}
    if unit == "percent":
        return axis | {"tickvals": [0, 25, 50, 75, 100], "ticksuffix": " %"}
    return axis | ({"dtick": 1} if most <= MOST_TICKS else {"nticks": MOST_TICKS}) | {"tickformat": ",d"}


def _figure(
    traces: list[dict[str, Any]],
    drawn: dict[str, Any],
    px: int,
    alt: str,
    sentence: str,
    *,
    axis_px: int = AXIS_PX,
    has_legend: bool = False,
) -> Figure:
    """Put traces into a figure with an area of `px`; more than one of them have a legend in any case."""
    import plotly.graph_objects as go

    keep_private()
    has_legend |= len(traces) > 1
    below = axis_px + (LEGEND_PX * -(-len(traces) // LEGEND_ENTRIES) if has_legend else 0)
    layout = drawn | {
        "template": template(chosen_ground()),
        "meta": {"alt": alt, "summary": sentence},
        "barmode": "stack",
        "height": px + below + EDGE_PX,
        "margin": {"l": EDGE_PX, "r": EDGE_PX + 4, "t": EDGE_PX, "b": below, "pad": 0},
        "showlegend": has_legend,
        "legend": LEGEND | {"traceorder": "normal"},
        "hovermode": "closest",
    }
    return go.Figure(data=traces, layout=layout)
