"""What screens say of some runs: each fact has one rule here. Flags are null where not known.

`runkit.display.text.counted` words a flag: `27 of 30`, `27 of 28, 2 not known`.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import pandas as pd

from runkit.api.words import RUN_STATUSES
from runkit.display.text import HOUR, flag, plural
from runkit.tables import run_rules
from runkit.tables.frames import Frames
from runkit.tables.run_rules import is_a, positions

TO_A_PERSON = ("pending", "answered", "expired")  # other questions were settled by policy


def run_facts(f: Frames) -> pd.DataFrame:
    """Return the runs with what screens say of each.

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
        | is_low | a finding or an output has low confidence; null where that is not known |
    """
    runs = run_rules.with_courses(f)
    short = run_rules.short_ids(f.runs["run_id"])
    return runs.assign(short=short, is_low=run_rules.low_runs(f))


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
        is_late = late(questions["wait_s"], self.sla_h)
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
        findings = run_rules.findings_of(self.frames)
        return findings.assign(
            is_low=run_rules.is_low(findings),
            is_strong=run_rules.is_strong(self.frames, findings),
            is_bare=findings["n_sources"].eq(0),
        )

    def of_status(self, meaning: str) -> pd.DataFrame:
        """Return the runs whose status has a meaning, such as waiting, failed, running or done."""
        return self.runs[is_a(self.runs["status"], RUN_STATUSES, meaning)]

    @cached_property
    def low_runs(self) -> pd.Series[bool]:
        """Of the completed runs which have something of low confidence."""
        return self.of_status("done")["is_low"]


def late(wait_s: pd.Series[float], sla_h: float | None) -> pd.Series[bool]:
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


def what_was_read(f: Frames) -> ReadLine:
    """Write what is missing, how many runs were read, and up to when they are counted."""
    counted_runs = [f"{plural(len(f.runs), 'run')} read"]
    n_several = int(f.runs["n_copies"].gt(1).sum())
    if n_several:
        counted_runs.append(f"{n_several:,} in several states, the newest counts")
    return ReadLine(" · ".join(f.missing), " · ".join([", ".join(counted_runs), f.clock]))


def runs_in_order(runs: pd.DataFrame) -> pd.DataFrame:
    """Sort runs as everywhere: waiting, failed, running, completed; in each the longest first."""
    rank = positions(runs["status"], RUN_STATUSES)
    ranked = runs.assign(rank=rank.where(runs["wait_s"].isna(), 0))
    order = ["rank", "wait_s", "working_s"]
    in_place = ranked.sort_values(order, ascending=[True, False, False], kind="stable")
    return in_place.drop(columns="rank").reset_index(drop=True)
