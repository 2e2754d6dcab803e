"""What a Gantt chart shows, as one array: a bar for each step, with its times, its kind and its color."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.style import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, OUTCOMES
from runkit.tables.frames import Frames
from runkit.text import agent_title
from runkit.timing import Flags, Ints, levels

STEP, GROUP, WAIT = range(3)  # kinds of bars; a group has child steps


def _dtype(floats: str, integers: str, flags: str) -> np.dtype[np.void]:
    kinds = (("f8", floats), ("i4", integers), ("?", flags))
    return np.dtype([(name, kind) for kind, names in kinds for name in names.split()])


# `start`, `end`: seconds since the origin of the axis; `x0`, `x1`: the same where waits may be folded.
# `step`, `run`: rows of the frames; `parent`: position among the bars, -1 at the top; `color`: position in
# the legend. A bar `is_failing` if it did not fail because of a step within.
BAR = _dtype(
    "start end x0 x1 row", "step run parent depth kind color", "is_error is_failing is_critical is_open"
)
# `row` is -1 if the run has none of its own; it `is_live` while it goes on or waits.
RUN = _dtype("start end x0 x1 row", "", "is_started has_bars is_failed is_live")
Array = NDArray[np.void]
TYPES = {"activity": "#0B7285", "output": "#2B8A3E", "interrupt": "#7950F2", "error": FAILED_COLOR}
STATUSES = {"completed": "#2B8A3E", "running": "#0B7285", "error": FAILED_COLOR}
DECISIONS = {"approved": "Approved", "rejected": "Rejected", "edited": "Edited"}
SECOND = 1_000_000  # microseconds


class Scene(NamedTuple):
    """The steps and runs of some frames.

    `bars` are in tree order, run by run. `legend` are the words and colors of `bars["color"]`. By row of
    `frames.steps`: `messages`, what an instant error step says about the step that failed (it has no bar of
    its own then), and `answers`, what is known of the answers to questions that are drawn.
    """

    frames: Frames
    bars: Array
    runs: Array
    origin: Ints
    legend: list[tuple[str, str]]
    messages: dict[int, str]
    answers: dict[int, str]


def scene_of(frames: Frames, time: str, color: str) -> Scene:
    """Read the bars out of frames; `time` and `color` are as in `gantt`."""
    runs, steps = _runs(frames.runs), frames.steps
    run = pd.Index(frames.runs["run_id"]).get_indexer(pd.Index(steps["run_id"])).astype(np.int64)
    order = np.argsort(run * (len(steps) + 1) + steps["order"].to_numpy(), kind="stable")
    if (np.diff(order) < 0).any():  # frames put together by hand
        run, steps = run[order], steps.iloc[order]
    start = micros(steps["started_at"])
    run_start = _first_moments(frames.runs, run, start)
    runs["has_bars"] = np.bincount(run, minlength=len(runs)) > 0
    is_there = runs["is_started"] | runs["has_bars"]
    first = run_start[is_there].min() if is_there.any() else np.int64(0)
    origin = run_start if time == "relative" else np.full(len(runs), first)
    runs["start"] = np.where(is_there, run_start - origin, 0) / SECOND
    runs["end"] = runs["start"] + frames.runs["duration_s"].fillna(0).to_numpy()

    bars = np.zeros(len(steps), BAR)
    bars["step"], bars["run"], bars["depth"] = order, run, steps["depth"]
    bars["parent"] = _parents(bars["depth"])
    bars["start"] = (start - origin[run]) / SECOND
    bars["end"] = (start + span(steps["duration_s"]) - origin[run]) / SECOND
    bars["is_open"] = steps["is_open"]
    bars["is_critical"] = steps["is_critical"] & ~runs["is_failed"][run]
    bars["color"], legend = _colors(frames.runs, steps, color)
    messages, is_message = _set_kinds(bars, steps)
    numbers = np.cumsum(~is_message) - 1
    bars["parent"] = np.where(bars["parent"] < 0, -1, numbers[bars["parent"]])
    return Scene(frames, bars[~is_message], runs, origin, legend, messages, {})


def _runs(frame: pd.DataFrame) -> Array:
    runs = np.zeros(len(frame), RUN)
    runs["row"] = -1
    runs["is_started"] = frame["started_at"].notna()
    runs["is_failed"] = is_any(frame["status"], "error")
    runs["is_live"] = frame["status"].isin(["running", "interrupted"])
    return runs


def _first_moments(runs: pd.DataFrame, run: Ints, start: Ints) -> Ints:
    """When each run started, else its first step; 0 if neither is known."""
    first = np.full(len(runs), np.iinfo(np.int64).max)
    np.minimum.at(first, run, start)
    first[np.bincount(run, minlength=len(runs)) == 0] = 0
    return np.where(runs["started_at"].notna(), micros(runs["started_at"]), first)


def _parents(depth: Ints) -> Ints:
    """The position of each step's parent, from the depths in tree order."""
    parent = np.full(len(depth), -1)
    by_level = levels(depth)
    for above, level in pairwise(by_level):
        parent[level] = above[np.searchsorted(above, level) - 1]
    return parent


