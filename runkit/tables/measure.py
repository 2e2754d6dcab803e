"""The clock, and what is counted up to it: lengths of runs, steps and waits, the critical path.

It is measured from the columns of the frames alone, so that frames that are combined are measured
again. A length that nobody knows is null, and so is what depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from runkit import time_budget
from runkit.api.words import OUTCOMES, RUN_STATUSES, STATES
from runkit.errors import UsageError
from runkit.tables.columns import NEVER
from runkit.tables.frames import GIVEN, NEWEST, NOW, READ, Frames, agents_of
from runkit.tables.schema import FRAME_COLUMNS, cast
from runkit.time_budget import CriticalPath, Flags, Ints

SETTLED_BY_POLICY = OUTCOMES.meaning("policy")
RUN_TIMES = (
    "created_at",
    "updated_at",
    "started_at",
    "ended_at",
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEP_KEY = ["run_id", "step_id"]
Frame = pd.DataFrame


@dataclass(frozen=True)
class Spans:
    """The spans of runs, and of their steps and of open questions without a step, behind these.

    Times are in microseconds; what is not known spans 0 to 0.
    """

    run_start: Ints
    run_end: Ints
    is_run_known: Flags
    has_steps: Flags
    run: Ints
    parent: Ints
    depth: Ints
    start: Ints
    end: Ints
    is_known: Flags
    is_wait: Flags

    @property
    def is_budget_known(self) -> Flags:
        """Of which runs all spans are known."""
        known = self.is_run_known & self.has_steps
        known[self.run[~self.is_known]] = False
        return known

    def path(self) -> CriticalPath:
        """Return the critical path of each run."""
        return time_budget.critical_path(
            self.start,
            self.end,
            self.parent,
            self.run,
            self.run_start,
            self.run_end,
            is_waiting=self.is_wait,
        )


def measured(frames: dict[str, Frame], as_of: datetime) -> dict[str, Any]:
    """Return the frames with what is counted up to a time."""
    runs, steps, interrupts = (frames[name] for name in ("runs", "steps", "interrupts"))
    as_of_us = _micros_of(as_of)
    spans = spans_of(runs, steps, interrupts, as_of_us)
    queued_s = _lengths(_times(runs["created_at"]), _times(runs["started_at"]))
    return frames | {
        "runs": runs.assign(**_run_columns(spans), queued_s=queued_s),
        "steps": steps.assign(**_step_columns(spans, len(steps))),
        "interrupts": interrupts.assign(wait_s=_waits(interrupts, as_of_us)),
    }


# ------------------------------------------------------------------------------------------- clock


def choose_as_of(
    tables: dict[str, pd.DataFrame],
    list_read_at: datetime | None,
    given: datetime | None,
    events: Iterable[datetime] = (),
) -> tuple[datetime, str]:
    """Return the time up to which everything open is counted, and where it comes from.

    Raises `UsageError` for a given time before the newest time in the data.
    """
    in_data = max([*newest_times(tables), *events], default=None)
    if given is not None:
        if in_data is not None and given < in_data:
            raise UsageError(
                f"as_of={given.isoformat()} is before the newest time in the data; expected "
                f"{in_data.isoformat()} or a later time."
            )
        return given, GIVEN
    times = [list_read_at, tables["runs"]["read_at"].max()]
    read_at = max(filter(pd.notna, times), default=None)
    if read_at is not None and (in_data is None or read_at >= in_data):
        return pd.Timestamp(read_at).to_pydatetime(), READ
    if in_data is not None:
        return in_data, NEWEST
    return datetime.now(UTC), NOW


def recounted(f: Frames, as_of: datetime, basis: str) -> Frames:
    """Return frames in which everything open is counted to another time.

    Raises `UsageError` for a time before the newest time in the data.
    """
    choose_as_of(dict(f.items()), None, as_of)
    fields = measured(dict(f.items()), as_of)
    return replace(f, **fields, as_of=as_of, as_of_basis=basis)


def combined(parts: Sequence[Any]) -> Frames:
    """Return several `Frames` as one; of a run that several have, the newest state is kept."""
    if not all(isinstance(part, Frames) for part in parts):
        raise UsageError(
            "source has Frames, or a folder of Frames.save, and others; expected one kind: "
            "[f, runkit.frames(other)]."
        )
    tables = {name: _joined([part[name] for part in parts]) for name in FRAME_COLUMNS}
    states = tables["runs"]
    in_order = states.sort_values(["updated_at", "has_steps"], kind="stable")
    newest = in_order.drop_duplicates("run_id", keep="last").set_index("run_id")["part"]
    n_copies = states.groupby("run_id")["n_copies"].sum()
    tables["runs"] = states.assign(n_copies=states["run_id"].map(n_copies))
    for name, df in tables.items():
        part = df["run_id"].map(newest)
        kept = df[part.isna() | part.eq(df["part"])]  # a problem may be of no run
        tables[name] = cast(kept.reset_index(drop=True), name)
    with_runs = [part for part in parts if len(part)] or parts  # the clock of others is the call's
    latest = max(with_runs, key=lambda part: part.as_of)
    reasons = dict.fromkeys(reason for part in parts for reason in part.source_missing)
    return Frames(
        **measured(tables, latest.as_of),
        as_of=latest.as_of,
        as_of_basis=latest.as_of_basis,
        source_missing=tuple(reasons),
        read_from=tuple(sorted({host for part in parts for host in part.read_from})),
        agents=agents_of(tables),
    )


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return frames as one, with the number of the part that a row is from."""
    numbered = [df.assign(part=number) for number, df in enumerate(parts)]
    return pd.concat(numbered, ignore_index=True)


