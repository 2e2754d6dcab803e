"""`Part`: one part of a report, and what several parts say of runs and questions."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, Template

from runkit.charts import one_run
from runkit.charts.panel import lasting, words_of
from runkit.contract import FINAL_STATUSES
from runkit.html_tables import df_to_html, without_blanks
from runkit.style import CONFIDENCE_COLORS, TIERS, UNKNOWN_TIER, outcome_words, status
from runkit.tables.frames import Frames
from runkit.text import (
    Markup,
    block,
    css_variables,
    duration,
    esc,
    plural,
    run_label,
    static_file,
    visible,
    web_host,
)

_STATIC = Path(__file__).parent / "static"
_FRAME = Markup('{}<div class="runkit-report">{}</div>')
_STYLE = Markup("<style>{}{}</style>").format(
    css_variables(".runkit-report"), static_file(_STATIC / "parts.css")
)


class Part:
    """One part of a report, as HTML and as plain text."""

    def __init__(self, name: str, **values: Any) -> None:
        macro = getattr(_templates().make_module(values), name)
        self.html = Markup(macro())  # noqa: S704 - Jinja escapes each value
        self._style = _STYLE if name == "head" else Markup("")  # the first part has the style of all

    def __repr__(self) -> str:
        return visible(self.html.replace("<", Markup(" <")).striptags())  # a space between cells

    def _repr_html_(self) -> str:
        return block(_FRAME.format(self._style, self.html))


@cache
def _templates() -> Template:
    environment = Environment(loader=FileSystemLoader(_STATIC), autoescape=True, finalize=esc)
    environment.globals |= {"colors": CONFIDENCE_COLORS, "tiers": TIERS, "unknown_tier": UNKNOWN_TIER}
    environment.filters |= {"words": words_of, "host": web_host, "status": status, "lasting": lasting}
    environment.filters |= {"label": label_of, "plural": plural}
    return environment.get_template("parts.html.j2")


def own_findings(f: Frames) -> pd.DataFrame:
    """Give the findings of one run, without its output if that sums others up."""
    found = one_run.found(f).table
    own = found[found["origin"] != "output"]
    return own if len(own) else found


def table_part(table: pd.DataFrame, limit: int | None = None) -> Part | None:
    """Show the first rows of a table; a note says what is left out."""
    rows = without_blanks(table.head(len(table) if limit is None else limit))
    return Part("plain_table", rows=df_to_html(rows, n_rows=len(table))) if len(table) else None


def left_out(n: int, what: str) -> str:
    """Say what is left out."""
    return f"{plural(n, what)} left out here." if n > 0 else ""


def or_none(value: Any) -> Any:
    """Give None for a missing value of a frame."""
    return None if pd.isna(value) else value


def ending_of(ask: dict[Any, Any]) -> str:
    """Say how a question ended, from its row in `interrupts`."""
    return outcome_words(ask["kind"], ask["outcome"], ask["decision"])


def label_of(run: Any) -> str:
    """Name a run, from its row in `runs`."""
    return run_label(run["run_id"], run["business_name"], run["agent_name"])


def lasting_of(run: Any) -> str:
    """Give the duration of a run; that of an open one is so far."""
    so_far = "" if run["status"] in FINAL_STATUSES or pd.isna(run["duration_s"]) else " so far"
    return f"{lasting(run['duration_s'])}{so_far}"


def work_of(run: Any) -> str:
    """Say how much of a run's time was work, if it is open, or waiting, if it has ended."""
    if pd.isna(run["waiting_s"]):
        return "steps not delivered"
    if run["status"] not in FINAL_STATUSES:
        return f"{duration(run['working_s'])} work"
    return f"{duration(run['waiting_s'])} waiting" if run["waiting_s"] else "no waiting"
