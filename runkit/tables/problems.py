"""The problems frame: what was refused, what is null in a run, and what disagrees."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from runkit.api.jsontext import as_unicode
from runkit.api.validation import Note, Path
from runkit.api.words import PROBLEMS
from runkit.display.text import shorten
from runkit.tables.arrow_columns import cast
from runkit.tables.sources import Record

LOST = PROBLEMS.meaning("lost")  # problems that cost a record, a value or the steps of a run
MAX_NAME = 100  # characters of a kind
MAX_LOCATION = 300

Row = dict[str, Any]


def problem_row(record: Record, note: Note, run: int | None = None) -> Row:
    """Build a row of a note on a record, or on the run of a number.

    Notes of one kind at one place in the schema are one row of the frame.
    """
    raw = record.raw if isinstance(record.raw, dict) else {}
    run_id = raw.get("id")
    is_run = raw.get("object") in (None, "run") and isinstance(run_id, str)
    # A step in a step is at the same place in the schema, so each name counts once.
    names = dict.fromkeys(part for part in note.path if isinstance(part, str))
    return {
        "run_id": as_unicode(str(run_id)) if is_run else None,
        "location": location_of(record, note.path),
        "problem": note.problem,
        "n": note.n,
        "detail": note.detail,
        "run": run,
        "key": (record.location, note.problem, *names),
    }


def location_of(record: Record, path: Path) -> str:
    """Write where something is: the JSON path, after file and line if there are."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return shorten(f"{record.location}{''.join(parts)}", MAX_LOCATION).removesuffix(" $")


def problems_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Build the frame; of notes that are one row the first is shown, with their number."""
    groups: dict[object, Row] = {}
    for row in rows:
        key = row["key"] if row["run"] is not None else len(groups)
        first = groups.setdefault(key, row)
        if first is not row:
            groups[key] = first | {"n": first["n"] + row["n"]}
    return cast(pd.DataFrame([*groups.values()]), "problems")
