"""`decisions()`: how reviewers decide, how often against the agent, and how long questions wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field

from runkit.analysis._proposals import (
    NOT_DONE,
    effects,
    proposals,
    questions_with_answers,
)
from runkit.analysis.actions import agreed
from runkit.analysis.intervals import Estimate, wilson
from runkit.api.contract import CONFIDENCES, RESOLUTIONS
from runkit.arguments import check, checked
from runkit.display.counts import DAY, gap, phrase, sentence, things
from runkit.display.text import plural
from runkit.facts import Facts, business_ids, count
from runkit.tables.audit_trail import joined_answers, use_words
from runkit.tables.read_frames import frames
from runkit.tables.run_rules import LinkedFrames, is_late
from runkit.tables.sources import Source

UNKNOWN = "unknown"
Group = Literal["kind", "agent", "answered_by", "week", "confidence"]
MIN_FOR_P90 = 10  # answers; of fewer, the 90th percentile is nearly the longest wait
MIN_FOR_INTERVAL = 10  # businesses; an interval of fewer says nearly nothing
OVER_DAYS = (1, 3, 7)
OVER_COUNTS = [f"n_over_{days}d" for days in OVER_DAYS]
ENDINGS = ["n_auto", "n_lapsed", "n_answered"]  # besides n_pending
RESULTS = ["n_approved", "n_rejected", "n_not_done", "n_unknown"]
COLUMNS = [
    "n_asked",
    "n_pending",
    *ENDINGS,
    *RESULTS,
    "n_edited",
    "n_known",
    "n_against",
    "against_share",
    "against_low",
    "against_high",
    "n_businesses",
    "wait_p50_s",
    "wait_p90_s",
    "oldest_pending_s",
    *OVER_COUNTS,
    "n_shown",
    "n_quick",
]


@checked
def decisions(
    f: Source,
    by: Group = "kind",
    answers: pd.DataFrame | None = None,
    actions: pd.DataFrame | None = None,
    *,
    quick_s: Annotated[float, Field(ge=0)] = 10,
) -> pd.DataFrame:
    """Count how reviewers decided, and measure how long questions waited, by group.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.
    by
        "kind" (of the question), "agent" (that asked), "answered_by" (the reviewer), "week" (the
        Monday of the week in which it was asked, in UTC) or "confidence" (of the agent in what it
        proposed: that of the weakest finding; questions of kind decision propose nothing and are
        left out).
    answers
        `runkit.answer_log()`, or a table of your own, as for `runkit.frames`: the API keeps no
        answer. Not needed for frames that have it already.
    actions
        `runkit.actions(f, client)`: what became of questions whose answer is not known, because
        somebody answered in Middesk's own screens. A decision is read from the status that its
        action set; any other proposal whose action was done is approved. A known answer comes
        first.
    quick_s
        The most seconds between the first display of a question and a quick answer.

    Returns
    -------
    pandas.DataFrame
        One row per group, the largest first, weeks and confidences in order; questions without a
        group are "unknown". Counts are Int32, seconds float64. What the data has is counted, and 0
        is null where some are not known: without `answers`, `actions` and decisions in the data, no
        result is known. Of runs whose steps were not read, only open questions are counted.

        `attrs["sentence"]` says how often reviewers decided against the agent (by confidence: where
        it was high), and counts what is not known, the runs whose steps were not read, and the rows
        of `answers` by what became of them, also those that match no question.

        | column | meaning |
        | --- | --- |
        | kind, agent, answered_by or week | the group |
        | n_asked | all questions; the next four add up to it |
        | n_pending, n_auto | waiting; resolved by policy |
        | n_lapsed, n_answered | the run ended first; answered |
        | n_approved, n_rejected, n_not_done, n_unknown | results; they add up to n_answered |
        | n_edited | of n_approved, those in part or with changes, which actions do not tell |
        | n_known | answers to a proposal (none is of kind decision) whose result is known |
        | n_against | of those, against the agent: rejected, edited or not done |
        | against_share | the mean of the businesses' shares of n_against in n_known |
        | against_low, against_high | its 95% interval (Wilson), from 10 businesses on, else null |
        | n_businesses | businesses in the share; without one the thread counts, else the run |
        | wait_p50_s, wait_p90_s | median and 90th percentile of waits; p90 needs 10 answers |
        | oldest_pending_s | the longest wait of a pending question, as far as the data proves it |
        | n_over_1d, n_over_3d, n_over_7d | pending for longer |
        | n_shown | answers given in a form that logged when it was shown; null without `answers` |
        | n_quick | of those, within `quick_s` and with no source opened; null if there are none |

        `n_not_done` counts proposals to add sources or attributes, to verify a TIN or to dismiss a
        hit that led to no action: rejected, or not carried out. This is known of runs that had
        ended when `actions` was read, if it has all actions on the object. The rest is in
        `n_unknown`, also mixed questions whose proposals led to different results.

        Questions about one business are one witness: it has the weight of its share, and the
        interval counts businesses.

    Raises
    ------
    UsageError
        For an unknown group, a frame that is not an answer log or not one of actions, and a
        `quick_s` that is not a number.

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
    questions, log = questions_with_answers(facts, answers)
    group = groups_of(questions, by)
    flags = _flags(facts.frames, questions, actions) | _attention(questions, log, quick_s)
    numbers = pd.DataFrame(flags, questions.index).astype("boolean")
    if by == "confidence":
        group = group[questions["kind"].ne("decision")]
    questions = _with_businesses(facts.frames, questions)
    shares = _shares(numbers, group, questions["business"])
    counts = _counts(numbers, group, facts).join([_waits(questions, group), shares])
    counts["n_businesses"] = counts["n_businesses"].fillna(0).astype("Int32")
    table = _ordered(counts[COLUMNS].rename_axis(by).reset_index(), by)
    ways = ["answers=runkit.answer_log()"] * (answers is None)
    ways += ["actions=runkit.actions(f, client)"] * (actions is None)
    parts = [*_against(facts, numbers, group, questions)]
    if numbers["n_against"].isna().any() and ways:
        parts.append(f"To know more, pass {' and '.join(ways)}.")
    parts += [facts.wait_note, "" if log is None else f"{use_words(log)}."]
    table.attrs["sentence"] = " ".join(filter(None, parts))
    return table


