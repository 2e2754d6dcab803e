"""How sure the agents of many runs were, and which sources carry what they found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.charts import stacked_bars
from runkit.charts.evidence import findings_of
from runkit.charts.panel import Panel
from runkit.charts.stacked_bars import Bar
from runkit.charts.wording import agent_name, few, listed, said, share
from runkit.contract import CONFIDENCES
from runkit.tables.frames import Frames
from runkit.text import plural

# From sure to unsure. No label ("none") is not the same as a label that the API does not document ("other").
CONFIDENCE_LOOKS = {
    "high": stacked_bars.GOOD._replace(words="high"),
    "medium": stacked_bars.GOES_ON._replace(words="medium"),
    "low": stacked_bars.BAD._replace(words="low"),
    "other": stacked_bars.REST._replace(words="another word"),
    "none": stacked_bars.NOTHING._replace(words="none given"),
}
GROUPS = {"finding": "Findings", "output": "Outputs"}
MOST_AGENTS = stacked_bars.MOST_BARS // len(GROUPS)  # in each group
MOST_RUN_IDS = 3  # of the runs with unsure artifacts in a cell of the table
MOST_TIERS = 4  # in the sentence
MOST_SOURCES = 12  # bars; the others are added up
# Not green: a tier is not a verdict.
TIER_LOOKS = {
    "government": stacked_bars.WORK._replace(words="government"),
    "primary": stacked_bars.GOES_ON._replace(words="primary"),
    "secondary": stacked_bars.NOTHING._replace(words="secondary"),
    "other": stacked_bars.REST._replace(words="other tiers"),
}
FINDING = ["run_id", "artifact_no"]
SOURCE = ["source_name", "source_tier"]


def confidence(f: Frames) -> Panel:
    """Artifacts by agent and confidence, from high to low: what agents found, and what runs delivered.

    In the table `n_runs` counts the runs of a row, and `run_ids` names the newest three of those with low
    confidence or with an undocumented word.
    """
    title = "How sure the agents were"
    artifacts = findings_of(f)
    kept = artifacts.assign(kind=np.where(artifacts["origin"] == "output", "output", "finding"))
    table = _confidence_table(kept, f.runs)
    if kept.empty:
        return Panel(title, "The runs found and delivered nothing.", table)
    level = _level(kept["confidence"])
    rows, more = [], []
    words = []
    for kind, heading in GROUPS.items():
        is_own = (kept["kind"] == kind).to_numpy(bool)
        if not is_own.any():
            words.append(f"There are no {heading.lower()}.")
            continue
        numbers = _by_agent(kept["agent"][is_own], level[is_own])
        words.append(_confidence_words(numbers, heading.lower()))
        group, n_more = _confidence_bars(numbers, heading)
        rows += group
        more += (
            [plural(n_more, f"agent of {heading.lower()}", f"agents of {heading.lower()}")] if n_more else []
        )
    if more:
        words.append(f"The chart adds up the {listed(more)} with the fewest.")
    sentence = " ".join(words)
    figure = stacked_bars.bars(
        list(CONFIDENCE_LOOKS.values()),
        rows,
        axis="artifacts",
        sentence=sentence,
        about="Bars: findings and outputs by agent and confidence",
    )
    return Panel(title, sentence, table, figure)


def _level(confidence: pd.Series[Any]) -> Any:
    """The words of `CONFIDENCE_LOOKS` for labels as they came."""
    known = confidence.where(confidence.isin(CONFIDENCES), "other")
    return known.where(confidence.notna(), "none").to_numpy(object)


def _confidence_table(kept: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each kind, agent and label as it came, from high to low."""
    created = dict(zip(runs["run_id"], runs["created_at"], strict=True))
    newest_first = kept.assign(created_at=kept["run_id"].map(created)).sort_values(
        "created_at", ascending=False, kind="stable"
    )
    by = newest_first.groupby(["kind", "agent", "confidence"], dropna=False)["run_id"]
    table = by.agg(n_artifacts="size", n_runs="nunique").reset_index()
    of_agent = table.groupby(["kind", "agent"], dropna=False)["n_artifacts"].transform("sum")
    table.insert(4, "artifacts_percent", (100 * table["n_artifacts"] / of_agent).round(1))
    level = _level(table["confidence"])
    named = [few(ids.unique().tolist(), MOST_RUN_IDS) for _, ids in by]
    table["run_ids"] = pd.Series(named, table.index, "str").where(pd.Series(level).isin(["low", "other"]))
    place = [list(CONFIDENCE_LOOKS).index(word) for word in level]
    order = table.assign(place=place, of_agent=-of_agent)
    order = order.sort_values(["kind", "of_agent", "agent", "place", "confidence"])
    return order[table.columns].reset_index(drop=True)


