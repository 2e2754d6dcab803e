"""What runs found, and the sources that it rests on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from runkit.charts.panel import Panel, counts, percent, without_steps, words_of
from runkit.contract import CONFIDENCES
from runkit.style import MISSING
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import plural

STRONG_TIERS = ("government", "primary")
ORIGINS = ("output", "step", "proposal")  # the order in which a reader wants them
ARTIFACT = ["run_id", "artifact_no"]


def findings_of(f: Frames) -> pd.DataFrame:
    """Give the artifacts that count: each finding once, a run's output first.

    `has_strong_source` says whether one of its sources is government or primary.
    """
    rows = f.artifacts[~f.artifacts["is_repeat"]]
    strong = f.sources.loc[f.sources["source_tier"].isin(STRONG_TIERS), ARTIFACT].drop_duplicates()
    rows = rows.merge(strong.assign(has_strong_source=True), on=ARTIFACT, how="left")
    rank = rows["origin"].map(ORIGINS.index).astype("int64")
    rows = rows.assign(has_strong_source=rows["has_strong_source"].eq(True), rank=rank)
    return rows.sort_values(["rank"], kind="stable").drop(columns="rank").reset_index(drop=True)


def is_output(rows: pd.DataFrame) -> pd.Series[bool]:
    """Which findings are a run's output, which sums the others up."""
    return rows["origin"].eq("output")


def lowest(confidence: pd.Series[str]) -> str:
    """Give the lowest confidence; words that are not documented have no rank."""
    return next((word for word in reversed(CONFIDENCES) if confidence.eq(word).any()), MISSING)


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
    rows = findings_of(f)
    own = rows[~is_output(rows)]
    tiers = f.sources.groupby("artifact_no")["source_tier"].agg(counts)
    table = rows[["artifact_no", "origin", "agent", "title", "confidence", "summary", "n_sources"]]
    table = table.assign(tiers=rows["artifact_no"].map(tiers).astype("str"))
    stated = f.runs["confidence"].iloc[0]
    sentence = (
        f"{plural(len(own), 'finding')} ({counts(own['confidence'])} confidence): "
        f"{percent(own['has_strong_source'].sum(), len(own))} on government or primary sources, "
        f"{(own['n_sources'] == 0).sum():,} without a source. Output: {words_of(stated)} confidence, "
        f"lowest finding: {lowest(own['confidence'])}.{without_steps(f)}"
    )
    return Panel("Findings", sentence, table)


def sources_of(f: Frames, rows: pd.DataFrame) -> pd.DataFrame:
    """Give the different sources of these findings, a row for each address and name.

    `supports` has the titles of the findings that rest on it.
    """
    columns = ["source_name", "source_tier", "source_type", "url"]
    ordered = pd.concat([rows[~is_output(rows)], rows[is_output(rows)]])
    joined = ordered[["artifact_no", "title"]].merge(f.sources[["artifact_no", *columns]], on="artifact_no")
    by = joined.groupby(["url", "source_name"], dropna=False, sort=False)
    supports = by["title"].agg(lambda titles: "; ".join(dict.fromkeys(titles.fillna(MISSING))))
    firsts = joined.drop_duplicates(["url", "source_name"])[columns].reset_index(drop=True)
    return firsts.assign(n_findings=by["artifact_no"].nunique().array, supports=supports.array)


def evidence(f: Frames) -> Panel:
    """Show the different sources of one run's findings, a row for each.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        The same address under the same name is one source.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    rows = findings_of(f)
    table = sources_of(f, rows)
    sentence = (
        f"{plural(len(table), 'different source')} ({counts(table['source_tier'])}); "
        f"{(rows['n_sources'] == 0).sum():,} of {plural(len(rows), 'finding')} without a source."
        f"{without_steps(f)}"
    )
    return Panel("Sources", sentence, table)


def matched(a: Frames, b: Frames) -> pd.DataFrame:
    """Match the findings of two runs, a row for each pair and then for each finding of only one.

    Findings match by origin, agent and title, else by origin, agent and type where each run has one of it.
    """
    rows = pd.concat([findings_of(a).assign(run="a"), findings_of(b).assign(run="b")], ignore_index=True)
    rows["nth"] = rows.groupby(["run", "origin", "agent", "title"], dropna=False, observed=True).cumcount()
    rows["pair"] = rows.index
    rest = rows
    for key in (["title", "nth"], ["type"]):
        alike = rest[rest[key[0]].fillna("").ne("")].groupby(["origin", "agent", *key], dropna=False)
        # several of one type cannot be told apart
        is_pair = (alike["run"].transform("nunique") == 2) & (alike["run"].transform("size") == 2)
        pairs = alike["pair"].transform("first")[is_pair]
        rows.loc[pairs.index, "pair"] = pairs
        rest = rest.drop(pairs.index)
    left, right = (rows[rows["run"] == letter] for letter in "ab")
    table = left.merge(right, on="pair", how="outer", suffixes=("_a", "_b"))
    is_same_title = table["title_a"].fillna("").eq(table["title_b"].fillna(""))
    is_same_confidence = table["confidence_a"].fillna("").eq(table["confidence_b"].fillna(""))
    conditions = {
        "only in A": table["run_b"].isna(),
        "only in B": table["run_a"].isna(),
        "same": is_same_title & is_same_confidence,
        "other confidence": is_same_title,
        "own summary": table["origin_a"].eq("output"),
    }
    is_so = [condition.to_numpy(bool) for condition in conditions.values()]
    table["match"] = pd.Series(np.select(is_so, [*conditions], "different result"), table.index, "str")
    table["agent"] = table["agent_a"].fillna(table["agent_b"])
    only = {"only in A": 1, "only in B": 2}
    table = table.iloc[np.argsort(table["match"].map(only).fillna(0), kind="stable")].reset_index(drop=True)
    return table[["match", "agent", "title_a", "confidence_a", "title_b", "confidence_b"]]
