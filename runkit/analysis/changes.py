"""`changes()`: what has changed between two states of some runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.analysis._differences import (
    FINDING,
    FOLLOWS,
    OTHERWISE,
    RESULT,
    SOURCES,
    STEPS,
    differences,
)
from runkit.api.contract import FINAL_STATUSES
from runkit.arguments import checked
from runkit.display.status_words import status
from runkit.display.text import moment, plural, shorten
from runkit.errors import UsageError
from runkit.facts import Facts
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
    OTHERWISE: "otherwise",
}
UNCHANGED = (
    "unchanged",
    "unchanged as far as they can be compared",
    "only before",
    "only now",
)
MAX_WHAT = 200  # characters of what differs
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
        The runs then and now: two files, two `Frames`, or anything else that `frames()`
        takes.

    Returns
    -------
    pandas.DataFrame
        One row for each run that differs, with its strongest change: newly waiting, failed,
        answered, completed, new (created after `before` was read), result changed, finding changed,
        sources changed, steps changed, otherwise changed. `what` names the columns that differ, or
        the frame that has a row more or less; `before` and `after` are what it showed then and now,
        of several the first; `when` is the time of the change (UTC), and `also` has the other
        kinds of change. A question that was asked and answered in between is no row of its own: its
        run was completed.

        `attrs["sentence"]` counts all runs, and those of which something cannot be compared: steps
        that were not read on both sides, values that could not be read on one side or both, a
        business that one side does not know, and a text that one side masks. Never compared is what
        depends on reading: `as_of`, durations of a run that was open on both sides,
        `business_status_at`, `agent_name`, positions, locations of problems, and decisions that
        only one side has from an answer log.

    Raises
    ------
    UsageError
        For sources that cannot hold runs, and if `after` is older: without a newer state of any run
        and with an older one of some.

    Examples
    --------
    >>> import runkit
    >>> with runkit.sandbox(history=3, seed=7) as box, box.client() as client:
    ...     f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    >>> len(runkit.changes(f, f))
    0
    """
    old = frames(before)
    new = frames(after)
    if _is_older(new, old):
        raise UsageError("after is older than before; expected the earlier state first: swap them.")
    since = old.read_at[1] if old.read_at else Facts(old).as_of
    runs = new.runs
    is_old = runs["run_id"].isin(old.runs["run_id"])
    is_new = ~is_old & (runs["created_at"] > since)
    cells = differences(old, new)
    is_doubtful = cells["doubt"].notna()
    doubts = cells.loc[is_doubtful, ["run_id", "doubt"]].drop_duplicates()
    events = _events(old, new, runs[is_old | is_new])
    table = _strongest(runs, pd.concat([events, cells[~is_doubtful]]))
    begin = "It is not known when before was read" if pd.isna(since) else f"Since {moment(since)}"
    counts = _counts(old.runs, runs, table, doubts) or "no runs"
    parts = [f"{begin}: {counts}."]
    if len(doubts):
        n_of = doubts["doubt"].value_counts().items()
        unlike = ", ".join(f"{doubt} of {plural(n, 'run')}" for doubt, n in n_of)
        parts.append(f"Not comparable: {unlike}.")
    table.attrs["sentence"] = " ".join(parts)
    return table


def _is_older(f: Frames, other: Frames) -> bool:
    """Return whether `f` has older states of some runs and no newer ones."""
    times, others = (part.runs.set_index("run_id")["updated_at"] for part in (f, other))
    seconds = (times - others).dt.total_seconds()
    return bool(seconds.min() < 0 >= seconds.max())


def _counts(old: pd.DataFrame, new: pd.DataFrame, table: pd.DataFrame, doubts: pd.DataFrame) -> str:
    """Count all runs by what became of them, in parts that add up."""
    was = pd.Index(old["run_id"])
    now = pd.Index(new["run_id"])
    unchanged, in_part, only_before, only_now = UNCHANGED
    words = pd.Series(unchanged, was.union(now), "str")
    words[doubts["run_id"]] = in_part
    words[was.difference(now)] = only_before
    words[now.difference(was)] = only_now
    words[table["run_id"]] = table["change"].map(CHANGES).to_numpy()
    n_of = words.value_counts()
    order = [*CHANGES.values(), *UNCHANGED]
    return ", ".join(f"{n_of[word]:,} {word}" for word in order if word in n_of)


