"""What many runs show: exhibits with a sentence, a table and mostly a figure, each usable by itself.

    from runkit.charts import fleet
    fleet.budget(f)

Every function takes `Frames`. Every sentence is the message of its chart, right for no run, for one and for
ten thousand, and says what the chart leaves out. Tables have their columns named as in the frames: `n_` are
counts, `_s` seconds, `_percent` shares of 100.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts.fleet_attention import look_first
from runkit.charts.fleet_evidence import confidence, sources
from runkit.charts.fleet_outcome import outcomes, volume
from runkit.charts.fleet_time import budget, slowest_steps, waits
from runkit.charts.panel import Panel
from runkit.charts.wording import NO_RUNS, listed, said, without_budget
from runkit.tables.frames import Frames
from runkit.tables.problems import problem_counts
from runkit.text import budget_words, duration, moment, plural, shorten

__all__ = [
    "budget",
    "confidence",
    "in_short",
    "look_first",
    "outcomes",
    "problems",
    "slowest_steps",
    "sources",
    "volume",
    "waits",
]

MOST_NAMED = 5  # statuses counted one by one; nobody reads on
STATUS_WORDS = {"error": "failed", "interrupted": "waiting for a person"}  # others are words for people


def in_short(f: Frames) -> Panel:
    """All of the runs in a few sentences, and whether they are all that was asked for. No figure."""
    runs = f.runs
    asks = f.interrupts[f.interrupts["outcome"] == "pending"]
    by_status = _most_frequent(runs["status"].astype("str").map(_status_words))
    spent = runs[["working_s", "waiting_s", "idle_s"]].sum()
    parts = [NO_RUNS]
    if len(runs):
        kinds = listed([f"{n:,} {word}" for word, n in by_status.items()])
        no_failure = "" if "failed" in by_status else " No run failed."
        time = "Where their time went is not known."
        if runs["working_s"].notna().any():
            counts = f"{plural(len(f.steps), 'step')}, {plural(int(runs['n_errors'].sum()), 'error')}"
            time = f"Their time: {budget_words(*spent)}; {counts}."
        parts = [
            f"{plural(len(runs), 'run')}: {kinds}.{no_failure}",
            _asking(asks, runs),
            f"Created {_range_words(runs)}.",
            time,
            without_budget(runs),
        ]
    parts.append(_wholeness(f))
    rows = {
        "runs": f"{len(runs):,}",
        "completed": f"{(runs['status'] == 'completed').sum():,}",
        "failed": f"{(runs['status'] == 'error').sum():,}",
        "questions waiting": f"{len(asks):,}",
        "oldest question asked": moment(asks["asked_at"].min()) if len(asks) else "–",
        "first run created": moment(runs["created_at"].min()) if len(runs) else "–",
        "last run created": moment(runs["created_at"].max()) if len(runs) else "–",
        "working": duration(spent["working_s"]),
        "waiting for a person": duration(spent["waiting_s"]),
        "steps": f"{len(f.steps):,}",
        "problems in the data": f"{problem_counts(f.problems).sum():,}",
    }
    table = pd.DataFrame({"what": list(rows), "value": list(rows.values())}, dtype="str")
    return Panel("The runs in short", " ".join(filter(None, parts)), table)


def problems(f: Frames) -> Panel:
    """What is wrong with the data, counted by kind. No figure.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    Panel
        With a row for each kind of problem.
    """
    kinds = f.problems.assign(n_problems=problem_counts(f.problems)).astype(
        {"severity": "str", "problem": "str"}
    )
    table = kinds.groupby(["severity", "problem"])["n_problems"].sum().reset_index()
    found = plural(int(table["n_problems"].sum()), "problem") if len(table) else "No problem"
    was = "was" if len(table) == 0 or table["n_problems"].sum() == 1 else "were"
    return Panel("Problems in the data", f"{found} {was} noted in the data.", table)


def _status_words(status: object) -> str:
    return STATUS_WORDS.get(str(status)) or said(status, "of unknown status")


def _most_frequent(words: pd.Series[Any]) -> dict[str, int]:
    """How often the most frequent statuses come, and the others together: `{…, "3 other statuses": 5}`."""
    found = words.astype("str").value_counts()
    rest = found[MOST_NAMED:]
    named = {shorten(str(word)): int(n) for word, n in found[:MOST_NAMED].items()}
    others = {plural(len(rest), "other status", "other statuses"): int(rest.sum())}
    return named | (others if len(rest) else {})


def _range_words(runs: pd.DataFrame) -> str:
    first, last = runs["created_at"].min(), runs["created_at"].max()
    if first == last or pd.isna(first):
        return moment(first)
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def _asking(asks: pd.DataFrame, runs: pd.DataFrame) -> str:
    n_unread = int(((runs["status"] == "interrupted") & (runs["n_pending"] == 0)).sum())
    if asks.empty and n_unread:
        return f"The question of {plural(n_unread, 'interrupted run')} cannot be read."
    if asks.empty:
        return "No question waits for a person."
    oldest = asks.sort_values("asked_at").iloc[0]
    words = f"{duration(oldest['wait_s'])}, since {moment(oldest['asked_at'])}"
    if len(asks) == 1:
        return f"1 question waits for a person: for {words}."
    return f"{len(asks):,} questions wait for a person, the oldest for {words}."


def _wholeness(f: Frames) -> str:
    """Why the frames do not hold all that was asked for; nothing if they do."""
    if f.is_complete:
        return ""
    reasons = []
    n_older = int(problem_counts(f.problems)[f.problems["problem"] == "duplicate_run"].sum())
    if f.coverage.refused > n_older:
        n_lost = plural(f.coverage.refused - n_older, "record")
        reasons.append(f"{n_lost} of {f.coverage.seen:,} could not be read")
    if f.coverage.why:
        reasons.append(said(f.coverage.why, limit=300))
    return f"This is not all that was asked for: {'; '.join(reasons)}."
