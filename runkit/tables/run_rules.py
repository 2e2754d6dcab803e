"""The rules of a run: findings, waits, why it failed, and where its time went.

Each screen that shows one of these uses the function here. Flags have three values: null is what
the data does not say. `f` is `Frames`, which a module above this one defines.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import pandas as pd

from runkit.api.contract import FINAL_STATUSES, TIERS
from runkit.api.jsontext import returned
from runkit.display.counts import Span, lasted
from runkit.display.text import duration, short_id

NOT_IN_THE_DATA = "The question is not in the data"
STEPS_LOST = "The steps could not be read; see f.problems."
STEPS_NOT_DELIVERED = "The steps were not delivered: fetch the run with its steps to see them."
NOT_READ = "Not known: the steps were not read"
NO_CAUSE = {  # by whether the steps of a failed run were read
    True: "No step says why.",
    False: "Why is not known: its steps were not read.",
}
MIN_IDLE = 0.05  # a smaller share of the time that is no waiting is not mentioned
STRONG_TIERS = TIERS[TIERS.index("primary") :]
ARTIFACT = ["run_id", "artifact_no"]
IDS_AND_NUMBERS = re.compile(  # failures with one cause differ in them
    r"([0-9a-f]{8}-[0-9a-f-]{27}|(?<![^\W_])(?:(?=[a-f]*\d)[0-9a-f]{8,}\b|\d[\d.,:]*))",
    re.IGNORECASE,
)
CODE = r" \([^()]*\)$"
FAILURE = ["error", "label", "agent"]  # what makes two failures the same


class LinkedFrames(Protocol):
    """The frames that the rules read."""

    @property
    def runs(self) -> pd.DataFrame:
        """A row for each run."""

    @property
    def steps(self) -> pd.DataFrame:
        """A row for each step."""

    @property
    def artifacts(self) -> pd.DataFrame:
        """A row for each artifact."""

    @property
    def sources(self) -> pd.DataFrame:
        """A row for each source."""

    @property
    def interrupts(self) -> pd.DataFrame:
        """A row for each question."""

    @property
    def problems(self) -> pd.DataFrame:
        """A row for each thing that is wrong in the data."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The reasons why something is not here; empty means complete."""

    @property
    def listed_at(self) -> datetime | None:
        """When the list was read that the runs come from, if known."""

    @property
    def reads(self) -> pd.DataFrame:
        """A row for each run: when it was read."""


def flag(is_so: pd.Series[bool], is_known: pd.Series[bool]) -> pd.Series[Any]:
    """Return a flag with three values: null where it is not known."""
    return is_so.astype("boolean").where(is_known.astype("bool"))


# -------------------------------------------------------------------------------- findings


def findings_of(f: LinkedFrames) -> pd.DataFrame:
    """Return the artifacts that are neither a repeat, nor an output, nor the record of an error."""
    key = ["run_id", "step_id"]
    is_error = f.steps["type"].eq("error")
    error_steps = pd.MultiIndex.from_frame(f.steps.loc[is_error, key])
    artifacts = with_known_sources(f)
    is_record = pd.MultiIndex.from_frame(artifacts[key]).isin(error_steps)
    is_output = artifacts["origin"].eq("output")
    findings: pd.DataFrame = artifacts[~(is_record | is_output | artifacts["is_repeat"])]
    return findings


def with_known_sources(f: LinkedFrames) -> pd.DataFrame:
    """Return the artifacts, with null for no source where one of their run could not be read."""
    n_sources = f.artifacts["n_sources"].astype("Int32")
    is_unknown = n_sources.eq(0) & f.artifacts["run_id"].isin(_lost_in(f, "sources"))
    return f.artifacts.assign(n_sources=n_sources.mask(is_unknown))


def outputs_of(f: LinkedFrames) -> pd.DataFrame:
    """Return what the runs deliver."""
    return f.artifacts[f.artifacts["origin"].eq("output")]


def returned_by(f: LinkedFrames) -> list[str]:
    """Return in words what the last top-level output step with a result returned."""
    is_output = f.steps["type"].eq("output") & f.steps["depth"].eq(0)
    results = [returned(result) for result in f.steps.loc[is_output, "result"]]
    return next((values for values in reversed(results) if values), [])


def has_no_output(f: LinkedFrames) -> bool:
    """Return whether it is known that the runs delivered nothing."""
    is_empty = outputs_of(f).empty and not f.steps["type"].eq("output").any()
    return is_empty and bool(is_read(f).all())


def is_rated(artifacts: pd.DataFrame) -> pd.Series[bool]:
    """Return which artifacts have a confidence that is one of the API's words."""
    return artifacts["confidence"].ge("low")


def rating_words(artifacts: pd.DataFrame) -> pd.Series[str]:
    """Return the confidence of artifacts as it came, in quotes; null where none came."""
    text = artifacts["confidence_text"]
    return ("“" + text + "”").mask(text.eq(""))


