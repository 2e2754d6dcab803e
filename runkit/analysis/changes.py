"""`changes()`: what has changed between two states of some runs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pandas as pd

from runkit.arguments import checked
from runkit.contract import FINAL_STATUSES
from runkit.errors import UsageError
from runkit.style import status
from runkit.tables.facts import open_questions
from runkit.tables.frames import frames
from runkit.tables.sources import Source
from runkit.text import duration, moment, plural, run_label, shorten, timestamp

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
        For sources that cannot hold runs, and if `after` was read earlier than `before`.

    Examples
    --------
    >>> import runkit
    >>> with runkit.sandbox(history=12, seed=7) as box, box.client() as client:
    ...     f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    >>> len(runkit.changes(f, f))
    0
    """
    old, new = frames(before), frames(after)
    if old.read_at and new.read_at and new.read_at[1] < old.read_at[0]:
        times = timestamp(new.read_at[1]), timestamp(old.read_at[0])
        raise UsageError("after was read {}, and before later, {}; swap them.".format(*times))
    since = old.read_at[1] if old.read_at else old.runs["as_of"].max()
    was = {run["run_id"]: run for run in old.runs.to_dict("records")}
    waiting = open_questions(new)
    asked, asks = _by_run(open_questions(old)), _by_run(waiting)
    ended = _by_run(new.interrupts)
    rows, n_gone, n_more = [], len(was.keys() - set(new.runs["run_id"])), 0
    for run in new.runs.to_dict("records"):
        run_id = run["run_id"]
        if run_id not in was and not run["created_at"] > since:
            n_more += 1
            continue
        found = _change(run, was.get(run_id), asked[run_id], asks[run_id], ended[run_id])
        if found:
            rows.append(run | dict(zip(("change", "before", "after", "when"), found, strict=True)))
    table = pd.DataFrame(rows, columns=[*DTYPES]).astype(DTYPES)
    table = table.sort_values(["change", "when"], ascending=[True, False], ignore_index=True)
    table.attrs["sentence"] = _sentence(table, waiting, since, (n_gone, n_more))
    return table


def _by_run(questions: pd.DataFrame) -> defaultdict[str, list[Row]]:
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for question in questions.to_dict("records"):
        rows[question["run_id"]].append(question)
    return rows


def _change(
    run: Row, earlier: Row | None, asked: list[Row], asks: list[Row], ended: list[Row]
) -> tuple[str, str | None, str | None, Any] | None:
    """Return the strongest change of a run: its name, what was shown before, what is now, and when."""
    before, now = _shown(earlier) if earlier else None, _shown(run)
    was = earlier["status"] if earlier else None
    new = [ask for ask in asks if not any(_is_same(ask, other) for other in asked)]
    gone = [ask for ask in asked if not any(_is_same(ask, other) for other in asks)]
    if new:
        return "newly waiting", before, new[0]["label"], new[0].get("asked_at")
    if run["status"] == "error" != was:
        return "failed", before, now, run["ended_at"]
    if gone:
        times = [row["answered_at"] for row in ended if _is_same(row, gone[0])]
        return "answered", gone[0]["label"], now, next(iter(times), run["updated_at"])
    if run["status"] == "completed" and was not in FINAL_STATUSES:
        return "completed", before, now, run["ended_at"]
    if earlier is None:
        return "new", None, now, run["created_at"]
    if run["status"] == "completed" and before != now:
        return "confidence changed", before, now, run["updated_at"]
    return None


def _is_same(left: Row, right: Row) -> bool:
    """Whether two rows are the same question: by the step, by the interrupt, else by the text."""
    names = ("step_id", "interrupt_id")
    known = [name for name in names if pd.notna(left[name]) and pd.notna(right[name])] or ["label"]
    return any(left[name] == right[name] for name in known)


def _shown(run: Row) -> str:
    """Describe in a few words how a run stands: its error, or its status and its confidence."""
    if run["status"] == "error" and pd.notna(run["outcome"]):
        return str(run["outcome"]).partition(":")[0]
    word = status(run["status"]).word
    return f"{word}, {run['confidence']}" if pd.notna(run["confidence"]) else word


def _sentence(
    table: pd.DataFrame, waiting: pd.DataFrame, since: Any, n_only: tuple[int, int]
) -> str:
    """Write the changes as a paragraph, with what waits now."""
    counts = table["change"].value_counts(sort=False)
    what = ", ".join(f"{n:,} {change}" for change, n in counts.items() if n) or "no run has changed"
    parts = [f"Since {moment(since)}: {what}"]
    for row in table[table["change"].eq("failed")].head(1).to_dict("records"):
        label = run_label(row["run_id"], row["business_name"], row["agent_name"])
        parts.append(f"Failed last: {label}, {shorten(row['after'], 80)}")
    n_of = dict(zip(("before", "now"), n_only, strict=True))
    parts += [f"{plural(n, 'other run')} only {side}" for side, n in n_of.items() if n]
    oldest = waiting["wait_s"].max()
    age = "" if pd.isna(oldest) else f", the oldest for {duration(oldest)}"
    return ". ".join([*parts, f"{plural(len(waiting), 'question')} waiting now{age}."])
