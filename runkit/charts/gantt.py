"""`gantt()`: what runs did and when, as a plotly figure that says in one sentence what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from runkit.api.words import RUN_STATUSES
from runkit.arguments import checked
from runkit.charts._items import Items, items_of
from runkit.charts._layout import Chart, chart_of
from runkit.charts._marks import marks_of
from runkit.charts._row_texts import with_texts
from runkit.charts._rows import HEAD, MAX_ROWS, choose_rows, rows_of_items
from runkit.charts._time_axis import axis_of
from runkit.charts.lines import Line, Span, shown
from runkit.display.text import agent_title, first_text, moment, plural
from runkit.errors import UsageError
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.run_rules import is_a, short_ids, time_words
from runkit.tables.sources import Source

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_TITLE = 200  # characters
FAILED_SHARE = 1 / 3  # of the rows, for failed runs while there are some
ORDER = ("waiting", "failed", "running", "done")  # meanings of statuses; other words are last
COUNTED = {"waiting": "waiting", "failed": "failed", "running": "running", "done": "completed"}


@checked
def gantt(
    source: Source,
    *,
    depth: Annotated[int, Field(ge=0)] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw runs as a Gantt chart.

    Several runs have a row each, and below it stand as many levels of steps as fit into 45 rows;
    what has no row of its own is drawn in the row of what it is part of. Of more than 45 runs those
    that wait longest, failed or run are drawn, and the subtitle counts them. Bars are solid where
    they are on the critical path. Times count from the start of each run, without its waits.

    Parameters
    ----------
    source
        `Frames`, or anything that `frames()` takes.
    depth
        Levels of steps that have rows, in at most 120 rows; 0 is the runs alone. None is as many as
        fit.
    title
        Replaces the name of the business and the agent.

    Returns
    -------
    plotly.graph_objects.Figure
        Its sentence is also in `figure.layout.meta["alt"]`. It is dark if
        `plotly.io.templates.default` is ("plotly_dark"). A drag zooms on time.

    Raises
    ------
    UsageError
        For a source without runs, and a depth that needs more than 120 rows.
    """
    from runkit.charts.figure import RunFigure

    f = frames(source)
    if f.runs.empty:
        raise UsageError(
            "There is no run to draw; expected at least one. "
            "What was refused is in frames().problems."
        )
    return RunFigure.of(draw(f, depth=depth, title=title))


def draw(f: Frames, *, depth: int | None = None, title: str | None = None) -> Chart:
    """Lay out the chart of frames with runs."""
    runs = in_order(f)
    chosen = runs if depth is not None else _first(runs)
    part = f if len(f.runs) == 1 else f.select(chosen["run_id"])
    items = items_of(part)
    chosen = chosen.reset_index(drop=True).assign(reason=_reasons(chosen, items.table))
    rows = choose_rows(items.table, len(chosen), depth)
    row_of = rows_of_items(items.table, rows)
    marks = marks_of(items, rows, row_of)
    return chart_of(
        with_texts(part, chosen, items.table, rows, row_of),
        marks,
        axis_of(items.table, chosen["duration_s"]),
        title=_title(runs, title),
        subtitle=_subtitle(f, runs, chosen, items, rows),
        legends=_legend(items, marks),
    )


def in_order(f: Frames) -> pd.DataFrame:
    """Sort runs: who waits, the longest first, failed, running, completed, each by their length.

    Adds `group` (the position in `ORDER`), `wait_s` and `since` of the longest open question, and
    `is_over`.
    """
    runs = f.runs
    pending = f.interrupts.loc[
        f.interrupts["outcome"].eq("pending"), ["run_id", "wait_s", "asked_at"]
    ]
    waits = pending.groupby("run_id").agg(wait_s=("wait_s", "max"), since=("asked_at", "min"))
    group = runs["status"].map(_group, na_action=None).astype("int64")
    group = group.mask(runs["n_pending"].fillna(0) > 0, 0)
    is_over = is_a(runs["status"], RUN_STATUSES, "over") | runs["ended_at"].notna()
    runs = runs.assign(group=group, is_over=is_over).join(waits, on="run_id")
    length = runs["wait_s"].where(group == 0, runs["working_s"]).fillna(-1)
    order = np.lexsort((-length, group))
    return runs.iloc[order].reset_index(drop=True)


def _group(status: Any) -> int:
    means = RUN_STATUSES.find(status).means
    return next((place for place, word in enumerate(ORDER) if word in means), len(ORDER))


def _reasons(runs: pd.DataFrame, items: pd.DataFrame) -> pd.Series[str]:
    """Return why runs failed, in the data's words, else in which step; None for the others."""
    failed = items[items["is_failed"]].sort_values("end", kind="stable", na_position="first")
    steps = dict(zip(failed["run"], failed["label"], strict=True))  # the last to end
    is_failed = runs["group"] == ORDER.index("failed")
    reasons: list[str | None] = []
    for number, (outcome, has_failed) in enumerate(zip(runs["outcome"], is_failed, strict=True)):
        reason = first_text(outcome)
        if reason is None and number in steps:
            reason = f"failed in {steps[number]}"
        reasons.append(reason if has_failed else None)
    return pd.Series(reasons, dtype="str")


