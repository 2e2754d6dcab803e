"""Every panel, and the texts of a panel as a person reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import runkit
from runkit.screens import one_run, pages
from runkit.screens.panel import Panel

HIDDEN = re.compile(r"<style>.*?</style>", re.DOTALL)
BREAKS = re.compile(r"</(?:p|h\d|blockquote|li|td|th|summary|small|b|dt|dd)>")

FLEET: dict[str, Callable[[runkit.Frames], Panel]] = {
    **{name: getattr(runkit.fleet, name) for name in runkit.fleet.__all__},
    "overview": lambda f: runkit.overview(f, sla_h=4),
    "late": lambda f: runkit.fleet.waits(f, sla_h=4),
    "frames": pages.runs_panel,
    "answered": pages.answered_panel,
    "head": pages.head,
    "folded": pages.folded_tables,
    "show": lambda f: pages.show_panel(f, sla_h=4),
    "inbox": lambda f: pages.inbox_panel(f, sla_h=4),
    "changes": lambda f: pages.changed_panel(runkit.changes([], f)),
}
ONE: dict[str, Callable[[runkit.Frames], Panel]] = {
    **{name: getattr(one_run, name) for name in one_run.__all__ if name != "step"},
    "beside_others": lambda f: runkit.one_run.beside_others(f, f.runs["run_id"][0]),
    "head": pages.head,
    "folded": pages.folded_tables,
    "show": lambda f: pages.show_panel(f, sla_h=4),
}


def texts(panel: Panel) -> list[str]:
    """The pieces of text of a panel, without those of its figure."""
    html = HIDDEN.sub("", panel._repr_html_())
    pieces = (unescape(re.sub("<[^>]*>", " ", part)) for part in BREAKS.split(html))
    return [" ".join(piece.split()) for piece in pieces if piece.strip()]


def tiles(panel: Panel) -> dict[str, str]:
    """The counts of a panel: the number and what follows it, by name."""
    block = panel.blocks[0]
    return {tile.name: f"{tile.number} {tile.rest}" for tile in block.tiles}


def headings(panel: Panel) -> dict[str, int | None]:
    """The numbers in the headings of the tables of a panel."""
    return {table.heading: table.n for table in panel.blocks if getattr(table, "heading", "")}
