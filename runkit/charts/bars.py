"""What a Gantt chart shows, as one DataFrame: a row for each bar, with its times, place, color and words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.charts.step_panel import leaves
from runkit.charts.style import bold, plain
from runkit.style import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, outcome_words, status
from runkit.tables.facts import explanations, is_shown, unmeasured_waits
from runkit.tables.frames import Frames
from runkit.text import agent_title, duration, plural, run_label
from runkit.timing import Flags, waiting_ranges

STEP, GROUP, WAIT = range(3)  # kinds of bars; a group has child steps
FAILING = "✕ failing step"
LETTERS = "ABCD"  # two to four runs are told apart by a letter
RUN_NAME = 36  # characters
FEW = 3  # steps that are left out without a word: those that only explain another one
EPOCH = pd.Timestamp(0, tz="UTC")
MOST_FINDINGS = MOST_VALUES = 3  # in a hover text
LABEL, NAME, FINDING = 60, 40, 50  # characters in a hover text
KEY = ["run_id", "step_id"]
Legend = list[tuple[str, str]]  # words and colors


class Scene(NamedTuple):
    """The steps of some frames in tree order, run by run, without those that only explain another one.

    Beside the frames' columns `steps` have
    - `run`: position in `runs`; `start`, `end`: seconds since the origin of the run
    - `kind`; `is_failing`: it failed, and not because of a step within
    - `agent_name`, `agent_no`; `color`: position in `legend`

    `runs` are the frames' with `end`, `label` and `origin`.
    """

    frames: Frames
    steps: pd.DataFrame
    runs: pd.DataFrame
    legend: Legend


def scene_of(f: Frames) -> Scene:
    """Read the steps and runs out of frames."""
    runs = _runs(f)
    steps = f.steps[is_shown(f.steps)]
    run = pd.Index(runs["run_id"]).get_indexer(pd.Index(steps["run_id"]))
    steps = steps.assign(run=run).sort_values(["run", "step_no"], kind="stable", ignore_index=True)
    since = steps["started_at"].array - runs["origin"].array[steps["run"].to_numpy()]
    start = pd.Series(np.nan_to_num(since.total_seconds()), steps.index)
    has_child = (steps["depth"].shift(-1) > steps["depth"]) & steps["run"].shift(-1).eq(steps["run"])
    is_group = has_child & steps["type"].ne("interrupt")
    # a run's own agent comes first, the others as they appear
    own = runs["agent"].drop_duplicates()
    codes, types = pd.factorize(pd.concat([own, steps["agent"]]), use_na_sentinel=False)
    names = dict(zip(runs["agent"], runs["agent_name"], strict=True))
    agents = [agent_title(agent, names.get(agent)) for agent in types]
    others = [("Other agents", OTHER_COLOR)] if len(agents) > len(AGENT_COLORS) else []
    legend = [*zip(agents, AGENT_COLORS, strict=False), *others, (FAILING, FAILED_COLOR)]
    agent_no, is_failing = codes[len(own) :], steps["error"].notna()
    steps = steps.assign(
        start=start,
        end=start + steps["duration_s"].fillna(0),
        kind=np.select([steps["is_wait"], is_group], [WAIT, GROUP], STEP),
        is_failing=is_failing,
        is_critical=steps["is_critical"] & runs["status"].ne("error").to_numpy()[steps["run"]],
        agent_no=agent_no,
        agent_name=np.array(agents, dtype=object)[agent_no],
        color=np.where(is_failing, len(legend) - 1, np.minimum(agent_no, len(AGENT_COLORS))),
    )
    return Scene(f, steps, runs, legend)


def _runs(f: Frames) -> pd.DataFrame:
    """Return the runs with labels, with a letter in front of two to four, and places on the axis."""
    columns = (f.runs[name] for name in ("run_id", "business_name", "agent_name"))
    labels = [
        run_label(run_id, business, agent, RUN_NAME) for run_id, business, agent in zip(*columns, strict=True)
    ]
    if 1 < len(labels) <= len(LETTERS):
        labels = [f"{letter} {label}" for letter, label in zip(LETTERS, labels, strict=False)]
    first_step = f.steps.groupby("run_id")["started_at"].min().reindex(f.runs["run_id"])
    origin = f.runs["started_at"].fillna(first_step.set_axis(f.runs.index)).fillna(EPOCH)
    end = f.runs["duration_s"].fillna(0)
    runs = f.runs.assign(label=labels, end=end, origin=origin, waits_since=unmeasured_waits(f))
    return runs.reset_index(drop=True)


def bars_of(scene: Scene, is_drawn: Flags, **columns: Any) -> pd.DataFrame:
    """Return the steps that are drawn with `columns` for them, a `note` and a `hover` text.

    The columns are `row`, `x0` and `x1` (seconds where waits may be folded), and `is_solid`. The note is the
    error's message, what is known of an answer, or that there is no end, else empty.
    """
    bars = scene.steps[is_drawn].assign(**columns)
    is_live = scene.runs["status"].isin(["running", "interrupted"]).to_numpy()[bars["run"]]
    endings = pd.Series(np.where(is_live, "still running", "no end recorded"), bars.index, dtype="str")
    notes = explanations(bars).fillna("").where(~bars["is_open"], endings)
    answers = _answers(scene.frames.interrupts)
    known = [answers.get((bar.run_id, bar.step_id)) for bar in each(bars)]
    bars["note"] = notes.where(bars["kind"] != WAIT, pd.Series(known, bars.index, object))
    return bars.assign(hover=_hovers(scene, bars), shown=_shown(bars))


def _shown(bars: pd.DataFrame) -> list[str]:
    """Write for each group how many of its steps are among the bars, if not all are, in tree order."""
    number, end, run = (bars[name].to_numpy(np.int64) for name in ("step_no", "subtree_end", "run"))
    first = run << 32
    n_all, n = end - number - 1, np.searchsorted(first + number, first + end) - np.arange(len(bars)) - 1
    is_cut = (bars["kind"].to_numpy() == GROUP) & (n_all - n > FEW)
    words = zip(is_cut.tolist(), n.tolist(), n_all.tolist(), strict=True)
    return [f" · {part:,} of {whole:,} steps shown" * cut for cut, part, whole in words]


def _answers(questions: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return what is known of the answers to questions, by run and step."""
    columns = [*KEY, "kind", "outcome", "decision", "answered_by"]
    answers = {}
    for run_id, step_id, *answer, name in questions[columns].itertuples(index=False):
        by = f" by {name}" if isinstance(name, str) else ""
        answers[run_id, step_id] = outcome_words(*answer) + by
    return answers


