"""`decisions()`: what reviewers decided, in their own words, and how long questions waited."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any, Literal

import pandas as pd

from runkit.api.words import OUTCOMES
from runkit.arguments import checked
from runkit.facts import Facts, is_a
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

NO_GROUP = "unknown"


@checked
def decisions(
    f: Source, by: Literal["kind", "agent", "answered_by", "week"] = "kind"
) -> pd.DataFrame:
    """Count the decisions of reviewers by their own words, and measure how long questions waited.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes. Answers that the data
        lacks come with `frames(source, answers=runkit.answer_log())`.
    by
        "kind" (of the question), "agent" (that asked), "answered_by" (the reviewer; of
        answered questions only) or "week" (the Monday of the week in which it was asked, in UTC).

    Returns
    -------
    pandas.DataFrame
        One row per group, the largest first, weeks in order; questions without a
        group are "unknown". Counts are Int32, seconds float64.

        | column | meaning |
        | --- | --- |
        | kind, agent, answered_by or week | the group |
        | n_questions | all questions; the next four add up to it |
        | n_pending, n_answered | waiting; answered |
        | n_policy, n_expired | settled by policy; the run ended first |
        | n_known | answered questions whose decision is known |
        | decisions | the decisions with their counts: "approve 13, decline 4" |
        | wait_p50_s, wait_p90_s | median and 90th percentile of the waits of answered questions |
        | longest_pending_s | the longest wait of an open question, up to `as_of` |

        Words that differ only in case are one. Of a combined question each part counts.

    Raises
    ------
    UsageError
        For an unknown group.

    Examples
    --------
    >>> import runkit
    >>> box = runkit.sandbox(history=8, seed=7, now="2026-11-02T10:00:00Z")
    >>> with box, box.client() as client:
    ...     f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    >>> table = runkit.decisions(f, by="agent")
    >>> int(table["n_questions"].sum()) == len(f.interrupts)
    True
    """
    f = frames(f)
    agents = {*f.steps["agent"], *f.artifacts["agent"]}
    questions = Facts(f).questions
    if by == "answered_by":
        questions = questions[questions["outcome"].eq("answered")]
    parts = questions["decision"].map(partial(_parts, agents), na_action="ignore")
    questions = questions.assign(parts=parts)
    group = groups_of(questions, by)
    rows = [_row(name, rows) for name, rows in questions.groupby(group, sort=False)]
    table = pd.DataFrame(rows, columns=["group", *_row("", questions.head(0))][1:])
    counts = {name: "Int32" for name in table if str(name).startswith("n_")}
    waits = {name: "float64" for name in table if str(name).endswith("_s")}
    table = table.astype(counts | waits | {"group": "str", "decisions": "str"})
    return _ordered(table.rename(columns={"group": by}), by)


def _row(name: object, questions: pd.DataFrame) -> dict[str, Any]:
    """Count the questions of one group."""
    outcome = questions["outcome"]
    answered = questions[outcome.eq("answered")]
    pending = questions[outcome.eq("pending")]
    return {
        "group": name,
        "n_questions": len(questions),
        "n_pending": len(pending),
        "n_answered": len(answered),
        "n_policy": int(is_a(outcome, OUTCOMES, "policy").sum()),
        "n_expired": int(outcome.eq("expired").sum()),
        "n_known": int(answered["decision"].notna().sum()),
        "decisions": _counted(answered["parts"].explode().dropna()),
        "wait_p50_s": answered["wait_s"].median(),
        "wait_p90_s": answered["wait_s"].quantile(0.9),
        "longest_pending_s": pending["wait_s"].max(),
    }


def _parts(agents: set[str], decision: str) -> list[str]:
    """Return the words of each part of a combined decision, `agent: word`; of another all."""
    parts = [part.partition(": ") for part in decision.split("; ")]
    is_combined = all(agent in agents for agent, _, _ in parts)
    return [word for _, _, word in parts] if is_combined else [decision]


def _counted(decided: pd.Series[str]) -> str | None:
    """Write decisions with their counts, the most frequent first."""
    n_of: Counter[str] = Counter()
    words: dict[str, str] = {}
    for own in decided:
        words.setdefault(own.lower(), own)
        n_of[own.lower()] += 1
    return ", ".join(f"{words[key]} {n:,}" for key, n in n_of.most_common()) or None


def groups_of(questions: pd.DataFrame, by: str) -> pd.Series[str]:
    """Return the group of each question; a week is named by its Monday."""
    if by == "week":
        weeks = questions["asked_at"].dt.tz_localize(None).dt.to_period("W-SUN")
        group = weeks.dt.start_time.dt.date
    else:
        group = questions[by]
    names: pd.Series[str] = group.astype("str").fillna(NO_GROUP)
    return names


def _ordered(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Sort weeks by time, others by size; "unknown" is last."""
    rank = -table["n_questions"]
    if by == "week":
        rank = table["n_questions"] * 0
    keys = table.assign(is_unknown=table[by] == NO_GROUP, rank=rank)
    in_order = keys.sort_values(["is_unknown", "rank", by]).index
    return table.loc[in_order].reset_index(drop=True)
