"""`frames()`: turn any source of runs into six DataFrames that join on ids."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Union

import pandas as pd

from runkit.api.contract import Json
from runkit.api.reading import decision_of, note_of
from runkit.arguments import Moment, check_kind, checked, read_moment
from runkit.display.messages import Progress
from runkit.display.text import brief, plural, shorten
from runkit.errors import DataError, UsageError
from runkit.local.answer_log import CONFIRMED
from runkit.tables.columns import Parts, fields_of, joined, newest_states
from runkit.tables.derive import contradictions, derived
from runkit.tables.flatten import COST_DATA, Row, Rows, flatten_runs, problems_frame
from runkit.tables.frames import GIVEN, Frames, agents_of
from runkit.tables.measure import choose_as_of, combined, measured, recounted
from runkit.tables.schema import cast, is_saved, read_saved
from runkit.tables.sources import (
    IN_MEMORY,
    Fetches,
    Record,
    Source,
    local_path,
    records_of,
)

if TYPE_CHECKING:
    from runkit.client import Client

BusinessSource: TypeAlias = Union[
    "Client", pd.DataFrame
]  # files are read without the client, and httpx
BUSINESS_KEYS = (
    "run_id",
    "thread_id",
    "business_id",
)  # of these, the first that a table has is used
BUSINESS_COLUMNS = (
    "business_id",
    "business_name",
    "business_status",
)  # columns that a table may have
EXPECTED_BUSINESSES = (
    "expected a Client, or a DataFrame with a column run_id, thread_id or business_id, and one "
    "business_name."
)
FILLED = ("decision", "answered_by", "reason")
ANSWER_IDS = ("run_id", "step_id", "interrupt_id")
ANSWER_TEXTS = (
    *ANSWER_IDS,
    *FILLED,
    "answer",
    "delivery",
)
EXPECTED_ANSWERS = (
    "expected the frame from runkit.answer_log(), or a table with the columns run_id, step_id or "
    "interrupt_id, and decision, answered_by or reason."
)
SHOWN_PROBLEMS = 5
# bytes of JSON text per batch: large enough that the 400 calls to numpy and Arrow cost little,
# small enough that its objects (five times as many bytes) do not count beside the frames
BATCH_BYTES = 4_000_000
BATCH_RUNS = 2_000


@checked
def frames(
    source: Source,
    *,
    as_of: Moment | None = None,
    businesses: BusinessSource | None = None,
    answers: pd.DataFrame | None = None,
    on_error: Literal["collect", "raise"] = "collect",
    progress: bool = True,
) -> Frames:
    """Turn runs into six linked, typed DataFrames.

    They are runs, steps, artifacts, sources, interrupts and problems; see `help(runkit.Frames)`.

    Parameters
    ----------
    source
        Anything that holds runs. Objects: a `Run`, an iterable of runs, or a `RunList`. Parsed
        JSON: a run, the body of a webhook event, or a list or list page of them. JSON as bytes, or
        an open file. Files: a path or several (`.json`, `.ndjson`, `.jsonl`, each also `.gz`), or a
        folder of such files, also in its subfolders, or of `Frames.save`. In files and bytes, the
        content decides whether they are one document or one on each line.

        A list of several `Frames` is combined. Of a run that is there several times, the newest
        state counts.
    as_of
        The time up to which everything open is counted: a datetime, a date, ISO 8601, `7d`, `12h`
        or `now` (by the server's clock if the source has one, else this machine's). It is in UTC if
        it has no offset. By default it is the newest time of reading, else the newest time in the
        source.
    businesses
        The businesses of the runs, if the source does not know them. A `Client` looks for them by
        the threads of each business of its account, within its rate limit; runs without a
        `thread_id` stay unknown. Or a table with `run_id`, `thread_id` or `business_id`, and
        `business_name`.
    answers
        `runkit.answer_log()`, or a table with `run_id`, `step_id` or `interrupt_id`, and
        `decision`, `answered_by` or `reason`. Fills what is null in the interrupts frame; the
        last answer to a question counts. A question that is open in the data stays open.
    on_error
        "collect" keeps the valid data and lists the rest in `.problems`. "raise" raises one
        `DataError` with that frame, if any record was refused or any value could not be read.
    progress
        Count the runs after 2 seconds, in a line that is removed at the end.

    Returns
    -------
    Frames
        With all columns and dtypes, also without rows.

    Raises
    ------
    UsageError
        For a source that cannot hold runs, a missing file, an invalid argument, and an `as_of`
        before the newest time in the data.
    ApiError
        If a client cannot read the businesses.
    DataError
        If all records of a source were refused, and with `on_error="raise"`. Its `problems` are the
        frame.
    """
    given = read_moment(
        "as_of", as_of, lambda: getattr(source, "read_at", None) or datetime.now(UTC)
    )
    opened = open_source(source)
    if not isinstance(opened, Frames):
        f = _read(opened, given, progress)
    elif given is not None:
        f = recounted(opened, given, GIVEN)
    else:
        f = opened
    if on_error == "raise" and f.problems["problem"].isin(COST_DATA).any():
        advice = 'Use on_error="collect" to keep the valid data.'
        raise _data_error(f.problems, "in the data", advice)
    if businesses is not None:
        f = with_businesses(f, businesses, progress)
    return f if answers is None else with_answers(f, answers)


def open_source(source: Source) -> Any:
    """Return `Frames` for a folder of `Frames.save` and for several `Frames`, else the source."""
    parts = source if isinstance(source, list | tuple) else [source]
    if parts and isinstance(parts[0], str | Path | Frames):
        parts = [_saved(part) for part in parts]
    if not any(isinstance(part, Frames) for part in parts):
        return source
    return combined(parts) if len(parts) > 1 else parts[0]


def _saved(part: Any) -> Any:
    """Return the `Frames` that are saved in a folder; another part as it is."""
    if not isinstance(part, str | Path):
        return part
    path = local_path(part)
    is_folder = os.path.isdir(path)  # noqa: PTH112 - never raises
    if not is_folder or not is_saved(path):
        return part
    fields = read_saved(path)
    return Frames(**fields, agents=agents_of(fields))


# ----------------------------------------------------------------------------------------- reading


@dataclass
class _Reading:
    """What was read of a source so far."""

    batches: list[Parts] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)  # without their JSON
    problems: list[Row] = field(default_factory=list)
    pages: set[bool | None] = field(default_factory=set)
    n_records: int = 0
    n_steps: int = 0
    n_artifacts: int = 0
    are_files: bool = False

    def add(self, records: list[Record]) -> None:
        """Add a batch of records."""
        rows = flatten_runs(records, len(self.records), self.n_steps, self.n_artifacts)
        self.batches.append(fields_of(rows))
        self.problems += rows.problems
        self.records += [record._replace(raw={"id": record.raw["id"]}) for record in rows.records]
        self.pages |= {record.has_more for record in records}
        self.n_records += len(records)
        self.n_steps += len(rows.steps)
        self.n_artifacts += len(rows.artifacts)
        self.are_files |= not records[0].location.startswith(IN_MEMORY)

    def missing(self) -> list[str]:
        """Return the reasons why runs are missing."""
        reasons = []
        if True in self.pages and False not in self.pages:
            reasons.append("the list goes on after the pages given (has_more)")
        n_refused = self.n_records - len(self.records)
        if n_refused:
            reasons.append(f"{n_refused:,} of {plural(self.n_records, 'record')} refused")
        return reasons


def in_batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Yield records in batches that fit into memory."""
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += record.n_bytes
        if size >= BATCH_BYTES or len(batch) >= BATCH_RUNS:
            full = batch
            batch = []
            size = 0
            yield full
    if batch:
        yield batch


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector while runs are read and measured.

    JSON has no cycles, so it finds nothing, and looking takes 27% to 33% of the time of `frames`,
    measured with 36,000 rich and plain steps.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@gc_paused()
