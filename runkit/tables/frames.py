"""`Frames`: six DataFrames that join on ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import numpy as np
import pandas as pd

from runkit.api.models import Run
from runkit.arguments import checked, full_ids
from runkit.display.html_tables import MAX_ROWS, df_to_html, with_labels
from runkit.display.status_words import status
from runkit.display.text import Markup, block, brief, plural, shorten, visible
from runkit.errors import UsageError
from runkit.tables._saved import write_saved
from runkit.tables.arrow_columns import empty
from runkit.tables.audit_trail import audit_trail
from runkit.tables.problems import AS_OF_NOT_USED, problem_words
from runkit.tables.run_rules import has_lost_steps, is_separate, measured_waits
from runkit.tables.schema import SCHEMA, schema_frame

COUNTED = {"steps": "step", "artifacts": "artifact", "sources": "source", "interrupts": "question"}
MAX_WORDS = 500  # characters of all statuses, or problems, in a sentence
# what the repr offers to type next
NEXT = (
    "f.runs, f.steps, f.interrupts …; f.schema; f.select(run_id); "
    "runkit.overview(f), runkit.gantt(f)"
)
# For names that users of pandas try, where the things are.
INSTEAD = {
    "findings": "runkit.one_run.findings(f), f.artifacts",
    "questions": "runkit.one_run.questions(f), f.interrupts",
    "outputs": 'f.artifacts[f.artifacts["origin"] == "output"]',
    "errors": 'runkit.fleet.failed_steps(f), f.steps[f.steps["is_failed"]]',
    "waits": "runkit.fleet.waits(f), f.interrupts",
    "info": "f.schema, f",
    "columns": "f.schema",
    "shape": "len(f), f.runs.shape",
    "query": "f.select(f.runs.query(text))",
    "loc": "f.select(run_id), f.runs.loc",
    "plot": "runkit.gantt(f), runkit.overview(f)",
    "to_csv": "f.to_excel(path), f.save(folder), f.runs.to_csv(path)",
    "to_parquet": "f.save(folder)",
}
BY_NAME = ' To select by name: f.select(f.runs["business_name"] == name).'
SHOWN_COLUMNS = [
    *("run_id", "business_name", "status", "agent_name", "confidence", "created_at"),
    *("agent", "n_findings", "working_s", "waiting_s"),
]


@dataclass(frozen=True, repr=False, eq=False)
class Frames:
    """Six linked DataFrames.

    They join on `run_id`, `step_id` and `artifact_no`; `schema` explains their columns.

    | frame | one row per |
    | --- | --- |
    | `runs` | run: how long it took, of that working, waiting for a reviewer, idle |
    | `steps` | step, in tree order: what took the time, and how steps are nested |
    | `artifacts` | finding, proposal or delivered artifact |
    | `sources` | source of an artifact |
    | `interrupts` | question to a reviewer: what is waiting, since when, and the outcome |
    | `problems` | problem in the data: what was refused, repaired or unusual, and where |

    At each moment a run is waiting if a question to a reviewer is open, otherwise working if any
    other step is open, otherwise idle. Durations are seconds and end in `_s`; times are UTC.
    `missing` has the reasons why something is not here; empty means complete. A CSV file has no
    types, so that a spreadsheet may run text as a formula; `to_excel` keeps text as text.

    `f["steps"]` is `f.steps`, `dict(f)` has all six, and `len(f)` is the number of runs.

    `reads` has the time and host of each run's read; `read_at` and `read_from` summarize them.
    `answers` counts the rows of `answers=` by what became of them, None if none were given.
    `listed_at` is when the list of the runs was read, None if not known.
    """

    runs: pd.DataFrame
    steps: pd.DataFrame
    artifacts: pd.DataFrame
    sources: pd.DataFrame
    interrupts: pd.DataFrame
    problems: pd.DataFrame
    missing: tuple[str, ...] = ()
    reads: pd.DataFrame = field(default_factory=partial(empty, "reads"))
    answers: str | None = None
    listed_at: datetime | None = None

    @property
    def schema(self) -> pd.DataFrame:
        """All columns of the six frames, one row each: frame, column, dtype, unit, meaning."""
        return schema_frame()

    @property
    def read_from(self) -> tuple[str, ...]:
        """The hosts that the runs were read from, if known."""
        return tuple(sorted(self.reads["read_from"].dropna().unique()))

    @property
    def read_at(self) -> tuple[datetime, datetime] | None:
        """When the first and the last of the runs were read, by the server's clock, if known.

        Without runs, it is when their list was read.
        """
        times = self.reads["read_at"].dropna()
        if times.empty:
            return None if self.listed_at is None else (self.listed_at, self.listed_at)
        return times.min().to_pydatetime(), times.max().to_pydatetime()

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[str]:
        return iter(SCHEMA)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in SCHEMA

    if not TYPE_CHECKING:  # a type checker knows all attributes

        def __getattr__(self, name: str) -> Never:
            raise AttributeError(f"f.{name}: see {INSTEAD.get(name, NEXT)}", name=name, obj=self)

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return the frame of a name: `f["steps"]` is `f.steps`."""
        if name not in self:
            raise UsageError.one_of("name", name, SCHEMA)
        df: pd.DataFrame = getattr(self, name)
        return df

    def keys(self) -> tuple[str, ...]:
        """The names of the six frames."""
        return tuple(SCHEMA)

    def items(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Iterate over (name, DataFrame)."""
        return ((name, self[name]) for name in SCHEMA)

    @checked
    def select(
        self, runs: str | Run | Iterable[str | Run] | Iterable[bool] | pd.DataFrame
    ) -> Frames:
        """Select some runs in all six frames, in the order given.

        Parameters
        ----------
        runs
            Runs or their ids, or one; the first 8 characters of an id are enough where they are
            unique. Or rows of any of the six frames, such as `f.steps[f.steps["is_failed"]]`. Or a
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
        return replace(self, **selected, reads=rows_of(self.reads), answers=None)

    def _run_ids(self, runs: Any) -> Iterable[object]:
        """Return the runs, ids or prefixes of ids that the argument of `select` stands for."""
        if isinstance(runs, str | Run):
            return [runs]
        if isinstance(runs, pd.DataFrame) and "run_id" in runs:
            return runs["run_id"].dropna()
        if not isinstance(runs, Iterable) or getattr(runs, "ndim", 1) != 1:
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
                f"the mask has {plural(len(mask), 'value')}; expected one for each of the "
                f"{plural(len(self.runs), 'run')}. Of another frame, give the rows: "
                "f.select(f.steps[mask])."
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
            For a path that is a file or named as one, and a folder that cannot be written.
        """
        about = {name: getattr(self, name) for name in ("missing", "answers", "listed_at")}
        tables = dict(self.items()) | {"reads": self.reads}
        return write_saved(directory, tables, about)

    @checked
    def to_excel(self, path: str | Path) -> Path:
        """Write the six frames as sheets of an Excel workbook, and one with the audit trail.

        The audit trail has a row for each question: what was asked on which evidence, and who
        decided what, when. Text stays text, also if it starts with `=`.

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
        from runkit.tables._excel import write_workbook

        return write_workbook(dict(self.items()) | {"audit": audit_trail(self)}, path)

    def summary(self) -> list[str]:
        """Summarize the frames in a few lines; the last says how complete they are."""
        runs = self.runs
        lines = [plural(len(runs), "run"), self._counts()]
        if len(runs):
            first, last = runs["created_at"].agg(["min", "max"])
            lines[0] += f" ({status_counts(runs)})"
            lines.append(f"created {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC")
        if n_undated := int(self.reads["is_undated"].sum()):
            line = f"{plural(n_undated, 'open run')} without a time of reading"
            if not self.problems["detail"].eq(AS_OF_NOT_USED).any():
                line += '; pass as_of="now" or a time'
            lines.append(line)
        return [*filter(None, [*lines, self.answers]), self._completeness()]

    def _counts(self) -> str:
        """Write how many rows each frame has; 0 is left out, as some may not be known.

        An item and a step that could not be paired are perhaps one question.
        """
        n_rows = {name: len(self[name]) for name in COUNTED}
        n_twice = int(is_separate(self.interrupts).isna().sum())
        n_rows["interrupts"] -= n_twice
        parts = [plural(n, COUNTED[name]) for name, n in n_rows.items() if n]
        if n_twice:
            parts[-1] = f"at least {parts[-1]}"
        if n_waiting := int(self.runs["n_pending"].sum()) - n_twice:
            parts[-1] += f" ({n_waiting:,} waiting)"
        return ", ".join(parts)

    def _completeness(self) -> str:
        parts = []
        if self.missing:
            parts.append(f"not complete: {shorten('; '.join(self.missing), 1_000)}")
        if n := int(self.problems["n"].sum()):
            words = shorten(problem_words(self.problems), MAX_WORDS)
            parts.append(f"{plural(n, 'problem')} ({words})")
        is_listed = ~(self.runs["has_steps"] | has_lost_steps(self))
        if n_listed := int(is_listed.sum()):
            parts.append(f"{plural(n_listed, 'run')} without steps; client.runs.fetch reads them")
        if not parts:
            parts.append("complete, no problems")
        return "; ".join(parts)

    def __repr__(self) -> str:
        return visible("Frames: " + "\n  ".join([*self.summary(), NEXT]))

    def _repr_html_(self) -> str:
        head = Markup("<p>{}</p>").format(" · ".join(self.summary()))
        runs = self.runs.assign(
            agent=self.runs["agent_name"].fillna(self.runs["agent"]),
            waiting_s=measured_waits(self),
        )
        table = runs.head(MAX_ROWS)[SHOWN_COLUMNS]
        rows = df_to_html(with_labels(table), n_rows=len(self.runs)) if len(table) else Markup("")
        return block(head, rows)


def status_counts(runs: pd.DataFrame) -> str:
    """Write how many runs have each status, the most frequent first: "3 completed, 1 failed"."""
    counts = runs["status"].astype("str").value_counts()
    words = (f"{n:,} {status(str(word)).word.lower()}" for word, n in counts.items())
    return shorten(", ".join(words), MAX_WORDS)
