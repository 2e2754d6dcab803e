"""What needs somebody among many runs, worst first: what to do, about which runs, why, and since when."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts.panel import Panel, aged, records, render, short_ids, words_of
from runkit.contract import RESOLUTIONS
from runkit.html_tables import MAX_ROWS
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
        row["business"] = row["business_name"] or row["agent_name"] or MISSING
        row["business"] += f" and {row['n_others']:,} more" * (row["n_others"] > 0)
        row["age"] = _age(row)
        row["code"] = _code(row["next_step"], ids, has_client=has_client) if ids else ""
    n_first = max(MOST_ROWS, min(MAX_ROWS, int(table["next_step"].eq("Answer").sum())))
    n_of = table[n_first:].groupby("why", sort=False)["n_runs"].sum()
    rest = ", ".join(f"{n:,} {why}" for why, n in n_of.items())
    body = render("needs", rows=rows[:n_first], others=rows[n_first:], others_words=rest)
    nothing = "You're all caught up." if len(f.runs) else "There are no runs."
    sentence = "Questions by kind, then the oldest first." if rows else nothing
    return Panel("Needs attention", sentence, table[COLUMNS], body=body)


def _table(f: Frames) -> pd.DataFrame:
    """Return a row for each question that waits, and for each other reason of runs."""
    runs = f.runs.sort_values("created_at", ascending=False, kind="stable").assign(
        since=f.runs["ended_at"]
    )
    levels = runs["confidence"].astype("str").fillna("None").str.capitalize()
    weakest = levels + ": " + runs["weakest"].fillna("no finding is weaker")
    has_output = runs["status"].eq("completed") & runs["run_id"].isin(outputs_of(f)["run_id"])
    done, failed = runs.assign(reason=weakest)[has_output], runs[runs["status"].eq("error")]
    asked = runs[["run_id"]].merge(f.interrupts, on="run_id")
    endings = asked["outcome"].astype("str").map(OUTCOMES) + ": " + asked["label"].fillna("")
    asked = asked.assign(reason=endings, since=asked["asked_at"])
    waiting = open_questions(f).rename(
        columns={"asked_at": "since", "wait_s": "age_s", "label": "reason"}
    )
    broken = f.problems[f.problems["severity"] == "error"].drop_duplicates("run_id")[["run_id"]]
    parts = {
        "waiting": waiting,
        "failed": failed.assign(reason=failed["outcome"]),
        "low": done[~(done["confidence"] >= "medium")],
        "expired": asked[asked["outcome"].eq("lapsed")],
        "data problems": broken.assign(reason="Data that could not be read, see f.problems"),
        "auto-approved": asked[asked["outcome"].isin(RESOLUTIONS)],
        "medium": done[done["confidence"].eq("medium")],
    }
    rows = pd.concat([part.assign(why=why) for why, part in parts.items()], ignore_index=True)
    rows = rows.reindex(columns=["why", "reason", "run_id", "since", "age_s"])
    rows["reason"] = rows["reason"].fillna("No step says why.").map(words_of)
    rows = rows.merge(f.runs[NAMES], on="run_id", how="left")
    alike = rows["reason"].where(rows["why"].ne("waiting"), rows.index.astype("str"))
    by = rows.groupby(["why", alike], sort=False)
    table = by.head(1).reset_index(drop=True)
    ids = [list(dict.fromkeys(ids.dropna())) for _, ids in by["run_id"]]
    since = pd.to_datetime(by["since"].max(), utc=True).reset_index(drop=True)
    ages = (f.runs["as_of"].max() - since).dt.total_seconds().clip(lower=0)
    return table.assign(
        since=since,
        age_s=table["age_s"].astype("float64").where(table["why"].eq("waiting"), ages),
        next_step=table["why"].map(NEXT_STEPS),
        run_ids=pd.Series(ids, dtype="object"),
        n_runs=[max(len(own), 1) for own in ids],
        n_others=by["business_name"].nunique().to_numpy() - 1,
    )


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
