"""From raw runs to the columns of the six frames, a batch of runs at a time.

A batch is flattened into a few long lists that Arrow and numpy convert at once, and its raw JSON is dropped:
memory holds one batch and the columns. Rows know the number of their run, so that the loser of a duplicate
can be taken out of all frames at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from runkit import jsontext, timing
from runkit.steptree import kind
from runkit.tables import findings, questions
from runkit.tables.checks import NEVER, TEXT
from runkit.tables.columns import Chunk, Flags, Ints, Words, count, seconds, take, text
from runkit.tables.layout import Runs, Spans, Steps, lay_out_steps, measure, resolutions, take_runs
from runkit.tables.problems import Problems
from runkit.tables.records import Record
from runkit.values import CONFIDENCES, OLD_STATUSES, RESOLUTIONS


class Batch(NamedTuple):
    """Columns per frame, and for each row the position of its run among the batch's runs."""

    chunks: dict[str, Chunk]
    run_of: dict[str, Ints]
    locations: list[str]
    n_seen: int


def build(
    records: Sequence[Record], as_of: int | None, words: dict[str, dict[str, Words]], problems: Problems
) -> Batch:
    """Build the columns of a batch. `as_of` in microseconds, or None for each run's own."""
    runs = take_runs(records, problems)
    steps = lay_out_steps(runs, problems)
    spans = measure(runs, steps, as_of, problems)
    is_interrupt = pa.compute.equal(steps.text["type"], "interrupt").to_numpy(zero_copy_only=False)
    resolved = resolutions(steps, is_interrupt)
    asked = questions.ask(runs, steps, is_interrupt, problems)
    found = findings.find(_bundles(runs, steps, is_interrupt, asked), runs, steps, problems)
    interrupts, interrupt_run = questions.interrupts(asked, runs, steps, spans, resolved)
    was_settled = np.array([word in RESOLUTIONS for word in resolved], np.bool_)
    is_waiting = is_interrupt & ~was_settled

    step_chunk = _steps(runs, steps, spans, resolved, found, problems)
    chunks = {
        "runs": _runs(
            runs, steps, spans, step_chunk, found, interrupts, interrupt_run, is_waiting, was_settled
        ),
        "steps": step_chunk,
        "artifacts": found.artifacts,
        "sources": found.sources,
        "interrupts": interrupts,
    }
    _encode(chunks, words, runs, steps, problems)
    run_of = {
        "runs": np.arange(len(runs.records)),
        "steps": steps.run,
        "artifacts": found.artifact_run,
        "sources": found.source_run,
        "interrupts": interrupt_run,
    }
    problems.forget_paths()
    return Batch(chunks, run_of, [record.where.at() for record in runs.records], runs.n_seen)


def _bundles(
    runs: Runs, steps: Steps, is_interrupt: Flags, asked: Sequence[questions.Question]
) -> list[findings.Bundle]:
    """All lists of artifacts, run after run: the steps' in tree order, loose questions', the output's.

    A pending question shows what it proposes in its value; the same artifacts on its step are not repeated.
    """
    proposed = questions.proposal_bundles(asked)
    told = {bundle.step for bundle in proposed if bundle.artifacts}
    ids = {question.pause.position: question.interrupt_id for question in asked if question.pause}
    carried = [
        bundle._replace(interrupt_id=ids[bundle.step]) if bundle.step in ids else bundle
        for bundle in findings.step_bundles(steps, is_interrupt)
        if bundle.step not in told
    ]
    at_end = len(steps.records)
    return sorted(
        chain(carried, proposed, findings.output_bundles(runs)),
        key=lambda bundle: (
            bundle.run,
            bundle.origin == findings.OUTPUT,
            bundle.step if bundle.step >= 0 else at_end,
        ),
    )


def _steps(
    runs: Runs,
    steps: Steps,
    spans: Spans,
    resolved: list[str | None],
    found: findings.Findings,
    problems: Problems,
) -> Chunk:
    n = len(steps.records)
    is_open = steps.time["completed_at"] == NEVER
    order = np.arange(n) - steps.first[steps.run]
    path = timing.critical_path(
        spans.start, spans.end, steps.parent, steps.depth, steps.run, spans.run_start, spans.run_end
    )
    return {
        "run_id": take(runs.text["id"], steps.run),
        "step_id": steps.ids,
        "parent_step_id": take(steps.ids, steps.parent),
        "order": order,
        "subtree_end": order + timing.subtree_sizes(steps.parent, steps.depth),
        "depth": steps.depth,
        "agent": steps.text["agent"],
        "type": steps.text["type"],
        "name": steps.text["name"],
        "label": steps.text["label"],
        "status": steps.text["status"],
        "started_at": spans.start,
        "completed_at": np.where(is_open, NEVER, spans.end),
        "is_open": is_open,
        "duration_s": seconds(spans.end - spans.start),
        "self_s": seconds(timing.self_time(spans.start, spans.end, steps.parent)),
        "is_critical": path.is_on,
        "critical_s": seconds(path.length),
        "resolution": pa.array(resolved, TEXT),
        "n_children": count(steps.parent, n),
        "n_artifacts": count(found.artifact_step, n),
        "result": _results(runs, steps, problems),
    }