def _counts(flags: pd.DataFrame, group: pd.Series[str], facts: Facts) -> pd.DataFrame:
    """Count the flags of each group; 0 is null where some are not known or were not read."""
    by_group = flags.groupby(group)
    counts = by_group.sum().astype("Int32")
    is_doubtful = by_group.count().lt(by_group.size(), axis=0)
    if facts.n_unread:
        is_doubtful[[*ENDINGS, *RESULTS, "n_edited"]] = True
    if facts.open_questions.unread:
        is_doubtful[["n_pending", *OVER_COUNTS]] = True
    is_doubtful["n_against"] = False  # of the known ones
    counts = counts.mask(counts.eq(0) & is_doubtful)
    for name, base in (("n_quick", "n_shown"), ("n_against", "n_known")):
        counts[name] = counts[name].mask(counts[base].eq(0))
    return counts


def _with_businesses(f: LinkedFrames, questions: pd.DataFrame) -> pd.DataFrame:
    """Add the `business` of each question, else its thread, else its run; `has_business` if so."""
    runs = f.runs
    known = business_ids(runs)
    business = known.fillna(runs["thread_id"]).fillna(runs["run_id"])
    businesses = runs[["run_id"]].assign(business=business, has_business=known.notna())
    return questions.merge(businesses, "left", "run_id")


def _shares(flags: pd.DataFrame, group: pd.Series[str], business: pd.Series[str]) -> pd.DataFrame:
    """Return the mean share of the businesses of each group, with its interval."""
    against = flags.loc[flags["n_known"], "n_against"].astype("float64")
    by_business = against.groupby([group, business]).mean()
    by_group = by_business.groupby(level=0)
    share = by_group.mean()
    n = by_group.size()
    low, high = (bound.where(n >= MIN_FOR_INTERVAL) for bound in wilson(share, n))
    return pd.DataFrame(
        {"against_share": share, "against_low": low, "against_high": high, "n_businesses": n}
    )


