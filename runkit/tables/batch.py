"""Read the raw JSON of a batch of runs into plain columns; the JSON is dropped afterwards.

A batch is small, so that its JSON stays in the processor's cache while it is read. `build` derives the other
columns from these, for many batches at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from runkit import jsontext
from runkit.contract import LEGACY_STATUSES
from runkit.models import resolution_of
from runkit.steptree import kind
from runkit.tables import interrupts
from runkit.tables.artifacts import collect_lists, output_lists, read_artifacts
from runkit.tables.columns import Chunk, Vocabulary, text
from runkit.tables.layout import Runs, Spans, Steps, compute_spans, read_runs, read_steps
from runkit.tables.problems import Problems
from runkit.tables.sources import Record
from runkit.tables.validate import NEVER, TEXT
from runkit.text import agent_title, brief

Vocabularies = dict[str, dict[str, Vocabulary]]


class Batch(NamedTuple):
    """The columns of each frame that are read from the records.

    Columns named `run`, `step`, `parent` and `artifact` hold positions in this batch, -1 for none.
    """

    chunks: dict[str, Chunk]
    locations: list[str]
    n_seen: int


def read_batch(
    records: Sequence[Record], as_of: int | None, words: Vocabularies, problems: Problems
) -> Batch:
    """Read a batch of records. `as_of` is in microseconds, or None for each run's own."""
    runs = read_runs(records, problems)
    steps = read_steps(runs, problems)
    spans = compute_spans(runs, steps, as_of, problems)
    is_interrupt = pa.compute.equal(steps.text["type"], "interrupt").to_numpy(zero_copy_only=False)
    resolved = {at: resolution_of(steps.records[at]) for at in np.flatnonzero(is_interrupt).tolist()}
    interrupt_rows = interrupts.collect_interrupts(runs, steps, is_interrupt, problems)
    others = [*interrupts.proposal_lists(interrupt_rows), *output_lists(runs)]
    ids = {row.step.position: row.interrupt_id for row in interrupt_rows if row.step}
    artifact_lists = collect_lists(steps, is_interrupt, ids, others)
    artifacts, sources = read_artifacts(artifact_lists, runs, steps, problems)
    chunks = {
        "runs": _runs(runs, spans),
        "steps": _steps(runs, steps, spans, resolved, problems),
        "artifacts": artifacts,
        "sources": sources,
        "interrupts": interrupts.interrupt_columns(interrupt_rows, runs, steps, spans, resolved),
    }
    _encode(chunks, words, runs, steps, problems)
    problems.clear_paths()
    return Batch(chunks, [record.location.at() for record in runs.records], runs.n_seen)


def _runs(runs: Runs, spans: Spans) -> Chunk:
    return {
        "run_id": runs.text["id"],
        **{name: runs.text[name] for name in ("thread_id", "business_id", "agent", "status")},
        **{name: runs.text[name] for name in ("business_name", "business_status")},
        "business_status_at": runs.time["business_status_at"],
        "agent_name": _agent_names(runs),
        "requester": text(_name(record.raw.get("requester")) for record in runs.records),
        **{name: runs.time[name] for name in ("created_at", "updated_at", "started_at", "ended_at")},
        "as_of": spans.as_of,
        "read_at": runs.time["read_at"],
        "read_from": runs.text["read_from"],
        "start": spans.run_start,
        "end": spans.run_end,
        "has_steps": runs.has_steps,
    }


def _agent_names(runs: Runs) -> pa.Array:
    """Return the agents' names from the API where known, else made from their types."""
    types = runs.text["agent"].dictionary_encode()
    titles = pa.array([agent_title(word) for word in types.dictionary.to_pylist()], TEXT)
    return pa.compute.coalesce(runs.text["agent_name"], titles.take(types.indices))


def _name(requester: object) -> object:
    return requester.get("name") if isinstance(requester, dict) else None


def _steps(
    runs: Runs, steps: Steps, spans: Spans, resolved: dict[int, str | None], problems: Problems
) -> Chunk:
    return {
        "run": steps.run,
        "parent": steps.parent,
        "depth": steps.depth,
        "size": steps.size,
        "step_id": steps.ids,
        "parent_step_id": steps.parent_ids,
        **{name: steps.text[name] for name in ("agent", "type", "name", "label", "status")},
        "start": spans.start,
        "end": spans.end,
        "is_open": steps.time["completed_at"] == NEVER,
        "resolution": text(map(resolved.get, range(len(steps.records))))
        if resolved
        else pa.nulls(len(steps.records), TEXT),
        "result": _results(runs, steps, problems),
    }


def _results(runs: Runs, steps: Steps, problems: Problems) -> pa.Array:
    """Return the payloads as compact JSON, uncut."""
    payloads = steps.values["result"]
    if set(map(type, payloads)) <= {dict, NoneType}:
        try:
            return pa.array(
                [jsontext.dumps(value) if value else None if value is None else "{}" for value in payloads],
                TEXT,
            )
        except ValueError:  # one of them cannot be serialized: try each by itself below
            pass
    texts: list[str | None] = []
    for position, (record, result) in enumerate(zip(steps.records, payloads, strict=True)):
        owner = runs.records[steps.run[position]]
        try:
            texts.append(None if result is None else jsontext.dumps(result))
        except ValueError as error:  # Python objects that JSON cannot represent
            texts.append(None)
            problems.add_for_step(
                owner, record, "bad_field", f"result: cannot be written as JSON ({error})", "result"
            )
        if result is not None and type(result) is not dict:
            detail = f"result: expected an object, found {kind(result)}"
            problems.add_for_step(owner, record, "unknown_value", detail, "result")
    return pa.array(texts, TEXT)


def _encode(
    chunks: dict[str, Chunk], words: Vocabularies, runs: Runs, steps: Steps, problems: Problems
) -> None:
    """Encode the category columns as codes, and note unknown words."""
    for frame, name in (
        ("runs", "status"),
        ("steps", "type"),
        ("steps", "status"),
        ("steps", "resolution"),
        ("interrupts", "kind"),
        ("interrupts", "outcome"),
        ("interrupts", "decision"),
    ):
        vocabulary = words[frame][name]
        aliases = LEGACY_STATUSES if name == "status" else None
        values = chunks[frame][name]
        chunks[frame][name] = codes = vocabulary.encode(values, aliases)
        for row in np.flatnonzero(codes >= vocabulary.n_known).tolist():
            word = brief(values[row].as_py())
            detail = f"{name}: {word} is not in the API's documentation; kept as is"
            if frame == "runs":
                problems.add_for_run(runs.records[row], "unknown_value", detail, name)
            else:
                record = runs.records[steps.run[row]]
                problems.add_for_step(record, steps.records[row], "unknown_value", detail, name)
