"""The columns of artifacts, sources and interrupts, and what every screen shows of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runkit import contract, timing
from runkit.models import Artifact, Source
from runkit.tables.columns import (
    NEVER,
    Columns,
    count,
    first_in_group,
    flags,
    is_word,
    map_words,
    measure,
    note_contradictions,
    note_unknown_words,
    object_columns,
    position_in_group,
    ranked,
    run_fields,
    step_columns,
    step_fields,
    take,
    text,
    to_arrow,
)
from runkit.tables.flatten import LAPSED, PENDING, ArtifactRow, InterruptRow, Rows, flatten
from runkit.tables.schema import TEXT
from runkit.text import agent_title
from runkit.timing import Ints

_HOST = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#\\]*\]|[^:/?#\\]*)"


def tables(rows: Rows, as_of: int | None) -> dict[str, pa.Table]:
    """Build the Arrow tables of a batch. `as_of` is in microseconds, or None for each run's own."""
    flatten(rows)
    runs, steps = run_fields(rows.runs), step_fields(rows)
    note_contradictions(runs, steps, rows)
    note_unknown_words("runs", runs, rows)
    note_unknown_words("steps", steps, rows)
    measure(runs, steps, rows, as_of)
    steps |= step_columns(runs, steps, rows)
    artifacts = artifact_columns(runs, steps, rows)
    sources = source_columns(artifacts, rows)
    interrupts = interrupt_columns(runs, steps, rows)
    steps["n_artifacts"] = count(artifacts["step"], len(rows.steps))
    parts = {"steps": steps, "artifacts": artifacts, "sources": sources, "interrupts": interrupts}
    runs |= _run_columns(runs, parts, rows)

    built = {name: to_arrow(name, columns) for name, columns in (parts | {"runs": runs}).items()}
    return built | {"reads": to_arrow("reads", runs)}


def artifact_columns(runs: Columns, steps: Columns, rows: Rows) -> Columns:
    """Build the columns of the artifacts frame, and the rows of their runs and steps."""
    values = _by_field(rows.artifacts, ArtifactRow)
    run, step, artifacts = values["run"], values["step"], values["artifact"]
    fields = object_columns(artifacts, Artifact)
    columns = (
        fields
        | values
        | {
            "object": artifacts,
            "run_id": take(runs["run_id"], run),
            "artifact_no": position_in_group(run),
            "is_repeat": np.array(rows.is_repeat, np.bool_),
            "step_id": take(steps["step_id"], step),
            "artifact_id": fields["id"],
            "n_sources": np.array([len(artifact.get("sources") or ()) for artifact in artifacts], np.int64),
        }
    )
    note_unknown_words("artifacts", columns, rows)
    return columns


def source_columns(artifacts: Columns, rows: Rows) -> Columns:
    """Build the columns of the sources frame; adds to the artifacts what their sources tell."""
    n = len(rows.artifacts)
    sources = [source for artifact in artifacts["object"] for source in artifact.get("sources") or ()]
    owner = np.repeat(np.arange(n), artifacts["n_sources"])
    fields = object_columns(sources, Source)
    host, tiers = _hosts(fields["url"]), fields["source_tier"]
    artifacts["n_hosts"] = _count_hosts(owner, host, n)
    highest_first = ranked(tiers, contract.TIERS)[::-1]
    artifacts["best_tier"] = first_in_group(owner, highest_first, tiers, n)
    columns = fields | {
        **{name: take(artifacts[name], owner) for name in ("run_id", "step_id", "title", "origin")},
        "object": sources,
        "run": artifacts["run"][owner],
        "artifact_no": artifacts["artifact_no"][owner],
        "source_no": position_in_group(owner),
        "host": host,
    }
    note_unknown_words("sources", columns, rows)
    return columns