def newest_times(frames: dict[str, Frame]) -> list[datetime]:
    """Return the newest time in each column of runs and of steps."""
    times = [frames["runs"][name].max() for name in RUN_TIMES]
    times += [frames["steps"][name].max() for name in ("started_at", "completed_at")]
    return [time.to_pydatetime() for time in times if pd.notna(time)]


# ------------------------------------------------------------------------------------------- spans


def spans_of(runs: Frame, steps: Frame, interrupts: Frame, as_of_us: int) -> Spans:
    """Return the spans of runs and steps; what is open lasts to `as_of_us`, in microseconds."""
    run_start, run_end, is_run_known = _run_spans(runs, as_of_us)
    start, end, is_known = _step_spans(steps, as_of_us)
    n_steps = runs["n_steps"].fillna(0).to_numpy(np.int64)
    depth = steps["depth"].to_numpy(np.int64)
    run = np.repeat(np.arange(len(runs)), n_steps)
    asked = questions_without_step(interrupts)
    n = len(asked)
    numbers = pd.Index(runs["run_id"]).get_indexer(pd.Index(asked["run_id"]))
    return Spans(
        run_start=run_start,
        run_end=run_end,
        is_run_known=is_run_known,
        has_steps=runs["has_steps"].to_numpy(np.bool_),
        run=np.append(run, numbers),
        parent=np.append(parents_of(depth), np.full(n, -1)),
        depth=np.append(depth, np.zeros(n, np.int64)),
        start=np.append(start, _times(asked["asked_at"])),
        end=np.append(end, np.full(n, as_of_us)),
        is_known=np.append(is_known, np.ones(n, np.bool_)),
        is_wait=np.append(waiting_steps(steps, interrupts), np.ones(n, np.bool_)),
    )


def _run_spans(runs: Frame, as_of_us: int) -> tuple[Ints, Ints, Flags]:
    start = _times(runs["started_at"])
    ended = _times(runs["ended_at"])
    is_over = _is_one_of(runs["status"], RUN_STATUSES.meaning("over"))
    end = np.where((ended == NEVER) & ~is_over, as_of_us, ended)
    return _known(start, end)


def _step_spans(steps: Frame, as_of_us: int) -> tuple[Ints, Ints, Flags]:
    completed = _times(steps["completed_at"])
    is_open = (completed == NEVER) & _is_one_of(steps["state"], STATES.meaning("open"))
    return _known(_times(steps["started_at"]), np.where(is_open, as_of_us, completed))


