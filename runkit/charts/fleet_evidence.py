"""How sure the agents of many runs were, and which sources carry what they found."""

from __future__ import annotations

import pandas as pd

from runkit.charts.evidence import ARTIFACT, findings_of, is_output
from runkit.charts.panel import Panel, agent_titles, counts, percent, words_of
from runkit.charts.stacked_bars import ATTENTION, FAIL, OK, REST, WORK, cross, stacked_bars
from runkit.contract import CONFIDENCES
from runkit.style import MISSING, TIERS
from runkit.tables.frames import Frames
from runkit.text import plural, short_id

LEVELS = {"high": OK, "medium": ATTENTION, "low": FAIL, "other": WORK, "none": REST}
MOST_RUN_IDS = 3  # of the runs with unsure artifacts
SOURCE = ["source_name", "source_tier"]
TIER_COLORS = dict(zip((*TIERS, "other"), (OK, WORK, ATTENTION, REST), strict=True))


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
