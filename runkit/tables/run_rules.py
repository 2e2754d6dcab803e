"""The rules of a run: what is a finding, why it failed, and where its time went.

Each screen that shows one of these uses the function here. Flags have three values: null is what
the data does not say.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from runkit.api.jsontext import returned
from runkit.api.words import CONFIDENCES, OUTCOMES, RUN_STATUSES, TIERS, Vocabulary
from runkit.display.text import duration, flag, short_id

if TYPE_CHECKING:
    from runkit.tables.frames import Frames

NOT_IN_THE_DATA = "The question is not in the data"
MIN_IDLE = 0.05  # a smaller share of the time that is no waiting is not mentioned
IDS_AND_NUMBERS = re.compile(  # failures with one cause differ in them
    r"([0-9a-f]{8}-[0-9a-f-]{27}|(?<![^\W_])(?:(?=[a-f]*\d)[0-9a-f]{8,}\b|\d[\d.,:]*))",
    re.IGNORECASE,
)
ARTIFACT = ["run_id", "artifact_no"]


def is_a(words: pd.Series[Any], vocabulary: Vocabulary, meaning: str) -> pd.Series[bool]:
    """Return which words have a meaning, whatever their case; false for null."""
    known = vocabulary.meaning(meaning)
    return words.astype("str").str.lower().isin(known)


def is_known(words: pd.Series[Any], vocabulary: Vocabulary) -> pd.Series[bool]:
    """Return which words are in a vocabulary, whatever their case."""
    return words.astype("str").str.lower().isin(list(vocabulary))


def positions(words: pd.Series[Any], vocabulary: Vocabulary) -> pd.Series[int]:
    """Return the place of each word in the order of screens."""
    return words.astype("object").map(vocabulary.position, na_action=None).astype("int64")


# -------------------------------------------------------------------------------- findings


def findings_of(f: Frames) -> pd.DataFrame:
    """Return the findings, each once."""
    return f.artifacts[f.artifacts["origin"].eq("finding") & ~f.artifacts["is_repeat"]]


def outputs_of(f: Frames) -> pd.DataFrame:
    """Return what the runs deliver."""
    return f.artifacts[f.artifacts["origin"].eq("output")]


def returned_by(f: Frames) -> list[str]:
    """Return in words what the last top-level output step with a result returned."""
    is_output = f.steps["type"].eq("output") & f.steps["depth"].eq(0)
    results = [returned(result) for result in f.steps.loc[is_output, "result"]]
    return next((values for values in reversed(results) if values), [])


def is_low(artifacts: pd.DataFrame) -> Any:
    """Return which artifacts have a low confidence; null for another word and without one."""
    confidence = artifacts["confidence"]
    return flag(is_a(confidence, CONFIDENCES, "low"), is_known(confidence, CONFIDENCES))


def is_strong(f: Frames, artifacts: pd.DataFrame) -> Any:
    """Return which artifacts have a source of a government or primary tier.

    Null where no source is, but the tier of one is not known.
    """
    has_strong = is_a(artifacts["best_tier"], TIERS, "strong")
    no_tier = f.sources.loc[~is_known(f.sources["source_tier"], TIERS), ARTIFACT]
    is_unknown = pd.MultiIndex.from_frame(artifacts[ARTIFACT]).isin(
        pd.MultiIndex.from_frame(no_tier)
    )
    return flag(has_strong, has_strong | artifacts["n_sources"].notna() & ~is_unknown)


def low_runs(f: Frames) -> Any:
    """Return which runs have a finding or an output of low confidence.

    Null where nothing is low, but the findings or a confidence are not known.
    """
    rated = pd.concat([findings_of(f), outputs_of(f)])
    low = is_low(rated)
    run_ids = f.runs["run_id"]
    has_low = run_ids.isin(rated.loc[low.fillna(False), "run_id"])
    is_unrated = run_ids.isin(rated.loc[low.isna(), "run_id"])
    return flag(has_low, has_low | f.runs["n_findings"].notna() & ~is_unrated)


# -------------------------------------------------------------------------------- steps


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


def failures_of(f: Frames) -> pd.DataFrame:
    """Return the failed steps without a failed child, with their `reason`.

    That is the error, else in what the run failed. `kind` groups reasons that differ in numbers.
    """
    failed = f.steps[f.steps["state"].eq("failed")]
    key = ["run_id", "parent_step_id"]
    parents = pd.MultiIndex.from_frame(failed[key].dropna())
    is_cause = ~pd.MultiIndex.from_frame(failed[["run_id", "step_id"]]).isin(parents)
    failed = failed[is_cause]
    reason = failed["error"].fillna("failed in " + failed["label"].fillna("a step"))
    return failed.assign(reason=reason, kind=alike(reason))


def causes_of(f: Frames) -> pd.DataFrame:
    """Return the step in which each failed run failed: of its failures, the last to end."""
    failed_runs = f.runs.loc[is_a(f.runs["status"], RUN_STATUSES, "failed"), "run_id"]
    failures = failures_of(f)
    failures = failures[failures["run_id"].isin(failed_runs)]
    ended_at = failures["completed_at"].fillna(failures["started_at"])
    in_order = failures.assign(ended_at=ended_at).sort_values(
        "ended_at", kind="stable", na_position="first"
    )
    return in_order.drop_duplicates("run_id", keep="last")


# -------------------------------------------------------------------------------- questions, runs


def open_questions(f: Frames) -> pd.DataFrame:
    """Return the questions that wait, by kind, then the longest first."""
    pending = f.interrupts[f.interrupts["outcome"].eq("pending")]
    return pending.sort_values(["kind", "asked_at"], kind="stable", ignore_index=True)


def outcome_words(question: dict[Any, Any]) -> str:
    """Write how a question ended, in the data's words where it was decided, and by whom."""
    decision = question["decision"]
    by = question["answered_by"]
    words = OUTCOMES.find(question["outcome"]).label
    if isinstance(decision, str):
        words = f"“{decision}”"
    return f"{words} by {by}" if isinstance(by, str) else words


