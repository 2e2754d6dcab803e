"""A fleet chart of up to 150 runs: a row each, agent work on a linear scale and waiting on a log scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from runkit.charts.fleet_parts import (
    DONE_WAIT,
    ERROR,
    LEAST_WAIT,
    MONO,
    WORK,
    Fleet,
    annotation,
    base_layout,
    fit_phone,
    hover_texts,
    sla_band,
    wait_axis,
)
from runkit.charts.labels import bold, colored, plain, width_px
from runkit.style import CONFIDENCE_COLORS, MISSING, Theme, status
from runkit.text import duration, short_id

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ROW_PX, BAR = 20, 0.6
NAME_PX = 230  # at most, of the column of names
ID_PX, STATUS_PX, CONFIDENCE_PX = 72, 104, 84  # the other columns
TEXT_SHARE = 0.5  # of the scale of waits, for the words at the end of the longest one in a narrow notebook
WORK_SHARE, WAITS_FROM, WORK_TEXT = 0.38, 0.44, 0.6  # of the width; the words of work, of its longest bar
PHONE_PX, PHONE_LETTERS = 132, 18  # the column of names on a phone
ROW_TICKS = {
    "tickvals": [60, 3_600, 86_400, 864_000],
    "ticktext": ["1 min", "1 h", "1 d", "10 d"],
    "tickangle": 0,
}
WORK_STEPS = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400)
MOST_WORK_TICKS = 3


def fleet_rows(fleet: Fleet, group: str | None) -> Figure:
    """Draw a row per run, in groups with a heading."""
    import plotly.graph_objects as go

    runs, theme = fleet.runs, fleet.theme
    heads, runs = _placed(runs, group, theme)
    n_rows = float(runs["y"].max()) + 0.7
    names = [plain(name, 30) for name in runs["business"]]
    name_px = min(NAME_PX, max(width_px(name) for name in names))
    left, right = name_px + ID_PX + 32, STATUS_PX + CONFIDENCE_PX + 32
    figure = go.Figure([*_work(runs, theme), *_waits(runs, theme)])
    notes, phone = _row_notes(fleet, runs, heads, names, name_px)
    most, ticks = _work_ticks(float(runs["working_s"].max()))
    longest = max(float(runs["wait"].max()), 86_400.0)
    figure.update_layout(
        base_layout(fleet, [" · ".join(fleet.counts())]),
        annotations=notes,
        shapes=sla_band(fleet, "x2")
        + [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": y + 0.5,
                "y1": y + 0.5,
                "line": {"color": theme.line, "width": 1},
            }
            for y, *_ in heads
        ],
        barmode="overlay",
        height=int(ROW_PX * (n_rows + 0.6) + 146),
        margin={"l": left, "r": right, "t": 126, "b": 16},
        xaxis={
            "domain": [0, WORK_SHARE],
            "range": [0, most * (1 + WORK_TEXT)],
            "tickvals": list(ticks),
            "ticktext": list(ticks.values()),
            "side": "top",
            "tickangle": 0,
            "fixedrange": True,
        },
        xaxis2=wait_axis(LEAST_WAIT, longest, TEXT_SHARE)
        | ROW_TICKS
        | {"domain": [WAITS_FROM, 1], "side": "top", "anchor": "y", "fixedrange": True},
        yaxis={"range": [n_rows, -0.7], "showticklabels": False, "showgrid": False, "fixedrange": True},
    )
    return fit_phone(
        figure,
        {
            "margin.l": PHONE_PX,
            "margin.r": 28,
            "annotations": phone,
            "xaxis.visible": False,
            "xaxis.domain": [0, 1],
            "xaxis2.domain": [0, 1],
        },
        hidden=[0],
    )


def _row_notes(
    fleet: Fleet, runs: pd.DataFrame, heads: list[tuple[float, str, str]], names: list[str], name_px: int
) -> tuple[list[Any], list[Any]]:
    """Write the columns of text beside the bars, on a wide screen and on a phone."""
    theme, left = fleet.theme, name_px + ID_PX + 32
    notes = [_left(16 - left, y, bold(words), color, 13) for y, words, color in heads]
    phone = [_left(8 - PHONE_PX, y, bold(words), color, 13) for y, words, color in heads]
    for name, run in zip(names, runs.to_dict("records"), strict=True):
        look, row = status(run["status"]), run["y"]
        word = run["confidence"] if isinstance(run["confidence"], str) else MISSING
        sure = getattr(theme, CONFIDENCE_COLORS.get(word, "muted"))
        notes += [
            _left(16 - left, row, name, theme.text),
            _left(name_px + 26 - left, row, plain(short_id(run["run_id"])), theme.muted, 11, MONO),
            _left(18, row, bold(plain(look, 20)), getattr(theme, look.color), x=1),
            _left(18 + STATUS_PX, row, plain(word.capitalize(), 14), sure, x=1),
        ]
        phone += [
            _left(8 - PHONE_PX, row, plain(run["business"], PHONE_LETTERS), theme.text, 11),
            _left(6, row, look.icon, getattr(theme, look.color), x=1),
        ]
    columns = [("Business", 16 - left, 0), ("Run", name_px + 26 - left, 0)]
    columns += [("Status", 18, 1), ("Confidence", 18 + STATUS_PX, 1)]
    notes += [_head(text, px, x) for text, px, x in columns]
    if fleet.sla_h:
        notes.append(_head(fleet.over_sla, 4, float(np.log10(fleet.sla_h * 3_600)), 34) | {"xref": "x2"})
    notes += [_head("Agent work", 0, 0, 18), _head("Waiting for a reviewer (log scale)", 0, WAITS_FROM, 18)]
    phone.append(_head("Waiting for a reviewer; a wide screen shows the work, too", 8 - PHONE_PX, 0, 18))
    return notes, phone


def _placed(
    runs: pd.DataFrame, group: str | None, theme: Theme
) -> tuple[list[tuple[float, str, str]], pd.DataFrame]:
    """Put runs into groups: the headings (row, words, color), and the runs with their row as `y`."""
    if group is None:
        return [], runs.assign(y=np.arange(len(runs), dtype=float))
    column = {"status": "status", "business": "business", "agent": "agent_name"}[group]
    key = runs[column].astype(object).where(runs[column].notna(), "Unknown")
    order = key.map(runs["rank"].groupby(key).min()) if group == "status" else -key.map(key.value_counts())
    runs = runs.assign(key=key).iloc[np.lexsort([key.rank(method="dense"), order])]
    heads, rows, y = [], [], 0.0
    for word, members in runs.groupby("key", sort=False):
        look = status(str(word)) if group == "status" else None
        words = plain(str(look) if look else word, 40)
        color = getattr(theme, look.color) if look else theme.text
        heads.append((y, f"{words} {colored(f'{len(members):,}', theme.muted)}", color))
        rows += (y + 1.05 + np.arange(len(members))).tolist()
        y = rows[-1] + 1.35
    return heads, runs.assign(y=rows)


def _work(runs: pd.DataFrame, theme: Theme) -> list[Any]:
    """Draw agent work: bars with their duration."""
    import plotly.graph_objects as go

    done = runs["working_s"].notna()
    runs = runs[done]
    is_open = runs["status"] == "running"
    color = np.where(runs["status"] == "error", ERROR, np.where(is_open, theme.line, WORK))
    so_far = np.where(is_open, " so far", "")
    return [
        go.Bar(
            x=runs["working_s"].tolist(),
            y=runs["y"].tolist(),
            orientation="h",
            width=BAR,
            marker={
                "color": color.tolist(),
                "cornerradius": 3,
                "line": {"color": WORK, "width": is_open.astype(float).tolist()},
            },
            text=[duration(s) + more for s, more in zip(runs["working_s"], so_far, strict=True)],
            textposition="outside",
            textfont={"size": 11, "color": theme.text},
            cliponaxis=False,
            hovertext=hover_texts(runs),
            hoverinfo="text",
            showlegend=False,
        )
    ]


def _waits(runs: pd.DataFrame, theme: Theme) -> list[Any]:
    """Draw waits: a line with a dot, open while a question is pending."""
    import plotly.graph_objects as go

    runs = runs[runs["wait"] > 0]
    is_open = (runs["status"] == "interrupted").tolist()
    ends = runs["wait"].clip(lower=LEAST_WAIT).tolist()
    traces = []
    for waits, color in ((True, theme.wait), (False, DONE_WAIT)):
        rows = [(x, y) for x, y, now in zip(ends, runs["y"], is_open, strict=True) if now == waits]
        line_x = [at for x, _ in rows for at in (LEAST_WAIT, x, None)]
        line_y = [at for _, y in rows for at in (y, y, None)]
        traces.append(
            go.Scatter(
                x=line_x,
                y=line_y,
                xaxis="x2",
                mode="lines",
                line={"color": color, "width": 2},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    traces.append(
        go.Scatter(
            x=ends,
            y=runs["y"].tolist(),
            xaxis="x2",
            mode="markers+text",
            marker={
                "size": 9,
                "color": [theme.ground if now else DONE_WAIT for now in is_open],
                "line": {"width": 2, "color": [theme.wait if now else DONE_WAIT for now in is_open]},
            },
            text=[
                f"  {duration(s)}{' so far' if now else ''}  "
                for s, now in zip(runs["wait"], is_open, strict=True)
            ],
            textposition="middle right",
            textfont={"size": 11, "color": theme.text},
            cliponaxis=False,
            hovertext=hover_texts(runs),
            hoverinfo="text",
            showlegend=False,
        )
    )
    return traces


def _work_ticks(longest: float) -> tuple[float, dict[float, str]]:
    """Give the end of the axis of work, and its ticks."""
    longest = longest if longest > 0 else 1.0
    step = next((s for s in WORK_STEPS if longest / s <= MOST_WORK_TICKS), 86_400 * (longest // 432_000 + 1))
    return longest, {
        at: duration(at) if at else "0" for at in np.arange(0, longest + step / 2, step).tolist()
    }


def _left(
    px: float, y: float, text: str, color: str, size: float = 12, font: str | None = None, x: int = 0
) -> Any:
    """A text that starts `px` right of an edge of the axes, in row `y`."""
    place = {"xref": "paper", "x": x, "xshift": px, "y": y, "xanchor": "left"}
    return annotation(text, color, size, font) | place


def _head(text: str, px: float, x: float, up: float = 0) -> Any:
    """The head of a column."""
    place = {"xref": "paper", "yref": "paper", "x": x, "y": 1, "xshift": px, "yshift": 8 + up}
    return (
        annotation(text, "", 11.5) | place | {"xanchor": "left", "yanchor": "bottom", "font": {"size": 11.5}}
    )
