"""The time axis, and what stands around the bars: title, axes, legend, shaded rows, and waits.

Positions are plain seconds on a numeric axis, from the start of the chart. Where waits are folded, the map
from time to position is linear piece by piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts.bars import WAIT, each
from runkit.charts.style import LEGEND, SIZE, Trace, base_layout, bold, faded, note, width_px
from runkit.style import Theme
from runkit.text import duration
from runkit.timing import waiting_ranges

if TYPE_CHECKING:
    from runkit.charts.bars import Rows
    from runkit.charts.heading import Heading

Floats = NDArray[np.float64]
Fold = tuple[float, float]  # a range of time [from, to)

DAY = 86_400  # seconds
# the width of the axis that labels are laid out for; what fits there fits in wider figures
PLOT_PX = 600
MOST_TICKS = 8
BETWEEN_PX = 14  # two labels
# seconds; up to there plotly's own ticks, at 1, 2, 5, 10 and 20 s, read well as durations
REFINED = 200
MOST_FOLDS = 40
FOLD_PX = 130  # of a folded wait: its words have room, but
ALL_FOLDS = 0.6  # no more than this of the width
SPILL_PX = 26  # so far a label may reach into a fold, of which the words take the middle
LEAST_S = 0.01  # of an axis
STEPS = (  # between ticks, in seconds
    *(k * 10.0**power for power in (-3, -2, -1) for k in (1, 2, 5)),
    *(1, 2, 5, 10, 15, 30),
    *(60 * k for k in (1, 2, 5, 10, 15, 30)),
    *(3_600 * k for k in (1, 2, 3, 6, 12)),
    *(DAY * k for k in (1, 2, 7, 14, 28, 91, 182)),
    *(DAY * 364 * k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)),
)
STUB = 0.02  # length of the stub of an open step, as a share of the axis
MANY_ROWS = 60
LINE_PX = 22  # a line of the title
EDGE_PX = 16
ABOVE_PX = 20  # over the title
AXIS_PX = 30  # below the rows: the ticks
LEGEND_PX, LEGEND_EDGE_PX = 19, 24  # a line of the legend, and what plotly keeps free around all lines
FIGURE_PX = 800  # of a rather narrow figure, for the legend
WIDTH = 900  # pixels of a figure in a notebook, and of its static picture
ENTRY_PX = 48  # of an entry of the legend beside its word
STRIP = 1.6  # rows above the first one, where the words of waits stand
MOST_WAITS = 40  # bands
LEAST_BAND_PX = 1  # a narrower one would not be seen
UNDER: dict[str, Any] = {"yanchor": "top", "yshift": -3, "borderpad": 0}  # a line
WORDS_PX = 140  # from the words of one wait to those of the next
NOTE_PX = 66  # a fold so wide has room for "not to scale"


class Axis(NamedTuple):
    """The map from seconds since the origin to positions: linear between `times` and `places`.

    `folds` are the time ranges that were folded: every second one of the ranges between `times`. `px` is the
    width in a figure of usual width.
    """

    times: Floats
    places: Floats
    folds: list[Fold]
    px: float = PLOT_PX

    def at(self, seconds: Floats) -> Floats:
        """Return positions of times; exact where nothing is folded."""
        return np.interp(seconds, self.times, self.places) if self.folds else seconds

    @property
    def start(self) -> float:
        """Where the axis starts."""
        return float(self.places[0])

    @property
    def length(self) -> float:
        """Length of the axis in seconds of its own."""
        return float(self.places[-1] - self.places[0])

    @property
    def scale(self) -> float:
        """Pixels a second, in a figure of usual width."""
        return self.px / self.length

    @property
    def pieces(self) -> list[Fold]:
        """The time ranges that are not folded."""
        edges = self.times.tolist()
        return list(zip(edges[::2], edges[1::2], strict=True))


def fold_width(rest: float, n_folds: int) -> float:
    """Return the width of each of some folds, in seconds; `rest` is the time that is not folded."""
    share = min(FOLD_PX / PLOT_PX, ALL_FOLDS / max(n_folds, 1))
    return (rest or 1.0) * share / (1 - share * n_folds)


def axis_of(first: float, last: float, folds: Sequence[Fold] = (), width: float | None = None) -> Axis:
    """Build an axis; time ranges apart are folded to one width each, and shorter ones stay as they are."""
    last = max(last, first + LEAST_S)
    longest = sorted(folds, key=lambda fold: fold[0] - fold[1])[:MOST_FOLDS]
    rest = last - first - sum(to - since for since, to in longest)
    width = fold_width(rest, len(longest)) if width is None else width
    kept = sorted((since, to) for since, to in longest if to - since > width)
    times = np.array([first, *(edge for fold in kept for edge in fold), last])
    lengths = np.diff(times)
    lengths[1::2] = width
    return Axis(times, np.cumsum([first, *lengths]), kept)


def relative_axis(axis: Axis) -> dict[str, Any]:
    """Return the ticks of plotly's axis in time since the start; after a fold they begin again, as `+30 s`.

    Up to `REFINED` seconds plotly sets its own, which become finer when a reader zooms, and only a static
    picture has these; plotly knows no multiples of 60.
    """
    ticks = array_ticks(*relative_ticks(axis))
    if not axis.folds and 4 < axis.length <= REFINED:
        words = {f"{at} s": duration(at) for at in range(60, REFINED + 1)}
        ticks |= {"tickmode": "auto", "ticksuffix": " s", "labelalias": {"0 s": "0"} | words}
    return ticks


def array_ticks(places: Sequence[object], texts: list[str]) -> dict[str, Any]:
    """Return some ticks of plotly's axis."""
    return {"tickmode": "array", "tickvals": places, "ticktext": texts}


