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

from runkit.charts.axis import Axis, elapsed
from runkit.charts.labels import plain, thin
from runkit.charts.rows import Rows, run_names, step_labels
from runkit.charts.scene import SECOND, Scene
from runkit.charts.theme import CONTAINER, ERROR, ERROR_OUTLINE, LOOKS, TRACK, TRACK_OUTLINE
from runkit.text import duration, moment
from runkit.timing import Ints

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
    is_own = scene.is_critical[chosen] & (scene.frames.steps["critical_s"].to_numpy()[chosen] > 0)
    out += _critical(picture, chosen[has_length & is_own])
    out += _instants(picture, chosen[~has_length])
    is_live = np.isin(scene.frames.runs["status"].astype("str").to_numpy(), ["running", "interrupted"])
    still = chosen[scene.is_open[chosen]]
    out += _stubs(picture, still[is_live[scene.run[still]]], "still running", "still waiting")
    out += _stubs(picture, still[~is_live[scene.run[still]]], "no end recorded", "never answered")
    out += _errors(picture, chosen[scene.is_error[chosen]])
    return out


def _bars(picture: Picture, look: int, steps: Ints) -> list[Trace]:
    """The bars of one look. A look that only the picture shows still has its legend entry."""
    scene, style = picture.scene, LOOKS[look]
    if not (scene.look == look).any():
        return []
    failed = scene.is_error[steps]
    marker: dict[str, Any] = {
        "color": style.colour,
        "line": {"color": ERROR_OUTLINE, "width": numbers(np.where(failed, 2.0, 0.0))},
    }
    if style.hatch:
        marker["pattern"] = {
            "shape": style.hatch,
            "fillmode": "overlay",
            "fgcolor": style.hatch_colour,
            "size": 7,
            "solidity": 0.3,
        }
    place = _spans(picture, steps) if len(steps) else NOWHERE
    return [
        {
            **place,
            "name": style.words,
            "marker": marker,
            "customdata": hover(picture, steps),
            "hovertemplate": HOVER.format(look=style.words),
            "legendrank": look,
        }
    ]


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

    Thin where bars are small: an outline must not hide what it surrounds; none in a fleet of low rows.
    """
    if picture.shares_rows:
        steps = steps[(picture.scene.look[steps] != CONTAINER) & (picture.row_px >= TEXT_PX)]
    if not len(steps):
        return []
    wide = (picture.end - picture.start)[steps] >= OUTLINED * picture.axis.length
    widest_first = np.argsort(~wide, kind="stable")  # the legend shows the first one
    steps, wide = steps[widest_first], wide[widest_first]
    return [
        {
            **_spans(picture, steps),
            "name": "critical path",
            "marker": {
                "color": "rgba(0,0,0,0)",
                "line": {"width": numbers(np.where(wide & (picture.row_px >= TEXT_PX), 1.5, 0.5))},
            },
            "hoverinfo": "skip",
            "legendrank": 110,
        }
    ]


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
    """A hatched stub behind each step that is open, and words beside as many as can be read."""
    if not len(steps):
        return []
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
            "name": words,
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
    """A cross at the end of each step that failed."""
    if not len(steps):
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": numbers(picture.end[steps]),
            "y": numbers(picture.rows.of_step[steps]),
            "name": "failed here",
            "marker": {"symbol": "x", "size": 10, "color": LOOKS[ERROR].colour, "line": {"width": 1.5}},
            "cliponaxis": False,
            "hoverinfo": "skip",
            "legendrank": 90,
        }
    ]


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
