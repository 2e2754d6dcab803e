"""All records: what is refused, which state counts, the clock, and what is missing."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from oracle.questions import interrupt_row, questions
from oracle.reading import Reading, Wait
from oracle.rows import artifact_rows, run_row, step_rows
from oracle.values import (
    EPOCH,
    REQUIRED,
    RESOLUTION,
    RUN_WORDS,
    STEP_TYPES,
    STEP_WORDS,
    Json,
    Row,
    instant,
    objects,
    part,
    text,
)


class Tables(NamedTuple):
    """Six frames as lists of rows, the clock, and what is missing."""

    runs: list[Row]
    steps: list[Row]
    artifacts: list[Row]
    sources: list[Row]
    interrupts: list[Row]
    n_problems: Counter[str | None]  # by run; steps that were not read are one problem
    without_steps: set[str]  # runs whose steps were not read
    as_of: int | None
    as_of_basis: str
    missing: list[str]


def is_broken(raw: Json, texts: str, times: str = "", lists: str = "") -> int:
    """Return how many optional fields of an object break the contract."""
    broken = [not isinstance(raw[name], str) for name in texts.split() if raw.get(name) is not None]
    broken += [instant(raw[name]) is None for name in times.split() if raw.get(name) is not None]
    broken += [objects(raw[name]) is None for name in lists.split() if raw.get(name) is not None]
    return sum(broken)


def problems(run: Reading) -> int:
    """Return how many values of a run that was read are worth a problem."""
    n = is_broken(run.raw, "thread_id agent prompt", "started_at ended_at", "interrupts")
    n += (run.n_breaches > 0) + (run.status not in RUN_WORDS)
    for name in ("requester", "output"):
        n += not isinstance(run.raw.get(name), dict | None)
    n += run.is_over and (run.ended_at is None or run.ended_at < (run.start or run.ended_at))
    for step in run.steps:
        raw = step.raw
        n += is_broken(raw, "agent name label status type", "started_at completed_at", "artifacts")
        n += step.status is not None and step.status not in STEP_WORDS
        n += text(raw.get("type")) not in (None, *STEP_TYPES)
        has_no_end = step.completed is None and (step.is_over or run.is_over)
        n += has_no_end or (step.completed or 0) < (step.start or 0) * bool(step.completed)
        n += not isinstance(raw.get("result"), dict | None)
        n += _broken_artifacts(step.artifacts or [])
    output = part(run.raw.get("output"))
    n += is_broken(output, "", "", "artifacts")
    n += _broken_artifacts(objects(output.get("artifacts")) or [])
    n += is_broken(part(run.raw.get("requester")), "name")
    return n


def _broken_artifacts(items: list[Json]) -> int:
    """Return how many fields of artifacts and of their sources break the contract."""
    n = sum(is_broken(item, "title type summary", "", "sources") for item in items)
    n += sum(isinstance(item.get("confidence"), dict | list | bool) for item in items)
    found = [source for item in items for source in objects(item.get("sources")) or []]
    return n + sum(is_broken(source, "url source_name source_type") for source in found)


def tables(records: list[Any], as_of: str | None = None) -> Tables:
    """Return the frames of parsed records: runs, events, and what is neither."""
    n_problems: Counter[str | None] = Counter()
    kept: dict[str, list[Reading]] = {}
    n_refused = 0
    for record in records:
        event = record if part(record).get("object") == "event" else None
        raw = part(record["data"].get("object")) if event else part(record)
        is_run = all(isinstance(raw.get(name), str) for name in REQUIRED)
        if not is_run or None in (instant(raw["created_at"]), instant(raw["updated_at"])):
            n_refused += 1
            n_problems[text(raw.get("id"))] += 1
            continue
        kept.setdefault(raw["id"], []).append(Reading(raw, event))

    copies = [run for runs in kept.values() for run in runs]
    clock, basis = _clock(copies, as_of)
    rows = Tables([], [], [], [], [], n_problems, set(), clock, basis, [])
    n_without = 0
    read_of_open: list[int] = []
    for states in kept.values():
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
        n_problems[run.id] += problems(run)
        n_without += not run.steps
        if not run.is_over and run.read_at is not None:
            read_of_open.append(run.read_at)
        rows.without_steps.update([run.id] * (run.n_breaches > 0))
    if n_refused:
        rows.missing.append(f"{n_refused:,} of {len(records):,} records refused")
    if n_without:
        n_breached = len(rows.without_steps)
        refused = f", {n_breached:,} of them refused" if n_breached else ""
        rows.missing.append(f"{n_without:,} run{'s' * (n_without > 1)} without steps{refused}")
    days = [(EPOCH + read_at * RESOLUTION).date() for read_at in read_of_open]
    today = (EPOCH + (clock or 0) * RESOLUTION).date()
    earlier = sorted(day for day in days if day < today)
    if earlier:
        words = [f"{day:%b} {day.day}" for day in (earlier[0], earlier[-1])]
        span = " to ".join(dict.fromkeys(words))
        rows.missing.append(f"{len(earlier):,} open run{'s' * (len(earlier) > 1)} last read {span}")
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
