"""What a Gantt chart shows, as one DataFrame: a row for each bar, with its times, place, color and words.

Here is also which steps a chart shows, in which rows (a tree, or bands of agents), and the critical
path.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.charts.axis import Axis, Fold
from runkit.charts.style import bold, plain
from runkit.jsontext import leaves
from runkit.style import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, Theme, outcome_words, status
from runkit.tables.facts import explanations, is_shown, unmeasured_waits
from runkit.tables.frames import Frames
from runkit.text import agent_title, duration, plural, run_label
from runkit.timing import Flags, Ints, waiting_ranges

STEP, GROUP, WAIT = range(3)  # kinds of bars; a group has child steps
FAILING = "✕ failing step"
LETTERS = "ABCD"  # two to four runs are told apart by a letter
RUN_NAME = 36  # characters
FEW = 3  # steps that are left out without a word
EPOCH = pd.Timestamp(0, tz="UTC")
MOST_VALUES = 3  # in a hover text
WORDS, NAME, FINDING = 60, 40, 50  # characters in a hover text
KEY = ["run_id", "step_id"]
MOST_ROWS = 60  # of a tree; so many rows zoom no slower than `px.timeline` of 1,000 steps
MOST_BARS = 2_000  # of any other chart
LABEL = 40  # characters of a row's label
INDENT = "\u00a0" * 4  # plotly folds ordinary spaces
DEEPEST_INDENT = 6  # levels; beyond, the indentation would eat the label
ROW_PX, LOW_PX = 22, 17  # of a row, and of one of many
BAR_SHARE = 14 / 22  # of the height of a row
GROUP_PX = 8  # shorter parts of a group are left out of the path
Path = list[tuple[float, float, float, int]]  # parts of the critical path: from, to, row, kind


class Scene(NamedTuple):
    """The steps of some frames in tree order, run by run, without those that only explain another one.

    Beside the frames' columns `steps` have
    - `run`: position in `runs`; `start`, `end`: seconds since the origin of the run
    - `kind`; `is_failing`: it failed, and not because of a step within
    - `agent_name`, `agent_no`; `color`, whose words `legend` has
    - `note`: the error's message, what is known of an answer, or that there is no end, else empty

    `runs` are the frames' with `label`, `origin` and `waits_since`.
    """

    frames: Frames
    steps: pd.DataFrame
    runs: pd.DataFrame
    legend: dict[str, str]


class Rows(NamedTuple):
    """`n` rows of `px` from the top, with bars of `bar_px`: their labels, and the ranges that are shaded."""

    n: int
    px: float
    bar_px: float
    ticks: list[float]
    texts: list[str]
    bands: list[tuple[float, float]]


class Picture(NamedTuple):
    """All that is needed to draw: the `bars` of `bars_of`, their rows, the axis, words and colors.

    `path` is empty where no critical path is drawn.
    """

    runs: pd.DataFrame
    bars: pd.DataFrame
    legend: dict[str, str]
    rows: Rows
    axis: Axis
    theme: Theme
    path: Path


def scene_of(f: Frames) -> Scene:
    """Read the steps and runs out of frames."""
    runs, steps = _runs(f), f.steps[is_shown(f.steps)]
    run = pd.Index(runs["run_id"]).get_indexer(pd.Index(steps["run_id"]))
    steps = steps.assign(run=run).sort_values(["run", "step_no"], kind="stable", ignore_index=True)
    of_run = runs[["origin", "status"]].iloc[steps["run"]].set_axis(steps.index)
    since = steps["started_at"].array - of_run["origin"].array
    start = pd.Series(np.nan_to_num(since.total_seconds()), steps.index)
    has_child = (steps["depth"].shift(-1) > steps["depth"]) & steps["run"].shift(-1).eq(
        steps["run"]
    )
    # a run's own agent comes first, the others as they appear
    own = runs["agent"].drop_duplicates()
    codes, types = pd.factorize(pd.concat([own, steps["agent"]]), use_na_sentinel=False)
    names = dict(zip(runs["agent"], runs["agent_name"], strict=True))
    agents = [agent_title(agent, names.get(agent)) for agent in types]
    others = {OTHER_COLOR: "Other agents"} if len(agents) > len(AGENT_COLORS) else {}
    agent_no, is_failing = codes[len(own) :], steps["error"].notna()
    colors = np.array([*AGENT_COLORS, OTHER_COLOR])[agent_no.clip(max=len(AGENT_COLORS))]
    is_group = has_child & steps["type"].ne("interrupt")
    answers = _answers(f.interrupts)
    known = [
        answers.get(key, "Answered") for key in zip(*(steps[name] for name in KEY), strict=True)
    ]
    is_live = of_run["status"].isin(["running", "interrupted"])
    no_end = np.where(is_live, "still running", "no end recorded")
    notes = [np.array(known, object), no_end]
    steps = steps.assign(
        start=start,
        end=start + steps["duration_s"].fillna(0),
        kind=np.select([steps["is_wait"], is_group], [WAIT, GROUP], STEP),
        is_failing=is_failing,
        is_critical=steps["is_critical"] & of_run["status"].ne("error"),
        agent_no=agent_no,
        agent_name=np.array(agents, dtype=object)[agent_no],
        color=np.where(is_failing, FAILED_COLOR, colors),
        note=np.select([steps["is_wait"], steps["is_open"]], notes, explanations(steps).fillna("")),
    )
    legend = dict(zip(AGENT_COLORS, agents, strict=False)) | others | {FAILED_COLOR: FAILING}
    return Scene(f, steps, runs, legend)


def _runs(f: Frames) -> pd.DataFrame:
    """Return the runs with labels, with a letter in front of two to four, and places on the axis."""
    labels = [
        run_label(run["run_id"], run["business_name"], run["agent_name"], RUN_NAME)
        for run in f.runs.to_dict("records")
    ]
    if len(labels) > 1:
        labels = [f"{letter} {label}" for letter, label in zip(LETTERS, labels, strict=False)]
    first_step = f.steps.groupby("run_id")["started_at"].min().reindex(f.runs["run_id"])
    origin = f.runs["started_at"].fillna(first_step.set_axis(f.runs.index)).fillna(EPOCH)
    runs = f.runs.assign(label=labels, origin=origin, waits_since=unmeasured_waits(f))
    return runs.reset_index(drop=True)


def _answers(questions: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return what is known of the answers to questions, by run and step."""
    columns = [*KEY, "kind", "outcome", "decision", "answered_by"]
    answers = {}
    for run_id, step_id, *answer, name in questions[columns].itertuples(index=False):
        by = f" by {name}" if isinstance(name, str) else ""
        answers[run_id, step_id] = outcome_words(*answer) + by
    return answers


