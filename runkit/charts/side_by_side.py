"""Panels of two runs, A and B, in the order of the runs frame. A difference is always B - A."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pandas as pd

from runkit.charts import one_run, run_time
from runkit.charts.evidence import matched
from runkit.charts.gantt import gantt
from runkit.charts.panel import Panel, counts, in_words, panel_of, quoted, signed
from runkit.charts.stacked_bars import stacked_bars
from runkit.errors import UsageError
from runkit.tables.compare import compare, first_difference
from runkit.tables.frames import Frames, frames
from runkit.text import plural, run_label

__all__ = ["findings", "in_short", "parting", "people", "steps", "timeline"]

LETTERS = ("A", "B")
COUNTED = ["n_a", "n_b", "total_s_a", "total_s_b", "total_s_diff", "self_s_diff", "waiting_s_diff"]
COMPARED = ["label", "agent", "name", *COUNTED, "is_parting"]
NOT_COMPARED = "Not compared: the steps of a run are not known."


def _two_runs(f: object) -> tuple[Frames, Frames]:
    """Cut frames of exactly two runs in two; `UsageError` for another number."""
    both = f if isinstance(f, Frames) else frames(f)
    if len(both.runs) != 2:
        raise UsageError(
            f"f holds {plural(len(both.runs), 'run')}; expected exactly two. "
            "Cut frames to two runs with .select([one_id, other_id])."
        )
    a, b = (both.select(run_id) for run_id in both.runs["run_id"])
    return a, b


def _have_steps(pair: tuple[Frames, Frames]) -> bool:
    """Whether the steps of both runs are known; without them, a difference would be a guess."""
    return all(side.runs["has_steps"].all() for side in pair)


def in_short(f: Frames) -> Panel:
    """Show the outcomes of both runs, and their facts side by side.

    Parameters
    ----------
    f
        Frames of exactly two runs.

    Returns
    -------
    Panel
        `difference` is B - A.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    pair = _two_runs(f)
    a, b = map(one_run.facts_of, pair)
    rows = [(name, in_words(a[name]), in_words(b[name]), _difference(a[name], b[name])) for name in a]
    table = pd.DataFrame(rows, columns=["fact", "a", "b", "difference"], dtype="str")
    words = []
    for letter, side, facts in zip(LETTERS, pair, (a, b), strict=True):
        label = run_label(facts["Run"], facts["Business"], facts["Agent"])
        words.append(f"{letter}, {label}: {one_run.outcome(side)}")
    took = _difference(a["Duration"], b["Duration"]) or "not known"
    return panel_of("In short", f"{' '.join(words)} B - A: {took}.", table, f=f)


def _difference(a: Any, b: Any) -> str:
    """Give b - a of counts and of lengths of time, with its sign; nothing of texts and times."""
    if isinstance(a, str | datetime) or pd.isna(a) or pd.isna(b):
        return ""
    return ("+" if b > a else "") + in_words(b - a)


def timeline(f: Frames) -> Panel:
    """Show both runs on one time axis, and their steps in tree order.

    Parameters
    ----------
    f
        Frames of exactly two runs.

    Returns
    -------
    Panel
        The first difference is marked in the chart; `run` is A or B.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    pair = _two_runs(f)
    figure = gantt(f, compress_waits=True)
    table = _stacked(run_time.timeline(side).table for side in pair)
    return Panel("Both timelines", str(figure.layout.meta["summary"]), table, figure)


def parting(f: Frames) -> Panel:
    """Show the first step at which two runs differ, as it is in each.

    Parameters
    ----------
    f
        Frames of exactly two runs.

    Returns
    -------
    Panel
        The steps differ in depth, agent, name, type, whether they failed, or how the policy settled them.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    pair = _two_runs(f)
    both = [side.steps.sort_values("order", ignore_index=True) for side in pair]
    difference = first_difference(*both) if _have_steps(pair) else None
    places = difference or (None, None)
    rows = [steps.iloc[[] if at is None else [at]] for steps, at in zip(both, places, strict=True)]
    columns = ["order", *run_time.STEP, "status", "duration_s"]
    table = _stacked(row[columns] for row in rows)
    if not _have_steps(pair):
        return Panel("First difference", NOT_COMPARED, table)
    n_equal = min(len(both[0]) if at is None else at for at in places)
    a, b = (quoted(row["label"].iloc[0]) if len(row) else "ends" for row in rows)
    then = f"then A {a}, B {b}" if difference else "no difference"
    return panel_of("First difference", f"Identical for {plural(n_equal, 'step')}, {then}.", table, f=f)


