"""The schema of the six linked frames: every column with its dtype, unit and meaning.

Dtypes, empty frames, folders of Parquet files and comparisons come from this list. Names ending in
`_s` are seconds, names starting with `n_` are counts, with `is_` and `has_` flags; all of them are
null where a value is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
import pyarrow as pa
import pydantic

from runkit.api.question_kinds import QUESTION_KINDS
from runkit.api.words import (
    CONFIDENCES,
    ORIGINS,
    OUTCOMES,
    PROBLEMS,
    RUN_STATUSES,
    STATES,
    STEP_STATUSES,
    STEP_TYPES,
    TIERS,
    Vocabulary,
)
from runkit.display.text import shorten
from runkit.errors import DataError
from runkit.local import files

ABOUT_FILE = "frames.meta"
Kind = Literal["text", "word", "rank", "time", "seconds", "count", "flag"]

TEXT = pa.large_string()  # the Arrow type behind pandas' str dtype
ARROW_TIME = pa.timestamp("us", tz="UTC")
# by kind: the dtype, the type in Arrow, the unit
TYPES: dict[Kind, tuple[str, pa.DataType, str | None]] = {
    "text": ("str", TEXT, None),
    "word": ("category", TEXT, None),
    "rank": ("category", TEXT, None),
    "time": ("datetime64[us, UTC]", ARROW_TIME, "UTC"),
    "seconds": ("float64", pa.float64(), "s"),
    "count": ("Int32", pa.int32(), None),
    "flag": ("boolean", pa.bool_(), None),
}


class Column(NamedTuple):
    """One column. A rank is an ordered category: its words, then the data's own.

    `is_own`: the run says it itself, so that two states of a run are compared by it.
    """

    name: str
    kind: Kind
    meaning: str
    words: Vocabulary | None = None
    is_own: bool = False


RUN_ID = Column("run_id", "text", "id of the run; joins all six frames")

FRAME_COLUMNS: dict[str, tuple[Column, ...]] = {
    "runs": (
        RUN_ID,
        Column("thread_id", "text", "id of the run's thread", is_own=True),
        Column("business_id", "text", "id of the business; null where the source has none"),
        Column("business_name", "text", "name of the business, if known"),
        Column("business_status", "text", "status of the business, if known"),
        Column("agent", "text", "type of the agent", is_own=True),
        Column("agent_name", "text", "name of the agent for people"),
        Column(
            "status",
            "word",
            "running, interrupted (screens: waiting), completed, error (screens: failed), or "
            "another word as it came",
            RUN_STATUSES,
            is_own=True,
        ),
        Column("requester", "text", "name of the person who requested the run", is_own=True),
        Column("prompt", "text", "what was asked, if the run has it", is_own=True),
        Column("created_at", "time", "when the run was requested"),
        Column("updated_at", "time", "when the run last changed"),
        Column("read_at", "time", "when this state was read, by the server's clock, if known"),
        Column("started_at", "time", "when work began", is_own=True),
        Column("ended_at", "time", "when the run ended; null while it is open", is_own=True),
        Column("n_copies", "count", "copies of this run in the source; the newest is here"),
        Column("has_steps", "flag", "false where the steps were not delivered, or not read"),
        Column("queued_s", "seconds", "started_at - created_at"),
        Column("duration_s", "seconds", "(ended_at, or as_of while the run is open) - started_at"),
        Column("working_s", "seconds", "time in which a step was open and no question was"),
        Column("waiting_s", "seconds", "time in which a question to a person was open"),
        Column(
            "idle_s", "seconds", "time in which no step was open; the three add up to duration_s"
        ),
        Column("n_steps", "count", "rows in steps"),
        Column(
            "n_errors",
            "count",
            "failed steps without a failed child; a step and an error beside it are two",
            is_own=True,
        ),
        Column("n_questions", "count", "rows in interrupts"),
        Column("n_pending", "count", "questions that wait for a person"),
        Column(
            "n_findings",
            "count",
            "artifacts of origin finding that are no repeat; null where one step of the run has no "
            "list of artifacts, not even an empty one, so that sums over runs leave the run out",
        ),
        Column(
            "n_sources",
            "count",
            "rows in sources; null where one step has no list of artifacts, or one artifact none "
            "of sources",
        ),
        Column(
            "outcome",
            "text",
            "why it failed, what it asks, or what it returned (Recommendation: approve), else the "
            "title of its output",
            is_own=True,
        ),
        Column(
            "confidence",
            "rank",
            "the lowest confidence of its outputs, as it came",
            CONFIDENCES,
            is_own=True,
        ),
        Column("weakest", "text", "title of what has the lowest confidence below high"),
    ),
    "steps": (
        RUN_ID,
        Column("step_id", "text", "id of the step"),
        Column("parent_step_id", "text", "id of the parent step; null at the top"),
        Column("step_no", "count", "position in the run, in tree order"),
        Column("depth", "count", "0 at the top"),
        Column("label", "text", "display name, else the name, else the type"),
        Column("agent", "text", "type of the agent"),
        Column("type", "word", "type of the step", STEP_TYPES),
        Column("name", "text", "internal name"),
        Column("status", "word", "status of the step, as it came", STEP_STATUSES),
        Column(
            "state",
            "word",
            "what the step is: waiting, failed, running, expired (the run ended first), done",
            STATES,
        ),
        Column("error", "text", "why a failed step without a failed child failed, if it says so"),
        Column("started_at", "time", "when the step began"),
        Column("completed_at", "time", "when the step ended; null while it is open"),
        Column(
            "duration_s", "seconds", "(completed_at, or as_of while the step is open) - started_at"
        ),
        Column("self_s", "seconds", "duration_s without the time of its children"),
        Column(
            "critical_s",
            "seconds",
            "own time on the critical path; of a question the waiting that it caused",
        ),
        Column("n_children", "count", "direct children"),
        Column("n_artifacts", "count", "artifacts of the step; null where it has no such list"),
        Column("result", "text", "the structured payload as compact JSON, uncut"),
    ),
    "artifacts": (
        RUN_ID,
        Column("artifact_no", "count", "position in the run; joins sources"),
        Column("step_id", "text", "id of the step; null if it belongs to none"),
        Column("origin", "word", "a finding, a proposal, or an output of the run", ORIGINS),
        Column("is_repeat", "flag", "it repeats a finding, an output or an error: count both once"),
        Column("interrupt_id", "text", "id of the question that proposes it"),
        Column("agent", "text", "type of the agent"),
        Column("title", "text", "title"),
        Column("type", "text", "type of finding or change"),
        Column("confidence", "rank", "the agent's confidence, as it came", CONFIDENCES),
        Column("summary", "text", "summary"),
        Column("n_sources", "count", "rows in sources; null where it has no such list"),
        Column("best_tier", "rank", "the highest tier of its sources", TIERS),
    ),
    "sources": (
        RUN_ID,
        Column("artifact_no", "count", "the artifact in the run; joins artifacts"),
        Column("source_no", "count", "position in the artifact"),
        Column("url", "text", "address of the source"),
        Column("host", "text", "host of the address"),
        Column("source_name", "text", "publisher of the source"),
        Column("source_tier", "rank", "authority of the source, as it came", TIERS),
        Column("source_type", "text", "type of the source"),
    ),
    "interrupts": (
        RUN_ID,
        Column("interrupt_id", "text", "id of the question, if it has one"),
        Column("step_id", "text", "id of its step; null if it has none"),
        Column("agent", "text", "type of the agent that asks"),
        Column("business_name", "text", "name of the business, if known"),
        Column("label", "text", "the question; null if it is not in the data"),
        Column("kind", "word", "kind of answer expected, as it came", QUESTION_KINDS),
        Column("proposed", "text", "titles of what it proposes"),
        Column("n_proposals", "count", "number of proposals; 0 if it proposes nothing"),
        Column(
            "asked_at",
            "time",
            "when its step began; of an open question without a step when the run last changed",
        ),
        Column("answered_at", "time", "when it was answered or settled by policy"),
        Column("wait_s", "seconds", "(answered_at, or as_of while it is open) - asked_at"),
        Column(
            "outcome",
            "word",
            "pending (screens: waiting), answered, auto_approve, skip, or expired (the run ended "
            "first)",
            OUTCOMES,
        ),
        Column("decision", "text", "the decision as it came; of a combined question its parts"),
        Column("answered_by", "text", "who answered, if known"),
        Column("reason", "text", "why it was answered so, if known"),
    ),
    "problems": (
        RUN_ID,
        Column("location", "text", "JSON path, after file and line if there are"),
        Column("problem", "word", "kind of problem", PROBLEMS),
        Column("n", "count", "how many like it in the run"),
        Column("detail", "text", "what was found and what was expected, of the first"),
    ),
}


def schema_frame() -> pd.DataFrame:
    """Build a frame of all columns: their frame, name, dtype, unit and meaning."""
    rows = []
    for frame, columns in FRAME_COLUMNS.items():
        for column in columns:
            dtype, _, unit = TYPES[column.kind]
            meaning = column.meaning
            if column.words:
                known = ", ".join(column.words)
                meaning += f"; categories, with rows or without: {known}, then others"
            rows.append((frame, column.name, dtype, unit, meaning))
    return pd.DataFrame(rows, columns=["frame", "column", "dtype", "unit", "meaning"], dtype="str")


def own_columns(frame: str) -> list[str]:
    """Return the names of the columns of a frame that the run says itself."""
    return [column.name for column in FRAME_COLUMNS[frame] if column.is_own]


def cast(df: pd.DataFrame, frame: str) -> pd.DataFrame:
    """Return `df` with the columns and dtypes of `frame`; missing columns are null."""
    columns: dict[str, pd.Series[Any]] = {}
    for column in FRAME_COLUMNS[frame]:
        dtype = "str" if column.words else TYPES[column.kind][0]
        if column.name in df:
            values = df[column.name].astype(dtype)  # type: ignore[call-overload]
        else:
            values = pd.Series(None, df.index, dtype)
        columns[column.name] = _categorical(values, column) if column.words else values
    return pd.DataFrame(columns, df.index)


def _categorical(values: pd.Series[str], column: Column) -> pd.Series[Any]:
    """Build a categorical column: the known words, each with its spellings, then the others."""
    words = column.words or Vocabulary()
    came = [word for word in values.unique() if isinstance(word, str)]
    others = sorted(came, key=words.position)
    known = list(dict.fromkeys([*words, *others]))
    categories = pd.Index(sorted(known, key=words.position), dtype="str")
    dtype = pd.CategoricalDtype(categories, ordered=column.kind == "rank")
    return values.astype(dtype)


# ------------------------------------------------------------------------------------- saved frames


class About(pydantic.BaseModel):
    """What is saved beside the frames."""

    as_of: datetime
    as_of_basis: str
    source_missing: tuple[str, ...]
    read_from: tuple[str, ...]


def is_saved(folder: Path) -> bool:
    """Return whether a folder has saved frames, or a part of them."""
    return any((folder / name).is_file() for name in (ABOUT_FILE, "runs.parquet"))


def write_saved(
    directory: str | Path, tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any]
) -> Path:
    """Write frames, and what is known of them, to a folder.

    Raises `UsageError` if it cannot be written.
    """
    folder = files.folder_at(directory)
    for name, df in tables.items():
        with files.replacing(folder / f"{name}.parquet") as part:
            df.to_parquet(part, index=False)
    with files.replacing(folder / ABOUT_FILE) as part:
        part.write_text(About(**about).model_dump_json(), encoding="utf-8")
    return folder


def read_saved(folder: Path) -> dict[str, Any]:
    """Read the fields of `Frames`.

    Raises `DataError` for a file that is missing or damaged; names it.
    """
    about: About = _read_file(
        folder / ABOUT_FILE, lambda file: About.model_validate_json(file.read_bytes())
    )
    tables = {
        name: _read_file(folder / f"{name}.parquet", partial(_read_frame, name))
        for name in FRAME_COLUMNS
    }
    return tables | about.model_dump()


def _read_frame(name: str, file: Path) -> pd.DataFrame:
    df = pd.read_parquet(file)
    missing = {column.name for column in FRAME_COLUMNS[name]} - {*df}
    if missing:
        raise ValueError(f"it has no column {min(missing)}")
    return cast(df, name)


def _read_file(file: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(file)
    except (OSError, OverflowError, TypeError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{file} cannot be read ({type(error).__name__}: {shorten(str(error), 200)}); expected "
            "a file written by Frames.save() of this version. Save the frames again, or restore "
            "the folder from a backup."
        ) from None
