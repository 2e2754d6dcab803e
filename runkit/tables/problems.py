"""The problems frame: one row per problem, instead of an exception or silence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runkit.jsontext import as_unicode
from runkit.tables.sources import Record
from runkit.text import brief

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
Kind = tuple[str, str, str]  # problem, place in the schema, value

# Problems that cost a record or a value; in all others the record was kept.
# (Of a duplicated run the newer record is kept, so nothing is lost.)
ERRORS = frozenset({"bad_json", "not_a_run", "too_deep", "bad_field"})
MAX_ROWS = 3  # rows of one problem at one place in the schema; the others share one row
_MORE = " more like this: "
_INDEX = re.compile(r"\[\d+\]")
MAX_LEVELS = 16  # of steps in steps, that a location names


@dataclass
class Problems:
    """Collects the rows of the problems frame, and finds the JSON path of a step.

    The first `MAX_ROWS` problems of a kind at one place in the schema have their own rows. The others share
    one row that counts them, so that many of a kind do not hide the rest.
    """

    rows: list[Row] = field(default_factory=list)
    paths: dict[int, dict[int, str]] = field(default_factory=dict)
    """By the id() of a run's raw JSON, the path of each raw step by its id(). Valid while the JSON exists."""
    _n: Counter[Kind] = field(default_factory=Counter)
    _others: dict[Kind, Row] = field(default_factory=dict)

    def add(self, run: object, location: str, problem: str, detail: str, place: str = "$") -> None:
        """Note a problem of `run` (its raw JSON, or None). `place` is its place in the schema."""
        self._add(run, None, problem, detail, place, lambda: location)

    def add_for_run(self, record: Record, problem: str, detail: str, field: str = "") -> None:
        """Note a problem of a run, or of one of its fields."""
        place = f"$.{_INDEX.sub('[*]', field)}" if field else "$"
        self._add(record.raw, None, problem, detail, place, lambda: record.location.at(field))

    def add_for_step(self, record: Record, step: object, problem: str, detail: str, field: str = "") -> None:
        """Note a problem of a raw step of a run, or of one of its fields."""
        suffix = f".{field}" if field else ""
        place = f"$.steps[*]{_INDEX.sub('[*]', suffix)}"
        self._add(
            record.raw,
            step,
            problem,
            detail,
            place,
            lambda: record.location.at(self._path(record, step) + suffix),
        )

    def _add(
        self, run: object, step: object, problem: str, detail: str, place: str, locate: Callable[[], str]
    ) -> None:
        """Add a row, or count one more of the same kind; each unknown value is a kind of its own."""
        kind = (problem, place, detail if problem == "unknown_value" else "")
        self._n[kind] += 1
        n_others = self._n[kind] - MAX_ROWS
        run_id = _id_of(run)
        if n_others > 1:
            row = self._others[kind]
            row["run_id"] = run_id if row["run_id"] == run_id else None
            row["detail"] = f"{n_others:,}{_MORE}{row['detail'].partition(_MORE)[2]}"
            return
        row = {
            "run_id": run_id,
            "step_id": _id_of(step),
            "location": as_unicode(locate()),
            "problem": problem,
            "detail": detail,
            "severity": "error" if problem in ERRORS else "warning",
        }
        if n_others == 1:
            row |= {"step_id": None, "location": place, "detail": f"1{_MORE}{row['detail']}"}
            self._others[kind] = row
        self.rows.append(row)

    def _path(self, record: Record, step: object) -> str:
        paths = self.paths.get(id(record.raw))
        if paths is None:
            paths = self.paths[id(record.raw)] = _step_paths(record.raw.get("steps"))
        return paths.get(id(step), "steps")


def _id_of(record: object) -> str | None:
    value: Any = record.get("id") if isinstance(record, dict) else None
    return value if value is None or isinstance(value, str) else brief(value)


def _step_paths(steps: object) -> dict[int, str]:
    """Find the path of each step; of paths deeper than `MAX_LEVELS` the middle is left out.

    The full paths of a deep tree would be many times longer than the tree.
    """
    paths: dict[int, str] = {}
    stack: list[tuple[object, str, int]] = [(steps, "steps", 0)]
    while stack:
        children, path, depth = stack.pop()
        left_out = f"…({depth - MAX_LEVELS:,} levels)…steps" if depth > MAX_LEVELS else ""
        for number, child in enumerate(children if isinstance(children, list) else ()):
            paths[id(child)] = f"{path}{left_out}[{number}]"
            if isinstance(child, dict):
                inside = path if depth >= MAX_LEVELS else f"{path}[{number}].steps"
                stack.append((child.get("steps"), inside, depth + 1))
    return paths


def problem_counts(problems: pd.DataFrame) -> pd.Series[int]:
    """Count the problems of each row of the frame: 1, or more for a row of "more like this"."""
    counted = problems["detail"].str.extract(rf"^([\d,]+){_MORE}", expand=False).str.replace(",", "")
    return counted.fillna("1").astype("int64")