def is_rejected(f: LinkedFrames, findings: pd.DataFrame) -> pd.Series[bool]:
    """Return which findings a reviewer has rejected as proposals."""
    of_step, key = ["run_id", "step_id"], ["run_id", "type", "title"]
    rejected = f.interrupts.loc[f.interrupts["decision"].eq("rejected"), of_step].dropna()
    proposals = f.artifacts[f.artifacts["origin"].eq("proposal")].merge(rejected, on=of_step)
    keys = pd.MultiIndex.from_frame(findings[key])
    return pd.Series(keys.isin(pd.MultiIndex.from_frame(proposals[key])), findings.index)


def is_strong(f: LinkedFrames, artifacts: pd.DataFrame) -> pd.Series[Any]:
    """Return which artifacts have a source of a government or primary tier.

    Null where no source is, but the tier of one is missing, or one of the run could not be read.
    """
    unknown = pd.MultiIndex.from_frame(f.sources.loc[f.sources["source_tier"].isna(), ARTIFACT])
    is_known = ~pd.MultiIndex.from_frame(artifacts[ARTIFACT]).isin(unknown)
    is_known &= ~artifacts["run_id"].isin(_lost_in(f, "sources"))
    has_strong = artifacts["best_tier"].isin(STRONG_TIERS)
    return flag(has_strong, has_strong | is_known)


def is_read(f: LinkedFrames) -> pd.Series[bool]:
    """Return which runs had their steps delivered, and lost nothing of these parts to an error."""
    damaged = _lost_in(f, "steps|output|interrupts")
    return f.runs["has_steps"] & ~f.runs["run_id"].isin(damaged)


def has_lost_steps(f: LinkedFrames) -> pd.Series[bool]:
    """Return which runs were delivered with steps of which none could be read."""
    return ~f.runs["has_steps"] & f.runs["run_id"].isin(_lost_in(f, "steps"))


def _lost_in(f: LinkedFrames, parts: str) -> pd.Series[str]:
    """Return the ids of runs that lost a value to an error in one of these parts."""
    errors = f.problems[f.problems["severity"].eq("error")]
    is_there = errors["location"].str.contains(rf"\$\S*\.(?:{parts})\b\S*$", na=False)
    return errors.loc[is_there, "run_id"]


def why_no_steps(f: LinkedFrames) -> str:
    """Write why runs have no steps."""
    return STEPS_LOST if has_lost_steps(f).all() else STEPS_NOT_DELIVERED


def ratings(f: LinkedFrames) -> pd.DataFrame:
    """Return how sure the agents were, a row for each run.

    `level` is the lowest rating of its findings and outputs, null if none is rated; where that is
    not low, `unrated` names the first that is not rated, or in a word of its own. `is_low` is null
    where nothing is low, but one is not rated, or the steps were not all read.
    """
    artifacts = pd.concat([findings_of(f), outputs_of(f)])
    has_rating = is_rated(artifacts)
    lowest = artifacts[has_rating].groupby("run_id")["confidence"].min()
    how = ("Rated " + rating_words(artifacts)).fillna("Unrated")
    words = how + ": " + artifacts["title"]
    not_rated = words.mask(has_rating).groupby(artifacts["run_id"]).first()
    run_ids = f.runs["run_id"]
    level = run_ids.map(lowest).astype("str")
    is_low = level.eq("low")
    unrated = run_ids.map(not_rated).astype("str").mask(is_low)
    is_low = flag(is_low, is_low | is_read(f) & unrated.isna())
    return pd.DataFrame({"run_id": run_ids, "level": level, "unrated": unrated, "is_low": is_low})


# -------------------------------------------------------------------------------- steps


def is_shown(steps: pd.DataFrame) -> pd.Series[bool]:
    """Return which steps do not only explain another one, whose `error` has their text."""
    return ~steps["is_failed"] | steps["error"].notna() | steps["n_children"].gt(0)


def explanations(steps: pd.DataFrame) -> pd.Series[str]:
    """Return the error of each step that failed, where it says more than that the step failed."""
    error = steps["error"]
    label = steps["label"]
    return error.mask(error.eq(label) | error.eq(label + " failed"))


def named(steps: pd.DataFrame) -> pd.DataFrame:
    """Return steps with a `name`, which with the agent is their kind: the label where none came."""
    return steps.assign(name=steps["name"].fillna(steps["label"]))


def alike(texts: pd.Series[str]) -> pd.Series[str]:
    """Return texts that differ only in ids and numbers as one, with * for those that differ."""
    groups = defaultdict(list)
    for text in texts.unique():
        groups[tuple(IDS_AND_NUMBERS.split(text)[::2])].append(text)
    merged: dict[str, str] = {}
    for group in groups.values():
        parts = zip(*map(IDS_AND_NUMBERS.split, group), strict=True)
        text = "".join(part if {*others} <= {part} else "*" for part, *others in parts)
        merged |= dict.fromkeys(group, text)
    return texts.map(merged).astype("str")


