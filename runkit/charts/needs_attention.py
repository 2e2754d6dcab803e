"""What needs somebody among many runs: open questions, failed runs by reason, low confidence."""

from __future__ import annotations

import pandas as pd

from runkit.charts.panel import Panel, table_html
from runkit.display.counts import counted, sentence
from runkit.display.text import moment
from runkit.facts import Facts, what_was_read
from runkit.tables.run_rules import alike, short_ids

NAMES = ["run_id", "business_name", "agent_name"]
COLUMNS = ["group", "what", *NAMES, "since", "wait_s", "n_runs", "run_ids"]
WAITING, FAILED, LOW = ("Waiting for a reviewer", "Failed", "Low confidence")


def needs_panel(facts: Facts) -> Panel:
    """Show what needs somebody."""
    f = facts.frames
    parts = [_waiting(facts), _failed(facts), _low(facts)]
    table = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)[COLUMNS]
    short = short_ids(f.runs["run_id"]).set_axis(f.runs["run_id"])
    ids = [" ".join(short[[*run_ids]]) for run_ids in table["run_ids"]]
    since = table["since"].map(moment, na_action="ignore").astype("str")
    shown = table[["group", "business_name", "what", "wait_s", "n_runs"]].assign(
        since=since, runs=pd.Series(ids, table.index, "str")
    )
    shown = shown.rename(columns={"business_name": "business"})
    late = facts.waiting["is_late"]
    words = "" if facts.sla_h is None else sentence(f"{counted(late)} over {facts.sla_h:g} h")
    return Panel(
        "Needs attention", f"{words} {what_was_read(f)}".strip(), table, body=table_html(shown)
    )


def _waiting(facts: Facts) -> pd.DataFrame:
    """Return a row for each open question, the longest first."""
    waiting = facts.waiting.drop(columns="business_name")
    waiting = waiting.merge(facts.frames.runs[NAMES], "left", "run_id")
    what = waiting["label"].fillna("The question is not in the data")
    return waiting.assign(
        group=WAITING,
        what=what,
        since=waiting["asked_at"],
        n_runs=1,
        run_ids=waiting["run_id"].str.split("\0"),
    )


def _failed(facts: Facts) -> pd.DataFrame:
    """Return a row for each reason of failed runs, the most frequent first."""
    failed = facts.of_status("failed").sort_values("created_at", ascending=False, kind="stable")
    reason = failed["reason"].fillna("The reason is not in the data")
    return _grouped(failed.assign(what=alike(reason)), FAILED)


def _low(facts: Facts) -> pd.DataFrame:
    """Return a row for each finding or output of low confidence of completed runs."""
    done = facts.of_status("done").sort_values("created_at", ascending=False, kind="stable")
    low = done[done["is_low"].fillna(False).astype("bool")]
    return _grouped(low.assign(what=low["rating"]), LOW)


def _grouped(runs: pd.DataFrame, group: str) -> pd.DataFrame:
    """Return runs with the same `what` as one row, the newest of them."""
    by = runs.groupby("what", sort=False)
    n_runs = by["run_id"].transform("size")
    run_ids = by["run_id"].agg(list)
    first = runs.assign(group=group, n_runs=n_runs, since=runs["ended_at"], wait_s=float("nan"))
    first = first.drop_duplicates("what")
    first = first.assign(run_ids=first["what"].map(run_ids).astype(object))
    return first.sort_values("n_runs", ascending=False, kind="stable")
