"""The columns of the frames: what is measured and counted, and the Arrow tables of a batch.

A batch is small enough that its JSON stays in the processor's cache, and large enough that calls to
numpy and Arrow cost little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runkit import time_budget
from runkit.api import contract, jsontext
from runkit.api.contract import Json
from runkit.api.models import Artifact, Run, Source, Step
from runkit.api.validation import agent_of, fields, reason_of, resolution_of
from runkit.display.text import agent_title, brief
from runkit.tables.arrow_columns import NEVER, Columns, to_arrow
from runkit.tables.flatten import ArtifactRow, InterruptRow, Rows, label_of_step
from runkit.tables.problems import AS_OF_NOT_USED
from runkit.tables.schema import COLUMNS, LAPSED, OUTPUT, PENDING, TEXT, TIME
from runkit.time_budget import Flags, Ints

NoteRow = Callable[..., None]  # notes what is wrong in a row: `Rows.note` or `Rows.note_step`
_HOST = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#\\]*\]|[^:/?#\\]*)"


# ------------------------------------------------------------------------------------------- tables


def tables(rows: Rows, as_of: int | None) -> dict[str, pa.Table]:
    """Build the Arrow tables of a batch, and note what disagrees in them.

    `as_of` is in microseconds, or None for each run's own.
    """
    runs = run_fields(rows)
    steps = step_fields(rows)
    _note_contradictions(runs, steps, rows)
    _note_unknown_words("run", runs, rows.note)
    _note_unknown_words("step", steps, rows.note_step)
    runs, steps = measured(runs, steps, as_of, rows)
    _note_times(runs, steps, rows)
    steps = steps | step_columns(runs, steps)
    artifacts = artifact_columns(steps, rows)
    sources = source_columns(artifacts)
    artifacts = artifacts | evidence_columns(sources, len(rows.artifacts))
    interrupts = interrupt_columns(runs, steps, rows)
    steps = steps | {"n_artifacts": bincount(artifacts["step"], len(rows.steps))}
    parts = {"steps": steps, "artifacts": artifacts, "sources": sources, "interrupts": interrupts}
    for columns in parts.values():
        columns["run_id"] = take(runs["run_id"], columns["run"])
    runs = runs | _run_columns(runs, parts, rows)

    frames = {"runs": runs, "reads": runs, **parts}
    return {name: to_arrow(name, columns) for name, columns in frames.items()}


# -------------------------------------------------------------------------------------------- times


def measured(
    runs: Columns, steps: Columns, as_of: int | None, rows: Rows
) -> tuple[Columns, Columns]:
    """Return runs and steps with their `start` and `end` in microseconds.

    What is open ends with its run or at `as_of`; in a run that has ended, an open step with child
    steps ends with the last of them. A run that has not started spans 0 to 0.
    """
    moments = _as_of(runs, steps, as_of, rows)
    started = runs["started_at"]
    is_started = runs["is_started"]
    last = np.where(runs["has_ended"], runs["ended_at"], moments["as_of"])
    run_start = np.where(is_started, started, 0)
    run_end = np.where(is_started, np.maximum(started, last), 0)

    run = steps["run"]
    start = steps["started_at"]
    end = np.where(steps["is_open"], last[run], steps["completed_at"])
    end = np.maximum(start, end)
    is_unclosed = steps["is_open"] & runs["is_over"][run] & (steps["n_children"] > 0)
    if is_unclosed.any():
        end = _close_groups(start, end, steps["parent"], steps["depth"], is_unclosed)
    return (
        runs | moments | {"start": run_start, "end": run_end},
        steps | {"start": start, "end": end},
    )


def _close_groups(start: Ints, end: Ints, parent: Ints, depth: Ints, is_unclosed: Flags) -> Ints:
    """Return the ends, those of some steps replaced by the end of their last child.

    Inner steps come first. No step ends before it starts.
    """
    end = end.copy()
    last = start.copy()
    for level in reversed(time_budget.levels(depth)):
        unclosed = level[is_unclosed[level]]
        inner = level[parent[level] >= 0]
        end[unclosed] = last[unclosed]
        np.maximum.at(last, parent[inner], end[inner])
    return end


def _note_times(runs: Columns, steps: Columns, rows: Rows) -> None:
    """Check that times are in order, and steps inside their parent, or at the top inside their run.

    An open run has no end yet.
    """
    run = steps["run"]
    parent = steps["parent"]
    start = steps["start"]
    end = steps["end"]
    is_started = runs["is_started"]
    has_ended = runs["has_ended"]
    is_inner = parent >= 0  # the parent of a top step is -1, which is no position
    first = np.where(is_inner, start[parent], runs["start"][run])
    last = np.where(is_inner, end[parent], runs["end"][run])
    is_outside = (start < first) | ((is_inner | has_ended[run]) & (end > last))
    _note_rows(
        rows.note,
        is_started & (runs["started_at"] < runs["created_at"]),
        "starts_before_created",
        "started_at is before created_at; queued_s is null",
        "started_at",
    )
    _note_rows(
        rows.note,
        is_started & has_ended & (runs["ended_at"] < runs["started_at"]),
        "ends_before_start",
        "ended_at is before started_at; read as equal to it",
        "ended_at",
    )
    _note_rows(
        rows.note_step,
        ~steps["is_open"] & (steps["completed_at"] < start),
        "ends_before_start",
        "completed_at is before started_at; read as equal to it",
        "completed_at",
    )
    _note_rows(
        rows.note_step,
        is_outside & is_inner,
        "outside_parent",
        "runs outside its parent step; clipped for self time and critical path",
    )
    _note_rows(
        rows.note_step,
        is_outside & ~is_inner & is_started[run],
        "outside_run",
        "runs outside its run; clipped for the time budget and the critical path",
    )


def _as_of(runs: Columns, steps: Columns, moment: int | None, rows: Rows) -> Columns:
    """Return up to when each run is measured.

    That is the argument, else when the run was read, else its newest time; of a run that is over
    without `ended_at` always its newest time. It is never a maximum over several runs, so that a
    run's numbers do not depend on the other runs. A run is undated if it is open and nobody knows
    when it was read.
    """
    names = ("created_at", "updated_at", "started_at", "ended_at")
    newest = np.max([runs[name] for name in names], axis=0)
    for name in ("started_at", "completed_at"):
        np.maximum.at(newest, steps["run"], steps[name])

    known = runs["read_at"]
    if moment is not None:
        is_early = moment < newest
        _note_rows(rows.note, is_early, "contradiction", AS_OF_NOT_USED)
        known = np.where(is_early, known, moment)
    is_unknown = (known == NEVER) | runs["is_over"] & ~runs["has_ended"]
    is_undated = is_unknown & ~runs["is_over"]
    return {"as_of": np.where(is_unknown, newest, known), "is_undated": is_undated}


def budget_columns(runs: Columns, steps: Columns) -> Columns:
    """Return how long each run took: waiting for a reviewer, working (another step is open), idle.

    Null for a run that has not started or ends before it, or that has no time for its steps.
    """
    is_leaf = ~steps["is_wait"] & (steps["n_children"] == 0)
    spans = steps["run"], steps["start"], steps["end"], runs["start"], runs["end"]
    budget = time_budget.budget(*spans, is_waiting=steps["is_wait"], is_leaf=is_leaf)
    duration = runs["end"] - runs["start"]
    is_long = steps["end"] > steps["start"]
    has_ended = runs["has_ended"]
    is_possible = runs["ended_at"] >= runs["started_at"]
    has_time = (duration > 0) | (bincount(steps["run"][is_long], len(duration)) == 0)
    is_known = has_time & runs["is_started"] & (is_possible | ~has_ended)
    parts = budget._asdict().items()
    return {"duration_s": np.where(is_known, duration, NEVER)} | {
        f"{name}_s": np.where(is_known & runs["has_steps"], values, NEVER) for name, values in parts
    }


# -------------------------------------------------------------------------------------------- steps


def _note_contradictions(runs: Columns, steps: Columns, rows: Rows) -> None:
    """Check that the fields of steps agree with each other, their run and their parent."""
    status = steps["status"]
    is_open = steps["is_open"]
    lost = [
        f"{run} {note.step_id}" for run, note in rows.notes if note.path[-1:] == ("completed_at",)
    ]
    runs_and_ids = pa.array(steps["run"]).cast(TEXT), steps["step_id"], pa.scalar(" ", TEXT)
    is_endless = is_open & ~is_word(pc.binary_join_element_wise(*runs_and_ids), *lost)
    is_question = steps["is_question"]
    is_completed = is_word(status, "completed")
    is_over = runs["is_over"][steps["run"]]
    is_of_other = pc.not_equal(steps["run_id"], take(runs["run_id"], steps["run"]))
    contradictions = {
        "run_id is not that of the run that holds the step": flags(is_of_other.fill_null(False)),
        "status is running, but completed_at is set": is_word(status, "running") & ~is_open,
        "status is completed, without completed_at": is_completed & is_endless,
        "has not ended, but its run has": is_endless & ~is_completed & ~is_question & is_over,
        "a question of status error; read as expired, not as answered": is_question
        & is_word(status, "error"),
    }
    for detail, where in contradictions.items():
        _note_rows(rows.note_step, where, "contradiction", detail)

    nested_in = take(steps["step_id"], steps["parent"])
    differs = flags(pc.not_equal(steps["parent_step_id"], nested_in).fill_null(False))
    detail = "parent_step_id names another step than the one it is nested in; nesting wins"
    _note_rows(rows.note_step, differs, "parent_disagrees", detail, "parent_step_id")


def step_columns(runs: Columns, steps: Columns) -> Columns:
    """Return the columns of a step that depend on other steps."""
    run = steps["run"]
    start = steps["start"]
    end = steps["end"]
    parent = steps["parent"]
    depth = steps["depth"]
    step_no = position_in_group(run)
    spans = start, end, parent, depth, run, runs["start"], runs["end"]
    path = time_budget.critical_path(*spans, is_waiting=steps["is_wait"])
    results = (step.get("result") for step in steps["object"])
    return {
        "parent_step_id": take(steps["step_id"], parent),
        "step_no": step_no,
        "subtree_end": step_no + time_budget.subtree_sizes(parent, depth),
        "completed_at": np.where(steps["is_open"], NEVER, end),
        "duration_s": end - start,
        "self_s": time_budget.self_time(start, end, parent),
        "is_critical": path.is_on,
        "critical_s": path.length,
        "result": text(None if value is None else jsontext.dumps(value) for value in results),
        **_failures(steps),
    }


def _failures(steps: Columns) -> Columns:
    """Return which steps failed, and the text of the failure where they are the cause.

    A step fails if its type or its status is `error`; a question does not: a wait is not an error.
    A cause is a failed step without a failed child. An instant error step, here a note, is no cause
    of its own if it explains another: the sibling that failed last before it, else the parent if
    that failed and has only notes. What it says is then the error of that step.
    """
    parents = steps["parent"]
    n = len(parents)
    owners = np.where(parents >= 0, parents, n + steps["run"]).tolist()  # of a top step its run
    is_error = is_word(steps["type"], "error")
    is_failed = (is_error | is_word(steps["status"], "error")) & ~steps["is_question"]
    is_note = is_error & (steps["end"] <= steps["start"]) & (steps["n_children"] == 0)
    n_other_children = bincount(parents[~is_note], n)

    failed: dict[int, str] = {}  # the error by the row of a failed step
    explained: dict[int, str] = {}
    failed_child: dict[int, int] = {}  # by owner
    target_of: dict[int, int] = {}  # by owner, the step that a note among its steps explains
    rows = np.flatnonzero(is_failed)  # a flat list of steps may be in any order
    by_end = np.lexsort((is_note[rows], steps["end"][rows], steps["depth"][rows]))
    for row in rows[by_end].tolist():
        step = steps["object"][row]
        label = label_of_step(step)
        reason = reason_of(step)
        owner = owners[row]
        if is_note[row] and owner in target_of:
            words = label if reason in (None, label) else f"{label}: {reason}"
            explained[target_of[owner]] = words
            continue
        failed[row] = reason or (label if is_error[row] else f"{label} failed")
        failed_child[owner] = row
        if not is_note[row]:
            target_of[owner] = row
        if not n_other_children[row]:
            target_of[row] = row

    for row, label in explained.items():
        while row in failed_child:
            row = failed_child[row]
        failed[row] = label
    causes = {row: error for row, error in failed.items() if row not in failed_child}
    return {"is_failed": is_failed, "error": text(map(causes.get, range(n)))}


# ------------------------------------------------------------- artifacts, sources, interrupts, runs


def artifact_columns(steps: Columns, rows: Rows) -> Columns:
    """Build the columns of the artifacts frame, and the rows of their runs and steps."""
    values = _by_field(rows.artifacts, ArtifactRow)
    run = values["run"]
    step = values["step"]
    artifacts = values["artifact"]
    fields = object_columns(artifacts, Artifact)
    confidence = pc.utf8_lower(fields["confidence"])
    n_sources = [len(artifact.get("sources") or ()) for artifact in artifacts]
    return {
        **fields,
        **values,
        "object": artifacts,
        "artifact_no": position_in_group(run),
        "is_repeat": np.array(rows.is_repeat, np.bool_),
        "step_id": take(steps["step_id"], step),
        "artifact_id": fields["id"],
        "confidence": confidence,
        "rating": ranks(confidence, contract.CONFIDENCES),
        "confidence_text": fields["confidence"],
        "n_sources": np.array(n_sources, np.int64),
    }


def source_columns(artifacts: Columns) -> Columns:
    """Build the columns of the sources frame, and the rows of their artifacts."""
    sources = [
        source for artifact in artifacts["object"] for source in artifact.get("sources") or ()
    ]
    owner = np.repeat(np.arange(len(artifacts["run"])), artifacts["n_sources"])
    fields = object_columns(sources, Source)
    return fields | {
        **{name: take(artifacts[name], owner) for name in ("step_id", "title", "origin")},
        "artifact": owner,
        "source_tier": pc.utf8_lower(fields["source_tier"]),
        "source_tier_text": fields["source_tier"],
        "run": artifacts["run"][owner],
        "artifact_no": artifacts["artifact_no"][owner],
        "source_no": position_in_group(owner),
        "host": _hosts(fields["url"]),
    }


def evidence_columns(sources: Columns, n: int) -> Columns:
    """Return the columns of n artifacts that depend on their sources."""
    owner = sources["artifact"]
    host = sources["host"]
    tiers = sources["source_tier"]
    highest_first = np.argsort(-ranks(tiers, contract.TIERS), kind="stable")
    highest_first = highest_first[flags(tiers.is_valid())[highest_first]]
    best = {
        name.replace("source", "best"): first_in_group(owner, highest_first, sources[name], n)
        for name in ("source_tier", "source_tier_text")
    }
    hosts = pa.table({"owner": owner, "host": host}).group_by("owner")
    owners, counts = hosts.aggregate([("host", "count_distinct")]).columns
    n_hosts = scatter(owners.to_numpy(), counts, n)
    return {"n_hosts": n_hosts.fill_null(0), **best}


def interrupt_columns(runs: Columns, steps: Columns, rows: Rows) -> Columns:
    """Build the columns of the interrupts frame, and the rows of their runs."""
    values = _by_field(rows.interrupts, InterruptRow)
    run = values["run"]
    step = values["step"]
    outcome = values["outcome"]
    has_step = step >= 0
    is_settled = has_step & ~is_word(outcome, PENDING, LAPSED)
    # An open question has waited until its step ends: with the run, or at as_of while that is open.
    # How long a settled one without an end waited is not known.
    # A question without a step takes the 0 behind the last step, and is masked below.
    since = np.append(steps["start"], 0)[step]
    until = np.append(steps["end"], 0)[step]
    is_undated = is_settled & np.append(steps["is_open"], [False])[step]
    is_unmeasured = is_undated | is_word(outcome, PENDING) & runs["is_undated"][run]
    wait = np.where(has_step & ~is_unmeasured, until - since, NEVER)
    return values | {
        "step_id": take(steps["step_id"], step),
        "asked_at": np.where(has_step, since, NEVER),
        "answered_at": np.where(is_settled & ~is_undated, until, NEVER),
        "wait_s": wait,
    }


def _by_field(rows: Sequence[tuple[Any, ...]], cls: Any) -> Columns:
    """Return the fields of named tuples: text and whole numbers as arrays, others as lists."""
    columns: Columns = {}
    for position, (name, hint) in enumerate(get_type_hints(cls).items()):
        values = [row[position] for row in rows]
        if hint is int:
            columns[name] = np.array(values, np.int64)
        else:
            columns[name] = text(values) if hint in (str, str | None) else values
    return columns


def _hosts(urls: pa.Array) -> pa.Array:
    """Return the host of each URL in lower case; null where there is none."""
    host = pc.utf8_lower(pc.struct_field(pc.extract_regex(urls, _HOST), "host"))
    return pc.if_else(pc.equal(host, ""), pa.scalar(None, TEXT), host)


def _run_columns(runs: Columns, parts: dict[str, Columns], rows: Rows) -> Columns:
    n = len(rows.runs)
    steps = parts["steps"]
    artifacts = parts["artifacts"]
    interrupts = parts["interrupts"]
    started = runs["started_at"]
    queued = started - runs["created_at"]

    names = text(agent and agent_title(agent) for agent in runs["agent"].to_pylist())
    is_finding = _is_finding(artifacts, steps)
    # by count, the runs of the rows that it counts
    counted = {f"n_{name}": columns["run"] for name, columns in parts.items()}
    counted["n_pending"] = interrupts["run"][is_word(interrupts["outcome"], PENDING)]
    # These are null for a run whose steps were not read, of which 0 would say nothing.
    of_steps = {
        "n_errors": steps["run"][flags(steps["error"].is_valid())],
        "n_findings": artifacts["run"][is_finding],
    }
    return {
        "agent_name": pc.coalesce(runs["agent_name"], names),
        "requester": text((raw.get("requester") or {}).get("name") for raw in rows.runs),
        "ended_at": np.where(runs["has_ended"], np.maximum(runs["ended_at"], started), NEVER),
        "queued_s": np.where(runs["is_started"] & (queued >= 0), queued, NEVER),
        **budget_columns(runs, steps),
        **{name: bincount(run, n) for name, run in counted.items()},
        **{
            name: pa.array(bincount(run, n), mask=~runs["has_steps"])
            for name, run in of_steps.items()
        },
        "outcome": _outcomes(runs["status"], steps, artifacts, interrupts),
        **_ratings(artifacts, steps, is_finding, n),
    }


def _is_finding(artifacts: Columns, steps: Columns) -> Flags:
    """Return which are neither an output, nor a repeat, nor the record of an error ([A] 23)."""
    is_record = np.append(is_word(steps["type"], "error"), [False])[artifacts["step"]]
    is_other: Flags = is_word(artifacts["origin"], OUTPUT) | artifacts["is_repeat"] | is_record
    return ~is_other


def _ratings(artifacts: Columns, steps: Columns, is_finding: Flags, n: int) -> Columns:
    """Return each run's lowest rating of its output, and what has the lowest rating below high.

    At a tie that is a finding, then what was found first, then the first title.
    """
    run = artifacts["run"]
    rating = artifacts["rating"]
    is_output = is_word(artifacts["origin"], OUTPUT)
    is_below_high = rating < len(contract.CONFIDENCES) - 1
    is_weak = is_below_high & (is_finding | is_output & ~artifacts["is_repeat"])
    since = np.append(steps["start"], 0)[artifacts["step"]]
    titles = pc.rank(artifacts["title"], tiebreaker="dense").to_numpy()
    lowest_first = np.lexsort((titles, since, ~is_finding, rating))
    lowest_first = lowest_first[rating[lowest_first] > 0]
    weak = lowest_first[is_weak[lowest_first]]
    outputs = lowest_first[is_output[lowest_first]]
    return {
        "weakest": first_in_group(run, weak, artifacts["title"], n),
        "confidence": first_in_group(run, outputs, artifacts["confidence"], n),
    }


def _outcomes(
    status: pa.Array, steps: Columns, artifacts: Columns, interrupts: Columns
) -> pa.Array:
    """Return how each run ended.

    That is the error of the cause that ended last, the first question that waits, the title of the
    last output, or the first values that an output step without an artifact returned.
    """
    n = len(status)
    causes = np.flatnonzero(flags(steps["error"].is_valid()))
    last_first = causes[np.argsort(steps["end"][causes], kind="stable")][::-1]
    pending = np.flatnonzero(is_word(interrupts["outcome"], PENDING))
    outputs = np.flatnonzero(is_word(artifacts["origin"], OUTPUT))
    labels = pc.coalesce(interrupts["label"], interrupts["kind"])
    error = first_in_group(steps["run"], last_first, steps["error"], n)
    question = first_in_group(interrupts["run"], pending, labels, n)
    title = first_in_group(artifacts["run"], outputs[::-1], artifacts["title"], n)
    n_others = bincount(artifacts["run"][outputs], n) - 1
    more = text(f" +{others}" if others > 0 else "" for others in n_others.tolist())
    delivered = pc.binary_join_element_wise(title, more, pa.scalar("", TEXT))
    has_none = is_word(status, "completed") & ~flags(delivered.is_valid())
    ended = pc.coalesce(question, delivered, _returned(has_none, steps))
    return pc.if_else(is_word(status, "error"), error, ended)


def _returned(is_asked: Flags, steps: Columns) -> pa.Array:
    """Return in words what the last output step of each of some runs returned."""
    is_output = is_word(steps["type"], "output") & (steps["depth"] == 0) & is_asked[steps["run"]]
    rows = np.flatnonzero(is_output)[::-1]
    words = text(map(jsontext.returned_words, take(steps["result"], rows).to_pylist()))
    values = scatter(rows, words, len(is_output))
    rows = rows[flags(words.is_valid())]
    return first_in_group(steps["run"], rows, values, len(is_asked))


# ------------------------------------------------------------------------ arrays, fields and notes


def object_columns(objects: Sequence[Json | None], model: Any) -> Columns:
    """Return the text and time fields of checked objects; times are int64 microseconds."""
    types = {name: field.type for name, field in fields(model).items()}
    names = [name for name, kind in types.items() if kind in (str, datetime)]
    arrays = pa.array(objects, pa.struct(dict.fromkeys(names, TEXT))).flatten()
    return {
        name: _micros(array) if types[name] is datetime else array
        for name, array in zip(names, arrays, strict=True)
    }


def _micros(times: pa.Array) -> Ints:
    """Return times, as text, in microseconds; `NEVER` for null."""
    micros: Ints = pc.cast(times, TIME).view(pa.int64()).fill_null(NEVER).to_numpy()
    return micros


def text(values: Iterable[object]) -> pa.Array:
    """Return Python strings as Arrow text; None is null."""
    return pa.array(list(values), TEXT)


def flags(values: pa.Array) -> Flags:
    """Return an Arrow array of flags as numpy's."""
    converted: Flags = values.to_numpy(zero_copy_only=False)
    return converted


