"""The problems frame: one row per refused record, and one per kind of note."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runkit.contract import Json
from runkit.tables.sources import Record
from runkit.text import brief, one_line
from runkit.validation import Path

if TYPE_CHECKING:
    import pandas as pd

# Problems that cost a record or a value; in all others the record was kept.
# (Of a duplicated run the newer record is kept, so nothing is lost.)
ERRORS = frozenset({"bad_json", "not_a_run", "too_deep", "bad_field"})
MAX_PARTS = 40  # parts of a JSON path in a location
_NESTED = re.compile(r"(\.steps\[\*\])+")  # a step is a step, at any depth


@dataclass
class Problems:
    """Collects the rows of the frame.

    A refused record has a row of its own. Of records that are kept, notes of one kind at one place
    in the schema are one row: the first of them, and their number.
    """

    rows: list[Json] = field(default_factory=list)
    _first: dict[tuple[str, ...], Json] = field(default_factory=dict)

    def refuse(self, record: Record, problem: str, detail: str, path: Path = ()) -> None:
        """Note a record that is not in the frames."""
        self._add(record, problem, detail, path, _step_id(record.raw, path))

    def note(
        self,
        record: Record,
        problem: str,
        detail: str,
        path: Path = (),
        holder: Json | None = None,
        repaired: Json | None = None,
    ) -> None:
        """Note a problem of a record that is kept, at a path in it or in the object `holder`.

        An object that was repaired is in the repaired record only, perhaps at another position.
        Each unknown value and each contradiction is a kind of its own.
        """
        schema_path = "".join("[*]" if isinstance(part, int) else f".{part}" for part in path)
        value = detail if problem in ("unknown_value", "contradiction") else ""
        kind = (problem, str(holder is None), _NESTED.sub(".steps[*]", schema_path), value)
        if kind in self._first:
            self._first[kind]["n"] += 1
            return

        raw = record.raw
        if holder is not None:
            raw = raw if _path_to(raw, holder) else repaired
            path = (*_path_to(raw, holder), *path)
        self._first[kind] = self._add(record, problem, detail, path, _step_id(raw, path))

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
        if isinstance(value, dict):
            stack += [(item, (*path, name)) for name, item in value.items()]
        elif isinstance(value, list):
            stack += [(item, (*path, number)) for number, item in enumerate(value)]
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


def problem_words(problems: pd.DataFrame) -> str:
    """Count the problems of each kind in words, the most frequent first."""
    counts = problems.groupby("problem", observed=True)["n"].sum()
    most_first = counts.sort_values(ascending=False).items()
    return ", ".join(f"{n:,} {one_line(str(word))}" for word, n in most_first)