def _first(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that have a row; failed ones keep a third of the rows."""
    if len(runs) <= MAX_ROWS:
        return runs
    is_failed = runs["group"] == ORDER.index("failed")
    kept = runs[is_failed].head(round(MAX_ROWS * FAILED_SHARE))
    others = runs.drop(kept.index).head(MAX_ROWS - len(kept))
    return pd.concat([kept, others]).sort_index()


# --------------------------------------------------------------------------------------- title


def _title(runs: pd.DataFrame, title: str | None) -> Line:
    if len(runs) > 1:
        return _title_of_many(runs, title)
    [run] = runs.to_dict("records")
    agent = agent_title(run["agent"], run["agent_name"])
    names = [title] if title else [first_text(run["business_name"]), agent]
    first, *more = filter(None, names)
    state = RUN_STATUSES.find(run["status"])
    line = [Span(shown(first, MAX_TITLE), is_bold=True)]
    line += [Span(f" · {shown(name)}", "muted") for name in more]
    return [*line, Span(" · ", "muted"), Span(shown(str(state), 30), state.role, is_bold=True)]


def _title_of_many(runs: pd.DataFrame, title: str | None) -> Line:
    businesses = runs["business_name"].unique()
    shared = first_text(*businesses) if len(businesses) == 1 else None
    name = title or shared
    count = plural(len(runs), "run")
    line = [Span(shown(name, MAX_TITLE), is_bold=True)] if name else []
    line.append(Span(f" · {count}", "muted") if name else Span(count, is_bold=True))
    for place, meaning in enumerate(ORDER[:-1]):
        n = int((runs["group"] == place).sum())
        role = RUN_STATUSES.find(RUN_STATUSES.meaning(meaning)[0]).role
        if n:
            line += [Span(" · ", "muted"), Span(f"{n:,} {COUNTED[meaning]}", role)]
    return line


def _subtitle(
    f: Frames, runs: pd.DataFrame, chosen: pd.DataFrame, items: Items, rows: pd.DataFrame
) -> list[Line]:
    """Write where the time went, what is drawn, and the clock of what is open."""
    clock = "" if chosen["is_over"].all() else f.clock
    n_rows = int(rows["item"].ne(HEAD).sum())
    n_steps = int((~items.table["is_record"]).sum())
    steps = f"{n_rows:,} of {n_steps:,} steps have a row" if 0 < n_rows < n_steps else ""
    if len(runs) == 1:
        first, last = _about_run(chosen)
        lines = [first, _joined(steps, clock), last]
    else:
        drawn = _counts(runs, chosen) if len(chosen) < len(runs) else ""
        created = runs["created_at"].agg(["min", "max"]).map(moment).unique()
        times = f"started {' to '.join(created)}"
        first = _joined(times, "time since each started, without waits")
        lines = [first, _joined(drawn, steps, clock)]
    return [line for line in lines if line]


def _about_run(runs: pd.DataFrame) -> tuple[Line, Line]:
    """Write where the time of one run went, and why it failed."""
    [run] = runs.to_dict("records")
    reason = first_text(run["reason"])
    why = [Span(shown(reason, MAX_TITLE), "fail")] if reason else []
    return _joined(time_words(run), f"run {shown(short_ids(runs['run_id']).iloc[0])}"), why


def _counts(runs: pd.DataFrame, chosen: pd.DataFrame) -> str:
    """Count what is drawn: `45 of 500 runs: 30 waiting, 15 failed`."""
    counts = chosen["group"].value_counts()
    words = [*COUNTED.values(), "other"]
    parts = [f"{counts[place]:,} {word}" for place, word in enumerate(words) if place in counts]
    return f"{len(chosen)} of {plural(len(runs), 'run')}: {', '.join(parts)}"


def _joined(*parts: str) -> Line:
    text = " · ".join(filter(None, parts))
    return [Span(text, "muted")] if text else []


def _legend(items: Items, marks: pd.DataFrame) -> tuple[list[Line], list[Line]]:
    """Return the legend of agents, and that of what else is drawn."""
    used = set(marks["color"])
    agents = [
        [Span("■ ", color), Span(shown(name, 40), "muted")]
        for color, name in items.agents.items()
        if color in used
    ]
    others = [
        [Span("■ ", color), Span(name, "muted")]
        for color, name in (("fail", "Failed step"), ("wait", "Waiting"))
        if color in used
    ]
    if {"solid", "pale"} <= set(marks["look"]):
        others.append([Span("Solid: on the critical path", "muted")])
    return agents, others
