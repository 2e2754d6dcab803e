"""Panels of many runs: what needs somebody, waits, failures, where time went, weak findings.

Every function takes `Frames` of any number of runs and returns a `Panel`; `runkit.fleet` is this
module.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.api.questions import QUESTION_KINDS
from runkit.api.words import CONFIDENCES
from runkit.arguments import Hours, check_kind, checked
from runkit.display.text import counted, in_words
from runkit.facts import Facts, failures_of, named, positions, what_was_read
from runkit.screens.blocks import Table
from runkit.screens.needs import RUN_NAMES, group_tables, joined_groups, needs_of
from runkit.screens.panel import Panel
from runkit.tables.frames import Frames

__all__ = [
    "failed_steps",
    "needs_attention",
    "slowest_steps",
    "waits",
    "weak_findings",
]

MAX_KINDS = 15  # of steps
WAITED = ("pending", "answered")  # outcomes of questions that a person answers
WAITS = {
    "kind": "str",
    "n_pending": "Int64",
    "longest_pending_s": "float64",
    "n_answered": "Int64",
    "median_s": "float64",
    "p90_s": "float64",
    "n_late": "Int64",
}
FAILED_STEP = ["reason", "label", "n_runs", "newest_at", "run_ids"]
WEAK = ["title", "confidence", "n_sources", "best_tier", "agent", "artifact_no"]


def __dir__() -> list[str]:
    return __all__


@checked
def needs_attention(f: Frames, *, sla_h: Hours | None = None) -> Panel:
    """Show what needs somebody: open questions, failed runs, and low confidence.

    Parameters
    ----------
    f
        Frames of any number of runs.
    sla_h
        Hours within which a reviewer should answer; None is no limit.

    Returns
    -------
    Panel
        In this order: questions that wait, the longest first; failed runs by reason; findings and
        outputs of low confidence of completed runs. Runs with the same words are one row: `run_ids`
        has them all, `run_id` the newest.

    Raises
    ------
    UsageError
        For other arguments.
    """
    check_kind("f", f, Frames)
    facts = Facts(f, sla_h)
    needs = needs_of(facts)
    return Panel("Needs attention", joined_groups(needs), what_was_read(f), group_tables(needs))


@checked
def waits(f: Frames, *, sla_h: Hours | None = None) -> Panel:
    """Show how long questions waited for a reviewer, by kind of question.

    Parameters
    ----------
    f
        Frames of any number of runs.
    sla_h
        Hours within which a reviewer should answer; None is no limit, and `n_late` is null.

    Returns
    -------
    Panel
        A row for each kind of question: how many are open and the longest of these waits, how many
        are answered, the median and the 90th percentile of these, and how many of both waited
        longer than `sla_h`. What the policy settled, and what nobody answered, is left out.

    Raises
    ------
    UsageError
        For other arguments.
    """
    check_kind("f", f, Frames)
    questions = Facts(f, sla_h).ended(*WAITED)
    kind = questions["kind"].astype("str")
    groups = sorted(questions.groupby(kind), key=lambda group: QUESTION_KINDS.position(group[0]))
    rows = [_wait_row(name, group) for name, group in groups]
    table = pd.DataFrame(rows, columns=[*WAITS]).astype(WAITS)
    seen = table.drop(columns="n_late")
    if sla_h is not None:
        late = [counted(group["is_late"]) for _, group in groups]
        seen[f"over_{sla_h:g}_h"] = pd.Series(late, seen.index, "str")
    return Panel("Waits by kind of question", table, what_was_read(f), [Table(seen)])


def _wait_row(kind: str, questions: pd.DataFrame) -> tuple[Any, ...]:
    """Measure the questions of one kind."""
    is_open = questions["outcome"].eq("pending")
    open_s = questions.loc[is_open, "wait_s"]
    answered_s = questions.loc[~is_open, "wait_s"]
    late = questions["is_late"]
    n_late = int(late.sum()) if late.notna().any() else None
    return (
        kind,
        len(open_s),
        open_s.max(),
        len(answered_s),
        answered_s.median(),
        answered_s.quantile(0.9),
        n_late,
    )


@checked
def failed_steps(f: Frames) -> Panel:
    """Show what failed: each reason, with * for ids and numbers that differ, and its runs.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each `reason`, the most frequent first; `label` is a step that failed so, an
        activity where there is one; `run_ids` has the runs, the newest first. Groups that failed
        with a step in them are left out.

    Raises
    ------
    UsageError
        For other arguments.
    """
    check_kind("f", f, Frames)
    failed = failures_of(f).sort_values("started_at", ascending=False, kind="stable")
    by_type = failed["type"].eq("error").sort_values(kind="stable")
    failed = failed.loc[by_type.index]
    by = failed.assign(reason=failed["kind"]).groupby("reason")
    table = by.agg(
        label=("label", "first"),
        n_runs=("run_id", "nunique"),
        newest_at=("started_at", "max"),
        run_ids=("run_id", lambda ids: [*ids.unique()]),
    )
    order = ["n_runs", "newest_at"]
    table = table.reset_index().sort_values(order, ascending=False, ignore_index=True)
    return Panel("Failed steps", table[FAILED_STEP], what_was_read(f))


@checked
def slowest_steps(f: Frames) -> Panel:
    """Show the kinds of steps, by agent and name, with most time on the critical path.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        At most 15 kinds of steps with own time; `label` is the label that all steps of a kind have,
        else the name in words. Questions, and steps that have not ended, are left out. Times are
        the steps' own, without that of their child steps; `critical_s` is that of all runs.

    Raises
    ------
    UsageError
        For other arguments.
    """
    check_kind("f", f, Frames)
    work = work_of(f)
    by = work.groupby(["agent", "name"], dropna=False)
    kinds = by.agg(
        label=("label", "first"),
        n_labels=("label", "nunique"),
        n_steps=("label", "size"),
        n_runs=("run_id", "nunique"),
        median_s=("self_s", "median"),
        p90_s=("self_s", lambda seconds: seconds.quantile(0.9)),
        longest_s=("self_s", "max"),
        critical_s=("critical_s", "sum"),
    )
    kinds = kinds[kinds["longest_s"].gt(0)].reset_index()
    in_names = kinds["name"].map(in_words, na_action="ignore")
    kinds["label"] = kinds["label"].where(kinds.pop("n_labels").eq(1), in_names)
    kinds = kinds.sort_values(["critical_s", "median_s"], ascending=False, ignore_index=True)
    table = kinds.head(MAX_KINDS)[["label", *kinds.columns.drop("label")]]
    seen = Table(table.drop(columns=["name", "longest_s"]))
    return Panel("Slowest steps", table, what_was_read(f), [seen])


def work_of(f: Frames) -> pd.DataFrame:
    """Return the steps that have ended and are no questions, each with a name."""
    steps = f.steps
    is_work = steps["type"].ne("interrupt") & steps["completed_at"].notna()
    return named(steps[is_work & steps["self_s"].notna()])


@checked
def weak_findings(f: Frames) -> Panel:
    """Show findings with low or unknown confidence, without a source, or without a strong one.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each finding: its confidence as it came, how many sources it has, and the highest
        tier of these; the lowest confidence first. Outputs are left out, as they repeat findings.

    Raises
    ------
    UsageError
        For other arguments.
    """
    check_kind("f", f, Frames)
    findings = Facts(f).findings
    is_weak = findings["is_low"] | findings["is_bare"] | ~findings["is_strong"]
    weak = findings[is_weak.fillna(True).astype("bool")]
    order = positions(weak["confidence"], CONFIDENCES)
    weak = weak.assign(order=order).sort_values("order", ascending=False, kind="stable")
    weak = weak.merge(f.runs[["run_id", *RUN_NAMES]], on="run_id")
    table = weak[["run_id", *RUN_NAMES, *WEAK]]
    seen = Table(table[["title", *WEAK[1:5], *RUN_NAMES, "run_id"]])
    return Panel("Weak findings", table, what_was_read(f), [seen])
