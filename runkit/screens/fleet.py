"""Panels of many runs: what needs somebody, waits, failures, where time went, weak findings.

Every function takes `Frames` of any number of runs, or anything that `frames()` takes, and returns
a `Panel`; `runkit.fleet` is this module.
"""

from __future__ import annotations

import pandas as pd

from runkit.api.question_kinds import QUESTION_KINDS
from runkit.api.words import CONFIDENCES
from runkit.arguments import Hours, checked
from runkit.display.text import MISSING, counted, in_words, plural
from runkit.facts import (
    NOT_IN_THE_DATA,
    Facts,
    failures_of,
    findings_of,
    is_known,
    is_low,
    is_over_limit,
    outputs_of,
    positions,
    what_was_read,
    with_step_names,
    without_numbers,
)
from runkit.screens.blocks import Table
from runkit.screens.panel import Panel
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

__all__ = [
    "failed_steps",
    "needs_attention",
    "slowest_steps",
    "waits",
    "weak_findings",
]

RUN_NAMES = ["business_name", "agent_name"]
WAITING_GROUP, FAILED_GROUP, LOW_GROUP = "Waiting for a reviewer", "Failed", "Low confidence"
NEED_COLUMNS = {  # of the table of all three groups
    "group": "str",
    "what": "str",
    "business_name": "str",
    "agent_name": "str",
    "asked_by": "str",
    "confidence": "str",
    "since": "datetime64[us, UTC]",
    "wait_s": "float64",
    "limit": "str",
    "n_runs": "int64",
    "run_id": "str",
    "run_ids": "object",
}
NEEDS_NAMES = {  # of the columns of each group for people
    WAITING_GROUP: {"what": "question", "since": "asked_at"},
    FAILED_GROUP: {"what": "reason", "since": "newest_at"},
    LOW_GROUP: {"what": "finding", "since": "newest_at"},
}
MAX_NEEDS = 8  # rows of a group that are seen
MAX_KINDS = 15  # of steps
WAITS = {
    "kind": "str",
    "n_pending": "Int64",
    "longest_pending_s": "float64",
    "n_answered": "Int64",
    "median_s": "float64",
    "p90_s": "float64",
    "n_late": "Int64",
}
FAILED_STEP = [
    "reason",
    "label",
    "n_runs",
    "newest_at",
    "run_ids",
]
SLOWEST = [
    "label",
    "agent",
    "n_steps",
    "n_runs",
    "median_s",
    "p90_s",
    "critical_s",
]
WEAK = [
    "title",
    "confidence",
    "n_sources",
    "best_tier",
    "agent",
    "artifact_no",
]


def __dir__() -> list[str]:
    return __all__


@checked
def needs_attention(f: Source, *, sla_h: Hours | None = None) -> Panel:
    """Show what needs somebody: open questions, failed runs, and low confidence.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.
    sla_h
        Hours within which a reviewer should answer; None is no limit.

    Returns
    -------
    Panel
        In this order: questions that wait, the longest first; failed runs by reason; findings and
        outputs of low confidence of completed runs. Runs with the same text are one row: `run_ids`
        has them all, `run_id` the newest.

    Raises
    ------
    UsageError
        For other arguments, and for what `frames()` refuses.
    """
    f = frames(f)
    needs = needs_of(Facts(f, sla_h))
    return Panel("Needs attention", needs, what_was_read(f), needs_tables(needs))


def needs_of(facts: Facts) -> pd.DataFrame:
    """Return what needs somebody, by group; several runs with the same text are one row."""
    groups = {WAITING_GROUP: _waiting(facts), FAILED_GROUP: _failed(facts), LOW_GROUP: _low(facts)}
    parts = []
    for group, rows in groups.items():
        part = rows.assign(group=group, run_id=rows["run_ids"].str[0])  # of the newest run
        parts.append(part.reindex(columns=[*NEED_COLUMNS]).astype(NEED_COLUMNS))
    return pd.concat(parts, ignore_index=True)


