"""Many runs in one figure: a row for each of up to 150 runs, beyond that a point for each.

The rows show agent work on a linear scale and waiting on a log scale, because waits last from seconds to
weeks. The points show when each run was created and how long it waited, so that questions that nobody
answers stand out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from runkit.charts.fleet_parts import ORDER, Fleet
from runkit.charts.fleet_points import fleet_points
from runkit.charts.fleet_rows import fleet_rows
from runkit.charts.layout import TOOLS
from runkit.charts.style import chosen_theme, keep_private, template
from runkit.errors import UsageError
from runkit.tables.frames import Frames

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Sort = Literal["attention", "time", "duration"]
Group = Literal["status", "business", "agent"]

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
        For a `sort`, `group` or `sla_h` that cannot be used.
    """
    if sort not in ("attention", "time", "duration"):
        raise UsageError.one_of("sort", sort, ["attention", "time", "duration"])
    if group not in ("status", "business", "agent", None):
        raise UsageError.one_of("group", group, ["status", "business", "agent"])
    if sla_h is not None and not (isinstance(sla_h, int | float) and 0 < sla_h < float("inf")):
        raise UsageError(f"sla_h={sla_h!r} cannot be used; expected a positive number of hours, or None.")
    keep_private()
    theme = chosen_theme()
    fleet = Fleet(_runs(f, sort), theme, sla_h, tz, title)
    figure = fleet_rows(fleet, group) if len(fleet.runs) <= MOST_ROWS else fleet_points(fleet, has_list)
    return figure.update_layout(template=template(theme), modebar={"remove": TOOLS})


def _runs(f: Frames, sort: str) -> pd.DataFrame:
    """Give the runs with what is drawn of them, in order."""
    runs = f.runs.copy()
    runs["status"] = runs["status"].astype(object).where(runs["status"].notna(), "unknown")
    runs["rank"] = runs["status"].map({word: n for n, word in enumerate(ORDER)}).fillna(len(ORDER))
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].groupby("run_id")["wait_s"].max()
    open_wait = runs["run_id"].map(pending)
    runs["wait"] = open_wait.where(runs["status"] == "interrupted", runs["waiting_s"]).fillna(
        runs["waiting_s"]
    )
    runs["business"] = runs["business_name"].fillna(runs["agent_name"]).fillna(runs["agent"])
    newest = runs["created_at"].rank(ascending=False, na_option="bottom")
    keys = {
        "time": [newest],
        "duration": [-runs["duration_s"].fillna(-1)],
        "attention": [
            runs["rank"],
            newest.where(runs["status"] == "error", -runs["wait"].fillna(0)),
            -runs["working_s"].fillna(0),
        ],
    }[sort]
    order = np.lexsort([key.to_numpy() for key in reversed(keys)])
    return runs.iloc[order].reset_index(drop=True)
