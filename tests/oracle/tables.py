"""All records: what is refused, which state counts, and the clock."""

from __future__ import annotations

from typing import Any, NamedTuple

from oracle.questions import interrupt_row, questions
from oracle.reading import Reading, Wait
from oracle.rows import artifact_rows, run_row, step_rows
from oracle.values import REQUIRED, Row, instant, part


class Tables(NamedTuple):
    """Five frames as lists of rows, and the clock."""

    runs: list[Row]
    steps: list[Row]
    artifacts: list[Row]
    sources: list[Row]
    interrupts: list[Row]
    as_of: int | None
    as_of_basis: str


def tables(records: list[Any], as_of: str | None = None) -> Tables:
    """Return the frames of parsed records: runs, events, and what is neither."""
    states_by_id: dict[str, list[Reading]] = {}
    for record in records:
        event = record if part(record).get("object") == "event" else None
        raw = part(record["data"].get("object")) if event else part(record)
        is_run = all(isinstance(raw.get(name), str) for name in REQUIRED)
        if is_run and None not in (instant(raw["created_at"]), instant(raw["updated_at"])):
            states_by_id.setdefault(raw["id"], []).append(Reading(raw, event))

    clock, basis = _clock([run for states in states_by_id.values() for run in states], as_of)
    rows = Tables([], [], [], [], [], clock, basis)
    for states in states_by_id.values():
        run = max(reversed(states), key=lambda state: (state.updated_at, bool(state.steps)))
        run.as_of = clock or 0
        own_questions = questions(run)
        interrupts = [interrupt_row(run, question) for question in own_questions]
        run.open_aside = [
            Wait(row["asked_at"], run.as_of)
            for row in interrupts
            if row["outcome"] == "pending" and row["step_id"] is None
        ]
        artifacts, sources = artifact_rows(run, own_questions)
        rows.runs.append(run_row(run, len(states), artifacts, sources, interrupts))
        rows.steps.extend(step_rows(run))
        rows.artifacts.extend(artifacts)
        rows.sources.extend(sources)
        rows.interrupts.extend(interrupts)
    return rows


def _clock(runs: list[Reading], as_of: str | None) -> tuple[int | None, str]:
    """Return the time to which everything open is counted, and what says so."""
    newest = max((time for run in runs for time in run.times), default=None)
    if as_of is not None:
        return instant(as_of), "given"
    read = max((run.read_at for run in runs if run.read_at is not None), default=None)
    if newest is None:
        return None, "now"
    is_read = read is not None and read >= newest
    return (read, "read") if is_read else (newest, "newest time in the data")
