"""Figures read back as numbers: what plotly.js would draw, without plotly.js."""

from __future__ import annotations

import base64
import json
import re
from html import unescape
from typing import Any

import numpy as np

from runkit.charts.gantt import gantt

WAIT, GROUP, FAILING, INSTANT = "waiting for a reviewer", "group", "✕ failing step", "instant"


def values(data: Any) -> np.ndarray:
    """An array out of plotly's JSON, typed or plain."""
    if isinstance(data, dict):
        return np.frombuffer(base64.b64decode(data["bdata"]), data["dtype"])
    return np.array([] if data is None else [value for value in data if value is not None])


def words(text: str) -> str:
    """A plotly text as a reader sees it, on one line."""
    return unescape(re.sub("<[^>]*>", "", text.replace("<br>", " "))).replace("\u00a0", "")


class Chart:
    """What a figure says: its title, the words in it, and its rows and ticks with their positions.

    `bars` are the traces with a bar for each of some steps, `durations` are the texts at the ends of bars, by row.
    """

    def __init__(self, source: object, **options: Any) -> None:
        self.json = json.loads(gantt(source, **options).to_json())
        self.traces = self.json["data"]
        self.layout = self.json["layout"]
        self.title = words(self.layout["title"]["text"])
        notes = [
            (note.get("name"), words(note["text"])) for note in self.layout.get("annotations", [])
        ]
        self.notes = [text for name, text in notes if name != "legend"]
        legend = "".join(text for name, text in notes if name == "legend")
        self.legend = [text.strip(", ") for text in re.split("[■□●○✕◆]", legend) if text]
        x = self.layout["xaxis"]
        y = self.layout["yaxis"]
        self.ticks = dict(zip(x["ticktext"], x["tickvals"], strict=True))
        self.rows = dict(zip(map(words, y["ticktext"]), y["tickvals"], strict=True))
        self.bars = [
            trace
            for trace in self.traces
            if trace["type"] == "bar" and trace.get("name") != "solid"
        ]
        texts = [trace for trace in self.traces if trace.get("name") == "durations"]
        self.durations = {
            row: words(text)
            for trace in texts
            for row, text in zip(trace["y"], trace["text"], strict=True)
        }

    @property
    def solid(self) -> list[tuple[float, float, float]]:
        """Row, start and end of what is solid, in order of time."""
        parts = [
            (row, start, start + length)
            for trace in self.traces
            if trace.get("name") == "solid"
            for row, start, length in zip(*(values(trace[key]) for key in ("y", "base", "x")), strict=True)
        ]  # fmt: skip
        return sorted(parts, key=lambda part: part[1:])

    @property
    def slivers(self) -> list[tuple[float, float, float]]:
        """Row, start and end of what has no row of its own."""
        paths = [shape["path"] for shape in self.layout["shapes"] if shape["line"]["width"] == 8]
        parts = re.findall("M(.*?),(.*?)L(.*?),", "".join(paths))
        return sorted((float(row), float(start), float(end)) for start, row, end in parts)

    def trace(self, name: str) -> dict[str, Any]:
        """The one trace of that name."""
        [trace] = [trace for trace in self.traces if trace.get("name") == name]
        return dict(trace)

    def numbers(self, key: str, *names: str) -> np.ndarray:
        """All numbers under `key` in the bars of those names, else of all names."""
        parts = [values(trace[key]) for trace in self.bars if not names or trace["name"] in names]
        return np.concatenate([*parts, np.array([])])


draw = Chart
