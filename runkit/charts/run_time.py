"""Where one run's time went: its timeline, its budget, its critical path, and its slowest work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from runkit.charts.gantt import gantt
from runkit.charts.panel import Panel
from runkit.charts.run_open import culprit
from runkit.charts.scene import is_any
from runkit.charts.stacked_bars import marker
from runkit.charts.style import ACTIVITY, CONTAINER, LOOKS, WAIT, Look, chosen_ground, keep_private, template
from runkit.charts.wording import by_agent, is_over, known, listed, quoted, share, step_name, step_names
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import duration, plural

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

EXACT_BARS = (
    2_000  # half a megabyte of a report; beyond, the timeline is one picture and what matters over it
)
DEEPEST = 12  # levels of indentation in a table; beyond, the label would stand at its right edge
SLOWEST = 10  # rows of the slowest work: more is the frame itself
EXPLAINS = 0.8  # of the duration: a second step is named where the first explains less
SHOWN = 0.0005  # seconds: a duration in words shows no less
ALIKE = 0.5  # seconds: a difference that no reader can act on
QUEUED = 10.0  # seconds: a shorter wait for the start explains nothing to a reader
BAR_PX = 56  # height of the budget's bar
LABELLED = 0.25  # of the bar: a part as wide as its words on a phone, some 85 px
# How the three parts of the budget look: as the steps that make them look in the timeline.
PARTS: tuple[tuple[str, str, str, Look], ...] = (
    ("working_s", "working", "working", LOOKS[ACTIVITY]),
    ("waiting_s", "waiting for a person", "waiting", LOOKS[WAIT]),
    ("idle_s", "idle, nothing ran", "idle", LOOKS[CONTAINER]),
)
KINDS = {"activity": "work", "output": "summary", "interrupt": "question"}  # for readers of a report
NOT_DELIVERED = "The steps of this run were not delivered, so it is unknown where the time went."


def timeline(f: Frames) -> Panel:
    """Show what one run did and when: a Gantt chart, and its steps in tree order.

    `f` holds exactly one run, else `UsageError`. `started_s` counts from the start of the run, or of its
    first step where the run has no start.
    """
    f = one_run(f, "f")
    figure = gantt(f, compress_waits=True, max_bars=EXACT_BARS)
    steps = f.steps.sort_values("order")
    started = f.runs["started_at"].iloc[0]
    origin = steps["started_at"].min() if pd.isna(started) else started
    labels = [
        "· " * min(depth, DEEPEST) + (known(label) or known(name) or "(without a name)")
        for depth, label, name in zip(steps["depth"], steps["label"], steps["name"], strict=True)
    ]
    table = pd.DataFrame(
        {
            "step": pd.Series(labels, index=steps.index, dtype="str"),
            "agent": steps["agent"],
            "kind": step_kinds(steps),
            "status": steps["status"],
            "started_s": (steps["started_at"] - origin).dt.total_seconds(),
            "duration_s": steps["duration_s"],
            "delayed_the_end": steps["is_critical"] & (steps["critical_s"] > 0),
        }
    ).reset_index(drop=True)
    return Panel("The timeline", str(figure.layout.meta["summary"]), table, figure)


def budget(f: Frames) -> Panel:
    """Show how much of one run's time was work, a wait for a person, or idle; they add up to its duration.

    `f` holds exactly one run, else `UsageError`.
    """
    run = one_run(f, "f").runs.iloc[0]
    title, whole = "Where the time went", run["duration_s"]
    seconds = pd.Series([run[name] for name, *_ in PARTS], dtype="float64")
    if seconds.isna().any():
        seconds = seconds.iloc[:0]
    table = pd.DataFrame(
        {
            "part": pd.Series([words for _, words, *_ in PARTS][: len(seconds)], dtype="str"),
            "spent_s": seconds,
            "percent": _percent_of(seconds, whole),
        }
    )
    if pd.isna(whole):
        return Panel(title, "The run has not started, so no time was spent.", table)
    if seconds.empty:
        return Panel(title, f"The run took {duration(whole)}. {NOT_DELIVERED}", table)
    sentence = _budget_words(run)
    return Panel(title, sentence, table, _bar(run, sentence) if whole else None)


def _budget_words(run: pd.Series[Any]) -> str:
    whole = run["duration_s"]
    spent = [
        f"{duration(run[name])} ({share(run[name], whole)}) {words}"
        for name, words in (
            ("waiting_s", "waited for a person"),
            ("working_s", "were work"),
            ("idle_s", "were idle"),
        )
        if run[name]
    ]
    so_far = "" if is_over(run) else " so far"
    words = f"Of {duration(whole)}{so_far}, {listed(spent)}." if spent else "The run took no time."
    if run["overlap_s"]:
        words += f" During the waits agents went on working for {duration(run['overlap_s'])}."
    if run["queued_s"] >= QUEUED:  # an unknown one is not
        words += f" Before it started it was queued for {duration(run['queued_s'])}."
    return words


def _bar(run: pd.Series[Any], sentence: str) -> Figure:
    """One bar of the parts; the legend says each in full, a part that is wide enough is named above it."""
    import plotly.graph_objects as go

    keep_private()
    whole, since = run["duration_s"], 0.0
    traces, notes = [], []
    for name, words, word, look in PARTS:
        spent = run[name]
        if not spent:
            continue
        said = f"{words}: {duration(spent)} ({share(spent, whole)})"
        traces.append(
            go.Bar(
                x=[spent],
                y=[0],
                orientation="h",
                name=said,
                marker=marker(look),
                hovertemplate=f"{said}<extra></extra>",
            )
        )
        if spent / whole >= LABELLED:
            notes.append(
                {
                    "x": since + spent / 2,
                    "y": 1,
                    "yref": "paper",
                    "yanchor": "bottom",
                    "text": f"{word} {share(spent, whole)}",
                    "showarrow": False,
                }
            )
        since += spent
    layout = {
        "template": template(chosen_ground()),
        "meta": {"alt": f"Where the time went. {sentence}", "summary": sentence},
        "barmode": "stack",
        "height": BAR_PX + 28 + 24 * len(traces),
        "margin": {"l": 12, "r": 12, "t": 28, "b": 24 * len(traces), "pad": 0},
        "xaxis": {"visible": False, "range": [0, whole], "fixedrange": True},
        "yaxis": {"visible": False, "fixedrange": True},
        "legend": {
            "orientation": "v",
            "traceorder": "normal",
            "x": 0,
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
        },
        "annotations": notes,
        "showlegend": True,
    }
    return go.Figure(data=traces, layout=layout)


def critical_path(f: Frames) -> Panel:
    """Show the steps that one run's end had to wait for, longest first.

    `f` holds exactly one run, else `UsageError`. `delayed_the_end_s` adds up to the run's duration; its last
    row is the time that lies in no step. Of a failed run the sentence names the step that failed.
    """
    f = one_run(f, "f")
    run, steps = f.runs.iloc[0], f.steps
    whole = run["duration_s"]
    path = steps[steps["critical_s"] > 0].sort_values(["critical_s", "order"], ascending=[False, True])
    in_none = 0.0 if pd.isna(whole) else max(0.0, whole - path["critical_s"].sum())
    table = pd.DataFrame(
        {
            "step": step_names(path),
            "agent": path["agent"],
            "kind": step_kinds(path),
            "delayed_the_end_s": path["critical_s"],
        }
    )
    if in_none > SHOWN and len(path):
        rest = pd.DataFrame({"step": ["(in no step)"], "delayed_the_end_s": [in_none]}, index=[-1])
        table = pd.concat([table, rest.reindex(columns=table.columns).astype(table.dtypes)])
    table = table.assign(percent=_percent_of(table["delayed_the_end_s"], 0.0 if pd.isna(whole) else whole))
    words = _failed_at(f) if run["status"] == "error" and len(path) else _path_words(run, path)
    if len(path) and in_none > SHOWN:
        words += _in_no_step(run, in_none)
    return Panel("What the end had to wait for", words, table.reset_index(drop=True))


def _failed_at(f: Frames) -> str:
    """Name the step that ended a failed run: how long the others took explains nothing."""
    lasted, step = duration(f.runs["duration_s"].iloc[0]), culprit(f)
    if step is None:
        return f"The run failed after {lasted}, and no step says why; these steps came before."
    within = f", within {quoted(step['within'])}" if known(step["within"]) else ""
    return (
        f"The run ended after {lasted} because {quoted(step['step'])} failed "
        f"({by_agent(step['agent'])}{within}); the end had waited for these steps before."
    )


def _in_no_step(run: pd.Series[Any], in_none: float) -> str:
    """Say the time between the steps, and why it is not the idle time, which a reader would take it for."""
    words = f" {duration(in_none)} ({share(in_none, run['duration_s'])}) lie between these steps."
    if run["idle_s"] and duration(run["idle_s"]) != duration(in_none):
        words += (
            f" That is not the idle time of {duration(run['idle_s'])}: "
            "idle means that no step worked, even if one that only holds others was open."
        )
    return words


def _path_words(run: pd.Series[Any], path: pd.DataFrame) -> str:
    whole = run["duration_s"]
    if pd.isna(whole):
        return "The run has not started, so nothing had to be waited for."
    if not run["has_steps"]:
        return NOT_DELIVERED
    if path.empty:
        return f"No step explains the {duration(whole)} of this run."
    named = path.head(1 if path["critical_s"].iloc[0] >= EXPLAINS * whole else 2)
    words = listed([_with_time(step) for _, step in named.iterrows()])
    most = named["critical_s"].sum()
    explains = "explains" if len(named) == 1 else "explain"
    words = f"{words} {explains} {share(most, whole)} of the {duration(whole)}."
    is_wait = is_wait_for_person(path)
    work = path[~is_wait].head(1)
    if is_wait.any() and len(work) and work.index[0] not in named.index:
        words += f" Without the waits for a person, the longest is {_with_time(work.iloc[0])}."
    return words


def _percent_of(parts: pd.Series[Any], whole: float) -> pd.Series[Any]:
    """Give shares of `whole` in percent to one decimal; 0 where there is no whole."""
    return (100 * parts / whole).round(1) if whole else parts * 0.0


def _with_time(step: pd.Series[Any]) -> str:
    wait = "a wait for a person, " if step["type"] == "interrupt" and pd.isna(step["resolution"]) else ""
    return f"{step_name(step)} ({wait}{duration(step['critical_s'])})"


def step_kinds(steps: pd.DataFrame) -> pd.Series[Any]:
    """Give the types of steps in plain words; a type that is not documented stays as it came."""
    return steps["type"].astype("str").replace(KINDS)


def is_wait_for_person(steps: pd.DataFrame) -> pd.Series[bool]:
    """Which steps wait for a person; questions that the policy settled do not."""
    return steps["resolution"].isna() & is_any(steps["type"], "interrupt")


def slowest_steps(f: Frames) -> Panel:
    """Show the steps of one run that worked longest by themselves, at most ten; waits for a person are apart.

    `f` holds exactly one run, else `UsageError`. Only steps without child steps count: the others contain.
    `own_time_s` is how long a step worked itself, `delayed_the_end` whether the end had to wait for it.
    """
    f = one_run(f, "f")
    run, steps = f.runs.iloc[0], f.steps
    work = steps[(steps["n_children"] == 0) & ~is_wait_for_person(steps) & (steps["self_s"] > 0)]
    slow = work.sort_values(["self_s", "order"], ascending=[False, True]).head(SLOWEST)
    table = pd.DataFrame(
        {
            "step": step_names(slow),
            "agent": slow["agent"],
            "kind": step_kinds(slow),
            "status": slow["status"],
            "own_time_s": slow["self_s"],
            "delayed_the_end": slow["is_critical"] & (slow["critical_s"] > 0),
        }
    ).reset_index(drop=True)
    return Panel("The slowest work", _slow_words(run, work, slow), table)


def _slow_words(run: pd.Series[Any], work: pd.DataFrame, slow: pd.DataFrame) -> str:
    if not run["has_steps"]:
        return NOT_DELIVERED
    if slow.empty:
        return "No step worked for any time."
    first = slow.iloc[0]
    if first["status"] == "error":
        mattered = "it failed"
    elif first["is_critical"] and first["critical_s"] > 0:
        mattered = f"the end had to wait {duration(first['critical_s'])} for it"
    else:
        mattered = "the end did not have to wait for it"
    words = (
        f"The slowest work was {step_name(first)} by {by_agent(first['agent'])}: "
        f"{duration(first['self_s'])}; {mattered}."
    )
    if len(slow) < len(work):
        ratio = share(slow["self_s"].sum(), work["self_s"].sum())
        words += f" The {len(slow)} slowest of {plural(len(work), 'step')} did {ratio} of the work, added up."
    if work["self_s"].sum() > run["working_s"] + ALIKE:
        words += (
            " Steps ran side by side, so their own times add up to more than "
            f"the {duration(run['working_s'])} of work."
        )
    if run["waiting_s"] > 0:
        words += f" The {duration(run['waiting_s'])} of waiting for a person are not counted here."
    return words
