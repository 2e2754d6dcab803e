"""One row per thing that is wrong: never an exception, never silence."""

from __future__ import annotations

from typing import Any

from runkit.jsontext import as_unicode
from runkit.tables.records import Record
from runkit.text import brief

# Problems that cost a record or a value; the others are notes about something that was kept.
# (Of a duplicated run the newer record is kept, so the older one is no loss.)
COSTLY = frozenset({"bad_json", "not_a_run", "too_deep", "bad_field"})
MOST_LEVELS = 16  # of steps in steps, that a location names


class Problems:
    """Collects the rows of the problems frame, and finds where in the JSON a step stands."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str | None]] = []
        self._paths: dict[int, dict[int, str]] = {}  # id of a run's raw JSON -> id of a raw step -> its path

    def add(self, run: object, location: str, problem: str, detail: str, step: object = None) -> None:
        """Note a problem of `run` (its raw JSON, or None) at a location in words."""
        self.rows.append(
            {
                "run_id": _id_of(run),
                "step_id": _id_of(step),
                "location": as_unicode(location),
                "problem": problem,
                "detail": as_unicode(detail),
                "severity": "error" if problem in COSTLY else "warning",
            }
        )

    def of_run(self, record: Record, problem: str, detail: str, field: str = "") -> None:
        """Note a problem of a run, or of one of its fields."""
        self.add(record.raw, record.where.at(field), problem, detail)

    def of_step(self, record: Record, step: object, problem: str, detail: str, field: str = "") -> None:
        """Note a problem of a raw step of a run, or of one of its fields."""
        paths = self._paths.get(id(record.raw))
        if paths is None:
            paths = self._paths[id(record.raw)] = _step_paths(record.raw.get("steps"))
        path = paths.get(id(step), "steps")
        where = record.where.at(f"{path}.{field}" if field else path)
        self.add(record.raw, where, problem, detail, step)

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
