"""The six linked frames, column by column: the one list that everything else is made from.

Dtypes, empty frames, casts on reading and the table in the documentation come from here. Names ending in `_s`
are seconds, `n_` are counts, `is_` and `has_` are flags.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from runkit.contract import KINDS, RESOLUTIONS, RUN_STATUSES, STEP_STATUSES, STEP_TYPES

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["str", "category", "time", "seconds", "count", "flag"]

DTYPES: dict[Kind, str] = {
    "str": "str",
    "time": "datetime64[us, UTC]",
    "seconds": "float64",
    "count": "int32",
    "flag": "bool",
}

ORIGINS = ("step", "proposal", "output")
OUTCOMES = ("pending", "answered", "auto_approve", "skip", "lapsed")
DECISIONS = ("approved", "rejected", "edited")
SEVERITIES = ("error", "warning")  # error: a record or a value is not in the frames; warning: kept, noted
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
    "truncated",
)


class Column(NamedTuple):
    """One column. `words` is the fixed vocabulary of a category; unknown words are appended to it."""

    name: str
    kind: Kind
    meaning: str
    words: tuple[str, ...] = ()


def _text(name: str, meaning: str) -> Column:
    return Column(name, "str", meaning)


def _word(name: str, words: tuple[str, ...], meaning: str) -> Column:
    return Column(name, "category", meaning, words)


def _time(name: str, meaning: str) -> Column:
    return Column(name, "time", meaning)


def _seconds(name: str, meaning: str) -> Column:
    return Column(name, "seconds", meaning)


def _count(name: str, meaning: str) -> Column:
    return Column(name, "count", meaning)


def _flag(name: str, meaning: str) -> Column:
    return Column(name, "flag", meaning)


RUN_ID = _text("run_id", "the run; joins all six frames")
STEP_ID = _text("step_id", "the step; null where the row belongs to no step")

SCHEMA: dict[str, tuple[Column, ...]] = {
    "runs": (
        RUN_ID,
        _text("thread_id", "the thread that the run is part of"),
        _text("business_id", "the business it is about; null where the API did not tell"),
        _text("business_name", "its name, where this is known"),
        _text("business_status", "where the business stood, where this is known"),
        _time("business_status_at", "when the business stood there"),
        _text("agent", "the type of the agent that runs"),
        _text("agent_name", "the agent's name for people, where this is known"),
        _word("status", RUN_STATUSES, "where the run stands"),
        _text("requester", "who asked for it, by name"),
        _time("created_at", "when it was asked for"),
        _time("updated_at", "when it changed last"),
        _time("started_at", "when work began"),
        _time("ended_at", "when it completed or failed; null while open"),
        _time("as_of", "the moment at which open things are measured"),
        _seconds("queued_s", "started_at - created_at"),
        _seconds("duration_s", "(ended_at, or as_of for an open run) - started_at"),
        _seconds("working_s", "a leaf step was open and no question waited"),
        _seconds("waiting_s", "a question put to a person was open"),
        _seconds("idle_s", "nothing ran, or only containers; the three add up to duration_s"),
        _seconds("overlap_s", "the part of waiting_s in which a leaf step ran too"),
        _flag("has_steps", "false when the steps were not delivered; the budget is null then"),
        _count("n_steps", "rows in steps"),
        _count("n_errors", "steps of type error: the causes, not the containers that failed with them"),
        _count("n_interrupts", "rows in interrupts"),
        _count("n_pending", "questions that wait for a person now"),
        _count("n_artifacts", "rows in artifacts"),
        _count("n_sources", "rows in sources"),
        _text("confidence", "the lowest confidence among the output's artifacts"),
    ),
    "steps": (
        RUN_ID,
        _text("step_id", "the step"),
        _text("parent_step_id", "the step that it stands in; null at the top"),
        _count("order", "position in the run, in tree order"),
        _count("subtree_end", "position after its last descendant"),
        _count("depth", "0 at the top"),
        _text("agent", "the agent that made the step"),
        _word("type", STEP_TYPES, "what kind of step"),
        _text("name", "the internal name"),
        _text("label", "the name for people"),
        _word("status", STEP_STATUSES, "where the step stands"),
        _time("started_at", "when it began"),
        _time("completed_at", "when it ended; null while open"),
        _flag("is_open", "it has not ended"),
        _seconds("duration_s", "completed_at - started_at; an open step runs to the run's end"),
        _seconds("self_s", "duration minus the union of its children"),
        _flag("is_critical", "it lies on the critical path"),
        _seconds("critical_s", "its own time on the critical path"),
        _word("resolution", RESOLUTIONS, "how the interrupt policy settled it; null when a person did"),
        _count("n_children", "steps directly in it"),
        _count("n_artifacts", "its rows in artifacts"),
        _text("result", "the structured payload, whole, as compact JSON"),
    ),
    "artifacts": (
        RUN_ID,
        _count("artifact_no", "position in the run; joins sources"),
        _flag("is_repeat", "a proposal that repeats a step's finding; it counts once"),
        STEP_ID,
        _word("origin", ORIGINS, "found by a step, proposed by a question, or in the run's output"),
        _text("interrupt_id", "the question that proposes it"),
        _text("artifact_id", "its id, null if the API gave none"),
        _text("agent", "who made it"),
        _text("title", "what it says in short"),
        _text("type", "what kind of finding or change"),
        _text("confidence", "how sure the agent is: high, medium, low or another word"),
        _text("summary", "what it says"),
        _count("n_sources", "its rows in sources"),
    ),
    "sources": (
        RUN_ID,
        _count("artifact_no", "the artifact that rests on it"),
        _count("source_no", "position in the artifact"),
        STEP_ID,
        _word("origin", ORIGINS, "as in artifacts"),
        _text("title", "the artifact's title"),
        _text("url", "where it is"),
        _text("host", "the host of the url"),
        _text("source_name", "who publishes it"),
        _text("source_tier", "how authoritative it is"),
        _text("source_type", "what kind of source"),
    ),
    "interrupts": (
        RUN_ID,
        _text("interrupt_id", "the question; null if it was never seen pending"),
        _text("step_id", "the step that waits or waited; null if none was found"),
        _text("agent", "who asks"),
        _text("label", "what is asked"),
        _word("kind", KINDS, "what kind of answer it wants"),
        _count("n_proposals", "how many proposals it holds"),
        _time("asked_at", "when the question was put"),
        _time("answered_at", "when it was answered or settled"),
        _seconds("wait_s", "how long it waited, or has waited until as_of"),
        _word("outcome", OUTCOMES, "what became of it"),
        _word("decision", DECISIONS, "what a person decided, where this is known"),
        _text("answered_by", "who answered, where this is known"),
    ),
    "problems": (
        RUN_ID,
        STEP_ID,
        _text("location", "file:line and JSON path"),
        _word("problem", PROBLEMS, "what kind of problem"),
        _text("detail", "what was found and what was expected"),
        _word("severity", SEVERITIES, "error: refused or read as null; warning: kept"),
    ),
}

# Kept beside the six: when, and from which host, each run was read.
READS = (RUN_ID, _time("read_at", "when it was read"), _text("read_from", "the host that it was read from"))
COLUMNS = SCHEMA | {"reads": READS}
_ABSENT: dict[Kind, object] = {"count": 0, "flag": False}  # other kinds have null


def empty(frame: str) -> pd.DataFrame:
    """An empty frame with all its columns, dtypes and categories."""
    import pandas as pd

    return cast(pd.DataFrame({column.name: [] for column in COLUMNS[frame]}, dtype="str"), frame)


def cast(df: pd.DataFrame, frame: str) -> pd.DataFrame:
    """Give `df` the columns and dtypes of `frame`; a column that it does not have is empty.

    Words beyond the vocabulary are appended to it.
    """
    import pandas as pd

    out = {}
    for column in COLUMNS[frame]:
        if column.name not in df:
            dtype = DTYPES.get(column.kind, "str")
            df = df.assign(**{column.name: pd.Series(_ABSENT.get(column.kind), df.index, dtype)})
        values = df[column.name]
        if column.kind == "category":
            found = values.dropna().astype("str").unique().tolist()
            words = [*column.words, *(word for word in found if word not in column.words)]
            out[column.name] = values.astype("str").astype(pd.CategoricalDtype(words))
        else:
            out[column.name] = values.astype(pd.api.types.pandas_dtype(DTYPES[column.kind]))
    return pd.DataFrame(out)
