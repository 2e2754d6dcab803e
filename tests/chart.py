"""Figures read back as numbers and words: what plotly.js would draw, without plotly.js."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any, NamedTuple

import runkit
from runkit.charts.look import LOOKS

WIDTH = 848  # pixels of the picture


class Mark(NamedTuple):
    """A bar: its look, its color, its row, and its start and end in seconds of the axis."""

    look: str
    color: str
    row: int
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start


def words(text: str) -> str:
    """A plotly text as a reader sees it."""
    return unescape(re.sub("<[^>]*>", "", text)).replace("\u00a0", " ").strip()


class Chart:
    """What a figure says: its title, the lines below, its rows with their texts, and its marks."""

    def __init__(self, source: object, **options: Any) -> None:
        self.figure = runkit.gantt(source, **options)
        self.json = json.loads(self.figure.to_json())
        layout = self.layout = self.json["layout"]
        traces = {trace["name"]: trace for trace in self.json["data"]}
        self.title = words(layout["title"]["text"])
        self.alt = layout["meta"]["alt"]
        notes = layout["annotations"]
        on_paper = [note for note in notes if note.get("xref") == "paper"]
        self.lines = [words(note["text"]) for note in on_paper if note["yshift"] > 0]
        entries = [note["text"] for note in on_paper if note["yshift"] < 0]
        self.legend = [words(text).lstrip("■□━▫|/ ") for text in entries]
        colors = [text.split("color:")[1][:7] for text in entries if "■" in text]
        self.colors = dict(zip(self.legend, colors, strict=False))
        in_plot = [note for note in notes if note.get("xref") != "paper"]
        self.bands = {words(note["text"]): note["x"] for note in in_plot}
        self.last_break = self.bands.pop("//", None)
        self.rows = [words(text) for text in layout["yaxis"]["ticktext"]]
        self.texts = [words(text) for text in traces["texts"]["text"]]
        self.hovers = [unescape(text) for text in traces["rows"]["customdata"]]
        axis = layout["xaxis"]
        self.ticks = dict(zip(axis["ticktext"], axis["tickvals"], strict=True))
        ys = layout["yaxis"]["tickvals"]
        margin = layout["margin"]
        low, high = axis["range"]
        self.second_px = (WIDTH - margin["l"] - margin["r"]) / (high - low)
        self.marks = [
            Mark(trace["name"], trace["marker"]["color"], ys.index(row), float(start), float(start + length))
            for trace in self.json["data"]
            if trace["name"] in LOOKS
            for row, start, length in zip(
                *(trace[key] for key in ("y", "base", "x")), strict=True
            )
        ]  # fmt: skip

    def of(self, look: str, row: int | str | None = None) -> list[Mark]:
        """The marks of a look, of all rows or of one, in order of time."""
        number = self.rows.index(row) if isinstance(row, str) else row
        found = [mark for mark in self.marks if mark.look == look and number in (None, mark.row)]
        return sorted(found, key=lambda mark: (mark.row, mark.start))

    def spans(self, look: str, row: int | str | None = None) -> list[tuple[float, float]]:
        """Start and end of the marks of a look, in milliseconds' precision."""
        return [(round(mark.start, 3), round(mark.end, 3)) for mark in self.of(look, row)]


draw = Chart
