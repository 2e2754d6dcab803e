"""The words in the rows of a chart: their labels, the texts at the ends of bars, and the hover."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.api.jsontext import returned
from runkit.api.words import RUN_STATUSES, STATES
from runkit.charts._rows import HEAD
from runkit.charts.lines import Line, Span, shown, words
from runkit.display.text import agent_title, day, duration, first_text, plural
from runkit.facts import short_ids, time_words
from runkit.tables.frames import Frames
from runkit.time_budget import Ints

MAX_NAME = 30  # characters
MAX_VALUES = 3  # findings, and values of a result, in a hover text
INDENT = "\u00a0" * 4
MAX_INDENT = 5
MOST = 0.5  # of the runs; a name that more of them share is left out
NOT_KNOWN = "length not known"
WITHOUT_STEPS = "steps not in the data"
Row = dict[Any, Any]


def with_texts(
    f: Frames, runs: pd.DataFrame, table: pd.DataFrame, rows: pd.DataFrame, in_step: Ints
) -> pd.DataFrame:
    """Add `label`, `text` (both lines) and `hover` (a list of texts) to rows.

    Parameters
    ----------
    f
        Frames of the runs.
    runs
        The runs in the order of the frames, with the columns of `_in_order`.
    table
        The table of `Items`.
    rows
        The rows of `choose_rows`.
    in_step
        The row of a step in which each item is drawn.
    """
    is_head = rows["item"] == HEAD
    named_runs = runs.assign(name=_names(runs), short=short_ids(runs["run_id"]))
    of_run = named_runs.to_dict("records")
    of_step = table.loc[rows.loc[~is_head, "item"]].to_dict("index")
    has_error = table["error"].notna().to_numpy()
    errors = dict(zip(in_step[has_error], table["error"][has_error], strict=True))
    found = _findings(f)
    is_mixed = bool(is_head.any() and not is_head.all())
    texts = []
    for row, run, item in zip(rows.index, rows["run"], rows["item"], strict=True):
        if item == HEAD:
            label = _run_label(of_run[run], is_bold=is_mixed)
            text = _run_text(of_run[run])
            hover = _run_hover(of_run[run], label)
        else:
            step = of_step[item] | {"why": errors.get(row)}
            label = _step_label(step, below_run=is_mixed)
            text = _step_text(step)
            hover = _step_hover(step, found.get((step["run_id"], step["step_id"]), []))
        texts.append((label, text, hover))
    labels, ends, hovers = map(list, zip(*texts, strict=True))
    return rows.assign(label=labels, text=ends, hover=hovers)


def _names(runs: pd.DataFrame) -> pd.Series[str]:
    """Return what runs are called beside their ids; nothing for an agent that most share."""
    agents = pd.Series(map(agent_title, runs["agent"], runs["agent_name"]), runs.index, "object")
    is_common = agents == agents.mode()[0]
    if len(runs) > 1 and is_common.mean() > MOST:
        agents = agents.mask(is_common, "")
    return runs["business_name"].astype("object").fillna(agents)


def _findings(f: Frames) -> dict[Any, list[str]]:
    """Return what steps found, by run and step."""
    found: dict[Any, list[str]] = {}
    columns = (f.artifacts[name] for name in ("run_id", "step_id", "title"))
    for run_id, step_id, title in zip(*columns, strict=True):
        found.setdefault((run_id, step_id), []).append(f"◆ {shown(title)}")
    return found


# -------------------------------------------------------------------------------- rows of runs


def _run_label(run: Row, *, is_bold: bool) -> Line:
    state = RUN_STATUSES.find(run["status"])
    line = [Span(f"{state.icon} ", state.role, is_bold=True)]
    if run["name"]:
        line.append(Span(f"{shown(run['name'], MAX_NAME)} ", is_bold=is_bold))
    return [*line, Span(shown(run["short"]), "muted")]


def _run_text(run: Row) -> Line:
    """Write what a run took, what it waits for, and why it failed."""
    line = [_worked(run)]
    if pd.notna(run["since"]):
        line.append(_waiting(run["wait_s"], run["since"]))
    elif pd.notna(run["waiting_s"]) and run["waiting_s"]:
        line.append(Span(f"  + {duration(run['waiting_s'])} wait", "muted"))
    if isinstance(run["reason"], str):
        line.append(Span(f"  {shown(run['reason'])}", "fail"))
    return line


def _worked(run: Row) -> Span:
    if not run["has_steps"]:
        return Span(WITHOUT_STEPS, "muted")
    if pd.isna(run["working_s"]):
        return Span(NOT_KNOWN, "muted")
    is_open = RUN_STATUSES.is_a(run["status"], "running")
    return Span(_length(run["working_s"], is_open=is_open))


def _waiting(seconds: Any, since: Any) -> Span:
    """Write how long a question has been open, and since when."""
    text = f"waiting {duration(seconds)}" if pd.notna(seconds) else "waiting"
    return Span(f"  {text}, since {day(since, has_year=False)}", "attention", is_bold=True)


def _run_hover(run: Row, label: Line) -> list[str]:
    agent = agent_title(run["agent"], run["agent_name"])
    state = RUN_STATUSES.find(run["status"])
    lines = [words(label), f"{agent} · {state}", run["outcome"]]
    return [*(shown(line) for line in lines if first_text(line)), time_words(run)]


# -------------------------------------------------------------------------------- rows of steps


def _step_label(step: Row, *, below_run: bool) -> Line:
    depth = min(step["depth"] + below_run, MAX_INDENT)
    name = shown(step["label"])
    return [Span(INDENT * depth + name, is_bold=not step["is_leaf"] and not below_run)]


def _step_text(step: Row) -> Line:
    length = _length(step["duration_s"], is_open=step["state"] == "running")
    if step["is_wait"]:
        if step["state"] == "waiting" and pd.notna(step["started_at"]):
            return [_waiting(step["duration_s"], step["started_at"])]
        return [Span(f"{length}  {shown(_ending(step))}", "attention")]
    line = [Span(length)]
    if step["state"] == "failed":
        line = [Span(f"✕ {length}", "fail", is_bold=True)]
    if step["why"]:
        line.append(Span(f"  {shown(step['why'])}", "fail"))
    return line


def _length(seconds: Any, *, is_open: bool) -> str:
    if pd.isna(seconds):
        return NOT_KNOWN
    return f"{duration(seconds)} so far" if is_open else duration(seconds)


def _ending(step: Row) -> str:
    """Return how a question ended, or the state of another step."""
    asked = first_text(step["asked"]) if step["is_wait"] else None
    return asked or str(STATES.find(step["state"]))


def _step_hover(step: Row, found: list[str]) -> list[str]:
    """Write the agent of a step, its times, and what it found, returned, or was asked."""
    times = _length(step["duration_s"], is_open=step["state"] == "running")
    if pd.notna(step["self_s"]) and not step["is_leaf"]:
        times += f", {duration(step['self_s'])} of its own"
    lines = [step["label"], f"{step['agent_name']} · {_ending(step)}", times]
    if step["why"]:
        lines.append(step["why"])
    values = returned(step["result"]) if isinstance(step["result"], str) else []
    lines += [*found[:MAX_VALUES], *values[:MAX_VALUES]]
    n_more = len(found[MAX_VALUES:]) + len(values[MAX_VALUES:])
    if n_more:
        lines.append(plural(n_more, "more value"))
    return [shown(line) for line in lines]
