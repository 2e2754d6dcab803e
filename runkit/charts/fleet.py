"""Panels of many runs: what needs attention, how they ended, where their time went, and on what evidence.

Every function takes `Frames` of any number of runs and returns a `Panel`; `runkit.fleet` is this
module.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.arguments import Hours, checked
from runkit.charts.needs import needs_panel
from runkit.charts.panel import (
    Panel,
    bars,
    counts,
    lasting,
    percent,
    records,
    render,
    short_ids,
    table_html,
    without_steps,
)
from runkit.charts.why_slow import why_slow
from runkit.html_tables import with_labels
from runkit.style import MISSING
from runkit.tables.facts import findings_of
from runkit.tables.frames import Frames
from runkit.text import Markup, duration, plural

__all__ = [
    "failed_steps",
    "needs_attention",
    "outcomes",
    "slowest_steps",
    "variants",
    "waits",
    "weak_findings",
    "why_slow",
]

HOUR, DAY = 3_600, 86_400
SLOWEST, VARIANTS = 15, 15  # kinds of steps, sequences of them
ASKED = ["answered", "pending", "lapsed"]  # outcomes of questions to a person, not to the policy
ARTIFACT = ["run_id", "artifact_no"]
COLORS = {"completed": "ok", "interrupted": "wait", "error": "fail", "running": "accent"}
KINDS = {  # of questions, for people; in the order of what they can do harm by
    "dismissal": "Watchlist hit",
    "decision": "Approve a business",
    "verify_tin": "Verify a TIN",
    "document": "Document",
    "add_sources": "Add a source",
    "add_attributes": "Add attributes",
    "mixed": "Several proposals",
    "other": "Other question",
}
WEAK = "Weak: no source, high confidence on secondary sources only, or high and low confidence on one source."


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
        low confidence by the weakest finding; expired questions and data that could not be read;
        what the policy decided; medium confidence. `next_step` is Answer, Check, Read or Sample.
        Runs with the same reason are one row: `run_ids` has them all, `run_id` the newest. `age_s`
        is how long ago `since` was when the newest run was read, or how long a question had waited
        when its run was read.
    """
    return needs_panel(f)


@checked
def outcomes(f: Frames) -> Panel:
    """Show how runs ended, by agent and status, and how long they took.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        `runs_percent` is the share of an agent's runs. Open runs are measured until they were read.
    """
    by = f.runs.astype({"status": "str"}).groupby(["agent", "status"], dropna=False)["duration_s"]
    table = by.size().astype("int32").to_frame("n_runs").join(spread(by)).reset_index()
    of_agent = table.groupby("agent", dropna=False)["n_runs"].transform("sum")
    table.insert(3, "runs_percent", (100 * table["n_runs"] / of_agent).round(1))
    table = table.iloc[np.lexsort((-table["n_runs"], -of_agent))].reset_index(drop=True)
    took = f.runs.loc[f.runs["status"] == "completed", "duration_s"]
    sentence = f"{len(took):,} of {plural(len(f.runs), 'run')} completed ({percent(len(took), len(f.runs))})."
    if took.notna().any():
        middle, p90 = lasting(took.median()), lasting(took.quantile(0.9))
        sentence += f" They took {middle} (median), {p90} (p90), with waits."
    return Panel(
        "Outcomes", sentence, table, body=_with_bars(table, "n_runs", table["status"].map(COLORS))
    )


