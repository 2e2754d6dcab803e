"""`Frames`: six DataFrames that join on ids, also as an Excel workbook, where text stays text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from runkit.api.models import Run
from runkit.api.words import RUN_STATUSES
from runkit.arguments import checked, full_ids
from runkit.display.text import brief, day, moment, plural
from runkit.errors import MissingExtra, UsageError
from runkit.local import files
from runkit.tables.schema import FRAME_COLUMNS, schema_frame, write_saved

MAX_SHEET_ROWS = 1_048_575  # rows of a sheet, without its head
MAX_CELL_TEXT = 32_767  # characters of a cell
MAX_WIDTH = 400  # pixels of a column
TEXT_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
# where `as_of` comes from
GIVEN, READ, NEWEST, NOW = "given", "read", "newest time in the data", "now"
BY_NAME = (
    " What was refused is in f.problems. To select by name: "
    'f.select(f.runs["business_name"] == name).'
)


@dataclass(frozen=True, repr=False, eq=False)
class Frames:
    """Six linked DataFrames.

    They join on `run_id`, `step_id` and `artifact_no`; `schema` explains their columns.

    | frame | one row per |
    | --- | --- |
    | `runs` | run: how long it took, of that working, waiting for a reviewer, idle |
    | `steps` | step, in tree order: what took the time, and how steps are nested |
    | `artifacts` | finding, proposal or output |
    | `sources` | source of an artifact |
    | `interrupts` | question to a reviewer: what was proposed, and who decided what, when |
    | `problems` | problem in the data: what was refused, null or contradictory, and where |

    At each moment a run is waiting if a question to a person is open, else working if any other
    step is open, else idle. Durations are seconds and end in `_s`; times are UTC. Null is what
    nobody knows. A CSV file has no types, so that a spreadsheet may run text as a formula;
    `to_excel` keeps text as text.

    Everything open is counted to one time, `as_of`. `as_of_basis` says where that comes from:
    `given`, `read`, `newest time in the data`, or `now` without any run. Numbers of an open run
    therefore depend on what is read with it, unless `as_of=` is given.

    `missing` has the reasons why something is not here; without one, everything is. `read_from` are
    the hosts that runs were read from, if known. `agents` are the agents, those with the most runs
    and steps first; `select` keeps them, so that they keep their colors in charts. `f["steps"]` is
    `f.steps`, `dict(f)` has all six, and `len(f)` is the number of runs.
    """

    runs: pd.DataFrame
    steps: pd.DataFrame
    artifacts: pd.DataFrame
    sources: pd.DataFrame
    interrupts: pd.DataFrame
    problems: pd.DataFrame
    as_of: datetime
    as_of_basis: str
    source_missing: tuple[str, ...] = ()
    read_from: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()

    @property
    def schema(self) -> pd.DataFrame:
        """All columns of the six frames, one row each: frame, column, dtype, unit, meaning."""
        return schema_frame()

    @property
    def missing(self) -> tuple[str, ...]:
        """The reasons why something is missing; empty means complete."""
        return (*self.source_missing, *self._without_steps(), *self._read_earlier())

    def _without_steps(self) -> list[str]:
        without = self.runs.loc[~self.runs["has_steps"], "run_id"]
        if without.empty:
            return []
        reason = f"{plural(len(without), 'run')} without steps"
        is_refused = self.problems["problem"].eq("steps_not_read")
        n_refused = without.isin(self.problems.loc[is_refused, "run_id"]).sum()
        return [f"{reason}, {n_refused:,} of them refused" if n_refused else reason]

    def _read_earlier(self) -> list[str]:
        """Return how many open runs were last read on an earlier day."""
        is_over = self.runs["status"].isin(RUN_STATUSES.meaning("over"))
        is_open = ~is_over & self.runs["ended_at"].isna()
        read_at = self.runs.loc[is_open, "read_at"].dropna()
        earlier = read_at[read_at.dt.date < self.as_of.date()]
        if earlier.empty:
            return []
        first, last = (day(time, has_year=False) for time in (earlier.min(), earlier.max()))
        days = first if first == last else f"{first} to {last}"
        return [f"{plural(len(earlier), 'open run')} last read {days}"]

    @property
    def clock(self) -> str:
        """The time up to which everything open is counted, in words."""
        how = f" ({NEWEST})" if self.as_of_basis == NEWEST else ""
        return f"as of {moment(self.as_of)}{how}"

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[str]:
        return iter(FRAME_COLUMNS)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in FRAME_COLUMNS

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return the frame of a name: `f["steps"]` is `f.steps`."""
        if name not in self:
            raise UsageError.one_of("name", name, FRAME_COLUMNS)
        df: pd.DataFrame = getattr(self, name)
        return df

    def keys(self) -> tuple[str, ...]:
        """The names of the six frames."""
        return tuple(FRAME_COLUMNS)

    def items(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Iterate over (name, DataFrame)."""
        return ((name, self[name]) for name in FRAME_COLUMNS)

    @checked
    def select(
        self, runs: str | Run | Iterable[str | Run] | Iterable[bool] | pd.DataFrame
    ) -> Frames:
        """Select some runs in all six frames, in the order given.

        Parameters
        ----------
        runs
            Runs or their ids, or one; the first 8 characters of an id are enough where they are
            unique. Or rows of any of the six frames, such as `f.runs[f.runs["n_errors"] > 0]`. Or a
            boolean mask of `f.runs`, of any dtype, such as `f.runs["n_errors"] > 0`.

        Returns
        -------
        Frames
            The rows of these runs, and what is missing in the source.

        Raises
        ------
        UsageError
            For an unknown id, a prefix of several ids, and a mask that does not fit.
        """
        names = (run.id if isinstance(run, Run) else run for run in self._run_ids(runs))
        advice = BY_NAME if isinstance(runs, str) else ""
        ids = full_ids(names, self.runs["run_id"], "these frames", advice)

        def rows_of(df: pd.DataFrame) -> pd.DataFrame:
            positions = pd.Index(ids, dtype="str").get_indexer(pd.Index(df["run_id"]))
            rows = np.argsort(positions, kind="stable")
            return df.iloc[rows[positions[rows] >= 0]].reset_index(drop=True)

        selected: dict[str, Any] = {name: rows_of(df) for name, df in self.items()}
        return replace(self, **selected)

    def _run_ids(self, runs: Any) -> Iterable[object]:
        """Return the runs, ids or prefixes of ids that the argument of `select` stands for."""
        if isinstance(runs, str | Run):
            return [runs]
        if isinstance(runs, pd.DataFrame) and "run_id" in runs:
            return runs["run_id"].dropna()
        if (
            not isinstance(runs, Iterable)
            or isinstance(runs, bytes)
            or getattr(runs, "ndim", 1) != 1
        ):
            raise UsageError(
                f"runs={brief(runs)}; expected run ids, rows with a column run_id, or a mask of "
                "the runs."
            )
        values = runs if isinstance(runs, pd.Series) else pd.Series(list(runs), dtype=object)
        if pd.api.types.infer_dtype(values, skipna=True) != "boolean":
            return values
        # A run of which the mask is null is not chosen, as in pandas.
        mask = values.fillna(False).astype(bool)
        if not mask.index.sort_values().equals(self.runs.index):
            raise UsageError(
                f"the mask has {plural(len(mask), 'value')} and an index of its own; expected one "
                f"value for each of the {plural(len(self.runs), 'run')}, with the index of f.runs. "
                "Of another frame, give the rows: f.select(f.steps[mask])."
            )
        return self.runs.loc[mask, "run_id"]

    @checked
    def save(self, directory: str | Path) -> Path:
        """Write the six frames as Parquet files, for `runkit.frames` or `pandas.read_parquet`.

        Each file is replaced atomically. The files and a new folder are readable by their owner
        only.

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
            For a path that is a file, and a folder that cannot be written.
        """
        names = ("as_of", "as_of_basis", "source_missing", "read_from")
        return write_saved(directory, dict(self), {name: getattr(self, name) for name in names})

    @checked
    def to_excel(self, path: str | Path) -> Path:
        """Write the six frames as sheets of an Excel workbook.

        Text stays text, also if it starts with `=`.

        Times are in UTC without a zone. A text longer than a cell (32,767 characters) ends in its
        length. The file is readable by its owner only.

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
            For a path that does not end in `.xlsx` or cannot be written, and a frame with more than
            1,048,575 rows.
        MissingExtra
            Without the extra `[excel]`.
        """
        return write_workbook(dict(self.items()), path)

    def __repr__(self) -> str:
        from runkit.screens.pages import runs_panel

        return repr(runs_panel(self))

    def _repr_html_(self) -> str:
        from runkit.screens.pages import runs_panel

        return runs_panel(self)._repr_html_()


def agents_of(tables: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Return the agents, those with the most runs and steps first."""
    agents = pd.concat([tables["runs"]["agent"], tables["steps"]["agent"]])
    n_of_agent = agents.value_counts().sort_index()
    return tuple(n_of_agent.sort_values(ascending=False, kind="stable").index)


# ----------------------------------------------------------------------------------------- workbook


def write_workbook(tables: Mapping[str, pd.DataFrame], path: str | Path) -> Path:
    """Write a sheet for each frame, and return the file. Raises `UsageError`."""
    try:
        import xlsxwriter  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        raise MissingExtra.of("excel", "an Excel file") from None
    target = files.file_at(path)
    if target.suffix.lower() != ".xlsx":
        raise UsageError(
            f"{brief(target.name)} is no Excel file; expected a name that ends in .xlsx"
        )
    for name, df in tables.items():
        if len(df) > MAX_SHEET_ROWS:
            raise UsageError(
                f"{name} has {len(df):,} rows; a sheet holds {MAX_SHEET_ROWS:,}. Select fewer, or "
                "use f.save()."
            )
    with (
        files.replacing(target) as part,
        part.open("wb") as file,
        pd.ExcelWriter(file, engine="xlsxwriter", engine_kwargs={"options": TEXT_OPTIONS}) as book,
    ):
        for name, df in tables.items():
            _for_excel(df).to_excel(
                book, sheet_name=name, index=False, freeze_panes=(1, 0), autofilter=True
            )
            book.sheets[name].autofit(max_width=MAX_WIDTH)
    return target


def _for_excel(df: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without time zones, which are UTC, and with texts that fit into a cell."""
    times = df.select_dtypes("datetimetz").apply(lambda column: column.dt.tz_localize(None))
    texts: pd.DataFrame = df.select_dtypes("str").map(_shortened, na_action="ignore")
    return df.assign(**times, **texts)


def _shortened(text: str) -> str:
    note = f"… [{len(text):,} characters; a cell holds {MAX_CELL_TEXT:,}]"
    return text if len(text) <= MAX_CELL_TEXT else text[: MAX_CELL_TEXT - len(note)] + note
