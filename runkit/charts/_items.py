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
from runkit.facts import NOT_IN_THE_DATA, outcome_words
from runkit.tables.frames import Frames
from runkit.tables.measure import EPOCH, Spans, questions_without_step, spans_of

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
    | is_wait | it is a question to a person |
    | is_leaf | it has no part but the record of an error |
    | is_record | it is the record of an error of what it is part of |
    | asked | of a question: how it ended |
    | agent_name, color | of its agent; the color may be `fail` or `wait` |

    `path` has `run`, `item`, `start`, `end` and `color` of each stretch that is no wait.
    """

    table: pd.DataFrame
    path: pd.DataFrame
    agents: dict[str, str]  # names of agents by their color


def items_of(f: Frames) -> Items:
    """Return the items of the runs of frames; parts stand behind what they are part of."""
    spans = spans_of(f.runs, f.steps, f.interrupts, (f.as_of - EPOCH) // timedelta(microseconds=1))
    table = _with_questions(f)
    parent = spans.parent
    is_error = table["type"].str.lower().isin(STEP_TYPES.meaning("failed")).to_numpy()
    is_record = is_error & (parent >= 0)
    named = dict(zip(f.runs["agent"], f.runs["agent_name"], strict=True))
    types = pd.unique(pd.concat([f.runs["agent"], f.steps["agent"]]).dropna())
    names = {agent: agent_title(agent, named.get(agent)) for agent in types}
    colors = dict(zip(types, AGENT_COLORS, strict=False))
    color = table["agent"].map(colors).astype("object").fillna(OTHER_COLOR)
    color = color.mask(table["state"] == "failed", "fail").mask(spans.is_wait, "wait")
    origin = _origin(spans, table["started_at"])
    started = table["started_at"].to_numpy("M8[us]")
    start = np.where(np.isnat(started), np.nan, (started.astype(np.int64) - origin) / MICROS)
    table = table.assign(
        run=spans.run,
        parent=parent,
        depth=spans.depth,
        start=start,
        end=np.where(spans.is_known, (spans.end - origin) / MICROS, np.nan),
        is_wait=spans.is_wait,
        is_leaf=~table.index.isin(parent[~is_record]),
        is_record=is_record,
        asked=pd.Series(_endings(f, table), table.index, "str"),
        agent_name=table["agent"].map(names).fillna("Unknown agent"),
        color=color,
    )
    known = {color: names[agent] for agent, color in colors.items()}
    return Items(table, _path(spans, color), known | {OTHER_COLOR: "Other agents"})


def _with_questions(f: Frames) -> pd.DataFrame:
    """Return the steps, and behind them the open questions that are no step."""
    steps = f.steps[COLUMNS].astype({"type": "str", "state": "str"})
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
    return pd.concat([steps, rows], ignore_index=True)


def _origin(spans: Spans, started: pd.Series[Any]) -> Any:
    """Return where time begins for each item: the start of its run, else of its first step."""
    first = started.groupby(spans.run).transform("min").to_numpy("M8[us]").astype(np.int64)
    return np.where(spans.is_run_known[spans.run], spans.run_start[spans.run], first)


def _path(spans: Spans, color: pd.Series[str]) -> pd.DataFrame:
    """Return the stretches of critical paths, but for waits; a run of unknown lengths has none."""
    item, since, until = spans.path().parts
    run = spans.run[item]
    path = pd.DataFrame(
        {
            "item": item,
            "run": run,
            "start": (since - spans.run_start[run]) / MICROS,
            "end": (until - spans.run_start[run]) / MICROS,
            "color": color.to_numpy()[item],
        }
    )
    is_drawn = spans.is_budget_known[run] & ~spans.is_wait[item]
    drawn: pd.DataFrame = path[is_drawn]
    return drawn


def _endings(f: Frames, table: pd.DataFrame) -> list[str | None]:
    """Return how the questions among items ended."""
    questions = f.interrupts.loc[f.interrupts["step_id"].notna(), QUESTION].to_dict("records")
    endings = {(row["run_id"], row["step_id"]): outcome_words(row) for row in questions}
    return [endings.get(key) for key in zip(table["run_id"], table["step_id"], strict=True)]
