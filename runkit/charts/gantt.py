"""`gantt()`: what runs did and when, as a plotly figure that says in one sentence what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
from runkit.facts import open_questions, short_ids, time_words
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_TITLE = 200  # characters
MAX_FAILED = MAX_ROWS // 3  # rows that failed runs keep while there are some
ROLES = {line.label: line.role for line in RUN_STATUSES.lines}  # colors of words, in their order
WAITING, FAILED, COMPLETED = (
    RUN_STATUSES.find(word).label for word in ("interrupted", "error", "completed")
)


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
    runs = _in_order(f)
    chosen = runs if depth is not None else _first(runs)
    part = f.select(chosen["run_id"])
    items = items_of(part)
    rows = choose_rows(items.table, len(chosen), depth)
    in_step, in_run = rows_of_items(items.table, rows)
    marks = marks_of(items, rows, in_step, in_run)
    n_steps = int((~items.table["is_record"]).sum())
    return chart_of(
        with_texts(part, chosen, items.table, rows, in_step),
        marks,
        axis_of(items.table, chosen["duration_s"]),
        title=_title(runs, title),
        subtitle=_subtitle(f, runs, chosen, _counted(rows, n_steps)),
        legend=_legend(items, marks),
    )


def _in_order(f: Frames) -> pd.DataFrame:
    """Sort runs: who waits, failed, running, completed, other words, each by their length.

    Adds `word` (of its status, or waiting where a question is open), `reason` of failed runs, and
    `wait_s` and `since` of the longest open question.
    """
    asked = open_questions(f).groupby("run_id")
    waits = asked.agg(wait_s=("wait_s", "max"), since=("asked_at", "min"))
    runs = f.runs.join(waits, on="run_id")
    is_waiting = runs["n_pending"].fillna(0) > 0
    words = [RUN_STATUSES.find(status).label for status in runs["status"]]
    word = pd.Series(words).mask(is_waiting, WAITING)
    place = word.map({known: number for number, known in enumerate(ROLES)})
    length = runs["working_s"].mask(is_waiting, runs["wait_s"])
    runs = runs.assign(
        word=word, reason=runs["outcome"].where(word == FAILED), place=place, length=-length
    )
    return runs.sort_values(["place", "length"], kind="stable", ignore_index=True)


def _first(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that have a row; failed ones keep a third of the rows."""
    if len(runs) <= MAX_ROWS:
        return runs
    kept = runs[runs["word"] == FAILED].head(MAX_FAILED)
    others = runs.drop(kept.index).head(MAX_ROWS - len(kept))
    return pd.concat([kept, others]).sort_index(ignore_index=True)


# --------------------------------------------------------------------------------------- title


def _title(runs: pd.DataFrame, title: str | None) -> Line:
    business, *others = runs["business_name"].unique()
    name = title or (None if others else first_text(business))
    if len(runs) > 1:
        names = [name, plural(len(runs), "run")]
        n_of = _words(runs[runs["word"] != COMPLETED])
        states = {f"{n:,} {word.lower()}": ROLES.get(word, "muted") for word, n in n_of.items()}
    else:
        [run] = runs.to_dict("records")
        state = RUN_STATUSES.find(run["status"])
        names = [name, None if title else agent_title(run["agent"], run["agent_name"])]
        states = {str(state): state.role}
    first, *more = filter(None, names)
    line = [Span(shown(first, MAX_TITLE), is_bold=True)]
    line += [Span(f" · {shown(other)}", "muted") for other in more]
    for text, role in states.items():
        line += [Span(" · ", "muted"), Span(shown(text, 30), role, is_bold=len(runs) == 1)]
    return line


def _words(runs: pd.DataFrame) -> dict[str, int]:
    """Count runs by their word, in their order."""
    return dict(runs["word"].value_counts(sort=False))


def _counted(rows: pd.DataFrame, n_steps: int) -> str:
    n_rows = int(rows["item"].ne(HEAD).sum())
    return f"{n_rows:,} of {n_steps:,} steps have a row" if 0 < n_rows < n_steps else ""


def _subtitle(f: Frames, runs: pd.DataFrame, chosen: pd.DataFrame, steps: str) -> list[Line]:
    """Write where the time went, what is drawn, the clock of what is open, and why one failed."""
    is_over = chosen["word"].isin([COMPLETED, FAILED]).all()
    clock = "" if is_over else f.clock
    reason = None
    drawn = ""
    if len(runs) > 1:
        created = runs["created_at"].agg(["min", "max"]).map(moment).unique()
        times = (f"Started {' to '.join(created)}", "time since each started, without waits")
        if len(chosen) < len(runs):
            counts = [f"{n:,} {shown(word.lower())}" for word, n in _words(chosen).items()]
            drawn = f"{len(chosen)} of {plural(len(runs), 'run')}: {', '.join(counts)}"
    else:
        [run] = runs.to_dict("records")
        times = (time_words(run), f"run {shown(*short_ids(runs['run_id']))}")
        reason = first_text(run["reason"])
    texts = [" · ".join(filter(None, parts)) for parts in (times, (drawn, steps, clock))]
    lines = [[Span(text[:1].upper() + text[1:], "muted")] for text in texts if text]
    return [*lines, [Span(shown(reason, MAX_TITLE), "fail")]] if reason else lines


def _legend(items: Items, marks: pd.DataFrame) -> list[Line]:
    """Return the entries of agents, and of what else is drawn."""
    names = items.agents | {"fail": "Failed step", "wait": "Waiting"}
    used = set(marks["color"])
    entries = [
        [Span("■ ", color), Span(shown(name, 40), "muted")]
        for color, name in names.items()
        if color in used
    ]
    if "solid" in set(marks["look"]):
        entries.append([Span("Solid: on the critical path", "muted")])
    return entries
