"""Where one run's time went."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts.bars import step_labels as step_labels
from runkit.charts.gantt import gantt
from runkit.charts.panel import Panel, agent_titles, lasting, percent, quoted, without_steps
from runkit.charts.stacked_bars import REST, WAIT, WORK, stacked_bars
from runkit.style import MISSING
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import plural

EXACT_BARS = 2_000  # half a megabyte of a report; beyond, the timeline is a picture with what matters over it
DEEPEST = 12  # levels of indentation in a table
SLOWEST = 10  # rows
LEAST_S = 0.0005  # a shorter time between steps is rounding
PARTS = {
    "working_s": "Working",
    "waiting_s": "Waiting",
    "idle_s": "Idle",
}
LOOKS = {
    "working_s": ("Working", WORK),
    "waiting_s": ("Waiting", WAIT),
    "idle_s": ("Idle", REST),
}
STEP = ["step_id", "label", "agent", "type"]  # what names a step in a table


def step_names(steps: pd.DataFrame) -> list[str]:
    """Name steps by their agent and their label, as labels alone repeat."""
    named = zip(agent_titles(steps["agent"]).fillna(MISSING), step_labels(steps).fillna(MISSING), strict=True)
    return [f"{agent}: {label}" for agent, label in named]


def has_failed(steps: pd.DataFrame) -> pd.Series[bool]:
    """Which steps are errors, or work that failed; groups that failed with a step in them are not."""
    return steps["type"].eq("error") | (steps["status"].eq("error") & steps["n_children"].eq(0))


def is_wait(steps: pd.DataFrame) -> pd.Series[bool]:
    """Which steps wait for a reviewer; what the policy settled did not."""
    return steps["resolution"].isna() & steps["type"].eq("interrupt")


def timeline(f: Frames) -> Panel:
    """Show what one run did and when: a Gantt chart, and its steps in tree order.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        `started_s` counts from the start of the run, or of its first step where the run has none.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    figure = gantt(f, compress_waits=True, max_bars=EXACT_BARS)
    steps = f.steps.sort_values("order", ignore_index=True)
    origin = f.runs["started_at"].fillna(steps["started_at"].min()).iloc[0]
    indent = steps["depth"].clip(upper=DEEPEST).map(lambda depth: "· " * depth).astype("str")
    table = steps[[*STEP, "status", "duration_s", "is_critical"]]
    table = table.assign(label=indent + step_labels(steps).fillna(MISSING))
    table.insert(5, "started_s", (steps["started_at"] - origin).dt.total_seconds())
    return Panel("Timeline", str(figure.layout.meta["summary"]), table, figure)


def budget(f: Frames) -> Panel:
    """Show how much of one run's time was work, a wait for a reviewer, or idle.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        The parts add up to the run's duration; there are none where its steps were not delivered.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    run = f.runs.iloc[0]
    whole = run["duration_s"]
    parts = pd.Series({name: run[part] for part, name in PARTS.items()}, dtype="float64").dropna()
    table = pd.DataFrame({"part": parts.index, "spent_s": parts.array}).astype({"part": "str"})
    table["percent"] = (100 * table["spent_s"] / (whole or 1)).round(1)
    shares = [
        f"{lasting(spent)} {str(part).lower()} ({percent(spent, whole)})" for part, spent in parts.items()
    ]
    sentence = f"{lasting(whole)}: {', '.join(shares) or MISSING}.{without_steps(f)}"
    bar = f.runs[[*PARTS]].fillna(0.0).set_axis(["This run"])
    figure = stacked_bars(bar, LOOKS, sentence, [lasting(whole)], unit="percent")
    return Panel("Where the time went", sentence, table, figure)


def critical_path(f: Frames) -> Panel:
    """Show what set one run's total time: the steps on its critical path, longest first.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        `critical_s` adds up to the run's duration; the last row is the time between steps.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    whole = f.runs["duration_s"].fillna(0.0).iloc[0]
    path = f.steps[f.steps["critical_s"] > 0].sort_values(["critical_s", "order"], ascending=[False, True])
    table = path[[*STEP, "critical_s"]].assign(label=step_labels(path)).reset_index(drop=True)
    between_s = whole - table["critical_s"].sum()
    if len(table) and between_s > LEAST_S:
        between = pd.DataFrame({"label": ["between steps"], "critical_s": [between_s]})
        table = pd.concat([table, between.reindex(columns=table.columns).astype(table.dtypes)])
    table = table.assign(percent=(100 * table["critical_s"] / (whole or 1)).round(1)).reset_index(drop=True)
    longest = [_with_time(step, whole) for step in table.head(2).to_dict("records")]
    sentence = (
        f"{plural(len(path), 'step')} set the {lasting(whole)}; longest: {', '.join(longest) or MISSING}."
        f"{without_steps(f)}"
    )
    return Panel("What set the total time", sentence, table)


def _with_time(step: dict[Any, Any], whole: float) -> str:
    return f"{quoted(step['label'])} {lasting(step['critical_s'])} ({percent(step['critical_s'], whole)})"


def slowest_steps(f: Frames) -> Panel:
    """Show the steps of one run that worked longest, at most ten.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        Steps without child steps; waits for a reviewer are not work. `self_s` is a step's own time.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    work = f.steps[(f.steps["n_children"] == 0) & ~is_wait(f.steps) & (f.steps["self_s"] > 0)]
    slow = work.sort_values(["self_s", "order"], ascending=[False, True]).head(SLOWEST)
    is_critical = slow["is_critical"] & (slow["critical_s"] > 0)
    table = slow[[*STEP, "status", "self_s"]].assign(label=step_labels(slow), is_critical=is_critical)
    slowest, total = slow["self_s"].sum(), work["self_s"].sum()
    sentence = (
        f"The slowest {len(slow)} of {plural(len(work), 'step')} took {lasting(slowest)}, "
        f"{percent(slowest, total)} of {lasting(total)} own time.{without_steps(f)}"
    )
    return Panel("Slowest steps", sentence, table.reset_index(drop=True))
