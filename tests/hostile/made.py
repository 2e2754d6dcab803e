"""Objects with a hostile text in every field.

The fields are those of the models, found by looking at them: a new one is hostile as soon as it is
there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import count
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from runkit.api.contract import LOCAL, LOCAL_FIELDS
from runkit.api.models import Interrupt, Proposal, Run, Step
from runkit.api.views import ApiObject
from support import Json, at

KINDS = ("activity", "interrupt", "error", "output")
_numbers = count()


def models(base: type[ApiObject] = ApiObject) -> Iterator[type[ApiObject]]:
    """All models."""
    for cls in base.__subclasses__():
        if cls.__module__.startswith("runkit."):
            yield cls
        yield from models(cls)


def filled(cls: type[ApiObject], text: str, **given: Any) -> Json:
    """The JSON of an object with `text` in all its fields, in some that nobody knows, and as their names.

    Ids differ, and times are times.
    """
    hints = get_type_hints(cls, include_extras=True)
    made = {
        name: _value(hint, text)
        for name, hint in hints.items()
        if name not in ("steps", "proposals", LOCAL)
    }
    if cls is Interrupt:
        made["value"]["proposals"] = [filled(Proposal, text)]
    if "id" in made:
        made["id"] = f"{text}{next(_numbers)}"
    if "object" in made:
        made["object"] = cls.__name__.lower()  # another word is refused
    return made | {text: text, "unknown": {text: [text]}} | given


def _value(annotation: Any, text: str) -> Any:
    origin = get_origin(annotation)
    inner = get_args(annotation)
    if origin is Annotated or (origin is not None and NoneType in inner):
        return _value(inner[0], text)
    if origin is tuple:
        return [_value(inner[0], text)]
    if origin is dict:
        return {
            text: text,
            "label": text,
            "agent": text,
            "type": text,
            "list": [text, {text: text}],
        }
    if isinstance(annotation, type) and issubclass(annotation, ApiObject):
        return filled(annotation, text)
    plain = {bool: True, int: 1, float: 1.0, datetime: at(0)}
    return plain.get(annotation, text)


def hostile_run(text: str, *, is_tame: bool = False) -> Json:
    """A run whose every field is hostile, of its steps, artifacts, sources and questions, too.

    In a tame one the words that decide how it is shown are known ones, so that it is shown as
    usual.
    """
    run_id = f"{text}{next(_numbers)}"
    steps: list[Json] = []
    for number, kind in enumerate((*KINDS, text)):
        words = {"type": kind, "status": "completed"} if is_tame else {}
        steps.append(
            filled(
                Step,
                text,
                run_id=run_id,
                parent_step_id=None,
                started_at=at(10 * number),
                completed_at=at(10 * number + 9),
                steps=[],
                **words,
            )
        )
    child = filled(
        Step, text, run_id=run_id, parent_step_id=steps[0]["id"], started_at=at(1), steps=[]
    )
    steps[0]["steps"] = [child | {"completed_at": at(5)}]
    words = {"status": "completed"} if is_tame else {}
    made = filled(Run, text, id=run_id, started_at=at(0), ended_at=at(60), steps=steps, **words)
    return made | {LOCAL: {name: made.pop(name) for name in LOCAL_FIELDS}}


def hostile_runs(texts: dict[str, str]) -> list[Run]:
    """A wild run and a tame one for each text."""
    return [
        Run.from_json(hostile_run(text, is_tame=tame))
        for text in texts.values()
        for tame in (False, True)
    ]
