"""Many runs in one figure: a row for each of up to 150 runs, beyond that a point for each.

The rows show agent work on a linear scale and waiting on a log scale, because waits last from seconds to
weeks. The points show when each run was created and how long it waited, so that questions that nobody
answers stand out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from runkit.charts.labels import plain, width_px, wrapped
from runkit.charts.layout import TOOLS
from runkit.charts.style import chosen_theme, keep_private, template
from runkit.errors import UsageError
from runkit.style import CONFIDENCE_COLORS, MISSING, STATUSES, Theme, status
from runkit.tables.frames import Frames
from runkit.text import duration, moment, plural, run_label, short_id

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Sort = Literal["attention", "time", "duration"]
Group = Literal["status", "business", "agent"]

MOST_ROWS = 150  # a figure of more rows is taller than three screens
MOST_POINTS = 5_000  # an SVG of more is slow to draw; with labels 5,000 take 0.4 MB
MOST_LISTED = {"interrupted": 13, "error": 7}  # beside the points
ROW_PX, BAR = 20, 0.6
NAME_PX = 230  # at most, of the column of names
ID_PX, STATUS_PX, CONFIDENCE_PX = 72, 104, 84  # the other columns
LIST_PX = 440  # beside the points
PHONE_PX, PHONE_LETTERS, PHONE_LINE = 132, 18, 44  # the column of names on a phone; letters of a line
LINE_PX = 17  # of a title on a phone
LEAST_WAIT, MOST_WAIT = 30.0, 30 * 86_400.0  # seconds: the log scale
TEXT_SHARE = 0.5  # of the scale of waits, for the words at the end of the longest one in a narrow notebook
WORK_SHARE, WAITS_FROM, WORK_TEXT = 0.38, 0.44, 0.6  # of the width; the words of work, of its longest bar
NO_WAIT = 11.0  # seconds: where runs without a wait are drawn, below every wait
WAIT_TICKS = {60: "1 min", 600: "10 min", 3_600: "1 h", 14_400: "4 h", 86_400: "1 d", 864_000: "10 d"}
ROW_TICKS = {
    "tickvals": [60, 3_600, 86_400, 864_000],
    "ticktext": ["1 min", "1 h", "1 d", "10 d"],
    "tickangle": 0,
}
WORK_STEPS = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400)
MOST_WORK_TICKS = 3
WORK, DONE_WAIT, ERROR = "#5B6B7F", "#7A8794", "#E03131"  # marks: 3:1 on white and on dark
ORDER = ("error", "interrupted", "running", "completed")
MONO = "ui-monospace, 'JetBrains Mono', Menlo, Consolas, monospace"


def fleet_chart(
    f: Frames,
    *,
    sort: Sort = "attention",
    group: Group | None = "status",
    sla_h: float | None = 4,
    tz: str = "UTC",
    title: str | None = None,
    has_list: bool = True,
) -> Figure:
    """Draw many runs.

    Parameters
    ----------
    f
        At least one run.
    sort
        `attention`: the longest waits first, failed runs newest first; `time`: newest first; `duration`:
        longest first.
    group
        What the rows are grouped by; None for one list.
    sla_h
        Hours within which a reviewer should answer; waits beyond lie on a band. None draws none.
    tz
        An IANA time zone, for times in words and on the axis.
    title
        Replaces "40 runs" in the title.
    has_list
        Whether the runs that need attention are listed beside the points.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    UsageError
        For a `sort`, `group` or `sla_h` that cannot be used.
    """
    if sort not in ("attention", "time", "duration"):
        raise UsageError.one_of("sort", sort, ["attention", "time", "duration"])
    if group not in ("status", "business", "agent", None):
        raise UsageError.one_of("group", group, ["status", "business", "agent"])
    if sla_h is not None and not (isinstance(sla_h, int | float) and 0 < sla_h < float("inf")):
        raise UsageError(f"sla_h={sla_h!r} cannot be used; expected a positive number of hours, or None.")
    keep_private()
    theme = chosen_theme()
    fleet = Fleet(_runs(f, sort), theme, sla_h, tz, title)
    figure = _rows(fleet, group) if len(fleet.runs) <= MOST_ROWS else _points(fleet, has_list)
    return figure.update_layout(template=template(theme), modebar={"remove": TOOLS})


class Fleet(NamedTuple):
    """The runs in order, and how to draw them."""

    runs: pd.DataFrame
    theme: Theme
    sla_h: float | None
    tz: str
    title: str | None

    def time(self, when: pd.Timestamp) -> str:
        """Give a time in words."""
        return moment(when.tz_convert(self.tz))

    @property
    def over_sla(self) -> str:
        """What the band is."""
        return f"over SLA ({self.sla_h:g} h)"

    def head(self) -> str:
        """Give the title: how many runs, and when they were created."""
        created = self.runs["created_at"].dropna()
        name = plain(self.title, 80) if self.title else plural(len(self.runs), "run")
        if created.empty:
            return f"<b>{name}</b>"
        first, last = self.time(created.min()), self.time(created.max())
        between = first if first == last else f"{first} to {last}"
        return f'<b>{name}</b> <span style="color:{self.theme.muted}">· {between}</span>'

    def counts(self) -> list[str]:
        """Give what stands out, in numbers."""
        runs = self.runs
        waiting, failed, running = (
            runs[runs["status"] == word] for word in ("interrupted", "error", "running")
        )
        parts = []
        if len(waiting):
            parts.append(f"{len(waiting):,} waiting, oldest {duration(waiting['wait'].max())}")
            over = int((waiting["wait"] > self.sla_h * 3_600).sum()) if self.sla_h else 0
            parts += [f"{over:,} {self.over_sla}"] if over else []
        parts += [f"{len(failed):,} failed"] if len(failed) else []
        parts += [f"{len(running):,} running"] if len(running) else []
        work = runs.loc[runs["status"] == "completed", "working_s"].dropna()
        parts += [f"median work {duration(work.median())}"] if len(work) else []
        return parts or [plural(len(runs), "run")]


def _runs(f: Frames, sort: str) -> pd.DataFrame:
    """Give the runs with what is drawn of them, in order."""
    runs = f.runs.copy()
    runs["status"] = runs["status"].astype(object).where(runs["status"].notna(), "unknown")
    runs["rank"] = runs["status"].map({word: n for n, word in enumerate(ORDER)}).fillna(len(ORDER))
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].groupby("run_id")["wait_s"].max()
    open_wait = runs["run_id"].map(pending)
    runs["wait"] = open_wait.where(runs["status"] == "interrupted", runs["waiting_s"]).fillna(
        runs["waiting_s"]
    )
    runs["business"] = runs["business_name"].fillna(runs["agent_name"]).fillna(runs["agent"])
    newest = runs["created_at"].rank(ascending=False, na_option="bottom")
    keys = {
        "time": [newest],
        "duration": [-runs["duration_s"].fillna(-1)],
        "attention": [
            runs["rank"],
            newest.where(runs["status"] == "error", -runs["wait"].fillna(0)),
            -runs["working_s"].fillna(0),
        ],
    }[sort]
    order = np.lexsort([key.to_numpy() for key in reversed(keys)])
    return runs.iloc[order].reset_index(drop=True)


# ------------------------------------------------------------------------------------------------- rows


def _rows(fleet: Fleet, group: str | None) -> Figure:
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
        _layout(fleet, [" · ".join(fleet.counts())]),
        annotations=notes,
        shapes=_band(fleet, "x2")
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
        xaxis2=_wait_axis(LEAST_WAIT, longest, TEXT_SHARE)
        | ROW_TICKS
        | {"domain": [WAITS_FROM, 1], "side": "top", "anchor": "y", "fixedrange": True},
        yaxis={"range": [n_rows, -0.7], "showticklabels": False, "showgrid": False, "fixedrange": True},
    )
    return _fit_phone(
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
    notes = [_left(16 - left, y, f"<b>{words}</b>", color, 13) for y, words, color in heads]
    phone = [_left(8 - PHONE_PX, y, f"<b>{words}</b>", color, 13) for y, words, color in heads]
    for name, run in zip(names, runs.to_dict("records"), strict=True):
        look, row = status(run["status"]), run["y"]
        word = run["confidence"] if isinstance(run["confidence"], str) else MISSING
        sure = getattr(theme, CONFIDENCE_COLORS.get(word, "muted"))
        notes += [
            _left(16 - left, row, name, theme.text),
            _left(name_px + 26 - left, row, plain(short_id(run["run_id"])), theme.muted, 11, MONO),
            _left(18, row, f"<b>{plain(look, 20)}</b>", getattr(theme, look.color), x=1),
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
        heads.append((y, f'{words} <span style="color:{theme.muted}">{len(members):,}</span>', color))
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
            hovertext=_hover(runs),
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
            hovertext=_hover(runs),
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


# ------------------------------------------------------------------------------------------------ points


def _points(fleet: Fleet, has_list: bool) -> Figure:
    """Draw a point per run: when it was created, and how long it waited."""
    import plotly.graph_objects as go

    theme, runs = fleet.theme, _bounded(fleet.runs[fleet.runs["created_at"].notna()])
    lines = [" · ".join(fleet.counts())]
    if len(runs) < len(fleet.runs):
        lines.append(f"{len(runs):,} of {len(fleet.runs):,} runs drawn")
    figure = go.Figure(_markers(fleet, runs))
    figure.update_layout(
        _layout(fleet, lines),
        height=560,
        margin={"l": 76, "r": LIST_PX if has_list else 24, "t": 104, "b": 76},
        xaxis={"type": "date", "fixedrange": False},
        yaxis=_wait_axis(NO_WAIT * 0.55, max(runs["wait"].max() * 1.5, MOST_WAIT), 0, {NO_WAIT: "no wait"})
        | {"fixedrange": True},
        legend={"orientation": "h", "x": 0, "y": -0.09, "yanchor": "top"},
        shapes=[
            *_band(fleet, "y"),
            {
                "type": "rect",
                "xref": "x domain",
                "x0": 0,
                "x1": 1,
                "y0": NO_WAIT * 0.58,
                "y1": NO_WAIT * 1.75,
                "fillcolor": theme.band,
                "line": {"width": 0},
                "layer": "below",
            },
        ],
        annotations=[*(_listed(fleet) if has_list else []), *_beside_band(fleet)],
    )
    layout = {"margin.l": 56, "margin.r": 12, "annotations": _beside_band(fleet)}
    layout |= {"xaxis.nticks": 4, "xaxis.tickangle": 0}
    left_out = ["The list of runs that need attention is on wide screens."] if has_list else []
    return _fit_phone(figure, layout, left_out)


def _markers(fleet: Fleet, runs: pd.DataFrame) -> list[Any]:
    """Draw a marker per run, a trace per status."""
    import plotly.graph_objects as go

    traces = []
    looks = {
        "completed": (DONE_WAIT, "circle", 0.0, 0.6),
        "running": (fleet.theme.accent, "circle", 0.0, 0.8),
        "interrupted": (fleet.theme.wait, "circle-open", 1.8, 1.0),
        "error": (ERROR, "x-thin", 2.2, 1.0),
    }
    for word in [*ORDER[::-1], *sorted(set(runs["status"]) - set(ORDER))]:
        some = runs[runs["status"] == word]
        if some.empty:
            continue
        color, symbol, width, opacity = looks.get(word, (DONE_WAIT, "diamond", 0.0, 0.8))
        # Spread over the lane by multiples of the golden ratio, so that points do not hide each other.
        spread = NO_WAIT * np.exp((some.index.to_numpy() * 0.618034 % 1 - 0.5) * 0.9)
        local = some["created_at"].dt.tz_convert(fleet.tz).dt.tz_localize(None)
        traces.append(
            go.Scatter(
                x=local.astype("datetime64[ms]").astype("int64").tolist(),
                y=np.where(some["wait"].fillna(0) > 0, some["wait"].clip(lower=LEAST_WAIT), spread).tolist(),
                mode="markers",
                name=f"{plain(status(word), 30)} {int((fleet.runs['status'] == word).sum()):,}",
                marker={
                    "size": 6.5 if symbol == "circle" else 8,
                    "color": color,
                    "symbol": symbol,
                    "opacity": opacity,
                    "line": {"width": width, "color": color},
                },
                hovertext=_hover(some),
                hoverinfo="text",
            )
        )
    return traces


def _bounded(runs: pd.DataFrame) -> pd.DataFrame:
    """Choose the runs to draw: those that wait or failed first, then the others evenly."""
    if len(runs) <= MOST_POINTS:
        return runs
    urgent = runs[runs["status"].isin(["interrupted", "error"])].iloc[: MOST_POINTS // 2]
    others = runs.drop(urgent.index)
    places = np.linspace(0, len(others) - 1, MOST_POINTS - len(urgent)).round().astype(int)
    return pd.concat([urgent, others.iloc[places]]).sort_index()


def _listed(fleet: Fleet) -> list[dict[str, Any]]:
    """List the runs that need attention, right of the points: the longest waits, the newest failures."""
    theme, runs = fleet.theme, fleet.runs
    some = runs[runs["status"].isin([*MOST_LISTED])]
    shown = sum(min(int((some["status"] == word).sum()), most) for word, most in MOST_LISTED.items())
    count = f'<span style="color:{theme.muted}">{shown} of {len(some):,}</span>'
    notes, down = [_aside(36, -28, f"<b>Needs attention</b> {count}", theme.text, 13)], 0.0
    orders: dict[str, tuple[str, str, bool, Callable[[Any], str]]] = {
        "interrupted": ("longest first", "wait", False, lambda run: f"{duration(run['wait'])} so far"),
        "error": ("newest first", "created_at", False, lambda run: fleet.time(run["created_at"])),
    }
    for word, (how, column, ascending, note) in orders.items():
        members = some[some["status"] == word].sort_values(column, ascending=ascending, kind="stable")
        if members.empty:
            continue
        head = f"<b>{STATUSES[word]} {len(members):,}, {how}</b>"
        notes.append(_aside(36, down, head, getattr(theme, STATUSES[word].color)))
        for run in members.head(MOST_LISTED[word]).to_dict("records"):
            down += 19
            notes += [
                _aside(36, down, plain(run["business"], 28), theme.text),
                _aside(226, down, plain(short_id(run["run_id"])), theme.muted, 11, MONO),
                _aside(LIST_PX - 16, down, note(run), theme.text) | {"xanchor": "right"},
            ]
        down += 30
    return notes


# ------------------------------------------------------------------------------------------------ shared


def _layout(fleet: Fleet, lines: list[str]) -> dict[str, Any]:
    theme = fleet.theme
    return {
        "title": {
            "text": fleet.head(),
            "font": {"size": 17, "color": theme.text},
            "subtitle": {"text": "<br>".join(lines), "font": {"size": 13, "color": theme.muted}},
            "x": 0,
            "xref": "container",
            "pad": {"l": 16, "t": 16},
            "y": 1,
            "yref": "container",
            "yanchor": "top",
        },
        "meta": {"alt": ". ".join([_bare(fleet.head()), *lines])},
        "uirevision": "runkit",
        "dragmode": "zoom",
        "hovermode": "closest",
    }


def _fit_phone(
    figure: Figure, changes: dict[str, Any], more: Sequence[str] = (), hidden: Sequence[int] = ()
) -> Figure:
    """Keep in the figure what `charts.page` changes on a narrow screen."""
    layout, size = figure.layout, '<span style="font-size:13px">'
    head, *dates = layout.title.text.split(" <span", 1)
    lines = [
        line for text in (*layout.title.subtitle.text.split("<br>"), *more) for line in wrapped(text, 44)
    ]
    n_lines = len(lines) + len(dates)
    small = [f"{size}<span{words}</span>".replace("· ", "", 1) for words in dates]
    changes |= {
        "title.text": "<br>".join([head, *small]),
        "title.subtitle.text": "<br>".join(lines),
        "margin.t": layout.margin.t + LINE_PX * (n_lines - 1),
        "height": layout.height + LINE_PX * (n_lines - 1),
    }
    return figure.update_layout(meta=layout.meta | {"narrow": {"layout": changes, "hidden": list(hidden)}})


def _bare(words: str) -> str:
    """Give our own words without their markup; those of runs are escaped in it."""
    return re.sub(r"</?(?:b|span)[^<>]*>", "", words)


def _wait_axis(first: float, last: float, room: float, more: dict[float, str] | None = None) -> Any:
    """A log scale from `first` to `last` seconds, and `room` beyond as a share of the whole."""
    low, high = np.log10(first), np.log10(last)
    ticks = (more or {}) | WAIT_TICKS
    return {
        "type": "log",
        "range": [float(low), float(low + (high - low) / (1 - room))],
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
    }


def _band(fleet: Fleet, axis: str) -> list[dict[str, Any]]:
    """Shade the waits beyond the time within which a reviewer should answer, on the axis of waits."""
    if fleet.sla_h is None:
        return []
    other = "y" if axis[0] == "x" else "x"
    return [
        {
            "type": "rect",
            f"{axis[0]}ref": axis,
            f"{other}ref": f"{other} domain",
            f"{axis[0]}0": fleet.sla_h * 3_600,
            f"{axis[0]}1": 1e20,
            f"{other}0": 0,
            f"{other}1": 1,
            "fillcolor": "rgba(217,119,6,.10)",
            "line": {"width": 0},
            "layer": "below",
        }
    ]


def _beside_band(fleet: Fleet) -> list[dict[str, Any]]:
    """Say what the band behind the points is."""
    if fleet.sla_h is None:
        return []
    place = {"xref": "x domain", "x": 0, "xshift": 6, "y": float(np.log10(fleet.sla_h * 3_600))}
    note = _note(fleet.over_sla, fleet.theme.attention, 11.5)
    return [note | place | {"xanchor": "left", "yanchor": "bottom"}]


def _hover(runs: pd.DataFrame) -> list[str]:
    """What a run's mark says: its label, its state, its work and its wait."""
    texts = []
    for run in runs.to_dict("records"):
        label = run_label(run["run_id"], run["business_name"], run["agent_name"])
        so_far = " so far" if run["status"] == "interrupted" else ""
        wait = f"{duration(run['wait'])} waiting{so_far}" if run["wait"] > 0 else "no wait"
        lines = (f"<b>{plain(label, 80)}</b>", plain(status(run["status"]), 30))
        texts.append("<br>".join([*lines, f"{duration(run['working_s'])} work, {wait}"]))
    return texts


