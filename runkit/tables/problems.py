"""The problems frame: one row per refused record, and per kind of note of one run."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from runkit.api.contract import Json
from runkit.api.validation import Path
from runkit.display.text import brief, plural, shorten
from runkit.tables.sources import Record

if TYPE_CHECKING:
    import pandas as pd

# Problems that cost a record or a value; in all others the record was kept.
# (Of a duplicated run the newer record is kept, so nothing is lost.)
ERRORS = frozenset({"bad_json", "not_a_run", "too_deep", "bad_field"})
# Problems of records that are refused; of bad_field only some.
REFUSED = ("bad_json", "not_a_run", "too_deep", "duplicate_run")
NAMED_BY_DETAIL = ("unknown_value", "contradiction")  # in what is printed; others by their word
MAX_PARTS = 40  # parts of a JSON path in a location
MAX_DETAILS = 3  # different details of one row
MAX_GROUPS = 5  # kinds of problems in a sentence
MAX_NAME = 100  # characters of a kind
_NESTED = re.compile(r"(\.steps\[\*\])+")  # a step is a step, at any depth


class RunNote(NamedTuple):
    """A problem of a run that is kept, at a path in the run or in an object that it holds.

    `run` numbers the runs of a batch. `n` is the number of objects that have this problem; `holder`
    is the first of them.
    """

    run: int
    problem: str
    detail: str
    path: Path = ()
    holder: Json | None = None
    n: int = 1


@dataclass
class Problems:
    """Collects the rows of the frame.

    A refused record has a row of its own. Of a run that is kept, notes of one kind at one place in
    the schema are one row: the first of them, their number, and their first details.
    """

    rows: list[Json] = field(default_factory=list)

    def refuse(self, record: Record, problem: str, detail: str, path: Path = ()) -> None:
        """Note a record that is not in the frames."""
        self._add(record, problem, detail, path, _step_id(record.raw, path))

    def add(
        self, notes: Iterable[RunNote], records: Sequence[Record], runs: Sequence[Json], first: int
    ) -> None:
        """Note the problems of a batch of runs that are kept, in order of the runs.

        `first` is the number of the first run. Each contradiction is a kind of its own. An object
        that was repaired is only in the repaired run, perhaps at another position than in its
        record.
        """
        rows: dict[tuple[object, ...], Json] = {}
        details: dict[tuple[object, ...], dict[str, None]] = {}  # each once, in order
        for run, problem, detail, path, holder, n in sorted(notes, key=itemgetter(0)):
            schema_path = "".join("[*]" if isinstance(part, int) else f".{part}" for part in path)
            kind = detail if problem == "contradiction" else problem
            place = _NESTED.sub(".steps[*]", schema_path)
            key: tuple[object, ...] = (run, kind, holder is None, place)
            details.setdefault(key, {})[detail] = None
            if key in rows:
                rows[key]["n"] += n
                continue

            raw: Any = records[run].raw
            if holder is not None:
                above = _path_to(raw, holder)
                if not above:
                    raw = runs[run]
                    above = _path_to(raw, holder)
                path = (*above, *path)
            rows[key] = self._add(records[run], problem, detail, path, _step_id(raw, path))
            rows[key] |= {"n": n, "run": first + run}
        for key, row in rows.items():
            row["detail"] = "; ".join(islice(details[key], MAX_DETAILS))
            if len(details[key]) > MAX_DETAILS:
                row["detail"] += f"; and {len(details[key]) - MAX_DETAILS:,} others"

    def drop(self, runs: Collection[int]) -> None:
        """Leave out the notes of some runs, by their numbers."""
        self.rows = [row for row in self.rows if row["run"] not in runs]

    def _add(
        self, record: Record, problem: str, detail: str, path: Path, step_id: str | None
    ) -> Json:
        run_id = record.raw.get("id") if isinstance(record.raw, dict) else None
        row = {
            "run_id": run_id if isinstance(run_id, str | None) else brief(run_id),
            "step_id": step_id,
            "location": f"{record.location}{_json_path(path)}".removesuffix(" $"),
            "problem": problem,
            "n": 1,
            "detail": detail,
            "severity": "error" if problem in ERRORS else "warning",
            "run": None,
        }
        self.rows.append(row)
        return row


def _path_to(raw: Json | None, holder: Json) -> Path:
    """Find an object in a record; () for one that is not in it."""
    stack: list[tuple[Any, Path]] = [(raw, ())]
    while stack:
        value, path = stack.pop()
        if value is holder:
            return path
        items = value.items() if isinstance(value, dict) else enumerate(value)
        inner = [(item, (*path, key)) for key, item in items if isinstance(item, dict | list)]
        stack += reversed(inner)  # the first is looked at next
    return ()


def _step_id(value: Any, path: Path) -> str | None:
    """Return the id of the innermost step that a path goes through."""
    step_id = None
    for name, part in zip(("", *path), path, strict=False):
        value = value.get(part) if isinstance(value, dict) else value[part]
        if name == "steps" and isinstance(value, dict):
            step_id = value.get("id")
    return step_id if isinstance(step_id, str | None) else brief(step_id)


def _json_path(path: Path) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    if len(parts) > MAX_PARTS:
        parts[MAX_PARTS // 2 : -MAX_PARTS // 2] = ["…"]
    return "".join(parts)


def problem_words(problems: pd.DataFrame) -> list[str]:
    """Describe the problems by kind, the most frequent first: "bad_field: 200 in 40 runs".

    Unknown values and contradictions are named by their detail.
    """
    is_named = problems["problem"].isin(NAMED_BY_DETAIL)
    names = problems["problem"].astype("str").mask(is_named, problems["detail"])
    groups = problems.groupby(names, sort=False).agg(n=("n", "sum"), runs=("run_id", "nunique"))
    groups = groups.sort_values("n", ascending=False, kind="stable")
    words = []
    for name, n, n_runs in groups.head(MAX_GROUPS).itertuples():
        where = f" in {plural(n_runs, 'run')}" if n_runs else ""
        words.append(f"{shorten(name, MAX_NAME)}: {n:,}{where}")
    others = groups["n"].iloc[MAX_GROUPS:]
    if len(others):
        words.append(f"{plural(len(others), 'other kind')}: {others.sum():,}")
    return words