def is_word(values: pa.Array, *words: str) -> Flags:
    """Return whether each value is one of some words; false for null."""
    return flags(pc.is_in(values, pa.array(words, TEXT)))


def ranks(values: pa.Array, words: Sequence[str]) -> Ints:
    """Return the position of each value in `words`, 0 for any other value and null."""
    positions = pc.index_in(values, pa.array(words, TEXT)).fill_null(0)
    converted: Ints = positions.to_numpy().astype(np.int64)
    return converted


def first_in_group(group: Ints, rows: Ints, values: pa.Array, n: int) -> pa.Array:
    """Return for each of n groups the value at the first of some rows that is in the group."""
    groups, first = np.unique(group[rows], return_index=True)
    return scatter(groups, take(values, rows[first]), n)


def scatter(rows: Ints, values: pa.Array, n: int) -> pa.Array:
    """Return n values: those given at `rows`, null elsewhere."""
    positions = np.full(n, -1)
    positions[rows] = np.arange(len(rows))
    return take(values, positions)


def take(values: pa.Array, positions: Ints) -> pa.Array:
    """Return the values at some positions, null where a position is negative."""
    return values.take(pa.array(positions, mask=positions < 0))


def bincount(numbers: Ints, n: int) -> Ints:
    """Return how often each of 0 .. n-1 occurs; negative entries are ignored."""
    counts: Ints = np.bincount(numbers[numbers >= 0], minlength=n)
    return counts


