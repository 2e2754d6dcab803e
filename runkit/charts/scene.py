"""What a chart shows, as arrays: one entry per step and per run, times in whole microseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from runkit.charts.style import ACTIVITY, CONTAINER, ERROR, OTHER, OUTPUT, SETTLED, WAIT
from runkit.tables.frames import Frames
from runkit.timing import Flags, Ints

SECOND = 1_000_000  # microseconds


@dataclass(frozen=True)
class Scene:
    """The steps and runs of `frames`.

    `run[i]` is the row of step i's run in `frames.runs`; `look[i]` a position in `theme.LOOKS`. A run spans
    [run_start, run_end); one that has not started spans nothing, at its first step if there is one.
    """

    frames: Frames
    run: Ints
    start: Ints
    end: Ints
    look: Ints
    is_error: Flags
    is_critical: Flags
    is_open: Flags
    run_start: Ints
    run_end: Ints
    is_started: Flags

    @property
    def n_runs(self) -> int:
        """Number of runs."""
        return len(self.run_start)

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return len(self.run)

    @property
    def is_wait(self) -> Flags:
        """Steps that wait for a person; questions that the policy settled do not."""
        waits: Flags = self.look == WAIT
        return waits

    @property
    def has_no_steps(self) -> Flags:
        """Runs without any step."""
        is_empty: Flags = np.bincount(self.run, minlength=self.n_runs) == 0
        return is_empty

    @classmethod
    def of(cls, frames: Frames) -> Scene:
        """Read the arrays out of the frames."""
        runs, steps = frames.runs, frames.steps
        run = pd.Index(runs["run_id"]).get_indexer(pd.Index(steps["run_id"])).astype(np.int64)
        start = micros(steps["started_at"])
        end = start + span(steps["duration_s"])
        is_started = runs["started_at"].notna().to_numpy()
        first = np.full(len(runs), np.iinfo(np.int64).max)
        np.minimum.at(first, run, start)
        first[np.bincount(run, minlength=len(runs)) == 0] = 0
        run_start = np.where(is_started, micros(runs["started_at"]), first)
        is_error = is_any(steps["type"], "error") | is_any(steps["status"], "error")
        return cls(
            frames=frames,
            run=run,
            start=start,
            end=end,
            look=_look(steps, is_error),
            is_error=is_error,
            is_critical=steps["is_critical"].to_numpy(bool),
            is_open=steps["is_open"].to_numpy(bool),
            run_start=run_start,
            run_end=run_start + span(runs["duration_s"]),
            is_started=is_started,
        )


def micros(times: pd.Series) -> Ints:
    """Times as microseconds since 1970; missing ones are 0."""
    known = times.fillna(pd.Timestamp(0, tz="UTC")).dt.tz_convert(None).to_numpy("datetime64[us]")
    whole: Ints = known.astype(np.int64)
    return whole


def span(seconds: pd.Series) -> Ints:
    """Durations as microseconds; missing ones are 0."""
    whole: Ints = np.rint(seconds.fillna(0).to_numpy(float) * SECOND).astype(np.int64)
    return whole


def is_any(words: pd.Series, word: str) -> Flags:
    """Where a column of words says `word`; nowhere where it is missing."""
    return (words == word).fillna(False).to_numpy(bool)


def _look(steps: pd.DataFrame, is_error: Flags) -> Ints:
    """A failed step looks like an error unless it holds others: then its outline and mark say so."""
    is_interrupt = is_any(steps["type"], "interrupt")
    is_container = (steps["n_children"] > 0).to_numpy(bool) & ~is_interrupt
    was_settled = steps["resolution"].notna().to_numpy(bool)
    return np.select(
        [
            is_interrupt & ~was_settled,
            is_any(steps["type"], "error"),
            is_container,
            is_error,
            is_interrupt,
            is_any(steps["type"], "output"),
            is_any(steps["type"], "activity"),
        ],
        [WAIT, ERROR, CONTAINER, ERROR, SETTLED, OUTPUT, ACTIVITY],
        OTHER,
    ).astype(np.int64)
