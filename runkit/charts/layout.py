"""What stands around the bars: title, axes, legend, bands, folds, the picture behind, and where runs part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.charts import bounded
from runkit.charts.axis import Axis, clock_ticks, relative_ticks
from runkit.charts.labels import plain, width_px, wrapped
from runkit.charts.rows import LETTERS, step_labels
from runkit.charts.style import CONTAINER, LEGEND, chosen_ground, template
from runkit.charts.traces import Picture, Trace, numbers
from runkit.tables.compare import first_difference
from runkit.text import duration, plural

PAD = 0.015  # of the axis, on both sides
WORDS_PAD = 0.14  # on the right, where "still running" stands
LEAST_HEIGHT, MOST_HEIGHT = 220, 900  # of the figure
LINE_PX = 19  # a line of the title
EDGE_PX = 12
BELOW_PX = 64  # axis labels and the axis' title
ENTRIES = 3  # of the legend in a line of a notebook that has the file browser beside it
DATE_PX = 16  # the second line of clock times
FOLD_WORDS_PX = 18  # a line of break marks over the bars
FLAT_FOLDS = 3  # more stand so close that their words must stand upright
UPRIGHT_PX = 84  # of a break mark that stands upright
MOST_TITLE = 1_000  # characters of a line of the title
BAND_SHADE, FOLD_SHADE = "rgba(128,128,128,0.09)", "rgba(128,128,128,0.25)"
FOLD_EDGE = {"width": 2, "dash": "dot", "color": "#808080"}


def layout(
    picture: Picture, data: list[Trace], origin: int | None, title: str | None, lines: list[str]
) -> dict[str, Any]:
    """The figure's layout. `origin`: where an absolute axis starts, in microseconds since 1970."""
    entries = sum(trace.get("showlegend", True) for trace in data)
    below = BELOW_PX + LINE_PX * -(-entries // ENTRIES) + (DATE_PX if origin is not None else 0)
    headed = [*([title] if title is not None else []), *lines]
    text = wrapped(headed)
    words = (FOLD_WORDS_PX if _is_flat(picture.axis) else UPRIGHT_PX) if picture.axis.folds else 0
    top = 28 + LINE_PX * (text.count("<br>") + 1) + words
    sentence = "; ".join(lines)
    labels = max(map(width_px, picture.rows.tick_texts), default=0) + EDGE_PX
    return {
        "template": template(chosen_ground()),
        "title": {
            "text": text,
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 12, "t": 12},
        },
        "meta": {
            "alt": f"Timeline of {plural(picture.scene.n_runs, 'run')}. {sentence}",
            "summary": sentence,
            "title": [plain(line, MOST_TITLE) for line in headed],
        },
        "barmode": "overlay",
        "height": min(max(picture.px + top + below, LEAST_HEIGHT), MOST_HEIGHT),
        "margin": {"l": labels + EDGE_PX, "r": 16, "t": top, "b": below, "pad": 0},
        "xaxis": _xaxis(picture, origin),
        # Labels right of their axis and moved left begin at one line, so that indents can be seen.
        # (`shift` would do it too, and takes the area of the hover along.)
        "yaxis": {
            "range": [picture.rows.n - 0.5, -0.5],
            "fixedrange": True,  # a drag zooms on time; near time 0 it would move the rows out of sight
            "tickmode": "array",
            "tickvals": picture.rows.tick_rows,
            "ticktext": picture.rows.tick_texts,
            "side": "right",
            "anchor": "free",
            "position": 0,
            "ticklabelstandoff": -labels,
            "showgrid": False,
        },
        "legend": LEGEND,
        "hovermode": "closest",
        "shapes": _shapes(picture),
        "annotations": _notes(picture),
        "images": [_image(picture)] if picture.is_bounded else [],
    }


def _xaxis(picture: Picture, origin: int | None) -> dict[str, Any]:
    axis = picture.axis
    if origin is None:
        places, texts = relative_ticks(axis)
        title = "time since the run started" if picture.scene.n_runs == 1 else "time since each run started"
    else:
        places, texts = clock_ticks(axis, pd.Timestamp(origin, unit="us", tz="UTC"), picture.tz)
        title = f"time of day, {plain(picture.tz)}"
    has_words = bool(picture.scene.is_open[picture.chosen].any())
    right = WORDS_PAD if has_words else PAD
    return {
        "range": [axis.start - PAD * axis.length, axis.start + (1 + right) * axis.length],
        "tickmode": "array",
        "tickvals": places.tolist(),
        "ticktext": texts,
        "tickangle": 0,
        "title": {"text": title, "standoff": 6 if origin is None else DATE_PX},
        "showgrid": True,
    }


