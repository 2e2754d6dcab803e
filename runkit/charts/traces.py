"""The parts of the figure: traces, shapes and notes, as plain dicts of plotly's names.

One bar trace per look, on numeric axes, with typed arrays: plotly turns a numpy array given as a bar's `base`
into text.
"""

from __future__ import annotations

import base64
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts.axis import PLOT_PX, Axis, elapsed
from runkit.charts.labels import plain, thin
from runkit.charts.rows import Rows, run_names, step_labels
from runkit.charts.scene import SECOND, Scene
from runkit.charts.style import CONTAINER, ERROR, ERROR_OUTLINE, LOOKS, TRACK, TRACK_OUTLINE
from runkit.text import duration, moment
from runkit.timing import Flags, Ints

Trace = dict[str, Any]
Floats = NDArray[np.float64]

ROW_PX = 18  # a row of text fits
LEAST_PX, MOST_PX = 80, 720  # of all rows: one bar is no strip, a thousand rows fit on a screen
BAR = 0.74  # height of a bar, in rows
INNER = 0.5  # of a bar that shares its row with the step that holds it
STUB = 0.025  # length of the stub of an open step, as a share of the axis
LEAST_BAR_PX = 2.0  # a bar among a million rows is still seen
TEXT_PX = 10  # rows lower than this have no words in them
OUTLINED = 0.006  # of the axis, some 6 px: a bar shorter than this would be all outline
MARK_PX = 16  # from one cross or stub to the next over a picture: a cross is 10 px wide
MOST_MARKS = 25  # of each, a cross being as dear as two bars; the picture shows all that failed or waits
TICK_PX = 3  # width of a step without duration
SHOWN_ARTIFACTS = 3  # in a hover text
HOVER_LABEL, HOVER_AGENT, HOVER_ARTIFACT = 60, 40, 50  # characters

NOWHERE: dict[str, Any] = {"type": "bar", "x": [None], "y": [None]}  # drawn in the legend only
HOVER = (
    "<b>%{{customdata[0]}}</b><br>%{{customdata[1]}} · {look}, %{{customdata[2]}}<br>"
    "starts %{{customdata[3]}}<br>takes %{{customdata[4]}}, by itself %{{customdata[5]}}%{{customdata[6]}}"
    "<extra></extra>"
)


class Picture(NamedTuple):
    """All that is needed to draw: where steps and runs stand; `chosen` are the steps to draw."""

    scene: Scene
    rows: Rows
    axis: Axis
    start: Floats
    end: Floats
    run_start: Floats
    run_end: Floats
    chosen: Ints
    is_bounded: bool
    shares_rows: bool
    tz: str

    @property
    def px(self) -> int:
        """Height of the rows together, in pixels."""
        return min(max(self.rows.n * ROW_PX, LEAST_PX), MOST_PX)

    @property
    def row_px(self) -> float:
        """Height of a row, in pixels."""
        return self.px / max(self.rows.n, 1)


def numbers(values: NDArray[Any]) -> dict[str, str]:
    """Give an array as plotly's typed-array spec: 8 bytes a number, exact."""
    return {"dtype": "f8", "bdata": base64.b64encode(values.astype("<f8").tobytes()).decode()}


def traces(picture: Picture) -> list[Trace]:
    """All traces, from the bottom up."""
    scene, chosen = picture.scene, picture.chosen
    has_length = picture.end[chosen] > picture.start[chosen]
    out = [] if picture.is_bounded else _tracks(picture)
    for look in range(len(LOOKS)):
        out += _bars(picture, look, chosen[has_length & (scene.look[chosen] == look)])
    out += _critical(picture, chosen[has_length & _is_outlined(picture, chosen)])
    out += _instants(picture, chosen[~has_length])
    is_live = np.isin(scene.frames.runs["status"].astype("str").to_numpy(), ["running", "interrupted"])
    still = chosen[scene.is_open[chosen]]
    out += _stubs(picture, still[is_live[scene.run[still]]], "still running", "still waiting")
    out += _stubs(picture, still[~is_live[scene.run[still]]], "no end recorded", "never answered")
    out += _errors(picture, chosen[scene.is_error[chosen]])
    return out


