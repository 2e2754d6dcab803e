"""Panels of many runs: what needs somebody, how they ended, where their time went, and on what evidence.

    from runkit.charts import fleet
    fleet.outcomes(f)

Every function takes `Frames` of any number of runs and gives a `Panel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.arguments import checked
from runkit.charts.evidence import ARTIFACT
from runkit.charts.fleet_time import failed_steps, slowest_steps, spread, waits, why_slow
from runkit.charts.needs_you import look_first
from runkit.charts.panel import (
    Panel,
    counts,
    lasting,
    panel_of,
    percent,
)
from runkit.charts.stacked_bars import cross, stacked_bars
from runkit.tables.facts import findings_of
from runkit.tables.frames import Frames
from runkit.text import plural

__all__ = [
    "evidence",
    "failed_steps",
    "look_first",
    "outcomes",
    "slowest_steps",
    "waits",
    "why_slow",
]

# in the order in which bars are drawn
KNOWN_STATUSES = ["completed", "running", "interrupted", "error", "other"]
WEAK = "Weak: no source, high confidence on secondary sources only, or high and low confidence on one source."


def known_status(runs: pd.DataFrame) -> Any:
    """Give the status of each run, "other" for words that are not in the API's documentation."""
    words = runs["status"].astype("str")
    return words.where(words.isin(KNOWN_STATUSES[:-1]), "other").to_numpy(object)


@checked
def outcomes(f: Frames) -> Panel:
    """Show how runs ended, by agent and status, and how long they took.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        `runs_percent` is the share of an agent's runs. Open runs are measured until they were read.
    """
    runs = f.runs.astype({"status": "str"})
    by = runs.groupby(["agent", "status"], dropna=False)["duration_s"]
    numbers = by.size().astype("int32").to_frame("n_runs")
    table = numbers.join(spread(by)).reset_index()
    of_agent = table.groupby("agent", dropna=False)["n_runs"].transform("sum")
    table.insert(3, "runs_percent", (100 * table["n_runs"] / of_agent).round(1))
    table = table.iloc[np.lexsort((-table["n_runs"], -of_agent))].reset_index(drop=True)
    took = f.runs.loc[f.runs["status"] == "completed", "duration_s"]
    share = percent(len(took), len(f.runs))
    sentence = f"{len(took):,} of {plural(len(f.runs), 'run')} completed ({share})."
    if took.notna().any():
        middle, p90 = lasting(took.median()), lasting(took.quantile(0.9))
        sentence += f" They took {middle} (median), {p90} (p90), with waits."
    bars = cross(f.runs["agent_name"], known_status(f.runs), KNOWN_STATUSES)
    notes = [f"{row['completed']:,} of {row.sum():,} completed" for _, row in bars.iterrows()]
    figure = stacked_bars(bars, notes, "runs")
    return panel_of("Outcomes", sentence, table, figure, n=len(f.runs), what="runs")


@checked
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
    is_secondary = rows["confidence"].eq("high") & rows["best_tier"].eq("secondary")
    checks = {
        "no source": rows["n_sources"] == 0,
        "high confidence, secondary sources only": is_secondary,
        "high and low confidence on one source": _is_disputed(f, rows),
    }
    parts = [rows[is_weak].assign(weakness=name) for name, is_weak in checks.items()]
    named = ["run_id", "business_name", "agent_name"]
    table = pd.concat(parts, ignore_index=True).merge(f.runs[named], on="run_id")
    n_weak = len(table.drop_duplicates(ARTIFACT))
    sentence = (
        f"{n_weak:,} of {plural(len(rows), 'finding')} ({percent(n_weak, len(rows))}) "
        f"with weak evidence: {counts(table['weakness'])}. {WEAK} "
        f"{plural(int((rows['n_hosts'] == 1).sum()), 'finding')} on one host only."
    )
    columns = ["agent", "title", "confidence", "best_tier", "n_sources", "n_hosts", "artifact_no"]
    table = table[["weakness", *named, *columns]]
    return panel_of("Evidence", sentence, table, n=len(rows), what="findings")


def _is_disputed(f: Frames, rows: pd.DataFrame) -> pd.Series[bool]:
    """Flag findings of high and of low confidence that cite the same address, in one run and of one type."""
    sure = rows[rows["confidence"].isin(["high", "low"])]
    sure = sure[[*ARTIFACT, "type", "confidence"]].dropna()
    cited = f.sources[[*ARTIFACT, "url"]].dropna().merge(sure, on=ARTIFACT)
    n_levels = cited.groupby(["run_id", "type", "url"])["confidence"].transform("nunique")
    disputed = cited[n_levels > 1].set_index(ARTIFACT).index
    return pd.Series(rows.set_index(ARTIFACT).index.isin(disputed), rows.index)
