"""Figures read back as numbers: what plotly.js would draw, without plotly.js."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
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


@dataclass
class Chart:
    """A figure's JSON, with questions that tests ask."""

    json: dict[str, Any]

    @classmethod
    def of(cls, source: object, **options: Any) -> Chart:
        """Draw `source`."""
        return cls(json.loads(gantt(source, **options).to_json()))

    @property
    def layout(self) -> dict[str, Any]:
        """The layout."""
        return dict(self.json["layout"])

    @property
    def title(self) -> str:
        """The title on one line."""
        return words(str(self.layout["title"]["text"]))

    @property
    def bars(self) -> list[dict[str, Any]]:
        """The traces with a bar for each of some steps."""
        return [
            trace
            for trace in self.json["data"]
            if trace["type"] == "bar" and trace["name"] not in ("run", "solid")
        ]

    @property
    def legend(self) -> list[str]:
        """What the legend says, without its marks."""
        notes = [note for note in self.layout["annotations"] if note.get("name") == "legend"]
        texts = re.split("[■□●○✕◆]", words("".join(note["text"] for note in notes)))
        return [text.strip(", ") for text in texts if text]

    @property
    def solid(self) -> list[tuple[float, float, float]]:
        """Row, start and end of what is solid, in order of time."""
        traces = [trace for trace in self.json["data"] if trace.get("name") == "solid"]
        columns = ([values(trace[key]) for trace in traces] for key in ("y", "base", "x"))
        rows, starts, lengths = (np.concatenate([*parts, np.array([])]) for parts in columns)
        parts = zip(rows.tolist(), starts.tolist(), (starts + lengths).tolist(), strict=True)
        return sorted(parts, key=lambda part: part[1:])

    @property
    def slivers(self) -> list[tuple[float, float, float]]:
        """Row, start and end of what has no row of its own."""
        paths = [shape["path"] for shape in self.layout["shapes"] if shape["line"]["width"] == 8]
        parts = re.findall("M(.*?),(.*?)L(.*?),", "".join(paths))
        return sorted((float(row), float(start), float(end)) for start, row, end in parts)

    def trace(self, name: str) -> dict[str, Any]:
        """The one trace of that name that is no entry of the legend."""
        [found] = [
            trace
            for trace in self.json["data"]
            if trace.get("name") == name and len(values(trace.get("x"))) and trace["x"] != [None]
        ]
        return dict(found)

    def numbers(self, key: str, *names: str) -> np.ndarray:
        """All numbers under `key` in the bars of those names, else of all names."""
        parts = [
            values(trace.get(key)) for trace in self.bars if not names or trace["name"] in names
        ]
        return np.concatenate([*parts, np.array([])])

    @property
    def hover(self) -> list[str]:
        """What all steps say when a reader points at them."""
        traces = [*self.bars, *(item for item in self.json["data"] if item.get("name") == INSTANT)]
        return [text for trace in traces for text in trace["customdata"]]

    @property
    def durations(self) -> dict[float, str]:
        """What is written at the ends of bars, by row."""
        for trace in self.json["data"]:
            if trace.get("name") == "durations":
                return dict(
                    zip(values(trace["y"]).tolist(), map(words, trace["text"]), strict=True)
                )
        return {}

    @property
    def notes(self) -> list[str]:
        """The words in the drawing."""
        notes = self.layout.get("annotations", [])
        return [words(note["text"]) for note in notes if note.get("name") != "legend"]

    @property
    def rows(self) -> dict[str, float]:
        """Row numbers by label."""
        axis = self.layout["yaxis"]
        return dict(zip(map(words, axis["ticktext"]), axis["tickvals"], strict=True))

    @property
    def ticks(self) -> dict[str, float]:
        """Places on the time axis by label."""
        axis = self.layout["xaxis"]
        return dict(zip(axis["ticktext"], axis["tickvals"], strict=True))


draw = Chart.of
