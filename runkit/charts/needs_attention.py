"""What needs somebody among many runs, worst first: what to do, for which runs, and why."""

from __future__ import annotations

from itertools import compress
from typing import Any

import pandas as pd

from runkit.api.contract import RESOLUTIONS, RUN_STATUSES
from runkit.charts.panel import Panel, Row, records, render, words_of
from runkit.display.counts import Span, lasted, paragraph, things, unread
from runkit.display.html_tables import MAX_ROWS
from runkit.display.status_words import CAUGHT_UP, MISSING, OUTCOMES, status
from runkit.display.text import plural
from runkit.facts import Facts, count
from runkit.tables.run_rules import NO_CAUSE

MIN_ROWS = 8  # up to so many rows are not folded
UNFOLDED = {"waiting": MAX_ROWS, "failed": MIN_ROWS}  # rows with this reason that are never folded
NEXT_STEPS = {  # the next step by reason; the most urgent reason is first
    "waiting": "Answer",
    "failed": "Check",
    "low": "Read",
    "not rated": "Read",
    "expired": "Check",
    "decided by policy": "Sample",
    "medium": "Sample",
}
ENDINGS = {"lapsed": "expired"} | dict.fromkeys(RESOLUTIONS, "decided by policy")
MARKS = {"low": ("▽", "fail"), "medium": ("▽", "attention"), "not rated": ("", "muted")}
NAMES = ["run_id", "business_name", "agent_name", "status"]
PART = ["why", "reason", "run_id", "since", "age_s", "is_least", "kind", "form", "is_separate"]
LISTS = {"run_ids": "run_id", "ids": "short", "forms": "form"}  # lists by the column they are of
COLUMNS = ["next_step", "reason", *NAMES, "age_s", "is_least", "since", "n_runs", "run_ids"]


def needs_panel(facts: Facts, *, has_client: bool = False) -> Panel:
    """Show what needs somebody; each row unfolds its line of code, which uses a client if any."""
    table = _table(facts)
    rows = records(table)
    has_names = bool(table["business_name"].notna().any())
    for row in rows:
        name = row["business_name"] if has_names else row["agent_name"]
        more = f" and {row['n_others']:,} more" if row["n_others"] > 0 else ""
        row["name"] = (name or MISSING) + more
        row["icon"], row["color"] = MARKS.get(row["why"]) or status(row["status"])[1:]
        row["age"] = _age(row)
        row["code"] = _code(row, has_client=has_client)

    rank = table.groupby("why").cumcount()
    is_first = rank < table["why"].map(UNFOLDED).fillna(0).astype("int64")
    is_first |= (~is_first).cumsum() <= MIN_ROWS - is_first.sum()
    body = render(
        "needs",
        subject="Business" if has_names else "Run",
        rows=list(compress(rows, is_first)),
        others=list(compress(rows, ~is_first)),
        others_words=_folded_words(table[~is_first]),
    )
    return Panel("Needs attention", _sentence(facts, len(rows)), table[COLUMNS], body=body)


def _sentence(facts: Facts, n_rows: int) -> str:
    """Write how the rows are ordered, and whether the runs without a row are known to need none."""
    if facts.runs.empty:
        return "There are no runs."
    order = "Questions by kind, then the oldest first." * bool(n_rows)
    missing = unread(facts.unread, "What needs attention")
    n_refused = facts.frames.n_refused
    refused = f"{plural(n_refused, 'record')} not read, see f.problems." * bool(n_refused)
    n_other = (~facts.runs["status"].isin(RUN_STATUSES)).sum()
    other = f"{plural(n_other, 'run')} of an unknown status." * bool(n_other)
    return paragraph(order, missing, refused, other, facts.wait_note) or f"{CAUGHT_UP}."


def _folded_words(rows: pd.DataFrame) -> str:
    """Write how many rows are folded, and of how many runs with which reason."""
    n_of_reason = rows.groupby("why", sort=False)["n_runs"].sum()
    n_runs = len({run_id for ids in rows["run_ids"] for run_id in ids})
    parts = ", ".join(f"{n:,} {why}" for why, n in n_of_reason.items())
    return f"{plural(len(rows), 'more row')}, {plural(n_runs, 'run')}: {parts}"


