"""`head()`: the first part of a report, with how its runs ended and what needs a look."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from runkit.charts import one_run
from runkit.charts.overview import Tile, tiles
from runkit.charts.panel import lasting, when, words_of
from runkit.client.hosts import HOST_OF_KEY, TEST_KEY, is_loopback
from runkit.contract import CONFIDENCES, FINAL_STATUSES, RESOLUTIONS
from runkit.reports.bundle import ReportData, heading
from runkit.reports.part import Part, label_of, lasting_of, or_none, own_findings, work_of
from runkit.style import MISSING, OUTCOMES, TIERS, status
from runkit.tables.frames import Frames
from runkit.text import agent_title, duration, moment, plural, short_id, shorten

EXCERPT = 200  # characters of an agent's summary
NAMED = 3  # titles in a sentence
KINDS = {1: "KYB review report", 2: "Comparison of two reviews"}
LETTERS = ("A", "B")


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
    f, labels = data.frames, data.labels
    common: dict[str, Any] = {
        "kind": KINDS.get(len(f.runs), "Fleet report"),
        "read": moment(f.runs["as_of"].max()),
        "tags": [*_modes(f), *filter(None, [labels.classification])],
        "heading": labels.title or heading(f),
        "by": _by(f, labels.prepared_by),
    }
    if len(f.runs) not in KINDS:
        needs = _incomplete(data)
        return Part("head", **common, banners=[_totals(f)], numbers=tiles(f), needs=needs)
    sides = [f.select(run_id) for run_id in f.runs["run_id"]]
    if len(sides) == 2:
        banners = [_banner(side, letter) for side, letter in zip(sides, LETTERS, strict=True)]
        return Part("head", **common, banners=banners, needs=_incomplete(data))
    return Part(
        "head",
        **common,
        run_id=short_id(f.runs["run_id"].iloc[0]),
        banners=[_banner(f)],
        numbers=_numbers(f),
        needs=[*_needs(f), *_incomplete(data)],
    )


def _by(f: Frames, prepared_by: str) -> str:
    """Name the agent, if all runs have the same, and who prepared the report."""
    agents = f.runs["agent_name"].unique()
    words = [f"Run by {agents[0]}"] if len(agents) == 1 and isinstance(agents[0], str) else []
    words += [f"Prepared by {prepared_by}"] if prepared_by else []
    return " · ".join(words)


def _incomplete(data: ReportData) -> list[str]:
    """Say what was not read, or which copies of runs were left out."""
    n_refused = data.frames.coverage.refused
    if data.provenance.missing:
        return [f"Not complete: {data.provenance.missing}."]
    if n_refused:
        return [f"{plural(n_refused, 'older copy', 'older copies')} of runs left out."]
    return []


def _modes(f: Frames) -> list[str]:
    """Say whether the data are of a sandbox, of test or of live businesses, as far as it is known."""
    hosts = [re.sub(r":\d+$", "", host).strip("[]") for host in f.read_from]
    kinds = {host: "SANDBOX" if is_loopback(host) else "LIVE" for host in hosts}
    kinds |= {host: "TEST" for host in hosts if host == HOST_OF_KEY[TEST_KEY]}
    return sorted(set(kinds.values()))


def _banner(f: Frames, letter: str = "") -> dict[str, Any]:
    """Describe how one run ended."""
    run = f.runs.iloc[0]
    banner = {
        "color": {"error": "fail", "interrupted": "attention"}.get(run["status"], "neutral"),
        "letter": letter,
        "state": status(run["status"]),
        "facts": f"{label_of(run)} · {lasting_of(run)}, {work_of(run)}" if letter else "",
    }
    if pd.notna(run["business_status"]):
        banner["business_status"] = words_of(run["business_status"]).replace("_", " ")
        banner["status_at"] = when(run["business_status_at"])
    return banner | _outcome(f)


def _outcome(f: Frames) -> dict[str, Any]:
    """Give the error of a run, the question that waits, or its output."""
    run = f.runs.iloc[0]
    if run["status"] == "error":
        errors = [*one_run.failed(f).table["label"], "No step says why."]
        return {"headline": "No result: the review failed", "text": words_of(errors[0], 2 * EXCERPT)}
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].sort_values("asked_at")
    if len(pending):
        first = pending.iloc[0]
        agent = agent_title(or_none(first["agent"]))
        text = f"Asked by {agent} on {when(first['asked_at'])}, {lasting(first['wait_s'])} so far."
        if len(pending) > 1:
            text += f" {plural(len(pending), 'question')} waiting."
        return {"headline": f"Waiting for a reviewer: {words_of(first['label'])}", "text": text}
    found = one_run.found(f).table
    outputs = found[found["origin"] == "output"]
    if len(outputs):
        first = outputs.iloc[0]
        return {
            "headline": words_of(first["title"]),
            "quote": shorten(or_none(first["summary"]) or "", EXCERPT),
            "confidence": or_none(first["confidence"]),
        }
    headline = "No output" if run["status"] in FINAL_STATUSES else "No result yet"
    return {"headline": headline, "text": f"{plural(run['n_steps'], 'step')} known."}


def _totals(f: Frames) -> dict[str, Any]:
    """Describe how many runs ended, in one line."""
    n_waiting, n_failed = ((f.runs["status"] == word).sum() for word in ("interrupted", "error"))
    open_s = f.interrupts.loc[f.interrupts["outcome"] == "pending", "wait_s"].max()
    oldest = f", oldest {duration(open_s)}" if pd.notna(open_s) else ""
    words = [f"{n_waiting:,} waiting{oldest}"] if n_waiting else []
    words += [f"{n_failed:,} failed"] if n_failed else []
    color = "attention" if n_waiting else "fail" if n_failed else "neutral"
    return {"color": color, "headline": " · ".join(words) or "You're all caught up"}


def _numbers(f: Frames) -> tuple[Tile, ...]:
    """Count the findings, answers and sources of one run, and its time."""
    run, own, sources = f.runs.iloc[0], own_findings(f), one_run.evidence(f).table
    confidences = own["confidence"].where(own["confidence"].isin(CONFIDENCES), "unrated").value_counts()
    rated = [word for word in (*CONFIDENCES, "unrated") if word in confidences]
    n_strong = (sources["source_tier"].map(TIERS) == TIERS["government"]).sum()
    outcomes = f.interrupts["outcome"]
    n_asked, n_open = (~outcomes.isin(RESOLUTIONS)).sum(), (outcomes == "pending").sum()
    answered, note = MISSING, "no questions asked"
    if n_asked:
        answered = f"{(outcomes == 'answered').sum():,} of {n_asked:,}"
        note = f"{plural(n_open, 'question')} waiting" if n_open else plural(n_asked, "question")
    return (
        Tile("Findings", f"{len(own):,}", ", ".join(f"{confidences[word]:,} {word}" for word in rated)),
        Tile("Answered by reviewers", answered, note),
        Tile("Sources", f"{len(sources):,}", f"{n_strong:,} government or primary"),
        Tile("Time", lasting_of(run), work_of(run)),
    )


def _needs(f: Frames) -> list[str]:
    """List what a reader of one run should look at: what is open, weak, decided by policy, or failed."""
    run, asks, own = f.runs.iloc[0], f.interrupts, own_findings(f)
    items = {
        str(what): rows["item"] for what, rows in one_run.open_items(f).table.groupby("what", sort=False)
    }
    items.pop("no result", None)  # the banner says so
    items["finding without a source"] = own.loc[own["n_sources"] == 0, "title"]
    stated = run["confidence"]
    weaker = CONFIDENCES[CONFIDENCES.index(stated) + 1 :] if stated in CONFIDENCES else ()
    for word in weaker:
        titles = own.loc[own["confidence"] == word, "title"]
        items[f"{word} finding under an output of {stated} confidence"] = titles
    for way in RESOLUTIONS:
        items[f"{OUTCOMES[way].lower()}, no reviewer asked"] = asks.loc[asks["outcome"] == way, "label"]
    if run["status"] != "error":
        items["step failed"] = one_run.failed(f).table["label"]
    needs = [
        f"{what[0].upper()}{what[1:]}: {_first_titles(rows)}" for what, rows in items.items() if len(rows)
    ]
    if not run["has_steps"]:
        needs.append("The steps were not delivered; times are not known.")
    return needs


def _first_titles(titles: pd.Series[Any]) -> str:
    """Give the first few titles."""
    more = f"; and {len(titles) - NAMED:,} more" if len(titles) > NAMED else ""
    return f"{'; '.join(words_of(title, 80) for title in titles.head(NAMED))}{more}"
