"""What a chart is made of: the steps of its runs, their questions, and the critical path.

Times are in seconds since the start of the run. What a step is comes from `steps.state`, its span
and the critical path from `tables.measure`, as in the frames.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.api.words import STEP_TYPES
from runkit.display.colors import AGENT_COLORS, OTHER_COLOR
from runkit.display.text import agent_title
from runkit.tables.frames import Frames
from runkit.tables.measure import EPOCH, Spans, questions_without_step, spans_of
from runkit.tables.run_rules import NOT_IN_THE_DATA, outcome_words
from runkit.time_budget import Flags, Ints

MICROS = 1e6
COLUMNS = [
    *("run_id", "step_id", "label", "agent", "type", "state", "started_at", "duration_s", "self_s"),
    *("error", "result"),
]
QUESTION = ["run_id", "step_id", "outcome", "decision", "answered_by"]


class Items(NamedTuple):
    """The items of a chart, and the stretches of their critical paths.

    `table` has the columns of steps and

    | column | meaning |
    | --- | --- |
    | run, parent | position of the run, and of the item that this one is part of, else -1 |
    | depth | 0 at the top |
    | start, end | seconds since the run started; null where not known |
    | is_known | the length is known |
    | is_wait | it is a question to a person |
    | is_leaf | it has no part but the record of an error |
    | is_record | it is the record of an error of what it is part of |
    | is_failed, is_running, is_waiting | its state |
    | is_on_path | it, or a part of it, is on the critical path |
    | asked | of a question that is over: how it ended |
    | agent_name, color | of its agent; the color may be `fail` or `wait` |

    `path` has `run`, `item`, `start`, `end` and `color` of each stretch that is no wait.
    """

    table: pd.DataFrame
    path: pd.DataFrame
    agents: dict[str, str]  # names of agents by their color


def items_of(f: Frames) -> Items:
    """Return the items of the runs of frames; parts stand behind what they are part of."""
    spans = spans_of(f.runs, f.steps, f.interrupts, (f.as_of - EPOCH) // timedelta(microseconds=1))
    table = _rows_of(f)
    types = table["type"].astype("str").str.lower()
    state = table["state"].astype("str").to_numpy(object)
    is_record = types.isin(STEP_TYPES.meaning("failed")).to_numpy() & (spans.parent >= 0)
    start, end = _seconds(table, spans)
    path = _path(spans)
    names, color_of_agent = _agents(f)
    agents = table["agent"].to_numpy(object)
    is_failed = state == "failed"
    color = np.array([color_of_agent.get(agent, OTHER_COLOR) for agent in agents], object)
    color[is_failed] = "fail"
    color[spans.is_wait] = "wait"
    table = table.assign(
        run=spans.run,
        parent=spans.parent,
        depth=spans.depth,
        start=start,
        end=end,
        is_known=spans.is_known,
        is_wait=spans.is_wait,
        is_leaf=_are_leaves(spans.parent, is_record),
        is_record=is_record,
        is_failed=is_failed,
        is_running=state == "running",
        is_waiting=(state == "waiting") & spans.is_wait,
        is_on_path=_are_on_path(path["item"], spans.parent),
        asked=pd.Series(_endings(f, table), table.index, "str"),
        agent_name=[names.get(agent, "Unknown agent") for agent in agents],
        color=color,
    )
    path = path.assign(run=spans.run[path["item"]], color=color[path["item"]])
    known = {color: names[agent] for agent, color in color_of_agent.items()}
    return Items(table, path, known | {OTHER_COLOR: "Other agents"})


def _rows_of(f: Frames) -> pd.DataFrame:
    """Return the steps, and behind them the open questions that are no step."""
    steps = f.steps[COLUMNS]
    asked = questions_without_step(f.interrupts)
    if asked.empty:
        return steps
    rows = asked[["run_id", "step_id", "agent"]].assign(
        label=asked["label"].fillna(NOT_IN_THE_DATA),
        type="interrupt",
        state="waiting",
        started_at=asked["asked_at"],
        duration_s=asked["wait_s"],
    )
    return pd.concat([steps.astype({"type": "str", "state": "str"}), rows], ignore_index=True)


def _seconds(table: pd.DataFrame, spans: Spans) -> tuple[Any, Any]:
    """Return start and end of items in seconds since their run started; null where not known."""
    started = table["started_at"].to_numpy("M8[us]")
    is_started = ~np.isnat(started)
    micros = started.astype(np.int64)
    first = np.full(len(spans.run_start), np.iinfo(np.int64).max)
    np.minimum.at(first, spans.run[is_started], micros[is_started])
    origin = np.where(spans.is_run_known, spans.run_start, first)[spans.run]
    start = np.where(is_started, (micros - origin) / MICROS, np.nan)
    return start, np.where(spans.is_known, (spans.end - origin) / MICROS, np.nan)


def _path(spans: Spans) -> pd.DataFrame:
    """Return the stretches of critical paths, but for waits; a run of unknown lengths has none."""
    item, since, until = spans.path().parts
    is_drawn = spans.is_budget_known[spans.run[item]] & ~spans.is_wait[item]
    item, since, until = item[is_drawn], since[is_drawn], until[is_drawn]
    origin = spans.run_start[spans.run[item]]
    start, end = (since - origin) / MICROS, (until - origin) / MICROS
    return pd.DataFrame({"item": item, "start": start, "end": end})


def _are_leaves(parent: Ints, is_record: Flags) -> Flags:
    is_leaf = np.ones(len(parent), np.bool_)
    is_leaf[parent[(parent >= 0) & ~is_record]] = False
    return is_leaf


def _are_on_path(items: pd.Series[int], parent: Ints) -> Flags:
    """Return which items are on the critical path, or have a part that is."""
    is_on = np.zeros(len(parent), np.bool_)
    for item in items.unique().tolist():
        while item >= 0 and not is_on[item]:
            is_on[item] = True
            item = parent[item]
    return is_on


def _endings(f: Frames, table: pd.DataFrame) -> list[str | None]:
    """Return how the questions among items ended."""
    questions = f.interrupts.loc[f.interrupts["step_id"].notna(), QUESTION].to_dict("records")
    endings = {(row["run_id"], row["step_id"]): outcome_words(row) for row in questions}
    return [endings.get(key) for key in zip(table["run_id"], table["step_id"], strict=True)]


def _agents(f: Frames) -> tuple[dict[str, str], dict[str, str]]:
    """Return names and colors of agents; those of the runs come first."""
    agents = pd.unique(pd.concat([f.runs["agent"], f.steps["agent"]]).dropna())
    named = dict(zip(f.runs["agent"], f.runs["agent_name"], strict=True))
    names = {agent: agent_title(agent, named.get(agent)) for agent in agents}
    return names, dict(zip(agents, AGENT_COLORS, strict=False))