def position_in_group(group: Ints) -> Ints:
    """Return the number of each row in its group, from 0; `group` holds ascending group numbers."""
    first: Ints = np.searchsorted(group, group)
    return np.arange(len(group)) - first


def run_fields(rows: Rows) -> Columns:
    """Return the columns of a run that are fields of the checked JSON."""
    raws = rows.runs
    columns = object_columns([raw | contract.local_fields(raw) for raw in raws], Run)
    is_open = is_word(columns["status"], *contract.OPEN_STATUSES)
    return columns | {
        "run_id": columns["id"],
        "agent": text(map(agent_of, raws)),
        "is_started": columns["started_at"] != NEVER,
        # [A] 6: a run that waits may have the time of its pause.
        "has_ended": (columns["ended_at"] != NEVER) & ~is_open,
        "is_over": is_word(columns["status"], *contract.FINAL_STATUSES),
        # A list of runs shows an empty list of steps.
        "has_steps": np.array([bool(raw.get("steps")) for raw in raws], np.bool_),
    }


def step_fields(rows: Rows) -> Columns:
    """Return the columns of a step that are fields of the checked JSON, or of the tree."""
    columns = object_columns(rows.steps, Step)
    parent = np.array(rows.parent, np.int64)
    is_question = is_word(columns["type"], "interrupt")
    resolved = text(
        resolution_of(step) if step["type"] == "interrupt" else None for step in rows.steps
    )
    return columns | {
        "object": rows.steps,
        "run": np.array(rows.run, np.int64),
        "parent": parent,
        "n_children": bincount(parent, len(parent)),
        "depth": np.array(rows.depth, np.int64),
        "step_id": columns["id"],
        "agent": pc.coalesce(columns["agent"], columns["graph"]),
        "label": text(map(label_of_step, rows.steps)),
        "resolution": resolved,
        "is_question": is_question,
        "is_wait": is_question & ~is_word(resolved, *contract.RESOLUTIONS),
        "is_open": columns["completed_at"] == NEVER,
    }


def _note_rows(note: NoteRow, where: Flags, problem: str, detail: str, *field: str) -> None:
    """Note what is wrong in each of some rows."""
    for row in np.flatnonzero(where).tolist():
        note(row, problem, detail, *field)


def _note_unknown_words(kind: str, columns: Columns, note: NoteRow) -> None:
    """Check the words of categories; note those that the API's documentation does not have."""
    for column in COLUMNS[f"{kind}s"]:
        if column.kind == "category" and column.name in columns:
            values = columns[column.name]
            is_unknown = flags(values.is_valid()) & ~is_word(values, *column.words)
            for row in np.flatnonzero(is_unknown).tolist():
                detail = f"unknown {kind} {column.name} {brief(values[row].as_py())}"
                note(row, "unknown_value", detail, column.name)
