"""Where one run's time went."""

from __future__ import annotations

import pandas as pd

from runkit.charts.gantt import gantt
from runkit.charts.panel import Panel, agent_titles, lasting, panel_of, percent, quoted
from runkit.charts.stacked_bars import LOOKS, stacked_bars
from runkit.style import MISSING
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames, is_wait
from runkit.text import plural

DEEPEST = 12  # levels of indentation in a table
SLOWEST = 10  # rows
LEAST_S = 0.0005  # a shorter time between steps is rounding
PARTS = ["working_s", "waiting_s", "idle_s"]  # of a run's time
STEP = ["step_id", "label", "agent", "type"]  # what names a step in a table


def step_names(steps: pd.DataFrame) -> list[str]:
    """Name steps by their label and their agent, as labels alone repeat; a cut name keeps its label."""
    agents = agent_titles(steps["agent"]).fillna(MISSING)
    return [f"{label} ({agent})" for agent, label in zip(agents, steps["label"], strict=True)]


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
    figure = gantt(f, compress_waits=True)
    steps = f.steps.sort_values("order", ignore_index=True)
    origin = f.runs["started_at"].fillna(steps["started_at"].min()).iloc[0]
    depths = steps["depth"].clip(upper=DEEPEST)
    indent = depths.map(lambda depth: "· " * depth).astype("str")
    table = steps[[*STEP, "status", "duration_s", "is_critical"]]
    table = table.assign(label=indent + steps["label"])
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
    names = [LOOKS[part][0] for part in PARTS]
    table = pd.DataFrame({"part": names, "spent_s": run[PARTS].to_numpy(float)})
    table = table.dropna().astype({"part": "str"})
    table["percent"] = (100 * table["spent_s"] / (whole or 1)).round(1)
    shares = [
        f"{lasting(spent)} {part.lower()} ({percent(spent, whole)})"
        for part, spent in zip(table["part"], table["spent_s"], strict=True)
    ]
    sentence = f"{lasting(whole)}: {', '.join(shares)}."
    n_known = len(shares) if whole > 0 else 0
    bar = f.runs[PARTS].fillna(0.0).set_axis(["This run"])
    figure = stacked_bars(bar, [lasting(whole)], unit="percent")
    return panel_of("Where the time went", sentence, table, figure, n=n_known, what="known times", f=f)


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
    path = f.steps[f.steps["critical_s"] > 0]
    path = path.sort_values(["critical_s", "order"], ascending=[False, True])
    table = path[[*STEP, "critical_s"]]
    between_s = whole - table["critical_s"].sum()
    if len(table) and between_s > LEAST_S:
        between = pd.DataFrame({"label": ["between steps"], "critical_s": [between_s]})
        between = between.reindex(columns=table.columns).astype(table.dtypes)
        table = pd.concat([table, between])
    table = table.reset_index(drop=True)
    table["percent"] = (100 * table["critical_s"] / (whole or 1)).round(1)
    longest = [
        f"{quoted(label)} {lasting(seconds)} ({percent(seconds, whole)})"
        for label, seconds in table[["label", "critical_s"]].head(2).itertuples(index=False)
    ]
    sentence = f"{plural(len(path), 'step')} set the {lasting(whole)}; longest: {', '.join(longest)}."
    what = "steps on the critical path"
    return panel_of("What set the total time", sentence, table, n=len(path), what=what, f=f)


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
    is_work = (f.steps["n_children"] == 0) & ~is_wait(f.steps)
    work = f.steps[is_work & (f.steps["self_s"] > 0)]
    slow = work.sort_values(["self_s", "order"], ascending=[False, True]).head(SLOWEST)
    table = slow[[*STEP, "status", "self_s"]].assign(
        is_critical=slow["is_critical"] & (slow["critical_s"] > 0)
    )
    slowest, total = slow["self_s"].sum(), work["self_s"].sum()
    sentence = (
        f"The slowest {len(slow)} of {plural(len(work), 'step')} took {lasting(slowest)}, "
        f"{percent(slowest, total)} of {lasting(total)} own time."
    )
    table = table.reset_index(drop=True)
    return panel_of("Slowest steps", sentence, table, n=len(work), what="steps that took time", f=f)
