"""What a Gantt chart shows, as one DataFrame: a row for each bar, with its times and texts.

This module also decides which steps a chart shows, and in which rows: a tree, or bands of agents.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import compress, pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.api.jsontext import leaves
from runkit.charts._axis import Fold, TimeAxis
from runkit.charts.theme import bold, plain
from runkit.display.colors import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, Theme
from runkit.display.status_words import outcome_words, status
from runkit.display.text import agent_title, duration, plural, run_label
from runkit.facts import run_facts
from runkit.tables.frames import Frames
from runkit.tables.run_rules import explanations, is_shown
from runkit.time_budget import Flags, Ints, find_waits, parts_beside, waiting_ranges

STEP, GROUP, WAIT = range(3)  # kinds of bars; a group has child steps
FAILING = "✕ failing step"
LETTERS = "ABCD"  # a letter distinguishes two to four runs
MAX_RUN_LABEL = 36  # characters
MIN_CUT = 3  # a group says how many of its steps are shown if more than this many are left out
EPOCH = pd.Timestamp(0, tz="UTC")
MAX_VALUES = 3  # values, and findings, in a hover text
MAX_TEXT, MAX_NAME, MAX_VALUE = 60, 40, 50  # characters in a hover text
STEP_KEY = ["run_id", "step_id"]
MAX_ROWS = 60  # a tree of up to 60 rows zooms as fast as `px.timeline` of 1,000 steps
MAX_BARS = 2_000  # any other chart has no more bars
MAX_LABEL = 40  # characters of a row's label
INDENT = "\u00a0" * 4  # plotly folds ordinary spaces
MAX_INDENT = 6  # levels; beyond, the indentation would eat the label
ROW_PX, LOW_ROW_PX = 22, 17  # the height of a row, and of one of many
BAR_SHARE = 14 / 22  # the height of a bar, as a share of its row


class Scene(NamedTuple):
    """The steps of some frames in tree order, run by run, without those that explain another step.

    Beside the frames' columns `steps` have
    - `run`: position in `runs`; `start`, `end`: seconds since the origin of the run
    - `kind`; `is_failing`: it failed, and not because of a step within
    - `agent_name`, `agent_no`; `color`, which `legend` names
    - `note`: the error's message, what is known of an answer, or that there is no end, else empty

    `runs` are those of `run_facts` with `label` and `origin`.
    """

    frames: Frames
    steps: pd.DataFrame
    runs: pd.DataFrame
    legend: dict[str, str]


class RowLayout(NamedTuple):
    """`n` rows of `px` from the top with bars of `bar_px`, their labels, and the shaded ranges."""

    n: int
    px: float
    bar_px: float
    ticks: list[float]
    texts: list[str]
    bands: list[tuple[float, float]]


class Picture(NamedTuple):
    """What is drawn: the `bars` of `bars_of`, their rows, the axis, names and colors."""

    runs: pd.DataFrame
    bars: pd.DataFrame
    legend: dict[str, str]
    rows: RowLayout
    axis: TimeAxis
    theme: Theme


def scene_of(f: Frames) -> Scene:
    """Read the steps and runs out of frames."""
    runs, steps = _runs(f), f.steps[is_shown(f.steps)]
    run = pd.Index(runs["run_id"]).get_indexer(pd.Index(steps["run_id"]))
    steps = steps.assign(run=run).sort_values(["run", "step_no"], kind="stable", ignore_index=True)
    runs_of_steps = runs[["origin", "status"]].iloc[steps["run"]].set_axis(steps.index)
    since = steps["started_at"].array - runs_of_steps["origin"].array
    start = pd.Series(np.nan_to_num(since.total_seconds()), steps.index)

    is_failing = steps["error"].notna()
    agent_no, agents = _agents(runs, steps)
    colors = np.array([*AGENT_COLORS, OTHER_COLOR])[agent_no.clip(max=len(AGENT_COLORS))]
    legend = dict(zip(AGENT_COLORS, agents, strict=False))
    if len(agents) > len(AGENT_COLORS):
        legend[OTHER_COLOR] = "Other agents"

    steps = steps.assign(
        start=start,
        end=start + steps["duration_s"].fillna(0),
        kind=np.select([steps["is_wait"], _is_group(steps)], [WAIT, GROUP], STEP),
        is_failing=is_failing,
        is_critical=steps["is_critical"] & runs_of_steps["status"].ne("error"),
        agent_no=agent_no,
        agent_name=np.array(agents, dtype=object)[agent_no],
        color=np.where(is_failing, FAILED_COLOR, colors),
        note=_notes(f, steps, runs_of_steps["status"]),
    )
    return Scene(f, steps, runs, legend | {FAILED_COLOR: FAILING})


def _is_group(steps: pd.DataFrame) -> pd.Series[bool]:
    """Flag the steps with child steps that are shown; questions are drawn as waits."""
    is_next_inside = steps["depth"].shift(-1) > steps["depth"]
    is_next_of_run = steps["run"].shift(-1).eq(steps["run"])
    return is_next_inside & is_next_of_run & steps["type"].ne("interrupt")


def _agents(runs: pd.DataFrame, steps: pd.DataFrame) -> tuple[Ints, list[str]]:
    """Return each step's agent as a number, and the names: the runs' own agents come first."""
    first = runs["agent"].drop_duplicates()
    numbers, types = pd.factorize(pd.concat([first, steps["agent"]]), use_na_sentinel=False)
    names = dict(zip(runs["agent"], runs["agent_name"], strict=True))
    return numbers[len(first) :], [agent_title(agent, names.get(agent)) for agent in types]


def _notes(f: Frames, steps: pd.DataFrame, statuses: pd.Series[Any]) -> Any:
    """Write for each step how its question or its error ended, or that it has no end."""
    answers = _answers(f.interrupts)
    keys = zip(steps["run_id"], steps["step_id"], strict=True)
    endings = np.array([answers.get(key, "Answered") for key in keys], object)
    is_live = statuses.isin(["running", "interrupted"])
    no_end = np.where(is_live, "still running", "no end recorded")
    conditions = [steps["is_wait"], steps["is_open"]]
    return np.select(conditions, [endings, no_end], explanations(steps).fillna(""))


def _runs(f: Frames) -> pd.DataFrame:
    """Return the runs with labels (two to four have letters) and the origin of their times."""
    labels = [
        run_label(run["run_id"], run["business_name"], run["agent_name"], MAX_RUN_LABEL)
        for run in f.runs.to_dict("records")
    ]
    if len(labels) > 1:
        labels = [f"{letter} {label}" for letter, label in zip(LETTERS, labels, strict=False)]
    first_step = f.steps.groupby("run_id")["started_at"].min().reindex(f.runs["run_id"])
    origin = f.runs["started_at"].fillna(first_step.set_axis(f.runs.index)).fillna(EPOCH)
    return run_facts(f).assign(label=labels, origin=origin).reset_index(drop=True)


def _answers(questions: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return what is known of the answers to questions, by run and step."""
    columns = [*STEP_KEY, "kind", "outcome", "decision", "answered_by"]
    answers = {}
    for run_id, step_id, *answer, name in questions[columns].itertuples(index=False):
        by = f" by {name}" if isinstance(name, str) else ""
        answers[run_id, step_id] = outcome_words(*answer) + by
    return answers