def failures_of(f: LinkedFrames) -> pd.DataFrame:
    """Return the failed steps without a failed child, the same failure in the same words.

    An error that came with and without a code in brackets has none.
    """
    failed = f.steps[f.steps["error"].notna()]
    error = failed["error"]
    bare = error.str.replace(CODE, "", regex=True)
    error = alike(error.mask(bare.isin(error), bare))
    return failed.assign(error=error, label=alike(failed["label"]))


def by_end(steps: pd.DataFrame) -> pd.DataFrame:
    """Return steps in the order in which they ended."""
    ended_at = steps["started_at"] + pd.to_timedelta(steps["duration_s"], "s")
    steps = steps.assign(ended_at=ended_at)
    return steps.sort_values("ended_at", kind="stable", ignore_index=True)


def shown_statuses(f: LinkedFrames, steps: pd.DataFrame) -> pd.Series[str]:
    """Return the status of steps for people.

    A step of type error failed, though it completed. A question waits, or has expired.
    """
    key = ["run_id", "step_id"]
    questions = f.interrupts[[*key, "outcome"]].dropna().drop_duplicates(key)
    outcomes = steps[key].merge(questions, "left", key)["outcome"].set_axis(steps.index)
    words = outcomes.map({"pending": "interrupted", "lapsed": "Expired"}).astype("str")
    return words.fillna(steps["status"].astype("str").mask(steps["is_failed"], "error"))


def causes_of(f: LinkedFrames) -> pd.DataFrame:
    """Return the step in which each failed run failed, with its run.

    Of the failed steps without a failed child it is the one that ended last.
    """
    failed_runs = f.runs.loc[f.runs["status"].eq("error"), "run_id"]
    is_cause = f.steps["error"].notna() & f.steps["run_id"].isin(failed_runs)
    return by_end(f.steps[is_cause]).drop_duplicates("run_id", keep="last")


def words_of_cause(f: LinkedFrames) -> str | None:
    """Return what an agent wrote of the cause of one failed run: the summary of an error step.

    The step is the cause itself, or one that only explains it; that follows the cause, and comes
    before the next one.
    """
    steps = f.steps
    is_cause = steps["step_id"].isin(causes_of(f)["step_id"])
    number = steps["error"].notna().cumsum()  # counts the causes up to each step
    is_said = is_cause | ~is_shown(steps) & number.isin(number[is_cause])
    step_ids = steps.loc[is_said & steps["type"].eq("error"), "step_id"]
    is_record = f.artifacts["step_id"].isin(step_ids)
    summaries = f.artifacts.loc[is_record, "summary"].dropna()
    return next(reversed([*summaries]), None)


# -------------------------------------------------------------------------------- questions


def open_questions(f: LinkedFrames) -> pd.DataFrame:
    """Return the questions that wait, by kind, then the oldest first.

    A waiting run without a question has a row, too.
    """
    pending = f.interrupts[f.interrupts["outcome"].eq("pending")].reset_index(drop=True)
    order = ["kind", "since", "wait_s"]
    in_order = with_waits(f, pending).sort_values(order, ascending=[True, True, False])
    return pd.concat([pending.loc[in_order.index], lost_questions(f)], ignore_index=True)


def lost_questions(f: LinkedFrames) -> pd.DataFrame:
    """Return a row for each waiting run whose question is not in the data."""
    is_lost = f.runs["status"].eq("interrupted") & f.runs["n_pending"].eq(0)
    lost = f.runs[is_lost].sort_values("updated_at", kind="stable")
    return lost[["run_id"]].assign(label=NOT_IN_THE_DATA, outcome="pending")


def is_separate(questions: pd.DataFrame) -> pd.Series[Any]:
    """Return true for a question, null for an item that may be one of the open steps of its run.

    An item and a step that could not be paired are two rows, and perhaps one question.
    """
    is_open = questions["outcome"].eq("pending")
    has_step = questions["step_id"].notna()
    run_ids = questions["run_id"]
    n_steps = (is_open & has_step).groupby(run_ids).transform("sum")
    has_no_step = is_open & ~has_step
    rank = has_no_step.groupby(run_ids).cumsum()
    is_doubtful = has_no_step & (rank <= n_steps)
    return flag(run_ids.notna(), ~is_doubtful)