def _note(text: str, color: str, size: float = 12, font: str | None = None) -> dict[str, Any]:
    family = {"family": font} if font else {}
    return {"text": text, "showarrow": False, "font": {"size": size, "color": color, **family}}


def _left(
    px: float, y: float, text: str, color: str, size: float = 12, font: str | None = None, x: int = 0
) -> Any:
    """A text that starts `px` right of an edge of the axes, in row `y`."""
    place = {"xref": "paper", "x": x, "xshift": px, "y": y, "xanchor": "left"}
    return _note(text, color, size, font) | place


def _head(text: str, px: float, x: float, up: float = 0) -> Any:
    """The head of a column."""
    place = {"xref": "paper", "yref": "paper", "x": x, "y": 1, "xshift": px, "yshift": 8 + up}
    return _note(text, "", 11.5) | place | {"xanchor": "left", "yanchor": "bottom", "font": {"size": 11.5}}


def _aside(px: float, down: float, text: str, color: str, size: float = 12, font: str | None = None) -> Any:
    """A text right of the axes, `px` from their edge and `down` from their top."""
    place = {"xref": "paper", "yref": "paper", "x": 1, "y": 1, "xshift": px, "yshift": -down}
    return _note(text, color, size, font) | place | {"xanchor": "left", "yanchor": "middle"}