def needs_tables(needs: pd.DataFrame) -> list[Table]:
    """Return a table for each group; its heading counts its rows and their runs."""
    tables = []
    for group, names in NEEDS_NAMES.items():
        rows = needs[needs["group"].eq(group)]
        n_runs = rows["run_ids"].explode().nunique()
        hidden = ["n_runs", "run_ids"] if group == WAITING_GROUP else ["run_id"]
        seen = rows.drop(columns=["group", *hidden]).rename(columns=names)
        caption = f"{plural(len(rows), names['what'])} in {plural(n_runs, 'run')}"
        table = Table(seen, group, n_runs, MAX_NEEDS, caption=caption if n_runs else "0")
        tables.append(table)
    return tables


def _waiting(facts: Facts) -> pd.DataFrame:
    """Return a row for each open question, the longest first."""
    questions = with_names(facts.waiting, facts.frames)
    rows = questions.assign(
        what=questions["label"].fillna(NOT_IN_THE_DATA),
        asked_by=questions["agent"],
        since=questions["asked_at"],
        n_runs=1,
        run_ids=questions["run_id"].map(lambda run_id: [run_id]),
    )
    return with_limit(rows, facts.sla_h)


def with_names(df: pd.DataFrame, f: Frames) -> pd.DataFrame:
    """Add to rows of runs what names the runs on screens."""
    others = df.drop(columns="business_name", errors="ignore")
    return others.merge(f.runs[["run_id", *RUN_NAMES]], "left", "run_id")


def with_limit(table: pd.DataFrame, sla_h: float | None) -> pd.DataFrame:
    """Add to a table with waits whether each is over the limit, if there is one."""
    if sla_h is None:
        return table
    labels = {True: f"over {sla_h:g} h", False: f"within {sla_h:g} h"}
    return table.assign(limit=is_over_limit(table["wait_s"], sla_h).map(labels).astype("str"))


def _failed(facts: Facts) -> pd.DataFrame:
    """Return a row for each reason of failed runs."""
    failed = facts.of_status("failed")
    reason = failed["reason"].fillna("The reason is not in the data")
    return _by_text(failed.assign(what=without_numbers(reason), since=failed["ended_at"]), ["what"])


def _low(facts: Facts) -> pd.DataFrame:
    """Return a row for each finding or output of low confidence of completed runs."""
    rated = rated_of(facts)
    low = rated[is_low(rated).fillna(False)]
    title = without_numbers(low["title"].fillna(MISSING))
    return _by_text(low.assign(what=title, since=low["ended_at"]), ["what", "confidence"])


def rated_of(facts: Facts) -> pd.DataFrame:
    """Return the findings and outputs of completed runs, with the time at which these ended."""
    rated = pd.concat([findings_of(facts.frames), outputs_of(facts.frames)])
    return rated.merge(facts.of_status("done")[["run_id", "ended_at"]], on="run_id")


