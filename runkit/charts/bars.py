"""What a Gantt chart shows, as one DataFrame: a row for each bar, with its times, its kind and its color."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.style import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, outcome_words
from runkit.tables.frames import Frames, unmeasured_waits
from runkit.text import agent_title, run_label
from runkit.timing import Flags, Ints, levels, waiting_ranges

STEP, GROUP, WAIT = range(3)  # kinds of bars; a group has child steps, or is a run
WORDS = [
    *("run_id", "step_id", "label", "name", "status", "error", "started_at", "duration_s", "self_s"),
    *("n_artifacts", "result"),
]
# in which two steps agree that stand in one row of a comparison
SAME = ["depth", "agent", "name", "type"]
FAILING = "✕ failing step"
LETTERS = "ABCD"  # two to four runs are told apart by a letter
RUN_NAME = 36  # characters
SECOND = 1_000_000  # microseconds
EPOCH = pd.Timestamp(0, tz="UTC")
Legend = list[tuple[str, str]]  # words and colors


class Scene(NamedTuple):
    """The steps and runs of some frames.

    `steps` are the frames' in tree order, run by run, with a row for each run without steps. `bars` have the
    same index, without the error steps that only explain the failure of another step. Their columns are
    - `start`, `end`: seconds since the origin of the run; `x0`, `x1`: the same where waits may be folded
    - `run`: position in `runs`; `parent`: position among the bars, -1 at the top; `is_run`: no step
    - `kind`; `agent`: position in `agents`; `color`: position in `legend`; `row`
    - `is_error`: it failed, and `is_failing`: not because of a step within

    `runs` are the frames' with `end`, `label` and their `origin`, in microseconds.
    """

    frames: Frames
    steps: pd.DataFrame
    bars: pd.DataFrame
    runs: pd.DataFrame
    agents: list[str]
    legend: Legend


def scene_of(frames: Frames) -> Scene:
    """Read the bars out of frames; runs without steps are bars, too."""
    run_ids = pd.Index(frames.runs["run_id"])
    run = run_ids.get_indexer(pd.Index(frames.steps["run_id"]))
    runs = _timed_runs(frames, run)
    steps, run = _with_run_bars(frames.steps, run, runs)
    origin = runs["origin"].to_numpy()

    bars = steps[["depth", "is_critical", "is_open", "critical_s"]]
    bars = bars.assign(run=run, is_run=steps["step_no"] < 0)
    start = _micros(steps["started_at"])
    length = np.rint(steps["duration_s"].fillna(0).to_numpy() * SECOND).astype(np.int64)
    bars["start"] = (start - origin[run]) / SECOND
    bars["end"] = (start + length - origin[run]) / SECOND
    bars["is_critical"] &= ~is_any(runs["status"], "error")[run]
    agents, legend = _add_colors(bars, runs, steps)
    bars = _with_kinds(bars, steps)
    bars["color"] = bars["color"].mask(bars["is_failing"], len(legend))
    return Scene(frames, steps, bars, runs, agents, [*legend, (FAILING, FAILED_COLOR)])


def _timed_runs(frames: Frames, run: Ints) -> pd.DataFrame:
    """Return the runs with their places on the axis; `run` is the position of each step's."""
    runs = frames.runs.assign(label=run_names(frames)).reset_index(drop=True)
    first_step = frames.steps["started_at"].groupby(run).min()
    began = runs["started_at"].fillna(first_step)
    runs["began"] = began.fillna(EPOCH)
    runs["origin"] = _micros(runs["began"])
    runs["end"] = runs["duration_s"].fillna(0)
    runs["waits_since"] = unmeasured_waits(frames).array
    return runs


def _with_run_bars(steps: pd.DataFrame, run: Ints, runs: pd.DataFrame) -> tuple[pd.DataFrame, Ints]:
    """Return the steps in tree order, run by run, with a bar for each run without steps, and their runs."""
    has_bar = runs["n_steps"].eq(0)
    if has_bar.any():
        own = runs.loc[has_bar, ["run_id", "agent", "label", "status", "duration_s"]]
        own = own.astype({"status": "str"}).assign(started_at=runs["began"], step_id="", step_no=-1, depth=0)
        own = own.assign(n_artifacts=0, n_children=0, critical_s=0.0)
        own = own.assign(is_open=False, is_critical=False, is_failed=False, is_wait=False)
        steps = pd.concat([own, steps.astype({"status": "str", "type": "str"})])
        run = np.concatenate([np.flatnonzero(has_bar), run])
    order = np.lexsort((steps["step_no"], run))
    is_sorted = (np.diff(order) > 0).all()
    if not is_sorted:  # a copy of very many steps takes long
        run, steps = run[order], steps.iloc[order]
    return steps.reset_index(drop=True), run


