"""Panels of many runs: what needs attention, how they ended, where time went, and weak evidence.

Every function takes `Frames` of any number of runs and returns a `Panel`; `runkit.fleet` is this
module.
"""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from runkit.arguments import Hours, check_kind, checked
from runkit.charts.needs_attention import needs_panel
from runkit.charts.panel import (
    Panel,
    Row,
    bars,
    count_words,
    lasting,
    records,
    render,
    table_html,
)
from runkit.charts.why_slow import why_slow
from runkit.display.counts import (
    DAY,
    HOUR,
    NOT_KNOWN,
    gap,
    lasted,
    number,
    paragraph,
    phrase,
    sentence,
    some,
    things,
    unread,
)
from runkit.display.text import Markup, duration, in_words, plural
from runkit.facts import LIMIT_H, TO_A_PERSON, Facts, count, longest_wait
from runkit.tables.frames import Frames
from runkit.tables.run_rules import (
    ARTIFACT,
    FAILURE,
    failures_of,
    flag,
    is_rated,
    is_read,
    named,
    short_ids,
)

__all__ = [
    "failed_steps",
    "needs_attention",
    "slowest_steps",
    "waits",
    "weak_findings",
    "why_slow",
]

MAX_KINDS = 15  # of steps
NO_STRONG = "high confidence, no source of a known government or primary tier"
NAMES = ["run_id", "business_name", "agent_name"]
KINDS = {  # the names of kinds of questions; those that can do most harm come first
    "dismissal": "Watchlist hit",
    "decision": "Approve a business",
    "verify_tin": "Verify a TIN",
    "document": "Document",
    "add_sources": "Add a source",
    "add_attributes": "Add attributes",
    "mixed": "Several proposals",
    "other": "Other question",
}


def __dir__() -> list[str]:
    return __all__


@checked
def needs_attention(f: Frames) -> Panel:
    """Show what needs somebody, worst first.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        In this order: questions that wait, by kind and then the oldest first; failed runs by error;
        low confidence by the weakest finding or output, then unrated; expired questions and data
        that could not be read; what the policy decided; medium confidence. `next_step` is Answer,
        Check, Read or Sample. Runs with the same reason are one row: `run_ids` has them all,
        `run_id` the newest. `age_s` is how long ago `since` was when the newest run was read, or
        how long a question had waited when its run was read, at least if `is_least`.
    """
    check_kind("f", f, Frames)
    return needs_panel(Facts(f))


@checked
def waits(f: Frames, *, sla_h: Hours = LIMIT_H) -> Panel:
    """Show how long questions waited for a reviewer, by kind of question and length of the wait.

    Parameters
    ----------
    f
        Frames of any number of runs.
    sla_h
        Hours within which a reviewer should answer.

    Returns
    -------
    Panel
        A row for each kind of question and one for all, with a column for each class of waits; a
        class ends at `sla_h`. A pending question has waited until its run was read. `n_late` is
        null where no wait is known to be longer and some are not known. What the policy settled
        waited for nobody and is left out.
    """
    check_kind("f", f, Frames)
    facts = Facts(f, sla_h)
    questions = facts.questions[facts.questions["is_separate"]]
    questions = questions[questions["outcome"].isin(TO_A_PERSON)]
    wait_s = questions["wait_s"]
    # Of bounds with the same label, the limit stays.
    by_label = {duration(bound): bound for bound in (HOUR / 2, DAY, 3 * DAY, sla_h * HOUR)}
    bounds = sorted(by_label.values())
    longest = bounds[-1]
    heads = [*(f"to {duration(bound)}" for bound in bounds), f"over {duration(longest)}"]
    # a lower bound has a class only if no other is above it
    has_class = ~questions["is_least"] | wait_s.gt(longest)
    classes = pd.cut(wait_s.where(has_class), [-np.inf, *bounds, np.inf], labels=heads)
    if classes.isna().any():
        heads.append(NOT_KNOWN)
    questions = questions.assign(
        kind=questions["kind"].astype("str").map(KINDS).fillna(KINDS["other"]),
        wait=classes.astype("str").fillna(NOT_KNOWN),
    )
    groups = {kind: questions[questions["kind"].eq(kind)] for kind in KINDS.values()}
    groups["All"] = questions
    rows = [_waits_row(kind, group, heads) for kind, group in groups.items()]
    table = pd.DataFrame(rows).astype({"n_late": "Int64"})
    table = table[table["n_questions"] > 0].reset_index(drop=True)
    body = render(
        "waits",
        heads=heads,
        others=[f"Over {sla_h:g} h", "Median answer", "Longest"],
        rows=records(table),
        sla_at=bounds.index(sla_h * HOUR) + 1,
    )
    table = table.drop(columns=["n_pending_of", "late", "longest"])
    words = sentence(things(facts.open_questions, "open question"))
    missing = unread(facts.questions_asked, "Other questions")
    left_out = some(facts.questions_by_policy.n, "question", "decided by policy left out")
    words = paragraph(words, missing, left_out, facts.wait_note)
    return Panel("Waits by kind of question", words, table, body=body)