def short_ids(run_ids: pd.Series[str]) -> pd.Series[str]:
    """Return ids shortened for reading, but for those that would look alike."""
    short = run_ids.map(short_id, na_action="ignore")
    n_different = run_ids.groupby(short).transform("nunique")
    return short.where(n_different <= 1, run_ids)


def with_courses(f: Frames) -> pd.DataFrame:
    """Return the runs with how they went.

    | column | meaning |
    | --- | --- |
    | cause, reason | the label of the step in which it failed, and why; else null |
    | wait_s, since | of its open question that waits longest; null without one |
    | is_over | it has ended |
    """
    causes = causes_of(f).set_index("run_id")[["label", "reason"]]
    causes = causes.rename(columns={"label": "cause"})
    by_run = open_questions(f).groupby("run_id")
    longest = by_run.agg(wait_s=("wait_s", "max"), since=("asked_at", "min"))
    runs = f.runs.join(causes, on="run_id").join(longest, on="run_id")
    is_over = is_a(runs["status"], RUN_STATUSES, "over") | runs["ended_at"].notna()
    return runs.assign(is_over=is_over)


class TimeParts(NamedTuple):
    """Where the time of a run went, in words, each empty where it took none.

    `whole` is how long the run took, `work` how long agents worked or nothing ran.
    """

    whole: str
    work: str = ""
    waiting: str = ""


def time_parts(run: dict[Any, Any]) -> TimeParts:
    """Write how long a run took, and where the time went; `run` is a row of runs."""
    total = run["duration_s"]
    work = run["working_s"]
    waiting = run["waiting_s"]
    if pd.isna(total):
        return TimeParts("Duration not known")
    words = "work not known" if pd.isna(work) else f"{duration(work)} work"
    if pd.notna(work) and run["idle_s"] > MIN_IDLE * (total - waiting):
        words += f", {duration(run['idle_s'])} idle"
    has_waited = pd.notna(waiting) and waiting
    return TimeParts(duration(total), words, f"{duration(waiting)} waiting" if has_waited else "")


def time_words(run: dict[Any, Any]) -> str:
    """Write how long a run took, and where the time went, in one phrase; `run` is a row of runs."""
    whole, *parts = time_parts(run)
    spent = ", ".join(filter(None, parts))
    return f"{whole}: {spent}" if spent else whole