def _strongest(runs: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each run that differs, from what happened and what is found to differ."""
    kinds = pd.CategoricalDtype([*CHANGES, FOLLOWS], ordered=True)
    names = runs[["run_id", "business_name", "agent_name", "updated_at"]]
    rows = cells.astype({"change": kinds}).sort_values("change", kind="stable")
    rows = rows.merge(names, on="run_id").astype({"change": "str"})
    strongest = rows.groupby("run_id")["change"].transform("first")
    is_strongest = rows["change"].eq(strongest)
    is_other = ~is_strongest & rows["change"].ne(FOLLOWS)
    named = rows[is_strongest].dropna(subset="what").groupby("run_id")["what"]
    others = rows[is_other].groupby("run_id")["change"]
    first = rows.drop_duplicates("run_id").set_index("run_id")
    first = first.assign(
        change=first["change"].replace(FOLLOWS, OTHERWISE),
        what=named.agg(lambda names: shorten("; ".join(names.unique()), MAX_WHAT)),
        when=first["when"].fillna(first["updated_at"]),
        also=others.agg(lambda kinds: ", ".join(kinds.unique())),
    )
    table = first.reset_index()[[*DTYPES]].astype(DTYPES)
    return table.sort_values(["change", "when"], ascending=[True, False], ignore_index=True)


def _events(old: Frames, new: Frames, runs: pd.DataFrame) -> pd.DataFrame:
    """Return what happened in some runs, a row for each event, with what they showed then and now.

    A question that waited is answered if an answered one is the same, or if its run goes on and its
    steps were not read: only an answer resumes a run. One that is not in the data may be any
    question of its run.
    """
    states = old.runs.assign(before=_states(old.runs), was=old.runs["status"].astype("str"))
    runs = runs.assign(after=_states(runs))
    runs = runs.merge(states[["run_id", "before", "was"]], "left", on="run_id")
    status = runs["status"]
    was = runs["was"]
    asked = open_questions(old)
    waiting = open_questions(new)
    same = _same(waiting, asked)
    newly = waiting[~waiting.index.isin(same["index"])].assign(after=waiting["label"])
    is_closed = ~asked.index.isin(same["index_other"])
    closed = asked[is_closed & asked["kind"].notna()]
    answered = new.interrupts[new.interrupts["outcome"].eq("answered")]
    goes_on = runs.loc[~runs["has_steps"] & status.isin(["running", "completed"]), "run_id"]
    resumed = asked[is_closed & asked["run_id"].isin(goes_on)]
    answered = pd.concat([_same(answered, closed), resumed.assign(before=resumed["label"])])
    events = {
        ("newly waiting", "asked_at"): newly.merge(runs[["run_id", "before"]], on="run_id"),
        ("failed", "ended_at"): runs[status.eq("error") & was.ne("error")],
        ("answered", "answered_at"): answered.merge(runs[["run_id", "after"]], on="run_id"),
        ("completed", "ended_at"): runs[status.eq("completed") & ~was.isin(FINAL_STATUSES)],
        ("new", "created_at"): runs[was.isna()],
    }
    parts = [df.assign(change=change, when=df[time]) for (change, time), df in events.items()]
    return pd.concat(parts)[["run_id", "change", "before", "after", "when"]]


def _same(questions: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return the questions that are, or may be, among others; `before` is the label of the other.

    The same question has the same step, else the same id, else the same label.
    """
    questions = questions.reset_index()
    others = others.reset_index()
    pairs = questions.merge(others, on="run_id", suffixes=("", "_other"))
    is_same = pairs["label"].eq(pairs["label_other"])
    for name in ("interrupt_id", "step_id"):
        other = pairs[f"{name}_other"]
        has_both = pairs[name].notna() & other.notna()
        is_same = pairs[name].eq(other).where(has_both, is_same)
    is_same |= pairs["kind"].isna() | pairs["kind_other"].isna()
    return pairs[is_same].assign(before=pairs["label_other"])


def _states(runs: pd.DataFrame) -> pd.Series[str]:
    """Describe in a few words how runs stand: the error, or the status and the confidence."""
    words = runs["status"].astype("str").map(lambda word: status(word).word)
    sure = (", " + runs["confidence"].astype("str")).fillna("")
    return (words + sure).mask(runs["status"].eq("error"), runs["outcome"].fillna(words))
