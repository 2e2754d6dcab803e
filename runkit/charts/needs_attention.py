"""What needs somebody among many runs, worst first: what to do, for which runs, and why."""

from __future__ import annotations

from itertools import compress
from typing import Any

import numpy as np
import pandas as pd

from runkit.api.contract import RESOLUTIONS
from runkit.charts.panel import Panel, records, render, words_of
from runkit.display.counts import Span, lasted, things, unread
from runkit.display.html_tables import MAX_ROWS
from runkit.display.status_words import CAUGHT_UP, MISSING, OUTCOMES, status
from runkit.display.text import plural
from runkit.facts import Facts, count
from runkit.tables.run_rules import NO_CAUSE, short_ids

MIN_ROWS = 8  # up to so many rows are not folded
UNFOLDED = {"waiting": MAX_ROWS, "failed": MIN_ROWS}  # rows with this reason that are never folded
NEXT_STEPS = {  # the next step by reason; the most urgent reason is first
    "waiting": "Answer",
    "failed": "Check",
    "low": "Read",
    "not rated": "Read",
    "expired": "Check",
    "data problems": "Check",
    "auto-approved": "Sample",
    "medium": "Sample",
}
MARKS = {"low": ("▽", "fail"), "medium": ("▽", "attention"), "not rated": ("", "muted")}
NAMES = ["run_id", "business_name", "agent_name", "status"]
PART = [
    "why",
    "reason",
    "run_id",
    "since",
    "age_s",
    "is_least",
    "kind",
    "interrupt_id",
    "is_separate",
]
COLUMNS = ["next_step", "reason", *NAMES, "age_s", "is_least", "since", "n_runs", "run_ids"]


def needs_panel(facts: Facts, *, has_client: bool = False) -> Panel:
    """Show what needs somebody; each row unfolds its line of code, which uses a client if any."""
    table, run_ids = _table(facts), facts.runs["run_id"]
    rows, has_names = records(table), bool(table["business_name"].notna().any())
    short = dict(zip(run_ids, short_ids(run_ids), strict=True))
    for row in rows:
        ids = [short.get(run_id, run_id) for run_id in row["run_ids"]]
        name = row["business_name"] if has_names else row["agent_name"]
        more = f" and {row['n_others']:,} more" if row["n_others"] > 0 else ""
        row["ids"] = ids
        row["name"] = (name or MISSING) + more
        row["icon"], row["color"] = MARKS.get(row["why"]) or status(row["status"])[1:]
        row["age"] = _age(row)
        row["code"] = _code(row, short, has_client=has_client) if ids else ""

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
    parts = ["Questions by kind, then the oldest first."] if n_rows else []
    parts.append(unread(facts.unread, "What needs attention"))
    parts.append(facts.wait_note)
    return " ".join(filter(None, parts)) or f"{CAUGHT_UP}."


def _folded_words(rows: pd.DataFrame) -> str:
    """Write how many rows are folded, and of how many runs with which reason."""
    n_of_reason = rows.groupby("why", sort=False)["n_runs"].sum()
    n_runs = len({run_id for ids in rows["run_ids"] for run_id in ids})
    # a run may have several reasons, and a record that is no run is not one of them
    runs = f", {plural(n_runs, 'run')}" if n_runs else ""
    parts = ", ".join(
        f"{n:,} {str(why).removesuffix('s' * (n == 1))}" for why, n in n_of_reason.items()
    )
    return f"{plural(len(rows), 'more row')}{runs}: {parts}"


