"""Figures read back as numbers: what plotly.js would draw, without plotly.js."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from runkit.charts.gantt import gantt

LOOKS = {
    "contains other steps",
    "other type",
    "activity",
    "output",
    "settled by policy",
    "waiting for a person",
    "error",
}
STEPS = LOOKS | {"no duration"}


def values(data: Any) -> np.ndarray:
    """An array out of plotly's JSON, typed or plain."""
    if isinstance(data, dict):
        return np.frombuffer(base64.b64decode(data["bdata"]), data["dtype"])
    return np.array([] if data is None else [value for value in data if value is not None])


@dataclass
class Drawn:
    """A figure's JSON, with questions that tests ask."""

    json: dict[str, Any]

    @classmethod
    def of(cls, source: object, **options: Any) -> Drawn:
        """Draw `source`."""
        return cls(json.loads(gantt(source, **options).to_json()))

    @property
    def layout(self) -> dict[str, Any]:
        """The layout."""
        return dict(self.json["layout"])

    @property
    def title(self) -> str:
        """The title on one line."""
        return str(self.layout["title"]["text"]).replace("<br>", " ")

    @property
    def names(self) -> list[str]:
        """What the legend says."""
        return [trace["name"] for trace in self.json["data"] if "name" in trace]

    def trace(self, name: str) -> dict[str, Any]:
        """The one trace of that name."""
        [found] = [trace for trace in self.json["data"] if trace.get("name") == name]
        return dict(found)

    def numbers(self, key: str, names: set[str] = LOOKS) -> np.ndarray:
        """All numbers under `key` in the traces of those names."""
        parts = [values(trace.get(key)) for trace in self.json["data"] if trace.get("name") in names]
        return np.concatenate([*parts, np.array([])])

    def hover(self, names: set[str] = STEPS) -> list[list[str]]:
        """All hover texts."""
        return [
            row
            for trace in self.json["data"]
            if trace.get("name") in names
            for row in trace.get("customdata") or []
        ]

    @property
    def rows(self) -> dict[str, float]:
        """Row numbers by label."""
        axis = self.layout["yaxis"]
        texts = [text.replace("\u00a0", "") for text in axis["ticktext"]]
        return dict(zip(texts, axis["tickvals"], strict=True))

    @property
    def ticks(self) -> dict[str, float]:
        """Places on the time axis by label."""
        axis = self.layout["xaxis"]
        return dict(zip(axis["ticktext"], axis["tickvals"], strict=True))


draw = Drawn.of