def _bars(picture: Picture, look: int, steps: Ints) -> list[Trace]:
    """The bars of one look. A look that only the picture shows still has its legend entry.

    Over a picture, the bars on the critical path are a second trace with an outline of their own: that of
    `_critical`, a bar around each bar, would be one more to redraw.
    """
    if not (picture.scene.look == look).any():
        return []
    failed = picture.scene.is_error[steps]
    has_edge = picture.is_bounded & ~failed & _is_outlined(picture, steps)
    edge = {"color": ERROR_OUTLINE, "width": numbers(np.where(failed, 2.0, 0.0)[~has_edge])}
    out = [_bars_of(picture, look, steps[~has_edge], edge)]
    if has_edge.any():
        edge = {"width": numbers(_outline_px(picture, steps[has_edge]))}
        out.append(_bars_of(picture, look, steps[has_edge], edge) | {"showlegend": False})
    return out


def _bars_of(picture: Picture, look: int, steps: Ints, edge: dict[str, Any]) -> Trace:
    style = LOOKS[look]
    marker: dict[str, Any] = {"color": style.colour, "line": edge}
    if style.hatch:
        marker["pattern"] = {
            "shape": style.hatch,
            "fillmode": "overlay",
            "fgcolor": style.hatch_colour,
            "size": 7,
            "solidity": 0.3,
        }
    place = _spans(picture, steps) if len(steps) else NOWHERE
    return {
        **place,
        "name": style.words,
        "marker": marker,
        "customdata": hover(picture, steps),
        "hovertemplate": HOVER.format(look=style.words),
        "legendrank": look,
        **({"legendgroup": style.words} if picture.is_bounded else {}),  # one entry for both
    }


def _spans(picture: Picture, steps: Ints) -> Trace:
    """Geometry of the bars of some steps."""
    return {
        "type": "bar",
        "orientation": "h",
        "base": numbers(picture.start[steps]),
        "x": numbers(picture.end[steps] - picture.start[steps]),
        "y": numbers(picture.rows.of_step[steps]),
        "width": numbers(thickness(picture, steps)),
        "textposition": "none",
    }


def thickness(picture: Picture, steps: Ints) -> Floats:
    """Height of the bars of some steps, in rows."""
    is_inner = picture.shares_rows & (picture.scene.look[steps] != CONTAINER)
    return np.maximum(np.where(is_inner, INNER, BAR), LEAST_BAR_PX / picture.row_px)


def _tracks(picture: Picture) -> list[Trace]:
    """A light bar for each run that has a row of its own: what nothing covers was idle."""
    own = np.flatnonzero((picture.rows.of_run >= 0) & picture.scene.is_started)
    if not len(own):
        return []
    names = run_names(picture.scene)
    lengths = (picture.scene.run_end - picture.scene.run_start)[own] / SECOND
    runs = picture.scene.frames.runs
    status, queued = runs["status"].astype("str").to_numpy(), runs["queued_s"].to_numpy()
    return [
        {
            "type": "bar",
            "orientation": "h",
            "base": numbers(picture.run_start[own]),
            "x": numbers((picture.run_end - picture.run_start)[own]),
            "y": numbers(picture.rows.of_run[own]),
            "width": 0.9,
            "textposition": "none",
            "name": "the run, idle if bare",
            "marker": {"color": TRACK, "line": {"color": TRACK_OUTLINE, "width": 1}},
            "customdata": [
                [plain(names[run]), plain(status[run]), duration(length), duration(queued[run])]
                for run, length in zip(own.tolist(), lengths.tolist(), strict=True)
            ],
            "hovertemplate": (
                "<b>%{customdata[0]}</b><br>%{customdata[1]}, %{customdata[2]}"
                "<br>queued for %{customdata[3]} before<extra></extra>"
            ),
            "legendrank": 100,
        }
    ]


