"""Many runs in one figure: a row for each of up to 150 runs, beyond that a point for each.

The rows show agent work on a linear scale and waiting on a log scale, because waits last from seconds to
weeks. The points show when each run was created and how long it waited, so that questions that nobody
answers stand out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from runkit.charts import fleet_points, fleet_rows
from runkit.charts.fleet_parts import ORDER, Fleet
from runkit.charts.heading import heading_of
from runkit.charts.layout import figure_layout
from runkit.charts.style import chosen_theme, keep_private
from runkit.errors import UsageError
from runkit.tables.frames import Frames
from runkit.text import duration, plural

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Sort = Literal["attention", "time", "duration"]
Group = Literal["status", "business", "agent"]

NAMES = {"error": "failed", "running": "running"}  # statuses that are only counted
MOST_ROWS = 150  # a figure of more rows is taller than three screens


def fleet_chart(
    f: Frames,
    *,
    sort: Sort = "attention",
    group: Group | None = "status",
    sla_h: float | None = 4,
    tz: str = "UTC",
    title: str | None = None,
    has_list: bool = True,
) -> Figure:
    """Draw many runs.

    Parameters
    ----------
    f
        At least one run.
    sort
        `attention`: the longest waits first, failed runs newest first; `time`: newest first; `duration`:
        longest first.
    group
        What the rows are grouped by; None for one list.
    sla_h
        Hours within which a reviewer should answer; waits beyond lie on a band. None draws none.
    tz
        An IANA time zone, for times in words and on the axis.
    title
        Replaces "40 runs" in the title.
    has_list
        Whether the runs that need attention are listed beside the points.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    UsageError
        For an `sla_h` that cannot be used.
    """
    import plotly.graph_objects as go

    if sla_h is not None and not (isinstance(sla_h, int | float) and 0 < sla_h < float("inf")):
        raise UsageError(f"sla_h={sla_h!r} cannot be used; expected a positive number of hours, or None.")
    keep_private()
    fleet = Fleet(_runs(f, sort), chosen_theme(), sla_h, tz)
    is_rows = len(fleet.runs) <= MOST_ROWS
    drawing = fleet_rows.draw(fleet, group) if is_rows else fleet_points.draw(fleet, has_list)
    lines = [[(title or plural(len(fleet.runs), "run"), "text+"), (_created(fleet), "muted")]]
    lines += [[(" · ".join(_counts(fleet)), "muted")], *([[(drawing.note, "muted")]] if drawing.note else [])]
    heading = heading_of(lines, fleet.theme, drawing.phone_note)
    layout = figure_layout(fleet.theme, heading, drawing.height, 0)
    layout["meta"] |= {"narrow": {"layout": drawing.phone, "hidden": drawing.hidden}}
    drawing.layout["margin"]["t"] += layout["height"] - drawing.height
    return go.Figure(drawing.data, layout | drawing.layout)


def _created(fleet: Fleet) -> str:
    """When the runs were created."""
    created = fleet.runs["created_at"].dropna()
    if created.empty:
        return ""
    ends = dict.fromkeys((fleet.time(created.min()), fleet.time(created.max())))
    return f" · {' to '.join(ends)}"


def _counts(fleet: Fleet) -> list[str]:
    """What stands out, in numbers."""
    own = {word: fleet.runs[fleet.runs["status"] == word] for word in ORDER}
    waits, parts = own["interrupted"]["wait"], []
    if len(waits):
        parts.append(f"{len(waits):,} waiting, oldest {duration(waits.max())}")
        n_over = int((waits > fleet.sla_h * 3_600).sum()) if fleet.sla_h else 0
        parts += [f"{n_over:,} {fleet.over_sla}"] if n_over else []
    parts += [f"{len(own[word]):,} {name}" for word, name in NAMES.items() if len(own[word])]
    work = own["completed"]["working_s"].dropna()
    parts += [f"median work {duration(work.median())}"] if len(work) else []
    return parts or [plural(len(fleet.runs), "run")]


def _runs(f: Frames, sort: str) -> pd.DataFrame:
    """Give the runs with what is drawn of them, in order."""
    status = f.runs["status"].astype(object).where(f.runs["status"].notna(), "unknown")
    rank = status.map({word: n for n, word in enumerate(ORDER)}).fillna(len(ORDER))
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].groupby("run_id")["wait_s"].max()
    open_wait = f.runs["run_id"].map(pending).where(status == "interrupted")
    business = f.runs["business_name"].fillna(f.runs["agent_name"]).fillna(f.runs["agent"])
    wait = open_wait.fillna(f.runs["waiting_s"])
    runs = f.runs.assign(status=status, rank=rank, wait=wait, business=business)
    newest = runs["created_at"].rank(ascending=False, na_option="bottom")
    longest = newest.where(status == "error", -wait.fillna(0))
    keys = {
        "time": [newest],
        "duration": [-runs["duration_s"].fillna(-1)],
        "attention": [-runs["working_s"].fillna(0), longest, rank],
    }
    return runs.iloc[np.lexsort(keys[sort])].reset_index(drop=True)
