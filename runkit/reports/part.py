"""`Part`: one part of a report, and what several parts read of the frames."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, Template

from runkit.charts.panel import lasting, waited, when, words_of
from runkit.contract import FINAL_STATUSES
from runkit.html_tables import df_to_html, without_blanks
from runkit.style import CONFIDENCE_COLORS, TIERS, UNKNOWN_TIER, status
from runkit.text import (
    Markup,
    agent_title,
    block,
    css_variables,
    esc,
    plural,
    run_label,
    short_id,
    static_file,
    visible,
    web_host,
)

_STATIC = Path(__file__).parent / "static"
_FRAME = Markup('{}<div class="runkit-report">{}</div>')
_STYLE = Markup("<style>{}{}</style>").format(
    css_variables(".runkit-report"), static_file(_STATIC / "parts.css")
)
_FILTERS = {
    "agent": agent_title,
    "host": web_host,
    "label": lambda run: run_label(run["run_id"], run["business_name"], run["agent_name"]),
    "lasting": lasting,
    "plural": plural,
    "short_id": short_id,
    "status": status,
    "waited": waited,
    "when": when,
    "words": words_of,
}


class Part:
    """One part of a report, as HTML and as plain text."""

    def __init__(self, name: str, **values: Any) -> None:
        macro = getattr(_templates().make_module(values), name)
        self.html = Markup(macro())  # noqa: S704 - Jinja escapes each value
        # the first part has the style of all
        self._style = _STYLE if name == "head" else Markup("")

    def __repr__(self) -> str:
        # a space between cells
        return visible(self.html.replace("<", Markup(" <")).striptags())

    def _repr_html_(self) -> str:
        return block(_FRAME.format(self._style, self.html))


@cache
def _templates() -> Template:
    environment = Environment(loader=FileSystemLoader(_STATIC), autoescape=True, finalize=esc)
    environment.globals |= {"colors": CONFIDENCE_COLORS, "tiers": TIERS, "unknown_tier": UNKNOWN_TIER}
    environment.globals |= {"final_statuses": FINAL_STATUSES}
    environment.filters |= _FILTERS
    return environment.get_template("parts.html.j2")


def records(df: pd.DataFrame) -> list[dict[Any, Any]]:
    """Give the rows of a frame; a missing value is None."""
    return df.astype(object).where(df.notna(), None).to_dict("records")


def table_part(table: pd.DataFrame, limit: int | None = None) -> Part | None:
    """Show the first rows of a table; a note says what is left out."""
    rows = without_blanks(table.head(len(table) if limit is None else limit))
    return Part("plain_table", rows=df_to_html(rows, n_rows=len(table))) if len(table) else None