def _results(runs: Runs, steps: Steps, problems: Problems) -> pa.Array:
    """The payloads as compact JSON, whole, whatever they hold."""
    texts: list[str | None] = []
    for position, record in enumerate(steps.records):
        result = record.get("result")
        if result is None:
            texts.append(None)
            continue
        try:
            texts.append("{}" if result == {} else jsontext.dumps(result))
        except (TypeError, ValueError) as error:  # objects of Python's that no JSON text can hold
            texts.append(None)
            owner = runs.records[steps.run[position]]
            problems.of_step(owner, record, "bad_field", f"result: it is no JSON ({error})", "result")
        if type(result) is not dict:
            owner = runs.records[steps.run[position]]
            detail = f"result: expected an object, found {kind(result)}"
            problems.of_step(owner, record, "unknown_value", detail, "result")
    return pa.array(texts, TEXT)


def _runs(
    runs: Runs,
    steps: Steps,
    spans: Spans,
    step_chunk: Chunk,
    found: findings.Findings,
    interrupts: Chunk,
    interrupt_run: Ints,
    is_waiting: Flags,
    was_settled: Flags,
) -> Chunk:
    n = len(runs.records)
    text_of, time = runs.text, runs.time
    budget = timing.budget(
        steps.run,
        spans.start,
        spans.end,
        is_waiting=is_waiting,
        is_leaf=((step_chunk["n_children"] == 0) | was_settled) & ~is_waiting,
        run_start=spans.run_start,
        run_end=spans.run_end,
    )
    is_known = spans.is_started & runs.has_steps
    is_error = pa.compute.equal(steps.text["type"], "error").to_numpy(zero_copy_only=False)
    is_pending = pa.compute.equal(interrupts["outcome"], questions.PENDING).to_numpy(zero_copy_only=False)
    return {
        "run_id": text_of["id"],
        "thread_id": text_of["thread_id"],
        "business_id": text_of["business_id"],
        "agent": text_of["agent"],
        "status": text_of["status"],
        "requester": text(_name(record.raw.get("requester")) for record in runs.records),
        "created_at": time["created_at"],
        "updated_at": time["updated_at"],
        "started_at": time["started_at"],
        "ended_at": np.where(
            time["ended_at"] == NEVER, NEVER, np.maximum(time["ended_at"], time["started_at"])
        ),
        "as_of": spans.as_of,
        "queued_s": seconds(spans.run_start - time["created_at"], spans.is_started),
        "duration_s": seconds(spans.run_end - spans.run_start, spans.is_started),
        "working_s": seconds(budget.working, is_known),
        "waiting_s": seconds(budget.waiting, is_known),
        "idle_s": seconds(budget.idle, is_known),
        "overlap_s": seconds(budget.overlap, is_known),
        "has_steps": runs.has_steps,
        "n_steps": count(steps.run, n),
        "n_errors": count(steps.run[is_error], n),
        "n_interrupts": count(interrupt_run, n),
        "n_pending": count(interrupt_run[is_pending], n),
        "n_artifacts": count(found.artifact_run, n),
        "n_sources": count(found.source_run, n),
        "confidence": _lowest_confidence(found, n),
    }


def _name(requester: object) -> object:
    return requester.get("name") if isinstance(requester, dict) else None


def _lowest_confidence(found: findings.Findings, n_runs: int) -> pa.Array:
    """The lowest label among each run's output artifacts; a word beyond high, medium and low is lowest."""
    lowest: list[str | None] = [None] * n_runs
    rank = {word: number for number, word in enumerate(CONFIDENCES)}
    for row in np.flatnonzero(found.artifacts["origin"] == findings.OUTPUT).tolist():
        word = found.artifacts["confidence"][row].as_py()
        run = found.artifact_run[row]
        held = lowest[run]
        if word is not None and (held is None or rank.get(word, len(rank)) > rank.get(held, len(rank))):
            lowest[run] = word
    return pa.array(lowest, TEXT)


def _encode(
    chunks: dict[str, Chunk],
    words: dict[str, dict[str, Words]],
    runs: Runs,
    steps: Steps,
    problems: Problems,
) -> None:
    """Replace the words of the category columns by codes, and note the unknown ones."""
    for frame, name in (
        ("runs", "status"),
        ("steps", "type"),
        ("steps", "status"),
        ("steps", "resolution"),
        ("interrupts", "kind"),
        ("interrupts", "outcome"),
    ):
        vocabulary = words[frame][name]
        aliases = OLD_STATUSES if name == "status" else None
        values = chunks[frame][name]
        chunks[frame][name] = codes = vocabulary.encode(values, aliases)
        for row in np.flatnonzero(codes >= vocabulary.n_known).tolist():
            detail = f"{name}: {values[row].as_py()!r} is not in the API's documentation; kept as it came"
            if frame == "runs":
                problems.of_run(runs.records[row], "unknown_value", detail, name)
            else:
                record = runs.records[steps.run[row]]
                problems.of_step(record, steps.records[row], "unknown_value", detail, name)
