"""`changes()`: what has changed between two states of some runs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import pandas as pd

from runkit.analysis._differences import (
    FINDING,
    OTHERWISE,
    RESULT,
    SOURCES,
    STEPS,
    differences,
)
from runkit.api.contract import FINAL_STATUSES
from runkit.arguments import checked
from runkit.display.status_words import status
from runkit.display.text import duration, moment, plural, run_label, shorten
from runkit.errors import UsageError
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.run_rules import open_questions
from runkit.tables.sources import Source

# The strongest first, and how the sentence counts them.
CHANGES = {
    "newly waiting": "newly waiting",
    "failed": "failed",
    "answered": "answered",
    "completed": "completed",
    "new": "new",
    RESULT: "with another result",
    FINDING: "with other findings",
    SOURCES: "with other sources",
    STEPS: "with other steps",
    OTHERWISE: "otherwise changed",
}
MAX_DETAILS = 5  # details of a change that `what` names
Row = dict[Any, Any]
DTYPES: dict[str, Any] = {
    "change": pd.CategoricalDtype(list(CHANGES), ordered=True),
    "run_id": "str",
    "business_name": "str",
    "agent_name": "str",
    "what": "str",
    "before": "str",
    "after": "str",
    "when": "datetime64[us, UTC]",
    "also": "str",
}


@checked
def changes(before: Source, after: Source) -> pd.DataFrame:
    """Compare everything that two states of some runs hold.

    Parameters
    ----------
    before, after
        The runs then and now: two files, two `Frames`, such as two versions of an archive
        (`archive.frames(version=3)`), or anything else that `frames()` takes.

    Returns
    -------
    pandas.DataFrame
        One row for each run that differs, with its strongest change: newly waiting, failed,
        answered, completed, new (created after `before` was read), result changed, finding changed,
        sources changed, steps changed, otherwise changed. `what` names what differs, `before` and
        `after` are what it showed then and now, of several the first; `when` is the time of the
        change (UTC), and `also` has the other kinds of change. A question that was asked and
        answered in between is no row of its own: its run was completed.

        `attrs["sentence"]` counts all runs, with what could not be compared, such as steps that
        only one side has, and what waits now. Not compared is what depends on reading: `as_of`,
        durations of a run that was open on both sides, `business_status_at`, `agent_name`,
        positions, locations of problems, and decisions that only one side has from an answer log.
        Frames that version 0.3 saved also differ where a rule has changed since, such as that of
        `outcome`.

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
    is_added = ~new.runs["run_id"].isin(old.runs["run_id"])
    is_new = is_added & (new.runs["created_at"] > since)
    found = differences(old, new)
    events = _events(old, new, is_new)
    doubts = found.loc[found["doubt"].notna(), ["run_id", "doubt"]].drop_duplicates()
    table = _strongest(new, events, found[found["doubt"].isna()])
    n_gone = int((~old.runs["run_id"].isin(new.runs["run_id"])).sum())
    n_added = int((is_added & ~is_new).sum())
    sizes = Sizes(len(new.runs) - n_added, n_gone, n_added)
    table.attrs["sentence"] = _sentence(table, doubts, open_questions(new), since, sizes)
    return table


def _events(old: Frames, new: Frames, is_new: pd.Series[bool]) -> pd.DataFrame:
    """Return the runs that are new, wait, failed, were answered or completed, a row for each."""
    old_runs = {run["run_id"]: run for run in old.runs.to_dict("records")}
    asked_before, asked_now = _by_run(open_questions(old)), _by_run(open_questions(new))
    questions = _by_run(new.interrupts)
    rows = []
    for run in new.runs[is_new | new.runs["run_id"].isin(old_runs)].to_dict("records"):
        run_id = run["run_id"]
        asked = asked_before[run_id], asked_now[run_id]
        event = _event(run, old_runs.get(run_id), *asked, questions[run_id])
        if event is not None:
            rows.append({"run_id": run_id} | event._asdict())
    return pd.DataFrame(rows, columns=["run_id", *Change._fields])


