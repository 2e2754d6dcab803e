"""What a run found, the sources that each finding rests on, and which findings two runs share."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts.exhibit import Exhibit
from runkit.charts.phrases import counts, few, known, missing_steps, quoted, said
from runkit.tables.divergence import one_run
from runkit.tables.linked import Frames
from runkit.text import plural

# The two tiers of the API's documentation that a reviewer may rest on without a second source; tiers are open
# words, so every other one is counted under its own name.
STRONG_TIERS = ("government", "primary")
ORIGINS = {"output": "in the output", "step": "found on the way", "proposal": "proposed to a person"}


def findings(f: Frames) -> pd.DataFrame:
    """The rows of the artifacts frame that are findings: output, steps, proposals, with their tiers in words.

    What an error step carries is the report of a failure and no finding: it has no evidence to rest on.
    """
    failures = f.steps.loc[f.steps["type"] == "error", "step_id"]
    rows = f.artifacts[~f.artifacts["step_id"].isin(failures)]
    order = rows["origin"].map({origin: rank for rank, origin in enumerate(ORIGINS)}).astype("float64")
    rows = rows.assign(order=order).sort_values(["order", "artifact_no"]).drop(columns="order")
    tiers = f.sources.groupby("artifact_no")["source_tier"]
    words = {number: counts(of, "without a tier") for number, of in tiers}
    strong = f.sources.loc[f.sources["source_tier"].isin(STRONG_TIERS), "artifact_no"]
    return rows.assign(
        tiers=rows["artifact_no"].map(words).astype("str"),
        is_strong=rows["artifact_no"].isin(strong),
    ).reset_index(drop=True)


def found(f: Frames) -> Exhibit:
    """Show what one run found, and how well it rests on evidence: one row per finding, the output first.

    `f` holds exactly one run, else `UsageError`. `origin` is where it stands, `tiers` counts its sources.
    """
    f = one_run(f, "f")
    rows = findings(f)
    table = pd.DataFrame(
        {
            "origin": rows["origin"].astype("str").map(ORIGINS).astype("str"),
            **{
                name: rows[name] for name in ("agent", "title", "confidence", "summary", "n_sources", "tiers")
            },
        }
    )
    return Exhibit("What was found", _found_words(rows, f.runs.iloc[0]), table)


def _found_words(rows: pd.DataFrame, run: pd.Series[Any]) -> str:
    if rows.empty:
        return f"There are no findings. {missing_steps(run, 'what agents found on the way')}".strip()
    origins = rows["origin"].value_counts()
    where = [f"{origins[origin]:,} {words}" for origin, words in ORIGINS.items() if origins.get(origin)]
    bare = rows[rows["n_sources"] == 0]
    n_strong = int(rows["is_strong"].sum())
    n_weak = len(rows) - n_strong - len(bare)
    how_many = "All" if n_strong == len(rows) > 1 else f"{n_strong:,} of {len(rows):,}"
    rests = [f"{how_many} {_rest(n_strong)} on government or primary sources"]
    if n_weak:
        rests.append(f"{n_weak:,} only on others")
    if len(bare):
        rests.append(f"{len(bare):,} on no source: {few([quoted(title) for title in bare['title']])}")
    sure = counts(rows["confidence"], "not stated")
    words = f"{plural(len(rows), 'finding')}: {', '.join(where)}. Confidence: {sure}. {'; '.join(rests)}."
    return f"{words} {missing_steps(run, 'what agents found on the way')}".strip()


def _rest(count: int) -> str:
    return "rests" if count == 1 else "rest"


def evidence(f: Frames) -> Exhibit:
    """Show the sources of one run's findings: one row per source of a finding, the output's first.

    `f` holds exactly one run, else `UsageError`.
    """
    f = one_run(f, "f")
    rows = findings(f)[["artifact_no", "title", "confidence"]]
    columns = ["artifact_no", "source_name", "source_tier", "source_type", "url"]
    joined = rows.merge(f.sources[columns], on="artifact_no")
    words = _evidence_words(rows, joined)
    table = joined.drop(columns="artifact_no").rename(columns={"title": "finding"})
    return Exhibit("The evidence", words, table)


def _evidence_words(rows: pd.DataFrame, joined: pd.DataFrame) -> str:
    if rows.empty:
        return "There is no finding, so there is no evidence."
    if joined.empty:
        return f"None of the {plural(len(rows), 'finding')} names a source."
    tiers = counts(joined["source_tier"], "without a tier")
    n_resting = joined["artifact_no"].nunique()
    n_places = joined["url"].nunique()
    again = f" ({n_places:,} different addresses)" if n_places < len(joined) else ""
    return (
        f"{plural(n_resting, 'finding')} of {len(rows):,} {_rest(n_resting)} on "
        f"{plural(len(joined), 'source')}{again}: {tiers}."
    )


def matched(a: Frames, b: Frames) -> pd.DataFrame:
    """Match the findings of two runs by origin, agent and title, else by type; one row per finding.

    `match` is same, other confidence, only in A, or only in B.
    """
    of_a = findings(a)
    left, right = of_a.to_dict("records"), findings(b).to_dict("records")
    pairs: list[tuple[Any, Any]] = []
    # by title first, over all findings: a finding with its exact twin must not lose it to a near one
    for key in ("title", "type"):
        waiting: dict[tuple[Any, ...], list[Any]] = {}
        for item in right:
            waiting.setdefault(_key(item, key), []).append(item)
        unmatched = []
        for item in left:
            twins = waiting.get(_key(item, key))
            if twins:
                pairs.append((item, twins.pop(0)))
            else:
                unmatched.append(item)
        left, right = unmatched, [item for items in waiting.values() for item in items]
    pairs.sort(key=lambda pair: _rank(pair[0], of_a))
    pairs += [(item, None) for item in left] + [(None, item) for item in right]
    return pd.DataFrame(
        [_finding_row(one, other) for one, other in pairs],
        columns=["match", "agent", "finding", "finding_in_b", "confidence_in_a", "confidence_in_b"],
        dtype="str",
    )


def _key(item: dict[Any, Any], name: str) -> tuple[Any, ...]:
    return (item["origin"], known(item["agent"]), known(item[name]))


def _rank(item: dict[str, Any], rows: pd.DataFrame) -> int:
    return int((rows["artifact_no"] == item["artifact_no"]).to_numpy().argmax())


def _finding_row(one: dict[str, Any] | None, other: dict[str, Any] | None) -> tuple[str | None, ...]:
    shown = one or other or {}
    sure = [None if item is None else known(item["confidence"]) for item in (one, other)]
    if one is None or other is None:
        match = "only in B" if one is None else "only in A"
    else:
        match = "same" if sure[0] == sure[1] else "other confidence"
    renamed = known(other["title"]) if one and other and one["title"] != other["title"] else None
    return match, known(shown["agent"]), known(shown["title"]), renamed, *sure


def matched_words(table: pd.DataFrame) -> str:
    """Say what two runs found, and name what only one of them did."""
    if table.empty:
        return "Neither run has findings."
    parts = []
    for match, words in (
        ("same", "in both with the same confidence"),
        ("other confidence", "in both with another confidence"),
        ("only in A", "only in A"),
        ("only in B", "only in B"),
    ):
        rows = table[table["match"] == match]
        if rows.empty:
            continue
        names = "" if match == "same" else f" ({few([_matched_name(row) for _, row in rows.iterrows()])})"
        parts.append(f"{len(rows):,} {words}{names}")
    return f"{plural(len(table), 'finding')}: {'; '.join(parts)}."


def _matched_name(row: pd.Series[Any]) -> str:
    if row["match"] != "other confidence":
        return quoted(row["finding"])
    a, b = (said(row[name], "none") for name in ("confidence_in_a", "confidence_in_b"))
    return f"{quoted(row['finding'])}: {a} in A, {b} in B"
