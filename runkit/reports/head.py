"""`head()`: the first part of a report, with how its runs ended and what needs a look."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from runkit.arguments import checked
from runkit.charts.overview import Tile, tiles
from runkit.charts.panel import lasting, oldest
from runkit.client.hosts import HOST_OF_KEY, TEST_KEY, is_loopback
from runkit.contract import CONFIDENCES, FINAL_STATUSES, RESOLUTIONS
from runkit.reports.bundle import ReportData, heading
from runkit.reports.part import Part, records
from runkit.style import MISSING, OUTCOMES
from runkit.tables.facts import findings_of, open_questions, outputs_of
from runkit.tables.frames import Frames
from runkit.text import duration, moment, plural

KINDS = {1: "KYB review report", 2: "Comparison of two reviews"}


@checked
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
    """Return a run and what says how it ended: the questions that wait, its output."""
    [run] = records(f.runs)
    return {
        "run": run,
        "time": ", ".join(_time(run)),
        "asks": records(open_questions(f)),
        "output": next(iter(records(outputs_of(f).tail(1))), None),
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
    [run], own = records(f.runs), findings_of(f)
    sources = f.sources.drop_duplicates(["url", "source_name"])
    n_rated = dict(own["confidence"].value_counts()[[*reversed(CONFIDENCES)]])
    n_rated["unrated"] = own["confidence"].isna().sum()
    rated = [f"{n:,} {word}" for word, n in n_rated.items() if n]
    n_strong = (sources["source_tier"] >= "primary").sum()
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


def _open_items(f: Frames) -> dict[str, Any]:
    """Return labels and titles of what one run left open, by kind: questions, steps, findings, problems."""
    run, asks, steps = f.runs.iloc[0], f.interrupts, f.steps
    running = "step without an end" if run["status"] in FINAL_STATUSES else "step running"
    own = findings_of(f)
    unsure = pd.concat([outputs_of(f), own])
    return {
        "question waiting": open_questions(f)["label"],
        "question expired": asks.loc[asks["outcome"] == "lapsed", "label"],
        running: steps.loc[steps["is_open"] & ~steps["is_wait"], "label"],
        "finding of low or no confidence": unsure.loc[~(unsure["confidence"] >= "medium"), "title"],
        "finding without a source": own.loc[own["n_sources"] == 0, "title"],
        "problem in the data": f.problems["problem"].astype("str") + ": " + f.problems["detail"],
    }


def _needs(f: Frames) -> dict[str, list[Any]]:
    """List what a reader of one run should look at: what is open, weak, decided by policy, or failed."""
    [run], asks, steps = records(f.runs), f.interrupts, f.steps
    items = _open_items(f)
    is_listed = run["weakest"] in [*items["finding of low or no confidence"]]
    items["weakest finding"] = [] if is_listed or run["weakest"] is None else [run["weakest"]]
    for way in RESOLUTIONS:
        items[f"{OUTCOMES[way]}, no reviewer asked"] = asks.loc[asks["outcome"] == way, "label"]
    if run["status"] != "error":
        items["step failed"] = steps.loc[steps["error"].notna(), "label"]
    return {what: list(titles) for what, titles in items.items() if len(titles)}
