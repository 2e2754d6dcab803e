"""`decisions()`: how reviewers decide, and how long their questions wait."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.contract import RESOLUTIONS
from runkit.errors import UsageError
from runkit.tables.answers import logged_answers
from runkit.tables.frames import Frames, frames
from runkit.tables.schema import DECISIONS
from runkit.text import brief

GROUPS = ("kind", "agent", "answered_by", "week")
UNKNOWN = "unknown"
MIN_FOR_P90 = 10  # answers; of fewer, the 90th percentile is nearly the longest wait
DAY_S = 86_400
OVER_DAYS = (1, 3, 7)
DECISION_COUNTS = tuple(f"n_{word}" for word in DECISIONS)
LOG_COUNTS = ("n_shown", "n_quick")  # of what only the answer log knows
COLUMNS = (
    *("n_asked", "n_pending", "n_auto", "n_expired", "n_answered", *DECISION_COUNTS),
    *("wait_p50_s", "wait_p90_s", "oldest_pending_s"),
    *(f"n_over_{days}d" for days in OVER_DAYS),
    *LOG_COUNTS,
)


def decisions(
    f: object, by: str = "kind", answers: pd.DataFrame | None = None, *, quick_s: float = 10
) -> pd.DataFrame:
    """Count how reviewers decided, and measure how long questions waited, by group.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.
    by
        "kind" (of the question), "agent" (that asked), "answered_by" (the reviewer) or "week" (the Monday of
        the week in which it was asked, in UTC).
    answers
        `runkit.answer_log()`, or some of its rows: the API keeps no answer. Not needed for frames that have
        it already.
    quick_s
        The most seconds between the first display of a question and a quick answer.

    Returns
    -------
    pandas.DataFrame
        One row per group, the largest first, or the weeks in order; questions without a group are "unknown".
        Counts are integers, seconds float64.

        | column | meaning |
        | --- | --- |
        | kind, agent, answered_by or week | the group |
        | n_asked | all questions; the next four add up to it |
        | n_pending, n_auto, n_expired, n_answered | waiting; resolved by policy; run ended first; answered |
        | n_approved, n_rejected, n_edited | the decisions of answers, as far as known; null without any |
        | wait_p50_s, wait_p90_s | median and 90th percentile until the answer; p90 needs 10 answers |
        | oldest_pending_s | the longest wait of a pending question |
        | n_over_1d, n_over_3d, n_over_7d | pending for more than 1, 3, 7 days |
        | n_shown | answers given in a form that logged when it was shown; null without `answers` |
        | n_quick | of those, within `quick_s` and with no source opened |

    Raises
    ------
    UsageError
        For an unknown group, a frame that is not an answer log, and a `quick_s` that is not a number.

    Examples
    --------
    >>> import runkit
    >>> with runkit.sandbox(history=40, seed=7, now="2026-11-02T10:00:00Z") as box, box.client() as client:
    ...     f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    >>> table = runkit.decisions(f, by="agent")
    >>> int(table["n_asked"].sum()) == len(f.interrupts)
    True
    """
    if by not in GROUPS:
        raise UsageError.one_of("by", by, GROUPS)
    if isinstance(quick_s, bool) or not isinstance(quick_s, int | float) or not quick_s >= 0:
        raise UsageError(f"quick_s={brief(quick_s)}; expected a number of seconds, 0 or more.")
    f = frames(f, answers=answers)
    questions = f.interrupts
    group = _groups(questions, by)
    flags = _flags(questions) | _attention(f, answers, quick_s)
    counts = pd.DataFrame(flags, questions.index).groupby(group).sum().astype("int32")
    has_log = answers is not None
    has_decisions = has_log or bool(questions["decision"].notna().any())
    optional = dict.fromkeys(DECISION_COUNTS, has_decisions) | dict.fromkeys(LOG_COUNTS, has_log)
    for name, is_known in optional.items():
        unknown = pd.Series(pd.NA, counts.index, "Int32")
        counts[name] = counts[name].astype("Int32") if is_known else unknown
    table = counts.join(_waits(questions, group))[list(COLUMNS)]
    return _ordered(table.rename_axis(by).reset_index(), by)


def _waits(questions: pd.DataFrame, group: pd.Series[str]) -> pd.DataFrame:
    """Give the waits of each group, in seconds."""
    outcome, wait = questions["outcome"], questions["wait_s"]
    answered = wait.where(outcome == "answered").groupby(group)
    is_enough = answered.count() >= MIN_FOR_P90
    return pd.DataFrame(
        {
            "wait_p50_s": answered.median(),
            "wait_p90_s": answered.quantile(0.9).where(is_enough),
            "oldest_pending_s": wait.where(outcome == "pending").groupby(group).max(),
        }
    )


def _flags(questions: pd.DataFrame) -> dict[str, Any]:
    """Give the columns that count questions, as a flag for each question."""
    outcome = questions["outcome"]
    is_pending = outcome == "pending"
    flags: dict[str, Any] = {
        "n_asked": outcome.notna(),
        "n_pending": is_pending,
        "n_auto": outcome.isin(RESOLUTIONS),
        "n_expired": outcome == "lapsed",
        "n_answered": outcome == "answered",
    }
    for word in DECISIONS:
        flags[f"n_{word}"] = questions["decision"] == word
    for days in OVER_DAYS:
        flags[f"n_over_{days}d"] = is_pending & (questions["wait_s"] > days * DAY_S)
    return flags


def _attention(f: Frames, answers: pd.DataFrame | None, quick_s: float) -> dict[str, list[bool]]:
    """Flag the questions whose form logged when it was shown, and of those the quick answers."""
    questions = f.interrupts
    if answers is None:
        return {name: [False] * len(questions) for name in LOG_COUNTS}
    entries = logged_answers(questions, f.runs, answers)
    is_shown, is_quick = [], []
    for outcome, entry in zip(questions["outcome"], entries, strict=True):
        entry = entry or {}
        shown_at = entry.get("shown_at")
        has_time = outcome == "answered" and pd.notna(shown_at)
        seconds = (entry["sent_at"] - shown_at).total_seconds() if has_time else float("inf")
        is_shown.append(has_time)
        is_quick.append(seconds <= quick_s and entry["n_sources_opened"] == 0)
    return {"n_shown": is_shown, "n_quick": is_quick}


def _groups(questions: pd.DataFrame, by: str) -> pd.Series[str]:
    """Give the group of each question; a week is named by its Monday."""
    if by == "week":
        weeks = questions["asked_at"].dt.tz_localize(None).dt.to_period("W-SUN")
        group = weeks.dt.start_time.dt.strftime("%Y-%m-%d")
    else:
        group = questions[by]
    names: pd.Series[str] = group.astype("str").fillna(UNKNOWN)
    return names


def _ordered(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Sort weeks by time, other groups by size; "unknown" is last."""
    rank = 0 if by == "week" else -table["n_asked"]
    keys = table.assign(is_unknown=table[by] == UNKNOWN, rank=rank)
    order = keys.sort_values(["is_unknown", "rank", by]).index
    return table.loc[order].reset_index(drop=True)