def _strongest(new: Frames, events: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each run that differs, from what happened and what is found to differ."""
    runs = new.runs[["run_id", "business_name", "agent_name", "updated_at"]]
    found = found.merge(runs[["run_id", "updated_at"]].set_axis(["run_id", "when"], axis=1))
    rows = pd.concat([events.assign(is_minor=False), found], ignore_index=True)
    rows = rows.astype({"change": DTYPES["change"], "is_minor": "bool"})
    rows = rows.sort_values(["change", "is_minor"], kind="stable")

    first = rows.drop_duplicates("run_id").set_index("run_id")
    strongest, is_minor = (rows["run_id"].map(first[name]) for name in ("change", "is_minor"))
    is_named = rows["change"].eq(strongest) & rows["is_minor"].eq(is_minor) & rows["what"].notna()
    is_other = rows["change"].ne(strongest) & ~rows["is_minor"]
    what = rows[is_named].groupby("run_id")["what"].agg(_listed)
    others = rows[is_other].drop_duplicates(["run_id", "change"]).astype({"change": "str"})
    also = others.groupby("run_id")["change"].agg(", ".join)
    table = first.assign(what=what, also=also).reset_index().merge(runs, on="run_id")
    table = table[[*DTYPES]].astype(DTYPES)
    return table.sort_values(["change", "when"], ascending=[True, False], ignore_index=True)


def _listed(names: pd.Series[str]) -> str:
    """Join different names, the first and the number of others."""
    different = [*dict.fromkeys(names)]
    n_more = len(different) - MAX_DETAILS
    more = [f"{n_more:,} more"] if n_more > 0 else []
    return "; ".join([*different[:MAX_DETAILS], *more])


class Sizes(NamedTuple):
    """How many runs are compared, with those that are new, and how many only one side has."""

    compared: int
    gone: int
    added: int


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
    """What has happened in a run; `before` and `after` are what it showed then and now."""

    change: str
    before: str | None
    after: str | None
    when: Any


def _event(
    run: Row, earlier: Row | None, asked_before: list[Row], asked_now: list[Row], all_now: list[Row]
) -> Change | None:
    """Return what has happened in a run, from its open questions and all its questions now."""
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
    return None


def _without(questions: list[Row], others: list[Row]) -> list[Row]:
    """Return the questions that are not among others; one that is not in the data may be any."""
    if others and any(pd.isna(row["kind"]) for row in [*questions, *others]):
        return []
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
    table: pd.DataFrame, doubts: pd.DataFrame, waiting: pd.DataFrame, since: Any, sizes: Sizes
) -> str:
    """Write the changes as a paragraph whose first parts add up to all runs."""
    n_doubtful = int((~doubts["run_id"].drop_duplicates().isin(table["run_id"])).sum())
    n_equal = sizes.compared - len(table) - n_doubtful
    counts = table["change"].value_counts()
    listed = [f"{counts[change]:,} {words}" for change, words in CHANGES.items() if counts[change]]
    is_same = n_equal == sum(sizes) > 0 and doubts.empty
    begin = "It is not known when before was read" if pd.isna(since) else f"Since {moment(since)}"
    parts = [", ".join(listed)] if listed else ["no run has changed"] if is_same else []
    others = {
        f"{n_equal:,} unchanged": n_equal,
        f"{n_doubtful:,} unchanged as far as they can be compared": n_doubtful,
        f"{plural(sizes.gone, 'run')} only before": sizes.gone,
        f"{plural(sizes.added, 'run')} only now": sizes.added,
    }
    parts += [words for words, n in others.items() if n] or ([] if parts else ["no runs"])
    sentences = [f"{begin}: {'; '.join(parts)}"]
    if len(doubts):
        by_doubt = doubts["doubt"].value_counts().items()
        unlike = ", ".join(f"{doubt} of {plural(n, 'run')}" for doubt, n in by_doubt)
        sentences.append(f"Not comparable: {unlike}")
    for row in table[table["change"].eq("failed")].head(1).to_dict("records"):
        label = run_label(row["run_id"], row["business_name"], row["agent_name"])
        sentences.append(f"Failed last: {label}, {shorten(row['after'], 80)}")
    oldest = waiting["wait_s"].max()
    age = "" if pd.isna(oldest) else f", the oldest for {duration(oldest)}"
    return ". ".join([*sentences, f"{plural(len(waiting), 'question')} waiting now{age}."])
