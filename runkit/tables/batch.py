"""The six frames as Arrow tables for a batch of records, whose JSON is dropped afterwards.

A batch is small enough that its JSON stays in the processor's cache, and large enough that calls to numpy
and Arrow cost little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from runkit import contract, jsontext, timing
from runkit.contract import Json
from runkit.models import Run, Step
from runkit.steptree import FlatSteps, flatten, kind, link
from runkit.tables import findings, validate
from runkit.tables.problems import Problems
from runkit.tables.schema import COLUMNS, TEXT
from runkit.tables.sources import Record, reject_reason
from runkit.tables.validate import NEVER, Chunk, count, is_word, take, text
from runkit.text import agent_title, brief
from runkit.timing import Flags, Ints

_PARTS: dict[str, type] = {"steps": list, "output": dict, "requester": dict}  # of a run
_NO_TIMES = np.zeros(0, np.int64)


class Runs(NamedTuple):
    """The valid runs of a batch. Times are in microseconds; a run that has not started spans 0 to 0.

    A run is undated if it is open and nobody knows when it was read.
    """

    problems: Problems
    records: list[Record]
    text: dict[str, pa.Array]
    time: dict[str, Ints]
    has_steps: Flags
    is_undated: Flags = _NO_TIMES != 0
    as_of: Ints = _NO_TIMES
    start: Ints = _NO_TIMES
    end: Ints = _NO_TIMES

    def note(self, position: int, problem: str, detail: str, field: str = "") -> None:
        """Note a problem of the run at a position."""
        self.problems.add(self.records[position], problem, detail, field)


class Steps(NamedTuple):
    """The steps of a batch, each run in tree order. `run` and `parent` are positions, -1 at the top."""

    runs: Runs
    records: list[Json]
    run: Ints
    parent: Ints
    depth: Ints
    text: dict[str, pa.Array]
    time: dict[str, Ints]
    start: Ints = _NO_TIMES
    end: Ints = _NO_TIMES

    def note(self, position: int, problem: str, detail: str, field: str = "") -> None:
        """Note a problem of the step at a position."""
        record = self.runs.records[self.run[position]]
        self.runs.problems.add(record, problem, detail, field, self.records[position])


def _note_all(noted: Runs | Steps, where: Flags, problem: str, detail: str, field: str = "") -> None:
    """Note the same problem of all runs, or all steps, with a flag."""
    for position in np.flatnonzero(where).tolist():
        noted.note(position, problem, detail, field)


def read_batch(records: Sequence[Record], as_of: int | None, problems: Problems) -> dict[str, pa.Table]:
    """Read a batch of records. `as_of` is in microseconds, or None for each run's own.

    The table of runs has their location in the source, too.
    """
    steps = _read_steps(read_runs(records, problems))
    steps = _measure(steps, as_of)
    runs = steps.runs
    questions = findings.read_questions(steps)
    lists = findings.collect_lists(steps, questions)
    artifacts, sources = findings.artifact_columns(lists, steps)
    chunks = {
        "steps": _step_columns(steps, artifacts),
        "artifacts": artifacts,
        "sources": sources,
        "interrupts": findings.interrupt_columns(questions, steps),
    }
    n_runs = len(runs.records)
    n_rows = {f"n_{name}": count(chunk["run"], n_runs) for name, chunk in chunks.items()}
    chunks["runs"] = _run_columns(runs, chunks) | _budget(steps) | n_rows
    chunks["reads"] = chunks["runs"]
    _note_unknown_words("runs", chunks["runs"], runs)
    _note_unknown_words("steps", chunks["steps"], steps)
    problems.owners.clear()  # they refer to JSON that is dropped now
    tables = {frame: validate.to_arrow(frame, columns) for frame, columns in chunks.items()}
    locations = text(record.location for record in runs.records)
    return tables | {"runs": tables["runs"].append_column("location", locations)}


# -------------------------------------------------------------------------------------------------- runs


def read_runs(records: Sequence[Record], problems: Problems) -> Runs:
    """Keep the records that are valid runs, and note all problems."""
    candidates = [record for record in records if _is_run(record, problems)]

    issues: list[tuple[int, str, str, str]] = []
    raws = (record.raw for record in candidates)
    fields = [raw | contract.local_fields(raw) if contract.LOCAL in raw else raw for raw in raws]
    columns, valid = validate.read_columns(Run, fields, lambda *issue: issues.append(issue))
    columns.text["status"] = validate.map_words(columns.text["status"], contract.current_status)
    is_refused = set(range(len(candidates))) - set(valid.tolist())
    for position, *issue in issues:
        problems.add(candidates[position], *issue, is_refused=position in is_refused)
    kept = [candidates[position] for position in valid.tolist()]
    columns.text["agent"] = text(contract.agent_of(record.raw) for record in kept)
    for record in kept:
        _check_parts(record, problems)
    has_steps = np.array([_has_steps(record.raw) for record in kept], np.bool_)
    return Runs(problems, kept, columns.text, columns.time, has_steps)


def _is_run(record: Record, problems: Problems) -> bool:
    """Whether a record looks like a run; if it does not, note why."""
    if record.problem:
        problems.add(record, record.problem, record.detail)
        return False
    reason = reject_reason(record.raw)
    if reason:
        problems.add(record, "not_a_run", reason)
    return not reason


def _has_steps(raw: Json) -> bool:
    """Whether the steps were delivered: the API sends an empty list when they are left out."""
    steps = raw.get("steps")
    is_running = contract.current_status(raw.get("status")) == "running"
    return isinstance(steps, list) and (bool(steps) or is_running)


def _check_parts(record: Record, problems: Problems) -> None:
    """Note each list or object of a run that has another type."""
    for field, expected in _PARTS.items():
        value = record.raw.get(field)
        if not isinstance(value, expected | None):
            detail = f"{field}: expected {kind(expected())}, found {kind(value)}"
            problems.add(record, "bad_field", detail, field)
    requester = record.raw.get("requester")
    if isinstance(requester, dict) and not isinstance(requester.get("name"), str):
        detail = f"requester.name: expected text, found {kind(requester.get('name'))}"
        problems.add(record, "bad_field", detail, "requester.name")


# ------------------------------------------------------------------------------------------------- steps


def _read_steps(runs: Runs) -> Steps:
    """Flatten the steps of all runs, and leave out invalid ones and duplicates."""
    flats = [flatten(record.raw.get("steps")) for record in runs.records]
    unlinked = _concatenated(runs, flats)
    (texts, times), valid = validate.read_columns(Step, unlinked.records, unlinked.note)
    trees = _link_all(flats, unlinked.run, valid)
    steps = _concatenated(runs, trees)
    if any(tree is not flat for tree, flat in zip(trees, flats, strict=True)):
        for record, tree in zip(runs.records, trees, strict=True):
            for note in tree.notes:
                runs.problems.add(record, note.problem, note.detail, step=note.record)
        first = np.searchsorted(unlinked.run, np.arange(len(flats)))
        origins = first[steps.run] + _chained(tree.origins for tree in trees)
        rows = np.searchsorted(valid, origins)
        texts = {name: take(values, rows) for name, values in texts.items()}
        times = {name: values[rows] for name, values in times.items()}
    texts["agent"] = pc.coalesce(texts["agent"], texts.pop("graph"))
    texts["label"] = _labels(texts)
    texts["status"] = validate.map_words(texts["status"], contract.current_status)
    is_interrupt = is_word(texts["type"], "interrupt").tolist()
    pairs = zip(steps.records, is_interrupt, strict=True)
    resolutions = (contract.resolution_of(record) if has_one else None for record, has_one in pairs)
    texts["resolution"] = text(resolutions)
    steps = steps._replace(text=texts, time=times)
    _compare_parents(steps)
    _note_contradictions(steps)
    return steps


def _labels(texts: dict[str, pa.Array]) -> pa.Array:
    """Return the label of each step, else its name, else its type."""
    names = [texts[name] for name in ("label", "name")]
    is_blank = [pc.equal(pc.utf8_trim_whitespace(values), "") for values in names]
    missing = pa.scalar(None, TEXT)
    known = [pc.if_else(blank, missing, values) for blank, values in zip(is_blank, names, strict=True)]
    return pc.coalesce(*known, texts["type"])


def _note_contradictions(steps: Steps) -> None:
    """Note steps whose fields contradict each other or their run."""
    status, runs = steps.text["status"], steps.runs
    is_open = steps.time["completed_at"] == NEVER
    is_question = is_word(steps.text["type"], "interrupt")
    is_running, is_completed = is_word(status, "running"), is_word(status, "completed")
    is_over = is_word(runs.text["status"], *contract.FINAL_STATUSES)[steps.run]
    is_late = is_open & ~is_completed & ~is_question & is_over
    _note_all(steps, is_running & ~is_open, "contradiction", "status is running, but completed_at is set")
    _note_all(steps, is_completed & is_open, "contradiction", "status is completed, without completed_at")
    _note_all(steps, is_late, "contradiction", "has not ended, but its run has")
    detail = "a question of status error; read as expired, not as answered"
    _note_all(steps, is_question & is_word(status, "error"), "contradiction", detail)


def _link_all(flats: Sequence[FlatSteps], run: Ints, valid: Ints) -> list[FlatSteps]:
    """Link the steps of each run, without those that are not valid."""
    refused: dict[int, set[int]] = defaultdict(set)
    position_in_run = validate.position_in_group(run)
    for position in np.setdiff1d(np.arange(len(run)), valid).tolist():
        refused[int(run[position])].add(int(position_in_run[position]))
    return [link(flat, refused.get(number, frozenset())) for number, flat in enumerate(flats)]


def _concatenated(runs: Runs, trees: Sequence[FlatSteps]) -> Steps:
    """Join the steps of all runs, without their columns."""
    sizes = np.array([len(tree.records) for tree in trees], np.int64)
    first = np.cumsum(sizes) - sizes
    run = np.repeat(np.arange(len(trees)), sizes)
    records = list(chain.from_iterable(tree.records for tree in trees))
    parent_in_run = _chained(tree.parents for tree in trees)
    parent = np.where(parent_in_run < 0, -1, parent_in_run + first[run])
    depth = _chained(tree.depths for tree in trees)
    return Steps(runs, records, run, parent, depth, text={}, time={})


def _chained(lists: Iterable[Sequence[int]]) -> Ints:
    return np.fromiter(chain.from_iterable(lists), np.int64)


def _compare_parents(steps: Steps) -> None:
    """Note steps whose `parent_step_id` is not the step that they are nested in."""
    named = steps.text["parent_step_id"]
    nested_in = take(steps.text["id"], steps.parent)
    differs = pc.not_equal(named, nested_in).fill_null(False).to_numpy(zero_copy_only=False)
    for position in np.flatnonzero(differs).tolist():
        parent = brief(nested_in[position].as_py())
        other = brief(named[position].as_py())
        detail = f"nested in {parent} but parent_step_id is {other}; nesting wins"
        steps.note(position, "parent_disagrees", detail, "parent_step_id")


# ------------------------------------------------------------------------------------------------- times


def _measure(steps: Steps, as_of: int | None) -> Steps:
    """Add start and end of runs and steps; what is open ends at `as_of`."""
    runs = _with_as_of(steps, as_of)
    started, ended = runs.time["started_at"], runs.time["ended_at"]
    is_started, has_ended = started != NEVER, ended != NEVER
    last = np.where(has_ended, ended, runs.as_of)
    is_early = is_started & (started < runs.time["created_at"])
    detail = "started_at is before created_at; queued_s is null"
    _note_all(runs, is_early, "starts_before_created", detail, "started_at")
    is_negative = is_started & has_ended & (last < started)
    detail = "ended_at is before started_at; read as equal to it"
    _note_all(runs, is_negative, "ends_before_start", detail, "ended_at")
    run_end = np.maximum(started, last)
    runs = runs._replace(start=np.where(is_started, started, 0), end=np.where(is_started, run_end, 0))

    start, completed = steps.time["started_at"], steps.time["completed_at"]
    is_closed = completed != NEVER
    end = np.where(is_closed, completed, last[steps.run])
    detail = "completed_at is before started_at; read as equal to it"
    _note_all(steps, is_closed & (end < start), "ends_before_start", detail, "completed_at")
    steps = steps._replace(runs=runs, start=start, end=np.maximum(start, end))
    _note_outside(steps)
    return steps


def _note_outside(steps: Steps) -> None:
    """Note steps that are not inside their parent, and top-level ones that are not inside their run."""
    runs, run, parent, start, end = steps.runs, steps.run, steps.parent, steps.start, steps.end
    is_inner = parent >= 0  # at the top, -1 as a position would be the last step
    is_outside = is_inner & ((start < start[parent]) | (end > end[parent]))
    detail = "runs outside its parent step; clipped for self time and critical path"
    _note_all(steps, is_outside, "outside_parent", detail)
    is_started = (runs.time["started_at"] != NEVER)[run]
    has_ended = (runs.time["ended_at"] != NEVER)[run]
    is_late = has_ended & (end > runs.end[run])  # an open run has no end yet
    is_outside = ~is_inner & is_started & ((start < runs.start[run]) | is_late)
    detail = "runs outside its run; clipped for the time budget and the critical path"
    _note_all(steps, is_outside, "outside_run", detail)


def _with_as_of(steps: Steps, moment: int | None) -> Runs:
    """Add the time up to which each run is measured: the argument, else when it was read, else its newest.

    It is never a maximum over several runs, so that a run's numbers do not depend on the other runs.
    """
    runs, time = steps.runs, steps.runs.time
    newest = np.max([time[name] for name in ("created_at", "updated_at", "started_at", "ended_at")], axis=0)
    for name in ("started_at", "completed_at"):
        np.maximum.at(newest, steps.run, steps.time[name])
    argument = np.full_like(newest, NEVER if moment is None else moment)
    is_early = (argument < newest) & (argument != NEVER)
    _note_all(runs, is_early, "contradiction", "as_of is before the newest time of the run; not used")
    read_at = time["read_at"]
    known = np.where(is_early | (argument == NEVER), read_at, argument)
    is_over = is_word(runs.text["status"], *contract.FINAL_STATUSES)
    is_unknown = known == NEVER
    return runs._replace(as_of=np.where(is_unknown, newest, known), is_undated=is_unknown & ~is_over)


# ----------------------------------------------------------------------------------------------- columns


def _step_columns(steps: Steps, artifacts: Chunk) -> Chunk:
    runs, run, parent, start, end = steps.runs, steps.run, steps.parent, steps.start, steps.end
    n = len(run)
    step_no = validate.position_in_group(run)
    path = timing.critical_path(start, end, parent, steps.depth, run, runs.start, runs.end)
    is_open = steps.time["completed_at"] == NEVER
    return steps.text | {
        "run": run,
        "run_id": take(runs.text["id"], run),
        "step_id": steps.text["id"],
        "parent_step_id": take(steps.text["id"], parent),
        "step_no": step_no,
        "subtree_end": step_no + timing.subtree_sizes(parent, steps.depth),
        "depth": steps.depth,
        "started_at": start,
        "completed_at": np.where(is_open, NEVER, end),
        "is_open": is_open,
        "is_wait": _is_wait(steps),
        "duration_s": end - start,
        "self_s": timing.self_time(start, end, parent),
        "is_critical": path.is_on,
        "critical_s": path.length,
        "n_children": count(parent, n),
        "n_artifacts": count(artifacts["step"], n),
        "result": _results(steps),
        **_failures(run, parent, start, end, steps.text)._asdict(),
    }


class Failures(NamedTuple):
    """Of each step whether it failed, and the text of the failure where it is the cause."""

    is_failed: Flags
    error: pa.Array


def _failures(run: Ints, parent: Ints, start: Ints, end: Ints, texts: dict[str, pa.Array]) -> Failures:
    """Find the steps that failed, and the causes among them.

    A step fails if its type or its status is `error`; a question does not: a wait is not an error. A cause is
    a failed step without a failed child. An instant error step that explains a failed step is no cause of its
    own: its label is the error of that step.
    """
    is_error = is_word(texts["type"], "error")
    is_question = is_word(texts["type"], "interrupt")
    is_failed = (is_error | is_word(texts["status"], "error")) & ~is_question
    is_note = is_error & (end <= start) & (count(parent, len(run)) == 0)
    explained = _explained(run, parent, end, is_failed, is_note)

    failed = [step for step in np.flatnonzero(is_failed).tolist() if step not in explained]
    failed_child = {int(parent[step]): step for step in failed}
    notes: dict[int, int] = {}
    for note, step in explained.items():
        while step in failed_child:
            step = failed_child[step]
        notes[step] = note
    errors: list[str | None] = [None] * len(run)
    for step in failed:
        if step not in failed_child:
            is_own = bool(is_error[step]) or step in notes
            label = texts["label"][notes.get(step, step)].as_py()
            errors[step] = label if is_own else f"{label} failed"
    return Failures(is_failed, text(errors))


def _explained(run: Ints, parent: Ints, end: Ints, is_failed: Flags, is_note: Flags) -> dict[int, int]:
    """Return the step that each instant error step explains, as far as there is one.

    It is the sibling that failed last before it, else the parent if that failed without other child steps.
    """
    siblings: dict[tuple[int, int], list[int]] = defaultdict(list)
    for step in np.flatnonzero(is_failed).tolist():
        siblings[int(run[step]), int(parent[step])].append(step)
    n_others = count(parent[~is_note], len(run))
    explained = {}
    for (_, group), steps in siblings.items():
        failed_group = group if group >= 0 and is_failed[group] and not n_others[group] else None
        last = None
        for step in sorted(steps, key=lambda step: (end[step], is_note[step])):
            if not is_note[step]:
                last = step
            elif (step_explained := failed_group if last is None else last) is not None:
                explained[step] = step_explained
    return explained


def _results(steps: Steps) -> pa.Array:
    """Return the payloads as compact JSON, uncut."""
    payloads = [step.get("result") for step in steps.records]
    for position, payload in enumerate(payloads):
        if not isinstance(payload, dict | None):
            detail = f"result: expected an object, found {kind(payload)}"
            steps.note(position, "unknown_value", detail, "result")
    # decoded at once: orjson's buffers of 1 kB each, kept for all steps, take 15 times as long
    try:
        return text(None if value is None else orjson.dumps(value).decode() for value in payloads)
    except orjson.JSONEncodeError:  # one is deeper than orjson writes
        return text(None if value is None else jsontext.dumps(value) for value in payloads)


def _run_columns(runs: Runs, chunks: dict[str, Chunk]) -> Chunk:
    n = len(runs.records)
    started, ended = runs.time["started_at"], runs.time["ended_at"]
    is_started = started != NEVER
    queued = started - runs.time["created_at"]
    steps, interrupts = chunks["steps"], chunks["interrupts"]
    is_error = steps["error"].is_valid().to_numpy(zero_copy_only=False)
    is_pending = is_word(interrupts["outcome"], findings.PENDING)
    title = validate.map_words(runs.text["agent"], agent_title)
    requesters = [record.raw.get("requester") for record in runs.records]
    artifacts = chunks["artifacts"]
    is_output = is_word(artifacts["origin"], findings.OUTPUT)
    is_finding = ~is_output & ~artifacts["is_repeat"]
    outputs = artifacts["run"][is_output], artifacts["confidence"].filter(pa.array(is_output))
    return {
        **runs.text,
        **runs.time,
        "run_id": runs.text["id"],
        "agent_name": pc.coalesce(runs.text["agent_name"], title),
        "requester": text(one.get("name") if isinstance(one, dict) else None for one in requesters),
        "prompt": text(record.raw.get("prompt") for record in runs.records),
        "ended_at": np.where(ended == NEVER, NEVER, np.maximum(ended, started)),
        "as_of": runs.as_of,
        "queued_s": np.where(is_started & (queued >= 0), queued, NEVER),
        "duration_s": np.where(is_started, runs.end - runs.start, NEVER),
        "has_steps": runs.has_steps,
        "n_errors": count(steps["run"][is_error], n),
        "n_pending": count(interrupts["run"][is_pending], n),
        "n_findings": count(artifacts["run"][is_finding], n),
        "outcome": text(_outcomes(runs, chunks)),
        "weakest": _weakest(artifacts, is_finding, n),
        "confidence": findings.extreme_word(*outputs, n, contract.CONFIDENCES, np.minimum),
        "is_undated": runs.is_undated,
    }


def _outcomes(runs: Runs, chunks: dict[str, Chunk]) -> list[str | None]:
    """Return how each run ended: by an error, in a question, or with the title of its last output."""
    steps, interrupts, artifacts = (chunks[name] for name in ("steps", "interrupts", "artifacts"))
    errors = _by_run(steps["run"], steps["error"])
    labels = pc.coalesce(interrupts["label"], interrupts["kind"])
    questions = _by_run(interrupts["run"], labels, is_word(interrupts["outcome"], findings.PENDING))
    titles = _by_run(artifacts["run"], artifacts["title"], is_word(artifacts["origin"], findings.OUTPUT))
    outcomes: list[str | None] = []
    for run, status in enumerate(runs.text["status"].to_pylist()):
        if status == "error":
            outcomes.append(errors[run][0] if run in errors else None)
        elif run in questions:
            outcomes.append(questions[run][0])
        else:
            *others, last = titles.get(run, [""])
            outcomes.append(f"{last} +{len(others)}" if others else last or None)
    return outcomes


def _weakest(artifacts: Chunk, is_finding: Flags, n: int) -> pa.Array:
    """Return the title of each run's weakest finding, else of its weakest output, if it is not high."""
    ranks = np.maximum(findings.rank(artifacts["confidence"], contract.CONFIDENCES), 0)
    is_weak = (ranks < len(contract.CONFIDENCES) - 1) & ~artifacts["is_repeat"]
    order = np.lexsort((ranks, ~is_finding, artifacts["run"]))
    rows = order[is_weak[order]]
    runs, first = np.unique(artifacts["run"][rows], return_index=True)
    positions = np.full(n, -1)
    positions[runs] = rows[first]
    return take(artifacts["title"], positions)


