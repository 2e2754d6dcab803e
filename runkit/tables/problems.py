"""The problems frame: one row per refused record, and per kind of note of one run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from runkit.api.contract import Json
from runkit.api.jsontext import as_unicode
from runkit.api.validation import Note, Path
from runkit.display.text import brief, plural, shorten
from runkit.tables.flatten import Rows
from runkit.tables.sources import Record

if TYPE_CHECKING:
    import pandas as pd

# Problems that cost a record or a value; of a duplicated run the newer record is kept, so that
# nothing is lost.
ERRORS = frozenset({"bad_json", "not_a_run", "too_deep", "bad_field"})
# Problems of records that are refused. A bad field costs a record only if it is required.
REFUSED = ("bad_json", "not_a_run", "too_deep", "duplicate_run")
# Problems that a sentence names by their detail; it names others by their word.
NAMED_BY_DETAIL = ("unknown_value", "contradiction")
# the detail of the problem of a run that changed after the `as_of` that was given
AS_OF_NOT_USED = "as_of is before the newest time of the run; not used"
MAX_DETAILS = 3  # different details of one row
MAX_NAME = 100  # characters of a kind


@dataclass
class Problems:
    """Collects the rows of the frame.

    A refused record has a row of its own. Of a run that is kept, notes of one kind at one place in
    the schema are one row: the first of them, their number, and their first details.
    """

    rows: list[Json] = field(default_factory=list)

    def add(self, batch: Rows, first: int = 0) -> None:
        """Add the rows of a batch; `first` is the number of its first run.

        Each contradiction is a kind of its own.
        """
        for record, note in batch.refused:
            self.add_row(record, note)
        groups: dict[tuple[Any, ...], list[Note]] = {}
        for run, note in sorted(batch.notes, key=itemgetter(0)):
            kind = note.detail if note.problem == "contradiction" else note.problem
            # A step in a step is at the same place in the schema, so each name counts once.
            place = dict.fromkeys(part for part in note.path if isinstance(part, str))
            groups.setdefault((run, kind, *place), []).append(note)
        for (run, *_), notes in groups.items():
            details = dict.fromkeys(note.detail for note in notes)
            words = [*islice(details, MAX_DETAILS)]
            if n_more := len(details) - len(words):
                words.append(f"and {n_more:,} others")
            note = notes[0]._replace(detail="; ".join(words))
            self.add_row(batch.records[run], note, len(notes), first + run)

    def add_row(self, record: Record, note: Note, n: int = 1, run: int | None = None) -> None:
        """Add a row: of the notes of a run, by its number, or of a record that was refused."""
        raw = record.raw if isinstance(record.raw, dict) else {}
        run_id = raw.get("id") if raw.get("object") in (None, "run") else None
        if run_id is not None:
            run_id = as_unicode(run_id if isinstance(run_id, str) else brief(run_id))
        row = {
            "run_id": run_id,
            "step_id": note.step_id,
            "location": f"{record.location}{_json_path(note.path)}".removesuffix(" $"),
            "problem": note.problem,
            "n": n,
            "detail": note.detail,
            "severity": "error" if note.problem in ERRORS else "warning",
            "run": run,
        }
        self.rows.append(row)

    def drop(self, runs: Collection[int]) -> None:
        """Leave out the notes of some runs, by their numbers."""
        self.rows = [row for row in self.rows if row["run"] not in runs]


def _json_path(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def problem_words(problems: pd.DataFrame) -> str:
    """Write the problems by kind, the most frequent first: "bad_field: 200 in 40 runs".

    Unknown values and contradictions are named by their detail.
    """
    is_named = problems["problem"].isin(NAMED_BY_DETAIL)
    names = problems["problem"].astype("str").mask(is_named, problems["detail"])
    groups = problems.groupby(names, sort=False).agg(n=("n", "sum"), runs=("run_id", "nunique"))
    groups = groups.sort_values("n", ascending=False, kind="stable")
    return "; ".join(
        f"{shorten(name, MAX_NAME)}: {n:,}" + f" in {plural(n_runs, 'run')}" * (n_runs > 0)
        for name, n, n_runs in groups.itertuples()
    )
