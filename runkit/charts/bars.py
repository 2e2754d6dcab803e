"""What a Gantt chart shows, as one DataFrame: a row for each bar, with its times, place, color and words.

Here is also which steps a chart shows, in which rows (a tree, or bands of agents), and the critical path.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.charts.step_panel import leaves
from runkit.charts.style import bold, plain
from runkit.style import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, outcome_words, status
from runkit.tables.facts import explanations, is_shown, unmeasured_waits
from runkit.tables.frames import Frames
from runkit.text import agent_title, duration, plural, run_label
from runkit.timing import Flags, Ints, waiting_ranges

if TYPE_CHECKING:
    from runkit.charts.axis import Axis

STEP, GROUP, WAIT = range(3)  # kinds of bars; a group has child steps
FAILING = "✕ failing step"
LETTERS = "ABCD"  # two to four runs are told apart by a letter
RUN_NAME = 36  # characters
FEW = 3  # steps that are left out without a word: those that only explain another one
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
    runs = [f" · {plain(label, WORDS)}" * (len(scene.runs) > 1) for label in scene.runs["label"]]
    texts = []
    for bar in each(bars):
        values = leaves(bar.result)
        lines = [
            bold(plain(bar.label, WORDS)),
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


class Rows(NamedTuple):
    """`n` rows of `px` from the top, with bars of `bar_px`: their labels, and the ranges that are shaded."""

    n: int
    px: float
    bar_px: float
    ticks: list[float]
    texts: list[str]
    bands: list[tuple[float, float]]


def visible_steps(steps: pd.DataFrame, depth: int | str | None, most: int) -> Flags:
    """Flag the steps that are shown: of the first `depth` levels; at most so many, those that matter most.

    They are in this order: failed steps, waits, the top level, then the longest.
    """
    is_shown = (steps["depth"] < depth if isinstance(depth, int) else steps["depth"] >= 0).to_numpy()
    if is_shown.sum() <= most:
        return is_shown
    is_wait, is_top = steps["kind"] == WAIT, steps["depth"] == 0
    rank = np.select([~is_shown, steps["is_failing"], is_wait, is_top], [4, 0, 1, 2], 3)
    chosen = np.lexsort((steps["start"] - steps["end"], rank))[:most]
    return np.isin(np.arange(len(steps)), chosen) & is_shown


def tree_rows(bars: pd.DataFrame, row: Ints) -> Rows:
    """Describe a tree with a row for each bar; steps in a group are indented, every other group is shaded."""
    texts = []
    for label, depth, kind in zip(bars["label"], bars["depth"], bars["kind"], strict=True):
        words = plain(label, LABEL)
        texts.append(INDENT * min(depth, DEEPEST_INDENT) + (bold(words) if kind == GROUP else words))
    top = np.flatnonzero(bars["depth"] == 0)
    ends = np.append(row[top[1:]], row[-1:] + 1)
    is_group = bars["kind"].to_numpy()[top] == GROUP
    bands = list(zip(row[top][is_group].tolist(), ends[is_group].tolist(), strict=True))[::2]
    px = ROW_PX if len(bars) < MOST_ROWS else LOW_PX
    return Rows(len(bars), px, BAR_SHARE * px, row.tolist(), texts, bands)


def agent_rows(bars: pd.DataFrame, n_runs: int) -> tuple[Rows, Ints]:
    """Place a band per agent, in it one per run, in that as few rows as do not overlap."""
    unit, band = np.unique(bars["agent_no"] * n_runs + bars["run"], return_inverse=True)
    lane = _lanes(band, bars)
    height = pd.Series(lane + 1).groupby(band).max().to_numpy(np.int64)
    top = np.cumsum(height) - height
    is_first = np.diff(unit // n_runs, prepend=-1) > 0
    names = bars["agent_name"].groupby(band).first()
    texts = []
    for name, number, is_bold in zip(names, unit % n_runs, is_first, strict=True):
        words = plain(name, LABEL - 4)
        texts.append(f"{bold(words) if is_bold else words} · {LETTERS[number]}")
    edges = [*top[is_first].tolist(), int(height.sum())]
    middle = top + (height - 1) / 2
    bands = list(itertools.pairwise(edges))[1::2]
    return Rows(edges[-1], ROW_PX, BAR_SHARE * ROW_PX, middle.tolist(), texts, bands), top[band] + lane


def _lanes(band: Ints, bars: pd.DataFrame) -> Ints:
    """Return the lowest free lane of its band for each bar, in order of start; the outer one of two is first.

    A bar may begin where another ends in the same lane.
    """
    bands, starts, ends = band.tolist(), bars["start"].tolist(), bars["end"].tolist()
    lane = np.zeros(len(bars), np.int64)
    free_from: dict[int, list[float]] = defaultdict(list)  # by band, the end of the last bar of each lane
    for bar in np.argsort(starts, kind="stable").tolist():
        times = free_from[bands[bar]]
        number = next((n for n, end in enumerate(times) if end <= starts[bar]), len(times))
        times[number : number + 1] = [ends[bar]]
        lane[bar] = number
    return lane


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
    places = axis.at(edges)
    row, kind = bars["row"].tolist(), bars["kind"].tolist()
    parts = [
        (float(places[first]), float(places[last]), row[at], kind[at])
        for first, last in itertools.pairwise(cuts)
        if (at := owner[first]) >= 0
    ]
    least = GROUP_PX / axis.scale
    return [part for part in parts if part[3] != GROUP or part[1] - part[0] >= least]
