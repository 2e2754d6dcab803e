"""What screens say of some runs: each fact has one rule here. Flags are null where not known.

`runkit.display.text.counted` words a flag: `27 of 30`, `27 of 28, 2 not known`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property, partial
from typing import Any, NamedTuple

import pandas as pd

from runkit.api.reading import returned
from runkit.api.words import CONFIDENCES, OUTCOMES, RUN_STATUSES, TIERS, Vocabulary
from runkit.display.text import HOUR, duration, flag, plural, short_id
from runkit.tables.columns import without_failed_child
from runkit.tables.frames import Frames
from runkit.tables.measure import parents_of

NOT_IN_THE_DATA = "The question is not in the data"
MIN_IDLE = 0.05  # a smaller share of the time that is no waiting is not mentioned
IDS_AND_NUMBERS = re.compile(  # failures with one cause differ in them
    r"([0-9a-f]{8}-[0-9a-f-]{27}|(?<![^\W_])(?:(?=[a-f]*\d)[0-9a-f]{8,}\b|\d[\d.,:]*))",
    re.IGNORECASE,
)
ARTIFACT = ["run_id", "artifact_no"]


def is_a(words: pd.Series[Any], vocabulary: Vocabulary, meaning: str) -> pd.Series[bool]:
    """Return which words have a meaning; false for null."""
    return words.astype("object").map(partial(vocabulary.is_a, meaning=meaning)).astype("bool")


def is_known(words: pd.Series[Any], vocabulary: Vocabulary) -> pd.Series[bool]:
    """Return which words are in a vocabulary."""
    return words.astype("object").map(vocabulary.__contains__).astype("bool")


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


def returned_by(f: Frames) -> dict[str, list[str]]:
    """Return by run in words what its last top-level output step with a result returned."""
    is_output = f.steps["type"].eq("output") & f.steps["depth"].eq(0)
    outputs = f.steps.loc[is_output, ["run_id", "result"]]
    values = {}
    for run_id, result in outputs.itertuples(index=False):
        if words := returned(result):
            values[run_id] = words
    return values


def is_low(artifacts: pd.DataFrame) -> Any:
    """Return which artifacts have a low confidence; null for another word and without one."""
    confidence = artifacts["confidence"]
    place = positions(confidence, CONFIDENCES)
    return flag(place >= CONFIDENCES.position("low"), is_known(confidence, CONFIDENCES))


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


def with_step_names(steps: pd.DataFrame) -> pd.DataFrame:
    """Return steps with a `name`, which with the agent is their kind: the label where none came."""
    return steps.assign(name=steps["name"].fillna(steps["label"]))


def without_numbers(texts: pd.Series[str]) -> pd.Series[str]:
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

    That is the error, else that of the next failed step of the run, else in what the run failed.
    `kind` groups reasons that differ in numbers.
    """
    has_failed = f.steps["state"].eq("failed").to_numpy()
    parent = parents_of(f.steps["depth"].to_numpy())
    failed = f.steps[without_failed_child(has_failed, parent)]
    error = failed.groupby("run_id", sort=False)["error"].bfill()
    reason = error.fillna("failed in " + failed["label"].fillna("a step"))
    return failed.assign(reason=reason, kind=without_numbers(reason))


# -------------------------------------------------------------------------------- questions, runs


def ending_text(question: dict[Any, Any]) -> str:
    """Write how a question ended, in the data's words where it was decided, and by whom."""
    decision = question["decision"]
    by = question["answered_by"]
    text = OUTCOMES.find(question["outcome"]).label
    if isinstance(decision, str):
        text = f"“{decision}”"
    return f"{text} by {by}" if isinstance(by, str) else text


def short_ids(run_ids: pd.Series[str]) -> pd.Series[str]:
    """Return ids shortened for reading, but for those that would look alike."""
    short = run_ids.map(short_id, na_action="ignore")
    n_different = run_ids.groupby(short).transform("nunique")
    return short.where(n_different <= 1, run_ids)


def is_idle(run: dict[Any, Any]) -> bool:
    """Return whether nothing ran for so long that it is mentioned; `run` is a row of runs."""
    return bool(run["idle_s"] > MIN_IDLE * (run["duration_s"] - run["waiting_s"]))


def times_text(run: dict[Any, Any]) -> str:
    """Write how long a run took, and where the time went; `run` is a row of runs."""
    work = run["working_s"]
    waiting = run["waiting_s"]
    if pd.isna(run["duration_s"]):
        return "Duration not known"
    parts = ["work not known" if pd.isna(work) else f"{duration(work)} work"]
    if is_idle(run):
        parts.append(f"{duration(run['idle_s'])} idle")
    if pd.notna(waiting) and waiting:
        parts.append(f"{duration(waiting)} waiting")
    return f"{duration(run['duration_s'])}: {', '.join(parts)}"


