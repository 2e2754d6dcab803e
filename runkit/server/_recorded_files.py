"""Read a user's file of finished runs, to be played, as `runkit.frames` reads it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from runkit.api.contract import FINAL_STATUSES, LOCAL, Json
from runkit.api.models import Run
from runkit.api.validation import objects, resolution_of, result_of, validated
from runkit.display.log import log
from runkit.display.text import first_text, short_id, shorten
from runkit.errors import UsageError
from runkit.local.files import usable
from runkit.server._accounts import SPACE, id_in
from runkit.server._recordings import Recording, SeededBusiness, walk


def read_recordings(path: str | Path) -> list[SeededBusiness]:
    """Return a business for each finished run of a file.

    Runs that cannot be played are left out, and named in the log. Raises `UsageError` if nothing is
    left.
    """
    from runkit.tables.sources import records_of  # loads pandas

    try:
        content = usable(path).read_bytes()
    except OSError as error:
        raise UsageError.of_path(path, error) from None
    problems: list[str] = []
    copies: dict[str, list[Json]] = defaultdict(list)
    for number, record in enumerate(records_of(content), 1):
        run, notes, _ = validated(Run, record.raw)
        if run is None:
            note = record.fault or notes[0]
            problems.append(f"record {number}: {note.detail}")
        else:
            copies[run["id"]].append(run)
    businesses = []
    for run_id, rows in copies.items():
        final = [row for row in rows if row["status"] in FINAL_STATUSES and row.get("steps")]
        if final:
            newest = max(final, key=lambda row: str(row["updated_at"]))
            businesses.append(_business(newest, rows))
        else:
            problems.append(f"run {short_id(run_id)}: it has not ended, or has no steps")
    named = shorten("; ".join(problems), 1000)
    if not businesses:
        raise UsageError(
            f"replay={str(path)!r} has no run that can be played; expected finished runs with "
            f"their steps, one a line. {named}"
        )
    if problems:
        log.warning("replay: left out (%s): %s", len(problems), named)
    return businesses


def _business(newest: Json, copies: list[Json]) -> SeededBusiness:
    """Return a business of its own for a run, from copies of it."""
    run_id = newest["id"]
    run = {key: value for key, value in newest.items() if key != LOCAL}
    _add_questions(run, copies)
    recording = Recording(run, {}, [])
    business_id = id_in(SPACE, f"replay/{run_id}")
    body = {
        "object": "business",
        "id": business_id,
        "name": Run(newest | {"agent": recording.agent}).label,
        "status": "in_review",
        "created_at": run["created_at"],
        "updated_at": run["created_at"],
    }
    shows = f"a recorded run: {run['status']}"
    return SeededBusiness(business_id, body["name"], run_id, shows, body, [], [recording])


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
        item_id = first_text(result_of(step).get("interrupt_id"), next(iter(items), None))
        value = {key: step[key] for key in ("agent", "label", "artifacts") if step.get(key)}
        # an id that is asked again is another question
        step["asked"] = items.pop(item_id, {"value": value}) | {"id": f"{item_id}/{step['id']}"}