def _waits_row(kind: str, questions: pd.DataFrame, heads: list[str]) -> Row:
    """Count the questions of one kind, or of all, by the class of their wait and by outcome.

    The last three columns are for people only.
    """
    outcome = questions["outcome"].astype("str")
    n_of_outcome = outcome.value_counts().reindex(TO_A_PERSON, fill_value=0)
    waits = questions["wait"], questions.loc[outcome.eq("pending"), "wait"]
    n_of, n_pending_of = (wait.value_counts().reindex(heads, fill_value=0) for wait in waits)
    late = count(questions["is_late"])
    longest = longest_wait(questions)
    return {
        "kind": kind,
        **n_of.to_dict(),
        "n_late": late.n if late.n or late.is_whole else None,
        "n_questions": len(questions),
        **n_of_outcome.add_prefix("n_").to_dict(),
        "median_s": questions.loc[outcome.eq("answered"), "wait_s"].median(),
        "longest_s": longest.seconds,
        "is_least": longest.is_least,
        "n_pending_of": n_pending_of.to_dict(),
        "late": f"{number(late)} of {late.of:,}{gap(late)}",
        "longest": lasted(longest),
    }


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
        else the name in words. Steps without an end and waits for reviewers are left out; what the
        policy settled is work. Times are the steps' own, without that of their child steps;
        `critical_s` and `total_s` are those of all runs together.
    """
    check_kind("f", f, Frames)
    work = named(f.steps[~f.steps["is_wait"]])
    is_open = work["is_open"]
    by = work[~is_open].groupby(["agent", "name"], dropna=False)
    kinds = by.agg(
        label=("label", "first"), n_labels=("label", "nunique"), n_runs=("run_id", "nunique")
    )
    kinds = kinds.join([spread(by["self_s"], "n_steps"), by["critical_s"].sum()]).reset_index()
    kinds = kinds[kinds["total_s"] > 0]
    names = kinds["name"].map(in_words, na_action="ignore")
    kinds["label"] = kinds["label"].where(kinds.pop("n_labels").eq(1), names)
    kinds = kinds.sort_values(["critical_s", "median_s"], ascending=False, ignore_index=True)
    table = kinds.head(MAX_KINDS)[["label", *kinds.columns.drop("label")]]

    missing = Facts(f).unread
    part, whole = (lasting(rows["critical_s"].sum()) for rows in (table, kinds))
    shown = f"{len(table):,} of {plural(len(kinds), 'kind')} of steps shown"
    left_out = some(int(is_open.sum()), "step", "without an end left out")
    words = paragraph(f"{shown}: {part} of {whole} on the critical path.", unread(missing, "Steps"))
    if kinds.empty:
        words = sentence(things(missing, "ended step with own time", "ended steps with own time"))
    columns = table.drop(columns=["total_s", "longest_s"])
    body = _with_bars(columns, "critical_s", pd.Series("accent", table.index))
    return Panel("Slowest steps", paragraph(words, left_out), table, body=body)


@checked
def failed_steps(f: Frames) -> Panel:
    """Show what failed and why: each error, with * for ids and numbers that differ, and its runs.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each `error`, step and agent; `run_ids` has the runs, the newest first. Groups
        that failed with a step in them are left out.
    """
    check_kind("f", f, Frames)
    failed = failures_of(f)
    newest_first = failed.sort_values("started_at", ascending=False)
    by = newest_first.groupby(FAILURE, dropna=False)
    table = by.agg(
        n_steps=("run_id", "size"),
        n_runs=("run_id", "nunique"),
        newest_at=("started_at", "max"),
        run_ids=("run_id", lambda ids: [*ids.unique()]),
    )
    order = ["n_runs", "newest_at"]
    table = table.reset_index().sort_values(order, ascending=False, ignore_index=True)

    has_failed = f.runs["run_id"].isin(failed["run_id"])
    runs = count(flag(has_failed, has_failed | is_read(f)))
    words = sentence(phrase(runs, "with failed steps", "run"))
    n_unknown = Facts(f).causes.unknown
    if n_unknown:
        words += f" The cause of {plural(n_unknown, 'failed run')} is {NOT_KNOWN}."
    columns = ["error", "where", "n_runs", "newest_at"]
    body = table_html(table.assign(where=_where(f, table))[columns])
    return Panel("What failed and why", words, table, body=body)


def _where(f: Frames, table: pd.DataFrame) -> list[str]:
    """Write for each error its step, its businesses, in how many of their runs, and all run ids."""
    runs = f.runs.assign(short=short_ids(f.runs["run_id"])).set_index("run_id")
    n_of_business = runs["business_name"].value_counts()
    lines = []
    for row in records(table):
        failed = runs.loc[row["run_ids"]]
        names = failed["business_name"].unique()
        n_runs = plural(len(failed), "run")
        n_all = n_of_business.get(names[0], 0)
        if len(names) == 1 and n_all > 1:
            n_runs = f"{len(failed):,} of its {n_all:,} runs"
        words = ", ".join([*filter(pd.notna, names), n_runs])
        ids = " ".join(failed["short"])
        lines.append(f"{row['label']} · {words}: {ids}")
    return lines


@checked
def weak_findings(f: Frames) -> Panel:
    """Show findings whose evidence is weaker than they claim.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each finding and weakness: no source; high confidence, and all its sources are of
        other tiers than government or primary (where one names no tier, that is not known, and
        counted); or high confidence on a source on which another finding of its run and type has
        low confidence, and the other finding. `confidence` and `best_tier` are the words as they
        came. Outputs are left out, as they repeat findings.
    """
    check_kind("f", f, Frames)
    facts = Facts(f)
    findings = facts.artifacts
    is_high = flag(findings["confidence"].eq("high"), is_rated(findings))
    weaknesses = {
        "no source": findings["is_bare"],
        NO_STRONG: is_high & ~findings["is_strong"] & ~findings["is_bare"],
        "high and low confidence on one source": _is_disputed(f, findings),
    }
    rows = [findings[is_weak].assign(weakness=name) for name, is_weak in weaknesses.items()]
    table = pd.concat(rows, ignore_index=True).merge(f.runs[NAMES], on="run_id")

    weak = count(reduce(operator.or_, weaknesses.values()), facts.n_unread)
    words = phrase(weak, "with weak evidence", "finding")
    if weak.n:
        words += f": {count_words(table['weakness'])}"
    columns = ["agent", "title", "confidence", "best_tier", "n_sources", "n_hosts", "artifact_no"]
    table = table.assign(confidence=table["confidence_text"], best_tier=table["best_tier_text"])
    table = table[["weakness", *NAMES, *columns]]
    return Panel("Weak findings", sentence(words), table)


def _is_disputed(f: Frames, findings: pd.DataFrame) -> pd.Series[bool]:
    """Flag findings of high and low confidence on one address, in one run and of one type."""
    rows = findings.reset_index(drop=True)
    extreme = rows[rows["confidence"].isin(["high", "low"])].reset_index()
    cited = extreme.merge(f.sources[[*ARTIFACT, "url"]], on=ARTIFACT)
    n_levels = cited.groupby(["run_id", "type", "url"])["confidence"].transform("nunique")
    is_disputed = rows.index.isin(cited.loc[n_levels > 1, "index"])
    return pd.Series(is_disputed, findings.index)


def spread(by: Any, n_name: str) -> pd.DataFrame:
    """Return of grouped seconds how many, their median, 90th percentile, longest and total."""
    columns = {
        n_name: by.size().astype("int32"),
        "median_s": by.median(),
        "p90_s": by.quantile(0.9),
        "longest_s": by.max(),
        "total_s": by.sum(min_count=1),
    }
    return pd.DataFrame(columns)


def _with_bars(table: pd.DataFrame, column: str, colors: pd.Series[str]) -> Markup:
    """Write a table with a bar for the number of a column."""
    parts = pd.get_dummies(colors).mul(table[column], axis=0)
    return table_html(table.assign(share=bars(parts)))