# -------------------------------------------------------------------------------- screens


def run_facts(f: Frames) -> pd.DataFrame:
    """Return the runs with what screens say of each.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    pandas.DataFrame
        A row for each run in the order of `f.runs`.

        | column | meaning |
        | --- | --- |
        | short | the id for reading |
        | reason | why it failed; null if it did not, and where the data does not say it |
        | wait_s, since | of its open question that waits longest; null without one |
        | is_low | a finding or an output has low confidence; null where that is not known |
    """
    is_open = f.interrupts["outcome"].eq("pending")
    by_run = f.interrupts[is_open].groupby("run_id")
    longest = by_run.agg(wait_s=("wait_s", "max"), since=("asked_at", "min"))
    runs = f.runs.join(longest, on="run_id")
    return runs.assign(
        short=short_ids(runs["run_id"]),
        reason=runs["outcome"].where(is_a(runs["status"], RUN_STATUSES, "failed")),
        is_low=low_runs(f),
    )


class Facts:
    """The facts of some runs, each worked out when it is first read.

    Parameters
    ----------
    f
        Frames of any number of runs; they must not change.
    sla_h
        Hours within which a reviewer should answer, if somebody set a limit.
    """

    def __init__(self, f: Frames, sla_h: float | None = None) -> None:
        self.frames = f
        self.sla_h = sla_h

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The frame of `run_facts`."""
        return run_facts(self.frames)

    @cached_property
    def questions(self) -> pd.DataFrame:
        """Every question, those that wait first, the longest first.

        `is_late`: over the limit; null without one, and where the wait is not known.
        """
        questions = self.frames.interrupts
        is_late = is_over_limit(questions["wait_s"], self.sla_h)
        is_settled = questions["outcome"].ne("pending")
        questions = questions.assign(is_late=is_late, is_settled=is_settled)
        return questions.sort_values(["is_settled", "asked_at"], kind="stable", ignore_index=True)

    @cached_property
    def waiting(self) -> pd.DataFrame:
        """The questions that wait, the longest first."""
        return self.ended("pending")

    def ended(self, *outcomes: str) -> pd.DataFrame:
        """Return the questions with one of some outcomes."""
        return self.questions[self.questions["outcome"].isin(outcomes)]

    @cached_property
    def findings(self) -> pd.DataFrame:
        """The findings, with the flags `is_low`, `is_strong` and `is_bare` (without a source)."""
        findings = findings_of(self.frames)
        return findings.assign(
            is_low=is_low(findings),
            is_strong=is_strong(self.frames, findings),
            is_bare=findings["n_sources"].eq(0),
        )

    def of_status(self, meaning: str) -> pd.DataFrame:
        """Return the runs whose status has a meaning, such as waiting, failed, running or done."""
        return self.runs[is_a(self.runs["status"], RUN_STATUSES, meaning)]

    @cached_property
    def low_runs(self) -> pd.Series[bool]:
        """Of the completed runs which have something of low confidence."""
        return self.of_status("done")["is_low"]


def is_over_limit(wait_s: pd.Series[float], sla_h: float | None) -> pd.Series[bool]:
    """Return which waits are over a limit; null without one, and where the wait is not known."""
    has_limit = wait_s.notna() & (sla_h is not None)
    is_late: pd.Series[bool] = flag(wait_s > (sla_h or 0) * HOUR, has_limit)
    return is_late


class ReadLine(NamedTuple):
    """What was read: `missing` has the reasons why something is not here, `counted` the rest."""

    missing: str
    counted: str

    def __str__(self) -> str:
        return " · ".join(filter(None, self))


def what_was_read(f: Frames, *notes: str) -> ReadLine:
    """Write what is missing, how many runs were read, and up to when they are counted.

    `notes` stand before it, but for empty ones.
    """
    counted_runs = f"{plural(len(f.runs), 'run')} read"
    n_several = int(f.runs["n_copies"].gt(1).sum())
    if n_several:
        counted_runs += f", {n_several:,} in several copies, the newest counts"
    parts = [*filter(None, notes), counted_runs, f.clock]
    return ReadLine(" · ".join(f.missing), " · ".join(parts))


def runs_in_order(runs: pd.DataFrame) -> pd.DataFrame:
    """Sort runs as everywhere: waiting, failed, running, completed; in each the longest first."""
    rank = positions(runs["status"], RUN_STATUSES)
    ranked = runs.assign(rank=rank.where(runs["wait_s"].isna(), 0))
    order = ["rank", "wait_s", "working_s"]
    in_place = ranked.sort_values(order, ascending=[True, False, False], kind="stable")
    return in_place.drop(columns="rank").reset_index(drop=True)
