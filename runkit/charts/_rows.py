"""What stands in the rows of a chart: texts, and marks in seconds since the start of their run."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.api.reading import returned
from runkit.api.words import RUN_STATUSES, STATES
from runkit.charts._items import RUN_ROW
from runkit.charts.look import Line, Span, shown, text_of
from runkit.display.text import agent_title, duration, first_text, plural
from runkit.facts import is_a, is_idle, times_text
from runkit.tables.frames import Frames

MAX_NAME_IN_ROW = 30  # characters
MAX_REASON_IN_ROW = 40  # in a chart of one run, in which a longer one stands below the title
MAX_HOVER_VALUES = 3  # findings, and values of a result
STEP_INDENT = "\u00a0" * 4
MAX_INDENT = 5
Row = dict[Any, Any]


def with_reasons(runs: pd.DataFrame, items: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Add to rows why they failed, each reason once.

    The reason of a run is that of the row of one of its steps, else that of its own row. In a chart
    of one run a long one stands below the title instead, and so does one that is in no row.

    Parameters
    ----------
    runs
        The runs in the order of the frames, with the columns of `run_facts`.
    items
        The table of `with_rows`.
    rows
        The rows of `choose_rows`.

    Returns
    -------
    pandas.DataFrame
        The rows with `reason`, null where the label says it, and `has_reason`: a row has the reason
        of the run.
    """
    failed = items.dropna(subset="error")
    error_of_row = dict(zip(failed["step_row"], failed["error"], strict=True))
    error = rows.index.to_series().map(error_of_row).astype("object")
    label = rows["item"].map(items["label"])
    of_run = rows["run"].map(runs["reason"])
    is_in_step = error.eq(of_run).groupby(rows["run"]).transform("any")
    is_run = rows["item"] == RUN_ROW
    reason = error.mask(error.eq(label)).mask(is_run, of_run.mask(is_in_step))
    is_below_title = of_run.str.len().gt(MAX_REASON_IN_ROW) & (len(runs) == 1)
    return rows.assign(
        reason=reason.mask(is_below_title & reason.eq(of_run)),
        has_reason=(is_in_step | is_run) & ~is_below_title,
    )


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
    return [part for span in line for part in (span, Span("\u00a0\u00a0"))][:-1]


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


# ---------------------------------------------------------------------------------------- marks


def marks_of(items: pd.DataFrame, path: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what is drawn in the rows, in seconds since the run started.

    The row of a run shows its critical path, which covers its working time without overlap, and its
    steps only where it has no such path. There a failure is a mark where it happened.

    Parameters
    ----------
    items
        The table of `with_rows`.
    path
        The stretches of critical paths, of `Items`.
    rows
        The rows of `choose_rows`.

    Returns
    -------
    pandas.DataFrame
        | column | meaning |
        | --- | --- |
        | run, row | the run and the row of the mark |
        | start, end | seconds |
        | color | a name in `Theme` |
        | look | one of `look.LOOKS` |
    """
    path = path.assign(look="solid")
    has_path = items["run"].isin(path["run"])
    parts = []
    for column, is_whole in {"run_row": ~has_path, "step_row": has_path | True}.items():
        table = items.assign(row=items[column])
        parts += [path.assign(row=path["item"].map(table["row"])), *_leaf_marks(table, is_whole)]
    parts += _row_marks(table[table.index.isin(rows["item"])])
    marks = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return marks[(marks["row"] >= 0) & marks["start"].notna()]


def _leaf_marks(table: pd.DataFrame, is_whole: pd.Series[bool]) -> list[pd.DataFrame]:
    """Return the marks of questions, and of steps without parts: their whole or how they end."""
    start = table["start"]
    end = table["end"].fillna(start)
    state = table["state"]
    is_known = table["end"].notna()
    is_leaf = table["is_leaf"] & ~table["is_wait"] & ~table["is_record"]
    is_failed = is_leaf & state.eq("failed")
    is_pale = is_leaf & ~is_failed & is_known & is_whole & table["is_off_path"]
    is_running = is_leaf & is_a(state, STATES, "open") & is_known
    return [
        _marks(table[is_pale], "pale", start, end),
        _marks(table[is_running], "stub", end, end),
        _marks(table[is_failed], "fail", start.where(is_whole, end), end),
        _marks(table[table["is_wait"]], "wait", start, end),
    ]


def _row_marks(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the marks of steps that have a row: of their parts, and of an unknown end."""
    start = table["start"]
    is_known = table["end"].notna()
    is_step = ~table["is_wait"] & ~table["is_record"]
    is_group = is_step & ~table["is_leaf"] & is_known
    return [
        _marks(table[is_group], "group", start, table["end"]),
        _marks(table[is_step & ~is_known], "unknown", start, start),
    ]


def _marks(items: pd.DataFrame, look: str, start: Any, end: Any) -> pd.DataFrame:
    """Return a mark for each item; `start` and `end` may be of more items."""
    return items[["run", "color", "row"]].assign(look=look, start=start, end=end)