def _table(facts: Facts) -> pd.DataFrame:
    """Return a row for each question that waits, and for each other reason of runs.

    Of more than 20 questions those of one kind about one business are a row.
    """
    rows = _reasons(facts)
    is_waiting = rows["why"].eq("waiting")
    key = rows.index.astype("str").to_series(rows.index)
    if is_waiting.sum() > MAX_ROWS:
        # runs of unknown businesses are not joined
        business = rows["business_id"].fillna(rows["business_name"]).fillna(rows["run_id"])
        key = business + " " + rows["kind"].astype("str").fillna("")
    reason = rows["reason"].mask(is_waiting, key)
    groups = rows.groupby(["why", reason], sort=False)
    table = groups.head(1).reset_index(drop=True)
    is_question = table["why"].eq("waiting")
    asked = [things(count(flags), "question") for _, flags in groups["is_separate"]]
    is_several = is_question & (groups.size().to_numpy() > 1)
    several = pd.Series(asked, table.index, "str") + ": " + table["reason"]
    newest = groups["since"].max().reset_index(drop=True)
    since = pd.to_datetime(newest, utc=True)
    age_s = (facts.as_of - since).dt.total_seconds().clip(lower=0)
    lists = {name: _values(groups[column]) for name, column in LISTS.items()}
    return table.assign(
        reason=table["reason"].mask(is_several, several),
        since=since,
        age_s=table["age_s"].astype("float64").where(is_question, age_s),
        is_least=table["is_least"].eq(True),
        next_step=table["why"].map(NEXT_STEPS),
        n_runs=groups["run_id"].nunique().to_numpy(),
        n_others=groups["business_name"].nunique().to_numpy() - 1,
        **lists,
    )


def _values(by: Any) -> pd.Series[Any]:
    """Return the list of different values of each group of a column."""
    lists = [[*values.dropna().unique()] for _, values in by]
    return pd.Series(lists, dtype=object)


def _reasons(facts: Facts) -> pd.DataFrame:
    """Return the runs and questions that need somebody, in the order of `NEXT_STEPS`.

    Each has `why`, `reason` and `since`; those of one reason are in order, the newest first.
    """
    f = facts.frames
    waiting = facts.waiting.rename(columns={"wait_s": "age_s", "label": "reason"})
    # a form needs to know which one only where several questions of a run wait
    ids = waiting["interrupt_id"].where(waiting["run_id"].duplicated(keep=False))
    forms = ids.map(", {!r}".format, na_action="ignore").astype("str").fillna("")

    runs = facts.runs.sort_values("created_at", ascending=False, kind="stable")
    is_failed, is_completed = (runs["status"].eq(word) for word in ("error", "completed"))
    is_unrated = is_completed & runs["is_low"].isna() & runs["unrated"].notna()
    level = runs["level"].where(is_completed)
    rated = level.str.capitalize() + ": " + runs["weakest"]
    causes = runs["outcome"].fillna(runs["has_steps"].map(NO_CAUSE))
    runs = runs.assign(
        why=level.mask(is_unrated, "not rated").mask(is_failed, "failed"),
        reason=rated.mask(is_unrated, "Unrated: " + runs["unrated"]).mask(is_failed, causes),
        since=runs["ended_at"],
    )
    questions = runs[["run_id"]].merge(f.interrupts, on="run_id")
    outcome = questions["outcome"].astype("str")
    questions = questions.assign(
        why=outcome.map(ENDINGS),
        reason=outcome.map(OUTCOMES) + ": " + questions["label"].fillna(""),
        since=questions["asked_at"],
    )
    rows = pd.concat([waiting.assign(why="waiting", form=forms), runs, questions])
    ranks = {why: rank for rank, why in enumerate(NEXT_STEPS)}
    rows["rank"] = rows["why"].map(ranks)
    rows = rows.dropna(subset="rank").sort_values("rank", kind="stable")[PART]
    rows = rows.merge(facts.runs[[*NAMES, "business_id", "short"]], on="run_id")
    return rows.assign(
        reason=rows["reason"].map(words_of), form='"' + rows["short"] + '"' + rows["form"]
    )


def _age(row: Row) -> str:
    """Write how old a row is: its question, or the newest of its runs."""
    if row["next_step"] == "Answer":
        return lasted(Span(row["age_s"], row["is_least"], row["since"]))
    return "newest " * (len(row["run_ids"]) > 1) + lasted(Span(row["age_s"]))


def _code(row: Row, *, has_client: bool) -> str:
    """Write the line of code that takes the next step; each question has its own."""
    if row["next_step"] == "Answer":
        client = "client" if has_client else "runkit.Client()"
        return "\n".join(f"runkit.InterruptForm({client}, {form})" for form in row["forms"])
    ids = " ".join(row["ids"])
    code = f'"{ids}"' + ".split()" * (len(row["ids"]) > 1)
    return f"runkit.frames(client.runs.fetch({code}))" if has_client else f"f.select({code})"
