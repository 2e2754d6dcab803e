"""What a Gantt chart shows, as one DataFrame: a row for each bar, with its times and texts.

Whatever is drawn is a function of this frame.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.api.jsontext import returned
from runkit.api.words import OUTCOMES, STATES
from runkit.charts._placement import (
    GROUP,
    LETTERS,
    OTHERS,
    STEP,
    WAIT,
    Floats,
    RowLayout,
    TimeAxis,
    parents,
)
from runkit.charts.theme import bold, chosen_theme, plain
from runkit.display.colors import AGENT_COLORS, FAILED_COLOR, OTHER_COLOR, Theme
from runkit.display.text import MISSING, agent_title, duration, short_id
from runkit.tables.frames import Frames
from runkit.tables.run_rules import failures_of, outcome_words, with_courses
from runkit.time_budget import (
    Flags,
    Ints,
    blocked_ranges,
    critical_path,
    unions,
)

FAILING, WAITING = "✕ failing step", OUTCOMES.find("pending").label
NO_RANGES = np.empty((0, 2))  # of time
MAX_VALUES = 3  # values, and findings, in a hover text
MAX_NAME, MAX_TITLE, MAX_VALUE = 40, 50, 90  # characters in a hover text
STEP_KEY = ["run_id", "step_id"]
STUB = 0.02  # the length of the stub of an open step, as a share of the axis
MIN_PART_PX = 3  # a shorter part of the critical path is drawn if it is half of its bar
MIN_GAP_PX = 0.5  # slivers so close to each other are joined
PALE, PALER = 0.4, 0.15  # the opacity of slivers off the critical path: of steps, of groups


class Scene(NamedTuple):
    """The steps of some frames in tree order, run by run.

    Beside the frames' columns `steps` have
    - `run`: position in `runs`; `start`, `end`: seconds since the run started, else its first step
    - `kind`; `is_stub`: it has no end, and is no question
    - `is_failing`: it failed, and not because of a step within
    - `agent_name`, `agent_no`; `color`, which `legend` names
    - `note`: the error's message, or what is known of an answer, else empty

    `path` has a row of its step, cut to the critical path, for each stretch of it; `runs` are those
    of `with_courses`.
    """

    frames: Frames
    steps: pd.DataFrame
    path: pd.DataFrame
    runs: pd.DataFrame
    legend: dict[str, str]
    theme: Theme


class Picture(NamedTuple):
    """What is drawn of a scene: all frames have a `row`, `x0` and `x1` (seconds, folded).

    - `bars`: the steps with a row of their own, with their `length` and their `hover` text; the
      `tip` is `x1`, or the end of the stub of an open step
    - `parts`: what is solid of them
    - `slivers`: the others, joined, with `color` and the `alpha` of it

    `entries` are those of the legend beside the agents.
    """

    scene: Scene
    bars: pd.DataFrame
    parts: pd.DataFrame
    slivers: pd.DataFrame
    rows: RowLayout
    axis: TimeAxis
    entries: tuple[str, ...] = ()


def scene_of(f: Frames) -> Scene:
    """Read the steps and runs out of frames."""
    runs = with_courses(f).reset_index(drop=True)
    theme = chosen_theme()
    run = pd.Index(runs["run_id"]).get_indexer(pd.Index(f.steps["run_id"]))
    order = ["run", "step_no"]
    steps = f.steps.assign(run=run).sort_values(order, ignore_index=True)
    origin = runs["started_at"].fillna(steps.groupby("run")["started_at"].min())
    since = steps["started_at"] - steps["run"].map(origin)
    start = since.dt.total_seconds().fillna(0)

    is_wait = steps["type"].eq("interrupt")
    causes = pd.MultiIndex.from_frame(failures_of(f)[STEP_KEY])
    is_failing = pd.MultiIndex.from_frame(steps[STEP_KEY]).isin(causes)
    has_children = steps["n_children"].gt(0).astype("bool")
    agent_no, agents = _agents(runs, steps)
    colors = np.array([*AGENT_COLORS, OTHER_COLOR])[agent_no.clip(max=len(AGENT_COLORS))]
    legend = dict(zip(AGENT_COLORS, agents, strict=False)) | {
        OTHER_COLOR: OTHERS,
        FAILED_COLOR: FAILING,
        theme.wait: WAITING.lower(),
    }
    notes = _notes(f, steps)
    steps = steps.assign(
        is_stub=steps["state"].eq("running"),
        is_wait=is_wait,
        is_open=steps["state"].isin(["running", "waiting"]),
        start=start,
        end=start + steps["duration_s"].fillna(0),
        kind=np.select([is_wait, has_children], [WAIT, GROUP], STEP),
        is_failing=is_failing,
        is_critical=steps["critical_s"].gt(0),
        agent_no=agent_no,
        agent_name=np.array(agents, dtype=object)[agent_no],
        color=np.select([is_wait, is_failing], [theme.wait, FAILED_COLOR], colors),
        note=notes,
    )
    path = _critical_parts(steps, runs)
    return Scene(f, steps, path, runs, legend, theme)


def _critical_parts(steps: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row of its step for each stretch of the critical path, from `start` to `end`."""
    last_end = runs["duration_s"].fillna(steps.groupby("run")["end"].max()).fillna(0)
    start, end, run_end = (
        np.rint(edge.to_numpy() * 1e6).astype(np.int64)
        for edge in (steps["start"], steps["end"], last_end)
    )
    run, depth = (steps[name].to_numpy(np.int64) for name in ("run", "depth"))
    tree = np.array(parents(steps["depth"]), np.int64), depth, run
    bounds = np.zeros_like(run_end), run_end
    path = critical_path(start, end, *tree, *bounds, is_waiting=steps["is_wait"].to_numpy())
    step, since, until = path.parts
    parts: pd.DataFrame = steps.iloc[step].assign(start=since / 1e6, end=until / 1e6)
    return parts[parts["critical_s"].notna()]