def _critical(picture: Picture, steps: Ints) -> list[Trace]:
    """Outlines of the steps with time of their own on the critical path, in the template's colour.

    Over a picture the bars have them, and this explains them in the legend.
    """
    if not len(steps):
        return []
    edge = _outline_px(picture, steps)
    thickest_first = np.argsort(-edge, kind="stable")  # the legend shows the first one
    shown = NOWHERE if picture.is_bounded else _spans(picture, steps[thickest_first])
    return [
        {
            **shown,
            "name": "critical path",
            "marker": {"color": "rgba(0,0,0,0)", "line": {"width": numbers(edge[thickest_first])}},
            "hoverinfo": "skip",
            "legendrank": 110,
        }
    ]


def _is_outlined(picture: Picture, steps: Ints) -> Flags:
    """Steps with time of their own on the critical path.

    None in a fleet of low rows, and nothing that holds others where it shares their row.
    """
    scene = picture.scene
    on_path: Flags = scene.is_critical[steps] & (scene.frames.steps["critical_s"].to_numpy()[steps] > 0)
    if picture.shares_rows:
        on_path &= (scene.look[steps] != CONTAINER) & (picture.row_px >= TEXT_PX)
    return on_path


def _outline_px(picture: Picture, steps: Ints) -> Floats:
    """Thin where bars are small: an outline must not hide what it surrounds."""
    wide = (picture.end - picture.start)[steps] >= OUTLINED * picture.axis.length
    return np.where(wide & (picture.row_px >= TEXT_PX), 1.5, 0.5)


def _instants(picture: Picture, steps: Ints) -> list[Trace]:
    """Ticks for steps without duration, which a bar would not show."""
    if not len(steps):
        return []
    colours = [LOOKS[look].colour for look in picture.scene.look[steps].tolist()]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": numbers(picture.start[steps]),
            "y": numbers(picture.rows.of_step[steps]),
            "name": "no duration",
            "marker": {
                "symbol": "line-ns",
                "size": max(4.0, min(BAR * picture.row_px, 18.0)),
                "line": {"width": TICK_PX, "color": colours},
            },
            "customdata": hover(picture, steps),
            "hovertemplate": HOVER.format(look="no duration"),
            "legendrank": 120,
        }
    ]


def _stubs(picture: Picture, steps: Ints, words: str, wait_words: str) -> list[Trace]:
    """A hatched stub behind each step that is open, and words beside as many as can be read.

    Over a picture there are as many stubs as stand apart.
    """
    if not len(steps):
        return []
    steps, name = _apart(picture, steps, words)
    stub = STUB * picture.axis.length
    at = picture.end[steps]
    rows = picture.rows.of_step[steps]
    colours = [LOOKS[look].colour for look in picture.scene.look[steps].tolist()]
    # The outermost open step of a row speaks for it.
    depth = picture.scene.frames.steps["depth"].to_numpy()[steps]
    told = np.array(thin(rows, depth, picture.rows.n) if picture.row_px >= TEXT_PX else [], np.int64)
    is_wait = picture.scene.is_wait[steps]
    return [
        {
            **_spans(picture, steps),
            "base": numbers(at),
            "x": numbers(np.full(len(steps), stub)),
            "name": name,
            "marker": {
                "color": colours,
                "pattern": {"shape": "\\", "fillmode": "replace", "size": 5, "solidity": 0.45},
                "line": {"width": 0},
            },
            "hoverinfo": "skip",
            "legendrank": 130,
        },
        {
            "type": "scatter",
            "mode": "text",
            "x": numbers(at[told] + stub),
            "y": numbers(rows[told]),
            "text": [" " + (wait_words if is_wait[place] else words) for place in told.tolist()],
            "textposition": "middle right",
            "cliponaxis": False,
            "hoverinfo": "skip",
            "showlegend": False,
        },
    ]


