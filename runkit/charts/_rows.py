"""The rows of a chart: which steps have one, and the texts in them.

Where there are several runs each has a row, and below it stand as many levels of steps as fit. What
has no row of its own is drawn in the row of what it is part of.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.api.reading import returned
from runkit.api.words import RUN_STATUSES, STATES
from runkit.charts.look import Line, Span, shown, text_of
from runkit.display.text import agent_title, duration, first_text, plural
from runkit.errors import UsageError
from runkit.facts import is_idle, times_text
from runkit.tables.frames import Frames
from runkit.time_budget import Ints

MAX_CHART_ROWS = 45  # fit on one screen
MAX_ROWS_OF_DEPTH = 120  # rows of a chart whose depth somebody gave
RUN_ROW = NO_PARENT = -1  # in place of the item in the row of a run, and of a parent
MAX_NAME_IN_ROW, MAX_REASON_IN_ROW = 30, 40  # characters; a longer reason is cut there
MAX_HOVER_VALUES = 3  # findings, and values of a result
STEP_INDENT = "\u00a0" * 4
MAX_INDENT = 5
Row = dict[Any, Any]


def choose_rows(items: pd.DataFrame, status: pd.Series[str], depth: int | None) -> pd.DataFrame:
    """Return a row for each run that has one, and for each of some items, in order.

    Parameters
    ----------
    items
        The table of `Items`.
    status
        The label of the status of each run.
    depth
        Levels of steps with rows; None is as many as fit.

    Returns
    -------
    pandas.DataFrame
        `run`, `item`, which is `RUN_ROW` in the row of a run, and `section`, a number: a run with
        its steps is one, else the runs of one status.

    Raises
    ------
    UsageError
        For a depth that needs too many rows.
    """
    n_runs = len(status)
    has_run_rows = n_runs > 1 or depth == 0 or items.empty
    n_run_rows = n_runs if has_run_rows else 0
    steps = items[~items["is_record"]]
    if depth is None:
        steps = _fitting(steps, n_run_rows)
    else:
        steps = steps[steps["depth"] < depth]
        n_rows = n_run_rows + len(steps)
        if n_rows > MAX_ROWS_OF_DEPTH:
            raise UsageError(
                f"depth={depth} needs {n_rows:,} rows; a chart has at most {MAX_ROWS_OF_DEPTH}: "
                "leave depth out, use a smaller one, or select fewer runs."
            )
    of_runs = pd.DataFrame({"run": np.arange(n_run_rows), "item": RUN_ROW})
    of_steps = pd.DataFrame({"run": steps["run"], "item": steps.index})
    rows = pd.concat([of_runs, of_steps]).sort_values(["run", "item"], ignore_index=True)
    group = rows["run"] if len(of_steps) else rows["run"].map(status)
    return rows.assign(section=pd.factorize(group)[0])


def _fitting(steps: pd.DataFrame, n_run_rows: int) -> pd.DataFrame:
    """Return the steps of as many levels as fit; of a single run that is wider the most urgent."""
    n_of_level = np.bincount(steps["depth"], minlength=1)
    n_rows = n_run_rows + np.cumsum(n_of_level)
    n_levels = int((n_rows <= MAX_CHART_ROWS).sum())
    if not n_run_rows:
        n_levels = max(n_levels, 1)
    steps = steps[steps["depth"] < n_levels]
    urgency = pd.DataFrame(
        {
            "is_failed": steps["state"] == "failed",
            "is_waiting": steps["state"] == "waiting",
            "length": steps["end"] - steps["start"],
        }
    )
    in_order = urgency.sort_values([*urgency], ascending=False, kind="stable")
    return steps.loc[in_order.index[:MAX_CHART_ROWS]]


def rows_of_items(items: pd.DataFrame, rows: pd.DataFrame) -> tuple[Ints, Ints]:
    """Return the row of a step and the row of a run in which each item is drawn, -1 for none."""
    of_runs = rows[rows["item"] == RUN_ROW]
    run_row = pd.Series(of_runs.index, of_runs["run"]).reindex(items["run"], fill_value=-1)
    row_of = dict(zip(rows["item"], rows.index, strict=True)) | {NO_PARENT: -1}
    for item, parent in items["parent"].items():
        row_of.setdefault(item, row_of[parent])
    step_row = [row_of[item] for item in items.index]
    return np.array(step_row, np.int64), run_row.to_numpy()


def with_reasons(
    runs: pd.DataFrame, items: pd.DataFrame, rows: pd.DataFrame, step_row: Ints
) -> pd.DataFrame:
    """Add to rows why they failed, each reason once.

    The reason of a run is that of the row of one of its steps, else that of its own row. A long one
    also stands below the title of a chart of one run, and so does one that is in no row.

    Parameters
    ----------
    runs
        The runs in the order of the frames, with the columns of `run_facts`.
    items
        The table of `Items`.
    rows
        The rows of `choose_rows`.
    step_row
        The row of a step in which each item is drawn.

    Returns
    -------
    pandas.DataFrame
        The rows with `reason`, null where the label says it, and `has_reason`: a row has the whole
        reason of the run.
    """
    errors = items["error"].dropna()
    error_of_row = dict(zip(step_row[errors.index], errors, strict=True))
    error = pd.Series([error_of_row.get(row) for row in rows.index], rows.index, "object")
    label = rows["item"].map(items["label"])
    of_run = rows["run"].map(runs["reason"])
    is_in_step = error.eq(of_run).groupby(rows["run"]).transform("any")
    is_run = rows["item"] == RUN_ROW
    reason = error.mask(error.eq(label)).mask(is_run, of_run.mask(is_in_step))
    has_reason = (is_in_step | is_run) & of_run.str.len().le(MAX_REASON_IN_ROW)
    return rows.assign(reason=reason, has_reason=has_reason)


# ---------------------------------------------------------------------------------------- texts


def with_texts(
    f: Frames, runs: pd.DataFrame, table: pd.DataFrame, rows: pd.DataFrame
) -> pd.DataFrame:
    """Add `label`, `text` (both lines) and `hover` (a list of texts) to rows.

    Parameters
    ----------
    f
        Frames of the runs.
    runs
        The runs in the order of the frames, with the columns of `run_facts`.
    table
        The table of `Items`.
    rows
        The rows of `with_reasons`.
    """
    is_run = rows["item"] == RUN_ROW
    has_both = is_run.nunique() > 1
    of_run = runs.assign(name=_names(runs)).to_dict("records")
    of_step = table.loc[rows.loc[~is_run, "item"]].to_dict("index")
    found = f.artifacts.groupby(["run_id", "step_id"])["title"].agg(list).to_dict()
    texts = []
    for row in rows.to_dict("records"):
        reason = first_text(row["reason"])
        if row["item"] == RUN_ROW:
            texts.append(_row_of_run(of_run[row["run"]] | {"reason": reason}, is_bold=has_both))
        else:
            step = of_step[row["item"]] | {"reason": reason}
            step["found"] = found.get((step["run_id"], step["step_id"]), [])
            texts.append(_row_of_step(step, is_below_run=has_both))
    labels, ends, hovers = map(list, zip(*texts, strict=True))
    return rows.assign(label=labels, text=ends, hover=hovers)


def _names(runs: pd.DataFrame) -> pd.Series[str]:
    """Return what runs are called beside their ids; nothing for an agent that several share."""
    agents = pd.Series(map(agent_title, runs["agent"], runs["agent_name"]), runs.index, "object")
    if len(runs) > 1 and agents.nunique() == 1:
        agents[:] = ""
    return runs["business_name"].astype("object").fillna(agents)


def _row_of_run(run: Row, *, is_bold: bool) -> tuple[Line, Line, list[str]]:
    """Write the row of a run: its name; what it took, waits for and why it failed; its hover."""
    status = RUN_STATUSES.find(run["status"])
    label = [Span(f"{status.icon} ", status.role, is_bold=True)]
    if run["name"]:
        label.append(Span(f"{shown(run['name'], MAX_NAME_IN_ROW)} ", is_bold=is_bold))
    label.append(Span(shown(run["short"]), "muted"))

    text = [_worked(run)]
    if pd.notna(run["since"]):
        text.append(_waiting(run["wait_s"]))
    elif run["waiting_s"] > 0:
        text.append(Span(f"+ {duration(run['waiting_s'])} wait", "muted"))
    if run["reason"]:
        text.append(Span(shown(run["reason"]), "fail"))
    elif pd.isna(run["since"]) and is_idle(run):
        text.append(Span(f"+ {duration(run['idle_s'])} idle", "muted"))

    agent = agent_title(run["agent"], run["agent_name"])
    hover = [text_of(label), f"{agent} · {status}", first_text(run["outcome"]), times_text(run)]
    return label, _spaced(text), [shown(line) for line in hover if line]


def _spaced(line: Line) -> Line:
    """Return the parts of a text with space between them."""
    return [part for span in line for part in (span, Span("  "))][:-1]


def _worked(run: Row) -> Span:
    if not run["has_steps"]:
        return Span("steps not in the data", "muted")
    if pd.isna(run["working_s"]):
        return Span("length not known", "muted")
    is_open = RUN_STATUSES.is_a(run["status"], "running")
    return Span(_length(run["working_s"], is_open=is_open))


def _waiting(seconds: Any) -> Span:
    """Write how long a question has been open."""
    text = f"waiting {duration(seconds)}" if pd.notna(seconds) else "waiting"
    return Span(text, "attention", is_bold=True)


def _row_of_step(step: Row, *, is_below_run: bool) -> tuple[Line, Line, list[str]]:
    """Write the row of a step: its label, its length and how it ended, its hover."""
    indent = STEP_INDENT * min(step["depth"] + is_below_run, MAX_INDENT)
    is_bold = not step["is_leaf"] and not is_below_run
    label = [Span(indent), Span(shown(step["label"]), is_bold=is_bold)]
    length = _length(step["duration_s"], is_open=STATES.is_a(step["state"], "open"))
    return label, _spaced(_step_text(step, length)), _step_hover(step, length)


def _step_text(step: Row, length: str) -> Line:
    if step["is_wait"] and step["state"] == "waiting":
        return [_waiting(step["duration_s"])]
    if step["is_wait"]:
        return [Span(length, "attention"), Span(shown(_ending(step)), "attention")]
    state = STATES.find(step["state"])
    line = [Span(length)]
    if state.role == "fail":
        line = [Span(f"{state.icon} {length}", state.role, is_bold=True)]
    elif state.role == "muted":  # such as expired
        line.append(Span(str(state), state.role))
    if step["reason"]:
        line.append(Span(shown(step["reason"]), "fail"))
    return line


def _length(seconds: Any, *, is_open: bool) -> str:
    if pd.isna(seconds):
        return "length not known"
    return f"{duration(seconds)} so far" if is_open else duration(seconds)


def _ending(step: Row) -> str:
    """Return how a question ended, or the state of another step."""
    ending = first_text(step["ending"]) if step["is_wait"] else None
    return ending or str(STATES.find(step["state"]))


def _step_hover(step: Row, length: str) -> list[str]:
    """Write the agent of a step, its times, and what it found, returned, or asked."""
    times = length
    if pd.notna(step["self_s"]) and not step["is_leaf"]:
        times += f", {duration(step['self_s'])} of its own"
    lines = [step["label"], f"{step['agent_name']} · {_ending(step)}", times]
    if step["reason"]:
        lines.append(step["reason"])
    found = [f"◆ {shown(title)}" for title in step["found"]]
    values = returned(step["result"]) if isinstance(step["result"], str) else []
    first = [*found[:MAX_HOVER_VALUES], *values[:MAX_HOVER_VALUES]]
    lines += first
    n_more = len(found) + len(values) - len(first)
    if n_more:
        lines.append(plural(n_more, "more value"))
    return [shown(line) for line in lines]
