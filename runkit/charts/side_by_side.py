"""Where two runs part: which took longer and why, at which step they differ, and what each of them found.

Each function takes `Frames` of exactly two runs, A and B in the order of the runs frame, and gives an
`Panel`. A difference is always B - A.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts import run_people, run_time
from runkit.charts.gantt import gantt
from runkit.charts.panel import Panel
from runkit.charts.run_findings import findings as findings_of
from runkit.charts.run_findings import how_many, matched, matched_words, sources_of
from runkit.charts.run_open import failed
from runkit.charts.scene import is_any
from runkit.charts.stacked_bars import MOST_DIFFERENCES, Bar, differences
from runkit.charts.style import ACTIVITY, CONTAINER, ERROR, LOOKS, OUTPUT, WAIT, Look
from runkit.charts.wording import (
    QUOTE,
    STATEMENT,
    business,
    by_agent,
    known,
    listed,
    output_of,
    quoted,
    said,
    status_words,
    step_name,
    step_names,
    waited_words,
)
from runkit.errors import UsageError
from runkit.tables.compare import compare, first_difference
from runkit.tables.frames import Frames, frames
from runkit.text import duration, plural

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LETTERS = ("A", "B")
ALIKE = 0.5  # seconds: a difference that no reader can act on
PARTS = (("waiting_s", "waiting for a person"), ("working_s", "work"), ("idle_s", "idle time"))
COUNTED = ("steps", "errors", "questions", "findings", "summaries", "different sources")
NAMED = 2  # of the largest differences in a sentence; the chart has more


def two_runs(f: object) -> tuple[Frames, Frames]:
    """Cut frames of exactly two runs in two. Raises `UsageError` that says how many there are."""
    read = f if isinstance(f, Frames) else frames(f)
    if len(read.runs) != 2:
        raise UsageError(
            f"f holds {plural(len(read.runs), 'run')}; expected exactly two. "
            "Cut frames to two runs with .select([one_id, other_id])."
        )
    a, b = (read.select(run_id) for run_id in read.runs["run_id"])
    return a, b


def in_short(f: Frames) -> Panel:
    """Say both runs, how much longer one took, and which part of the time makes the difference.

    `f` holds exactly two runs, else `UsageError`.
    """
    pair = two_runs(f)
    a, b = (side.runs.iloc[0] for side in pair)
    words = [
        _other_business(a, b),
        *(f"{letter}: {_one(side)}" for letter, side in zip(LETTERS, pair, strict=True)),
        _longer_words(pair),
        "In the table a difference is B minus A.",
    ]
    names = ("agent", "status")
    rows = [("run", str(a["run_id"]), str(b["run_id"]), "")]
    rows.append(("business", business(a) or "unknown", business(b) or "unknown", ""))
    rows += [(name, known(a[name]) or "unknown", known(b[name]) or "unknown", "") for name in names]
    rows.append(
        ("confidence", said(a["confidence"], "none stated"), said(b["confidence"], "none stated"), "")
    )
    for name, label in (("duration_s", "duration"), *PARTS):
        rows.append((label, duration(a[name]), duration(b[name]), _signed(b[name] - a[name])))
    for label, n_a, n_b in zip(COUNTED, *map(_counts, pair), strict=True):
        rows.append((label, f"{n_a:,}", f"{n_b:,}", f"{n_b - n_a:+,}" if n_a != n_b else "0"))
    table = pd.DataFrame(rows, columns=["fact", "a", "b", "difference"], dtype="str")
    return Panel("In short", " ".join(filter(None, words)), table)


def _counts(side: Frames) -> tuple[int, ...]:
    """Count what one run did, as the report of one run does, in the order of `COUNTED`."""
    run, rows = side.runs.iloc[0], findings_of(side)
    n_places = len(sources_of(side, rows))
    return int(run["n_steps"]), int(run["n_errors"]), int(run["n_interrupts"]), *how_many(rows), n_places


def _other_business(a: pd.Series[Any], b: pd.Series[Any]) -> str:
    """Warn that two runs are about different businesses; nothing where one is not known."""
    one, other = business(a), business(b)
    is_other = known(a["business_id"]) and known(b["business_id"]) and a["business_id"] != b["business_id"]
    return (
        f"A and B are reviews of different businesses, {quoted(one)} and {quoted(other)}; "
        "findings are compared by kind of check."
        if is_other
        else ""
    )


def _one(side: Frames) -> str:
    """Say one of the two runs: its output, its status and what waited."""
    run, output = side.runs.iloc[0], output_of(side)
    parts = [output.words() if output else "No output.", f"It {status_words(run)}.", waited_words(side)]
    return " ".join(filter(None, parts))


def _longer_words(pair: tuple[Frames, Frames]) -> str:
    """Say which took longer, the part of the time that explains most of it, and whether the other failed."""
    a, b = (side.runs.iloc[0] for side in pair)
    difference = b["duration_s"] - a["duration_s"]
    if pd.isna(difference):
        return "They cannot be compared by time: one of them has not started."
    if abs(difference) < ALIKE:
        return "Both took equally long."
    longer, other = (1, 0) if difference > 0 else (0, 1)
    words = f"{LETTERS[longer]} took {duration(abs(difference))} longer than {LETTERS[other]}"
    parts = {label: b[name] - a[name] for name, label in PARTS}
    if any(pd.isna(part) for part in parts.values()):
        words += "; why is unknown, the steps of one were not delivered."
    else:
        # the part that goes the way of the whole; another one may be larger and go against it
        label = max(parts, key=lambda name: parts[name] * (1 if difference > 0 else -1))
        words += f"; what weighs most is {label}: {duration(abs(parts[label]))} more in {LETTERS[longer]}."
    if pair[other].runs["status"].iloc[0] == "error" and pair[longer].runs["status"].iloc[0] != "error":
        step = failed(pair[other]).table["step"].head(1)
        why = f": {quoted(step.iloc[0], STATEMENT)}" if len(step) else "; no step says why"
        words += f" {LETTERS[other]} is shorter because it failed{why}."
    return words


def _signed(seconds: float) -> str:
    """Say a difference in seconds with its sign."""
    if pd.isna(seconds):
        return "unknown"
    return f"+{duration(seconds)}" if seconds > 0 else duration(seconds)


def timeline(f: Frames) -> Panel:
    """Show both runs on one time axis, agent under agent, and their steps in tree order.

    `f` holds exactly two runs, else `UsageError`. Where they part is marked in the chart.
    """
    pair = two_runs(f)
    figure = gantt(f, compress_waits=True, max_bars=run_time.EXACT_BARS)
    table = _stacked(run_time.timeline(side).table for side in pair)
    return Panel("Both timelines", f"{figure.layout.meta['summary']}.", table, figure)


def parting(f: Frames) -> Panel:
    """Say at which step two runs part, and show that step of each.

    `f` holds exactly two runs, else `UsageError`. They part at the first step, in tree order, that differs in
    depth, agent, name, type, in whether it failed, or in how the policy settled it.
    """
    pair = two_runs(f)
    steps = [side.steps.sort_values("order").reset_index(drop=True) for side in pair]
    found = first_difference(*steps)
    places = (None, None) if found is None else (found.a, found.b)
    rows = [of.iloc[:0] if at is None else of.iloc[[at]] for of, at in zip(steps, places, strict=True)]
    table = _stacked(
        pd.DataFrame(
            {
                "position": row["order"] + 1,
                "step": step_names(row),
                "agent": row["agent"],
                "kind": run_time.step_kinds(row),
                "status": row["status"],
                "duration_s": row["duration_s"],
            }
        )
        for row in rows
    )
    return Panel("Where they part", _parting_words(pair, rows, places), table)


def _parting_words(
    pair: tuple[Frames, Frames], rows: list[pd.DataFrame], places: tuple[int | None, int | None]
) -> str:
    undelivered = [
        letter for letter, side in zip(LETTERS, pair, strict=True) if not side.runs["has_steps"].iloc[0]
    ]
    if undelivered:
        return f"The steps of {listed(undelivered)} were not delivered, so it is unknown where they part."
    at = next((place for place in places if place is not None), None)
    if at is None:
        n_steps = len(pair[0].steps)
        return f"They never part: both went through the same {plural(n_steps, 'step')}, in the same order."
    before = f"after {plural(at, 'step that agrees', 'steps that agree')}" if at else "at once"
    if None in places:
        longer, other = ("B", "A") if places[0] is None else ("A", "B")
        step = next(row.iloc[0] for row in rows if len(row))
        return (
            f"They part {before}: {longer} goes on with {_with_agent(step)}, where {other} has no more steps."
        )
    a, b = (row.iloc[0] for row in rows)
    if _is_same(a["name"], b["name"]) and _is_same(a["agent"], b["agent"]):
        return f"They part {before}, at {_with_agent(a)}: {_how_else(a, b)}."
    return f"They part {before}: A goes on with {_with_agent(a)}, B with {_with_agent(b)}."


def _with_agent(step: pd.Series[Any]) -> str:
    return f"{step_name(step)} ({by_agent(step['agent'])})"


def _is_same(one: object, other: object) -> bool:
    return known(one) == known(other)


def _how_else(a: pd.Series[Any], b: pd.Series[Any]) -> str:
    """Say how the same step went in two runs: its status, its type or how the policy settled it."""
    for name, what in (("status", "status"), ("type", "kind"), ("resolution", "settled by policy")):
        if not _is_same(a[name], b[name]):
            words = [known(run_time.KINDS.get(step[name], step[name])) or "no" for step in (a, b)]
            return f"{what} {quoted(words[0])} in A, {quoted(words[1])} in B"
    return "it stands at another depth"


def _stacked(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put the tables of A and B below each other, each row with its letter."""
    lettered = []
    for letter, table in zip(LETTERS, tables, strict=True):
        marked = table.copy()
        marked.insert(0, "run", pd.Series(letter, index=table.index, dtype="str"))
        lettered.append(marked)
    return pd.concat(lettered, ignore_index=True)


