"""A fleet chart of up to 150 runs: a row each, agent work on a linear scale and waiting on a log scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.charts.fleet_parts import (
    DONE_WAIT,
    ERROR,
    LEAST_WAIT,
    WORK,
    Drawing,
    Fleet,
    hover_texts,
    wait_axis,
)
from runkit.charts.labels import bold, colored, plain, width_px
from runkit.charts.style import MONO, note
from runkit.charts.traces import lines
from runkit.style import CONFIDENCE_COLORS, MISSING, Theme, status
from runkit.text import duration, short_id

Text = dict[str, Any]
Heads = list[tuple[float, str, str]]  # row, words and color

ROW_PX, BAR = 20, 0.6
NAME_PX, NAME = 200, 28  # at most, of the column of names: pixels and letters
ID_PX, STATUS_PX, CONFIDENCE_PX = 60, 98, 70  # the other columns
HEAD_PX, GAP_PX = 46, 14  # over the rows, and at the edges
TEXT_SHARE = 0.5  # of the scale of waits, for the words at the end of the longest one in a narrow notebook
WORK_SHARE, WAITS_FROM, WORK_TEXT = 0.38, 0.44, 0.6  # of the width; the words of work, of its longest bar
PHONE_PX, PHONE_LETTERS = 132, 18  # the column of names on a phone
WAIT_TICKS = {60: "1 min", 3_600: "1 h", 172_800: "2 d"}
WORK_STEPS = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400)
MOST_WORK_TICKS = 2


def draw(fleet: Fleet, group: str | None) -> Drawing:
    """Draw a row per run, in groups with a heading."""
    heads, runs = _placed(fleet.runs, group, fleet.theme)
    n_rows = float(runs["y"].max()) + 0.7
    name_px = min(NAME_PX, max(width_px(plain(name, NAME)) for name in runs["business"]))
    left, right = name_px + ID_PX + 2 * GAP_PX, STATUS_PX + CONFIDENCE_PX + 2 * GAP_PX
    wide, phone = _texts(fleet, runs, heads, left)
    most, ticks = _work_ticks(float(runs["working_s"].max()))
    above = {"side": "top", "tickangle": 0}
    waits = wait_axis(LEAST_WAIT, max(float(runs["wait"].max()), 86_400.0), TEXT_SHARE, WAIT_TICKS)
    line = {"color": fleet.theme.line, "width": 1}
    rule = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "line": line}
    layout = {
        "annotations": wide,
        "shapes": fleet.sla_band("x2") + [rule | {"y0": y + 0.5, "y1": y + 0.5} for y, *_ in heads],
        "margin": {"l": left, "r": right, "t": HEAD_PX, "b": GAP_PX},
        "xaxis": {
            "domain": [0, WORK_SHARE],
            "range": [0, most * (1 + WORK_TEXT)],
            "fixedrange": True,
            "tickvals": list(ticks),
            "ticktext": list(ticks.values()),
            **above,
        },
        "xaxis2": waits | {"domain": [WAITS_FROM, 1], "anchor": "y", **above},
        "yaxis": {"range": [n_rows, -0.7], "showticklabels": False, "showgrid": False, "fixedrange": True},
    }
    narrow = {"margin.l": PHONE_PX, "margin.r": 28, "annotations": phone, "xaxis.visible": False}
    narrow |= {"xaxis.domain": [0, 1], "xaxis2.domain": [0, 1]}
    height = int(ROW_PX * (n_rows + 0.7)) + HEAD_PX + GAP_PX
    data = [_work(runs, fleet.theme), *_waits(runs, fleet.theme)]
    return Drawing(data, layout, height, narrow, hidden=(0,))


def _texts(fleet: Fleet, runs: pd.DataFrame, heads: Heads, left: int) -> tuple[list[Text], list[Text]]:
    """Write the columns of text beside the bars, on a wide screen and on a phone."""
    theme, ids, sure = fleet.theme, -ID_PX - 6, GAP_PX + STATUS_PX
    names, phone_names = GAP_PX - left, 8 - PHONE_PX
    wide = [_beside(names, y, bold(words), color, 13) for y, words, color in heads]
    phone = [_beside(phone_names, y, bold(words), color, 13) for y, words, color in heads]
    for run in runs.to_dict("records"):
        look, row = status(run["status"]), run["y"]
        word = run["confidence"] if isinstance(run["confidence"], str) else MISSING
        color, sure_color = getattr(theme, look.color), getattr(theme, CONFIDENCE_COLORS.get(word, "muted"))
        wide += [
            _beside(names, row, plain(run["business"], NAME), theme.text),
            _beside(ids, row, plain(short_id(run["run_id"])), theme.muted, 11, MONO),
            _beside(GAP_PX, row, bold(plain(look, 20)), color, x=1),
            _beside(sure, row, plain(word.capitalize(), 14), sure_color, x=1),
        ]
        phone += [
            _beside(phone_names, row, plain(run["business"], PHONE_LETTERS), theme.text, 11),
            _beside(6, row, look.icon, color, x=1),
        ]
    columns: list[tuple[str, float, float, float]] = [("Business", names, 0, 0), ("Run", ids, 0, 0)]
    columns += [("Status", GAP_PX, 1, 0), ("Confidence", sure, 1, 0)]
    columns += [("Agent work", 0, 0, 18), ("Waiting for a reviewer (log scale)", 0, WAITS_FROM, 18)]
    wide += [_head(*column) for column in columns]
    if fleet.sla_h:
        wide.append(_head(fleet.over_sla, 4, float(np.log10(fleet.sla_h * 3_600)), 34) | {"xref": "x2"})
    phone.append(_head("Waiting for a reviewer; a wide screen shows the work, too", phone_names, 0, 18))
    return wide, phone


def _placed(runs: pd.DataFrame, group: str | None, theme: Theme) -> tuple[Heads, pd.DataFrame]:
    """Put runs into groups: the headings, and the runs with their row as `y`."""
    if group is None:
        return [], runs.assign(y=np.arange(len(runs), dtype=float))
    column = runs[{"status": "status", "business": "business", "agent": "agent_name"}[group]]
    key = column.astype(object).where(column.notna(), "Unknown")
    order = key.map(runs["rank"].groupby(key).min()) if group == "status" else -key.map(key.value_counts())
    runs = runs.assign(key=key).iloc[np.lexsort([key.rank(method="dense"), order])]
    heads, rows, y = [], [], 0.0
    for word, members in runs.groupby("key", sort=False):
        look = status(str(word)) if group == "status" else None
        words = f"{plain(look or word, 40)} {colored(f'{len(members):,}', theme.muted)}"
        heads.append((y, words, getattr(theme, look.color) if look else theme.text))
        rows += (y + 1.05 + np.arange(len(members))).tolist()
        y = rows[-1] + 1.35
    return heads, runs.assign(y=rows)


def _work(runs: pd.DataFrame, theme: Theme) -> Text:
    """Draw agent work: bars with their duration."""
    runs = runs[runs["working_s"].notna()]
    is_open = runs["status"] == "running"
    color = np.where(runs["status"] == "error", ERROR, np.where(is_open, theme.line, WORK))
    so_far = np.where(is_open, " so far", "")
    edge = {"color": WORK, "width": is_open.astype(float).tolist()}
    bar = {
        "type": "bar",
        "orientation": "h",
        "x": runs["working_s"].tolist(),
        "y": runs["y"].tolist(),
        "width": BAR,
        "marker": {"color": color.tolist(), "cornerradius": 3, "line": edge},
        "text": [duration(s) + more for s, more in zip(runs["working_s"], so_far, strict=True)],
    }
    look = {"textposition": "outside", "textfont": {"size": 11, "color": theme.text}, "cliponaxis": False}
    return bar | look | {"showlegend": False} | hover_texts(runs)


def _waits(runs: pd.DataFrame, theme: Theme) -> list[Text]:
    """Draw waits: a line with a dot, open while a question is pending."""
    runs = runs[runs["wait"] > 0]
    runs = runs.assign(end=runs["wait"].clip(lower=LEAST_WAIT))
    is_open = runs["status"] == "interrupted"
    traces = []
    for some, color in ((runs[is_open], theme.wait), (runs[~is_open], DONE_WAIT)):
        x = [at for end in some["end"] for at in (LEAST_WAIT, end, None)]
        y = [at for row in some["y"] for at in (row, row, None)]
        traces.append(lines(x, y, {"color": color, "width": 2}, xaxis="x2"))
    fill, edge = (np.where(is_open, color, DONE_WAIT).tolist() for color in (theme.ground, theme.wait))
    marker = {"size": 9, "color": fill, "line": {"width": 2, "color": edge}}
    so_far = np.where(is_open, " so far", "")
    words = [f"  {duration(s)}{more}  " for s, more in zip(runs["wait"], so_far, strict=True)]
    font = {"size": 11, "color": theme.text}
    look = {"mode": "markers+text", "marker": marker, "text": words, "textfont": font, "xaxis": "x2"}
    dots = lines(runs["end"].tolist(), runs["y"].tolist(), {}, **look)
    return [*traces, dots | {"textposition": "middle right", "cliponaxis": False} | hover_texts(runs)]


def _work_ticks(longest: float) -> tuple[float, dict[float, str]]:
    """Give the end of the axis of work, and its ticks."""
    longest = longest if longest > 0 else 1.0
    step = next((s for s in WORK_STEPS if longest / s <= MOST_WORK_TICKS), 86_400 * (longest // 432_000 + 1))
    places = np.arange(0, longest + step / 2, step).tolist()
    return longest, {at: duration(at) if at else "0" for at in places}


def _beside(px: float, y: float, text: str, color: str, size: int = 12, family: str = "", x: int = 0) -> Any:
    """A text that starts `px` right of an edge of the axes, in row `y`."""
    return note(text, color, size, family, xref="paper", x=x, xshift=px, y=y, xanchor="left")


def _head(text: str, px: float, x: float, up: float) -> Text:
    """The head of a column."""
    place = {"xref": "paper", "yref": "paper", "x": x, "y": 1, "xshift": px, "yshift": 8 + up}
    return note(text, "", 11.5, xanchor="left", yanchor="bottom") | place
