"""From raw runs to plain columns, a bite at a time: all that needs the raw JSON, which is dropped then.

A bite is small, so that its JSON is read off and let go while it is still in the processor's cache. What
follows from the columns alone is left to `build`, which takes many bites at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from runkit import jsontext
from runkit.contract import LEGACY_STATUSES
from runkit.models import resolution_of
from runkit.steptree import kind
from runkit.tables import interrupts
from runkit.tables.artifacts import find, gather, output_bundles
from runkit.tables.columns import Chunk, Words, text
from runkit.tables.layout import Runs, Spans, Steps, lay_out_steps, measure, take_runs
from runkit.tables.problems import Problems
from runkit.tables.sources import Record
from runkit.tables.validate import NEVER, TEXT
from runkit.text import agent_title, brief

Vocabularies = dict[str, dict[str, Words]]
Codes = NDArray[np.int32]


class Bite(NamedTuple):
    """Columns per frame, as far as they are read off the records.

    Columns named `run`, `step`, `parent` and `artifact` hold positions in this bite, -1 for none.
    """

    chunks: dict[str, Chunk]
    locations: list[str]
    n_seen: int


def take_bite(records: Sequence[Record], as_of: int | None, words: Vocabularies, problems: Problems) -> Bite:
    """Read a few records off. `as_of` in microseconds, or None for each run's own."""
    runs = take_runs(records, problems)
    steps = lay_out_steps(runs, problems)
    spans = measure(runs, steps, as_of, problems)
    is_interrupt = pa.compute.equal(steps.text["type"], "interrupt").to_numpy(zero_copy_only=False)
    resolved = {at: resolution_of(steps.records[at]) for at in np.flatnonzero(is_interrupt).tolist()}
    asked = interrupts.ask(runs, steps, is_interrupt, problems)
    loose = [*interrupts.proposal_bundles(asked), *output_bundles(runs)]
    ids = {question.pause.position: question.interrupt_id for question in asked if question.pause}
    bundles = gather(steps, is_interrupt, ids, loose)
    artifacts, sources = find(bundles, runs, steps, problems)
    chunks = {
        "runs": _runs(runs, spans),
        "steps": _steps(runs, steps, spans, resolved, problems),
        "artifacts": artifacts,
        "sources": sources,
        "interrupts": interrupts.interrupts(asked, runs, steps, spans, resolved),
    }
    _encode(chunks, words, runs, steps, problems)
    problems.forget_paths()
    return Bite(chunks, [record.where.at() for record in runs.records], runs.n_seen)


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
    """The agents' names as the API told the client, else from their types."""
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
    """The payloads as compact JSON, whole, whatever they hold."""
    payloads = steps.values["result"]
    if set(map(type, payloads)) <= {dict, NoneType}:
        try:
            return pa.array(
                [jsontext.dumps(value) if value else None if value is None else "{}" for value in payloads],
                TEXT,
            )
        except ValueError:  # one of them cannot be written: look at each by itself
            pass
    texts: list[str | None] = []
    for position, (record, result) in enumerate(zip(steps.records, payloads, strict=True)):
        owner = runs.records[steps.run[position]]
        try:
            texts.append(None if result is None else jsontext.dumps(result))
        except ValueError as error:  # objects of Python's that no JSON text can hold
            texts.append(None)
            problems.of_step(owner, record, "bad_field", f"result: it is no JSON ({error})", "result")
        if result is not None and type(result) is not dict:
            detail = f"result: expected an object, found {kind(result)}"
            problems.of_step(owner, record, "unknown_value", detail, "result")
    return pa.array(texts, TEXT)


def _encode(
    chunks: dict[str, Chunk], words: Vocabularies, runs: Runs, steps: Steps, problems: Problems
) -> None:
    """Replace the words of the category columns by codes, and note the unknown ones."""
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
            detail = f"{name}: {word} is not in the API's documentation; kept as it came"
            if frame == "runs":
                problems.of_run(runs.records[row], "unknown_value", detail, name)
            else:
                record = runs.records[steps.run[row]]
                problems.of_step(record, steps.records[row], "unknown_value", detail, name)
