"""What a Gantt chart shows, as one array: a bar for each step, with its times, its kind and its color."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
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
Floats = NDArray[np.float64]
Legend = list[tuple[str, str]]  # words and colors
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
    legend: Legend
    messages: dict[int, str]
    answers: dict[int, str]


def scene_of(frames: Frames, time: str, color: str) -> Scene:
    """Read the bars out of frames; `time` and `color` are as in `gantt`."""
    steps, run = frames.steps, pd.Index(frames.runs["run_id"]).get_indexer(pd.Index(frames.steps["run_id"]))
    order = np.argsort(run * (len(steps) + 1) + steps["order"].to_numpy(), kind="stable")
    if (np.diff(order) < 0).any():  # frames put together by hand
        run, steps = run[order], steps.iloc[order]
    runs, run_start = _runs(frames.runs, run, start := _micros(steps["started_at"]))
    is_there = runs["is_started"] | runs["has_bars"]
    first = run_start[is_there].min(initial=np.iinfo(np.int64).max) if is_there.any() else 0
    origin = run_start if time == "relative" else np.full(len(runs), first, np.int64)
    runs["start"] = np.where(is_there, run_start - origin, 0) / SECOND
    runs["end"] = runs["start"] + frames.runs["duration_s"].fillna(0).to_numpy()

    bars = np.zeros(len(steps), BAR)
    bars["step"], bars["run"], bars["depth"] = order, run, steps["depth"]
    bars["parent"] = _parents(bars["depth"])
    bars["start"] = (start - origin[run]) / SECOND
    length = np.rint(steps["duration_s"].fillna(0).to_numpy(float) * SECOND).astype(np.int64)
    bars["end"] = (start + length - origin[run]) / SECOND
    bars["is_open"] = steps["is_open"]
    bars["is_critical"] = steps["is_critical"] & ~runs["is_failed"][run]
    bars["color"], legend = _colors(frames.runs, steps, color)
    explained = _set_kinds(bars, steps)
    messages = {int(bars["step"][to]): str(step_label(steps, at)) for at, to in explained.items()}
    is_kept = np.ones(len(bars), np.bool_)
    is_kept[[*explained]] = False
    bars["parent"] = np.where(bars["parent"] < 0, -1, (np.cumsum(is_kept) - 1)[bars["parent"]])
    return Scene(frames, bars[is_kept], runs, origin, legend, messages, {})


def _runs(frame: pd.DataFrame, run: Ints, start: Ints) -> tuple[Array, Ints]:
    """The runs, and when each started, else its first step; 0 if neither is known."""
    runs = np.zeros(len(frame), RUN)
    runs["row"] = -1
    runs["is_started"] = frame["started_at"].notna()
    runs["has_bars"] = np.bincount(run, minlength=len(frame)) > 0
    runs["is_failed"] = is_any(frame["status"], "error")
    runs["is_live"] = frame["status"].isin(["running", "interrupted"])
    first = np.where(runs["has_bars"], np.iinfo(np.int64).max, 0)
    np.minimum.at(first, run, start)
    return runs, np.where(runs["is_started"], _micros(frame["started_at"]), first)


def _parents(depth: Ints) -> Ints:
    """The position of each step's parent, from the depths in tree order."""
    parent = np.full(len(depth), -1)
    by_level = levels(depth)
    for above, level in pairwise(by_level):
        parent[level] = above[np.searchsorted(above, level) - 1]
    return parent


def _set_kinds(bars: Array, steps: pd.DataFrame) -> dict[int, int]:
    """Set what the bars are; give the bar of the step that failed for each error step that explains one."""
    is_error, is_question = (is_any(steps["type"], word) for word in ("error", "interrupt"))
    bars["is_error"] = is_any(steps["status"], "error") | is_error
    n_children = steps["n_children"].to_numpy(copy=True)
    instant = np.flatnonzero(is_error & (bars["end"] <= bars["start"]) & (n_children == 0))
    explained = _explained(bars, instant.tolist(), n_children, is_error)
    np.subtract.at(n_children, [above for at in explained if (above := bars["parent"][at]) >= 0], 1)
    is_wait = is_question & steps["resolution"].isna().to_numpy()
    bars["kind"] = np.select([is_wait, (n_children > 0) & ~is_question], [WAIT, GROUP], STEP)
    bars["is_failing"] = bars["is_error"] & (bars["kind"] == STEP)
    return explained


def _explained(bars: Array, instant: list[int], n_children: Ints, is_error_step: Flags) -> dict[int, int]:
    """The bar that each instant error step explains.

    The sibling that failed last before it, else the parent if it has no other child steps.
    """
    siblings: dict[tuple[int, int], list[tuple[float, int]]] = {}
    failed = np.flatnonzero(bars["is_error"] & ~is_error_step) if instant else np.zeros(0, np.int64)
    for at in failed[np.argsort(bars["end"][failed], kind="stable")].tolist():
        family = siblings.setdefault((bars["run"][at], bars["parent"][at]), [])
        family.append((bars["end"][at], at))
    n_errors = Counter(bars["parent"][instant].tolist())
    explained = {}
    for at in instant:
        parent = int(bars["parent"][at])
        family = siblings.get((bars["run"][at], parent), [])
        if before := bisect_right(family, (bars["end"][at], len(bars))):
            explained[at] = family[before - 1][1]
        elif parent >= 0 and bars["is_error"][parent] and n_children[parent] == n_errors[parent]:
            explained[at] = parent
    return explained


