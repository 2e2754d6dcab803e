"""How sure the agents of many runs were, and which sources carry what they found."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts import bars
from runkit.charts.bars import Bar
from runkit.charts.exhibit import Exhibit
from runkit.charts.phrases import agent_name, listed, said, share
from runkit.charts.theme import Look
from runkit.tables.linked import Frames
from runkit.text import plural
from runkit.values import CONFIDENCES

# From sure to unsure. No label ("none") is not the same as a label that the API does not document ("other").
CONFIDENCE_LOOKS = {
    "high": bars.GOOD._replace(words="high"),
    "medium": bars.GOES_ON._replace(words="medium"),
    "low": bars.BAD._replace(words="low"),
    "other": bars.REST._replace(words="another word"),
    "none": bars.NOTHING._replace(words="none given"),
}
GROUPS = {"step": "Findings", "output": "Outputs"}
MOST_AGENTS = bars.MOST_BARS // len(GROUPS)  # in each group
HIGH_LOOKS = (
    bars.GOOD._replace(words="high confidence"),
    Look("another or none", bars.GOES_ON.colour, "\\", "#FFFFFF"),
)
FINDING = ["run_id", "artifact_no"]
SOURCE = ["source_name", "source_tier"]


def confidence(f: Frames) -> Exhibit:
    """Artifacts by agent and confidence, from high to low: what steps found, and what runs delivered.

    Proposals are left out: they say what a person is asked to change.
    """
    title = "How sure the agents were"
    artifacts = f.artifacts.assign(origin=f.artifacts["origin"].astype("str"))
    kept = artifacts[artifacts["origin"].isin(list(GROUPS))]
    n_left = len(artifacts) - len(kept)
    left_out = f"Left out: {plural(n_left, 'proposal')}." if n_left else ""
    table = _confidence_table(kept)
    if kept.empty:
        return Exhibit(title, f"The runs found and delivered nothing. {left_out}".strip(), table)
    level = _level(kept["confidence"])
    rows, more = [], []
    words = []
    for origin, heading in GROUPS.items():
        is_own = (kept["origin"] == origin).to_numpy(bool)
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
    sentence = " ".join(filter(None, [*words, left_out]))
    figure = bars.bars(
        list(CONFIDENCE_LOOKS.values()),
        rows,
        axis="artifacts",
        sentence=sentence,
        about="Bars: findings and outputs by agent and confidence",
    )
    return Exhibit(title, sentence, table, figure)


def _level(confidence: pd.Series[Any]) -> Any:
    """The words of `CONFIDENCE_LOOKS` for labels as they came."""
    known = confidence.where(confidence.isin(CONFIDENCES), "other")
    return known.where(confidence.notna(), "none").to_numpy(object)


def _confidence_table(kept: pd.DataFrame) -> pd.DataFrame:
    """A row for each origin, agent and label as it came, from high to low."""
    table = (
        kept.groupby(["origin", "agent", "confidence"], dropna=False)
        .size()
        .rename("n_artifacts")
        .reset_index()
    )
    of_agent = table.groupby(["origin", "agent"], dropna=False)["n_artifacts"].transform("sum")
    table["artifacts_percent"] = (100 * table["n_artifacts"] / of_agent).round(1)
    place = [list(CONFIDENCE_LOOKS).index(word) for word in _level(table["confidence"])]
    of_origin = table["origin"].map({origin: number for number, origin in enumerate(GROUPS)})
    order = table.assign(place=place, of_origin=of_origin, of_agent=-of_agent)
    order = order.sort_values(["of_origin", "of_agent", "agent", "place", "confidence"])
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


def sources(f: Frames) -> Exhibit:
    """Sources by name and tier: how many findings rest on each, how sure they are, in how many runs.

    A finding is an artifact of a step: outputs repeat them. A finding that rests on several sources counts
    for each of them; a source that it names twice counts once.
    """
    title = "Which sources carry the findings"
    found = f.artifacts[f.artifacts["origin"] == "step"]
    used = f.sources[f.sources["origin"] == "step"]
    used = used.merge(found[[*FINDING, "confidence"]], on=FINDING, how="left")
    used = used.assign(is_high=(used["confidence"] == "high").fillna(False).to_numpy(bool))
    table = _sources_table(used)
    if found.empty:
        return Exhibit(title, "There are no findings.", table)
    words = _sources_words(found, used, table)
    if table.empty:
        return Exhibit(title, words, table)
    rows = [
        _source_bar(
            said(row["source_name"], "unnamed source"), row["source_tier"], row["n_findings"], row["n_high"]
        )
        for _, row in table.head(bars.MOST_BARS).iterrows()
    ]
    if (n_more := len(table) - bars.MOST_BARS) > 0:
        rest = used.merge(table[SOURCE].iloc[bars.MOST_BARS :], on=SOURCE).drop_duplicates(FINDING)
        rows.append(_source_bar(plural(n_more, "other"), "together", len(rest), int(rest["is_high"].sum())))
        words += f" The chart adds up {plural(n_more, 'source')} with the fewest findings."
    figure = bars.bars(
        HIGH_LOOKS,
        rows,
        axis="findings",
        sentence=words,
        about="Bars: findings by the source that they rest on",
    )
    return Exhibit(title, words, table, figure)


def _sources_table(used: pd.DataFrame) -> pd.DataFrame:
    """A row for each name and tier; those that carry most findings come first."""
    once = used.drop_duplicates([*FINDING, *SOURCE])
    by = once.groupby(SOURCE, dropna=False)
    table = by.agg(n_findings=("run_id", "size"), n_runs=("run_id", "nunique"), n_high=("is_high", "sum"))
    every = used.groupby(SOURCE, dropna=False)["host"]
    table["n_hosts"] = every.nunique()
    table["host"] = every.first()
    return table.sort_values("n_findings", ascending=False, kind="stable").reset_index()


def _source_bar(name: str, tier: object, n_findings: int, n_high: int) -> Bar:
    split = [int(n_high), int(n_findings - n_high)]
    hovers = [
        f"{look.words}: {n:,} of {n_findings:,} findings ({share(n, n_findings)})"
        for look, n in zip(HIGH_LOOKS, split, strict=True)
    ]
    return Bar(name, f"{said(tier, 'no tier', 14)}, {n_findings:,}", split, hovers)


def _sources_words(found: pd.DataFrame, used: pd.DataFrame, table: pd.DataFrame) -> str:
    n = len(found)
    distinct = used.drop_duplicates([*FINDING, "source_name", "url"]).groupby(FINDING).size()
    n_one = int((distinct == 1).sum())
    n_none = n - len(distinct)
    parts = []
    if len(table):
        first = table.iloc[0]
        name, tier = said(first["source_name"], "unnamed source"), said(first["source_tier"], "no tier")
        parts.append(
            f"Of {plural(n, 'finding')} most rest on {name} ({tier}): {first['n_findings']:,}, "
            f"{share(first['n_findings'], n)}"
        )
        tiers = (
            used.drop_duplicates([*FINDING, "source_tier"])["source_tier"].fillna("no tier").value_counts()
        )
        most = [f"{said(tier)} {count:,}" for tier, count in tiers.head(4).items()]
        rest = f" and {plural(len(tiers) - 4, 'more tier')}" if len(tiers) > 4 else ""
        parts.append(f"by tier: {', '.join(most)}{rest}")
    on_one = f"{n_one:,} ({share(n_one, n)}) {'rests' if n_one == 1 else 'rest'} on one source only"
    parts.append(f"{on_one}, {n_none:,} on none")
    words = "; ".join(parts)
    return f"{words[0].upper()}{words[1:]}."