def _errors(picture: Picture, steps: Ints) -> list[Trace]:
    """A cross at the end of each step that failed; over a picture, of as many as stand apart."""
    if not len(steps):
        return []
    steps, name = _apart(picture, steps, "failed here")
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": numbers(picture.end[steps]),
            "y": numbers(picture.rows.of_step[steps]),
            "name": name,
            "marker": {"symbol": "x", "size": 10, "color": LOOKS[ERROR].colour, "line": {"width": 1.5}},
            "cliponaxis": False,
            "hoverinfo": "skip",
            "legendrank": 90,
        }
    ]


def _apart(picture: Picture, steps: Ints, words: str) -> tuple[Ints, str]:
    """Over a picture, one step that ends in each field, of fields so large that few have one.

    With the words for the legend, which say so.
    """
    if not picture.is_bounded:
        return steps, words
    x = (picture.end[steps] - picture.axis.start) / picture.axis.length * PLOT_PX
    y = picture.rows.of_step[steps] * picture.row_px
    field = MARK_PX
    while True:
        first = np.unique(np.stack([x // field, y // field]), axis=1, return_index=True)[1]
        if len(first) <= MOST_MARKS:
            return steps[np.sort(first)], words + (" (not all marked)" if len(first) < len(steps) else "")
        field *= 2


def hover(picture: Picture, steps: Ints) -> list[list[str]]:
    """Short texts for each of some steps, all harmless, looked up by row."""
    scene = picture.scene
    cut = scene.frames.steps.iloc[steps]
    label = step_labels(scene)
    names = run_names(scene)
    found = _artifacts(scene, cut)
    begin = cut["started_at"].dt.tz_convert(ZoneInfo(picture.tz)).tolist()
    offset = ((scene.start - scene.run_start[scene.run])[steps] / SECOND).tolist()
    resolution = cut["resolution"].astype("object").tolist()
    lasts, by_itself = cut["duration_s"].tolist(), cut["self_s"].tolist()
    run_ids, step_ids = cut["run_id"].tolist(), cut["step_id"].tolist()
    out = []
    for place, step in enumerate(steps.tolist()):
        agent = plain(cut["agent"].iat[place], HOVER_AGENT)
        if scene.n_runs > 1:
            agent += f" · {plain(names[scene.run[step]])}"
        status = "still open" if scene.is_open[step] else plain(cut["status"].iat[place])
        if not pd.isna(resolution[place]):
            status += f", settled by policy: {plain(resolution[place])}"
        out.append(
            [
                plain(label(step), HOVER_LABEL),
                agent,
                status,
                f"{elapsed(offset[place], 0.1)} after the run began, {moment(begin[place])}",
                duration(lasts[place]),
                duration(by_itself[place]),
                found.get((run_ids[place], step_ids[place]), ""),
            ]
        )
    return out


def _artifacts(scene: Scene, steps: pd.DataFrame) -> dict[tuple[str, str], str]:
    """The artifacts of some steps in words, with confidence; only those that have any."""
    wanted = steps.loc[steps["n_artifacts"] > 0, ["run_id", "step_id"]]
    if wanted.empty:
        return {}
    found: dict[tuple[str, str], list[str]] = {}
    rows = scene.frames.artifacts.merge(wanted.drop_duplicates(), on=["run_id", "step_id"])
    for run_id, step_id, title, confidence in zip(
        *(rows[name].tolist() for name in ("run_id", "step_id", "title", "confidence")), strict=True
    ):
        found.setdefault((run_id, step_id), []).append(
            f"{plain(title, HOVER_ARTIFACT)} ({plain(confidence, 20)} confidence)"
        )
    return {key: _several(lines) for key, lines in found.items()}


def _several(lines: list[str]) -> str:
    more = len(lines) - SHOWN_ARTIFACTS
    shown = [*lines[:SHOWN_ARTIFACTS], *([f"and {more} more artifacts"] if more > 0 else [])]
    return "".join(f"<br>◆ {line}" for line in shown)