def _set_kinds(bars: Array, steps: pd.DataFrame) -> tuple[dict[int, str], Flags]:
    """Set what the bars are; give the messages of error steps by the step that failed, and where they are."""
    is_type = {word: is_any(steps["type"], word) for word in ("error", "interrupt")}
    bars["is_error"] = is_any(steps["status"], "error") | is_type["error"]
    n_children = steps["n_children"].to_numpy(copy=True)
    failed_at: dict[int, int] = {}
    instant = np.flatnonzero(is_type["error"] & (bars["end"] <= bars["start"]) & (n_children == 0))
    if len(instant):
        np.subtract.at(n_children, bars["parent"][instant][bars["parent"][instant] >= 0], 1)
        failed_at = _failed_at(bars, instant, n_children, is_type["error"])
        kept = np.setdiff1d(instant, list(failed_at))
        np.add.at(n_children, bars["parent"][kept][bars["parent"][kept] >= 0], 1)
    is_wait = is_type["interrupt"] & steps["resolution"].isna().to_numpy()
    is_group = (n_children > 0) & ~is_type["interrupt"]
    bars["kind"] = np.select([is_wait, is_group], [WAIT, GROUP], STEP)
    bars["is_failing"] = bars["is_error"] & (bars["kind"] == STEP)
    is_message = np.zeros(len(bars), np.bool_)
    is_message[list(failed_at)] = True
    messages = {int(bars["step"][to]): str(step_label(steps, at)) for at, to in failed_at.items()}
    return messages, is_message


def _failed_at(bars: Array, instant: Ints, n_children: Ints, is_error_step: Flags) -> dict[int, int]:
    """The bar that each instant error step explains.

    The sibling that failed last before it, else the parent if it has no other child steps.
    """
    siblings: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for at in np.flatnonzero(bars["is_error"] & ~is_error_step).tolist():
        key = (int(bars["run"][at]), int(bars["parent"][at]))
        siblings.setdefault(key, []).append((float(bars["end"][at]), at))
    for family in siblings.values():
        family.sort()
    failed_at = {}
    for at in instant.tolist():
        parent = int(bars["parent"][at])
        family = siblings.get((int(bars["run"][at]), parent), [])
        before = bisect_right(family, (float(bars["end"][at]), len(bars)))
        if before:
            failed_at[at] = family[before - 1][1]
        elif parent >= 0 and not n_children[parent] and bars["is_error"][parent]:
            failed_at[at] = parent
    return failed_at


