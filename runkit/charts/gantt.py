"""`gantt()`: what runs did and when, as a plotly figure that says in one sentence what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pandas as pd
from pydantic import Field

from runkit.api.words import RUN_STATUSES
from runkit.arguments import checked
from runkit.charts._items import MAX_CHART_ROWS, RUN_ROW, choose_rows, items_of, with_rows
from runkit.charts._layout import Chart, axis_of, chart_of
from runkit.charts._rows import marks_of, with_reasons, with_texts
from runkit.charts.look import Line, Span, shown, text_of
from runkit.display.colors import AGENT_COLORS
from runkit.display.text import agent_title, first_text, moment, plural
from runkit.errors import UsageError
from runkit.facts import is_a, run_facts, runs_in_order, times_text
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_TITLE, MAX_AGENT, MAX_STATUS = 200, 40, 30  # characters
MIN_OF_STATUS = MAX_CHART_ROWS // 4  # rows that the runs of each status keep
ROLES = {line.label: line.role for line in RUN_STATUSES.lines}  # of the labels of statuses


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
    that wait longest are drawn, then those that failed, run and are completed, each of at least 11
    if there are so many, and the subtitle counts them. Bars are solid where they are on the
    critical path, and outlined where not. Times count from the start of each run, without its
    waits.

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
        raise UsageError("There is no run to draw; expected at least one.")
    return RunFigure.of(draw(f, depth=depth, title=title))


def draw(f: Frames, *, depth: int | None = None, title: str | None = None) -> Chart:
    """Lay out the chart of frames with runs."""
    runs = _in_order(f)
    chosen = runs if depth is not None else _first(runs)
    part = f.select(chosen["run_id"])
    items = items_of(part)
    rows = choose_rows(items.table, chosen["label"], depth)
    table = with_rows(items.table, rows)
    rows = with_reasons(chosen, table, rows)
    marks = marks_of(table, items.path, rows)
    axis = axis_of(table, chosen["duration_s"])
    name, below, alt = _texts_around(f, runs, chosen, table, rows, title)
    looks = {*marks["look"]}
    if axis.bands:
        looks.add("band")
    if len(chosen) > 1 and chosen["idle_s"].gt(0).any():
        looks.add("gap")
    return chart_of(
        with_texts(part, chosen, table, rows),
        marks,
        axis,
        title=name,
        subtitle=below,
        alt=alt,
        legend=_legend(table, {*marks["color"]}, looks),
    )


def _in_order(f: Frames) -> pd.DataFrame:
    """Return the runs in their order, with the `label` of their status.

    It is waiting where a question is open.
    """
    runs = runs_in_order(run_facts(f))
    status = runs["status"].astype("object").mask(runs["wait_s"].notna(), "interrupted")
    return runs.assign(label=[RUN_STATUSES.find(word).label for word in status])


def _first(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that have a row; those of each status keep a quarter of the rows."""
    is_later = runs.groupby("label").cumcount() >= MIN_OF_STATUS
    in_turn = is_later.sort_values(kind="stable").index[:MAX_CHART_ROWS]
    return runs.loc[in_turn].sort_index(ignore_index=True)


# ------------------------------------------------------------------------------- texts around it


def _texts_around(
    f: Frames,
    runs: pd.DataFrame,
    chosen: pd.DataFrame,
    items: pd.DataFrame,
    rows: pd.DataFrame,
    title: str | None,
) -> tuple[Line, list[Line], str]:
    """Return the title, the lines below it, and the sentence that says what the chart shows."""
    write_heading = _heading_of_many if len(runs) > 1 else _heading_of_one
    name, times, reason = write_heading(runs, title)
    n_steps = (~items["is_record"]).sum()
    is_over = is_a(chosen["status"], RUN_STATUSES, "over").all()
    clock = "" if is_over else f.clock
    notes = _muted(_counted(chosen, runs), _counted_steps(rows, n_steps), clock)
    alt = "Timeline: " + ". ".join(filter(None, map(text_of, [name, times, notes, reason])))
    has_it_beside = rows["has_reason"].any()
    below = [times, notes, [] if has_it_beside else reason]
    return name, [line for line in below if line], alt