def steps(f: Frames) -> Panel:
    """Compare two runs step by step, the largest differences first: a row for each agent and step name.

    `f` holds exactly two runs, else `UsageError`. `a_s` and `b_s` are the durations of such steps added up;
    `waiting_s` is the difference in waiting for a person. A step that holds others counts with all it holds.
    """
    pair = two_runs(f)
    compared = compare(*pair)
    every = pd.concat([side.steps for side in pair]).drop_duplicates(["agent", "name"])
    labels = step_names(every).reset_index(drop=True)
    order = compared["total_s_diff"].abs().sort_values(ascending=False, kind="stable").index
    table = pd.DataFrame(
        {
            "step": labels,  # compare() has a row for each agent and name too, in the same order
            "agent": compared["agent"],
            "n_a": compared["n_a"],
            "n_b": compared["n_b"],
            "a_s": compared["total_s_a"],
            "b_s": compared["total_s_b"],
            "difference_s": compared["total_s_diff"],
            "waiting_s": compared["waiting_s_diff"],
            "is_parting": compared["is_parting"],
        }
    ).loc[order]
    sentence = _steps_words(pair, table)
    looks = [LOOKS[look] for look in _looks(every)[order]]
    figure = _bars(table, looks, sentence) if (table["difference_s"] != 0).any() else None
    return Panel("Step by step", sentence, table.reset_index(drop=True), figure)


