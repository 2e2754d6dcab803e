"""What a run found, and the sources that each finding rests on."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts.exhibit import Exhibit
from runkit.charts.run_words import counts, few, missing_steps, quoted
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