def answers(frames: Frames, rows: Ints) -> dict[int, str]:
    """What is known of the answers to the questions in some rows of the steps, by these rows."""
    steps = frames.steps[["run_id", "step_id"]].iloc[rows]
    row_of = dict(zip(steps.itertuples(index=False, name=None), rows.tolist(), strict=True))
    asked = frames.interrupts[frames.interrupts["step_id"].isin(steps["step_id"])]
    columns = (asked[name].tolist() for name in ("kind", "outcome", "decision", "answered_by"))
    words = map(answer_words, *columns)
    keys = zip(asked["run_id"], asked["step_id"], strict=True)
    return {row_of[key]: text for key, text in zip(keys, words, strict=True) if key in row_of}


def answer_words(kind: str, outcome: str, decision: object, name: object) -> str:
    """Say how a question was answered, as far as it is known."""
    if outcome == "lapsed":
        return OUTCOMES["lapsed"]
    words = (
        DECISIONS.get(decision, OUTCOMES["answered"]) if isinstance(decision, str) else OUTCOMES["answered"]
    )
    if kind == "dismissal" and decision == "approved":
        words = "Dismissed"
    return f"{words} by {name}" if isinstance(name, str) and name.strip() else words


def _colors(
    runs: pd.DataFrame, steps: pd.DataFrame, color: str
) -> tuple[NDArray[Any], list[tuple[str, str]]]:
    """A color for each step, as a position in a legend of words and colors."""
    if color == "agent":
        return _agent_colors(runs, steps)
    known = TYPES if color == "type" else STATUSES
    place = {word: number for number, word in enumerate(known)}
    colors = steps[color].astype("object").map(place).fillna(len(known)).to_numpy(np.int64)
    return colors, [*known.items(), ("other", OTHER_COLOR)]


def _agent_colors(runs: pd.DataFrame, steps: pd.DataFrame) -> tuple[NDArray[Any], list[tuple[str, str]]]:
    """The run's own agent has the first color, the others follow as they appear."""
    names = agent_names(runs)
    codes, agents = pd.factorize(
        pd.concat([pd.Series([*names], dtype="str"), steps["agent"]]), use_na_sentinel=False
    )
    codes = codes[len(names) :]
    legend = [(agent_word(agent, names), shade) for agent, shade in zip(agents, AGENT_COLORS, strict=False)]
    if len(agents) > len(AGENT_COLORS):
        legend.append(("Other agents", OTHER_COLOR))
    return np.minimum(codes, len(AGENT_COLORS)).astype(np.int16), legend


def agent_names(runs: pd.DataFrame) -> dict[Any, Any]:
    """The names of the runs' own agents by their types; a name may be missing."""
    known = runs.dropna(subset=["agent"])
    return dict(zip(known["agent"], known["agent_name"], strict=True))


def agent_word(agent: object, names: dict[Any, Any]) -> str:
    """The name of an agent for people."""
    if not isinstance(agent, str) or not agent.strip():
        return "Unknown agent"
    name = names.get(agent)
    return name if isinstance(name, str) and name.strip() else agent_title(agent)


def step_label(steps: pd.DataFrame, row: int) -> object:
    """The label of the step in a row for people, else its internal name."""
    return label_or_name(steps["label"].iat[row], steps["name"].iat[row])


def label_or_name(label: object, name: object) -> object:
    """The label, unless it is missing or blank."""
    return label if isinstance(label, str) and label.strip() else name


def micros(times: pd.Series) -> Ints:
    """Times as microseconds since 1970; missing ones are 0."""
    known = times.fillna(pd.Timestamp(0, tz="UTC")).dt.tz_convert(None).to_numpy("datetime64[us]")
    whole: Ints = known.astype(np.int64)
    return whole


def span(seconds: pd.Series) -> Ints:
    """Durations as microseconds; missing ones are 0."""
    whole: Ints = np.rint(seconds.fillna(0).to_numpy(float) * SECOND).astype(np.int64)
    return whole


def is_any(words: pd.Series, word: str) -> Flags:
    """Where a column of words says `word`; nowhere where it is missing."""
    return (words == word).fillna(False).to_numpy(bool)
