"""What a Gantt chart shows, as one DataFrame: a row for each bar, with its times, its kind and its color."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.style import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, outcome_words
from runkit.tables.facts import explanations, is_shown, unmeasured_waits
from runkit.tables.frames import Frames
from runkit.text import agent_title, run_label
from runkit.timing import Ints, levels, waiting_ranges

STEP, GROUP, WAIT = range(3)  # kinds of bars; a group has child steps, or is a run
OF_RUNS: dict[str, Any] = {  # in the columns of steps, of a run without steps
    "step_id": "",
    "step_no": -1,
    **dict.fromkeys(("depth", "n_artifacts", "critical_s"), 0),
    **dict.fromkeys(("is_open", "is_critical", "is_failed", "is_wait"), False),
}
# in which two steps agree that stand in one row of a comparison
SAME = ["depth", "agent", "name", "type"]
FAILING = "✕ failing step"
LETTERS = "ABCD"  # two to four runs are told apart by a letter
RUN_NAME = 36  # characters
SECOND = 1_000_000  # microseconds
EPOCH = pd.Timestamp(0, tz="UTC")
Legend = list[tuple[str, str]]  # words and colors


class Scene(NamedTuple):
    """The bars and runs of some frames.

    `bars` are the frames' steps in tree order, run by run, without those that only explain another one, and
    a row for each run without steps. Beside the frames' columns they have
    - `start`, `end`: seconds since the origin of the run; `x0`, `x1`: the same where waits may be folded
    - `run`: position in `runs`; `parent`: position among the bars, -1 at the top; `is_run`: no step
    - `kind`; `agent_no`: position in `agents`; `color`: position in `legend`; `row`
    - `is_failing`: it failed, and not because of a step within

    `runs` are the frames' with `end`, `label` and their `origin`, in microseconds.
    """

    frames: Frames
    bars: pd.DataFrame
    runs: pd.DataFrame
    agents: list[str]
    legend: Legend


def scene_of(frames: Frames) -> Scene:
    """Read the bars out of frames; runs without steps are bars, too."""
    runs = _timed_runs(frames)
    bars = _steps_and_runs(frames, runs)
    origin = runs["origin"].to_numpy()[bars["run"]]
    start = _micros(bars["started_at"])
    length = np.rint(bars["duration_s"].fillna(0).to_numpy() * SECOND).astype(np.int64)
    bars["start"] = (start - origin) / SECOND
    bars["end"] = (start + length - origin) / SECOND
    bars["parent"] = parent = _parents(bars["depth"].to_numpy())
    has_children = np.bincount(parent + 1, minlength=len(bars) + 1)[1:] > 0
    is_group = bars["is_run"] | has_children & bars["type"].ne("interrupt")
    bars["kind"] = np.select([bars["is_wait"], is_group], [WAIT, GROUP], STEP)
    bars["is_failing"] = bars["error"].notna()
    bars["is_critical"] &= runs["status"].ne("error").to_numpy()[bars["run"]]
    agents, legend = _add_colors(bars, runs)
    bars["color"] = bars["color"].mask(bars["is_failing"], len(legend))
    return Scene(frames, bars, runs, agents, [*legend, (FAILING, FAILED_COLOR)])


def _timed_runs(frames: Frames) -> pd.DataFrame:
    """Return the runs with their places on the axis."""
    runs = frames.runs.assign(label=run_names(frames), end=frames.runs["duration_s"].fillna(0))
    first_step = frames.steps.groupby("run_id")["started_at"].min().reindex(runs["run_id"])
    runs["began"] = runs["started_at"].fillna(first_step.set_axis(runs.index)).fillna(EPOCH)
    runs["origin"] = _micros(runs["began"])
    return runs.assign(waits_since=unmeasured_waits(frames)).reset_index(drop=True)


def _steps_and_runs(frames: Frames, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the steps that are shown in tree order, run by run, and a row for each run without steps."""
    steps = frames.steps[is_shown(frames.steps)]
    bare = runs[runs["n_steps"].eq(0)]
    if len(bare):
        own = bare[["run_id", "agent", "label", "status", "duration_s"]].assign(**OF_RUNS)
        words = {"status": "str", "type": "str"}
        own = own.assign(started_at=bare["began"], type=None).astype(words)
        steps = pd.concat([own, steps.astype(words)])
    run = pd.Index(runs["run_id"]).get_indexer(pd.Index(steps["run_id"]))
    order = np.lexsort((steps["step_no"], run))
    is_sorted = (np.diff(order) > 0).all()
    if not is_sorted:  # a copy of very many steps takes long
        run, steps = run[order], steps.iloc[order]
    return steps.reset_index(drop=True).assign(run=run, is_run=steps["step_no"].to_numpy() < 0)