def _against(
    facts: Facts, flags: pd.DataFrame, group: pd.Series[str], questions: pd.DataFrame
) -> Iterator[str]:
    """Write how often reviewers decided against the agent, as far as it is known."""
    is_rated = group.name == "confidence"
    level = "high-confidence " * is_rated
    noun = f"{level}question"
    index = group.index[group.eq("high")] if is_rated else group.index
    chosen = flags.loc[index]
    is_known = chosen["n_known"]
    is_counted = is_known | chosen["n_against"].isna()
    against = count(chosen.loc[is_counted, "n_against"], facts.n_unread)
    n_known = against.of - against.unknown
    if n_known:
        one_group = pd.Series("", chosen.index)
        [(*estimate, n)] = _shares(chosen, one_group, questions["business"]).to_numpy()
        mean = "" if n == n_known else f"mean of {plural(int(n), 'business', 'businesses')} "
        number = f"{against.n:,} of {plural(n_known, noun)} ({mean}{Estimate(*estimate)})"
        yield f"Reviewers decided against the agent in {number}{gap(against)}."
    elif against.of:
        yield sentence(phrase(against, "decided against the agent", f"answered {noun}"))
    else:
        proposal = f"to a {level}proposal"
        yield sentence(things(against, f"answer {proposal}", f"answers {proposal}"))
    if is_rated:
        yield "Only questions that were asked; the reviewer saw the confidence."
    has_no_business = is_known & ~questions["has_business"]
    may_be_edited = is_known & chosen["n_edited"].isna()
    notes = {
        "Without a business, counted by thread or run": has_no_business,
        "Left out, without a proposal": ~_has_proposal(questions),
        "Approved by an action, which does not tell edits": may_be_edited,
    }
    for words, is_so in notes.items():
        if n := int(is_so.sum()):
            yield f"{words}: {plural(n, 'question')}."


def _flags(
    f: LinkedFrames, questions: pd.DataFrame, actions: pd.DataFrame | None
) -> dict[str, Any]:
    """Return the columns that count endings, results and long waits, as flags of three values."""
    outcome = questions["outcome"]
    is_question = questions["is_separate"]
    is_pending = outcome.eq("pending") & is_question
    is_answered = outcome.eq("answered")
    known = questions["decision"].astype("string").where(is_answered)
    result = known.replace("edited", "approved")
    if actions is not None:
        rows = proposals(f, questions)
        by_question = effects(rows, actions).groupby(rows["question"])
        result = result.fillna(agreed(by_question))
    is_proposed = is_answered & _has_proposal(questions)
    is_against = result.ne("approved") | known.eq("edited").fillna(value=False)
    flags: dict[str, Any] = {
        "n_asked": is_question,
        "n_pending": is_pending,
        "n_auto": outcome.isin(RESOLUTIONS),
        "n_lapsed": outcome.eq("lapsed"),
        "n_answered": is_answered,
        "n_unknown": is_answered & result.isna(),
        "n_edited": is_answered & (result == "approved") & (known == "edited"),
        "n_known": is_proposed & result.notna(),
        "n_against": is_proposed & is_against,
    }
    for word in ("approved", "rejected", NOT_DONE):
        flags[f"n_{word}"] = is_answered & (result == word)
    for days in OVER_DAYS:
        flags[f"n_over_{days}d"] = is_pending & is_late(questions, days * DAY)
    return flags


def _has_proposal(questions: pd.DataFrame) -> pd.Series[bool]:
    """Return which questions propose something, with which a reviewer agrees or does not."""
    return questions["kind"].ne("decision") & questions["n_proposals"].gt(0)


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


def _attention(questions: pd.DataFrame, log: pd.DataFrame | None, quick_s: float) -> dict[str, Any]:
    """Flag the questions whose form logged when it was shown, and of those the quick answers."""
    if log is None:
        return {"n_shown": None, "n_quick": None}
    last = joined_answers(questions, log)
    seconds = (last["sent_at"] - last["shown_at"]).dt.total_seconds()
    is_quick = seconds.le(quick_s) & last["n_sources_opened"].eq(0)
    return {"n_shown": seconds.notna(), "n_quick": is_quick}


def groups_of(questions: pd.DataFrame, by: str) -> pd.Series[str]:
    """Return the group of each question; a week is named by its Monday."""
    if by == "week":
        weeks = questions["asked_at"].dt.tz_localize(None).dt.to_period("W-SUN")
        group = weeks.dt.start_time.dt.date
    else:
        group = questions[by]
    names: pd.Series[str] = group.astype("str").fillna(UNKNOWN)
    return names


def _ordered(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Sort weeks by time, the highest confidence first, others by size; "unknown" is last."""
    level = pd.Index(CONFIDENCES).get_indexer(pd.Index(table[by]))
    size: Any = {"week": 0, "confidence": level}.get(by, table["n_asked"])
    keys = table.assign(is_unknown=table[by] == UNKNOWN, rank=-size)
    in_order = keys.sort_values(["is_unknown", "rank", by]).index
    return table.loc[in_order].reset_index(drop=True)