def _read(source: Any, given: datetime | None, progress: bool) -> Frames:
    """Read the runs of a source in batches, and measure them together.

    Raises `DataError` if all records are refused.
    """
    reading = _Reading()
    fetches = Fetches()
    with Progress("runs", progress=progress) as counter:
        for records in in_batches(records_of(source, fetches=fetches)):
            reading.add(records)
            counter.update(len(records))
            records.clear()  # free the JSON before the next batch is parsed
        parts = joined(reading.batches or [fields_of(Rows())])
        reading.batches.clear()  # they are in it, and memory holds them once
        runs = parts["runs"]
        is_newest, runs["n_copies"] = newest_states(runs)
        hosts = runs["read_from"].drop_null().unique().to_pylist()
        found = [*reading.problems, *contradictions(parts, reading.records)]
        tables = derived(parts, is_newest)
    problems = [row for row in found if row["run"] is None or is_newest[row["run"]]]
    tables["problems"] = problems_frame(problems)
    if reading.n_records and not reading.records:
        advice = "Nothing in it is a run."
        raise _data_error(tables["problems"], "in the data; all records were refused", advice)
    read_at = getattr(source, "read_at", None) or fetches.read_at
    events = [record.at for record in reading.records if record.at]
    as_of, basis = choose_as_of(tables, read_at, given, events)
    missing = [*getattr(source, "missing", ()), *fetches.missing, *reading.missing()]
    return Frames(
        **measured(tables, as_of),
        as_of=as_of,
        as_of_basis=basis,
        source_missing=tuple(dict.fromkeys(missing)),
        read_from=tuple(sorted(hosts)),
        agents=agents_of(tables),
    )


def _data_error(problems: pd.DataFrame, where: str, advice: str) -> DataError:
    first = problems.head(SHOWN_PROBLEMS)
    lines = ("  " + first["location"] + ": " + first["detail"]).str.cat(sep="\n")
    return DataError(
        f"{plural(int(problems['n'].sum()), 'problem')} {where}; expected runs as the API "
        f"documents them. The first:\n{lines}\n{advice}",
        problems,
    )


# -------------------------------------------------------------------------------------- businesses