def _agents(runs: pd.DataFrame, steps: pd.DataFrame) -> tuple[Ints, list[str]]:
    """Return each step's agent as a number, and the names: the runs' own agents come first."""
    agents = pd.concat([runs["agent"], steps["agent"]])
    numbers, types = pd.factorize(agents, use_na_sentinel=False)
    names = dict(zip(runs["agent"], runs["agent_name"], strict=True))
    return numbers[len(runs) :], [agent_title(agent, names.get(agent)) for agent in types]


def _notes(f: Frames, steps: pd.DataFrame) -> Any:
    """Write for each step how its question ended, or why it failed."""
    questions = f.interrupts.to_dict("records")
    answers = {(row["run_id"], row["step_id"]): outcome_words(row) for row in questions}
    keys = zip(steps["run_id"], steps["step_id"], strict=True)
    endings = np.array([answers.get(key, "Question") for key in keys], object)
    return np.where(steps["type"].eq("interrupt"), endings, steps["error"].fillna(""))


def picture_of(
    scene: Scene,
    layout: tuple[RowLayout, Floats, Flags],
    axes: list[TimeAxis],
    axis: TimeAxis,
    is_solid: Flags,
) -> Picture:
    """Place the steps of a scene, each on the axis of its run; `axis` is that of the chart.

    `layout` are the rows, the row of each step, and whether the step has it for itself. All of the
    bar is solid where `is_solid`, else what is on the critical path.
    """
    rows, row, has_row = layout
    pieces = pd.concat([scene.steps.assign(is_bar=True), scene.path.assign(is_bar=False)])
    step = pieces.index
    x0, x1 = (
        np.choose(pieces["run"], [axis.at(pieces[edge].to_numpy()) for axis in axes])
        for edge in ("start", "end")
    )
    is_bar = pieces["is_bar"]
    kind = pieces["kind"]
    has_own_row = has_row[step]
    pale = np.where(kind.eq(GROUP), PALER, PALE)
    alpha = np.where(is_bar & ~has_own_row, pale, 1.0)
    pieces = pieces.assign(x0=x0, x1=x1, row=row[step], alpha=alpha)

    px = (pieces["x1"] - pieces["x0"]) * axis.scale
    is_long = px >= (px[is_bar] / 2).clip(upper=MIN_PART_PX)[step]
    is_whole = is_bar & is_solid[step] & kind.eq(STEP)
    is_part = ~is_bar & is_long & kind.ne(WAIT)
    bars = pieces[has_own_row & is_bar]
    bars = bars.assign(length=_lengths, tip=bars["x1"] + STUB * axis.length * bars["is_stub"])
    return Picture(
        scene,
        bars.assign(hover=_hovers(scene, bars)),
        parts=pieces[has_own_row & (is_whole | is_part)],
        slivers=_slivers(pieces[~has_own_row], axis),
        rows=rows,
        axis=axis,
    )


