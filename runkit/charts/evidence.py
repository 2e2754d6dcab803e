"""What one run or many found, how sure their agents were, and the sources that it rests on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from runkit.charts.panel import Panel, agent_titles, counts, percent, without_steps, words_of
from runkit.charts.stacked_bars import ATTENTION, FAIL, OK, REST, WORK, cross, stacked_bars
from runkit.contract import CONFIDENCES
from runkit.style import MISSING, TIERS
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import plural, short_id

STRONG_TIERS = ("government", "primary")
ORIGINS = ("output", "step", "proposal")  # the order in which a reader wants them
ARTIFACT = ["run_id", "artifact_no"]
LEVELS = {"high": OK, "medium": ATTENTION, "low": FAIL, "other": WORK, "none": REST}
MOST_RUN_IDS = 3  # of the runs with unsure artifacts
SOURCE = ["source_name", "source_tier"]
TIER_COLORS = dict(zip((*TIERS, "other"), (OK, WORK, ATTENTION, REST), strict=True))


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


def confidence(f: Frames) -> Panel:
    """Show findings and outputs by agent and confidence.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        `run_ids` has the newest three of the runs with low confidence or a word that is not documented.
    """
    rows = findings_of(f)
    kinds = is_output(rows).map({True: "output", False: "finding"}).astype("str")
    level = rows["confidence"].where(rows["confidence"].isin(CONFIDENCES), "other")
    level = level.where(rows["confidence"].notna(), "none").astype(pd.CategoricalDtype([*LEVELS]))
    rows = rows.assign(kind=kinds, level=level).merge(f.runs[["run_id", "created_at"]], on="run_id")
    by = rows.sort_values("created_at", ascending=False).groupby(
        ["kind", "agent", "level", "confidence"], dropna=False, observed=True
    )
    table = by["run_id"].agg(n_artifacts="size", n_runs="nunique", run_ids=_few_ids).reset_index()
    n_all = table.groupby(["kind", "agent"], dropna=False)["n_artifacts"].transform("sum")
    table.insert(5, "artifacts_percent", (100 * table["n_artifacts"] / n_all).round(1))
    table["run_ids"] = table["run_ids"].where(table["level"].isin(["low", "other"])).astype("str")
    order = ["kind", "n_all", "agent", "level", "confidence"]
    table = table.assign(n_all=-n_all).sort_values(order, ignore_index=True).drop(columns=["level", "n_all"])
    own, outputs = (rows.loc[rows["kind"].eq(kind), "level"] for kind in ("finding", "output"))
    sentence = (
        f"{percent(own.eq('high').sum(), len(own))} of {plural(len(own), 'finding')} and "
        f"{percent(outputs.eq('high').sum(), len(outputs))} of {plural(len(outputs), 'output')} have high "
        f"confidence. Findings: {counts(own)}. Outputs: {counts(outputs)}."
    )
    agents = agent_titles(rows["agent"]).fillna(MISSING)
    bars = cross(rows["kind"].str.capitalize() + "s: " + agents, rows["level"].to_numpy(object), LEVELS)
    notes = [f"{row['high']:,} of {row.sum():,} high" for _, row in bars.iterrows()]
    words = {word: word.capitalize() for word in LEVELS} | {"other": "Another word", "none": "None given"}
    colors = {words[word]: color for word, color in LEVELS.items()}
    figure = stacked_bars(bars.rename(columns=words), colors, alt=sentence, notes=notes, axis="artifacts")
    return Panel("Confidence", sentence, table, figure)


def _few_ids(run_ids: pd.Series[str]) -> str:
    ids = run_ids.unique().tolist()
    more = [f"{len(ids) - MOST_RUN_IDS:,} more"] if len(ids) > MOST_RUN_IDS else []
    return ", ".join([*map(short_id, ids[:MOST_RUN_IDS]), *more])


def sources(f: Frames) -> Panel:
    """Show in how many runs findings rest on each source, and how sure they are.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        A row for each name and tier; outputs are left out, as they repeat findings. A finding that rests on
        several sources counts for each of them, and once for a source that it names twice.
    """
    rows = findings_of(f)
    rows = rows[~is_output(rows)]
    used = f.sources.merge(rows[[*ARTIFACT, "confidence"]], on=ARTIFACT)
    used = used.assign(is_high=used["confidence"].eq("high").fillna(False).astype(bool))
    by = used.drop_duplicates([*ARTIFACT, *SOURCE]).groupby(SOURCE, dropna=False)
    table = by.agg(n_runs=("run_id", "nunique"), n_findings=("run_id", "size"), n_high=("is_high", "sum"))
    hosts = used.groupby(SOURCE, dropna=False)["host"]
    table = table.assign(n_hosts=hosts.nunique(), host=hosts.first())
    table = table.sort_values(["n_runs", "n_findings"], ascending=False, kind="stable").reset_index()
    distinct = used.drop_duplicates([*ARTIFACT, "source_name", "url"]).groupby(ARTIFACT).size()
    n_one = int((distinct == 1).sum())
    tiers = used.drop_duplicates([*ARTIFACT, "source_tier"])["source_tier"]
    sentence = (
        f"{plural(len(rows), 'finding')} on {plural(len(table), 'source')}; findings by tier: "
        f"{counts(tiers)}; {n_one:,} ({percent(n_one, len(rows))}) on one source only, "
        f"{len(rows) - len(distinct):,} on none."
    )
    tier = table["source_tier"].where(table["source_tier"].isin(TIERS), "other")
    bars = pd.DataFrame({word: table["n_runs"].where(tier.eq(word), 0) for word in TIER_COLORS})
    bars = bars.set_axis([words_of(name) for name in table["source_name"]])
    notes = [plural(n, "finding") for n in table["n_findings"]]
    words = {word: f"{TIERS.get(word, '')} {word.capitalize()}".strip() for word in TIER_COLORS}
    colors = {words[word]: color for word, color in TIER_COLORS.items()}
    figure = stacked_bars(
        bars.rename(columns=words), colors, alt=sentence, notes=notes, axis="runs with findings on it"
    )
    return Panel("Sources", sentence, table, figure)
