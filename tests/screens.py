"""The texts of all screens that show facts, as a person reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from html import unescape

from runkit.reports._head import Labels, head

import runkit
from runkit.charts import report_panels
from runkit.shell import _terminal

TILE = re.compile(r"<li><span>(.*?)</span> <b class=.*?>(.*?)</b> <span>(.*?)</span></li>")
BLOCK = re.compile(r"</(?:p|h\d|li|div|summary|tr|details)>")
STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
TITLES = re.compile(
    r"\b(?:Open q|Q)uestion \d+|Finding [0-9a-f]+|Register \d+(?: refused the request \d)?|Step [\d.]+"
)
CLAUSE = re.compile(r"[.;·](?:\s|$)|\n|“|”")

Show = Callable[[runkit.Frames], list[str]]


def plain(html: object) -> str:
    """A piece of HTML on one line, without the titles that the runs themselves have."""
    text = unescape(re.sub("<[^>]*>", " ", str(html)))
    return TITLES.sub("Title", re.sub(r"\s+", " ", text))


def units(html: object) -> list[str]:
    """The texts of a screen; a tile is one, as `name: number | note`."""
    page = STYLE.sub("", str(html))
    notes = [f"{name}: {n} | {note}" for name, (n, note) in tiles(page).items()]
    return [*notes, *map(plain, BLOCK.split(TILE.sub("", page)))]


def tiles(html: object) -> dict[str, tuple[str, str]]:
    """The numbers of a screen and their notes, by name."""
    return {plain(name): (plain(n), plain(note)) for name, n, note in TILE.findall(str(html))}


def of_panel(panel: runkit.Panel) -> list[str]:
    """The sentence of a panel and what stands in place of its table."""
    return [plain(panel.sentence), *units(panel.body)]


def _sentence(name: str) -> Show:
    return lambda f: [plain(getattr(runkit.fleet, name)(f).sentence)]


def _chart(f: runkit.Frames) -> list[str]:
    """What a chart says to somebody who does not see it, and its hover texts."""
    figure = runkit.gantt(f)
    hovers = {text for trace in figure.data for text in _texts(trace.customdata)}
    return [
        plain(figure.layout.meta["alt"]),
        *(plain(line) for text in hovers for line in text.split("<br>")),
    ]


def _texts(values: object) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif values is not None:
        for value in values:
            yield from _texts(value)


def _lines(lines: Iterable[object]) -> list[str]:
    return [plain(line) for line in lines if not hasattr(line, "columns")]


FLEET: dict[str, Show] = {
    "print of the frames": lambda f: f.summary(),
    "overview": lambda f: of_panel(runkit.overview(f)),
    "report": lambda f: units(head(f, Labels(), None)),
    "chart": _chart,
    "terminal": lambda f: _lines([*_terminal.run_table(f), *_terminal.inbox(f, "")]),
    **{name: _sentence(name) for name in runkit.fleet.__all__},
}
"""Of many runs."""

RUN: dict[str, Show] = {
    "print of the frames": lambda f: f.summary(),
    "report": lambda f: units(head(f, Labels(), None)),
    "what happened": lambda f: of_panel(report_panels.what_happened(f)),
    "findings": lambda f: [plain(runkit.one_run.findings(f).sentence)],
    "questions": lambda f: of_panel(runkit.one_run.questions(f)),
    "terminal": lambda f: _lines(_terminal.run_tree(f)),
    "chart": _chart,
}
"""Of one run."""

PAIR: dict[str, Show] = {
    "report": lambda f: units(head(f, Labels(), None)),
    "comparison": lambda f: [plain(runkit.compare(f).attrs["sentence"])],
    "chart": _chart,
}
"""Of two runs."""


def clauses(texts: list[str]) -> list[str]:
    """What is between two full stops or semicolons."""
    return [part.strip() for text in texts for part in CLAUSE.split(text) if part.strip()]
