"""The schema of the six linked frames: every column with its dtype, unit and meaning.

Dtypes, empty frames and casts on reading come from here. Names ending in `_s` are seconds, names
starting with `n_` are counts, with `is_` and `has_` flags.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

import pandas as pd
import pyarrow as pa

from runkit.api.contract import (
    CONFIDENCES,
    RESOLUTIONS,
    RUN_STATUSES,
    STEP_STATUSES,
    STEP_TYPES,
    TIERS,
)
from runkit.api.validation import KINDS

Kind = Literal["str", "category", "rank", "time", "seconds", "count", "known_count", "flag"]

TEXT = pa.large_string()  # the Arrow type behind pandas' str dtype
TIME = pa.timestamp("us", tz="UTC")
# by kind: the dtype, the type in Arrow, the unit
TYPES: dict[Kind, tuple[str, pa.DataType, str | None]] = {
    "str": ("str", TEXT, None),
    "category": ("category", TEXT, None),
    "rank": ("category", TEXT, None),
    "time": ("datetime64[us, UTC]", TIME, "UTC"),
    "seconds": ("float64", pa.float64(), "s"),
    "count": ("int32", pa.int32(), None),
    "known_count": ("Int32", pa.int32(), None),  # null where nobody knows
    "flag": ("bool", pa.bool_(), None),
}

STEP, PROPOSAL, OUTPUT = ORIGINS = ("step", "proposal", "output")
PENDING, ANSWERED, LAPSED = "pending", "answered", "lapsed"
OUTCOMES = (PENDING, ANSWERED, "auto_approve", "skip", LAPSED)
DECISIONS = ("approved", "rejected", "edited")
# error: a record or a value is missing in the frames; warning: kept
SEVERITIES = ("error", "warning")
PROBLEMS = (
    "bad_json",
    "not_a_run",
    "too_deep",
    "bad_field",
    "unknown_value",
    "duplicate_run",
    "duplicate_step",
    "orphan_step",
    "cycle",
    "parent_disagrees",
    "ends_before_start",
    "outside_parent",
    "naive_time",
    "outside_run",
    "starts_before_created",
    "unpaired_interrupt",
    "contradiction",
    "unmatched_row",
)


class Column(NamedTuple):
    """One column. `words` are the known words of a category, to which unknown words are appended.

    A rank is an ordered category, lowest word first; an unknown word is its first word, `other`.
    """

    kind: Kind
    name: str
    meaning: str
    words: tuple[str, ...] = ()


_text, _word, _rank = partial(Column, "str"), partial(Column, "category"), partial(Column, "rank")
_time, _seconds = partial(Column, "time"), partial(Column, "seconds")
_count, _known_count = partial(Column, "count"), partial(Column, "known_count")
_flag = partial(Column, "flag")

RUN_ID = _text("run_id", "id of the run; joins all six frames")
STEP_ID = _text("step_id", "id of the step; null if the row belongs to no step")

SCHEMA: dict[str, tuple[Column, ...]] = {
    "runs": (
        RUN_ID,
        _text("thread_id", "id of the run's thread"),
        _text("business_id", "id of the business; null if the API did not name it"),
        _text("business_name", "name of the business, if known"),
        _text("business_status", "status of the business, if known"),
        _time("business_status_at", "when the business had this status"),
        _text("agent", "type of the agent"),
        _text("agent_name", "display name of the agent, if known"),
        _word(
            "status",
            "running, interrupted (screens say waiting), completed or error (screens say failed)",
            RUN_STATUSES,
        ),
        _text("requester", "name of the person who requested the run"),
        _text("prompt", "what was asked, if the run has it"),
        _time("created_at", "when the run was requested"),
        _time("updated_at", "when the run last changed"),
        _time("started_at", "when work began"),
        _time("ended_at", "when the run completed or failed; null while open"),
        _time("as_of", "the time up to which open runs and steps are measured"),
        _seconds("queued_s", "started_at - created_at"),
        _seconds(
            "duration_s",
            "(ended_at, or as_of for an open run) - started_at; null if its steps contradict",
        ),
        _seconds("working_s", "time in which a step was open and no question was waiting"),
        _seconds("waiting_s", "time in which a question to a reviewer was open"),
        _seconds("idle_s", "time in which no step was open; the three add up to duration_s"),
        _seconds(
            "overlap_s",
            "the part of waiting_s in which a leaf step ran that does not span the whole question",
        ),
        _flag("has_steps", "false if the steps were not delivered; the time budget is then null"),
        _count("n_steps", "rows in steps"),
        _known_count(
            "n_errors", "failed steps without a failed child, the causes; null without steps"
        ),
        _count("n_interrupts", "rows in interrupts"),
        _count("n_pending", "questions waiting for a reviewer"),
        _count("n_artifacts", "rows in artifacts"),
        _count("n_sources", "rows in sources"),
        _known_count(
            "n_findings",
            "artifacts that are neither repeat, output nor record of an error; null without steps",
        ),
        _text("outcome", "how it ended: the error, the question, the output or what it returned"),
        _text("weakest", "title of the finding or output with the lowest rating below high"),
        _rank("confidence", "the lowest rated confidence of the output's artifacts", CONFIDENCES),
    ),
    "steps": (
        RUN_ID,
        _text("step_id", "id of the step"),
        _text("parent_step_id", "id of the parent step; null at the top"),
        _count("step_no", "position in the run, in tree order"),
        _count("subtree_end", "position after its last descendant"),
        _count("depth", "0 at the top"),
        _text("label", "display name, else the name, else the type; never null"),
        _flag("is_failed", "its type or status is error, and it is no question"),
        _flag("is_wait", "a question to a reviewer, that is, one that no policy resolved"),
        _text("error", "what failed, where the step is the cause; null elsewhere"),
        _text("agent", "type of the agent"),
        _word("type", "type of the step", STEP_TYPES),
        _text("name", "internal name"),
        _word("status", "status of the step", STEP_STATUSES),
        _time("started_at", "when the step began"),
        _time("completed_at", "when the step ended; null while open"),
        _flag("is_open", "the step has not ended"),
        _seconds(
            "duration_s", "completed_at - started_at; an open step lasts to the end of the run"
        ),
        _seconds("self_s", "duration minus the union of its children"),
        _flag("is_critical", "on the critical path"),
        _seconds(
            "critical_s", "own time on the critical path; of a question, the waiting that it caused"
        ),
        _word(
            "resolution",
            "how the interrupt policy resolved it; null if a reviewer did",
            RESOLUTIONS,
        ),
        _count("n_children", "number of direct children"),
        _count("n_artifacts", "rows in artifacts"),
        _text("result", "the structured payload as compact JSON, uncut"),
    ),
    "artifacts": (
        RUN_ID,
        _count("artifact_no", "position in the run; joins sources"),
        _flag("is_repeat", "a proposal or an output that repeats what a step has; count both once"),
        STEP_ID,
        _word("origin", "from a step, from a proposal, or what the run delivers", ORIGINS),
        _text("interrupt_id", "id of the interrupt that proposes it"),
        _text("artifact_id", "id of the artifact, null if the API gave none"),
        _text("agent", "type of the agent"),
        _text("title", "title"),
        _text("type", "type of finding or change"),
        _rank(
            "confidence", "the agent's confidence; a word that is not known is other", CONFIDENCES
        ),
        _text("confidence_text", "the confidence as it came"),
        _text("summary", "summary"),
        _count("n_sources", "rows in sources"),
        _count("n_hosts", "different hosts of its sources: ten pages of one site are one witness"),
        _rank("best_tier", "the highest authority of its sources", TIERS),
        _text("best_tier_text", "this tier as it came"),
    ),
    "sources": (
        RUN_ID,
        _count("artifact_no", "the artifact in the run; joins artifacts"),
        _count("source_no", "position in the artifact"),
        STEP_ID,
        _word("origin", "as in artifacts", ORIGINS),
        _text("title", "title of the artifact"),
        _text("url", "address of the source"),
        _text("host", "host of the URL"),
        _text("source_name", "publisher of the source"),
        _rank("source_tier", "authority of the source; a word that is not known is other", TIERS),
        _text("source_tier_text", "the tier as it came"),
        _text("source_type", "type of the source"),
    ),
    "interrupts": (
        RUN_ID,
        _text("interrupt_id", "id of the interrupt; null if it was never seen pending"),
        _text("step_id", "id of the interrupt step; null if none matches"),
        _text("agent", "type of the agent that asks"),
        _text("label", "the question"),
        _word("kind", "kind of answer expected", KINDS),
        _count("n_proposals", "number of proposals; 0 if it proposes nothing"),
        _time("asked_at", "when the question was asked"),
        _time("answered_at", "when it was answered or resolved by policy"),
        _seconds("wait_s", "waiting time, until as_of while pending; null if as_of is not known"),
        _word(
            "outcome",
            "pending (screens say waiting), answered, auto_approve, skip or lapsed (expired)",
            OUTCOMES,
        ),
        _word("decision", "the reviewer's decision, if known", DECISIONS),
        _text("answered_by", "name of the reviewer, if known"),
    ),
    "problems": (
        RUN_ID,
        STEP_ID,
        _text("location", "file:line and JSON path, of the first"),
        _word("problem", "kind of problem", PROBLEMS),
        _count("n", "how many like it in the run; a refused record has a row of its own"),
        _text("detail", "what was found and what was expected, of the first"),
        _word("severity", "error: refused or read as null; warning: kept", SEVERITIES),
    ),
}

# `Frames.reads`, stored beside the six frames: when, and from which host, each run was read.
READS = (
    RUN_ID,
    _time("read_at", "when the run was read"),
    _text("read_from", "host that it was read from"),
    _flag("is_undated", "open, and it is not known when it was read: its times are lower bounds"),
    _time("newest_at", "the newest updated_at in its JSON document, which was read no earlier"),
    _flag("has_lines", "this document is a file of lines, perhaps not written at once"),
)
COLUMNS = SCHEMA | {"reads": READS}
# By column with the words as they came, the category that has the known ones.
TEXT_OF = {
    "confidence_text": "confidence",
    "best_tier_text": "best_tier",
    "source_tier_text": "source_tier",
}


def schema_frame() -> pd.DataFrame:
    """Build a frame of all columns: their frame, name, dtype, unit and meaning."""
    rows = []
    for frame, columns in SCHEMA.items():
        for kind, name, meaning, _ in columns:
            dtype, _, unit = TYPES[kind]
            rows.append((frame, name, dtype, unit, meaning))
    return pd.DataFrame(rows, columns=["frame", "column", "dtype", "unit", "meaning"], dtype="str")