def with_businesses(f: Frames, businesses: BusinessSource, progress: bool) -> Frames:
    """Return frames with the businesses of runs; what is not in a table stays.

    Raises `UsageError` for a table without the columns, or with two businesses for one key.
    """
    given = businesses
    if not isinstance(given, pd.DataFrame):
        given = _of_client(f, given, progress)
    key = next((name for name in BUSINESS_KEYS if name in given), None)
    used = given.columns[given.columns.isin([key, *BUSINESS_COLUMNS])]
    if key is None or "business_name" not in used or not used.is_unique:
        columns = shorten(", ".join(map(str, given)), 200)
        raise UsageError(f"businesses has the columns [{columns}]; {EXPECTED_BUSINESSES}")
    rows = given[[*used]].astype("str").dropna(subset=[key, "business_name"]).drop_duplicates()
    is_shared = rows[key].duplicated()
    if is_shared.any():
        value = rows.loc[is_shared, key].iloc[0]
        raise UsageError(
            f"businesses has several businesses for {key} {brief(value)}; expected one for each."
        )
    table = rows.set_index(key, drop=False)
    fields = [name for name in BUSINESS_COLUMNS if name in table]
    new = {name: f.runs[key].map(table[name]).combine_first(f.runs[name]) for name in fields}
    runs = cast(f.runs.assign(**new), "runs")
    names = runs.set_index("run_id")["business_name"]
    interrupts = f.interrupts.assign(business_name=f.interrupts["run_id"].map(names))
    return replace(f, runs=runs, interrupts=cast(interrupts, "interrupts"))


def _of_client(f: Frames, client: Client, progress: bool) -> pd.DataFrame:
    """Return the businesses of the threads of runs without one."""
    businesses = getattr(client, "businesses", None)
    if businesses is None:
        raise UsageError(f"businesses={brief(client)}; {EXPECTED_BUSINESSES}")
    unnamed = f.runs.loc[f.runs["business_name"].isna(), "thread_id"].dropna()
    found = businesses.of_threads(set(unnamed), progress)
    columns = pd.Index(["thread_id", *BUSINESS_COLUMNS])
    rows = [{"thread_id": thread_id, **facts} for thread_id, facts in found.items() if facts]
    return pd.DataFrame(rows, columns=columns)


# ----------------------------------------------------------------------------------------- answers


def with_answers(f: Frames, answers: pd.DataFrame) -> Frames:
    """Return frames with the decisions, names and reasons of answers where the data has none.

    Of several answers to a question the last counts. Raises `UsageError` for a table that is none
    of answers.
    """
    log = read_answers(answers)
    questions = f.interrupts
    is_answered = questions["outcome"].eq("answered")
    is_open = questions["outcome"].eq("pending")
    n_open = _question_of(log, questions[is_open]).nunique()
    log = log.assign(question=_question_of(log, questions[is_answered]))
    last = log.dropna(subset="question").drop_duplicates("question", keep="last")
    last = last.set_index("question").reindex(questions.index)
    filled = {name: questions[name].fillna(last[name]) for name in FILLED}
    reason = f"{plural(n_open, 'question')} answered, but still open in the data"
    return replace(
        f,
        interrupts=cast(questions.assign(**filled), "interrupts"),
        source_missing=(*f.source_missing, reason) if n_open else f.source_missing,
    )


def read_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Check a table of answers, and return those that arrived.

    Decision and reason are read from the `answer` of a log. Raises `UsageError`.
    """
    check_kind("answers", answers, pd.DataFrame)
    has_ids = "run_id" in answers and {"step_id", "interrupt_id"} & {*answers}
    if not has_ids or not {"answer", *FILLED} & {*answers}:
        columns = shorten(", ".join(map(str, answers)), 200)
        raise UsageError(f"answers has the columns [{columns}]; {EXPECTED_ANSWERS}")
    log = answers.reset_index(drop=True).reindex(columns=[*ANSWER_TEXTS]).astype("str")
    values = log["answer"].map(_answer_in)
    log["decision"] = log["decision"].fillna(values.map(decision_of).astype("str"))
    log["reason"] = log["reason"].fillna(values.map(note_of).astype("str"))
    return log[log["delivery"].fillna(CONFIRMED).eq(CONFIRMED)]


def _answer_in(answer: object) -> Json:
    """Return an answer from its JSON; an empty one from other text."""
    try:
        value = json.loads(str(answer))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _question_of(log: pd.DataFrame, questions: pd.DataFrame) -> pd.Series[Any]:
    """Return the label of the question of each answer: of its step, else of its interrupt id."""
    by_step, by_interrupt = (_look_up(log, questions, name) for name in ANSWER_IDS[1:])
    return by_step.fillna(by_interrupt.where(log["step_id"].isna()))


def _look_up(log: pd.DataFrame, questions: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return the label of the only question with the run and the id of each answer, else null."""
    key = ["run_id", name]
    known = questions.loc[questions[name].notna(), key].drop_duplicates(keep=False)
    known = known.rename_axis("question").reset_index()
    labels: pd.Series[Any] = log[key].merge(known, "left", key)["question"]
    return labels
