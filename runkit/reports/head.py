"""`head()`: the first part of a report, with how its runs ended and what needs a look."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from runkit.charts import one_run
from runkit.charts.evidence import findings_of, sources_of
from runkit.charts.overview import Tile, tiles
from runkit.charts.panel import lasting, oldest
from runkit.client.hosts import HOST_OF_KEY, TEST_KEY, is_loopback
from runkit.contract import CONFIDENCES, FINAL_STATUSES, RESOLUTIONS
from runkit.reports.bundle import ReportData, heading
from runkit.reports.part import Part, own_findings, records
from runkit.style import MISSING, OUTCOMES, TIERS
from runkit.tables.frames import Frames
from runkit.text import duration, moment, plural

KINDS = {1: "KYB review report", 2: "Comparison of two reviews"}


def head(data: ReportData) -> Part:
    """Show how one run ended, how two did, or how many did, and what needs a look.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned.

    Returns
    -------
    Part
        Time and host of reading, the heading, a banner for each of up to two runs, and numbers.
    """
    f, labels, n_runs = data.frames, data.labels, len(data.frames.runs)
    sides = [f.select(run_id) for run_id in f.runs["run_id"]] if n_runs in KINDS else []
    agents = f.runs["agent_name"].fillna("").unique()
    return Part(
        "head",
        kind=KINDS.get(n_runs, "Fleet report"),
        run_id=f.runs["run_id"].iloc[0] if n_runs == 1 else None,
        read=moment(f.runs["as_of"].max()),
        tags=[*_modes(f), *filter(None, [labels.classification])],
        heading=labels.title or heading(f),
        agent=agents[0] if len(agents) == 1 else None,
        prepared_by=labels.prepared_by,
        sides=[_side(side) for side in sides],
        totals=_totals(f),
        numbers=_numbers(f) if n_runs == 1 else () if sides else tiles(f),
        needs=_needs(f) if n_runs == 1 else {},
        is_bare=n_runs == 1 and not f.runs["has_steps"].all(),
        missing=data.provenance.missing,
        n_older=f.coverage.refused,
    )


def _modes(f: Frames) -> list[str]:
    """Say whether the data are of a sandbox, of test or of live businesses, as far as it is known."""
    hosts = [re.sub(r":\d+$", "", host).strip("[]") for host in f.read_from]
    kinds = {host: "SANDBOX" if is_loopback(host) else "LIVE" for host in hosts}
    kinds |= {host: "TEST" for host in hosts if host == HOST_OF_KEY[TEST_KEY]}
    return sorted(set(kinds.values()))


def _side(f: Frames) -> dict[str, Any]:
    """Give a run and what says how it ended: its errors, the questions that wait, its output."""
    [run] = records(f.runs)
    asks, found = f.interrupts, one_run.found(f).table
    return {
        "run": run,
        "time": ", ".join(_time(run)),
        "errors": _failed(f)["error"].tolist(),
        "asks": records(asks[asks["outcome"] == "pending"].sort_values("asked_at")),
        "outputs": records(found[found["origin"] == "output"]),
    }


def _time(run: dict[Any, Any]) -> tuple[str, str]:
    """Give the duration of a run, and how much of it was waiting, or work so far if it is open."""
    total, is_over = lasting(run["duration_s"]), run["status"] in FINAL_STATUSES
    if not is_over and run["duration_s"] is not None:
        total += " so far"
    if run["waiting_s"] is None:
        return total, "steps not delivered"
    if not is_over:
        return total, f"{duration(run['working_s'])} work"
    return total, f"{duration(run['waiting_s'])} waiting" if run["waiting_s"] else "no waiting"


def _totals(f: Frames) -> dict[str, Any]:
    """Describe how many runs ended, in one line."""
    n_waiting, n_failed = ((f.runs["status"] == word).sum() for word in ("interrupted", "error"))
    pending = f.interrupts[f.interrupts["outcome"] == "pending"]
    wait = f", oldest {oldest(pending)}" if len(pending) else ""
    words = [f"{n_waiting:,} waiting{wait}"] if n_waiting else []
    words += [f"{n_failed:,} failed"] if n_failed else []
    color = "attention" if n_waiting else "fail" if n_failed else "neutral"
    return {"color": color, "headline": " · ".join(words) or "You're all caught up"}


def _numbers(f: Frames) -> tuple[Tile, ...]:
    """Count the findings, answers and sources of one run, and its time."""
    [run], own, sources = records(f.runs), own_findings(f), sources_of(f, findings_of(f))
    n_rated = dict(own["confidence"].value_counts()[[*reversed(CONFIDENCES)]])
    n_rated["unrated"] = own["confidence"].isna().sum()
    rated = [f"{n:,} {word}" for word, n in n_rated.items() if n]
    n_strong = (sources["source_tier"].map(TIERS) == TIERS["government"]).sum()
    outcomes = f.interrupts["outcome"]
    n_asked, n_open = (~outcomes.isin(RESOLUTIONS)).sum(), (outcomes == "pending").sum()
    answered, note = MISSING, "no questions asked"
    if n_asked:
        answered = f"{(outcomes == 'answered').sum():,} of {n_asked:,}"
        note = f"{plural(n_open, 'question')} waiting" if n_open else plural(n_asked, "question")
    return (
        Tile("Findings", f"{len(own):,}", ", ".join(rated)),
        Tile("Answered by reviewers", answered, note),
        Tile("Sources", f"{len(sources):,}", f"{n_strong:,} government or primary"),
        Tile("Time", *_time(run)),
    )


def _failed(f: Frames) -> pd.DataFrame:
    """Return the steps that are the cause of a failure, in tree order."""
    return f.steps[f.steps["error"].notna()].sort_values("step_no")


def _open_items(f: Frames) -> dict[str, Any]:
    """Return labels and titles of what one run left open, by kind: questions, steps, findings, problems."""
    run, rows, asks, steps = f.runs.iloc[0], findings_of(f), f.interrupts, f.steps
    waiting, expired = (asks[asks["outcome"] == word] for word in ("pending", "lapsed"))
    is_unread = run["status"] == "interrupted" and not run["n_pending"]
    running = "step without an end" if run["status"] in FINAL_STATUSES else "step running"
    is_question = steps["step_id"].isin([*waiting["step_id"], *expired["step_id"]])
    own = own_findings(f)
    return {
        "question waiting": waiting["label"],
        "question that cannot be read": ["not in the data"] if is_unread else [],
        "question expired": expired["label"],
        running: steps.loc[steps["is_open"] & ~is_question, "label"],
        "finding of low or no confidence": rows.loc[~(rows["confidence"] >= "medium"), "title"],
        "finding without a source": own.loc[own["n_sources"] == 0, "title"],
        "problem in the data": f.problems["problem"].astype("str") + ": " + f.problems["detail"],
    }


def _needs(f: Frames) -> dict[str, list[Any]]:
    """List what a reader of one run should look at: what is open, weak, decided by policy, or failed."""
    [run], asks, own = records(f.runs), f.interrupts, own_findings(f)
    items = _open_items(f)
    stated = run["confidence"]
    for word in CONFIDENCES[CONFIDENCES.index(stated) - 1 : 0 : -1] if stated in CONFIDENCES[1:] else ():
        titles = own.loc[own["confidence"] == word, "title"]
        items[f"{word} finding under an output of {stated} confidence"] = titles
    for way in RESOLUTIONS:
        items[f"{OUTCOMES[way]}, no reviewer asked"] = asks.loc[asks["outcome"] == way, "label"]
    if run["status"] != "error":
        items["step failed"] = _failed(f)["label"]
    return {what: list(titles) for what, titles in items.items() if len(titles)}