def _by_agent(agent: pd.Series[Any], level: Any) -> pd.DataFrame:
    """Numbers by agent ("" where none is named) and level; who has most comes first."""
    numbers = pd.crosstab(agent.fillna("").to_numpy(), level)
    numbers = numbers.reindex(columns=list(CONFIDENCE_LOOKS), fill_value=0)
    return numbers.loc[numbers.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def _confidence_bars(numbers: pd.DataFrame, heading: str) -> tuple[list[Bar], int]:
    n_more = max(len(numbers) - MOST_AGENTS, 0)
    named = [
        (agent_name(agent or None), row.tolist())
        for agent, row in zip(numbers.index[:MOST_AGENTS], numbers.to_numpy(), strict=False)
    ]
    if n_more:
        named.append((plural(n_more, "other"), numbers.iloc[MOST_AGENTS:].sum().tolist()))
    rows: list[Bar] = []
    for name, split in named:
        whole = sum(split)
        hovers = [
            f"{look.words}: {n:,} of {whole:,} ({share(n, whole)})"
            for look, n in zip(CONFIDENCE_LOOKS.values(), split, strict=True)
        ]
        rows.append(Bar(name, f"{split[0]:,} of {whole:,} high", split, hovers, "" if rows else heading))
    return rows, n_more


def _confidence_words(numbers: pd.DataFrame, what: str) -> str:
    total, whole = numbers.sum(), int(numbers.to_numpy().sum())
    parts = [f"{share(total['high'], whole)} are of high confidence ({total['high']:,})"]
    parts += [
        f"{total[word]:,} {words}"
        for word, words in (
            ("medium", "medium"),
            ("low", "low"),
            ("other", "of another word"),
            ("none", "without a label"),
        )
        if total[word]
    ]
    sentence = f"Of {whole:,} {what if whole > 1 else what.rstrip('s')} {listed(parts)}"
    if len(numbers) > 1 and total["low"]:
        worst = numbers["low"].sort_values(ascending=False, kind="stable").index[0]
        low, all_of_it = numbers.loc[worst, "low"], numbers.loc[worst].sum()
        sentence += f"; {agent_name(worst or None)} has most of the low ones, {low:,} of its {all_of_it:,}"
    return sentence + "."


def sources(f: Frames) -> Panel:
    """Sources by name and tier: in how many runs findings rest on each, how many, and how sure they are.

    Outputs are left out: they repeat the findings. A finding that rests on several sources counts for each of
    them; a source that it names twice counts once.
    """
    title = "Which sources carry the findings"
    found = findings_of(f)
    found = found[found["origin"] != "output"]
    used = f.sources.merge(found[[*FINDING, "confidence"]], on=FINDING)
    used = used.assign(is_high=(used["confidence"] == "high").fillna(False).to_numpy(bool))
    table = _sources_table(used)
    if found.empty:
        return Panel(title, "There are no findings.", table)
    words = _sources_words(found, used, table, len(f.runs))
    if table.empty:
        return Panel(title, words, table)
    rows = [
        _source_bar(said(name, "unnamed source"), tier, n_findings, n_runs, n_high)
        for name, tier, n_findings, n_runs, n_high in zip(
            *(table.head(MOST_SOURCES)[column] for column in (*SOURCE, "n_findings", "n_runs", "n_high")),
            strict=True,
        )
    ]
    if (n_more := len(table) - MOST_SOURCES) > 0:
        rest = used.merge(table[SOURCE].iloc[MOST_SOURCES:], on=SOURCE).drop_duplicates(FINDING)
        n_runs, n_high = rest["run_id"].nunique(), int(rest["is_high"].sum())
        rows.append(_source_bar(plural(n_more, "other"), "of any tier", len(rest), n_runs, n_high))
        words += f" The chart adds up {plural(n_more, 'source')} in the fewest runs."
    figure = stacked_bars.bars(
        list(TIER_LOOKS.values()),
        rows,
        axis="runs with findings on it",
        sentence=words,
        about="Bars: runs by the source that their findings rest on",
    )
    return Panel(title, words, table, figure)


def _sources_table(used: pd.DataFrame) -> pd.DataFrame:
    """A row for each name and tier; those in most runs come first."""
    once = used.drop_duplicates([*FINDING, *SOURCE])
    by = once.groupby(SOURCE, dropna=False)
    table = by.agg(n_runs=("run_id", "nunique"), n_findings=("run_id", "size"), n_high=("is_high", "sum"))
    every = used.groupby(SOURCE, dropna=False)["host"]
    table["n_hosts"] = every.nunique()
    table["host"] = every.first()
    return table.sort_values(["n_runs", "n_findings"], ascending=False, kind="stable").reset_index()


def _source_bar(name: str, tier: object, n_findings: int, n_runs: int, n_high: int) -> Bar:
    level = tier if tier in TIER_LOOKS else "other"
    hover = (
        f"{said(tier, 'no tier')}: {plural(n_findings, 'finding')} in {plural(n_runs, 'run')}, "
        f"{n_high:,} of high confidence ({share(n_high, n_findings)})"
    )
    lengths = [float(n_runs) if word == level else 0.0 for word in TIER_LOOKS]
    note = f"{plural(n_findings, 'finding')} in {plural(n_runs, 'run')}"
    return Bar(name, note, lengths, [hover] * len(TIER_LOOKS))


def _sources_words(found: pd.DataFrame, used: pd.DataFrame, table: pd.DataFrame, n_runs: int) -> str:
    n = len(found)
    distinct = used.drop_duplicates([*FINDING, "source_name", "url"]).groupby(FINDING).size()
    n_one, n_none = int((distinct == 1).sum()), n - len(distinct)
    sentences = []
    if len(table):
        first, most = table.iloc[0], table.iloc[int(table["n_findings"].argmax())]
        words = f"The most frequent source is {_source(first)}: in {first['n_runs']:,} of "
        words += f"{plural(n_runs, 'run')}, for {first['n_findings']:,} of {plural(n, 'finding')}"
        if most["n_findings"] > first["n_findings"]:
            in_runs = plural(most["n_runs"], "run")
            words += f"; {_source(most)} has more findings, {most['n_findings']:,}, but all in {in_runs}"
        sentences += [words, _tier_words(used)]
    on_one = f"{n_one:,} of {plural(n, 'finding')} ({share(n_one, n)}) {'rests' if n_one == 1 else 'rest'}"
    sentences.append(f"{on_one} on one source only, {n_none:,} on none")
    return ". ".join(sentences) + "."


def _source(row: pd.Series[Any]) -> str:
    return f"{said(row['source_name'], 'unnamed source')} ({said(row['source_tier'], 'no tier')})"


def _tier_words(used: pd.DataFrame) -> str:
    """How many findings each tier carries, and that one can have several where it is so."""
    once = used.drop_duplicates([*FINDING, "source_tier"])
    tiers = once["source_tier"].fillna("no tier").value_counts()
    most = [f"{said(tier)} {count:,}" for tier, count in tiers.head(MOST_TIERS).items()]
    most += [plural(len(tiers) - MOST_TIERS, "more tier")] if len(tiers) > MOST_TIERS else []
    several = "" if once[FINDING].duplicated().sum() == 0 else " (one can have sources of several tiers)"
    return f"Findings by tier: {listed(most)}{several}"
