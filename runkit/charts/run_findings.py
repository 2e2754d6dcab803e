"""What a run found, the sources that each finding rests on, and which findings two runs share."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts.evidence import findings_of
from runkit.charts.panel import Panel
from runkit.charts.wording import counts, few, known, listed, missing_steps, quoted, said
from runkit.contract import CONFIDENCES
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import plural

# The two tiers of the API's documentation that a reviewer may rest on without a second source; tiers are open
# words, so every other one is counted under its own name.
STRONG_TIERS = ("government", "primary")
UNNAMED = "(without a name)"
ORIGINS = {"output": "in the summary", "step": "found on the way", "proposal": "proposed to a person"}


def findings(f: Frames) -> pd.DataFrame:
    """The artifacts of one run that are findings: output, steps, proposals, with their tiers in words.

    `f` holds exactly one run, else `UsageError`.
    """
    f = one_run(f, "f")
    rows = findings_of(f)
    order = rows["origin"].map({origin: rank for rank, origin in enumerate(ORIGINS)}).astype("float64")
    rows = rows.assign(order=order).sort_values(["order", "artifact_no"]).drop(columns="order")
    tiers = f.sources.groupby("artifact_no")["source_tier"]
    words = {number: counts(of, "without a tier") for number, of in tiers}
    strong = f.sources.loc[f.sources["source_tier"].isin(STRONG_TIERS), "artifact_no"]
    return rows.assign(
        tiers=rows["artifact_no"].map(words).astype("str"),
        is_strong=rows["artifact_no"].isin(strong),
    ).reset_index(drop=True)


def found(f: Frames) -> Panel:
    """Show what one run found, and how well it rests on evidence: one row per finding, the summary first.

    `f` holds exactly one run, else `UsageError`. `how_official` counts its sources by tier.
    """
    f = one_run(f, "f")
    rows = findings(f)
    table = pd.DataFrame(
        {
            "where": rows["origin"].astype("str").map(ORIGINS).astype("str"),
            "found_by": rows["agent"],
            **{name: rows[name] for name in ("title", "confidence")},
            "what_it_says": rows["summary"],
            "n_sources": rows["n_sources"],
            "how_official": rows["tiers"],
        }
    )
    return Panel("What was found", _found_words(f, rows), table)


def how_many(rows: pd.DataFrame) -> tuple[int, int]:
    """Count findings, and apart from them the summaries: what the output holds sums them up."""
    n_summaries = int((rows["origin"] == "output").sum())
    return len(rows) - n_summaries, n_summaries


def _counted(rows: pd.DataFrame) -> str:
    n_findings, n_summaries = how_many(rows)
    parts = [plural(n_findings, "finding")] if n_findings or not n_summaries else []
    if n_summaries:
        parts.append(plural(n_summaries, "summary", "summaries"))
    return listed(parts)


def _found_words(f: Frames, rows: pd.DataFrame) -> str:
    run = f.runs.iloc[0]
    if rows.empty:
        return f"There are no findings. {missing_steps(run, 'what agents found on the way')}".strip()
    is_summary = rows["origin"] == "output"
    own = rows if is_summary.all() else rows[~is_summary]
    origins = own["origin"].value_counts()
    where = [f"{origins[origin]:,} {words}" for origin, words in ORIGINS.items() if origins.get(origin)]
    sure = f"Confidence: {counts(own['confidence'], 'not stated')}"
    if is_summary.any() and len(own) < len(rows):
        stated = rows.loc[is_summary, "confidence"]
        of_it = said(stated.iloc[0], "not stated") if len(stated) == 1 else counts(stated, "not stated")
        sure += f"; of the {'summary' if len(stated) == 1 else 'summaries'}: {of_it}"
    words = f"{_counted(rows)}: {', '.join(where)}. {sure}. {_rests_words(rows, own)}."
    places = sources_of(f, rows)
    if len(places):
        tiers = counts(places["source_tier"], "without a tier")
        words += f" Together they name {plural(len(places), 'different source')}: {tiers}."
    unknown = missing_steps(run, "what agents found on the way")
    return " ".join(filter(None, [words, overconfident(f), unknown]))


def _rests_words(rows: pd.DataFrame, own: pd.DataFrame) -> str:
    """Say how well findings rest; among what rests on nothing, the summaries are named too."""
    n_strong = int(own["is_strong"].sum())
    n_weak = int((~own["is_strong"] & (own["n_sources"] > 0)).sum())
    bare = rows[rows["n_sources"] == 0]
    of_all = "All" if n_strong == len(own) > 1 else f"{n_strong:,} of {len(own):,}"
    rests = [f"{of_all} {_rest(n_strong)} on government or primary sources"]
    if n_weak:
        rests.append(f"{n_weak:,} only on others")
    if len(bare):
        rests.append(f"{len(bare):,} on no source: {few([quoted(title) for title in bare['title']])}")
    return "; ".join(rests)


def _rest(count: int) -> str:
    return "rests" if count == 1 else "rest"


def overconfident(f: Frames) -> str:
    """Say that a summary is surer than a finding of the same run that it may rest on; else nothing.

    Words that are not documented are not ranked.
    """
    f = one_run(f, "f")
    ranks = {word: rank for rank, word in enumerate(CONFIDENCES)}
    stated = known(f.runs["confidence"].iloc[0])
    rows = findings(f)
    rows = rows[rows["origin"] != "output"]
    rank = rows["confidence"].map(ranks)
    if stated not in ranks or not (rank > ranks[stated]).any():
        return ""
    lowest = rows[rank == rank.max()]
    names = few([quoted(title) for title in lowest["title"]])
    sure = known(lowest["confidence"].iloc[0])
    what = "a finding" if len(lowest) == 1 else "findings"
    rated = "is rated" if len(lowest) == 1 else "are rated"
    return f"The summary's confidence is {stated}, while {what} that it may rest on {rated} {sure}: {names}."


def sources_of(f: Frames, rows: pd.DataFrame) -> pd.DataFrame:
    """The different sources of these findings, one row each, with the titles that each `supports`.

    The same address under the same name is one source. Summaries stand last among what a source supports.
    """
    columns = ["artifact_no", "source_name", "source_tier", "source_type", "url"]
    joined = rows[["artifact_no", "title", "origin"]].merge(f.sources[columns], on="artifact_no")
    joined["title"] = [known(title) or UNNAMED for title in joined["title"]]
    joined = joined.assign(is_summary=joined["origin"] == "output").sort_values("is_summary", kind="stable")
    alike = joined.groupby(["url", "source_name"], dropna=False, sort=False)
    titles = alike["title"].agg(lambda of: "; ".join(dict.fromkeys(of))).reset_index(drop=True)
    firsts = joined.drop_duplicates(["url", "source_name"]).reset_index(drop=True)
    return firsts[columns[1:]].assign(supports=titles.astype("str"))


def evidence(f: Frames) -> Panel:
    """Show the different sources of one run's findings: one row per source, with what it `supports`.

    `f` holds exactly one run, else `UsageError`. The same address under the same name is one source.
    """
    f = one_run(f, "f")
    rows = findings(f)
    places = sources_of(f, rows)
    names = {"source_name": "source", "source_tier": "how_official", "source_type": "kind_of_source"}
    return Panel("The evidence", _evidence_words(rows, places), places.rename(columns=names))


def _evidence_words(rows: pd.DataFrame, places: pd.DataFrame) -> str:
    if rows.empty:
        return "There is no finding, so there is no evidence."
    if places.empty:
        return f"None of the {_counted(rows)} names a source."
    resting = rows[rows["n_sources"] > 0]
    tiers = counts(places["source_tier"], "without a tier")
    verb = _rest(len(resting))
    words = f"{_counted(resting)} {verb} on {plural(len(places), 'different source')}: {tiers}."
    if len(resting) < len(rows):
        bare = [quoted(title) for title in rows.loc[rows["n_sources"] == 0, "title"]]
        words += f" {few(bare)} {'names' if len(bare) == 1 else 'name'} no source."
    return words


def matched(a: Frames, b: Frames) -> pd.DataFrame:
    """Match the findings of two runs by agent and title, else by the kind of check; one row each or per pair.

    `match` is `same`, `other confidence` (of the same title), `different result` (the same agent has one
    finding of this type in each run, under different titles), `own summary`, `only in A` or `only in B`.
    """
    of_a = findings(a)
    left, right = of_a.to_dict("records"), findings(b).to_dict("records")
    pairs: list[tuple[Any, Any]] = []
    # by title first, over all findings: a finding with its exact twin must not lose it to a near one
    for key in ("title", "type"):
        ours, theirs = _by_key(left, key), _by_key(right, key)
        # several of one type cannot be told apart: which of them answers which is anybody's guess
        joined = [
            (item, other)
            for at in ours
            if at[-1] and (key == "title" or len(ours[at]) == len(theirs.get(at, [])) == 1)
            for item, other in zip(ours[at], theirs.get(at, []), strict=False)
        ]
        pairs += joined
        taken = {id(item) for pair in joined for item in pair}
        left, right = ([item for item in side if id(item) not in taken] for side in (left, right))
    pairs.sort(key=lambda pair: _rank(pair[0], of_a))
    pairs += [(item, None) for item in left] + [(None, item) for item in right]
    return pd.DataFrame(
        [_finding_row(one, other) for one, other in pairs],
        columns=["match", "found_by", "finding_in_a", "confidence_in_a", "finding_in_b", "confidence_in_b"],
        dtype="str",
    )


def _by_key(items: list[dict[Any, Any]], name: str) -> dict[tuple[Any, ...], list[Any]]:
    alike: dict[tuple[Any, ...], list[Any]] = {}
    for item in items:
        alike.setdefault((item["origin"], known(item["agent"]), known(item[name])), []).append(item)
    return alike


def _rank(item: dict[str, Any], rows: pd.DataFrame) -> int:
    return int((rows["artifact_no"] == item["artifact_no"]).to_numpy().argmax())


def _finding_row(one: dict[str, Any] | None, other: dict[str, Any] | None) -> tuple[str | None, ...]:
    titles = [None if item is None else known(item["title"]) or UNNAMED for item in (one, other)]
    sure = [None if item is None else known(item["confidence"]) for item in (one, other)]
    shown = one or other or {}
    if one is None or other is None:
        match = "only in B" if one is None else "only in A"
    elif titles[0] != titles[1]:
        match = "own summary" if one["origin"] == "output" else "different result"
    else:
        match = "same" if sure[0] == sure[1] else "other confidence"
    return match, known(shown["agent"]), titles[0], sure[0], titles[1], sure[1]


def matched_words(table: pd.DataFrame) -> str:
    """Say what two runs found: where their results differ first, then what only one of them found."""
    if table.empty:
        return "Neither run has findings."
    parts = []
    for match, words in (
        ("different result", "Same check, different result"),
        ("other confidence", "in both with another confidence"),
        ("own summary", "a summary of its own in each"),
        ("same", "in both with the same confidence"),
        ("only in A", "only in A"),
        ("only in B", "only in B"),
    ):
        rows = table[table["match"] == match]
        if rows.empty:
            continue
        names = few([_matched_name(row) for _, row in rows.iterrows()])
        parts.append(
            f"{words}: {names}" if match == "different result" else f"{len(rows):,} {words}: {names}"
        )
    return f"{'; '.join(parts)}."


def _matched_name(row: pd.Series[Any]) -> str:
    a, b = (
        f"{quoted(row[f'finding_in_{side}'])} ({said(row[f'confidence_in_{side}'], 'not stated')})"
        for side in "ab"
    )
    match row["match"]:
        case "different result" | "own summary":
            return f"A {a}, B {b}"
        case "other confidence":
            sure = [said(row[f"confidence_in_{side}"], "not stated") for side in "ab"]
            return f"{quoted(row['finding_in_a'])} ({sure[0]} in A, {sure[1]} in B)"
        case "only in B":
            return b
    return a
