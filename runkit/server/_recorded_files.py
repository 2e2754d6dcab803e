"""Read a user's file of finished runs, to be played: one run a line, or a JSON document."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from runkit.api.contract import FINAL_STATUSES, LOCAL, local_fields
from runkit.api.jsontext import loads
from runkit.api.models import Run
from runkit.api.validation import objects, resolution_of, validated
from runkit.display.log import log
from runkit.display.text import agent_title, first_text, plural, run_label, short_id, shorten
from runkit.errors import UsageError
from runkit.local.files import usable
from runkit.server._accounts import SPACE, Json, id_in
from runkit.server._recordings import Recording, SeededBusiness, business_of, walk
from runkit.server._replay import moments_of

MAX_YEARS = 10  # that a run took; later times might be outside of datetime
MAX_NAMED = 1_000  # characters of a message about records that are left out
GZIP_MAGIC = b"\x1f\x8b"


def read_recordings(path: str | Path) -> list[SeededBusiness]:
    """Return a business for each finished run of a file, or the business of a file of recordings.

    Runs and values that cannot be read are left out, and named in the log. Raises `UsageError` if
    nothing is left.
    """
    try:
        content = usable(path).read_bytes()
        content = gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError.of_path(path, error) from None
    rows = _rows_in(content)
    with suppress(IndexError, TypeError, KeyError):
        if "runs" in rows[0]:
            return [business_of(Path(path).stem, rows[0])]
    problems: list[str] = []
    copies: dict[str, list[Json]] = {}
    for number, row in enumerate(rows, 1):
        run, notes, _ = validated(Run, row)
        if run is None:
            problems.append(f"record {number}: {notes[0].detail}")
        else:
            copies.setdefault(run["id"], []).append(run)
            broken = (note.detail for note in notes if note.problem == "bad_field")
            problems += [f"run {short_id(run['id'])}: {detail}" for detail in broken]
    businesses = []
    for run_id, states in copies.items():
        try:
            businesses.append(_business(run_id, states))
        except ValueError as error:
            problems.append(f"run {short_id(run_id)}: {error}")
    named = shorten("; ".join(problems), MAX_NAMED)
    if not businesses:
        raise UsageError(
            f"replay={str(path)!r} has no run that can be played; expected finished runs with "
            f"their steps, one a line. {named}"
        )
    if problems:
        log.warning("replay: left out (%s): %s", len(problems), named)
    return businesses


def _rows_in(content: bytes) -> list[Any]:
    """Return the records of a document, or of each line; None for one that is not JSON."""
    with suppress(ValueError):
        document = loads(content)
        records = document.get("data", [document]) if isinstance(document, dict) else document
        return records if isinstance(records, list) else [records]
    rows: list[Any] = []
    for line in filter(bytes.strip, content.splitlines()):
        rows.append(None)
        with suppress(ValueError):
            rows[-1] = loads(line)
    return rows


def _business(run_id: str, copies: list[Json]) -> SeededBusiness:
    """Return a business of its own for a run, from copies of it. Raises `ValueError`."""
    final = [row for row in copies if row["status"] in FINAL_STATUSES]
    if not final:
        raise ValueError("it has not ended")
    newest = max(final, key=lambda row: str(row["updated_at"]))
    if not newest.get("steps"):
        raise ValueError("it has no steps")
    moments = moments_of(newest)
    if max(moments) - min(moments) > MAX_YEARS * 366 * 86_400_000:
        raise ValueError(f"it took more than {MAX_YEARS} years")
    local = local_fields(newest)
    run = {key: value for key, value in newest.items() if key != LOCAL}
    _add_questions(run, copies)
    recording = Recording(run, {}, [])
    agent_name = agent_title(recording.agent, local.get("agent_name"))
    name = run_label(run_id, local.get("business_name"), agent_name)
    n_steps = plural(sum(1 for _ in walk(run["steps"])), "step")
    business_id = id_in(SPACE, f"replay/{run_id}")
    body = {
        "object": "business",
        "id": business_id,
        "name": name,
        "status": "in_review",
        "created_at": run["created_at"],
        "updated_at": run["created_at"],
    }
    shows = f"a recorded run: {run['status']}, {n_steps}"
    return SeededBusiness(business_id, name, run_id, shows, body, [], [recording])


def _add_questions(run: Json, copies: list[Json]) -> None:
    """Add to each step of a question what was asked.

    Copies of a run that waited have it; else the step itself says it.
    """
    copies = sorted(copies, key=lambda row: str(row["updated_at"]))
    found = (item for row in copies for item in objects(row.get("interrupts")))
    items = {item["id"]: item for item in found if first_text(item.get("id"))}
    pauses = (step for step in walk(run["steps"]) if step["type"] == "interrupt")
    steps = [step for step in pauses if resolution_of(step) is None]
    for step in steps:
        result = step.get("result")
        known = result.get("interrupt_id") if isinstance(result, dict) else None
        item_id = first_text(known, next(iter(items), None))
        value = {key: step[key] for key in ("agent", "label", "artifacts") if step.get(key)}
        # an id that is asked again is another question
        step["asked"] = items.pop(item_id, {"value": value}) | {"id": f"{item_id}/{step['id']}"}
