"""`frames()`: turn any source of runs into six DataFrames that join on ids."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from runkit.api.contract import BUSINESS_FIELDS
from runkit.api.models import Run
from runkit.api.validation import Note
from runkit.arguments import Moment, checked, read_moment
from runkit.display.progress import Bar
from runkit.display.text import plural
from runkit.errors import DataError, UsageError
from runkit.tables._business_names import with_businesses
from runkit.tables._saved import Tables, is_saved, read_saved
from runkit.tables.arrow_columns import cast
from runkit.tables.audit_trail import match, use_words, with_answers
from runkit.tables.build_columns import tables
from runkit.tables.flatten import Rows, flatten, read_runs
from runkit.tables.frames import Frames
from runkit.tables.problems import REFUSED, Problems
from runkit.tables.sources import (
    IN_MEMORY,
    Fetches,
    Record,
    Source,
    in_batches,
    local_path,
    record_of,
    records_of,
)

if TYPE_CHECKING:
    from runkit.client import Client

SHOWN_PROBLEMS = 5
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OWN_FIELDS = ("thread_id", *BUSINESS_FIELDS, "agent", "agent_name", "requester", "prompt")
PARTS = ("steps", "artifacts", "sources", "interrupts")  # their rows are in order of the runs


@checked
def frames(
    source: Source,
    *,
    on_error: Literal["collect", "raise"] = "collect",
    as_of: Moment | None = None,
    answers: pd.DataFrame | None = None,
    businesses: Client | pd.DataFrame | None = None,
    progress: bool = True,
) -> Frames:
    """Turn runs into six linked, typed DataFrames.

    They are runs, steps, artifacts, sources, interrupts and problems; see `help(runkit.Frames)`.

    Parameters
    ----------
    source
        Anything that holds runs. Objects: a `Run`, an iterable of runs, a `RunList`, or any object
        with a `runs()` iterator. Parsed JSON: a run, the body of a webhook event, or a list or list
        page of them. JSON as bytes, or an open file. Files: a path or several (`.json`, `.ndjson`,
        `.jsonl`, each also `.gz`), or a folder of such files, also in its subfolders, of
        `client.runs.fetch(into=)` or of `Frames.save`. In files and bytes, the content decides
        whether they are one document or one on each line.

        `Frames` are returned as they are, except for `answers` and `businesses`. A list of several
        `Frames` is combined. Of a run that is there several times, the newest copy is kept; thread,
        business, agent, requester and prompt that it lacks come from copies as new.
    on_error
        "collect" keeps the valid data and lists the rest in `.problems`. "raise" raises one
        `DataError` with that frame, if any record was refused or any value could not be read.
    as_of
        The time up to which open runs and steps are measured: a datetime, a date, ISO 8601, `7d`,
        `12h`, `yesterday`, `today` or `now` (by the server's clock if the source has one, else this
        machine's). It is in UTC if it has no offset. By default, each run is measured up to the
        time when it was read, else up to its own newest time.
    answers
        `runkit.answer_log()`, some of its rows, or those of several reviewers (`pd.concat`). Or a
        table of your own with `run_id`, `step_id` or `interrupt_id`, `decision` (approved, rejected
        or edited), `answered_by` and `answered_at`. Fills `decision` and `answered_by` in the
        interrupts frame where the data has none; the newest answer to a question counts. A
        question that is open in the data stays open. `f.answers`, which the frames print, counts
        all rows, also those that match no question. Without answers, the frames are the same on
        every machine.
    businesses
        The businesses of the runs, if the source does not know them. A `Client` looks for them by
        the threads of each business of its account, within its rate limit; runs without a
        `thread_id` stay unknown. Or a table with `run_id`, `thread_id` or `business_id`, and
        `business_name` (or `name`); rows that match no run are counted in `problems`.
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
    ApiError
        If a client cannot read the businesses.
    DataError
        If all records of files were refused, and with `on_error="raise"`. Its `problems` are the
        frame.
    """
    source = open_source(source)
    if not isinstance(source, Frames):
        f = _read(source, as_of, progress)
    elif as_of is None:
        f = source
    else:
        raise UsageError(
            "as_of cannot change Frames, which are measured already; pass it with the runs."
        )
    if on_error == "raise" and (f.problems["severity"] == "error").any():
        advice = 'Use on_error="collect" to keep the valid data.'
        raise _data_error(f.problems, "in the data", advice)
    if businesses is not None:
        f = with_businesses(f, businesses, progress)
    if answers is None:
        return f
    log = match(f, f.interrupts, answers)
    return replace(f, interrupts=with_answers(f.interrupts, log), answers=use_words(log))


def open_source(source: Source) -> Any:
    """Return `Frames` for a folder of `Frames.save` and for several `Frames`, else the source."""
    # A run comes first, as its unknown fields are attributes, which may be named like a source's.
    if isinstance(source, Run):
        return [record_of(source, "$")]
    if isinstance(source, str | Path):
        path = local_path(source)
        if not os.path.isdir(path):  # noqa: PTH112 - never raises
            return path
        if is_saved(path):
            dataframes, saved = read_saved(path)
            return Frames(**dataframes, **saved)
        return path
    if isinstance(source, list | tuple) and source and isinstance(source[0], str | Path | Frames):
        parts = [open_source(part) if isinstance(part, str | Path) else part for part in source]
        return _combined(parts) if any(isinstance(part, Frames) for part in parts) else parts
    return source


def _combined(parts: Sequence[Any]) -> Frames:
    """Return several `Frames` as one; of a run that several have, the newest copy is kept."""
    if not all(isinstance(part, Frames) for part in parts):
        raise UsageError(
            "source has Frames and others; expected only Frames: [f, runkit.frames(other)]."
        )
    dfs: Tables = {
        name: cast(pd.concat([getattr(part, name) for part in parts], ignore_index=True), name)
        for name in ("runs", "reads", *PARTS)
    }
    problems = Problems()
    locations: list[str] = []
    for number, part in enumerate(parts):
        run_of = {run_id: run for run, run_id in enumerate(part.runs["run_id"], len(locations))}
        for row in part.problems.to_dict("records"):
            is_of_run = row["problem"] not in REFUSED
            problems.rows.append(row | {"run": run_of.get(row["run_id"]) if is_of_run else None})
        locations += [f"source[{number}]"] * len(part.runs)
    dfs = _newest(dfs, locations, problems)
    missing = dict.fromkeys(reason for part in parts for reason in part.missing)
    return Frames(**dfs, problems=problems_frame(problems), missing=tuple(missing))


def _read(source: Any, as_of: Moment | None, progress: bool) -> Frames:
    """Read the runs of a source in batches.

    Raises `DataError` if all records of files are refused.
    """
    end = read_moment("as_of", as_of, lambda: getattr(source, "read_at", None) or datetime.now(UTC))
    moment = None if end is None else (end - EPOCH) // timedelta(microseconds=1)
    problems = Problems()
    fetches = Fetches()
    seen = n_valid = 0
    are_files = False
    pages: set[bool | None] = set()
    batches: list[dict[str, pa.Table]] = []
    kept: list[Record] = []  # without their JSON
    with gc_paused(), Bar(desc="reading", unit=" runs", progress=progress) as bar:
        for records in in_batches(records_of(source, fetches=fetches)):
            rows = read_runs(records)
            flatten(rows)
            batches.append(tables(rows, moment))
            problems.add(rows, first=len(kept))
            kept += [record._replace(raw=None) for record in rows.records]
            seen += len(records)
            n_valid += len(rows.records)
            bar.update(len(records))
            pages |= {record.has_more for record in records}
            are_files |= not records[0].location.startswith(IN_MEMORY)
            records.clear()  # free the JSON before the next batch is parsed
    missing = [*getattr(source, "missing", ()), *fetches.missing]
    if True in pages and False not in pages:
        missing.append("the list goes on after the pages given (has_more)")
    if n_valid < seen:
        missing.append(f"{seen - n_valid:,} of {plural(seen, 'record')} refused")
    batches = batches or [tables(Rows(), moment)]
    dataframes = _assemble(batches, kept, problems)
    if are_files and not n_valid:
        advice = "Nothing in it is a run."
        raise _data_error(dataframes["problems"], "in the data; all records were refused", advice)
    listed_at = getattr(source, "read_at", None) or fetches.read_at
    return Frames(**dataframes, missing=tuple(dict.fromkeys(missing)), listed_at=listed_at)


def _data_error(problems: pd.DataFrame, where: str, advice: str) -> DataError:
    first = problems.head(SHOWN_PROBLEMS).drop(columns=["step_id", "severity"])
    return DataError(
        f"{plural(int(problems['n'].sum()), 'problem')} {where}; expected runs as the API "
        f"documents them. The first:\n{first.to_string(index=False)}\n{advice}",
        problems,
    )


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector while JSON is read.

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


def _assemble(
    batches: list[dict[str, pa.Table]], records: Sequence[Record], problems: Problems
) -> Tables:
    """Return the frames of all batches, without runs that have a newer record of the same id.

    The batches are emptied on the way, so that memory holds only one frame twice.
    """
    dfs = {}
    for name in list(batches[0]):
        joined = pa.concat_tables(batch.pop(name) for batch in batches)
        dfs[name] = cast(joined.to_pandas(split_blocks=True), name)
    dfs["reads"] = _with_newest_times(dfs["reads"], dfs["runs"]["updated_at"], records)
    dfs = _newest(dfs, [record.location for record in records], problems)
    return dfs | {"problems": problems_frame(problems)}


def _with_newest_times(
    reads: pd.DataFrame, updated_at: pd.Series[Any], records: Sequence[Record]
) -> pd.DataFrame:
    """Return `reads` with the newest `updated_at` in the document of each run.

    One run proves nothing of another time. A document with two states of a run was not written at
    once. Times later than this machine's clock are wrong.
    """
    known = updated_at.where(updated_at <= datetime.now(UTC))
    documents = [record.document for record in records]
    document = pd.Series(documents, reads.index, dtype=object)
    by = reads.assign(newest_at=known).groupby(document, sort=False)
    n_rows = by["run_id"].transform("size")
    is_whole = (n_rows > 1) & by["run_id"].transform("nunique").eq(n_rows)
    has_lines = np.array([bool(each and each.has_lines) for each in documents], np.bool_)
    return reads.assign(
        newest_at=by["newest_at"].transform("max").where(is_whole), has_lines=is_whole & has_lines
    )


def _newest(dfs: Tables, locations: list[str], problems: Problems) -> Tables:
    """Return the frames without runs that have a newer copy; each run was read at its location.

    What a copy does not say of the run itself comes from others of the same state.
    """
    runs = dfs["runs"].assign(location=locations, read_at=dfs["reads"]["read_at"])
    newest = newest_copies(runs)
    is_kept = runs.index.isin(newest.index)
    if is_kept.all():
        return dfs
    own = dfs["runs"][[*OWN_FIELDS]]
    state = [runs["run_id"], runs["updated_at"]]
    dfs["runs"] = dfs["runs"].assign(**own.fillna(own.groupby(state).transform("first")))
    problems.drop({*np.flatnonzero(~is_kept).tolist()})
    newest_at = newest.set_index("run_id")["location"]
    for run_id, location in runs.loc[~is_kept, ["run_id", "location"]].itertuples(index=False):
        detail = f"replaced by the record at {newest_at[run_id]}, which is newer, whole or later"
        problems.add_row(Record({"id": run_id}, location), Note("duplicate_run", detail))

    n_rows = {name: runs[f"n_{name}"] for name in PARTS}
    return {
        name: df[np.repeat(is_kept, n_rows.get(name, 1))].reset_index(drop=True)
        for name, df in dfs.items()
    }


def newest_copies(copies: pd.DataFrame) -> pd.DataFrame:
    """Return the newest copy of each run, by `updated_at`.

    At a tie it is one with steps, then the one that was read last, then the one in the later row.
    """
    ranked = copies.sort_values(
        ["updated_at", "has_steps", "read_at"], na_position="first", kind="stable"
    )
    return ranked.drop_duplicates("run_id", keep="last")


def problems_frame(problems: Problems) -> pd.DataFrame:
    """Build the problems frame."""
    return cast(pd.DataFrame(problems.rows), "problems")
