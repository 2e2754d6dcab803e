"""The problems frame: one row per problem, instead of an exception or silence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runkit.tables.sources import Record
from runkit.text import brief, one_line

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
Kind = tuple[str, str, str]  # problem, place in the schema, value

# Problems that cost a record or a value; in all others the record was kept.
# (Of a duplicated run the newer record is kept, so nothing is lost.)
ERRORS = frozenset({"bad_json", "not_a_run", "too_deep", "bad_field"})
REFUSED = frozenset({"bad_json", "not_a_run", "too_deep", "duplicate_run"})  # each costs a record
MAX_LEVELS = 16  # of steps in steps, that a location names
_INDEX = re.compile(r"\[\d+\]")
_RUN = object()  # in place of a step: the problem is of the run


@dataclass
class Problems:
    """Collects the rows of the problems frame, and finds the JSON path of a step.

    A refused record has a row of its own. Notes of one kind at one place in the schema, of records that are
    kept, are one row: the first of them, and their number.
    """

    rows: list[Row] = field(default_factory=list)
    owners: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)
    """By the id() of a run's raw JSON, of each raw step by its id() the owner and the position in its steps.
    Valid while the JSON exists."""
    _first: dict[Kind, Row] = field(default_factory=dict)

    def add(
        self,
        record: Record,
        problem: str,
        detail: str,
        field: str = "",
        step: object = _RUN,
        *,
        is_refused: bool = False,
    ) -> None:
        """Note a problem of a record, or of a raw step of it, or of one of their fields.

        Each unknown value is a kind of its own.
        """
        is_step = step is not _RUN
        suffix = f".{field}" if field else ""
        holder = "$.steps[*]" if is_step else "$"
        place = _INDEX.sub("[*]", holder + suffix)
        kind = (problem, place, detail if problem == "unknown_value" else "")
        is_note = not is_refused and problem not in REFUSED
        if is_note and kind in self._first:
            self._first[kind]["n"] += 1
            return
        path = f".{self._path(record, step)}{suffix}" if is_step else suffix
        row = {
            "run_id": _id_of(record.raw),
            "step_id": _id_of(step),
            "location": f"{record.location}{path}".removesuffix(" $"),
            "problem": problem,
            "n": 1,
            "detail": detail,
            "severity": "error" if problem in ERRORS else "warning",
        }
        if is_note:
            self._first[kind] = row
        self.rows.append(row)

    def _path(self, record: Record, step: object) -> str:
        """Give the path of a raw step; of one deeper than `MAX_LEVELS` the middle is left out."""
        owners = self.owners.get(id(record.raw))
        if owners is None:
            owners = self.owners[id(record.raw)] = _owners(record.raw)
        parts: list[str] = []
        at = id(step)
        while at in owners:
            at, number = owners[at]
            parts.insert(0, f"steps[{number}]")
        n_more = len(parts) - MAX_LEVELS - 1
        if n_more > 0:
            parts[MAX_LEVELS:-1] = [f"…({n_more:,} levels)…"]
        return ".".join(parts)


def _id_of(record: object) -> str | None:
    value: Any = record.get("id") if isinstance(record, dict) else None
    return value if value is None or isinstance(value, str) else brief(value)


def _owners(run: Any) -> dict[int, tuple[int, int]]:
    owners: dict[int, tuple[int, int]] = {}
    stack = [run]
    while stack:
        owner = stack.pop()
        steps = owner.get("steps") if isinstance(owner, dict) else None
        for number, step in enumerate(steps if isinstance(steps, list) else ()):
            owners[id(step)] = id(owner), number
            stack.append(step)
    return owners


def problem_words(problems: pd.DataFrame) -> str:
    """Count the problems of each kind in words, the most frequent first."""
    counts = problems.groupby("problem", observed=True)["n"].sum().sort_values(ascending=False)
    return ", ".join(f"{n:,} {one_line(str(word))}" for word, n in counts.items())