def _table(facts: Facts) -> pd.DataFrame:
    """Return a row for each question that waits, and for each other reason of runs.

    Of more than 20 questions those of one kind about one business are a row.
    """
    parts = [part.assign(why=why) for why, part in _parts(facts).items()]
    rows = pd.concat(parts, ignore_index=True).reindex(columns=PART)
    rows["reason"] = rows["reason"].map(words_of)
    rows = rows.merge(facts.runs[[*NAMES, "business_id"]], on="run_id", how="left")

    is_waiting, key = rows["why"].eq("waiting"), rows.index.astype("str").to_series(rows.index)
    if has_many := is_waiting.sum() > MAX_ROWS:
        # runs of unknown businesses are not joined
        business = rows["business_id"].fillna(rows["business_name"]).fillna(rows["run_id"])
        key = business + " " + rows["kind"].astype("str").fillna("")
    groups = rows.groupby(["why", rows["reason"].mask(is_waiting, key)], sort=False)
    table = groups.head(1).reset_index(drop=True)
    if has_many:
        asked = [things(count(flags), "question") for _, flags in groups["is_separate"]]
        is_several = table["why"].eq("waiting") & (groups.size().to_numpy() > 1)
        table["reason"] = table["reason"].mask(
            is_several, pd.Series(asked) + ": " + table["reason"]
        )
    ids: list[dict[str, list[str]]] = [{} for _ in range(groups.ngroups)]
    n_unnamed = [0] * groups.ngroups
    columns = rows["run_id"], rows["interrupt_id"]
    for number, run_id, interrupt_id in zip(groups.ngroup(), *columns, strict=True):
        if pd.isna(run_id):
            n_unnamed[number] += 1
        else:
            questions = ids[number].setdefault(run_id, [])
            questions += [interrupt_id] * pd.notna(interrupt_id)
    since = pd.to_datetime(groups["since"].max(), utc=True).reset_index(drop=True)
    age_s = (facts.as_of - since).dt.total_seconds().clip(lower=0)
    return table.assign(
        since=since,
        age_s=table["age_s"].astype("float64").where(table["why"].eq("waiting"), age_s),
        is_least=table["is_least"].eq(True),
        next_step=table["why"].map(NEXT_STEPS),
        run_ids=pd.Series(list(map(list, ids)), dtype="object"),
        questions=pd.Series(ids, dtype="object"),
        n_runs=np.add(list(map(len, ids)), n_unnamed),
        n_others=groups["business_name"].nunique().to_numpy() - 1,
    )


def _parts(facts: Facts) -> dict[str, pd.DataFrame]:
    """Return the runs and questions of each reason, with `reason` and `since`, the newest first."""
    f, waiting = facts.frames, facts.waiting.rename(columns={"wait_s": "age_s", "label": "reason"})
    # a form needs to know which one only where several questions of a run wait
    is_one_of_many = waiting["run_id"].duplicated(keep=False)
    waiting["interrupt_id"] = waiting["interrupt_id"].where(is_one_of_many)
    runs = facts.runs.assign(since=facts.runs["ended_at"])
    runs = runs.sort_values("created_at", ascending=False, kind="stable")
    completed = runs[runs["status"].eq("completed")]
    level = completed["level"]
    rated = completed.assign(reason=level.str.capitalize() + ": " + completed["weakest"])
    is_unrated = completed["is_low"].isna() & completed["unrated"].notna()
    unrated = completed.assign(reason="Unrated: " + completed["unrated"])[is_unrated]

    questions = runs[["run_id"]].merge(f.interrupts, on="run_id")
    outcome = questions["outcome"].astype("str")
    endings = outcome.map(OUTCOMES) + ": " + questions["label"].fillna("")
    questions = questions.assign(reason=endings, since=questions["asked_at"])
    failed = runs[runs["status"].eq("error")]
    causes = failed["outcome"].fillna(failed["has_steps"].map(NO_CAUSE))
    has_error = f.problems["severity"] == "error"
    unread_rows = f.problems.loc[has_error, ["run_id"]]
    # a record without an id is one
    is_first = unread_rows["run_id"].isna() | ~unread_rows.duplicated()
    damaged = unread_rows[is_first].assign(reason="Data that could not be read, see f.problems")
    return {
        "waiting": waiting,
        "failed": failed.assign(reason=causes),
        "low": rated[level.eq("low")],
        "not rated": unrated,
        "expired": questions[outcome.eq("lapsed")],
        "data problems": damaged,
        "auto-approved": questions[outcome.isin(RESOLUTIONS)],
        "medium": rated[level.eq("medium") & ~is_unrated],
    }


def _age(row: dict[Any, Any]) -> str:
    """Write how old a row is: its question, or the newest of its runs."""
    if row["next_step"] == "Answer":
        return lasted(Span(row["age_s"], row["is_least"], row["since"]))
    return "newest " * (len(row["run_ids"]) > 1) + lasted(Span(row["age_s"]))


def _code(row: dict[Any, Any], short: dict[str, str], *, has_client: bool) -> str:
    """Write the line of code that takes the next step; each question has its own."""
    if row["next_step"] == "Answer":
        client = "client" if has_client else "runkit.Client()"
        lines = [
            f'runkit.InterruptForm({client}, "{short[run_id]}"{question})'
            for run_id, ids in row["questions"].items()
            for question in ([f", {name!r}" for name in ids] or [""])
        ]
        return "\n".join(lines)
    chosen = f'"{" ".join(row["ids"])}"' + ".split()" * (len(row["ids"]) > 1)
    if not has_client:
        return f"f.select({chosen})"
    return f"runkit.frames(client.runs.fetch({chosen}))"