def relative_ticks(axis: Axis) -> tuple[list[float], list[str]]:
    """Return positions and words of ticks at round times since the start, and since the end of each fold."""
    open_s = sum(stop - start for start, stop in axis.pieces)

    def stand_apart(step: float) -> bool:
        words = (duration(step), duration(open_s // step * step))
        least = max(open_s * axis.scale / MOST_TICKS, *(width_px(text) + BETWEEN_PX for text in words))
        return step * axis.scale >= least

    step = next(filter(stand_apart, STEPS), STEPS[-1])
    ticks = {}
    for number, (start, stop) in enumerate(axis.pieces):
        zero = start if number else 0.0  # which the ticks of this piece count from
        shift, end = axis.at(np.array([zero, stop])).tolist()
        first = 1 if number else int(np.ceil(start / step))  # none at the end of a fold
        for count in range(first, int((stop - zero) / step + 1e-9) + 1):
            text = ("+" if number else "") + (duration(count * step) if count else "0")
            place = shift + count * step
            edge = place + width_px(text) / 2 / axis.scale
            if stop == axis.times[-1] or edge <= end + SPILL_PX / axis.scale:
                ticks[place] = text
    return list(ticks), list(ticks.values())


class Picture(NamedTuple):
    """All that is needed to draw: `runs`, the `bars` of `bars_of`, their rows, the axis, words and colors.

    `path`: parts (from, to, row, kind).
    """

    runs: pd.DataFrame
    bars: pd.DataFrame
    legend: list[tuple[str, str]]
    rows: Rows
    axis: Axis
    theme: Theme
    path: Sequence[tuple[float, float, float, int]] = ()


def layout(
    picture: Picture,
    data: list[Trace],
    heading: Heading,
    *,
    above: float | None = None,
    reach: float = 0,
) -> dict[str, Any]:
    """Build the figure's layout.

    `above`: rows over the first one, by default room for the words of waits. `reach`: pixels behind the axis.
    """
    rows, waits, absences = picture.rows, _wait_bands(picture), _absences(picture)
    top = -0.5 - (above or (0.15 if waits.empty else STRIP))
    last = rows.n - 0.5 + len(absences)
    labels_px = max(map(width_px, rows.texts), default=0) + EDGE_PX
    margin = {"l": labels_px + EDGE_PX, "r": EDGE_PX + round(max(reach, 0))}
    entries_px = sum(entry_px(trace["name"]) for trace in data if trace.get("showlegend"))
    n_lines = -int(-entries_px // (FIGURE_PX - margin["r"]))
    margin["b"] = AXIS_PX + LEGEND_EDGE_PX + LEGEND_PX * n_lines
    area = round((last - top) * rows.px)
    time = _time_axis(picture, WIDTH - margin["l"] - margin["r"])
    ticks = zip(time["tickvals"], time["ticktext"], strict=True) if rows.n >= MANY_ROWS else ()
    above_rows: dict[str, Any] = {
        "y": top,
        "yanchor": "bottom",
    }  # ticks over a chart that is taller than a screen
    upper = [note(text, picture.theme.muted, x=place, **above_rows) for place, text in ticks]
    return figure_layout(picture.theme, heading, area, margin) | {
        "xaxis": time,
        "yaxis": row_axis(picture.theme, labels_px, rows.ticks, rows.texts) | {"range": [last, top]},
        # The entries are traces of their own, which a click would hide alone.
        "legend": LEGEND | {"y": -AXIS_PX / area, "itemclick": False, "itemdoubleclick": False},
        "shapes": [*_shaded(picture), *_bands(picture, waits, top)],
        "annotations": [*_wait_words(picture, waits, top), *_fold_words(picture), *absences, *upper],
    }


def figure_layout(theme: Theme, heading: Heading, area: int, margin: dict[str, int]) -> dict[str, Any]:
    """Build what the layouts of all charts of runs have in common.

    `area` is the height of the drawing in pixels, the top of `margin` what stands between it and the title.
    """
    title = ABOVE_PX + LINE_PX * len(heading.lines) + EDGE_PX if heading.lines else 0
    top = title + margin.get("t", 0)
    place = {"x": 0, "xref": "container", "xanchor": "left", "y": 1, "yref": "container", "yanchor": "top"}
    return base_layout(theme, top + area + margin["b"], margin | {"t": top}) | {
        "title": place | {"text": "<br>".join(heading.lines), "pad": {"l": EDGE_PX, "t": ABOVE_PX}},
        "meta": {"alt": f"Timeline of {heading.alt}", "summary": heading.alt},
        "barmode": "overlay",
        "dragmode": "zoom",
        "uirevision": "zoom",
    }


def entry_px(name: str) -> float:
    """Return the width of an entry of the legend."""
    return width_px(name) * 0.9 + ENTRY_PX


def row_axis(theme: Theme, labels_px: float, ticks: list[float], texts: list[str]) -> dict[str, Any]:
    """Build the axis of rows, whose labels begin at one line, so that indents can be seen.

    They stand right of their axis and are moved left. (`shift` would take the area of the hover along.)
    """
    return {
        "side": "right",
        "anchor": "free",
        "position": 0,
        "ticklabelstandoff": -labels_px,
        "tickvals": ticks,
        "ticktext": texts,
        "tickfont": {"size": SIZE, "color": theme.text},
        "showgrid": False,
        # a drag zooms on time; near time 0 it would move the rows out of sight
        "fixedrange": True,
    }


def _time_axis(picture: Picture, width: float) -> dict[str, Any]:
    """Return the time axis, with ticks that stand apart in `width` pixels."""
    axis = picture.axis
    stub = STUB * axis.length * is_stub(picture.bars).any()
    span = [axis.start - 2 * axis.length / PLOT_PX, axis.start + axis.length + stub]
    ticks = relative_axis(axis._replace(px=min(width, PLOT_PX)))
    return {"range": span, "tickangle": 0, "showgrid": True} | ticks


def _shaded(picture: Picture) -> list[dict[str, Any]]:
    """Shade rows, from edge to edge of the figure."""
    # One path is made and drawn much faster than a shape for each of them.
    path = "".join(f"M-2,{top - 0.5}H3V{bottom - 0.5}H-2Z" for top, bottom in picture.rows.bands)
    ground = {"fillcolor": picture.theme.band, "line": {"width": 0}, "layer": "below"}
    return [{"type": "path", "path": path, "xref": "paper"} | ground] if path else []


def _wait_bands(picture: Picture) -> pd.DataFrame:
    """Return the waits of a single run that are drawn as bands over all rows, the longest first."""
    bars = picture.bars
    length = bars["x1"] - bars["x0"]
    is_band = (bars["kind"] == WAIT) & (length * picture.axis.scale >= LEAST_BAND_PX)
    n_bands = 0 if len(picture.runs) > 1 else MOST_WAITS
    return bars[is_band].iloc[np.argsort(-length[is_band], kind="stable")[:n_bands]]


def _bands(picture: Picture, waits: pd.DataFrame, top: float) -> list[dict[str, Any]]:
    """Draw bands without overlaps: two over each other are too dark for words on them."""
    look = {"layer": "below", "line": {"width": 0}, "fillcolor": faded(picture.theme.wait, 0.12)}
    band = {"type": "rect", "y0": top, "y1": picture.rows.n - 0.5} | look
    edges = waits["x0"].to_numpy(), waits["x1"].to_numpy()
    spans = waiting_ranges(*edges, np.ones(len(waits), np.bool_))
    return [band | {"x0": lo, "x1": hi} for lo, hi in spans]


def _wait_words(picture: Picture, waits: pd.DataFrame, top: float) -> list[dict[str, Any]]:
    """Write the length of each wait in words over its band, where there is room."""
    words: list[dict[str, Any]] = []
    for wait in each(waits):
        length = duration(wait.end - wait.start) + (" so far" if wait.is_open else "")
        text, middle = f"{bold(length)}<br>waiting for a reviewer", (wait.x0 + wait.x1) / 2
        if all(abs(middle - other["x"]) * picture.axis.scale >= WORDS_PX for other in words):
            words.append(note(text, picture.theme.attention, x=middle, y=top, **UNDER))
    return words


def _fold_words(picture: Picture) -> list[dict[str, Any]]:
    """Write below the axis of each fold that it is not to scale."""
    edges = [picture.axis.at(np.array(fold)) for fold in picture.axis.folds]
    middles = [float(a + b) / 2 for a, b in edges if (b - a) * picture.axis.scale > NOTE_PX]
    words = note("not to scale", picture.theme.muted, y=picture.rows.n - 0.5, **UNDER)
    return [words | {"x": x} for x in middles]


def _absences(picture: Picture) -> list[dict[str, Any]]:
    """Write in words why there is nothing to see."""
    if len(picture.bars):
        return []
    text = "There are no steps."
    if not picture.runs["has_steps"].any():
        text = "The steps were not delivered: fetch the run with its steps to see them."
    if picture.runs["started_at"].isna().all():
        text = "Not started yet."
    return [note(text, picture.theme.muted, xref="paper", x=0, xanchor="left", y=picture.rows.n)]


def is_stub(bars: pd.DataFrame) -> pd.Series[bool]:
    """Return which steps end in a stub."""
    return bars["is_open"] & (bars["kind"] != WAIT)
