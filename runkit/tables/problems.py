"""One row per thing that is wrong: never an exception, never silence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runkit.jsontext import as_unicode
from runkit.tables.sources import Record
from runkit.text import brief

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
Kind = tuple[str, str, str]  # problem, place in the schema, value

# Problems that cost a record or a value; the others are notes about something that was kept.
# (Of a duplicated run the newer record is kept, so the older one is no loss.)
COSTLY = frozenset({"bad_json", "not_a_run", "too_deep", "bad_field"})
SHOWN = 3  # rows of one problem at one place in the schema; the others are one row
_MORE = " more like this: "
_INDEX = re.compile(r"\[\d+\]")
MOST_LEVELS = 16  # of steps in steps, that a location names


class Problems:
    """Collects the rows of the problems frame, and finds where in the JSON a step stands.

    Of one problem at one place in the schema the first `SHOWN` are rows of their own. The others are one row,
    with their number, so that many of a kind do not hide the rest.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._n: Counter[Kind] = Counter()
        self._others: dict[Kind, Row] = {}
        self._paths: dict[int, dict[int, str]] = {}  # id of a run's raw JSON -> id of a raw step -> its path

    def add(self, run: object, location: str, problem: str, detail: str, place: str = "$") -> None:
        """Note a problem of `run` (its raw JSON, or None). `place` is where it stands in the schema."""
        self._add(run, None, problem, detail, place, lambda: location)

    def of_run(self, record: Record, problem: str, detail: str, field: str = "") -> None:
        """Note a problem of a run, or of one of its fields."""
        place = f"$.{_INDEX.sub('[*]', field)}" if field else "$"
        self._add(record.raw, None, problem, detail, place, lambda: record.where.at(field))

    def of_step(self, record: Record, step: object, problem: str, detail: str, field: str = "") -> None:
        """Note a problem of a raw step of a run, or of one of its fields."""
        suffix = f".{field}" if field else ""
        place = f"$.steps[*]{_INDEX.sub('[*]', suffix)}"
        self._add(
            record.raw,
            step,
            problem,
            detail,
            place,
            lambda: record.where.at(self._path(record, step) + suffix),
        )

    def _add(
        self, run: object, step: object, problem: str, detail: str, place: str, locate: Callable[[], str]
    ) -> None:
        """Add a row, or count one more of its kind; each unknown value is a kind of its own."""
        kind = (problem, place, detail if problem == "unknown_value" else "")
        self._n[kind] += 1
        n_others = self._n[kind] - SHOWN
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
            "detail": as_unicode(detail),
            "severity": "error" if problem in COSTLY else "warning",
        }
        if n_others == 1:
            row |= {"step_id": None, "location": place, "detail": f"1{_MORE}{row['detail']}"}
            self._others[kind] = row
        self.rows.append(row)

    def _path(self, record: Record, step: object) -> str:
        paths = self._paths.get(id(record.raw))
        if paths is None:
            paths = self._paths[id(record.raw)] = _step_paths(record.raw.get("steps"))
        return paths.get(id(step), "steps")

    def forget_paths(self) -> None:
        """Let go of what is only valid while the raw records live."""
        self._paths.clear()


def _id_of(record: object) -> str | None:
    value: Any = record.get("id") if isinstance(record, dict) else None
    return None if value is None else as_unicode(value if isinstance(value, str) else brief(value))


def _step_paths(steps: object) -> dict[int, str]:
    """Find where each step stands. Of a place deeper than `MOST_LEVELS` the middle is left out, and said.

    In whole, the places in a deep tree would be many times longer than all that stands there.
    """
    paths: dict[int, str] = {}
    stack: list[tuple[object, str, int]] = [(steps, "steps", 0)]
    while stack:
        children, path, depth = stack.pop()
        left_out = f"…({depth - MOST_LEVELS:,} levels)…steps" if depth > MOST_LEVELS else ""
        for number, child in enumerate(children if isinstance(children, list) else ()):
            if id(child) in paths:  # it stands twice in the tree, or in itself
                continue
            paths[id(child)] = f"{path}{left_out}[{number}]"
            if isinstance(child, dict):
                inside = path if depth >= MOST_LEVELS else f"{path}[{number}].steps"
                stack.append((child.get("steps"), inside, depth + 1))
    return paths


def numbers(problems: pd.DataFrame) -> pd.Series[int]:
    """How many problems each row of the frame is about: 1, or as many as a row of more like it counts."""
    counted = problems["detail"].str.extract(rf"^([\d,]+){_MORE}", expand=False).str.replace(",", "")
    return counted.fillna("1").astype("int64")