def _shapes(picture: Picture) -> list[dict[str, Any]]:
    """Every other band shaded, and the folded times marked."""
    bands = [
        {"xref": "paper", "x0": 0, "x1": 1, "y0": top - 0.5, "y1": bottom - 0.5, "fillcolor": BAND_SHADE}
        for top, bottom in picture.rows.bands[1::2]
    ]
    folds = [
        {"yref": "paper", "y0": 0, "y1": 1, "x0": a, "x1": b, "fillcolor": FOLD_SHADE, "line": FOLD_EDGE}
        for a, b in _fold_places(picture.axis)
    ]
    return [{"type": "rect", "layer": "below", "line": {"width": 0}} | shape for shape in bands + folds]


def _notes(picture: Picture) -> list[dict[str, Any]]:
    """What was folded, in words over its break mark; and in words what there is not to see."""
    folds = [
        {
            "text": f"// {duration(to - since)} //",
            "x": (a + b) / 2,
            "yref": "paper",
            "y": 1,
            "yanchor": "bottom",
            "textangle": 0 if _is_flat(picture.axis) else -90,
            "showarrow": False,
        }
        for (since, to), (a, b) in zip(picture.axis.folds, _fold_places(picture.axis), strict=True)
    ]
    return folds + [
        {"text": text, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "showarrow": False}
        for text in _absences(picture)
    ]


def _absences(picture: Picture) -> list[str]:
    scene = picture.scene
    if scene.n_steps:
        return []
    if not scene.is_started.any():
        return ["Not started yet." if scene.n_runs == 1 else "None of the runs has started yet."]
    if not scene.frames.runs["has_steps"].any():
        return ["The steps were not delivered: fetch the run with its steps to see them."]
    return ["There are no steps."]


def _is_flat(axis: Axis) -> bool:
    """Whether the words over the folds have room side by side."""
    return len(axis.folds) <= FLAT_FOLDS


def _fold_places(axis: Axis) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in (axis.at(np.array(fold)) for fold in axis.folds)]


def _image(picture: Picture) -> dict[str, Any]:
    """All steps in one image over axis and rows; a run with a row of its own is a container there."""
    scene, rows = picture.scene, picture.rows
    own = np.flatnonzero((rows.of_run >= 0) & scene.is_started)
    row = np.concatenate([rows.of_step, rows.of_run[own]])
    n_bands = min(rows.n, bounded.BANDS)
    view = bounded.survey(
        np.concatenate([picture.start, picture.run_start[own]]),
        np.concatenate([picture.end, picture.run_end[own]]),
        np.concatenate([scene.look, np.full(len(own), CONTAINER)]),
        np.concatenate([scene.is_error, np.zeros(len(own), np.bool_)]),
        band=row * n_bands // rows.n,
        group=np.concatenate([rows.group, rows.run_group[own]]),
        n_bands=n_bands,
        first=picture.axis.start,
        length=picture.axis.length,
    )
    return {
        "source": bounded.png(bounded.paint(view, max(picture.px // n_bands, bounded.BAND_PX))),
        "xref": "x",
        "yref": "y",
        "x": picture.axis.start,
        "y": -0.5,
        "sizex": picture.axis.length,
        "sizey": rows.n,
        "xanchor": "left",
        "yanchor": "top",
        "sizing": "stretch",
        "layer": "below",
    }


def parting_mark(picture: Picture) -> list[Trace]:
    """A diamond at the first step at which two runs part, in each that has one."""
    scene = picture.scene
    if scene.n_runs != 2:
        return []
    steps = scene.frames.steps
    of_run = [np.flatnonzero(scene.run == number) for number in (0, 1)]
    found = first_difference(*(steps.iloc[at] for at in of_run))
    if found is None:
        return []
    label = step_labels(scene)
    marked = [(run, of_run[run][at]) for run, at in enumerate(found) if at is not None]
    at = np.array([step for _, step in marked])
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": numbers(picture.start[at]),
            "y": numbers(picture.rows.of_step[at]),
            "name": "the runs part here",
            "marker": {"symbol": "diamond", "size": 12, "color": "#F0E442", "line": {"width": 2}},
            "cliponaxis": False,
            "customdata": [[f"{LETTERS[run]} goes on with {plain(label(step))}"] for run, step in marked],
            "hovertemplate": "the runs part here<br>%{customdata[0]}<extra></extra>",
            "legendrank": 140,
        }
    ]
