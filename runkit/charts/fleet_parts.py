"""What rows and points of a fleet chart share: the runs in order, and the scale of waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.charts.labels import bold, plain
from runkit.charts.style import faded
from runkit.style import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, Theme, status
from runkit.text import duration, moment, run_label

LEAST_WAIT, MOST_WAIT = 30.0, 30 * 86_400.0  # seconds: the log scale
WORK, DONE_WAIT, ERROR = AGENT_COLORS[0], OTHER_COLOR, FAILED_COLOR
ORDER = ("error", "interrupted", "running", "completed")  # of statuses, the most urgent first


class Fleet(NamedTuple):
    """The runs in order, and how to draw them."""

    runs: pd.DataFrame
    theme: Theme
    sla_h: float | None
    tz: str

    def time(self, when: pd.Timestamp) -> str:
        """Give a time in words."""
        return moment(when.tz_convert(self.tz))

    @property
    def over_sla(self) -> str:
        """What the band is."""
        return f"over SLA ({self.sla_h:g} h)"

    def sla_band(self, axis: str) -> list[dict[str, Any]]:
        """Shade the waits beyond the time within which a reviewer should answer, on the axis of waits."""
        if self.sla_h is None:
            return []
        x, y = ("x", "y") if axis[0] == "x" else ("y", "x")
        place = {f"{x}ref": axis, f"{x}0": self.sla_h * 3_600, f"{x}1": 1e20}
        place |= {f"{y}ref": f"{y} domain", f"{y}0": 0, f"{y}1": 1}
        return [shaded(faded(self.theme.wait, 0.1)) | place]


class Drawing(NamedTuple):
    """A fleet without its title: `height` with what stands above the axes; `phone` changes it for phones."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]
    height: int
    phone: dict[str, Any]
    note: str = ""
    phone_note: str = ""
    hidden: tuple[int, ...] = ()


def shaded(color: str) -> dict[str, Any]:
    """A colored ground behind the marks, without its place."""
    return {"type": "rect", "fillcolor": color, "line": {"width": 0}, "layer": "below"}


def wait_axis(first: float, last: float, room: float, ticks: Mapping[Any, str]) -> dict[str, Any]:
    """A log scale from `first` to `last` seconds, and `room` beyond as a share of the whole."""
    low, high = np.log10(first), np.log10(last)
    span = [float(low), float(low + (high - low) / (1 - room))]
    places = {"tickvals": list(ticks), "ticktext": list(ticks.values())}
    return {"type": "log", "range": span, "fixedrange": True} | places


def hover_texts(runs: pd.DataFrame) -> dict[str, Any]:
    """What a run's mark says: its label, its state, its work and its wait."""
    texts = []
    for run in runs.to_dict("records"):
        label = run_label(run["run_id"], run["business_name"], run["agent_name"])
        so_far = " so far" if run["status"] == "interrupted" else ""
        wait = f"{duration(run['wait'])} waiting{so_far}" if run["wait"] > 0 else "no wait"
        lines = (bold(plain(label, 80)), plain(status(run["status"]), 30))
        texts.append("<br>".join([*lines, f"{duration(run['working_s'])} work, {wait}"]))
    return {"hovertext": texts, "hoverinfo": "text"}