def run_names(frames: Frames) -> list[str]:
    """A label for each run; with a letter in front of two to four."""
    columns = (frames.runs[name] for name in ("run_id", "business_name", "agent_name"))
    labels = [
        run_label(run_id, business, agent, RUN_NAME) for run_id, business, agent in zip(*columns, strict=True)
    ]
    if 1 < len(labels) <= len(LETTERS):
        return [f"{letter} {label}" for letter, label in zip(LETTERS, labels, strict=False)]
    return labels


def _with_kinds(bars: pd.DataFrame, steps: pd.DataFrame) -> pd.DataFrame:
    """Set what the bars are, without error steps that only explain the failure of another step."""
    is_note = is_any(steps["type"], "error") & steps["error"].isna() & steps["n_children"].eq(0)
    bars["is_error"], bars["is_failing"] = steps["is_failed"], steps["error"].notna()
    bars = bars[~is_note]
    bars["parent"] = parent = _parents(bars["depth"].to_numpy())
    waits = steps.loc[bars.index, "is_wait"].to_numpy()
    is_group = _has_children(parent) & ~is_any(steps["type"], "interrupt")[bars.index]
    bars["kind"] = np.select([waits, is_group | bars["is_run"]], [WAIT, GROUP], STEP)
    return bars


def _parents(depth: Ints) -> Ints:
    """The position of each step's parent, from the depths in tree order."""
    parent = np.full(len(depth), -1)
    by_level = levels(depth)
    for above, level in pairwise(by_level):
        parent[level] = above[np.searchsorted(above, level) - 1]
    return parent


def _has_children(parent: Ints) -> Flags:
    return np.bincount(parent + 1, minlength=len(parent) + 1)[1:] > 0


def with_words(scene: Scene, bars: pd.DataFrame) -> pd.DataFrame:
    """Add to some bars what the frames say of them, and a `note`.

    It is the error's message, what is known of an answer, or that there is no end, else empty.
    """
    bars = bars.join(scene.steps.loc[bars.index, WORDS])
    bars["agent_name"] = np.array(scene.agents, dtype=object)[bars["agent"]]
    is_live = scene.runs["status"].isin(["running", "interrupted"])[bars["run"]]
    endings = np.where(is_live, "still running", "no end recorded")
    own = (bars["label"], bars["label"] + " failed")
    is_explained = bars["error"].notna() & (bars["error"] != own[0]) & (bars["error"] != own[1])
    notes = bars["error"].where(is_explained, "").where(~bars["is_open"], endings)
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
        by = f" by {name}" if _text(name) else ""
        answers[run_id, step_id] = outcome_words(*answer) + by
    return answers


def _add_colors(bars: pd.DataFrame, runs: pd.DataFrame, steps: pd.DataFrame) -> tuple[list[str], Legend]:
    """Set the agent and the color of each bar, as positions in the two lists that this returns."""
    names = dict(zip(runs["agent"], runs["agent_name"], strict=True))
    # a run's own agent comes first, the others as they appear
    own = runs["agent"].drop_duplicates()
    codes, types = pd.factorize(pd.concat([own, steps["agent"]]), use_na_sentinel=False)
    agents = [agent_title(_text(agent), _text(names.get(agent))) for agent in types]
    bars["agent"] = codes[len(own) :]
    bars["color"] = np.minimum(bars["agent"], len(AGENT_COLORS))
    others = [("Other agents", OTHER_COLOR)] if len(agents) > len(AGENT_COLORS) else []
    return agents, [*zip(agents, AGENT_COLORS, strict=False), *others]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _micros(times: pd.Series[Any]) -> Ints:
    """Times as microseconds since 1970; missing ones are 0."""
    whole: Ints = times.fillna(EPOCH).dt.as_unit("us").to_numpy("datetime64[us]").astype(np.int64)
    return whole


def each(bars: pd.DataFrame) -> Iterator[Any]:
    """Iterate over bars; their columns are attributes."""
    return bars.itertuples()


def is_any(words: pd.Series[Any], word: str) -> Flags:
    """Where a column of words says `word`; nowhere where it is missing."""
    return (words == word).fillna(False).to_numpy(bool)


def blocked(bars: pd.DataFrame) -> list[tuple[float, float]]:
    """The ranges of time in which a question is open and no step works."""
    start, end, kind = (bars.loc[bars["kind"] != GROUP, name].to_numpy() for name in ("start", "end", "kind"))
    return waiting_ranges(start, end, kind == WAIT)
