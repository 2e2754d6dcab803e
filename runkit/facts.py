"""Counts over runs: each fact that screens show has one rule here.

A screen makes `Facts` once and picks; what is not known is in each `Count`, and
`runkit.display.counts` has the words.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pandas as pd

from runkit.api.contract import RESOLUTIONS
from runkit.display.counts import HOUR, Count, Span
from runkit.display.text import moment
from runkit.tables import run_rules
from runkit.tables.run_rules import STRONG_TIERS, LinkedFrames, flag

LIMIT_H = 4  # hours within which a reviewer should answer, unless the analyst says otherwise
TO_A_PERSON = ("pending", "answered", "lapsed")  # other questions were decided by policy


def run_facts(f: LinkedFrames) -> pd.DataFrame:
    """Return what screens say of each run.

    Parameters
    ----------
    f
        Frames of any number of runs.

    Returns
    -------
    pandas.DataFrame
        A row for each run in the order of `f.runs`, with the columns of `run_rules.with_courses`.

        | column | meaning |
        | --- | --- |
        | short | the id for reading |
        | level | the lowest rating of its findings and outputs; null if none is rated |
        | unrated | "Unrated" or the word that rates it, and the title, where nothing is low |
        | rating | `unrated`, else `level` and the title of the weakest |
        | is_low | something is rated low; null where that is not known |
    """
    courses = run_rules.with_courses(f).assign(short=run_rules.short_ids(f.runs["run_id"]))
    runs = courses.merge(run_rules.ratings(f), on="run_id", how="left").set_axis(courses.index)
    weakest = runs["level"].str.capitalize() + ": " + runs["weakest"]
    return runs.assign(rating=runs["unrated"].fillna(weakest))


class Facts:
    """The facts of some runs.

    Each is worked out when it is first read. `f` must not change.

    Parameters
    ----------
    f
        Frames of any number of runs.
    limit_h
        Hours within which a reviewer should answer.
    """

    def __init__(self, f: LinkedFrames, limit_h: float = LIMIT_H) -> None:
        self.frames = f
        self.limit_h = limit_h

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The frame of `run_facts`."""
        return run_facts(self.frames)

    @cached_property
    def questions(self) -> pd.DataFrame:
        """Every question, as far as its wait is proved, with `is_late`."""
        f = self.frames
        settled = f.interrupts[~f.interrupts["outcome"].eq("pending")]
        listed = pd.concat([run_rules.open_questions(f), settled], ignore_index=True)
        listed = run_rules.with_waits(f, listed)
        is_separate = run_rules.is_separate(listed)
        is_late = run_rules.is_late(listed, self.limit_h * HOUR) & is_separate
        return listed.assign(is_separate=is_separate, is_late=is_late)

    @cached_property
    def waiting(self) -> pd.DataFrame:
        """The questions that wait, by kind, then the oldest first."""
        return self._ended("pending")

    @cached_property
    def artifacts(self) -> pd.DataFrame:
        """The findings, with three flags: `is_low`, `is_strong`, `is_bare` (without a source)."""
        findings = run_rules.findings_of(self.frames)
        return findings.assign(
            is_low=flag(findings["confidence"].eq("low"), run_rules.is_rated(findings)),
            is_strong=run_rules.is_strong(self.frames, findings),
            is_bare=findings["n_sources"].eq(0),
        )

    @cached_property
    def n_unread(self) -> int:
        """The number of runs whose steps were not delivered, or not all could be read."""
        return int((~run_rules.is_read(self.frames)).sum())

    @cached_property
    def as_of(self) -> pd.Timestamp:
        """When the newest of the runs was read, by the server's clock, or last changed.

        What only the data says of a time in the future does not count. Without runs it is when
        their list was read, NaT if that is not known.
        """
        times = self.frames.runs["as_of"]
        listed_at = self.frames.listed_at
        if times.empty and listed_at:
            return pd.Timestamp(listed_at)
        read_at = self.frames.reads["read_at"].dropna()  # of a sandbox whose time runs faster, too
        now = max([datetime.now(UTC), *read_at])
        newest: pd.Timestamp = times[times <= now].max()
        return newest

    @cached_property
    def unread(self) -> Count:
        """What is known of the steps of runs in which none was found."""
        return Count(0, 0, 0, self.n_unread)

    def _flagged(self, flags: pd.Series[Any]) -> Count:
        return count(flags, self.n_unread)

    def _all(self, rows: pd.DataFrame) -> Count:
        return Count(len(rows), len(rows), 0, self.n_unread)

    def _ended(self, *outcomes: str) -> pd.DataFrame:
        return self.questions[self.questions["outcome"].isin(outcomes)]

    def _of_status(self, status: str) -> pd.DataFrame:
        runs = self.frames.runs
        return runs[runs["status"].eq(status)]

    # ------------------------------------------------------------------------------------ questions

    @cached_property
    def open_questions(self) -> Count:
        """The questions that wait for a reviewer."""
        lost = run_rules.lost_questions(self.frames)["run_id"]
        runs = self.frames.runs
        is_lost = ~runs["has_steps"] & runs["run_id"].isin(lost)
        return count(self.waiting["is_separate"], int(is_lost.sum()))

    @cached_property
    def late_questions(self) -> Count:
        """Of the open questions those that wait longer than the limit."""
        return count(self.waiting["is_late"], self.open_questions.unread)

    @cached_property
    def oldest(self) -> Span:
        """How long the oldest open question waits."""
        since = self.waiting["since"].min()
        return longest_wait(self.waiting)._replace(since=None if pd.isna(since) else since)

    @cached_property
    def questions_asked(self) -> Count:
        """The questions that were put to a person."""
        return self._flagged(self._ended(*TO_A_PERSON)["is_separate"])

    @cached_property
    def questions_by_policy(self) -> Count:
        """The questions that the policy decided."""
        return self._all(self._ended(*RESOLUTIONS))

    @cached_property
    def questions_over(self) -> Count:
        """Of the questions that are answered or open those that waited longer than the limit."""
        return self._flagged(self._ended("answered", "pending")["is_late"])

    @cached_property
    def answers(self) -> Count:
        """The questions that a person answered."""
        return self._all(self._ended("answered"))

    @cached_property
    def wait_note(self) -> str:
        """The sentence that says up to when open waits are counted, where the files prove it."""
        waiting = self.waiting
        reads = self.frames.reads
        run_ids = waiting.loc[waiting["is_to_newest"], "run_id"]
        reads = reads[reads["run_id"].isin(run_ids)]
        if reads.empty:
            return ""
        newest = moment(reads["newest_at"].max())
        condition = ", if the file was written at once" if reads["has_lines"].any() else ""
        return f"Open waits are counted to {newest}, the newest time in the data{condition}."

    # ----------------------------------------------------------------------------------------- runs

    @cached_property
    def statuses(self) -> dict[str, int]:
        """The number of runs by status, by the API's word."""
        return {
            str(word): int(n) for word, n in self.frames.runs["status"].value_counts().items() if n
        }

    @cached_property
    def failing_steps(self) -> pd.DataFrame:
        """The step in which each failed run failed, where a step says so."""
        causes = run_rules.causes_of(self.frames)[["run_id", "step_id"]]
        return run_rules.failures_of(self.frames).merge(causes)

    @cached_property
    def causes(self) -> Count:
        """Of the failed runs those with a known cause."""
        return _known(len(self.failing_steps), len(self._of_status("error")))

    @cached_property
    def low_runs(self) -> Count:
        """Of the completed runs those with a finding or an output of low confidence."""
        runs = self.runs
        return count(runs.loc[runs["status"].eq("completed"), "is_low"])

    @cached_property
    def timed_runs(self) -> Count:
        """Of the completed runs those whose working time is known."""
        work_s = self._of_status("completed")["working_s"]
        return _known(int(work_s.count()), len(work_s))

    @cached_property
    def median_work_s(self) -> float:
        """The median working time of completed runs in seconds, NaN if none is known."""
        return float(self._of_status("completed")["working_s"].median())

    @cached_property
    def failed_steps(self) -> Count:
        """The steps that failed without a failed child: the causes."""
        return self._all(self.frames.steps[self.frames.steps["error"].notna()])

    # ------------------------------------------------------------------------------------- findings

    @cached_property
    def findings(self) -> Count:
        """The findings."""
        return self._all(self.artifacts)

    @cached_property
    def sources(self) -> Count:
        """Of the different sources those of a government or primary tier."""
        sources = self.frames.sources.drop_duplicates(["url", "source_name"])
        is_strong = sources["source_tier"].isin(STRONG_TIERS)
        return self._flagged(flag(is_strong, sources["source_tier"].notna()))

    @cached_property
    def strong_findings(self) -> Count:
        """Of the findings those with a source of a government or primary tier."""
        return self._flagged(self.artifacts["is_strong"])

    @cached_property
    def bare_findings(self) -> Count:
        """Of the findings those without a source."""
        return self._flagged(self.artifacts["is_bare"])


def business_ids(runs: pd.DataFrame) -> pd.Series[str]:
    """Return what tells businesses apart: the id, or the name where ids are null."""
    return runs["business_id"].fillna(runs["business_name"])


def businesses_of(f: LinkedFrames) -> Count:
    """Count the businesses of the runs; each run that names none may be of another."""
    ids = business_ids(f.runs)
    n = ids.nunique()
    return _known(n, n + int(ids.isna().sum()))


def longest_wait(questions: pd.DataFrame) -> Span:
    """Return the longest of some waits, a lower bound if one of them is, or is not known."""
    wait_s = questions["wait_s"]
    is_least = questions["is_least"] | wait_s.isna()
    return Span(wait_s.max(), bool(is_least.any()))


def _known(n: int, of: int) -> Count:
    """Count things that are so, of which the others are unknown."""
    return Count(n, of, of - n)


def count(flags: pd.Series[Any], n_unread: int = 0) -> Count:
    """Count a flag of three values; the things of unread runs are not in it."""
    return Count(int(flags.sum()), len(flags), int(flags.isna().sum()), n_unread)
