"""How reviewers of many runs decided, and where findings claim more than their sources carry."""

from __future__ import annotations

import pandas as pd

from runkit.analysis.decisions import decisions as count_decisions
from runkit.charts.evidence import ARTIFACT, findings_of, is_output
from runkit.charts.panel import Panel, agent_titles, counts, lasting, percent, without_steps
from runkit.charts.stacked_bars import FAIL, OK, REST, WAIT, WORK, cross, stacked_bars
from runkit.contract import TIERS
from runkit.style import MISSING
from runkit.tables.frames import Frames
from runkit.text import plural

PARTS = {  # column of `runkit.decisions`: its name in the figure, and its color
    "n_approved": ("Approved", OK),
    "n_edited": ("Approved with changes", WORK),
    "n_rejected": ("Rejected", FAIL),
    "n_unknown": ("Answered, decision unknown", REST),
    "n_pending": ("Waiting", WAIT),
}
QUICK = "came within 10 s, with no source opened"
WEAK = {  # what is wrong with a finding: its color
    "no source": FAIL,
    "high confidence, secondary sources only": WAIT,
    "high and low confidence on one source": REST,
}


def decisions(f: Frames, by: str = "kind", answers: pd.DataFrame | None = None) -> Panel:
    """Show how reviewers decided, by group, and how long questions waited.

    Parameters
    ----------
    f
        Frames of any number of runs.
    by
        "kind", "agent", "answered_by" or "week", as in `runkit.decisions`.
    answers
        `runkit.answer_log()`: the API keeps no answer.

    Returns
    -------
    Panel
        The table is that of `runkit.decisions`. The figure leaves out questions decided by policy or expired.

    Raises
    ------
    UsageError
        As `runkit.decisions`.
    """
    table = count_decisions(f, by, answers)
    decided = table[["n_approved", "n_edited", "n_rejected"]].fillna(0).astype("int32")
    bars = decided.assign(n_unknown=table["n_answered"] - decided.sum(axis=1), n_pending=table["n_pending"])
    n = table.select_dtypes("number").sum().fillna(0).astype("int64")
    answered = f.interrupts.loc[f.interrupts["outcome"] == "answered", "wait_s"]
    quick = f" {n['n_quick']:,} of {plural(n['n_shown'], 'answer')} in a form {QUICK}."
    sentence = (
        f"{plural(n['n_asked'], 'question')}: {n['n_pending']:,} waiting, {n['n_auto']:,} decided by policy, "
        f"{n['n_expired']:,} expired, {n['n_answered']:,} answered, after {lasting(answered.median())} "
        f"(median). Known decisions: {n['n_approved']:,} approved, {n['n_edited']:,} approved with changes, "
        f"{n['n_rejected']:,} rejected.{'' if answers is None else quick}{without_steps(f)}"
    )
    labels = agent_titles(table[by]) if by in ("agent", "kind") else table[by]
    notes = [f"{lasting(wait)} (median)" for wait in table["wait_p50_s"]]
    named = {name: title for name, (title, _) in PARTS.items()}
    bars = bars[[*PARTS]].set_axis(labels.tolist()).rename(columns=named)
    colors = dict(PARTS.values())
    figure = stacked_bars(bars, colors, alt=sentence, notes=notes, axis="questions")
    return Panel("Decisions", sentence, table, figure)


def evidence(f: Frames) -> Panel:
    """Show findings whose evidence is weaker than they claim.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each finding and weakness: no source; high confidence on secondary sources only; or high
        confidence on a source on which another finding of its run and type has low confidence, and the other
        finding. Outputs are left out, as they repeat findings.
    """
    rows = findings_of(f)
    rows = rows[~is_output(rows)]
    is_secondary = rows["confidence"].eq("high") & rows["best_tier"].eq(TIERS[-1])
    weak = dict(zip(WEAK, (rows["n_sources"] == 0, is_secondary, _disagree(f, rows)), strict=True))
    parts = [rows[is_so.fillna(False).to_numpy(bool)].assign(weakness=name) for name, is_so in weak.items()]
    names = ["run_id", "business_name", "agent_name"]
    table = pd.concat(parts).merge(f.runs[names], on="run_id")
    columns = ["weakness", *names, "agent", "title", "confidence", "best_tier", "n_sources", "n_hosts"]
    table = table.sort_values(["weakness", *ARTIFACT], key=_in_order).reset_index(drop=True)
    n_weak = len(table.drop_duplicates(ARTIFACT))
    sentence = (
        f"{n_weak:,} of {plural(len(rows), 'finding')} ({percent(n_weak, len(rows))}) with weak evidence: "
        f"{counts(table['weakness'])}. {(rows['n_hosts'] == 1).sum():,} findings rest on one host."
    )
    bars = cross(agent_titles(table["agent"]).fillna(MISSING), table["weakness"].to_numpy(object), WEAK)
    colors = {name.capitalize(): color for name, color in WEAK.items()}
    bars = bars.rename(columns=str.capitalize)
    figure = stacked_bars(bars, colors, alt=sentence, axis="findings")
    return Panel("Evidence", sentence, table[[*columns, "artifact_no"]], figure)


def _in_order(values: pd.Series[str]) -> pd.Series[int] | pd.Series[str]:
    return values.map([*WEAK].index) if values.name == "weakness" else values


def _disagree(f: Frames, rows: pd.DataFrame) -> pd.Series[bool]:
    """Flag findings of high and of low confidence that cite the same address, in one run and of one type."""
    sure = rows.loc[rows["confidence"].isin(["high", "low"]), [*ARTIFACT, "type", "confidence"]].dropna()
    cited = f.sources[[*ARTIFACT, "url"]].dropna().drop_duplicates().merge(sure, on=ARTIFACT)
    by = cited.groupby(["run_id", "type", "url"])["confidence"]
    keys = cited.loc[by.transform("nunique") > 1, ARTIFACT].itertuples(index=False)
    disputed = set(map(tuple, keys))
    pairs = zip(rows["run_id"], rows["artifact_no"], strict=True)
    return pd.Series([pair in disputed for pair in pairs], rows.index, "bool")