def _heading_of_one(runs: pd.DataFrame, title: str | None) -> tuple[Line, Line, Line]:
    """Name a run by its business and agent, with its status; write its times, and why it failed."""
    [run] = runs.to_dict("records")
    status = RUN_STATUSES.find(run["status"])
    agent = agent_title(run["agent"], run["agent_name"])
    names = [title] if title else [first_text(run["business_name"]), agent]
    line = _names(*names)
    line += [Span(" · ", "muted"), Span(shown(str(status), MAX_STATUS), status.role, is_bold=True)]
    reason = first_text(run["reason"])
    times = _muted(times_text(run), f"run {shown(run['short'])}")
    return line, times, [Span(shown(reason, MAX_TITLE), "fail")] if reason else []


def _heading_of_many(runs: pd.DataFrame, title: str | None) -> tuple[Line, Line, Line]:
    """Count runs, and those that are not completed by their status; write when they started."""
    business, *others = runs["business_name"].unique()
    name = title or (None if others else first_text(business))
    line = _names(name, plural(len(runs), "run"))
    for label, text in _counts(runs[~is_a(runs["status"], RUN_STATUSES, "done")]).items():
        line += [Span(" · ", "muted"), Span(text, ROLES.get(label, "muted"))]
    created = runs["created_at"].agg(["min", "max"]).map(moment).unique()
    started = f"Started {' to '.join(created)}"
    order = "longest first in each status"
    return line, _muted(started, "time since each started, without waits", order), []


def _names(*names: str | None) -> Line:
    first, *others = filter(None, names)
    line = [Span(shown(first, MAX_TITLE), is_bold=True)]
    line += [Span(f" · {shown(other)}", "muted") for other in others]
    return line


def _muted(*texts: str) -> Line:
    text = " · ".join(filter(None, texts))
    return [Span(text[:1].upper() + text[1:], "muted")] if text else []


def _counts(runs: pd.DataFrame) -> dict[str, str]:
    """Count runs by the label of their status, in their order."""
    numbers = dict(runs["label"].value_counts(sort=False))
    return {label: shown(f"{n:,} {label.lower()}", MAX_STATUS) for label, n in numbers.items()}


def _counted(chosen: pd.DataFrame, runs: pd.DataFrame) -> str:
    """Count the runs that have a row, if others have none."""
    if len(chosen) == len(runs):
        return ""
    counts = ", ".join(_counts(chosen).values())
    return f"{len(chosen)} of {plural(len(runs), 'run')}: {counts}"


def _counted_steps(rows: pd.DataFrame, n_steps: int) -> str:
    """Count the steps that have a row, if others have none."""
    n_rows = rows["item"].ne(RUN_ROW).sum()
    return f"{n_rows:,} of {n_steps:,} steps have a row" if 0 < n_rows < n_steps else ""


def _legend(items: pd.DataFrame, used: set[str], looks: set[str]) -> list[Line]:
    """Name the colors and the looks of marks; several runs share an axis without waits."""
    is_one = items["run"].nunique() == 1
    wait = "Waiting" if is_one else "Wait, not on the time axis"
    running = "▫ Still running" if is_one else "▫ Still running, cut where the axis ends"
    others = {"other_agents": "Other agents", "fail": "Failed step", "wait": wait}
    agents = dict(zip(items["color"], items["agent_name"], strict=True))
    names = dict.fromkeys([*AGENT_COLORS, *others]) | agents | others
    entries = [
        [Span("■ ", color), Span(shown(name, MAX_AGENT), "muted")]
        for color, name in names.items()
        if color in used
    ]
    signs = {
        "pale": "■ On, □ off the critical path"
        if "solid" in looks
        else "□ Critical path not known",
        "group": "━ Step with parts",
        "stub": running,
        "unknown": "| Length not known",
        "band": "// Wait, not on the time axis",
        "gap": "Gap: idle",
    }
    entries += [[Span(sign, "muted")] for look, sign in signs.items() if look in looks]
    return entries
