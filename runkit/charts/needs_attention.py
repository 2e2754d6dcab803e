"""What needs somebody among many runs, worst first: what to do, for which runs, and why."""

from __future__ import annotations

from itertools import compress

import pandas as pd

from runkit.api.contract import RESOLUTIONS, RUN_STATUSES
from runkit.charts.panel import Panel, Row, records, render, words_of
from runkit.display.counts import Span, lasted, paragraph, sentence, some, things, unread
from runkit.display.html_tables import MAX_ROWS
from runkit.display.status_words import CAUGHT_UP, OUTCOMES, status
from runkit.display.text import moment, plural
from runkit.facts import Facts, business_ids, count
from runkit.tables.run_rules import NO_CAUSE, alike

MAX_SILENCE = pd.Timedelta("1h")  # an update of a running run that is older is named
MIN_ROWS = 8  # up to so many rows are not folded
UNFOLDED = {"waiting": MAX_ROWS, "failed": MIN_ROWS}  # rows with this reason that are never folded
NEXT_STEPS = {  # the next step by reason; the most urgent reason is first
    "waiting": "Answer",
    "failed": "Check",
    "low": "Read",
    "of unknown confidence": "Read",
    "expired": "Check",
    "decided by policy": "Sample",
    "medium": "Sample",
}
ENDINGS = {"lapsed": "expired"} | dict.fromkeys(RESOLUTIONS, "decided by policy")
MARKS = {"low": ("▽", "fail"), "medium": ("▽", "attention"), "of unknown confidence": ("", "muted")}
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
    table = _table(facts)
    rows = records(table)
    for row in rows:
        row["icon"], row["color"] = MARKS.get(row["why"]) or status(row["status"])[1:]
        row["age"] = _age(row)
        row["code"] = _code(row, has_client=has_client)

    rank = table.groupby("why").cumcount()
    is_first = rank < table["why"].map(UNFOLDED).fillna(0).astype("int64")
    is_first |= (~is_first).cumsum() <= MIN_ROWS - is_first.sum()
    body = render(
        "needs",
        has_names=table["business_name"].notna().any(),
        rows=list(compress(rows, is_first)),
        others=list(compress(rows, ~is_first)),
        others_words=_folded_words(table[~is_first]),
    )
    return Panel("Needs attention", _sentence(facts, len(rows)), table[COLUMNS], body=body)


def _sentence(facts: Facts, n_rows: int) -> str:
    """Write how the rows are ordered, and whether the runs without a row are known to need none."""
    if facts.runs.empty:
        return "There are no runs."
    order = "Questions by kind, then the oldest first." if n_rows else ""
    missing = unread(facts.unread, "What needs attention")
    lost = sentence("; ".join(facts.frames.missing))
    is_other = ~facts.runs["status"].isin(RUN_STATUSES)
    other = some(is_other.sum(), "run", "of an unknown status")
    running = facts.runs[facts.runs["status"].eq("running")]
    updated_at = running["updated_at"]
    updated_at = updated_at[running["as_of"] - updated_at > MAX_SILENCE]
    since = moment(updated_at.max())
    silent = some(len(updated_at), "run", f"running, not updated since {since}")
    return paragraph(lost, order, missing, other, silent, facts.wait_note) or f"{CAUGHT_UP}."


def _folded_words(rows: pd.DataFrame) -> str:
    """Write how many rows are folded, and of how many runs with which reason."""
    n_of_reason = rows.groupby("why", sort=False)["n_runs"].sum()
    n_runs = rows["run_ids"].explode().nunique()
    parts = ", ".join(f"{n:,} {why}" for why, n in n_of_reason.items())
    return f"{plural(len(rows), 'more row')}, {plural(n_runs, 'run')}: {parts}"


def _table(facts: Facts) -> pd.DataFrame:
    """Return a row for each question that waits, and for each other reason of runs.

    Of more than 20 questions the equal ones about one business are a row.
    """
    rows = _reasons(facts)
    is_waiting = rows["why"].eq("waiting")
    key = rows.index.astype("str").to_series(rows.index)
    if is_waiting.sum() > MAX_ROWS:
        # runs of unknown businesses are not joined
        business = business_ids(rows).fillna(rows["run_id"])
        kind = rows["kind"].astype("str").fillna("")
        key = business + " " + kind + " " + rows["reason"]
    reason = rows["reason"].mask(is_waiting, key)
    groups = rows.groupby(["why", reason], sort=False)
    table = groups.head(1).reset_index(drop=True)
    is_question = table["why"].eq("waiting")
    of_group = groups.agg(
        newest=("since", "max"),
        n_rows=("run_id", "size"),
        n_runs=("run_id", "nunique"),
        n_names=("business_name", "nunique"),
        run_ids=("run_id", _values),
        ids=("short", _values),
        forms=("form", _values),
    ).reset_index(drop=True)
    asked = [things(count(flags), "question") for _, flags in groups["is_separate"]]
    several = pd.Series(asked, table.index, "str") + ": " + table["reason"]
    newest = of_group.pop("newest")
    since = pd.to_datetime(newest.mask(is_question, table["since"]), utc=True)
    age_s = (facts.as_of - since).dt.total_seconds().clip(lower=0)
    return table.join(of_group).assign(
        reason=table["reason"].mask(is_question & of_group["n_rows"].gt(1), several),
        since=since,
        age_s=table["age_s"].astype("float64").where(is_question, age_s),
        is_least=table["is_least"].eq(True),
        next_step=table["why"].map(NEXT_STEPS),
    )


def _values(values: pd.Series[str]) -> list[str]:
    """Return the different values of a column."""
    return [*values.dropna().unique()]


def _reasons(facts: Facts) -> pd.DataFrame:
    """Return the runs and questions that need somebody, in the order of `NEXT_STEPS`.

    Each has `why`, `reason` and `since`; those of one reason are in order, the newest first.
    """
    waiting = facts.waiting.rename(columns={"wait_s": "age_s", "label": "reason"})
    runs = facts.runs.sort_values("created_at", ascending=False, kind="stable")
    runs = runs.assign(since=runs["ended_at"])
    failed = runs[runs["status"].eq("error")]
    causes = alike(failed["outcome"].fillna(failed["has_steps"].map(NO_CAUSE)))
    failed = failed.assign(why="failed", reason=causes)
    rated = runs[runs["status"].eq("completed")]
    rated = rated.assign(
        why=rated["level"].mask(rated["unrated"].notna(), "of unknown confidence"),
        reason=rated["rating"],
    )
    questions = runs[["run_id"]].merge(facts.frames.interrupts, on="run_id")
    outcome = questions["outcome"].astype("str")
    questions = questions.assign(
        why=outcome.map(ENDINGS),
        reason=outcome.map(OUTCOMES) + ": " + questions["label"].fillna(""),
        since=questions["asked_at"],
    )
    rows = pd.concat([waiting.assign(why="waiting"), failed, rated, questions])
    rows = rows[rows["why"].isin(NEXT_STEPS)]
    rows = rows.sort_values("why", key=lambda why: why.map([*NEXT_STEPS].index), kind="stable")
    rows = rows[PART]
    rows = rows.merge(facts.runs[[*NAMES, "business_id", "short"]], on="run_id")
    # a form needs to know which one only where several questions of a run wait
    ids = rows["interrupt_id"].where(rows.duplicated(["run_id", "why"], keep=False))
    ids = ids.map(", {!r}".format, na_action="ignore").astype("str").fillna("")
    return rows.assign(reason=rows["reason"].map(words_of), form='"' + rows["short"] + '"' + ids)


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
