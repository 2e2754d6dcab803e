"""`frames()`: anything that holds runs becomes six DataFrames that join on ids."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
import pyarrow as pa

from runkit import files
from runkit.contract import full_id
from runkit.errors import DataError, UsageError
from runkit.progress import Bar
from runkit.tables.answers import with_answers
from runkit.tables.assemble import assemble
from runkit.tables.batch import Bite, Vocabularies, take_bite
from runkit.tables.build import Batch, build
from runkit.tables.columns import vocabularies
from runkit.tables.layout import micros
from runkit.tables.problems import Problems, numbers
from runkit.tables.schema import SCHEMA, cast, empty
from runkit.tables.sources import Record, records_of
from runkit.text import (
    Markup,
    block,
    brief,
    counted,
    html_table,
    one_line,
    plural,
    run_label,
    run_sentence,
    shorten,
    visible,
)

# JSON text that becomes columns at once: few enough that its objects (five times as many bytes) stay in the
# processor's cache, enough that numpy's and Arrow's calls cost little. Half or twice as much is slower.
BITE_BYTES = 1_600_000
BITE_RUNS = 800
STEP_BYTES = 500  # of a step, where the length of the text is not known
# Steps (and runs) in a batch: enough that numpy's and Arrow's overhead per call is small.
BATCH_STEPS = 16_384
PROGRESS_AFTER_S = 2.0
SHOWN_PROBLEMS = 5
SHOWN_RUNS = 3
COVERAGE_FILE = "coverage.json"


class Coverage(NamedTuple):
    """How whole the frames are. `why` says what cut the source short, None if nothing did."""

    seen: int
    kept: int
    refused: int
    why: str | None = None


@dataclass(frozen=True, repr=False)
class Frames:
    """Six linked DataFrames; `runkit.tables.schema` lists their columns.

    `version` is that of the archive that the runs were read from, None if they were not. `reads` says of each
    run when, and from which host, it was read; `read_at` and `read_from` sum it up.
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
    def read_from(self) -> tuple[str, ...]:
        """The hosts that the runs were read from, as far as this is known."""
        return () if self.reads is None else tuple(sorted(self.reads["read_from"].dropna().unique()))

    @property
    def read_at(self) -> tuple[datetime, datetime] | None:
        """When the first and the last of the runs were read, by the server's clock; None if not known."""
        times = pd.Series(dtype="object") if self.reads is None else self.reads["read_at"].dropna()
        return (times.min().to_pydatetime(), times.max().to_pydatetime()) if len(times) else None

    @property
    def is_complete(self) -> bool:
        """Whether all that was asked for is here; an older copy of a run that is here is no loss."""
        n_older = int(numbers(self.problems)[self.problems["problem"] == "duplicate_run"].sum())
        return self.coverage.refused <= n_older and self.coverage.why is None

    def select(self, run_ids: str | Iterable[str]) -> Frames:
        """Cut all six frames to some runs.

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
            For an id that is not here, and for the first characters of several ids.
        """
        if not isinstance(run_ids, str | Iterable):
            raise UsageError(f"run_ids={brief(run_ids)}; expected the id of a run, or several.")
        wanted = [run_ids] if isinstance(run_ids, str) else list(run_ids)
        known = set(self.runs["run_id"])
        found = [full_id(one, known) if isinstance(one, str) else None for one in wanted]
        missing = [one for one, run_id in zip(wanted, found, strict=True) if run_id is None]
        if missing:
            named = ", ".join(map(brief, missing[:5]))
            raise UsageError(
                f"{plural(len(missing), 'run id')} not in these frames: {named}; "
                f"expected ids out of runs['run_id'] ({plural(len(self.runs), 'run')})."
            )
        cut = {name: df[df["run_id"].isin(found)].reset_index(drop=True) for name, df in self.items()}
        n = len(cut["runs"])
        reads = None if self.reads is None else self.reads[self.reads["run_id"].isin(wanted)]
        coverage = Coverage(n, n, 0, self.coverage.why)
        return Frames(**cut, coverage=coverage, version=self.version, reads=reads)

    def items(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Iterate over (name, DataFrame)."""
        return ((name, getattr(self, name)) for name in SCHEMA)

    def save(self, directory: str | Path) -> Path:
        """Write the six frames as Parquet files; `runkit.read` reads them, and pandas each by itself.

        Each file is replaced as a whole and readable by its owner only, as is the folder if it is new.

        Parameters
        ----------
        directory
            A folder, which is made if need be; `~` is the user's home.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        UsageError
            For the name of a file, and a folder that cannot be written.
        """
        folder = files.folder_at(directory)
        reads = empty("reads") if self.reads is None else self.reads
        for name, df in (*self.items(), ("reads", reads)):
            with files.replacing(folder / f"{name}.parquet") as part:
                df.to_parquet(part, index=False)
        with files.replacing(folder / COVERAGE_FILE) as part:
            part.write_text(json.dumps(self.coverage._asdict() | {"version": self.version}))
        return folder

    def sentences(self, most: int = SHOWN_RUNS) -> list[str]:
        """One sentence for each of the first runs, `most` of them, saying where its time went."""
        return [sentence(row) for _, row in self.runs.head(most).iterrows()]

    def summary(self) -> list[str]:
        """What the frames hold, in a few lines."""
        runs = self.runs
        counts = [plural(len(runs), "run")]
        by_status = runs["status"].value_counts()
        counts += counted({str(word): int(n) for word, n in by_status[by_status > 0].items()})
        lines = [counts[0] + (f" ({', '.join(counts[1:])})" if len(counts) > 1 else "")]
        lines += [
            f"{plural(len(self.steps), 'step')}, {plural(len(self.artifacts), 'artifact')} on "
            f"{plural(len(self.sources), 'source')}, {plural(len(self.interrupts), 'question')} "
            f"({int(runs['n_pending'].sum())} waiting)"
        ]
        if len(runs):
            first, last = runs["created_at"].min(), runs["created_at"].max()
            lines.append(f"created {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC")
        lines.append(self._wholeness())
        return lines

    def _wholeness(self) -> str:
        parts = []
        if self.coverage.refused:
            records = plural(self.coverage.seen, "record")
            parts.append(f"{self.coverage.refused} of {records} refused")
        if self.coverage.why:
            parts.append(f"not complete: {one_line(self.coverage.why)}")
        if len(self.problems):
            n_problems = numbers(self.problems)
            by_kind = (
                n_problems.groupby(self.problems["problem"].astype("str")).sum().sort_values(ascending=False)
            )
            kinds = ", ".join(f"{n:,} {one_line(str(word))}" for word, n in by_kind.items())
            parts.append(f"{plural(int(n_problems.sum()), 'problem')} ({kinds})")
        parts = parts or ["complete, no problems"]
        if self.version is not None:
            parts.append(f"version {self.version} of the archive")
        return "; ".join(parts)

    def __repr__(self) -> str:
        lines = [*self.summary(), *self.sentences()]
        if len(self.runs) > SHOWN_RUNS:
            lines.append(f"… and {plural(len(self.runs) - SHOWN_RUNS, 'more run')} in .runs")
        return visible("\n".join(["Frames: " + lines[0], *("  " + line for line in lines[1:])]))

    def _repr_html_(self) -> str:
        shapes = [
            (name, f"{len(df):,}", shorten(", ".join(map(str, df.columns)), 100)) for name, df in self.items()
        ]
        paragraphs = Markup("").join(
            Markup("<p>{}</p>").format(line) for line in [*self.summary(), *self.sentences()]
        )
        return block(paragraphs, html_table(("frame", "rows", "columns"), shapes))


def sentence(row: pd.Series[Any]) -> str:
    """Say a row of the runs frame in one sentence."""
    return run_sentence(
        run_label(row["run_id"], row["business_name"], row["agent_name"]),
        status=row["status"],
        duration_s=row["duration_s"],
        budget=(row["working_s"], row["waiting_s"], row["idle_s"]) if row["has_steps"] else None,
        n_steps=row["n_steps"],
        n_errors=row["n_errors"],
        n_pending=row["n_pending"],
    )


def frames(
    source: object,
    *,
    on_error: Literal["collect", "raise"] = "collect",
    as_of: datetime | str | None = None,
    answers: pd.DataFrame | None = None,
    progress: bool = True,
) -> Frames:
    """Turn runs into six linked, typed DataFrames: runs, steps, artifacts, sources, interrupts, problems.

    Parameters
    ----------
    source
        A `Run`, an iterable of runs, a `RunList`, parsed JSON, JSON or NDJSON bytes, a path or several
        (`.json`, `.ndjson`, `.jsonl`, each also `.gz`), an `Archive`, or any object with a `runs()` iterator.
        `Frames` come back as they are, but for `answers`.
    on_error
        "collect" keeps what is usable and says the rest in `.problems`. "raise" raises one `DataError`, which
        carries that frame, if any record was refused or any value could not be read.
    as_of
        The moment at which open runs and steps are measured: an aware datetime, an ISO 8601 string, or "now"
        (the server's clock where the source knows one, else this machine's). Without it, each run is measured
        when it was read, else at its own newest time.
    answers
        `runkit.answer_log()`, or some of its rows. Fills `decision` and, where the API names nobody,
        `answered_by` in the interrupts frame. Without it, the frames are the same on every machine.
    progress
        Count the runs when it takes longer than 2 seconds; nothing of it is left.

    Returns
    -------
    Frames
        With all columns and dtypes, also where there are no rows.

    Raises
    ------
    UsageError
        For a source that cannot hold runs, a file that is not there, and an argument that cannot be used.
    DataError
        With `on_error="raise"`.
    """
    if isinstance(source, Frames):
        return source if answers is None else _with_answers(source, answers)
    if on_error not in ("collect", "raise"):
        raise UsageError.one_of("on_error", on_error, ["collect", "raise"])
    source = getattr(source, "pinned", source)  # an archive as it is now, whatever is written meanwhile
    words = vocabularies()
    problems = Problems()
    moment = _moment(as_of, source)
    bar = Bar(desc="reading", unit=" runs", delay=PROGRESS_AFTER_S, disable=not progress)
    with no_garbage_collection(), bar:
        batches = list(_batches(records_of(source), moment, words, problems, bar))
    why = getattr(source, "why", None)
    if why is not None:
        problems.add(None, "source", "truncated", f"the source is not complete: {why}")
    seen = sum(batch.n_seen for batch in batches)
    dataframes = assemble(batches, words, problems)
    kept = len(dataframes["runs"])
    coverage = Coverage(seen, kept, seen - kept, why)
    result = Frames(**dataframes, coverage=coverage, version=getattr(source, "version", None))
    if on_error == "raise" and (result.problems["severity"] == "error").any():
        shown = result.problems.head(SHOWN_PROBLEMS).drop(columns=["step_id", "severity"])
        n_problems = plural(int(numbers(result.problems).sum()), "problem")
        raise DataError(
            f"{n_problems} in the data; expected runs as the API documents them. "
            f"The first:\n{shown.to_string(index=False)}\n"
            'Use on_error="collect" to keep what is usable.',
            result.problems,
        )
    return result if answers is None else _with_answers(result, answers)


def _with_answers(f: Frames, answers: pd.DataFrame) -> Frames:
    return replace(f, interrupts=with_answers(f.interrupts, f.runs, answers))


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Pause the cyclic collector: JSON holds no cycles, and to look for some takes as long as the parsing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _moment(as_of: datetime | str | None, source: object) -> int | None:
    if as_of is None:
        return None
    if as_of == "now":
        clock = getattr(source, "now", None)
        return micros(clock() if callable(clock) else datetime.now(UTC))
    try:
        return micros(as_of)
    except ValueError as error:
        raise UsageError(
            f'as_of: {error}; expected an aware datetime, an ISO 8601 string or "now".'
        ) from None


def _batches(
    records: Iterable[Record],
    as_of: int | None,
    words: Vocabularies,
    problems: Problems,
    bar: Bar,
) -> Iterator[Batch]:
    batch: list[Bite] = []
    size = 0
    for bitten in _gathered(records):
        bite = take_bite(bitten, as_of, words, problems)
        bar.update(len(bitten))
        batch.append(bite)
        size += len(bite.chunks["steps"]["run"]) + len(bitten)
        bitten.clear()  # before the next are parsed
        if size >= BATCH_STEPS:
            yield build(batch)
            batch, size = [], 0
    if batch:
        yield build(batch)


def _gathered(records: Iterable[Record]) -> Iterator[list[Record]]:
    gathered: list[Record] = []
    size = 0
    for record in records:
        gathered.append(record)
        size += record.n_bytes or _size(record.raw)
        if size >= BITE_BYTES or len(gathered) >= BITE_RUNS:
            yield gathered
            gathered, size = [], 0
    if gathered:
        yield gathered


def _size(raw: object) -> int:
    """A cheap guess at the bytes of JSON, by the number of steps on the top two levels."""
    steps = raw.get("steps") if isinstance(raw, dict) else None
    if not isinstance(steps, list):
        return STEP_BYTES
    inner = (step.get("steps") for step in steps if isinstance(step, dict))
    return STEP_BYTES * (len(steps) + sum(len(kids) for kids in inner if isinstance(kids, list)))


def read(directory: str | Path) -> Frames:
    """Read frames that `Frames.save` wrote, also with an older version.

    Parameters
    ----------
    directory
        The folder that `Frames.save` returned; `~` is the user's home.

    Returns
    -------
    Frames
        Equal to those that were saved; a column that the older version did not write is empty.

    Raises
    ------
    UsageError
        For a folder without saved frames; names the files that are missing.
    DataError
        For a file that is damaged; names it.
    """
    folder = files.usable(directory)
    missing = [name for name in SCHEMA if not (folder / f"{name}.parquet").is_file()]
    if missing:
        raise UsageError(
            f"{folder} holds no saved frames: {', '.join(f'{name}.parquet' for name in missing)} not found; "
            "expected a directory written by Frames.save()."
        )
    loaded = {name: _read_frame(folder / f"{name}.parquet", name) for name in SCHEMA}
    reads = folder / "reads.parquet"  # not written by version 0.1
    coverage, version = _read_coverage(folder / COVERAGE_FILE, len(loaded["runs"]))
    return Frames(
        **loaded,
        coverage=coverage,
        version=version,
        reads=_read_frame(reads, "reads") if reads.is_file() else None,
    )


def _read_frame(path: Path, name: str) -> pd.DataFrame:
    try:
        return cast(pd.read_parquet(path), name)
    except (OSError, OverflowError, TypeError, ValueError, pa.ArrowException) as error:
        raise _damaged(path, f"the frame {name}", error) from None


def _read_coverage(path: Path, n_runs: int) -> tuple[Coverage, int | None]:
    """How whole the saved frames are, and the version of the archive that they came from."""
    if not path.is_file():
        return Coverage(n_runs, n_runs, 0), None
    try:
        noted = json.loads(path.read_bytes())
        seen, kept, refused = (int(noted[name]) for name in ("seen", "kept", "refused"))
        why, version = noted["why"], noted.get("version")
        if not isinstance(why, str | None) or not isinstance(version, int | None):
            raise TypeError("why is not text, or version not a number")
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, "what frames cover", error) from None
    return Coverage(seen, kept, refused, why), version


def _damaged(path: Path, what: str, error: Exception) -> DataError:
    return DataError(
        f"{path} cannot be read as {what} ({type(error).__name__}: {shorten(str(error), 200)}); "
        "expected a file that Frames.save() wrote. Save the frames again, or bring it back from a copy."
    )