def answers(frames: Frames, rows: Ints) -> dict[int, str]:
    """What is known of the answers to the questions in some rows of the steps, by these rows."""
    keys = ["run_id", "step_id"]
    asked = frames.steps[keys].iloc[rows].assign(row=rows).merge(frames.interrupts, on=keys)
    columns = (asked[name].tolist() for name in ("kind", "outcome", "decision", "answered_by"))
    return dict(zip(asked["row"].tolist(), map(answer_words, *columns), strict=True))


def answer_words(kind: str, outcome: str, decision: object, name: object) -> str:
    """Say how a question was answered, as far as it is known."""
    if outcome == "lapsed":
        return OUTCOMES["lapsed"]
    words = DECISIONS.get(str(decision), OUTCOMES["answered"])
    words = "Dismissed" if kind == "dismissal" and decision == "approved" else words
    return f"{words} by {name}" if isinstance(name, str) and name.strip() else words


def _colors(runs: pd.DataFrame, steps: pd.DataFrame, color: str) -> tuple[NDArray[Any], Legend]:
    """A color for each step, as a position in a legend of words and colors."""
    if color != "agent":
        known = TYPES if color == "type" else STATUSES
        codes = pd.Index([*known]).get_indexer(pd.Index(steps[color].astype("object")))
        return np.where(codes < 0, len(known), codes), [*known.items(), ("other", OTHER_COLOR)]
    names = agent_names(runs)  # the run's own agent has the first color, the others follow as they appear
    own = pd.Series([*names], dtype="str")
    codes, agents = pd.factorize(pd.concat([own, steps["agent"]]), use_na_sentinel=False)
    legend = [(agent_word(agent, names), shade) for agent, shade in zip(agents, AGENT_COLORS, strict=False)]
    others = [("Other agents", OTHER_COLOR)] if len(agents) > len(AGENT_COLORS) else []
    return np.minimum(codes[len(own) :], len(AGENT_COLORS)), [*legend, *others]


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


def _micros(times: pd.Series) -> Ints:
    """Times as microseconds since 1970; missing ones are 0."""
    known = times.fillna(pd.Timestamp(0, tz="UTC")).dt.tz_convert(None).to_numpy("datetime64[us]")
    whole: Ints = known.astype(np.int64)
    return whole


def is_any(words: pd.Series, word: str) -> Flags:
    """Where a column of words says `word`; nowhere where it is missing."""
    return (words == word).fillna(False).to_numpy(bool)


def union(group: Ints, lo: Floats, hi: Floats) -> tuple[Ints, Floats, Floats]:
    """The union of the intervals [lo, hi) of each group, as intervals that do not touch.

    Sorted by group and time. Empty intervals stay where nothing else is.
    """
    if not len(group):
        return group, lo, hi
    # Ranks instead of times, each group shifted behind the one before: one running maximum serves all groups.
    moments, rank = np.unique(np.concatenate([lo, hi]), return_inverse=True)
    shift = group * len(moments)
    order = np.argsort(rank[: len(lo)] + shift, kind="stable")
    opens_at = (rank[: len(lo)] + shift)[order]
    reach = np.maximum.accumulate((rank[len(lo) :] + shift)[order])
    begins = np.flatnonzero(np.append(True, opens_at[1:] > reach[:-1]))
    ends = np.append(begins[1:], len(lo)) - 1
    which = group[order][begins]
    return which, lo[order][begins], moments[reach[ends] - which * len(moments)]


def blocked(scene: Scene) -> list[tuple[float, float]]:
    """When a run waits for a reviewer, no step works, and other runs wait or are over; in seconds.

    Only such times can be folded without bending a run that goes on.
    """
    bars, runs = scene.bars, scene.runs
    waits, works = bars[bars["kind"] == WAIT], bars[bars["kind"] == STEP]
    run = waits["run"]
    clipped = (np.clip(waits[edge], runs["start"][run], runs["end"][run]) for edge in ("start", "end"))
    _, since, to = union(run, *clipped)
    # +1 where a run begins, -1 where it begins to wait: zero means that nothing but waiting goes on.
    active = _changes((runs["start"], runs["end"], 1), (works["start"], works["end"], 1), (since, to, -1))
    waited = _changes((since, to, 1))
    moments = np.unique(np.concatenate([active[0], waited[0]]))
    is_blocked = (_level(active, moments) == 0) & (_level(waited, moments) > 0)
    edges = np.flatnonzero(np.diff(is_blocked, prepend=False, append=False))
    seconds = moments[edges].tolist()
    return list(zip(seconds[::2], seconds[1::2], strict=True))


def _changes(*parts: tuple[Floats, Floats, int]) -> tuple[Floats, Ints]:
    """A step function: the moments at which it changes, and its value from there on."""
    times = np.concatenate([part for lo, hi, _ in parts for part in (lo, hi)])
    change = np.concatenate([np.full(len(lo), by) for lo, hi, by in parts for by in (by, -by)])
    order = np.argsort(times, kind="stable")
    return times[order], np.cumsum(change[order])


def _level(function: tuple[Floats, Ints], moments: Floats) -> Ints:
    """The value of a step function right after each moment."""
    times, value = function
    at = np.searchsorted(times, moments, side="right") - 1
    return np.where(at >= 0, value[np.maximum(at, 0)], 0) if len(times) else np.zeros(len(moments), np.int64)
