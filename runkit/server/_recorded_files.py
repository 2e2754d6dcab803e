"""Read a user's finished runs, to be played, as `runkit.frames` reads them."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from runkit.api.contract import LOCAL, Json
from runkit.api.models import Run
from runkit.api.reading import objects, policy_of, result_of
from runkit.api.validation import validated
from runkit.api.words import RUN_STATUSES
from runkit.display.messages import log
from runkit.display.text import first_text, plural
from runkit.errors import UsageError
from runkit.server._accounts import SPACE, id_in
from runkit.server._recordings import Recording, SeededBusiness, walk


def read_recordings(path: str | Path) -> list[SeededBusiness]:
    """Return a business for each finished run of a file or folder.

    The log says what is left out. Raises `UsageError` if nothing is left.
    """
    from runkit.tables.sources import records_of  # loads pandas

    left_out: Counter[str] = Counter()
    copies: dict[str, list[Json]] = defaultdict(list)
    for record in records_of(path):
        refusal = record.refusal
        run, notes = (None, [refusal]) if refusal else validated(Run, record.raw)
        if run:
            copies[run["id"]].append(run)
        else:
            left_out[notes[0].problem] += 1
    businesses = []
    for rows in copies.values():
        rows.sort(key=lambda row: str(row["updated_at"]))
        final = [row for row in rows if _can_be_played(row)]
        if final:
            businesses.append(_business(final[-1], rows))
        else:
            left_out["not ended"] += len(rows)
    reasons = ", ".join(f"{reason} {count}" for reason, count in left_out.items())
    if not businesses:
        raise UsageError(
            f"replay={str(path)!r} has no run that can be played ({reasons or 'no record'}); "
            "expected finished runs, such as those that runkit fetch writes."
        )
    if left_out:
        n_left_out = plural(left_out.total(), "record")
        n_runs = plural(len(businesses), "run")
        log.warning("replay plays %s and leaves out %s: %s", n_runs, n_left_out, reasons)
    return businesses


def _can_be_played(run: Json) -> bool:
    """Return whether a run has ended, and each of its steps has a start."""
    steps = walk(run.get("steps"))
    has_starts = all(step.get("started_at") and step.get("type") for step in steps)
    return has_starts and RUN_STATUSES.is_a(run["status"], "over")


def _business(newest: Json, copies: list[Json]) -> SeededBusiness:
    """Return a business of its own for a run, from copies of it in the order of their times."""
    run_id = newest["id"]
    run = {key: value for key, value in newest.items() if key != LOCAL}
    _add_questions(run, copies)
    business_id = id_in(SPACE, f"replay/{run_id}")
    body = {
        "object": "business",
        "id": business_id,
        "name": Run(newest).label,
        "status": "in_review",
        "created_at": run["created_at"],
        "updated_at": run["created_at"],
    }
    shows = f"a recorded run: {run['status']}"
    recording = Recording(run, {}, [])
    return SeededBusiness(business_id, body["name"], run_id, shows, body, [], [recording])


def _add_questions(run: Json, copies: list[Json]) -> None:
    """Add to each step of a question what was asked.

    Copies of a run that waited have it; else the step itself says it.
    """
    found = (item for row in copies for item in objects(row.get("interrupts")))
    items = {item["id"]: item for item in found if first_text(item.get("id"))}
    for step in walk(run.get("steps")):
        if step.get("type") == "interrupt" and policy_of(step) is None:
            item_id = first_text(result_of(step).get("interrupt_id"), next(iter(items), None))
            value = {key: step[key] for key in ("agent", "label", "artifacts") if step.get(key)}
            # an id that is asked again is another question
            item = items.pop(item_id, {"value": value})
            step["asked"] = item | {"id": f"{item_id}/{step['id']}"}