def _looks(steps: pd.DataFrame) -> NDArray[np.int64]:
    """How each kind of step is drawn, as a position in `LOOKS`; one that holds others contains."""
    conditions = [
        run_time.is_wait_for_person(steps).to_numpy(bool),
        (steps["n_children"] > 0).to_numpy(bool),
        is_any(steps["type"], "error"),
        is_any(steps["type"], "output"),
    ]
    return np.select(conditions, [WAIT, CONTAINER, ERROR, OUTPUT], ACTIVITY)


def _bars(table: pd.DataFrame, looks: list[Look], sentence: str) -> Figure:
    """Draw the largest differences in the colours of their steps."""
    shown = [
        (said(step, limit=QUOTE), seconds, look)
        for step, seconds, look in zip(table["step"], table["difference_s"], looks, strict=True)
        if seconds
    ][:MOST_DIFFERENCES]
    used = list(dict.fromkeys(look for *_, look in shown))
    rows = []
    for step, seconds, own in shown:
        says = f"{'B' if seconds > 0 else 'A'} longer by {duration(abs(seconds))}"
        lengths = [seconds if look == own else 0.0 for look in used]
        rows.append(Bar(step, says, lengths, [says] * len(used)))
    return differences(used, rows, sentence=sentence, about="Differences of two runs, step by step")


def _steps_words(pair: tuple[Frames, Frames], table: pd.DataFrame) -> str:
    if not all(side.runs["has_steps"].iloc[0] for side in pair):
        return "The steps of one run were not delivered, so they cannot be compared."
    if table.empty:
        return "Neither run has a step."
    clear = table[table["difference_s"].abs() >= ALIKE]
    if clear.empty:
        return f"All {plural(len(table), 'kind')} of steps took equally long in both."
    named = [
        f"{quoted(row['step'])} ({duration(abs(row['difference_s']))} longer in "
        f"{'B' if row['difference_s'] > 0 else 'A'})"
        for _, row in clear.head(NAMED).iterrows()
    ]
    words = f"The largest differences: {listed(named)}. {_kinds_words(table)}"
    n_drawn = int((table["difference_s"] != 0).sum())
    if n_drawn > MOST_DIFFERENCES:
        words += (
            f" {n_drawn} of the {len(table)} differ in time; the chart shows the {MOST_DIFFERENCES} largest."
        )
    return f"{words} In the table a difference is B minus A."


def _kinds_words(table: pd.DataFrame) -> str:
    """Say how many kinds of steps are in which run; the numbers add up."""
    only_a, only_b = int((table["n_b"] == 0).sum()), int((table["n_a"] == 0).sum())
    n_both = len(table) - only_a - only_b
    parts = [
        f"{n:,} {'is' if n == 1 else 'are'} {where}"
        for n, where in ((n_both, "in both"), (only_a, "only in A"), (only_b, "only in B"))
        if n
    ]
    return f"Of {plural(len(table), 'kind')} of steps, {listed(parts)}."


def findings(f: Frames) -> Panel:
    """Put the findings of two runs side by side: matched by agent and title, else by the kind of check.

    `f` holds exactly two runs, else `UsageError`. `match` says: same, other confidence, different result of
    the same check, own summary, only in A, only in B.
    """
    table = matched(*two_runs(f))
    return Panel("What each found", matched_words(table), table)


def people(f: Frames, answers: pd.DataFrame | None = None) -> Panel:
    """Show what each of two runs asked of people; `answers` as in `one_run.people`.

    `f` holds exactly two runs, else `UsageError`.
    """
    shown = [run_people.people(side, answers) for side in two_runs(f)]
    words = " ".join(f"{letter}: {each.sentence}" for letter, each in zip(LETTERS, shown, strict=True))
    return Panel("What a person was asked", words, _stacked(each.table for each in shown))