def _stacked(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put the tables of A and B below each other; `run` says which."""
    sides = [table.assign(run=letter) for letter, table in zip(LETTERS, tables, strict=True)]
    table = pd.concat(sides, ignore_index=True).astype({"run": "str"})
    return table[["run", *table.columns.drop("run")]]


def steps(f: Frames) -> Panel:
    """Compare two runs step by step, the largest differences first.

    Parameters
    ----------
    f
        Frames of exactly two runs.

    Returns
    -------
    Panel
        Columns of `runkit.compare`, with the label of each step. `total_s` counts a step with all it holds;
        the figure has own times without waits.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    pair = _two_runs(f)
    every = pd.concat([side.steps for side in pair]).drop_duplicates(["agent", "name"])
    table = compare(*pair)  # a row for each agent and name too, in the same order
    table.insert(0, "label", every["label"].array)
    if not _have_steps(pair):
        return Panel("Step by step", NOT_COMPARED, table.iloc[:0][COMPARED])
    table = _largest_first(table, "total_s_diff").reset_index(drop=True)
    only_a, only_b = (table["n_b"] == 0).sum(), (table["n_a"] == 0).sum()
    sentence = (
        f"{plural(len(table), 'kind')} of steps: {len(table) - only_a - only_b:,} in both, "
        f"{only_a:,} only in A, {only_b:,} only in B."
    )
    own_s = table["self_s_diff"] - table["waiting_s_diff"]
    parts = pd.DataFrame({"own_s": own_s}).set_axis(run_time.step_names(table))
    parts = _largest_first(parts[parts["own_s"] != 0], "own_s")
    own_s = parts.pop("own_s")
    parts["longer in A"], parts["longer in B"] = own_s.clip(upper=0), own_s.clip(lower=0)
    figure = stacked_bars(parts, [*map(signed, own_s)], "own time without waits, B - A", "seconds")
    return panel_of("Step by step", sentence, table[COMPARED], figure, f=f)


def _largest_first(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Sort by the size of a difference, whatever its sign."""
    return table.sort_values(column, key=lambda seconds: -seconds.abs(), kind="stable")


def findings(f: Frames) -> Panel:
    """Show the findings of two runs side by side: matched by agent and title, else by type.

    Parameters
    ----------
    f
        Frames of exactly two runs.

    Returns
    -------
    Panel
        `match` is same, other confidence, different result, own summary, only in A or only in B.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    table = matched(*_two_runs(f))
    sentence = f"Matches: {counts(table['match'])}."
    return panel_of("Findings of both", sentence, table, n=len(table), what="findings", f=f)


def people(f: Frames, answers: pd.DataFrame | None = None) -> Panel:
    """Show what each of two runs asked of reviewers.

    Parameters
    ----------
    f
        Frames of exactly two runs.
    answers
        The frame of `runkit.answer_log()`; the API keeps no answer.

    Returns
    -------
    Panel
        As `one_run.people`; `run` is A or B.

    Raises
    ------
    UsageError
        For another number of runs, and for another frame of answers.
    """
    both = [one_run.people(side, answers) for side in _two_runs(f)]
    sentence = " ".join(f"{letter}: {each.sentence}" for letter, each in zip(LETTERS, both, strict=True))
    return Panel("Questions to reviewers", sentence, _stacked(each.table for each in both))