def run_names(frames: Frames) -> list[str]:
    """A label for each run; with a letter in front of two to four."""
    columns = (frames.runs[name] for name in ("run_id", "business_name", "agent_name"))
    labels = [
        run_label(run_id, business, agent, RUN_NAME) for run_id, business, agent in zip(*columns, strict=True)
    ]
    if 1 < len(labels) <= len(LETTERS):
        return [f"{letter} {label}" for letter, label in zip(LETTERS, labels, strict=False)]
    return labels


def _parents(depth: Ints) -> Ints:
    """The position of each step's parent, from the depths in tree order."""
    parent = np.full(len(depth), -1)
    by_level = levels(depth)
    for above, level in pairwise(by_level):
        parent[level] = above[np.searchsorted(above, level) - 1]
    return parent


def with_words(scene: Scene, bars: pd.DataFrame) -> pd.DataFrame:
    """Add to some bars what the frames say of them, and a `note`.

    It is the error's message, what is known of an answer, or that there is no end, else empty.
    """
    bars = bars.assign(agent_name=np.array(scene.agents, dtype=object)[bars["agent_no"]])
    is_live = scene.runs["status"].isin(["running", "interrupted"])[bars["run"]]
    endings = pd.Series(np.where(is_live, "still running", "no end recorded"), bars.index, dtype="str")
    notes = explanations(bars).fillna("").where(~bars["is_open"], endings)
    waits = bars["kind"] == WAIT
    answers = _answers(scene.frames, bars.loc[waits, "step_id"])
    keys = zip(bars["run_id"], bars["step_id"], strict=True)
    return bars.assign(note=notes.where(~waits, [answers.get(key) for key in keys]))


def _answers(frames: Frames, step_ids: pd.Series[str]) -> dict[tuple[str, str], str]:
    """What is known of the answers to the questions of some steps, by run and step."""
    questions = frames.interrupts
    questions = questions[questions["step_id"].isin(step_ids)]
    columns = ["run_id", "step_id", "kind", "outcome", "decision", "answered_by"]
    answers = {}
    for run_id, step_id, *answer, name in questions[columns].itertuples(index=False):
        by = f" by {name}" if isinstance(name, str) else ""
        answers[run_id, step_id] = outcome_words(*answer) + by
    return answers


def _add_colors(bars: pd.DataFrame, runs: pd.DataFrame) -> tuple[list[str], Legend]:
    """Set the agent and the color of each bar, as positions in the two lists that this returns."""
    names = dict(zip(runs["agent"], runs["agent_name"], strict=True))
    # a run's own agent comes first, the others as they appear
    own = runs["agent"].drop_duplicates()
    codes, types = pd.factorize(pd.concat([own, bars["agent"]]), use_na_sentinel=False)
    agents = [agent_title(agent, names.get(agent)) for agent in types]
    bars["agent_no"] = codes[len(own) :]
    bars["color"] = np.minimum(bars["agent_no"], len(AGENT_COLORS))
    others = [("Other agents", OTHER_COLOR)] if len(agents) > len(AGENT_COLORS) else []
    return agents, [*zip(agents, AGENT_COLORS, strict=False), *others]


def _micros(times: pd.Series[Any]) -> Ints:
    """Times as microseconds since 1970; missing ones are 0."""
    whole: Ints = times.fillna(EPOCH).dt.as_unit("us").to_numpy("datetime64[us]").astype(np.int64)
    return whole


def each(bars: pd.DataFrame) -> Iterator[Any]:
    """Iterate over bars; their columns are attributes."""
    return bars.itertuples()


def blocked(bars: pd.DataFrame) -> list[tuple[float, float]]:
    """The ranges of time in which a question is open and no step works."""
    start, end, kind = (bars.loc[bars["kind"] != GROUP, name].to_numpy() for name in ("start", "end", "kind"))
    return waiting_ranges(start, end, kind == WAIT)