@checked
def waits(f: Frames, *, sla_h: Hours = 4) -> Panel:
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
        class ends at `sla_h`. A pending question has waited until its run was read. What the policy
        settled waited for nobody and is left out.
    """
    asked = f.interrupts[f.interrupts["outcome"].isin(ASKED)]
    bounds = sorted({HOUR / 2, sla_h * HOUR, DAY, 3 * DAY})
    heads = [*(f"to {duration(bound)}" for bound in bounds), f"over {duration(bounds[-1])}"]
    classes = pd.cut(asked["wait_s"], [-np.inf, *bounds, np.inf], labels=heads).astype("str")
    heads += ["not known"] * bool(asked["wait_s"].isna().any())
    is_late, is_answered = asked["wait_s"] > sla_h * HOUR, asked["outcome"].eq("answered")
    known = asked.assign(
        kind=asked["kind"].astype("str").map(KINDS),
        wait=classes.fillna("not known"),
        median_s=asked["wait_s"].where(is_answered),
        n_late=is_late,
        n_questions=1,
        **{f"n_{word}": asked["outcome"].eq(word) for word in ASKED},
    )
    every = pd.concat([known, known.assign(kind="All")])
    every["kind"] = pd.Categorical(every["kind"], [*KINDS.values(), "All"])
    sums = dict.fromkeys(("n_late", "n_questions", *(f"n_{word}" for word in ASKED)), "sum")
    totals = every.groupby("kind", observed=True).agg(
        sums | {"median_s": "median", "wait_s": "max"}
    )
    counts = pd.crosstab(every["kind"], every["wait"]).reindex(columns=heads, fill_value=0)
    table = (
        counts.join(totals.rename(columns={"wait_s": "longest_s"}))
        .reset_index()
        .astype({"kind": "str"})
    )
    took = asked.loc[is_answered, "wait_s"]
    sentence = (
        f"Of {plural(len(took), 'answer')}, {(took <= HOUR / 2).sum():,} came within 30 min and "
        f"{(is_late & is_answered).sum():,} after more than {sla_h:g} h; "
        f"{asked['outcome'].eq('pending').sum():,} still waiting."
    )
    sentence = sentence if len(asked) else "No question to a reviewer."
    if n_settled := len(f.interrupts) - len(asked):
        sentence += f" {plural(n_settled, 'question')} decided by policy left out."
    cells = every.groupby(["kind", "wait"], observed=True)["n_pending"].agg(_waits_cell)
    shown = cells.unstack(fill_value=MISSING).reindex(columns=heads, fill_value=MISSING)
    late = [
        f"{n:,} of {n_all:,}"
        for n, n_all in zip(table["n_late"], table["n_questions"], strict=True)
    ]
    ends = [table["median_s"].map(lasting), table["longest_s"].map(lasting)]
    body = render(
        "waits",
        heads=[*heads, f"Over {sla_h:g} h", "Median answer", "Longest"],
        rows=[*zip(shown.index, np.column_stack([shown, late, *ends]).tolist(), strict=True)],
        sla_at=bounds.index(sla_h * HOUR) + 1,
    )
    return Panel("Waits by kind of question", sentence, table, body=body)


def _waits_cell(is_open: pd.Series[bool]) -> str:
    """Write how many questions of a class were answered, and how many are still waiting."""
    n_open = int(is_open.sum())
    parts = [f"{len(is_open) - n_open:,}"] * (len(is_open) > n_open) + [f"◷ {n_open:,}"] * (
        n_open > 0
    )
    return " + ".join(parts)


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
        Of steps without child steps, at most 15 kinds. Waits for reviewers are left out; what the
        policy settled is work. Times are the steps' own; `critical_s` and `total_s` are those of
        all runs together.
    """
    work = f.steps[(f.steps["n_children"] == 0) & ~f.steps["is_wait"]]
    by = work.groupby(["agent", "name"], dropna=False)
    kinds = by.agg(
        label=("label", "first"), n_steps=("label", "size"), n_runs=("run_id", "nunique")
    )
    kinds = kinds.join(spread(by["self_s"])).join(by["critical_s"].sum()).reset_index()
    kinds = kinds.sort_values(
        ["critical_s", "median_s"], ascending=False, kind="stable", ignore_index=True
    )
    table = kinds.head(SLOWEST)[["label", *kinds.columns.drop("label")]]
    sentence = f"{len(table):,} of {plural(len(kinds), 'kind')} of steps shown: "
    sentence += f"{lasting(table['critical_s'].sum())} of {lasting(kinds['critical_s'].sum())} "
    sentence = sentence + "on the critical path." if len(work) else "No steps."
    colors = pd.Series("accent", table.index)
    shown = table.drop(columns=["name", "total_s", "longest_s", "n_steps"])
    return Panel(
        "Slowest steps",
        sentence + without_steps(f),
        table,
        body=_with_bars(shown, "critical_s", colors),
    )