def interrupt_columns(runs: Columns, steps: Columns, rows: Rows) -> Columns:
    """Build the columns of the interrupts frame, and the rows of their runs."""
    values = _by_field(rows.interrupts, InterruptRow)
    run, step, outcome = (values[name] for name in ("run", "step", "outcome"))
    has_step = step >= 0
    is_settled = has_step & ~is_word(outcome, PENDING, LAPSED)
    # An open interrupt has waited until its run's end (as_of while the run is open), as its step has.
    asked, until = (np.append(steps[name], 0)[step] for name in ("start", "end"))
    is_measured = has_step & ~(is_word(outcome, PENDING) & runs["is_undated"][run])
    return values | {
        "run_id": take(runs["run_id"], run),
        "step_id": take(steps["step_id"], step),
        "asked_at": np.where(has_step, asked, NEVER),
        "answered_at": np.where(is_settled, until, NEVER),
        "wait_s": np.where(is_measured, until - asked, NEVER),
        "decision": pa.nulls(len(run), TEXT),
    }


def _by_field(rows: Sequence[tuple[Any, ...]], cls: Any) -> Columns:
    """Convert the fields of named tuples that are text or whole numbers; others are lists."""
    columns: Columns = {}
    for position, (name, hint) in enumerate(get_type_hints(cls).items()):
        values = [row[position] for row in rows]
        is_text = hint in (str, str | None)
        columns[name] = np.array(values, np.int64) if hint is int else text(values) if is_text else values
    return columns


def _count_hosts(of: Ints, host: pa.Array, n: int) -> Ints:
    """Count the different hosts of each artifact's sources."""
    codes = host.dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
    pairs = np.unique(np.stack([of, codes])[:, codes >= 0], axis=1)
    return count(pairs[0], n)


def _hosts(urls: pa.Array) -> pa.Array:
    """Return the host of each URL in lower case; null where there is none."""
    encoded = urls.dictionary_encode()  # many findings share the same sources
    host = pc.utf8_lower(pc.struct_field(pc.extract_regex(encoded.dictionary, _HOST), "host"))
    return pc.if_else(pc.equal(host, ""), pa.scalar(None, urls.type), host).take(encoded.indices)


# -------------------------------------------------------------------------------------------------- runs


def _run_columns(runs: Columns, parts: dict[str, Columns], rows: Rows) -> Columns:
    n = len(rows.runs)
    steps, interrupts = parts["steps"], parts["interrupts"]
    started, ended = runs["started_at"], runs["ended_at"]
    is_started = started != NEVER
    queued = started - runs["created_at"]
    requesters = [raw.get("requester") or {} for raw in rows.runs]
    counted = {
        **{f"n_{name}": columns["run"] for name, columns in parts.items()},
        "n_errors": steps["run"][flags(steps["error"].is_valid())],
        "n_pending": interrupts["run"][is_word(interrupts["outcome"], PENDING)],
    }
    return {
        "agent_name": pc.coalesce(runs["agent_name"], map_words(runs["agent"], agent_title)),
        "requester": text(requester.get("name") for requester in requesters),
        "ended_at": np.where(ended == NEVER, NEVER, np.maximum(ended, started)),
        "queued_s": np.where(is_started & (queued >= 0), queued, NEVER),
        "duration_s": np.where(is_started, runs["end"] - runs["start"], NEVER),
        **_budget(runs, steps),
        **{name: count(of, n) for name, of in counted.items()},
    }


def _budget(runs: Columns, steps: Columns) -> Columns:
    """Split each run's time: waiting for a reviewer, working (a leaf is open), or idle.

    A question that the policy resolved is a leaf.
    """
    is_question = is_word(steps["type"], "interrupt")
    is_leaf = np.where(is_question, ~steps["is_wait"], steps["n_children"] == 0)
    spans = steps["run"], steps["start"], steps["end"], runs["start"], runs["end"]
    budget = timing.budget(*spans, is_waiting=steps["is_wait"], is_leaf=is_leaf)
    is_known = (runs["started_at"] != NEVER) & runs["has_steps"]
    return {f"{name}_s": np.where(is_known, micros, NEVER) for name, micros in budget._asdict().items()}
