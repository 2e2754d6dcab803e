"""`changes()`: what has changed between two states of some runs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import pandas as pd

from runkit.api.contract import FINAL_STATUSES
from runkit.arguments import checked
from runkit.display.status_words import status
from runkit.display.text import duration, moment, plural, run_label, shorten
from runkit.errors import UsageError
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.run_rules import open_questions
from runkit.tables.sources import Source

# The strongest first.
CHANGES = ("newly waiting", "failed", "answered", "completed", "new", "confidence changed")
Row = dict[Any, Any]
DTYPES: dict[str, Any] = {
    "change": pd.CategoricalDtype(list(CHANGES), ordered=True),
    "run_id": "str",
    "business_name": "str",
    "agent_name": "str",
    "before": "str",
    "after": "str",
    "when": "datetime64[us, UTC]",
}


@checked
def changes(before: Source, after: Source) -> pd.DataFrame:
    """Compare two states of some runs: what is new, waits, failed or was completed.

    Parameters
    ----------
    before, after
        The runs then and now: two files, two `Frames`, such as two versions of an archive
        (`archive.frames(version=3)`), or anything else that `frames()` takes.

    Returns
    -------
    pandas.DataFrame
        One row for each run that has changed, with its strongest change: newly waiting, failed,
        answered, completed, new (created after `before` was read), confidence changed. `before` and
        `after` say what it showed then and now, `when` the time of the change (UTC). A question
        that was asked and answered in between is no row of its own: its run was completed.
        `attrs["sentence"]` is all of it in a paragraph, with the runs that only one of the two
        holds for another reason, and what waits now.

    Raises
    ------
    UsageError
        For sources that cannot hold runs, and if `after` is older: read earlier than `before`, or
        without a newer state of any run and with an older one of some.

    Examples
    --------
    >>> import runkit
    >>> with runkit.sandbox(history=12, seed=7) as box, box.client() as client:
    ...     f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    >>> len(runkit.changes(f, f))
    0
    """
    old, new = frames(before), frames(after)
    if _is_older(new, old):
        raise UsageError("after is older than before; expected the earlier state first: swap them.")
    since = old.read_at[1] if old.read_at else old.runs["as_of"].max()
    old_runs = {run["run_id"]: run for run in old.runs.to_dict("records")}
    waiting = open_questions(new)
    asked_before, asked_now = _by_run(open_questions(old)), _by_run(waiting)
    questions = _by_run(new.interrupts)

    rows, n_added = [], 0
    for run in new.runs.to_dict("records"):
        run_id = run["run_id"]
        if run_id not in old_runs and not run["created_at"] > since:
            n_added += 1  # a run that only `after` holds, though it is older
            continue
        earlier = old_runs.get(run_id)
        asked = asked_before[run_id], asked_now[run_id]
        change = _change(run, earlier, *asked, questions[run_id])
        if change is not None:
            rows.append(run | change._asdict())

    n_gone = len(old_runs.keys() - set(new.runs["run_id"]))
    table = pd.DataFrame(rows, columns=[*DTYPES]).astype(DTYPES)
    table = table.sort_values(["change", "when"], ascending=[True, False], ignore_index=True)
    table.attrs["sentence"] = _sentence(table, waiting, since, (n_gone, n_added))
    return table


def _is_older(f: Frames, other: Frames) -> bool:
    """Return whether `f` was read earlier, or has older states of some runs and no newer ones."""
    if f.read_at and other.read_at and f.read_at[1] < other.read_at[0]:
        return True
    times, others = (part.runs.set_index("run_id")["updated_at"] for part in (f, other))
    later = times - others
    zero = pd.Timedelta(0)
    return bool((later < zero).any() and not (later > zero).any())


def _by_run(questions: pd.DataFrame) -> defaultdict[str, list[Row]]:
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for question in questions.to_dict("records"):
        rows[question["run_id"]].append(question)
    return rows


class Change(NamedTuple):
    """What has changed in a run; `before` and `after` are what it showed then and now."""

    change: str
    before: str | None
    after: str | None
    when: Any


def _change(
    run: Row, earlier: Row | None, asked_before: list[Row], asked_now: list[Row], all_now: list[Row]
) -> Change | None:
    """Return the strongest change of a run, from its open questions and all its questions now."""
    before, after = _state(earlier) if earlier else None, _state(run)
    old_status = earlier["status"] if earlier else None
    new = _without(asked_now, asked_before)
    closed = _without(asked_before, asked_now)
    if new:
        return Change("newly waiting", before, new[0]["label"], new[0].get("asked_at"))
    if run["status"] == "error" != old_status:
        return Change("failed", before, after, run["ended_at"])
    if closed:
        times = [row["answered_at"] for row in all_now if _is_same(row, closed[0])]
        answered_at = times[0] if times else run["updated_at"]
        return Change("answered", closed[0]["label"], after, answered_at)
    if run["status"] == "completed" and old_status not in FINAL_STATUSES:
        return Change("completed", before, after, run["ended_at"])
    if earlier is None:
        return Change("new", None, after, run["created_at"])
    if run["status"] == "completed" and before != after:
        return Change("confidence changed", before, after, run["updated_at"])
    return None


def _without(questions: list[Row], others: list[Row]) -> list[Row]:
    """Return the questions that are not among others."""
    return [row for row in questions if not any(_is_same(row, other) for other in others)]


def _is_same(left: Row, right: Row) -> bool:
    """Return whether two rows are the same question: by step, by interrupt, else by text."""
    names = ("step_id", "interrupt_id")
    known = [name for name in names if pd.notna(left[name]) and pd.notna(right[name])] or ["label"]
    return any(left[name] == right[name] for name in known)


def _state(run: Row) -> str:
    """Describe in a few words how a run stands: its error, or its status and its confidence."""
    if run["status"] == "error" and pd.notna(run["outcome"]):
        return str(run["outcome"]).partition(":")[0]
    word = status(run["status"]).word
    return f"{word}, {run['confidence']}" if pd.notna(run["confidence"]) else word


def _sentence(
    table: pd.DataFrame, waiting: pd.DataFrame, since: Any, n_only: tuple[int, int]
) -> str:
    """Write the changes as a paragraph, with what waits now."""
    counts = table["change"].value_counts(sort=False).items()
    listed = ", ".join(f"{n:,} {change}" for change, n in counts if n)
    parts = [f"Since {moment(since)}: {listed or 'no run has changed'}"]
    for row in table[table["change"].eq("failed")].head(1).to_dict("records"):
        label = run_label(row["run_id"], row["business_name"], row["agent_name"])
        parts.append(f"Failed last: {label}, {shorten(row['after'], 80)}")
    for n, side in zip(n_only, ("before", "now"), strict=True):
        if n:
            parts.append(f"{plural(n, 'other run')} only {side}")
    oldest = waiting["wait_s"].max()
    age = "" if pd.isna(oldest) else f", the oldest for {duration(oldest)}"
    return ". ".join([*parts, f"{plural(len(waiting), 'question')} waiting now{age}."])
