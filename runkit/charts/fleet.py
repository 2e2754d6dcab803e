"""What many runs show: exhibits with a sentence, a table and mostly a figure, each usable by itself.

    from runkit.charts import fleet
    fleet.budget(f)

Every function takes `Frames`. Every sentence is the message of its chart, right for no run, for one and for
ten thousand, and says what the chart leaves out. Tables have their columns named as in the frames: `n_` are
counts, `_s` seconds, `_percent` shares of 100.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from runkit.charts.exhibit import Exhibit
from runkit.charts.fleet_attention import look_first
from runkit.charts.fleet_evidence import confidence, sources
from runkit.charts.fleet_outcome import outcomes, volume
from runkit.charts.fleet_time import budget, slowest_steps, waits
from runkit.charts.phrases import NO_RUNS, said, without_budget
from runkit.tables.linked import Frames
from runkit.text import duration, fleet_sentence, moment, plural

__all__ = [
    "budget",
    "confidence",
    "in_short",
    "look_first",
    "outcomes",
    "slowest_steps",
    "sources",
    "volume",
    "waits",
]

MOST_NAMED = 6  # statuses counted one by one in a sentence; nobody reads on


def in_short(f: Frames) -> Exhibit:
    """All of the runs in a few sentences, and whether they are all that was asked for. No figure."""
    runs, parts = f.runs, []
    asks = f.interrupts[f.interrupts["outcome"] == "pending"]
    n_failed = int((runs["status"] == "error").sum())
    if runs.empty:
        parts.append(NO_RUNS)
    else:
        parts += [_all_in_one(f), f"Created {_range_words(runs)}."]
        parts.append(_asking(asks))
        parts.append(f"{plural(n_failed, 'run')} failed." if n_failed else "No run failed.")
        parts.append(without_budget(runs))
    parts.append(_wholeness(f))
    budget = runs[["working_s", "waiting_s", "idle_s"]].sum()
    rows = {
        "runs": f"{len(runs):,}",
        "failed": f"{n_failed:,}",
        "questions waiting": f"{len(asks):,}",
        "oldest question asked": moment(asks["asked_at"].min()) if len(asks) else "–",
        "first run created": moment(runs["created_at"].min()) if len(runs) else "–",
        "last run created": moment(runs["created_at"].max()) if len(runs) else "–",
        "working": duration(budget["working_s"]),
        "waiting for a person": duration(budget["waiting_s"]),
        "idle": duration(budget["idle_s"]),
        "steps": f"{len(f.steps):,}",
        "artifacts": f"{len(f.artifacts):,}",
        "sources": f"{len(f.sources):,}",
        "problems in the data": f"{len(f.problems):,}",
    }
    table = pd.DataFrame({"what": list(rows), "value": list(rows.values())}, dtype="str")
    return Exhibit("The runs in short", " ".join(filter(None, parts)), table)


def _all_in_one(f: Frames) -> str:
    runs = f.runs
    by_status = runs["status"].astype("str").fillna("of unknown status").value_counts()
    statuses = _most_frequent({str(word): int(n) for word, n in by_status.items()})
    if runs["working_s"].isna().all():
        kinds = ", ".join(f"{n:,} {word}" for word, n in statuses.items())
        return f"{plural(len(runs), 'run')} ({kinds}): where their time went is not known."
    spent = runs[["working_s", "waiting_s", "idle_s"]].sum()
    # What waits has a sentence of its own here.
    return (
        fleet_sentence(
            len(runs),
            statuses=statuses,
            budget=(spent["working_s"], spent["waiting_s"], spent["idle_s"]),
            n_steps=len(f.steps),
            n_errors=int(runs["n_errors"].sum()),
        )
        + "."
    )


def _most_frequent(numbers: Mapping[str, int]) -> dict[str, int]:
    """The largest few numbers by word, the others added up: `{"completed": 48, "of 3 other words": 5}`."""
    present = sorted(((word, n) for word, n in numbers.items() if n), key=lambda pair: -pair[1])
    rest = present[MOST_NAMED:]
    named = {said(word): n for word, n in present[:MOST_NAMED]}
    return named | ({f"of {plural(len(rest), 'other word')}": sum(n for _, n in rest)} if rest else {})


def _range_words(runs: pd.DataFrame) -> str:
    first, last = runs["created_at"].min(), runs["created_at"].max()
    if first == last or pd.isna(first):
        return moment(first)
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def _asking(asks: pd.DataFrame) -> str:
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
    n_older = int((f.problems["problem"] == "duplicate_run").sum())
    if f.coverage.refused > n_older:
        n_lost = plural(f.coverage.refused - n_older, "record")
        reasons.append(f"{n_lost} of {f.coverage.seen:,} could not be read")
    if f.coverage.why:
        reasons.append(said(f.coverage.why, limit=300))
    return f"This is not all that was asked for: {'; '.join(reasons)}."
