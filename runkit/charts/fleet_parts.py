"""What rows and points of a fleet chart share: the runs in order, the title and the scale of waits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.charts.labels import bold, colored, plain, wrapped
from runkit.style import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, Theme, status
from runkit.text import duration, moment, plural, run_label

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PHONE_LINE, LINE_PX = 44, 17  # letters of a line of a title on a phone, and its height
LEAST_WAIT, MOST_WAIT = 30.0, 30 * 86_400.0  # seconds: the log scale
WAIT_TICKS = {60: "1 min", 600: "10 min", 3_600: "1 h", 14_400: "4 h", 86_400: "1 d", 864_000: "10 d"}
WORK, DONE_WAIT, ERROR = AGENT_COLORS[0], OTHER_COLOR, FAILED_COLOR
ORDER = ("error", "interrupted", "running", "completed")  # of statuses, the most urgent first
MONO = "ui-monospace, 'JetBrains Mono', Menlo, Consolas, monospace"


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
            return bold(name)
        first, last = self.time(created.min()), self.time(created.max())
        between = first if first == last else f"{first} to {last}"
        return f"{bold(name)} {colored(f'· {between}', self.theme.muted)}"

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


def base_layout(fleet: Fleet, lines: list[str]) -> dict[str, Any]:
    """Give the title over `lines`, the text for screen readers and how the mouse acts."""
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


def fit_phone(
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


def wait_axis(first: float, last: float, room: float, more: dict[float, str] | None = None) -> Any:
    """A log scale from `first` to `last` seconds, and `room` beyond as a share of the whole."""
    low, high = np.log10(first), np.log10(last)
    ticks = (more or {}) | WAIT_TICKS
    return {
        "type": "log",
        "range": [float(low), float(low + (high - low) / (1 - room))],
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
    }


def sla_band(fleet: Fleet, axis: str) -> list[dict[str, Any]]:
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


def hover_texts(runs: pd.DataFrame) -> list[str]:
    """What a run's mark says: its label, its state, its work and its wait."""
    texts = []
    for run in runs.to_dict("records"):
        label = run_label(run["run_id"], run["business_name"], run["agent_name"])
        so_far = " so far" if run["status"] == "interrupted" else ""
        wait = f"{duration(run['wait'])} waiting{so_far}" if run["wait"] > 0 else "no wait"
        lines = (bold(plain(label, 80)), plain(status(run["status"]), 30))
        texts.append("<br>".join([*lines, f"{duration(run['working_s'])} work, {wait}"]))
    return texts


def annotation(text: str, color: str, size: float = 12, font: str | None = None) -> dict[str, Any]:
    """Give a text of the figure, without a place."""
    family = {"family": font} if font else {}
    return {"text": text, "showarrow": False, "font": {"size": size, "color": color, **family}}