def _known(start: Ints, end: Ints) -> tuple[Ints, Ints, Flags]:
    """Return spans, 0 to 0 where start or end is not known, and which are known."""
    is_known = (start != NEVER) & (end != NEVER) & (end >= start)
    return np.where(is_known, start, 0), np.where(is_known, end, 0), is_known


def parents_of(depth: Ints) -> Ints:
    """Return the row of the parent of each step: the last one before it, one level higher."""
    parents = []
    above = [-1]  # the row of the step that is open in each level, from the top
    for row, level in enumerate(depth.tolist()):
        del above[level + 1 :]
        parents.append(above[level])
        above.append(row)
    return np.array(parents, np.int64)


def waiting_steps(steps: Frame, interrupts: Frame) -> Flags:
    """Return which steps are questions to a person: those that no policy settled."""
    is_question = _is_one_of(steps["type"], ["interrupt"])
    by_policy = interrupts.loc[_is_one_of(interrupts["outcome"], SETTLED_BY_POLICY), STEP_KEY]
    if len(by_policy):
        rows = np.flatnonzero(is_question)
        keys = pd.MultiIndex.from_frame(steps[STEP_KEY].iloc[rows])
        is_question[rows[keys.isin(pd.MultiIndex.from_frame(by_policy))]] = False
    return is_question


def questions_without_step(interrupts: Frame) -> Frame:
    """Return the open questions that are no step of their run."""
    is_open = _is_one_of(interrupts["outcome"], ["pending"])
    return interrupts[is_open & interrupts["step_id"].isna() & interrupts["asked_at"].notna()]


# ----------------------------------------------------------------------------------------- columns


def _run_columns(spans: Spans) -> dict[str, Any]:
    """Return how long each run took, and what its time went into."""
    budget = time_budget.budget(
        spans.run,
        spans.start,
        spans.end,
        spans.run_start,
        spans.run_end,
        is_waiting=spans.is_wait,
    )
    duration = spans.run_end - spans.run_start
    is_known = spans.is_budget_known
    return {
        "duration_s": _seconds(duration, spans.is_run_known),
        "working_s": _seconds(budget.working, is_known),
        "waiting_s": _seconds(budget.waiting, is_known),
        "idle_s": _seconds(budget.idle, is_known),
    }


def _step_columns(spans: Spans, n: int) -> dict[str, Any]:
    """Return how long each of n steps took, without its children, and on the critical path."""
    parent = spans.parent[:n]
    start, end = spans.start[:n], spans.end[:n]
    is_known = spans.is_known[:n]
    own = time_budget.self_time(start, end, parent)
    is_own_known = is_known.copy()
    has_parent = parent >= 0
    is_own_known[parent[has_parent & ~is_known]] = False
    is_path_known = spans.is_budget_known[spans.run[:n]]
    return {
        "duration_s": _seconds(end - start, is_known),
        "self_s": _seconds(own, is_own_known),
        "critical_s": _seconds(spans.path().length[:n], is_path_known),
    }


def _waits(interrupts: Frame, as_of_us: int) -> Any:
    """Return how long each question waited: to its answer, or to `as_of_us` while it is open."""
    is_open = _is_one_of(interrupts["outcome"], ["pending"])
    until = np.where(is_open, as_of_us, _times(interrupts["answered_at"]))
    return _lengths(_times(interrupts["asked_at"]), until)


def _lengths(start: Ints, end: Ints) -> Any:
    known_start, known_end, is_known = _known(start, end)
    return _seconds(known_end - known_start, is_known)


# ------------------------------------------------------------------------------------------ arrays


def _times(times: pd.Series[Any]) -> Ints:
    """Return times in microseconds, `NEVER` for null."""
    return times.to_numpy("M8[us]").view(np.int64)


def _micros_of(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1)


def _seconds(micros: Ints, is_known: Flags) -> Any:
    return np.where(is_known, micros / 1e6, np.nan)


def _is_one_of(words: pd.Series[Any], known: Any) -> Flags:
    """Return which words of a category are some words."""
    found: Flags = words.isin([*known]).to_numpy(np.bool_, copy=True)
    return found
