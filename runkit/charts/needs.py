"""What needs somebody among many runs, worst first: what to do, about which runs, why, and since when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.charts.panel import Panel, aged, records, render, short_ids, words_of
from runkit.contract import RESOLUTIONS
from runkit.html_tables import MAX_ROWS
from runkit.questions import KINDS
from runkit.style import MISSING, OUTCOMES
from runkit.tables.facts import open_questions, outputs_of
from runkit.tables.frames import Frames
from runkit.text import day

MOST_ROWS = 8  # that are not folded; questions that wait always stand before the fold
NEXT_STEPS = {  # of each reason, the most urgent first
    "waiting": "Answer",
    "failed": "Check",
    "low": "Read",
    "expired": "Check",
    "data problems": "Check",
    "auto-approved": "Sample",
    "medium": "Sample",
}
KIND_ORDER = ("dismissal", "decision")  # of questions: what can do most harm comes first
NAMES = ["run_id", "business_name", "agent_name", "status"]
COLUMNS = ["next_step", "reason", *NAMES, "age_s", "since", "n_runs", "run_ids"]


def needs_panel(f: Frames, *, has_client: bool = False) -> Panel:
    """Show what needs somebody; each row unfolds its line of code, which uses a client if there is one."""
    table = _table(f)
    rows = records(table)
    short = dict(zip(f.runs["run_id"], short_ids(f.runs["run_id"]), strict=True))
    for row in rows:
        ids = [short.get(run_id, run_id) for run_id in row["run_ids"]]
        row["shown_ids"] = " ".join(ids)
        row["business"] = _business(f, row)
        row["age"] = _age(row)
        row["code"] = _code(row["next_step"], ids, has_client=has_client) if ids else ""
    n_first = max(MOST_ROWS, min(MAX_ROWS, int(table["next_step"].eq("Answer").sum())))
    n_of = table[n_first:].groupby("why", sort=False)["n_runs"].sum()
    rest = ", ".join(f"{n:,} {why}" for why, n in n_of.items())
    body = render("needs", rows=rows[:n_first], others=rows[n_first:], others_words=rest)
    sentence = "Questions by kind, then the oldest first." if rows else "You're all caught up."
    return Panel("Needs attention", sentence, table[COLUMNS], body=body)


def _table(f: Frames) -> pd.DataFrame:
    """Return a row for each question that waits, and for each other reason of runs."""
    runs = f.runs.sort_values("created_at", ascending=False, kind="stable").assign(since=f.runs["ended_at"])
    done = runs[runs["status"].eq("completed")]
    has_output = done["run_id"].isin(outputs_of(f)["run_id"])
    levels = done["confidence"].astype("str").fillna("None").str.capitalize()
    done = done.assign(reason=levels + ": " + done["weakest"].fillna("no finding is weaker"))
    asked = (
        runs[["run_id", "ended_at"]].merge(f.interrupts, on="run_id").assign(since=lambda df: df["asked_at"])
    )
    ways = asked["outcome"].astype("str").map(OUTCOMES)
    asked = asked.assign(reason=ways + ": " + asked["label"].fillna(""))
    waiting = open_questions(f).rename(columns={"asked_at": "since", "wait_s": "age_s", "label": "reason"})
    unread = f.problems[f.problems["severity"] == "error"]
    broken = unread.groupby("run_id", dropna=False, sort=False)["n"].sum().reset_index()
    parts = {
        "waiting": waiting.iloc[np.argsort(waiting["kind"].astype("str").map(_urgency), kind="stable")],
        "failed": runs[runs["status"].eq("error")].assign(reason=lambda df: df["outcome"]),
        "low": done[has_output & ~(done["confidence"] >= "medium")],
        "expired": asked[asked["outcome"].eq("lapsed")],
        "data problems": broken.assign(reason="Data that could not be read, see f.problems"),
        "auto-approved": asked[asked["outcome"].isin(RESOLUTIONS)],
        "medium": done[has_output & done["confidence"].eq("medium")],
    }
    rows = pd.concat([part.assign(why=why) for why, part in parts.items()], ignore_index=True)
    rows = rows.reindex(columns=["why", "reason", "run_id", "since", "age_s"])
    rows["reason"] = rows["reason"].fillna("No step says why.").map(words_of)
    alike = rows["reason"].where(rows["why"].ne("waiting"), rows.index.astype("str"))
    table = rows.groupby(["why", alike], sort=False).agg(
        why=("why", "first"),
        reason=("reason", "first"),
        run_id=("run_id", "first"),
        since=("since", "max"),
        age_s=("age_s", "first"),
        n_runs=("run_id", lambda ids: max(ids.nunique(), 1)),
        run_ids=("run_id", lambda ids: list(dict.fromkeys(ids.dropna()))),
    )
    ages = (f.runs["as_of"].max() - pd.to_datetime(table["since"], utc=True)).dt.total_seconds().clip(lower=0)
    table["age_s"] = table["age_s"].astype("float64").where(table["why"].eq("waiting"), ages)
    table["next_step"] = table["why"].map(NEXT_STEPS)
    return table.reset_index(drop=True).merge(f.runs[NAMES], on="run_id", how="left")


def _urgency(kind: object) -> int:
    order = (*KIND_ORDER, *KINDS)
    return order.index(kind) if kind in order else len(order)


def _business(f: Frames, row: dict[Any, Any]) -> str:
    """Return the business of a row, or the first of several and how many others there are."""
    is_own = f.runs["run_id"].isin(row["run_ids"])
    names = f.runs.loc[is_own, "business_name"].dropna().unique()
    first = str(row["business_name"] or row["agent_name"] or MISSING)
    return first + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")


def _age(row: dict[Any, Any]) -> str:
    if row["age_s"] is None and row["since"] is not None:
        return f"since {day(row['since'])}"
    return "newest " * (len(row["run_ids"]) > 1) + aged(row["age_s"])


def _code(next_step: str, ids: list[str], *, has_client: bool) -> str:
    """Write the line of code that takes the next step."""
    chosen = f'"{ids[0]}"' if len(ids) == 1 else f'"{" ".join(ids)}".split()'
    if not has_client:
        return f"f.select({chosen})"
    if next_step == "Answer":
        return f"runkit.InterruptForm(client, {chosen})"
    return f"runkit.frames(client.runs.fetch({chosen}))"