def runs_of(f: LinkedFrames, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the times of the run of each row; null where it is not in the frames."""
    times = f.runs[["run_id", "created_at", "updated_at", "as_of"]]
    runs = times.merge(f.reads, on="run_id").set_index("run_id")
    return runs.reindex(rows["run_id"]).set_axis(rows.index)


def with_waits(f: LinkedFrames, questions: pd.DataFrame) -> pd.DataFrame:
    """Return questions with how long they waited, as far as the data proves it.

    `since` is when it was asked, else when its run was last updated: it paused no later. An open
    question waits until its run was read, else at least until the newest time in the document that
    holds the run (`is_to_newest`). `is_least`: `wait_s` is a lower bound.
    """
    runs = runs_of(f, questions)
    is_undated = runs["is_undated"].eq(True)
    is_short = questions["outcome"].eq("pending") & questions["wait_s"].isna()
    since = questions["asked_at"].fillna(runs["updated_at"])
    until = runs["as_of"].where(~is_undated, runs["newest_at"])
    least_s = (until - since).dt.total_seconds()
    is_least = is_short & least_s.gt(0)
    return questions.assign(
        wait_s=questions["wait_s"].mask(is_least, least_s),
        is_least=is_least,
        since=since,
        is_to_newest=is_least & is_undated,
    )


def is_late(questions: pd.DataFrame, limit_s: float) -> pd.Series[Any]:
    """Return which waits are beyond a limit; null where a shorter lower bound does not say it."""
    is_over = questions["wait_s"] > limit_s
    return flag(is_over, is_over | questions["wait_s"].notna() & ~questions["is_least"])


def measured_waits(f: LinkedFrames) -> pd.Series[float]:
    """Return how long each run waited, null where a question put to a person has no known wait."""
    is_put = f.interrupts["outcome"].isin(["pending", "answered"])
    is_unknown = is_put & f.interrupts["wait_s"].isna()
    run_ids = f.runs["run_id"]
    is_unmeasured = run_ids.isin(f.interrupts.loc[is_unknown, "run_id"])
    is_lost = run_ids.isin(lost_questions(f)["run_id"])
    return f.runs["waiting_s"].mask(is_unmeasured | is_lost)


# -------------------------------------------------------------------------------- runs


def short_ids(run_ids: pd.Series[str]) -> pd.Series[str]:
    """Return ids shortened for reading, but for those that would look alike."""
    short = run_ids.map(short_id)
    n_different = run_ids.groupby(short).transform("nunique")
    return short.where(n_different <= 1, run_ids)


def with_courses(f: LinkedFrames) -> pd.DataFrame:
    """Return the runs with what screens say of how they went.

    | column | meaning |
    | --- | --- |
    | cause, reason | the label of the step in which it failed, and its error; else null |
    | wait_s | seconds of its open question that waits longest |
    | is_least | it may have waited longer |
    | since | when the first of its open questions was asked, or when it was updated |
    | is_over | it has completed or failed |
    """
    causes = causes_of(f).set_index("run_id")[["label", "error"]]
    causes = causes.rename(columns={"label": "cause", "error": "reason"})
    waits = with_waits(f, open_questions(f))
    is_least = waits["is_least"] | waits["wait_s"].isna()
    by_run = waits.assign(is_least=is_least).groupby("run_id")
    longest = by_run.agg({"wait_s": "max", "is_least": "any", "since": "min"})
    runs = f.runs.join(causes, on="run_id").join(longest, on="run_id")
    return runs.assign(
        is_over=runs["status"].isin(FINAL_STATUSES),
        is_least=runs["is_least"].eq(True),
    )


class TimeParts(NamedTuple):
    """Where the time of a run went, in words, each empty where it took none.

    `whole` is how long the run took, `work` how long agents worked or nothing ran.
    """

    whole: str
    work: str = ""
    waiting: str = ""


def time_parts(run: dict[Any, Any]) -> TimeParts:
    """Write how long a run took, and where the time went; `run` is a row of `with_courses`.

    `whole` is empty where nobody knows how long the run has been waiting.
    """
    total = run["duration_s"]
    work = run["working_s"]
    waiting = run["waiting_s"]
    is_over = run["is_over"]
    if pd.isna(total):
        return TimeParts("Duration not known" if is_over else "Not started")
    is_bound = run["is_least"] and not is_over
    so_far = "" if is_over else " so far"
    whole = "" if is_bound else duration(total) + so_far
    words = "steps not read" if pd.isna(work) else f"{duration(work)} work"
    if pd.notna(work) and run["idle_s"] > MIN_IDLE * (total - waiting):
        words += f", {duration(run['idle_s'])} idle"
    if is_bound:
        return TimeParts(whole, words, f"waiting {lasted(wait_of(run))}")
    has_waited = pd.notna(waiting) and waiting
    return TimeParts(whole, words, f"{duration(waiting)} waiting" if has_waited else "")


def wait_of(row: dict[Any, Any]) -> Span:
    """Return how long an open question has waited, of a row with its wait."""
    since = None if pd.isna(row["since"]) else row["since"]
    return Span(row["wait_s"], bool(row["is_least"]), since)