@checked
def variants(f: Frames) -> Panel:
    """Show how runs go: each sequence of steps, the most frequent first.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each `variant`, the names of the steps without child steps in tree order, as `A >
        B > C`, at most 15; `runs_percent` is of the runs with steps, `working_s` the median,
        `run_id` an example.
    """
    leaves = f.steps[f.steps["n_children"].eq(0)]
    names = leaves["name"].fillna(leaves["label"]).groupby(leaves["run_id"]).agg(" > ".join)
    runs = f.runs.merge(names.rename("variant"), left_on="run_id", right_index=True)
    flags = {"n_failed": runs["status"].eq("error"), "n_waiting": runs["status"].eq("interrupted")}
    table = (
        runs.assign(n_runs=1, **flags)
        .groupby("variant")
        .agg(
            {
                "n_runs": "sum",
                "n_failed": "sum",
                "n_waiting": "sum",
                "working_s": "median",
                "run_id": "first",
            }
        )
        .sort_values("n_runs", ascending=False, kind="stable")
        .reset_index()
    )
    table.insert(2, "runs_percent", (100 * table["n_runs"] / len(runs)).round(1))
    sentence = (
        f"{plural(len(table), 'variant')} of {plural(len(runs), 'run')}; the most frequent has "
        f"{percent(table['n_runs'].max(), len(runs))} of them."
    )
    sentence = sentence if len(table) else "No runs with steps."
    n_left_out = len(table) - VARIANTS
    sentence += f" {n_left_out:,} rarer ones are left out." if n_left_out > 0 else ""
    table = table.head(VARIANTS)
    # what all begin with would hide what differs
    parts = table["variant"].str.split(" > ")
    is_same = [len(set(names)) == 1 for names in zip(*parts, strict=False)]
    n_common = [*is_same, False].index(False) if len(table) > 1 else 0
    shown = table.assign(variant="… > " * (n_common > 0) + parts.str[n_common:].str.join(" > "))
    return Panel(
        "Variants", sentence + without_steps(f), table, body=table_html(with_labels(shown))
    )


