"""What follows from the fields of the JSON, whatever the time is, and what disagrees in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runkit.api.questions import PENDING
from runkit.api.reading import returned
from runkit.api.views import Note, Path
from runkit.api.words import (
    CONFIDENCES,
    OUTCOMES,
    RUN_STATUSES,
    STEP_STATUSES,
    STEP_TYPES,
    TIERS,
    Vocabulary,
)
from runkit.display.text import agent_title, brief
from runkit.tables.columns import (
    FAILED_STATUSES,
    NEVER,
    Columns,
    Parts,
    bincount,
    counts,
    first_in_group,
    flags,
    is_in,
    is_word,
    position_in_group,
    ranks,
    take,
    text_array,
    to_frame,
    without_failed_child,
)
from runkit.tables.flatten import FINDING, OUTPUT, Row, problem_row
from runkit.tables.schema import TEXT
from runkit.tables.sources import Record
from runkit.time_budget import Flags, Ints

PATH: Path = ("steps",)  # of what disagrees in steps
MAX_VALUES = 3  # of a result, in `runs.outcome`
_HOST = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#\\]*\]|[^:/?#\\]*)"


def derived(parts: Parts, is_kept: Flags) -> dict[str, pd.DataFrame]:
    """Return the frames of some runs without what is counted up to a time."""
    parts = {name: dict(columns) for name, columns in parts.items()}
    runs, steps, artifacts, sources, interrupts = parts.values()
    n = len(runs["id"])
    _add_step_columns(runs, steps, interrupts)
    _add_evidence(steps, artifacts, sources)
    _add_question_columns(runs, steps, interrupts)
    _add_run_columns(runs, steps, artifacts, interrupts, n)
    sources["run"] = artifacts["run"][sources["artifact"]]
    run_ids = runs["id"]
    frames = {}
    for name, columns in parts.items():
        columns["run_id"] = take(run_ids, columns["run"])
        frames[name] = to_frame(name, columns, is_kept[columns["run"]])
    return frames


# ------------------------------------------------------------------------------------------- steps


def _add_step_columns(runs: Columns, steps: Columns, interrupts: Columns) -> None:
    """Add what a step is, where it stands, and what is counted in it."""
    parent = steps["parent"]
    n = len(parent)
    is_cause = without_failed_child(steps["has_failed"], parent)
    steps |= {
        "step_id": steps["id"],
        "parent_step_id": take(steps["id"], parent),
        "step_no": position_in_group(steps["run"]),
        "is_cause": is_cause,
        "error": pc.if_else(pa.array(is_cause), steps["error"], pa.scalar(None, TEXT)),
        "state": _states(runs, steps, interrupts),
        "n_children": bincount(parent, n),
        "n_artifacts": counts(steps["n_artifacts"], steps["has_artifacts"]),
    }


def _states(runs: Columns, steps: Columns, interrupts: Columns) -> pa.Array:
    """Return what each step is, in one word; a question is over once it is answered."""
    is_question = is_word(steps["type"], ["interrupt"])
    is_settled = is_word(interrupts["outcome"], OUTCOMES.meaning("settled"))
    is_answered = is_in(interrupts["step"][is_settled], len(is_question))
    is_over = is_word(steps["status"], STEP_STATUSES.meaning("over"))
    is_over |= steps["completed_at"] != NEVER
    conditions = {
        "failed": steps["has_failed"],
        "over": np.where(is_question, is_answered, is_over),
        "expired": runs["has_ended"][steps["run"]],
        "waiting": is_question,
    }
    words = np.select([*conditions.values()], [*conditions], "open")
    words = np.where(words == "over", _states_by_status(steps, "over", "done"), words)
    words = np.where(words == "open", _states_by_status(steps, "open", "running"), words)
    return pa.array(words, TEXT)


def _states_by_status(steps: Columns, meaning: str, other: str) -> Any:
    """Return what each step is: what its status says if it means this and no failure."""
    states = [
        line.label.lower() if meaning in line.means and "failed" not in line.means else other
        for line in STEP_STATUSES.lines
    ]
    places = ranks(steps["status"], STEP_STATUSES)
    return np.array([*states, other], object)[places]


# ----------------------------------------------------------------------------- artifacts, questions


def _add_evidence(steps: Columns, artifacts: Columns, sources: Columns) -> None:
    """Add the columns of artifacts and of their sources that depend on each other."""
    n = len(artifacts["run"])
    owner = sources["artifact"]
    artifact_no = position_in_group(artifacts["run"])
    tiers = sources["source_tier"]
    highest_first = np.argsort(ranks(tiers, TIERS), kind="stable")
    highest_first = highest_first[flags(tiers.is_valid())[highest_first]]
    host = pc.utf8_lower(pc.struct_field(pc.extract_regex(sources["url"], _HOST), "host"))
    artifacts |= {
        "artifact_no": artifact_no,
        "step_id": take(steps["id"], artifacts["step"]),
        "best_tier": first_in_group(owner, highest_first, tiers, n),
    }
    artifacts["n_sources_known"] = artifacts["n_sources"]
    artifacts["n_sources"] = counts(artifacts["n_sources"], artifacts["has_sources"])
    sources |= {
        "artifact_no": artifact_no[owner],
        "source_no": position_in_group(owner),
        "host": pc.if_else(pc.equal(host, ""), pa.scalar(None, TEXT), host),
    }


def _add_question_columns(runs: Columns, steps: Columns, interrupts: Columns) -> None:
    """Add when each question was asked and answered.

    An open question without a step was asked when its run last changed, or before that: when the
    first open step began that is not in a row.
    """
    step, run = interrupts["step"], interrupts["run"]
    has_step = step >= 0
    is_pending = is_word(interrupts["outcome"], [PENDING])
    is_settled = is_word(interrupts["outcome"], OUTCOMES.meaning("settled"))
    started = np.append(steps["started_at"], NEVER)
    ended = np.append(steps["completed_at"], NEVER)
    may_ask = is_word(steps["state"], ["waiting"]) & (steps["started_at"] != NEVER)
    may_ask &= ~is_in(step, len(may_ask))
    since = runs["updated_at"].copy()
    np.minimum.at(since, steps["run"][may_ask], steps["started_at"][may_ask])
    asked = np.where(is_pending, since[run], NEVER)
    interrupts |= {
        "business_name": take(runs["business_name"], run),
        "asked_at": np.where(has_step, started[step], asked),
        "answered_at": np.where(has_step & is_settled, ended[step], NEVER),
    }


# -------------------------------------------------------------------------------------------- runs


def _add_run_columns(
    runs: Columns, steps: Columns, artifacts: Columns, interrupts: Columns, n: int
) -> None:
    """Add what is counted in each run, and how it ended."""
    has_steps = runs["has_steps"]
    is_pending = is_word(interrupts["outcome"], [PENDING])
    n_pending = bincount(interrupts["run"][is_pending], n)
    is_asked = has_steps | runs["has_interrupts"] | runs["has_ended"] | (n_pending > 0)
    is_finding = is_word(artifacts["origin"], [FINDING]) & ~artifacts["is_repeat"]
    lacks_artifacts = is_in(steps["run"][~steps["has_artifacts"]], n)
    lacks_sources = is_in(artifacts["run"][~artifacts["has_sources"]], n)
    has_findings = has_steps & ~lacks_artifacts
    n_sources = np.zeros(n, np.int64)
    np.add.at(n_sources, artifacts["run"], artifacts["n_sources_known"])
    is_cause = steps["is_cause"]
    names = text_array(agent and agent_title(agent) for agent in runs["agent"].to_pylist())
    runs |= {
        "agent_name": pc.coalesce(runs["agent_name"], names),
        "n_steps": counts(bincount(steps["run"], n), has_steps),
        "n_errors": counts(bincount(steps["run"][is_cause], n), has_steps),
        "n_questions": counts(bincount(interrupts["run"], n), has_steps),
        "n_pending": counts(n_pending, is_asked),
        "n_findings": counts(bincount(artifacts["run"][is_finding], n), has_findings),
        "n_sources": counts(n_sources, has_findings & ~lacks_sources),
        "outcome": _outcomes(runs, steps, artifacts, interrupts),
        **_ratings(artifacts, is_finding, n),
    }


def _ratings(artifacts: Columns, is_finding: Flags, n: int) -> Columns:
    """Return the lowest confidence of each run's outputs, and what has the lowest below high.

    Known words count before others. At a tie it is a finding, then the first in tree order.
    """
    run = artifacts["run"]
    confidence = artifacts["confidence"]
    rank = ranks(confidence, CONFIDENCES)
    is_known = rank < len(CONFIDENCES.lines)
    is_output = is_word(artifacts["origin"], [OUTPUT])
    is_counted = (is_finding | is_output) & ~artifacts["is_repeat"]
    is_weak = is_known & (rank > CONFIDENCES.position("high")) & is_counted
    lowest_first = np.lexsort((~is_finding, -rank, ~is_known))
    has_word = is_output & flags(confidence.is_valid())
    return {
        "weakest": first_in_group(run, lowest_first[is_weak[lowest_first]], artifacts["title"], n),
        "confidence": first_in_group(run, lowest_first[has_word[lowest_first]], confidence, n),
    }


def _outcomes(runs: Columns, steps: Columns, artifacts: Columns, interrupts: Columns) -> pa.Array:
    """Return how each run ended.

    That is the reason of the failed step that ended last, the first question that waits, the first
    values that the last output step returned, or the title of the last output.
    """
    status = runs["status"]
    n = len(status)
    pending = np.flatnonzero(is_word(interrupts["outcome"], [PENDING]))
    outputs = np.flatnonzero(is_word(artifacts["origin"], [OUTPUT]))[::-1]
    question = first_in_group(interrupts["run"], pending, interrupts["label"], n)
    is_asked = is_in(interrupts["run"][pending], n)
    title = pc.coalesce(artifacts["title"], artifacts["type"])
    delivered = first_in_group(artifacts["run"], outputs, title, n)
    n_others = bincount(artifacts["run"][outputs], n) - 1
    more = text_array(f" +{others}" if others > 0 else "" for others in n_others.tolist())
    delivered = pc.binary_join_element_wise(delivered, more, pa.scalar("", TEXT))
    has_failed = is_word(status, RUN_STATUSES.meaning("failed"))
    is_over = runs["has_ended"] & ~has_failed
    ended = pc.if_else(is_asked, question, pc.coalesce(_returned(is_over, steps), delivered))
    return pc.if_else(has_failed, _reasons(steps, n), ended)


def _reasons(steps: Columns, n: int) -> pa.Array:
    """Return why each run failed: of the failed steps without a failed child, the last to end.

    One without an end counts before the others; at a tie the last in tree order counts.
    """
    causes = np.flatnonzero(steps["is_cause"])
    ended = steps["completed_at"][causes]
    last_first = causes[np.argsort(ended, kind="stable")][::-1]
    label = pc.coalesce(steps["label"], pa.scalar("a step", TEXT))
    prefix, nothing = pa.scalar("failed in ", TEXT), pa.scalar("", TEXT)
    unknown = pc.binary_join_element_wise(prefix, label, nothing)
    return first_in_group(steps["run"], last_first, pc.coalesce(steps["error"], unknown), n)


def _returned(is_over: Flags, steps: Columns) -> pa.Array:
    """Return in words what the last output step of each of some runs returned."""
    is_output = is_word(steps["type"], [OUTPUT]) & (steps["depth"] == 0)
    rows = np.flatnonzero(is_output & is_over[steps["run"]])[::-1]
    results = map(returned, take(steps["result"], rows).to_pylist())
    words = text_array(_first_values(values) for values in results)
    has_words = np.flatnonzero(flags(words.is_valid()))
    return first_in_group(steps["run"][rows], has_words, words, len(is_over))


def _first_values(values: Sequence[str]) -> str | None:
    """Return the first values of a result, and how many more there are."""
    n_more = len(values) - MAX_VALUES
    more = f" +{n_more}" if n_more > 0 else ""
    return ", ".join(values[:MAX_VALUES]) + more or None


# ---------------------------------------------------------------------------------- contradictions


def contradictions(parts: Parts, records: Sequence[Record]) -> list[Row]:
    """Return a row for each thing that disagrees in a run, and for its unknown words."""
    runs, steps = parts["runs"], parts["steps"]
    is_run_over = is_word(runs["status"], RUN_STATUSES.meaning("over"))
    is_step_over = _is_answered_or_over(steps) | runs["has_ended"][steps["run"]]
    created, started, ended = (runs[name] for name in ("created_at", "started_at", "ended_at"))
    is_early = (started != NEVER) & (started < created)
    is_running = is_word(runs["status"], RUN_STATUSES.meaning("running"))
    of_runs = [
        *_unknown("run status", runs["status"], RUN_STATUSES),
        *_times("a run", "it", runs, "ended_at", is_run_over),
        Found("contradiction", "a run starts before it is created; queued_s is null", is_early),
        Found("contradiction", "a run has ended_at, but is running", is_running & (ended != NEVER)),
    ]
    of_steps = [
        *_unknown("step status", steps["status"], STEP_STATUSES),
        *_unknown("step type", steps["type"], STEP_TYPES),
        *_times("a step", "it or its run", steps, "completed_at", is_step_over),
        _outside(runs, steps),
    ]
    rows = [row for found in of_runs for row in _rows(found, (), runs["run"], records)]
    return rows + [row for found in of_steps for row in _rows(found, PATH, steps["run"], records)]


class Found(NamedTuple):
    """A problem, and in which rows it is."""

    problem: str
    detail: str
    where: Flags


def _is_answered_or_over(steps: Columns) -> Flags:
    """Return which steps are over by their status; a question that failed has no answer."""
    is_question = is_word(steps["type"], ["interrupt"])
    is_failed = is_word(steps["status"], FAILED_STATUSES)
    return is_word(steps["status"], STEP_STATUSES.meaning("over")) & ~(is_question & is_failed)


def _times(name: str, what: str, columns: Columns, end: str, is_over: Flags) -> list[Found]:
    """Return what disagrees in the times of runs or steps; `what` is over according to a status."""
    started, ended = columns["started_at"], columns[end]
    has_both = (started != NEVER) & (ended != NEVER)
    return [
        Found(
            "contradiction",
            f"{name} ends before it starts; its length is null",
            has_both & (ended < started),
        ),
        Found(
            "contradiction",
            f"{name} without {end}, although {what} is over; its length is null",
            is_over & (ended == NEVER),
        ),
    ]


def _outside(runs: Columns, steps: Columns) -> Found:
    """Return the steps that lie in part or whole outside their run."""
    started, ended = steps["started_at"], steps["completed_at"]
    run_started, run_ended = (runs[name][steps["run"]] for name in ("started_at", "ended_at"))
    is_early = (started != NEVER) & (started < run_started)
    is_late = (run_ended != NEVER) & (ended > run_ended)
    return Found(
        "contradiction",
        "a step starts before its run or ends after it; its time outside is not counted",
        is_early | is_late,
    )


def _unknown(name: str, values: pa.Array, vocabulary: Vocabulary) -> list[Found]:
    """Return the words that are not in a vocabulary."""
    is_unknown = flags(values.is_valid()) & ~is_word(values, vocabulary)
    return [
        Found("unknown_word", f"unknown {name} {brief(word)}", is_unknown & is_same)
        for word in pc.unique(values.filter(is_unknown)).to_pylist()
        for is_same in [flags(pc.equal(values, word).fill_null(False))]
    ]


def _rows(found: Found, path: Path, run_of: Ints, records: Sequence[Record]) -> list[Row]:
    """Return a row for each run that has a problem in some of its rows."""
    numbers, n_rows = np.unique(run_of[found.where], return_counts=True)
    return [
        problem_row(records[number], Note(found.problem, found.detail, path, n), number)
        for number, n in zip(numbers.tolist(), n_rows.tolist(), strict=True)
    ]