def _hovers(scene: Scene, bars: pd.DataFrame) -> list[str]:
    """Write what the chart says about each bar: name, agent, times, findings, and what it returned."""
    found = scene.frames.artifacts[[*KEY, "title", "confidence"]].astype("str")
    found = found[found["step_id"].isin(bars.loc[bars["n_artifacts"] > 0, "step_id"])]
    findings = {key: rows[["title", "confidence"]].values for key, rows in found.groupby(KEY)}
    runs = [f" · {plain(label, LABEL)}" * (len(scene.runs) > 1) for label in scene.runs["label"]]
    texts = []
    for bar in each(bars):
        values = leaves(bar.result)
        lines = [
            bold(plain(bar.label, LABEL)),
            f"{plain(bar.agent_name, NAME)}{runs[bar.run]} · {_state(bar)}",
            _times(bar),
            *_first([_finding(*row) for row in findings.get((bar.run_id, bar.step_id), ())], "finding"),
            *_first([f"{plain(path, NAME)}: {plain(value, FINDING)}" for path, value in values], "value"),
        ]
        texts.append("<br>".join(lines))
    return texts


def _first(lines: list[str], what: str) -> list[str]:
    """Return the first lines, and how many more there are."""
    n_more = len(lines) - MOST_VALUES
    return [*lines[:MOST_VALUES], f"and {plural(n_more, f'more {what}')}"] if n_more > 0 else lines


def _finding(title: object, confidence: object) -> str:
    sure = f" ({plain(confidence, 20)} confidence)" if isinstance(confidence, str) else ""
    return f"◆ {plain(title, FINDING)}{sure}"


def _times(bar: Any) -> str:
    whole = bar.end - bar.start
    own = "" if abs(whole - bar.self_s) < 0.05 else f" (own time {duration(bar.self_s)})"
    if pd.isna(bar.duration_s):
        return "not started"
    took = duration(whole) + own if whole > 0 else "instant"
    if bar.kind == WAIT and bar.is_open and whole <= 0:
        took = "not known how long,"
    return f"{took} from {duration(bar.start)} ({bar.started_at:%H:%M:%S} UTC)"


def _state(bar: Any) -> str:
    if bar.kind == WAIT:
        return "waiting for a reviewer" if bar.is_open else plain(bar.note or "Answered")
    if bar.is_open:
        return str(bar.note)
    return plain(status(str(bar.status)), NAME) + (f": {plain(bar.note)}" if bar.note else "")


def each(bars: pd.DataFrame) -> Iterator[Any]:
    """Iterate over bars; their columns are attributes."""
    return bars.itertuples()


def blocked(bars: pd.DataFrame) -> list[tuple[float, float]]:
    """Return the ranges of time in which a question is open and no step works."""
    start, end, kind = (bars.loc[bars["kind"] != GROUP, name].to_numpy() for name in ("start", "end", "kind"))
    return waiting_ranges(start, end, kind == WAIT)
