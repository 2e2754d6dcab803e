"""Read a user's file of finished runs, to be played: one run a line, or a JSON document.

A run is played as it is, whatever its other fields hold: only what the sandbox reads is checked.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from runkit.api.contract import FINAL_STATUSES, LOCAL, current_status, local_fields
from runkit.api.jsontext import loads
from runkit.api.validation import objects, resolution_of
from runkit.display.log import log
from runkit.display.text import agent_title, first_text, plural, run_label, short_id, shorten
from runkit.errors import UsageError
from runkit.local.files import usable
from runkit.server._accounts import SPACE, Json, id_in, ms_of
from runkit.server._recordings import Business, Recording, business_of, walk
from runkit.server._replay import moments_of

MAX_YEARS = 10  # that a run took; later times might be outside of datetime
MAX_NAMED = 1_000  # characters of a message about lines that are left out


Time = Annotated[str, AfterValidator(ms_of)]


class StepForm(BaseModel):
    """What is read of a step."""

    id: str
    type: str
    started_at: Time
    completed_at: Time | None = None
    parent_step_id: str | None = None
    steps: list[StepForm] | None = None
    artifacts: list[dict[str, Any]] | None = None


class RunForm(BaseModel):
    """What is read of a run."""

    id: str
    status: str
    created_at: Time
    updated_at: Time
    started_at: Time | None = None
    ended_at: Time | None = None
    steps: list[StepForm] = Field(min_length=1)
    output: dict[str, Any] | None = None


def read_recordings(path: str | Path) -> list[Business]:
    """Return a business for each finished run of a file, or the business of a file of recordings.

    What cannot be played is left out, and named in the log. Raises `UsageError` if nothing is left.
    """
    try:
        content = usable(path).read_bytes()
    except OSError as error:
        raise UsageError.of_path(path, error) from None
    with suppress(ValueError, TypeError, KeyError):
        document = loads(content)
        if "runs" in document:
            return [business_of(Path(path).stem, document)]
    problems: list[str] = []
    copies: dict[str, list[Json]] = {}
    for number, line in enumerate(content.splitlines(), 1):
        try:
            run = dict(loads(line))
            copies.setdefault(run["id"], []).append(run)
        except (ValueError, TypeError, KeyError):
            problems.append(f"line {number}: not a run")
    businesses = []
    for run_id, rows in copies.items():
        try:
            businesses.append(_business(run_id, rows))
        except ValueError as error:
            problems.append(f"run {short_id(str(run_id))}: {error}")
    named = shorten("; ".join(problems), MAX_NAMED)
    if not businesses:
        raise UsageError(
            f"replay={str(path)!r} has no run that can be played; expected finished runs with "
            f"their steps, one a line. {named}"
        )
    if problems:
        log.warning("replay: left out (%s): %s", len(problems), named)
    return businesses


def _business(run_id: str, copies: list[Json]) -> Business:
    """Return a business of its own for a run, from copies of it. Raises `ValueError`."""
    final = [row for row in copies if current_status(row.get("status")) in FINAL_STATUSES]
    if not final:
        raise ValueError("it has not ended")
    newest = max(final, key=lambda row: str(row.get("updated_at")))
    try:
        RunForm.model_validate(newest)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    moments = moments_of(newest)
    if max(moments) - min(moments) > MAX_YEARS * 366 * 86_400_000:
        raise ValueError(f"it took more than {MAX_YEARS} years")
    local = local_fields(newest)
    run = {key: value for key, value in newest.items() if key != LOCAL}
    run["status"] = current_status(run["status"])
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
    return Business(business_id, name, run_id, shows, body, [], [recording])


def _add_questions(run: Json, copies: list[Json]) -> None:
    """Add to each step of a question what was asked.

    Copies of a run that waited have it; else the step itself says it.
    """
    copies = sorted(copies, key=lambda row: str(row.get("updated_at")))
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