def _by_run(run: Ints, values: pa.Array, is_chosen: Flags | None = None) -> dict[int, list[str]]:
    """Collect the texts of each run; missing ones and those that are not chosen are left out."""
    chosen = values.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(chosen if is_chosen is None else chosen & is_chosen)
    texts: dict[int, list[str]] = defaultdict(list)
    for number, value in zip(run[rows].tolist(), take(values, rows).to_pylist(), strict=True):
        texts[number].append(value)
    return texts


def _is_wait(steps: Steps) -> Flags:
    """Flag the steps in which a run waited for a reviewer: questions that the policy did not resolve."""
    is_resolved = is_word(steps.text["resolution"], *contract.RESOLUTIONS)
    return is_word(steps.text["type"], "interrupt") & ~is_resolved


def _budget(steps: Steps) -> Chunk:
    """Split each run's time: waiting for a reviewer, working (a leaf is open), or idle."""
    runs, n = steps.runs, len(steps.run)
    is_interrupt = is_word(steps.text["type"], "interrupt")
    is_waiting = _is_wait(steps)
    # a question that the policy resolved is a leaf
    is_leaf = np.where(is_interrupt, ~is_waiting, count(steps.parent, n) == 0)
    spans = steps.run, steps.start, steps.end, runs.start, runs.end
    budget = timing.budget(*spans, is_waiting=is_waiting, is_leaf=is_leaf)
    is_known = (runs.time["started_at"] != NEVER) & runs.has_steps
    return {f"{name}_s": np.where(is_known, micros, NEVER) for name, micros in budget._asdict().items()}


def _note_unknown_words(frame: str, columns: Chunk, noted: Runs | Steps) -> None:
    """Note the words of a category that the API's documentation does not have."""
    for column in COLUMNS[frame]:
        if not column.words:
            continue
        name, values = column.name, columns[column.name]
        is_missing = values.is_null().to_numpy(zero_copy_only=False)
        is_known = is_word(values, *column.words) | is_missing
        for position in np.flatnonzero(~is_known).tolist():
            word = brief(values[position].as_py())
            detail = f"{name}: {word} is not in the API's documentation; kept as is"
            noted.note(position, "unknown_value", detail, name)
