"""What needs somebody among many runs, worst first: what to do, for which runs, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.charts.panel import Panel, aged, records, render, short_ids, words_of
from runkit.contract import RESOLUTIONS
from runkit.html_tables import MAX_ROWS
from runkit.style import MISSING, OUTCOMES
from runkit.tables.frames import Frames
from runkit.tables.run_rules import open_questions, outputs_of
from runkit.text import day

MIN_ROWS = 8  # up to so many rows are not folded; questions that wait are never folded
NEXT_STEPS = {  # the next step by reason; the most urgent reason is first
    "waiting": "Answer",
    "failed": "Check",
    "low": "Read",
    "expired": "Check",
    "data problems": "Check",
    "auto-approved": "Sample",
    "medium": "Sample",
}
NAMES = ["run_id", "business_name", "agent_name", "status"]
COLUMNS = ["next_step", "reason", *NAMES, "age_s", "since", "n_runs", "run_ids"]


def needs_panel(f: Frames, *, has_client: bool = False) -> Panel:
    """Show what needs somebody; each row unfolds its line of code, which uses a client if any."""
    table = _table(f)
    rows = records(table)
    short = dict(zip(f.runs["run_id"], short_ids(f.runs["run_id"]), strict=True))
    for row in rows:
        ids = [short.get(run_id, run_id) for run_id in row["run_ids"]]
        business = row["business_name"] or row["agent_name"] or MISSING
        more = f" and {row['n_others']:,} more" if row["n_others"] > 0 else ""
        row["shown_ids"] = " ".join(ids)
        row["business"] = business + more
        row["age"] = _age(row)
        row["code"] = _code(row["next_step"], ids, has_client=has_client) if ids else ""

    n_questions = int(table["next_step"].eq("Answer").sum())
    n_first = max(MIN_ROWS, min(MAX_ROWS, n_questions))
    n_folded = table[n_first:].groupby("why", sort=False)["n_runs"].sum()
    folded = ", ".join(f"{n:,} {reason}" for reason, n in n_folded.items())
    body = render("needs", rows=rows[:n_first], others=rows[n_first:], others_words=folded)
    sentence = "Questions by kind, then the oldest first."
    if not rows:
        sentence = "You're all caught up." if len(f.runs) else "There are no runs."
    return Panel("Needs attention", sentence, table[COLUMNS], body=body)


def _table(f: Frames) -> pd.DataFrame:
    """Return a row for each question that waits, and for each other reason of runs."""
    parts = [part.assign(why=why) for why, part in _parts(f).items()]
    columns = ["why", "reason", "run_id", "since", "age_s"]
    rows = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    rows["reason"] = rows["reason"].fillna("No step says why.").map(words_of)
    rows = rows.merge(f.runs[NAMES], on="run_id", how="left")

    is_waiting = rows["why"].eq("waiting")
    key = rows["reason"].mask(is_waiting, rows.index.astype("str"))  # each has a row of its own
    groups = rows.groupby(["why", key], sort=False)
    table = groups.head(1).reset_index(drop=True)
    ids = [list(dict.fromkeys(group.dropna())) for _, group in groups["run_id"]]
    n_unnamed = [group.isna().sum() for _, group in groups["run_id"]]
    since = pd.to_datetime(groups["since"].max(), utc=True).reset_index(drop=True)
    age_s = (f.runs["as_of"].max() - since).dt.total_seconds().clip(lower=0)
    return table.assign(
        since=since,
        age_s=table["age_s"].astype("float64").where(table["why"].eq("waiting"), age_s),
        next_step=table["why"].map(NEXT_STEPS),
        run_ids=pd.Series(ids, dtype="object"),
        n_runs=np.add(list(map(len, ids)), n_unnamed),
        n_others=groups["business_name"].nunique().to_numpy() - 1,
    )


def _parts(f: Frames) -> dict[str, pd.DataFrame]:
    """Return the runs and questions of each reason, with `reason` and `since`, the newest first."""
    runs = f.runs.assign(since=f.runs["ended_at"])
    runs = runs.sort_values("created_at", ascending=False, kind="stable")
    confidence = runs["confidence"].astype("str").fillna("None").str.capitalize()
    weakest = confidence + ": " + runs["weakest"].fillna("no finding is weaker")
    has_output = runs["status"].eq("completed") & runs["run_id"].isin(outputs_of(f)["run_id"])
    completed = runs.assign(reason=weakest)[has_output]
    is_medium = completed["confidence"].eq("medium")
    is_low = ~(completed["confidence"] >= "medium")

    questions = runs[["run_id"]].merge(f.interrupts, on="run_id")
    outcome = questions["outcome"].astype("str")
    endings = outcome.map(OUTCOMES) + ": " + questions["label"].fillna("")
    questions = questions.assign(reason=endings, since=questions["asked_at"])
    columns = {"asked_at": "since", "wait_s": "age_s", "label": "reason"}
    has_error = f.problems["severity"] == "error"
    unread = f.problems.loc[has_error, ["run_id"]]
    unread = unread[unread["run_id"].isna() | ~unread.duplicated()]  # a record without an id is one
    return {
        "waiting": open_questions(f).rename(columns=columns),
        "failed": runs.assign(reason=runs["outcome"])[runs["status"].eq("error")],
        "low": completed[is_low],
        "expired": questions[outcome.eq("lapsed")],
        "data problems": unread.assign(reason="Data that could not be read, see f.problems"),
        "auto-approved": questions[outcome.isin(RESOLUTIONS)],
        "medium": completed[is_medium],
    }


def _age(row: dict[Any, Any]) -> str:
    if row["age_s"] is None and row["since"] is not None:
        return f"since {day(row['since'])}"
    return "newest " * (len(row["run_ids"]) > 1) + aged(row["age_s"])


def _code(next_step: str, ids: list[str], *, has_client: bool) -> str:
    """Write the line of code that takes the next step."""
    chosen = f'"{" ".join(ids)}"'
    if len(ids) > 1:
        chosen += ".split()"
    if not has_client:
        return f"f.select({chosen})"
    if next_step == "Answer":
        return f"runkit.InterruptForm(client, {chosen})"
    return f"runkit.frames(client.runs.fetch({chosen}))"
