"""`frames()`: turn any source of runs into six DataFrames that join on ids."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pydantic
from pydantic import NonNegativeInt

from runkit import files, text
from runkit.arguments import Moment, Words, checked, full_id, read_moment
from runkit.errors import DataError, UsageError
from runkit.html_tables import df_to_html, with_labels
from runkit.models import Run
from runkit.progress import Bar
from runkit.style import status
from runkit.tables.answers import with_answers
from runkit.tables.build import tables
from runkit.tables.columns import cast, empty, micros
from runkit.tables.facts import unmeasured_waits
from runkit.tables.flatten import read as read_runs
from runkit.tables.problems import Problems, problem_words
from runkit.tables.schema import SCHEMA, schema_frame
from runkit.tables.sources import Record, records_of
from runkit.text import Markup, block, brief, plural, shorten, visible

# JSON text per batch: large enough that the 400 calls to numpy and Arrow cost little, small enough that its
# objects (five times as many bytes) do not count beside the frames.
BATCH_BYTES = 4_000_000
BATCH_RUNS = 2_000
SHOWN_PROBLEMS = 5
SHOWN_RUNS = 3
MAX_WORDS, MAX_WORD = 8, 40  # different statuses in a sentence, and characters of each
SHOWN_COLUMNS = ["run_id", "business_name", "status", "agent_name", "confidence", "created_at"]
COVERAGE_FILE = "coverage.json"
PARTS = ("steps", "artifacts", "sources", "interrupts")  # their rows are in order of the runs


class Coverage(NamedTuple):
    """How complete the frames are. `why` is the reason why the source was cut short, None if it was not."""

    seen: int
    kept: int
    refused: int
    why: str | None = None


class _Saved(pydantic.BaseModel):
    seen: int
    kept: int
    refused: int
    why: str | None
    version: int | None = None  # not written by version 0.1


@dataclass(frozen=True, repr=False)
class Frames:
    """Six linked DataFrames, which join on `run_id`, `step_id` and `artifact_no`; `schema` explains columns.

    | frame | one row per |
    | --- | --- |
    | `runs` | run: how long it took, and how much of that was working, waiting for a reviewer, idle |
    | `steps` | step, in tree order: what took the time, and how steps are nested |
    | `artifacts` | finding, proposal or delivered artifact |
    | `sources` | source of an artifact |
    | `interrupts` | question to a reviewer: what is waiting, since when, and the outcome |
    | `problems` | problem in the data: what was refused, repaired or unusual, and where |

    At each moment a run is waiting if a question to a reviewer is open, otherwise working if a step without
    children is open, otherwise idle. Durations are seconds and end in `_s`; times are UTC. `coverage` says
    how many records were seen, kept and refused. A CSV file has no types, so that a spreadsheet may run text
    as a formula; `to_excel` keeps text as text.

    `version` is the version of the archive that the runs were read from, else None. `reads` has the time and
    host of each run's read; `read_at` and `read_from` summarize them.
    """

    runs: pd.DataFrame
    steps: pd.DataFrame
    artifacts: pd.DataFrame
    sources: pd.DataFrame
    interrupts: pd.DataFrame
    problems: pd.DataFrame
    coverage: Coverage
    version: int | None = None
    reads: pd.DataFrame | None = None

    @property
    def schema(self) -> pd.DataFrame:
        """All columns of the six frames, one row each: frame, column, dtype, unit, meaning."""
        return schema_frame()

    @property
    def read_from(self) -> tuple[str, ...]:
        """The hosts that the runs were read from, if known."""
        return () if self.reads is None else tuple(sorted(self.reads["read_from"].dropna().unique()))

    @property
    def read_at(self) -> tuple[datetime, datetime] | None:
        """When the first and the last of the runs were read, by the server's clock; None if not known."""
        if self.reads is None or self.reads["read_at"].isna().all():
            return None
        times = self.reads["read_at"]
        return times.min().to_pydatetime(), times.max().to_pydatetime()

    @property
    def is_complete(self) -> bool:
        """Whether everything requested is here; a refused older copy of a run does not count."""
        if self.coverage.why is not None or not self.coverage.refused:
            return self.coverage.why is None
        is_older = self.problems["problem"] == "duplicate_run"
        return self.coverage.refused <= self.problems.loc[is_older, "n"].sum()

    @checked
    def select(self, run_ids: Words) -> Frames:
        """Select some runs in all six frames.

        Parameters
        ----------
        run_ids
            The id of a run, or several; the first 8 characters of one are enough where they are unique.

        Returns
        -------
        Frames
            The rows of these runs, in the order of these frames.

        Raises
        ------
        UsageError
            For an unknown id, and for a prefix of several ids.
        """
        names = [run_ids] if isinstance(run_ids, str) else run_ids
        ids = full_ids(names, self.runs["run_id"], "these frames")

        def rows_of(df: pd.DataFrame) -> pd.DataFrame:
            return df[df["run_id"].isin(ids)].reset_index(drop=True)

        selected = {name: rows_of(df) for name, df in self.items()}
        reads = None if self.reads is None else rows_of(self.reads)
        n = len(selected["runs"])
        coverage = Coverage(seen=n, kept=n, refused=0, why=self.coverage.why)
        return Frames(**selected, coverage=coverage, version=self.version, reads=reads)

    def items(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Iterate over (name, DataFrame)."""
        return ((name, getattr(self, name)) for name in SCHEMA)

    @checked
    def save(self, directory: str | Path) -> Path:
        """Write the six frames as Parquet files, for `runkit.read` or `pandas.read_parquet`.

        Each file is replaced atomically. The files and a new folder are readable by their owner only.

        Parameters
        ----------
        directory
            A folder, created if needed; `~` is the user's home.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        UsageError
            For a path that is a file, and for a folder that cannot be written.
        """
        folder = files.folder_at(directory)
        reads = empty("reads") if self.reads is None else self.reads
        coverage = self.coverage._asdict() | {"version": self.version}
        for name, df in (*self.items(), ("reads", reads)):
            with files.replacing(folder / f"{name}.parquet") as part:
                df.to_parquet(part, index=False)
        with files.replacing(folder / COVERAGE_FILE) as part:
            part.write_text(json.dumps(coverage))
        return folder

    @checked
    def to_excel(self, path: str | Path) -> Path:
        """Write the six frames as sheets of an Excel workbook; text stays text, also if it starts with `=`.

        Times are in UTC without a zone. A text longer than a cell (32,767 characters) ends in its length. The
        file is readable by its owner only.

        Parameters
        ----------
        path
            The file to write, such as `frames.xlsx`; `~` is the user's home.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        UsageError
            For a path that cannot be written, and a frame with more than 1,048,575 rows.
        MissingExtra
            Without the extra `[excel]`.
        """
        from runkit.tables.excel import write_workbook

        return write_workbook(dict(self.items()), path)

    @checked
    def sentences(self, most: NonNegativeInt = SHOWN_RUNS) -> list[str]:
        """Summarize the first `most` runs in one line each: status, time budget, counts."""
        runs = self.runs.assign(waits_since=unmeasured_waits(self)).head(most)
        return [_summarize_run(row) for _, row in runs.iterrows()]

    def summary(self) -> list[str]:
        """Summarize the frames in a few lines: counts, time range, completeness."""
        runs = self.runs
        lines = [
            plural(len(runs), "run") + (f" ({status_counts(runs)})" if len(runs) else ""),
            f"{plural(len(self.steps), 'step')}, {plural(len(self.artifacts), 'artifact')}, "
            f"{plural(len(self.sources), 'source')}, {plural(len(self.interrupts), 'question')} "
            f"({int(runs['n_pending'].sum())} waiting)",
        ]
        if len(runs):
            first, last = runs["created_at"].min(), runs["created_at"].max()
            lines.append(f"created {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC")
        n_undated = 0 if self.reads is None else int(self.reads["is_undated"].sum())
        if n_undated:
            runs_have = f"{plural(n_undated, 'open run')} {'has' if n_undated == 1 else 'have'}"
            lines.append(f'{runs_have} no time of reading; pass as_of="now" or a time')
        lines.append(self._completeness())
        return lines

    def _completeness(self) -> str:
        parts = []
        if self.coverage.refused:
            records = plural(self.coverage.seen, "record")
            parts.append(f"{self.coverage.refused} of {records} refused")
        if self.coverage.why:
            parts.append(f"not complete: {shorten(self.coverage.why, 1_000)}")
        if len(self.problems):
            n_problems = int(self.problems["n"].sum())
            parts.append(f"{plural(n_problems, 'problem')} ({problem_words(self.problems)})")
        if not parts:
            parts.append("complete, no problems")
        if self.version is not None:
            parts.append(f"archive version {self.version}")
        return "; ".join(parts)

    def __repr__(self) -> str:
        lines = [*self.summary(), *self.sentences()]
        if len(self.runs) > SHOWN_RUNS:
            lines.append(f"… and {plural(len(self.runs) - SHOWN_RUNS, 'more run')} in .runs")
        return visible("\n".join(["Frames: " + lines[0], *("  " + line for line in lines[1:])]))

    def _repr_html_(self) -> str:
        head = Markup("<p>{}</p>").format(" · ".join(self.summary()))
        is_finding = ~self.artifacts["is_repeat"] & self.artifacts["origin"].ne("output")
        n_by_run = self.artifacts[is_finding].groupby("run_id").size()
        n_findings = self.runs["run_id"].map(n_by_run).fillna(0).where(self.runs["has_steps"])
        agent = self.runs["agent_name"].fillna(self.runs["agent"])
        table = self.runs[SHOWN_COLUMNS].assign(agent=agent, n_findings=n_findings)
        waiting_s = self.runs["waiting_s"].mask(unmeasured_waits(self).notna())
        table = table.assign(working_s=self.runs["working_s"], waiting_s=waiting_s)
        return block(head, df_to_html(with_labels(table)) if len(table) else Markup(""))


def full_ids(names: Iterable[object], known: Iterable[str], place: str) -> frozenset[str]:
    """Give full ids for ids or unique prefixes. Raises `UsageError` if one is unknown or ambiguous."""
    known = set(known)
    ids: set[str] = set()
    missing = []
    for name in names:
        run_id = full_id(name, known) if isinstance(name, str) else None
        if run_id is None:
            missing.append(brief(name))
        else:
            ids.add(run_id)
    if missing:
        raise UsageError(
            f"{plural(len(missing), 'run id')} not in {place}: {', '.join(missing[:5])}; expected ids of its "
            f"{plural(len(known), 'run')}, or at least the first 8 characters of one."
        )
    return frozenset(ids)


def status_counts(runs: pd.DataFrame) -> str:
    """Count runs by status, "3 completed, 1 failed", at most `MAX_WORDS` statuses."""
    statuses = runs["status"].astype("str").map(lambda word: status(word).word.lower())
    n_of = statuses.value_counts()
    counts = [f"{n:,} {shorten(str(word), MAX_WORD)}" for word, n in n_of.head(MAX_WORDS).items()]
    if n_others := n_of.iloc[MAX_WORDS:].sum():
        counts.append(f"{n_others:,} of {plural(len(n_of) - MAX_WORDS, 'other kind')}")
    return ", ".join(counts)


def _summarize_run(row: pd.Series[Any]) -> str:
    """Summarize a row of the runs frame in one sentence, which starts with the run's label.

    Its `waits_since` is that of `unmeasured_waits`.
    """
    head = text.run_label(row["run_id"], row["business_name"], row["agent_name"])
    if row["status"] != "completed":
        head += f" ({shorten(status(row['status']).word.lower(), MAX_WORD)})"
    took, has_steps = text.duration(row["duration_s"]), row["has_steps"]
    if pd.isna(row["duration_s"]):
        time = "not started"
    elif has_steps:
        time = f"{took} = {text.budget_words(row['working_s'], row['waiting_s'], row['idle_s'])}"
    else:
        time = f"{took}; no time budget, because the steps were not delivered"
    counts = [plural(row["n_steps"], "step")] if has_steps or row["n_steps"] else []
    counts += [plural(row["n_errors"], "error")] if row["n_errors"] else []
    since = f" since {text.day(row['waits_since'])}" if pd.notna(row["waits_since"]) else ""
    counts += [f"{plural(row['n_pending'], 'question')} waiting{since}"] if row["n_pending"] else []
    return f"{head}: {time}" + (f"; {', '.join(counts)}" if counts else "")


@checked
def frames(
    source: object,
    *,
    on_error: Literal["collect", "raise"] = "collect",
    as_of: Moment | None = None,
    answers: pd.DataFrame | None = None,
    progress: bool = True,
) -> Frames:
    """Turn runs into six linked, typed DataFrames: runs, steps, artifacts, sources, interrupts, problems.

    Parameters
    ----------
    source
        A `Run`, an iterable of runs, a `RunList`, parsed JSON, JSON or NDJSON bytes, a path or several
        (`.json`, `.ndjson`, `.jsonl`, each also `.gz`), an `Archive`, or any object with a `runs()` iterator.
        `Frames` are returned unchanged, except for `answers`.
    on_error
        "collect" keeps the valid data and lists the rest in `.problems`. "raise" raises one `DataError` with
        that frame, if any record was refused or any value could not be read.
    as_of
        The time up to which open runs and steps are measured: a datetime, a date, ISO 8601, `7d`, `12h`,
        `yesterday`, `today` or `now` (by the server's clock if the source has one, else this machine's). It
        is in UTC if it has no offset. By default, each run is measured up to the time when it was read, else
        up to its own newest time.
    answers
        `runkit.answer_log()`, or some of its rows. Fills `decision` and, where the API names nobody,
        `answered_by` in the interrupts frame. Without it, the frames are the same on every machine.
    progress
        Show a progress bar after 2 seconds; it is removed at the end.

    Returns
    -------
    Frames
        With all columns and dtypes, also without rows.

    Raises
    ------
    UsageError
        For a source that cannot hold runs, a missing file, and an invalid argument.
    DataError
        With `on_error="raise"`.
    """
    if isinstance(source, Frames):
        return source if answers is None else _with_answers(source, answers)
    if isinstance(source, Run):
        # its unknown fields are attributes, and may be named as those below
        source = source.to_dict()
    # one version of an archive, even if others write to it
    source = getattr(source, "pinned", source)
    problems = Problems()
    end = read_moment("as_of", as_of, getattr(source, "now", None))
    moment = None if end is None else micros(end)
    seen, batches = 0, []
    with gc_paused(), Bar(desc="reading", unit=" runs", disable=not progress) as bar:
        for records in _in_batches(records_of(source)):
            batches.append(tables(read_runs(records, problems), moment))
            bar.update(len(records))
            seen += len(records)
            records.clear()  # free the JSON before the next batch is parsed
    why = getattr(source, "why", None)
    if why is not None:
        problems.note(Record(None, "source"), "truncated", f"the source is incomplete: {why}")
    dataframes = _assemble(batches or [tables(read_runs([], problems), moment)], problems)
    n_runs = len(dataframes["runs"])
    coverage = Coverage(seen, n_runs, seen - n_runs, why)
    result = Frames(**dataframes, coverage=coverage, version=getattr(source, "version", None))
    if on_error == "raise" and (result.problems["severity"] == "error").any():
        raise _data_error(result.problems)
    return result if answers is None else _with_answers(result, answers)


def _data_error(problems: pd.DataFrame) -> DataError:
    first = problems.head(SHOWN_PROBLEMS).drop(columns=["step_id", "severity"])
    n_problems = plural(int(problems["n"].sum()), "problem")
    return DataError(
        f"{n_problems} in the data; expected runs as the API documents them. "
        f"The first:\n{first.to_string(index=False)}\n"
        'Use on_error="collect" to keep the valid data.',
        problems,
    )


def _with_answers(f: Frames, answers: pd.DataFrame) -> Frames:
    return replace(f, interrupts=with_answers(f.interrupts, f.runs, answers))


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector while JSON is read.

    JSON has no cycles, so it finds nothing, and looking takes 27% to 33% of the time of `frames`, measured
    with 36,000 rich and plain steps.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _in_batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += record.n_bytes
        if size >= BATCH_BYTES or len(batch) >= BATCH_RUNS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _assemble(batches: list[dict[str, pa.Table]], problems: Problems) -> dict[str, pd.DataFrame]:
    """Join the batches, without runs that have a newer record of the same id.

    The batches are emptied on the way, so that memory holds only one frame twice.
    """
    names = list(batches[0])
    joined = {name: pa.concat_tables(batch.pop(name) for batch in batches) for name in names}
    columns = ["run_id", "updated_at", "has_steps", "location"]
    runs = joined["runs"].select(columns).append_column("read_at", joined["reads"]["read_at"]).to_pandas()
    newest = newest_copies(runs)
    is_kept = runs.index.isin(newest.index)
    if not is_kept.all():
        newest_at = newest.set_index("run_id")["location"]
        for run_id, location in runs.loc[~is_kept, ["run_id", "location"]].itertuples(index=False):
            detail = f"replaced by the record at {newest_at[run_id]}, which is newer, whole or later"
            problems.refuse(Record({"id": run_id}, location), "duplicate_run", detail)
        n_rows = {name: joined["runs"][f"n_{name}"] for name in PARTS}
        for name in names:
            is_of_kept_run = np.repeat(is_kept, n_rows.get(name, 1))
            joined[name] = joined[name].filter(pa.array(is_of_kept_run))
    dataframes = {name: cast(joined.pop(name).to_pandas(split_blocks=True), name) for name in names}
    return dataframes | {"problems": problems_frame(problems)}


def newest_copies(copies: pd.DataFrame) -> pd.DataFrame:
    """Keep the newest copy of each run: the latest `updated_at`; at a tie one with steps, then the later.

    The later is the one that was read last, else the one in the later row.
    """
    ranked = copies.sort_values(["updated_at", "has_steps", "read_at"], na_position="first", kind="stable")
    return ranked.drop_duplicates("run_id", keep="last")


def problems_frame(problems: Problems) -> pd.DataFrame:
    """Make the problems frame."""
    columns = [column.name for column in SCHEMA["problems"]]
    return cast(pd.DataFrame(problems.rows, columns=columns), "problems")


@checked
def read(directory: str | Path) -> Frames:
    """Read frames written by `Frames.save`, also by an older version of runkit.

    Parameters
    ----------
    directory
        The folder that `Frames.save` returned; `~` is the user's home.

    Returns
    -------
    Frames
        Equal to the saved frames; columns that an older version did not write are empty.

    Raises
    ------
    UsageError
        For a folder without saved frames; names the missing files.
    DataError
        For a damaged file; names it.
    """
    folder = files.usable(directory)
    expected = [*(f"{name}.parquet" for name in SCHEMA), COVERAGE_FILE]
    if missing := [name for name in expected if not (folder / name).is_file()]:
        raise UsageError(
            f"{folder} has no saved frames: {', '.join(missing)} not found; expected a directory written by "
            "Frames.save()."
        )
    dataframes = {name: _read_frame(folder / f"{name}.parquet", name) for name in SCHEMA}
    reads = folder / "reads.parquet"  # not written by version 0.1
    file = folder / COVERAGE_FILE
    saved = _read_file(file, "the coverage", lambda: _Saved.model_validate_json(file.read_bytes()))
    return Frames(
        **dataframes,
        coverage=Coverage(saved.seen, saved.kept, saved.refused, saved.why),
        version=saved.version,
        reads=_read_frame(reads, "reads") if reads.is_file() else None,
    )


def _read_frame(file: Path, name: str) -> pd.DataFrame:
    df: pd.DataFrame = _read_file(file, f"the frame {name}", lambda: cast(pd.read_parquet(file), name))
    return df


def _read_file(file: Path, what: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (OSError, OverflowError, TypeError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{file} cannot be read as {what} ({type(error).__name__}: {shorten(str(error), 200)}); expected "
            "a file written by Frames.save(). Save the frames again, or restore it from a backup."
        ) from None