def _slivers(steps: pd.DataFrame, axis: TimeAxis) -> pd.DataFrame:
    """Join steps of one look in one row where a reader could not tell them apart."""
    looks = steps.groupby(["alpha", "color", "row"])
    gap = MIN_GAP_PX / axis.scale
    ends = steps["x1"].clip(lower=steps["x0"] + gap) + gap
    number = looks.ngroup().to_numpy().astype(np.int64)
    look, x0, x1 = unions(number, steps["x0"].to_numpy(), ends.to_numpy())
    return looks.size().index.to_frame(index=False).iloc[look].assign(x0=x0, x1=x1 - gap)


def _lengths(bars: pd.DataFrame) -> Any:
    """Write how long each step took."""
    seconds = bars["duration_s"]
    is_missing = seconds.isna()
    texts: list[Any] = [seconds.map(duration), "unknown length"]
    return np.select([seconds > 0, is_missing], texts, "instant")


def _hovers(scene: Scene, bars: pd.DataFrame) -> list[str]:
    """Write the hover text of each bar: name, agent, times, findings, and what it returned."""
    findings = _findings(scene.frames)
    hovers = []
    for bar in each(bars):
        run = f" · {LETTERS[bar.run]}" if len(scene.runs) > 1 else ""
        values = [plain(value, MAX_VALUE) for value in returned(bar.result)]
        lines = [
            bold(plain(bar.label)),
            f"{plain(bar.agent_name, MAX_NAME)}{run} · {_state(bar)}",
            f"{_times(bar)} · step {plain(short_id(bar.step_id))}",
            *_first(findings[bar.run_id, bar.step_id]),
            *_first(values),
        ]
        hovers.append("<br>".join(lines))
    return hovers


def _findings(f: Frames) -> defaultdict[Any, list[str]]:
    """Return the titles of findings with their confidence, by run and step."""
    findings: defaultdict[Any, list[str]] = defaultdict(list)
    artifacts = f.artifacts[[*STEP_KEY, "title", "confidence"]]
    for run_id, step_id, title, word in artifacts.itertuples(index=False):
        confidence = f" ({plain(word)} confidence)" if isinstance(word, str) else ""
        findings[run_id, step_id].append(f"◆ {plain(title, MAX_TITLE)}{confidence}")
    return findings


def _first(lines: list[str]) -> list[str]:
    """Return the first lines, and a sign that there are more."""
    return [*lines[:MAX_VALUES], "…"] if len(lines) > MAX_VALUES else lines


def _times(bar: Any) -> str:
    """Write how long a step took, and from when on."""
    has_own = abs(bar.end - bar.start - bar.self_s) >= 0.05
    own = f" (own time {duration(bar.self_s)})" if has_own else ""
    return f"{bar.length}{own} from {duration(bar.start)} ({_clock(bar.started_at)})"


def _clock(time: pd.Timestamp) -> str:
    return f"{time:%H:%M:%S} UTC" if pd.notna(time) else MISSING


def _state(bar: Any) -> str:
    """Write the status of a step, or how its question ended."""
    if bar.kind == WAIT:
        return plain(bar.note)
    state = plain(STATES.find(bar.state), MAX_NAME)
    return f"{state}: {plain(bar.note)}" if bar.note else state


def each(bars: pd.DataFrame) -> Iterable[Any]:
    """Iterate over rows whose columns are attributes."""
    return bars.itertuples()


def blocked(bars: pd.DataFrame) -> Floats:
    """Return the ranges of time in which a question is open and no step works beside it."""
    *times, kind = (bars[name].to_numpy() for name in ("run", "start", "end", "kind"))
    ranges = blocked_ranges(*times, is_waiting=kind == WAIT, is_leaf=kind == STEP)
    return np.stack(ranges, axis=1)