def visible_steps(steps: pd.DataFrame, depth: int | str | None, most: int) -> Flags:
    """Flag the steps that are shown: of the first `depth` levels; at most so many, those that matter most.

    They are in this order: failed steps, waits, the top level, then the longest.
    """
    is_deep = steps["depth"] >= (depth if isinstance(depth, int) else np.inf)
    is_top = steps["depth"] == 0
    rank: Ints = np.select(
        [is_deep, steps["is_failing"], steps["is_wait"], is_top], [4, 0, 1, 2], 3
    )
    is_shown = ~is_deep.to_numpy()
    is_shown[np.lexsort((steps["start"] - steps["end"], rank))[most:]] = False
    return is_shown


def bars_of(scene: Scene, steps: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """Return the steps that are drawn, with `columns` and the words `hover` and `shown`.

    The columns are `row`, `x0` and `x1` (seconds where waits may be folded), and `is_solid`.
    """
    bars = steps.assign(**columns).dropna(subset="row")
    return bars.assign(
        hover=_hovers(scene, bars), shown=_shown(bars) if len(scene.runs) == 1 else ""
    )


def _shown(bars: pd.DataFrame) -> list[str]:
    """Write for each group of one run how many of its steps are among the bars, if not all are."""
    number, end = (bars[name].to_numpy() for name in ("step_no", "subtree_end"))
    n_all, n = end - number - 1, np.searchsorted(number, end) - np.arange(len(bars)) - 1
    is_cut = bars["kind"].eq(GROUP) & (n_all - n > FEW)
    words = zip(is_cut, n.tolist(), n_all.tolist(), strict=True)
    return [f" · {part:,} of {whole:,} steps shown" * cut for cut, part, whole in words]


def _hovers(scene: Scene, bars: pd.DataFrame) -> list[str]:
    """Write what the chart says about each bar: name, agent, times, findings, and what it returned."""
    found = scene.frames.artifacts
    found = found[found["step_id"].isin(bars["step_id"])]
    titles = [_finding(*row) for row in zip(found["title"], found["confidence"], strict=True)]
    findings = (
        pd.Series(titles, found.index, object).groupby([found[name] for name in KEY]).agg(list)
    )
    findings_of = findings.to_dict()
    runs = [f" · {plain(label, WORDS)}" * (len(scene.runs) > 1) for label in scene.runs["label"]]
    texts = []
    for bar in each(bars):
        values = [
            f"{plain(path, NAME)}: {plain(value, FINDING)}" for path, value in leaves(bar.result)
        ]
        lines = [
            bold(plain(bar.label, WORDS)),
            f"{plain(bar.agent_name, NAME)}{runs[bar.run]} · {_state(bar)}",
            _times(bar),
            *_first(findings_of.get((bar.run_id, bar.step_id), []), "finding"),
            *_first(values, "value"),
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
        return "waiting for a reviewer" if bar.is_open else plain(bar.note)
    if bar.is_open:
        return str(bar.note)
    return plain(status(str(bar.status)), NAME) + (f": {plain(bar.note)}" if bar.note else "")


def each(bars: pd.DataFrame) -> Iterator[Any]:
    """Iterate over bars; their columns are attributes."""
    return bars.itertuples()


def blocked(bars: pd.DataFrame) -> list[Fold]:
    """Return the ranges of time in which a question is open and no step works."""
    work = bars[bars["kind"] != GROUP]
    return waiting_ranges(*(work[name].to_numpy() for name in ("start", "end", "is_wait")))


def tree_rows(bars: pd.DataFrame, row: Ints) -> Rows:
    """Describe a tree with a row for each bar; steps in a group are indented, every other group is shaded."""
    texts = []
    for label, depth, kind in zip(bars["label"], bars["depth"], bars["kind"], strict=True):
        words = plain(label, LABEL)
        texts.append(
            INDENT * min(depth, DEEPEST_INDENT) + (bold(words) if kind == GROUP else words)
        )
    top = np.flatnonzero(bars["depth"] == 0)
    edges = [*row[top].tolist(), *(row[-1:] + 1).tolist()]
    bands = itertools.compress(itertools.pairwise(edges), bars["kind"].iloc[top] == GROUP)
    px = ROW_PX if len(bars) < MOST_ROWS else LOW_PX
    return Rows(len(bars), px, BAR_SHARE * px, row.tolist(), texts, list(bands)[::2])


def agent_rows(bars: pd.DataFrame) -> tuple[Rows, pd.Series[int]]:
    """Place a band per agent, in it one per run, in that as few rows as do not overlap."""
    bars = bars.assign(lane=_lanes(bars))
    bands = bars.groupby(["agent_no", "run"])
    height = bands["lane"].max() + 1
    top = height.cumsum() - height
    is_first = ~top.index.get_level_values(0).duplicated()
    texts = []
    for (_, run), name, is_bold in zip(
        top.index, bands["agent_name"].first(), is_first, strict=True
    ):
        words = plain(name, LABEL - 4)
        texts.append(f"{bold(words) if is_bold else words} · {LETTERS[run]}")
    edges = [*top[is_first].tolist(), int(height.sum())]
    shaded = list(itertools.pairwise(edges))[1::2]
    row = bars["lane"] + top.to_numpy()[bands.ngroup()]
    return Rows(
        edges[-1], ROW_PX, BAR_SHARE * ROW_PX, (top + (height - 1) / 2).tolist(), texts, shaded
    ), row


def _lanes(bars: pd.DataFrame) -> pd.Series[int]:
    """Return the lowest free lane of its band for each bar, in order of start; the outer one of two is first.

    A bar may begin where another ends in the same lane.
    """
    lanes: dict[int, int] = {}
    # by band, of the last bar of each lane
    ends: dict[tuple[int, int], list[float]] = defaultdict(list)
    for bar in each(bars[["agent_no", "run", "start", "end"]].sort_values("start", kind="stable")):
        taken = ends[bar.agent_no, bar.run]
        lane = next((n for n, end in enumerate(taken) if end <= bar.start), len(taken))
        taken[lane : lane + 1] = [bar.end]
        lanes[bar.Index] = lane
    return pd.Series(lanes, bars.index, "int64")


def critical_path(bars: pd.DataFrame, axis: Axis) -> Path:
    """Return the critical path of a run of which all steps are shown, in order of time, on the axis.

    Short parts of groups are left out.
    """
    # The time of a subtree on the path is one stretch, so each moment is that of the deepest step.
    spent = np.append(0.0, bars["critical_s"].cumsum())
    inner = np.searchsorted(bars["step_no"], bars["subtree_end"])
    total = spent[inner] - spent[:-1]
    on_path = np.flatnonzero(bars["is_critical"] & (total > 0))
    begin = bars["start"].to_numpy()[on_path]
    spans = np.column_stack([begin, begin + total[on_path]]).round(6)
    edges, number = np.unique(spans, return_inverse=True)
    owner = np.full(len(edges), -1)
    for at, (first, last) in zip(on_path.tolist(), number.reshape(-1, 2), strict=True):
        owner[first:last] = at
    cuts = np.flatnonzero(np.diff(owner, prepend=-1, append=-1))
    places = axis.at(edges).tolist()
    row, kind = bars["row"].tolist(), bars["kind"].tolist()
    parts = [
        (places[first], places[last], row[at], kind[at])
        for first, last in itertools.pairwise(cuts)
        if (at := owner[first]) >= 0
    ]
    least = GROUP_PX / axis.scale
    return [part for part in parts if part[3] != GROUP or part[1] - part[0] >= least]