@checked
def failed_steps(f: Frames) -> Panel:
    """Show what failed and why: each error, without the numbers in which it differs, and its runs.

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
    bad = f.steps[f.steps["error"].notna()].drop(columns="status")
    bad = bad.merge(f.runs[["run_id", "status", "business_name"]], on="run_id")
    errors = bad["error"]
    bad["error"] = errors.str.replace(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b\d[\d.,:]*", "*", regex=True)
    is_same = errors.groupby(bad["error"]).transform("nunique").eq(1)
    bad["error"] = bad["error"].mask(is_same, errors)
    bad = bad.assign(n_completed=bad["status"].eq("completed")).sort_values(
        "started_at", ascending=False
    )
    by = bad.groupby(["error", "label", "agent"], dropna=False)
    table = by.agg(
        n_steps=("run_id", "size"),
        n_runs=("run_id", "nunique"),
        n_completed=("n_completed", "sum"),
        newest_at=("started_at", "max"),
        run_ids=("run_id", lambda ids: list(ids.unique())),
        businesses=("business_name", lambda names: list(names.dropna().unique())),
    ).reset_index()
    table = table.sort_values(
        ["n_runs", "newest_at"], ascending=False, kind="stable", ignore_index=True
    )
    n_runs, n_completed = (rows["run_id"].nunique() for rows in (bad, bad[bad["n_completed"]]))
    sentence = f"{plural(len(bad), 'failed step')} in {n_runs:,} of {plural(len(f.runs), 'run')}."
    sentence += f" {n_completed:,} of these runs completed." * (n_completed > 0)
    n_of = f.runs.groupby("business_name")["run_id"].nunique()
    short = dict(zip(f.runs["run_id"], short_ids(f.runs["run_id"]), strict=True))
    where = []
    for row in records(table):
        names, ids = row["businesses"], " ".join(short[run_id] for run_id in row["run_ids"])
        of = (
            f"{row['n_runs']:,} of its {n_of[names].sum():,} runs"
            if names
            else plural(row["n_runs"], "run")
        )
        where.append(f"{row['label']} · {', '.join([*names, of])}: {ids}")
    shown = table[["error", "n_runs", "newest_at"]]
    shown.insert(1, "where", pd.Series(where, table.index, "str"))
    sentence = sentence if len(bad) else "No failed steps."
    return Panel("What failed and why", sentence + without_steps(f), table, body=table_html(shown))


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
        A row for each finding and weakness: no source; high confidence on secondary sources only;
        or high confidence on a source on which another finding of its run and type has low
        confidence, and the other finding. Outputs are left out, as they repeat findings.
    """
    rows = findings_of(f)
    checks = {
        "no source": rows["n_sources"] == 0,
        "high confidence, secondary sources only": rows["confidence"].eq("high")
        & rows["best_tier"].eq("secondary"),
        "high and low confidence on one source": _is_disputed(f, rows),
    }
    parts = [rows[is_weak].assign(weakness=name) for name, is_weak in checks.items()]
    named = ["run_id", "business_name", "agent_name"]
    table = pd.concat(parts, ignore_index=True).merge(f.runs[named], on="run_id")
    n_weak = len(table.drop_duplicates(ARTIFACT))
    sentence = f"{n_weak:,} of {plural(len(rows), 'finding')} ({percent(n_weak, len(rows))}) "
    sentence += f"with weak evidence: {counts(table['weakness'])}. {WEAK} "
    sentence += f"{plural(int((rows['n_hosts'] == 1).sum()), 'finding')} on one host only."
    columns = ["agent", "title", "confidence", "best_tier", "n_sources", "n_hosts", "artifact_no"]
    table = table[["weakness", *named, *columns]]
    return Panel("Weak findings", sentence if len(rows) else "No findings.", table)


def _is_disputed(f: Frames, rows: pd.DataFrame) -> pd.Series[bool]:
    """Flag findings of high and of low confidence that cite the same address, in one run and of one type."""
    sure = rows[rows["confidence"].isin(["high", "low"])]
    sure = sure[[*ARTIFACT, "type", "confidence"]].dropna()
    cited = f.sources[[*ARTIFACT, "url"]].dropna().merge(sure, on=ARTIFACT)
    n_levels = cited.groupby(["run_id", "type", "url"])["confidence"].transform("nunique")
    disputed = cited[n_levels > 1].set_index(ARTIFACT).index
    return pd.Series(rows.set_index(ARTIFACT).index.isin(disputed), rows.index)


def spread(by: Any) -> pd.DataFrame:
    """Return median, 90th percentile, longest and total of grouped seconds."""
    names = {
        "median_s": by.median(),
        "p90_s": by.quantile(0.9),
        "longest_s": by.max(),
        "total_s": by.sum(),
    }
    return pd.DataFrame(names)


def _with_bars(table: pd.DataFrame, column: str, colors: pd.Series[str]) -> Markup:
    """Write a table with a bar for the number of a column."""
    parts = {color: table[column].where(colors.eq(color), 0) for color in colors.dropna().unique()}
    return table_html(table.assign(share=bars(pd.DataFrame(parts, table.index))))
