"""What runs found, how sure their agents were, and the sources that findings rest on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from runkit.arguments import checked
from runkit.charts.panel import Panel, counts, panel_of, percent, words_of
from runkit.style import MISSING
from runkit.tables.compare import one_run
from runkit.tables.facts import findings_of, outputs_of
from runkit.tables.frames import Frames
from runkit.text import plural

ARTIFACT = ["run_id", "artifact_no"]
MATCHED = ["match", "title_a", "confidence_a", "title_b", "confidence_b"]


@checked
def found(f: Frames) -> Panel:
    """Show what one run found, a row for each finding, the output first.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        `tiers` counts a finding's sources by tier.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    own = findings_of(f)
    rows = pd.concat([outputs_of(f), own], ignore_index=True)
    n_strong = int((own["best_tier"] >= "primary").sum())
    n_bare = int((own["n_sources"] == 0).sum())
    tiers = f.sources.groupby("artifact_no")["source_tier"].agg(counts)
    table = rows[["artifact_no", "origin", "agent", "title", "confidence", "summary", "n_sources"]]
    table = table.assign(tiers=rows["artifact_no"].map(tiers).astype("str"))
    lowest = own["confidence"].min()
    lowest = lowest if isinstance(lowest, str) else "none given"
    level = words_of(f.runs["confidence"].iloc[0])
    sentence = (
        f"{plural(len(own), 'finding')}: {percent(n_strong, len(own))} on government or "
        f"primary sources, {n_bare:,} without a source, lowest confidence: {lowest}."
    )
    sentence = sentence if len(own) else "No findings."
    sentence += "" if level == MISSING else f" Output: {level} confidence."
    return panel_of("Findings", sentence, table, f=f)


def matched(a: Frames, b: Frames) -> pd.DataFrame:
    """Match the findings of two runs, a row for each pair and then for each finding of only one.

    Findings match by origin, agent and title, else by origin, agent and type where each run has one of it.
    """
    sides = {"a": a, "b": b}
    parts = [part(f).assign(run=letter) for letter, f in sides.items() for part in (outputs_of, findings_of)]
    rows = pd.concat(parts, ignore_index=True)
    keys = ["run", "origin", "agent", "title"]
    rows["nth"] = rows.groupby(keys, dropna=False, observed=True).cumcount()
    rows["pair"], rest = rows.index, rows
    for key in (["title", "nth"], ["type"]):
        named = rest[rest[key[0]].ne("")]
        alike = named.groupby(["origin", "agent", *key], dropna=False)
        n_runs, n_rows = alike["run"].transform("nunique"), alike["run"].transform("size")
        is_pair = (n_runs == 2) & (n_rows == 2)  # several of one type cannot be told apart
        paired = named.index[is_pair]
        rows.loc[paired, "pair"] = alike["pair"].transform("first")[is_pair]
        rest = rest.drop(paired)
    left, right = (rows[rows["run"] == letter] for letter in "ab")
    table = left.merge(right, on="pair", how="outer", suffixes=("_a", "_b"))
    sure_a, sure_b = (table[f"confidence_{letter}"] for letter in sides)
    is_same_title = table["title_a"].eq(table["title_b"])
    is_as_sure = sure_a.eq(sure_b) | sure_a.isna() & sure_b.isna()
    matches = {
        "only in A": table["run_b"].isna(),
        "only in B": table["run_a"].isna(),
        "same": is_same_title & is_as_sure,
        "other confidence": is_same_title,
        "own summary": table["origin_a"].eq("output"),
        "different result": table["run_a"].notna(),
    }
    is_so = pd.DataFrame(matches)
    table["match"] = is_so.idxmax(axis=1).astype("str")
    order = is_so["only in A"] + 2 * is_so["only in B"]
    return table.iloc[np.argsort(order, kind="stable")][MATCHED].reset_index(drop=True)