def visible_steps(steps: pd.DataFrame, depth: int | str | None, limit: int) -> Flags:
    """Flag the steps of the first `depth` levels that are shown, at most `limit`.

    Those that matter most come first: failed steps, waits, the top level, then the longest.
    """
    is_deep = steps["depth"] >= (depth if isinstance(depth, int) else np.inf)
    is_top = steps["depth"] == 0
    conditions = [is_deep, steps["is_failing"], steps["is_wait"], is_top]
    rank: Ints = np.select(conditions, [4, 0, 1, 2], 3)
    is_visible = ~is_deep.to_numpy()
    is_visible[np.lexsort((steps["start"] - steps["end"], rank))[limit:]] = False
    return is_visible


def bars_of(scene: Scene, steps: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """Return the steps that have a row, with `columns` and the texts `hover` and `cut`.

    The columns are `row`, `x0` and `x1` (seconds where waits may be folded), and `is_solid`.
    """
    bars = steps.assign(**columns).dropna(subset="row")
    cuts = _cuts(bars) if len(scene.runs) == 1 else ""
    return bars.assign(hover=_hovers(scene, bars), cut=cuts)


def _cuts(bars: pd.DataFrame) -> list[str]:
    """Write for each group of one run how many of its steps are among the bars, if not all are."""
    number, end = bars["step_no"].to_numpy(), bars["subtree_end"].to_numpy()
    n_inside = end - number - 1
    n_shown = np.searchsorted(number, end) - np.arange(len(bars)) - 1
    is_cut = bars["kind"].eq(GROUP) & (n_inside - n_shown > MIN_CUT)
    counts = zip(is_cut, n_shown.tolist(), n_inside.tolist(), strict=True)
    return [f" · {part:,} of {whole:,} steps shown" if cut else "" for cut, part, whole in counts]


def _hovers(scene: Scene, bars: pd.DataFrame) -> list[str]:
    """Write the hover text of each bar: name, agent, times, findings, and what it returned."""
    findings = _findings(scene.frames, bars)
    has_many = len(scene.runs) > 1
    runs = [f" · {plain(label, MAX_TEXT)}" if has_many else "" for label in scene.runs["label"]]

    hovers = []
    for bar in each(bars):
        values = [
            f"{plain(path, MAX_NAME)}: {plain(value, MAX_VALUE)}"
            for path, value in leaves(bar.result)
        ]
        lines = [
            bold(plain(bar.label, MAX_TEXT)),
            f"{plain(bar.agent_name, MAX_NAME)}{runs[bar.run]} · {_state(bar)}",
            _times(bar),
            *_first(findings.get((bar.run_id, bar.step_id), []), "finding"),
            *_first(values, "value"),
        ]
        hovers.append("<br>".join(lines))
    return hovers


def _findings(f: Frames, bars: pd.DataFrame) -> dict[Any, list[str]]:
    """Return the titles of the findings of bars with their confidence, by run and step."""
    artifacts = f.artifacts[f.artifacts["step_id"].isin(bars["step_id"])]
    findings = defaultdict(list)
    for artifact in each(artifacts[[*STEP_KEY, "title", "confidence_text"]]):
        confidence = ""
        if isinstance(artifact.confidence_text, str):
            confidence = f" ({plain(artifact.confidence_text, 20)} confidence)"
        line = f"◆ {plain(artifact.title, MAX_VALUE)}{confidence}"
        findings[artifact.run_id, artifact.step_id].append(line)
    return findings


def _first(lines: list[str], noun: str) -> list[str]:
    """Return the first lines, and how many more there are."""
    n_more = len(lines) - MAX_VALUES
    if n_more <= 0:
        return lines
    return [*lines[:MAX_VALUES], f"and {plural(n_more, f'more {noun}')}"]


def _times(bar: Any) -> str:
    """Write how long a step took, and from when on."""
    if pd.isna(bar.duration_s):
        return "not started"
    seconds = bar.end - bar.start
    length = duration(seconds) if seconds > 0 else "instant"
    if seconds > 0 and abs(seconds - bar.self_s) >= 0.05:
        length += f" (own time {duration(bar.self_s)})"
    if bar.kind == WAIT and bar.is_open and seconds <= 0:
        length = "unknown length"
    return f"{length} from {duration(bar.start)} ({bar.started_at:%H:%M:%S} UTC)"


def _state(bar: Any) -> str:
    """Write the status of a step, or how its question ended."""
    if bar.kind == WAIT:
        return "waiting for a reviewer" if bar.is_open else plain(bar.note)
    if bar.is_open:
        return str(bar.note)
    state = plain(status(str(bar.status)), MAX_NAME)
    return f"{state}: {plain(bar.note)}" if bar.note else state


def each(bars: pd.DataFrame) -> Iterator[Any]:
    """Iterate over rows whose columns are attributes, without the wide types of pandas' stubs."""
    return bars.itertuples()


def blocked(bars: pd.DataFrame) -> list[Fold]:
    """Return the ranges of time in which a question is open and no step works beside it."""
    run, start, end = (bars[name].to_numpy() for name in ("run", "start", "end"))
    waits = find_waits(run, start, end, bars["is_wait"].to_numpy())
    is_leaf = bars["kind"].eq(STEP).to_numpy()
    _, since, until = parts_beside(waits, run[is_leaf], start[is_leaf], end[is_leaf])
    is_wait = np.arange(len(waits.run) + len(since)) < len(waits.run)
    return waiting_ranges(np.append(waits.start, since), np.append(waits.end, until), is_wait)


def tree_rows(bars: pd.DataFrame, row: Ints) -> RowLayout:
    """Describe a tree with a row for each bar.

    Steps in a group are indented, every other group is shaded.
    """
    texts = []
    for label, depth, kind in zip(bars["label"], bars["depth"], bars["kind"], strict=True):
        text = plain(label, MAX_LABEL)
        texts.append(INDENT * min(depth, MAX_INDENT) + (bold(text) if kind == GROUP else text))
    top = np.flatnonzero(bars["depth"] == 0)
    # where top-level steps begin, and the end
    edges = np.append(row[top], row[-1:] + 1).tolist()
    is_group = bars["kind"].iloc[top] == GROUP
    groups: list[tuple[float, float]] = list(compress(pairwise(edges), is_group))
    px = ROW_PX if len(bars) < MAX_ROWS else LOW_ROW_PX
    return RowLayout(len(bars), px, BAR_SHARE * px, row.tolist(), texts, groups[::2])


def agent_rows(bars: pd.DataFrame) -> tuple[RowLayout, pd.Series[int]]:
    """Build a band for each agent, divided into bands for runs, with rows for the bars."""
    bars = bars.assign(lane=_lanes(bars))
    bands = bars.groupby(["agent_no", "run"])
    height = bands["lane"].max() + 1
    top = height.cumsum() - height
    is_first = ~top.index.get_level_values(0).duplicated()

    texts = []
    names = bands["agent_name"].first()
    for (_, run), name, is_bold in zip(top.index, names, is_first, strict=True):
        text = plain(name, MAX_LABEL - 4)
        texts.append(f"{bold(text) if is_bold else text} · {LETTERS[run]}")

    edges = [*top[is_first].tolist(), int(height.sum())]
    ticks = (top + (height - 1) / 2).tolist()
    shaded = list(pairwise(edges))[1::2]
    rows = RowLayout(edges[-1], ROW_PX, BAR_SHARE * ROW_PX, ticks, texts, shaded)
    return rows, bars["lane"] + top.to_numpy()[bands.ngroup()]


def _lanes(bars: pd.DataFrame) -> pd.Series[int]:
    """Return the lowest free lane of its band for each bar, in order of start.

    Of two that start together the outer step comes first. A bar may begin where another ends in the
    same lane.
    """
    lanes: dict[int, int] = {}
    ends_of: dict[tuple[int, int], list[float]] = defaultdict(list)
    ordered = bars[["agent_no", "run", "start", "end"]].sort_values("start", kind="stable")
    for bar in each(ordered):
        ends = ends_of[bar.agent_no, bar.run]
        lane = next((n for n, end in enumerate(ends) if end <= bar.start), len(ends))
        if lane == len(ends):
            ends.append(bar.end)
        else:
            ends[lane] = bar.end
        lanes[bar.Index] = lane
    return pd.Series(lanes, bars.index, "int64")