def _by_text(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return rows with the same text as one, with their runs, the most frequent first."""
    newest_first = rows.sort_values("since", ascending=False, kind="stable")
    by = newest_first.groupby(columns, sort=False, dropna=False, observed=True)
    table = by.agg(
        n_runs=("run_id", "nunique"),
        since=("since", "max"),
        run_ids=("run_id", lambda run_ids: [*run_ids.unique()]),
    )
    table = table.sort_values("n_runs", ascending=False, kind="stable")
    return table.reset_index()


@checked
def waits(f: Source, *, sla_h: Hours | None = None) -> Panel:
    """Show how long questions waited for a reviewer, by kind of question.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.
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
        For other arguments, and for what `frames()` refuses.
    """
    f = frames(f)
    questions = Facts(f, sla_h).ended("pending", "answered")
    kinds = questions["kind"].astype("str")
    rows = []
    for kind in sorted(kinds.unique(), key=QUESTION_KINDS.position):
        its = questions[kinds.eq(kind)]
        is_open = its["outcome"].eq("pending")
        open_s = its.loc[is_open, "wait_s"]
        answered_s = its.loc[~is_open, "wait_s"]
        row = {
            "kind": kind,
            "n_pending": len(open_s),
            "longest_pending_s": open_s.max(),
            "n_answered": len(answered_s),
            "median_s": answered_s.median(),
            "p90_s": answered_s.quantile(0.9),
            "n_late": its["is_late"].sum(min_count=1),
            "late": counted(its["is_late"]),
        }
        rows.append(row)
    by_kind = pd.DataFrame(rows, columns=[*WAITS, "late"])
    table = by_kind[[*WAITS]].astype(WAITS)
    seen = table.drop(columns="n_late")
    if sla_h is not None:
        seen[f"over_{sla_h:g}_h"] = by_kind["late"]
    return Panel("Waits by kind of question", table, what_was_read(f), [Table(seen)])


@checked
def failed_steps(f: Source) -> Panel:
    """Show what failed: each reason, with * for ids and numbers that differ, and its runs.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.

    Returns
    -------
    Panel
        A row for each `reason`, the most frequent first; `label` has the steps that failed so, but
        for a label that is the reason; `run_ids` has the runs, the newest first. Groups that
        failed with a step in them are left out.

    Raises
    ------
    UsageError
        For other arguments, and for what `frames()` refuses.
    """
    f = frames(f)
    failed = failures_of(f)
    labels = failed["label"].mask(failed["label"].eq(failed["reason"])).dropna()
    labels = labels.groupby(failed["kind"]).agg(lambda steps: "; ".join(steps.unique()))
    failed = failed.assign(reason=failed["kind"], since=failed["started_at"])
    table = _by_text(failed, ["reason"]).rename(columns={"since": "newest_at"})
    table = table.assign(label=table["reason"].map(labels).astype("str"))
    return Panel("Failed steps", table[FAILED_STEP], what_was_read(f))


@checked
def slowest_steps(f: Source) -> Panel:
    """Show the kinds of steps, by agent and name, with most time on the critical path.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.

    Returns
    -------
    Panel
        At most 15 kinds of steps with own time; `label` is the label that all steps of a kind have,
        else the name in words. Questions, and steps that have not ended, are left out. Times are
        the steps' own, without that of their child steps; `critical_s` is that of all runs.

    Raises
    ------
    UsageError
        For other arguments, and for what `frames()` refuses.
    """
    f = frames(f)
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
    return Panel("Slowest steps", table, what_was_read(f), [Table(table[SLOWEST])])


def work_of(f: Frames) -> pd.DataFrame:
    """Return the steps that have ended and are no questions, each with a name."""
    steps = f.steps
    is_work = steps["type"].ne("interrupt") & steps["completed_at"].notna()
    return with_step_names(steps[is_work & steps["self_s"].notna()])


@checked
def weak_findings(f: Source) -> Panel:
    """Show findings with low or unknown confidence, without a source, or without a strong one.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.

    Returns
    -------
    Panel
        A row for each finding: its confidence as it came, how many sources it has, and the highest
        tier of these; the lowest confidence first, and one that is not known last. Outputs are left
        out, as they repeat findings.

    Raises
    ------
    UsageError
        For other arguments, and for what `frames()` refuses.
    """
    f = frames(f)
    findings = Facts(f).findings
    is_weak = findings["is_low"] | findings["is_bare"] | ~findings["is_strong"]
    weak = findings[is_weak.fillna(True).astype("bool")]
    table = with_names(weakest_first(weak), f)[["run_id", *RUN_NAMES, *WEAK]]
    seen = Table(table.drop(columns="artifact_no"))
    return Panel("Weak findings", table, what_was_read(f), [seen])


def weakest_first(findings: pd.DataFrame) -> pd.DataFrame:
    """Sort findings by their confidence, the lowest first; one that is not known is last."""
    confidence = findings["confidence"]
    place = positions(confidence, CONFIDENCES).where(is_known(confidence, CONFIDENCES), -1)
    return findings.loc[place.sort_values(ascending=False, kind="stable").index]
