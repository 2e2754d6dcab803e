"""`decisions()`: how reviewers decide, and how long questions wait."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd

from runkit.api.contract import RESOLUTIONS
from runkit.arguments import check, checked
from runkit.display.counts import DAY, Count, paragraph, phrase, sentence
from runkit.facts import Facts
from runkit.tables.audit_trail import match, use_words, with_answers
from runkit.tables.read_frames import frames
from runkit.tables.run_rules import is_late
from runkit.tables.sources import Source

UNKNOWN = "unknown"
Group = Literal["kind", "agent", "answered_by", "week"]
MIN_FOR_P90 = 10  # answers; of fewer, the 90th percentile is nearly the longest wait
OVER_DAYS = (1, 3, 7)
OVER_COUNTS = [f"n_over_{days}d" for days in OVER_DAYS]
# of runs whose steps were not read, these are not known
SETTLED = [
    *("n_auto", "n_lapsed", "n_answered", "n_approved", "n_rejected", "n_unknown", "n_edited")
]
WAITS = ["wait_p50_s", "wait_p90_s", "oldest_pending_s"]
COLUMNS = ["n_asked", "n_pending", *SETTLED, *WAITS, *OVER_COUNTS]


@checked
def decisions(f: Source, by: Group = "kind", answers: pd.DataFrame | None = None) -> pd.DataFrame:
    """Count how reviewers decided, and measure how long questions waited, by group.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.
    by
        "kind" (of the question), "agent" (that asked), "answered_by" (the reviewer) or "week" (the
        Monday of the week in which it was asked, in UTC).
    answers
        `runkit.answer_log()`, or a table of your own, as for `runkit.frames`: the API keeps no
        answer. Not needed for frames that have it already.

    Returns
    -------
    pandas.DataFrame
        One row per group, the largest first, weeks in order; questions without a group are
        "unknown". Counts are Int32, seconds float64. What the data has is counted, and 0 is null
        where some are not known: without `answers` and decisions in the data, no decision is known.
        Of runs whose steps were not read, only open questions are counted.

        `attrs["sentence"]` counts the answers that are known, the runs whose steps were not read,
        and the rows of `answers` by what became of them, also those that match no question.

        | column | meaning |
        | --- | --- |
        | kind, agent, answered_by or week | the group |
        | n_asked | all questions; the next four add up to it |
        | n_pending, n_auto | waiting; resolved by policy |
        | n_lapsed, n_answered | the run ended first; answered |
        | n_approved, n_rejected, n_unknown | decisions; they add up to n_answered |
        | n_edited | of n_approved, those in part or with changes |
        | wait_p50_s, wait_p90_s | median and 90th percentile of waits; p90 needs 10 answers |
        | oldest_pending_s | the longest wait of a pending question, as far as the data proves it |
        | n_over_1d, n_over_3d, n_over_7d | pending for longer |

    Raises
    ------
    UsageError
        For an unknown group, and a frame that is not an answer log.

    Examples
    --------
    >>> import runkit
    >>> box = runkit.sandbox(history=8, seed=7, now="2026-11-02T10:00:00Z")
    >>> with box, box.client() as client:
    ...     f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    >>> table = runkit.decisions(f, by="agent")
    >>> int(table["n_asked"].sum()) == len(f.interrupts)
    True
    """
    check("by", by, Group)
    facts = Facts(frames(f))
    questions = facts.questions
    words = ""
    if answers is not None:
        log = match(facts.frames, questions, answers)
        questions = with_answers(questions, log)
        words = f"{use_words(log)}."
    group = _groups(questions, by)
    flags = _flags(questions)
    counts = _counts(flags, group, facts).join(_waits(questions, group))
    table = _ordered(counts[COLUMNS].rename_axis(by).reset_index(), by)
    n_answered = int(flags["n_answered"].sum())
    n_known = n_answered - int(flags["n_unknown"].sum())
    known = phrase(Count(n_known, n_answered, 0, facts.n_unread), "known", "answer")
    table.attrs["sentence"] = paragraph(sentence(known), facts.wait_note, words)
    return table


def _counts(flags: pd.DataFrame, group: pd.Series[str], facts: Facts) -> pd.DataFrame:
    """Count the flags of each group; 0 is null where some are not known or were not read."""
    by_group = flags.groupby(group)
    counts = by_group.sum().astype("Int32")
    is_doubtful = by_group.count().lt(by_group.size(), axis=0)
    if facts.n_unread:
        is_doubtful[SETTLED] = True
    if facts.open_questions.unread:
        is_doubtful[["n_pending", *OVER_COUNTS]] = True
    return counts.mask(counts.eq(0) & is_doubtful)


def _flags(questions: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that count endings, decisions and long waits, as flags of three values."""
    outcome = questions["outcome"]
    is_question = questions["is_separate"]
    is_pending = outcome.eq("pending") & is_question
    is_answered = outcome.eq("answered")
    decision = questions["decision"].astype("string").where(is_answered)
    result = decision.replace("edited", "approved")
    flags: dict[str, Any] = {
        "n_asked": is_question,
        "n_pending": is_pending,
        "n_auto": outcome.isin(RESOLUTIONS),
        "n_lapsed": outcome.eq("lapsed"),
        "n_answered": is_answered,
        "n_approved": is_answered & result.eq("approved"),
        "n_rejected": is_answered & decision.eq("rejected"),
        "n_unknown": is_answered & decision.isna(),
        "n_edited": is_answered & decision.eq("edited"),
    }
    for days in OVER_DAYS:
        flags[f"n_over_{days}d"] = is_pending & is_late(questions, days * DAY)
    return pd.DataFrame(flags, questions.index).astype("boolean")


def _waits(questions: pd.DataFrame, group: pd.Series[str]) -> pd.DataFrame:
    """Return the waits of each group, in seconds."""
    outcome = questions["outcome"]
    wait = questions["wait_s"]
    answered = wait.where(outcome == "answered").groupby(group)
    pending = wait.where(outcome == "pending").groupby(group)
    has_p90 = answered.count() >= MIN_FOR_P90
    return pd.DataFrame(
        {
            "wait_p50_s": answered.median(),
            "wait_p90_s": answered.quantile(0.9).where(has_p90),
            "oldest_pending_s": pending.max(),
        }
    )


def _groups(questions: pd.DataFrame, by: str) -> pd.Series[str]:
    """Return the group of each question; a week is named by its Monday."""
    if by == "week":
        weeks = questions["asked_at"].dt.tz_localize(None).dt.to_period("W-SUN")
        group = weeks.dt.start_time.dt.date
    else:
        group = questions[by]
    names: pd.Series[str] = group.astype("str").fillna(UNKNOWN)
    return names


def _ordered(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Sort weeks by time, others by size; "unknown" is last."""
    size: Any = 0 if by == "week" else table["n_asked"]
    keys = table.assign(is_unknown=table[by] == UNKNOWN, rank=-size)
    in_order = keys.sort_values(["is_unknown", "rank", by]).index
    return table.loc[in_order].reset_index(drop=True)
