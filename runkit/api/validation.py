"""Check the API's JSON with pydantic, take out what breaks the contract, and read its parts.

The annotations of a view, such as `Run`, are the contract: `str` is required, `Maybe[str]` is
optional, `Items[Step]` is a list. Each view is compiled as a TypedDict. Only what breaks it calls
Python, which leaves an `Odd` in its place; `validated` takes these out and notes them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from itertools import chain
from types import UnionType
from typing import (
    Annotated,
    Any,
    NamedTuple,
    NotRequired,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import GetPydanticSchema, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypedDict

from runkit.api.contract import (
    ACTION_TYPES,
    LEGACY_STATUSES,
    RESOLUTIONS,
    RUN_STATUSES,
    STEP_STATUSES,
    Json,
    format_time,
    parse_time,
    read_time,
)
from runkit.display.text import brief, first_text, kind

Path = tuple[str | int, ...]
T = TypeVar("T")

# levels of nested steps; pydantic checks no more, and stops at a value that contains itself
MAX_LEVELS = 255
# The times that Arrow reads as they are; `read_time` reads other forms, and 29 February.
_DAY = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_HOUR = "([01][0-9]|2[0-3]):[0-5][0-9]"
TIME = rf"^[12][0-9]{{3}}-{_DAY}[T ]{_HOUR}:[0-5][0-9](\.[0-9]{{1,6}})?(Z|[+-]{_HOUR})$"


class Note(NamedTuple):
    """One thing that is wrong in a record, with a word of the problems frame."""

    problem: str
    detail: str
    path: Path = ()
    step_id: str | None = None


class Odd(NamedTuple):
    """A value that breaks the contract, with the annotation that it breaks (`wanted`).

    Or text in an unusual form, with the usual one (`instead`), and what to note of it (`detail`).
    """

    value: Any
    wanted: Any = None
    instead: str | None = None
    detail: str | None = None


# ------------------------------------------------------------------------------------- annotations


def _or_odd(schema: CoreSchema, read: Callable[[Any], Any], **options: Any) -> CoreSchema:
    """Build the schema that calls Python only for what another one refuses."""

    def note(value: Any, info: Any) -> Any:
        found = read(value)
        if isinstance(found, Odd):
            info.context.append(found)
        return found

    other = core_schema.with_info_plain_validator_function(note)
    return core_schema.union_schema([schema, other], mode="left_to_right", **options)


class _Tolerant:
    """Marks what is optional: a value that breaks the contract becomes `Odd`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return _or_odd(handler(source), lambda value: Odd(value, source))


class _List(_Tolerant):
    """Marks an optional list, whose items are optional."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        wanted = _list_of(get_args(source)[0]) | None
        return super().__get_pydantic_core_schema__(wanted, handler.generate_schema)


def _text(usual: CoreSchema, read: Callable[[Any], Any], name: str) -> GetPydanticSchema:
    """Mark text of which a usual form passes; `read` reads another or raises `ValueError`."""
    schema = _or_odd(usual, read, custom_error_type="text", custom_error_message=name)
    return GetPydanticSchema(lambda *_: schema)


def _other_time(value: Any) -> Odd:
    when, is_naive = read_time(value)
    detail = f"{brief(value)} has no offset, read as UTC" if is_naive else None
    return Odd(value, instead=format_time(when), detail=detail)


def _other_status(value: Any) -> str | Odd:
    if not isinstance(value, str):
        raise ValueError("not text")
    return Odd(value, instead=LEGACY_STATUSES[value]) if value in LEGACY_STATUSES else value


def _no_id(value: Any) -> Odd:
    raise ValueError("no text, or empty")


_TOLERANT, _LIST = _Tolerant(), _List()
_TIME = _text(core_schema.str_schema(pattern=TIME), _other_time, "an ISO 8601 time")
_WORDS = core_schema.literal_schema([*{*RUN_STATUSES, *STEP_STATUSES}])
Maybe = Annotated[T | None, _TOLERANT]
Items = Annotated[tuple[T, ...], _LIST]
Time = Annotated[datetime, _TIME]
Id = Annotated[
    str, _text(core_schema.str_schema(min_length=1), _no_id, "an id of at least one character")
]
Status = Annotated[str, _text(_WORDS, _other_status, "a valid string")]


class View:
    """The base of what has fields, by its annotations."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        schema: CoreSchema = handler.generate_schema(_record(source))
        return schema


class As(_Tolerant):
    """Marks optional JSON that has the fields of a view, and is read as it came."""

    def __init__(self, view: Any) -> None:
        self.view = view

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return super().__get_pydantic_core_schema__(self.view | None, handler.generate_schema)


class Field(NamedTuple):
    """What an annotation says of a field: the type of its values, and the view of objects."""

    type: Any
    view: Any
    is_required: bool
    is_list: bool
    absent: tuple[()] | None  # the value for null

    def read(self, value: Any) -> Any:
        """Return the value of the field in a view, from its JSON."""
        if value is None:
            return self.absent
        if self.type is datetime:
            return parse_time(value)
        if self.type is not self.view:
            return value
        return tuple(map(self.type, value)) if self.is_list else self.type(value)


@cache
def fields(cls: Any) -> dict[str, Field]:
    """Return the fields of a view by name."""
    hints = get_type_hints(cls, include_extras=True)
    return {name: _field(hint) for name, hint in hints.items()}


def _field(hint: Any) -> Field:
    marks: list[Any] = []
    is_list = False
    while (origin := get_origin(hint)) in (Annotated, Union, UnionType, tuple):
        hint, *others = get_args(hint)
        marks += others if origin is Annotated else []
        is_list |= origin is tuple
    first, last = (marks[0], marks[-1]) if marks else (None, None)
    is_view = isinstance(hint, type) and issubclass(hint, View)
    view = last.view if isinstance(last, As) else hint if is_view else None
    absent = () if isinstance(first, _List) else None
    return Field(hint, view, not isinstance(first, _Tolerant), is_list, absent)


@cache
def _record(cls: Any) -> Any:
    """Build the TypedDict of the JSON of a view; fields that the API adds are not looked at."""
    hints = get_type_hints(cls, include_extras=True)
    keys = {
        name: hints[name] if field.is_required else NotRequired[hints[name]]
        for name, field in fields(cls).items()
    }
    return TypedDict(cls.__name__, keys)  # type: ignore[operator]


# ------------------------------------------------------------------------------------------- check


@cache
def _checker(wanted: Any) -> Any:
    return TypeAdapter(wanted).validator


def _check(wanted: Any, value: Any, odd: list[Odd]) -> Any:
    """Check a value against an annotation; what is odd in it is appended to `odd`."""
    return _checker(wanted).validate_python(value, strict=True, context=odd)


class Checked(NamedTuple):
    """A checked object: the JSON without what breaks the contract, and what was wrong.

    `clean` is the JSON as it came if nothing was wrong, else a copy: an optional field with a wrong
    value is null, an item that lacks a required field is left out, and the children of a step that
    is left out have its place and its parent. It is None if the object itself lacks a required
    field, or is nested too deep. `paths` says by `id()` where the objects of a copy are in the JSON
    as it came; it is empty without a copy.
    """

    clean: Json | None
    notes: list[Note]
    paths: dict[int, Path]


def validated(cls: Any, raw: Any) -> Checked:
    """Check parsed JSON, which is not changed, against a view such as `Run`."""
    odd: list[Odd] = []
    try:
        checked = _check(cls, raw, odd)
        return _without_odd(cls, raw, checked) if odd else Checked(raw, [], {})
    except ValidationError as error:
        note = _broken(error, (), None)
    except RecursionError:
        note = Note("too_deep", f"its steps are nested deeper than {MAX_LEVELS} levels")
    return Checked(None, [note], {})


def _without_odd(cls: Any, raw: Json, checked: Json) -> Checked:
    """Build a copy without what is odd.

    While the copy is made, a step that is lost is replaced in its list by the list of its own
    steps; these take its place at the end. `lost` has the parents of lost steps, by their ids.
    """
    clean = {**raw, **checked}
    notes: list[Note] = []
    paths: dict[int, Path] = {}
    lost: dict[str | None, str | None] = {}
    lists: list[list[Any]] = []
    queue: list[tuple[Any, Any, Any, Path, str | None]] = [(cls, raw, clean, (), None)]
    for view, source, copy, path, owner in queue:  # the loop appends to it
        is_steps = path[-1:] == ("steps",)
        for key, inner_view in _values_in(view, copy):
            at = (*path, key)
            came = source[key]
            value = copy[key]
            step_id = _text_in(came, "id") if is_steps else owner
            if is_steps and at.count("steps") > MAX_LEVELS:
                raise RecursionError
            if isinstance(value, Odd):
                value, note = _settled(value, at, step_id)
                notes += note
                if note and isinstance(copy, list):  # the item is lost
                    value = []
                    lists.append(copy)
                    if is_steps:
                        lost[step_id] = owner or _text_in(came, "parent_step_id")
                        came = _steps_in(came)
                        at = (*at, "steps")
                        value = _check(_list_of(view), came, [])
            if isinstance(value, dict) and inner_view:
                value = {**came, **value}
            copy[key] = value
            if isinstance(value, dict | list) and inner_view:
                paths[id(value)] = at
                queue.append((inner_view, came, value, at, step_id))
    for items in reversed(lists):
        items[:] = chain.from_iterable(x if isinstance(x, list) else [x] for x in items)
    if lost:
        _relink([copy for _, _, copy, path, _ in queue if path[-2:-1] == ("steps",)], lost)
    return Checked(clean, notes, paths)


def _values_in(view: Any, holder: Any) -> list[tuple[Any, Any]]:
    """Return the keys of a list of objects, or of fields of one, and the views of the values."""
    if isinstance(holder, list):
        return [(number, view) for number in range(len(holder))]
    return [(name, field.view) for name, field in fields(view).items() if name in holder]


def _steps_in(step: Any) -> list[Any]:
    steps = step.get("steps") if isinstance(step, dict) else None
    return steps if isinstance(steps, list) else []


def _relink(steps: list[Json], lost: dict[str | None, str | None]) -> None:
    """Link the steps whose parent is lost to the nearest step above it that is not."""
    kept = {step["id"] for step in steps}
    for step in steps:
        above = step.get("parent_step_id")
        passed = {None}
        while above in lost and above not in kept | passed:
            passed.add(above)
            above = lost[above]
        if len(passed) > 1:
            step["parent_step_id"] = None if above in passed else above


def _settled(odd: Odd, path: Path, step_id: str | None) -> tuple[Any, list[Note]]:
    """Return what stands for an odd value, and a note of what is wrong.

    Nothing is if the value is right when checked alone: pydantic stops at some depth.
    """
    if odd.instead is not None:
        return odd.instead, [Note("naive_time", odd.detail, path, step_id)] if odd.detail else []
    try:
        return _check(odd.wanted, odd.value, []), []
    except ValidationError as error:
        return None, [_broken(error, path, step_id)]


@cache
def _list_of(view: Any) -> Any:
    return list[Annotated[view, _TOLERANT]]


def _text_in(step: Any, name: str) -> str | None:
    value = step.get(name) if isinstance(step, dict) else None
    return value if isinstance(value, str | None) else brief(value)


def _broken(failure: ValidationError, path: Path, step_id: str | None) -> Note:
    """Build the note of the first thing that breaks the contract in a value at a path."""
    error = failure.errors(include_url=False, include_context=False)[0]
    path = (*path, *error["loc"])
    value = error["input"]
    *_, name = path or ("the object",)
    if isinstance(name, int):
        name = f"item {name}"
    detail = "required but absent"
    if error["type"] != "missing" and value is not None:
        expected = error["msg"].removeprefix("Input should be ")
        detail = f"expected {expected}, found {kind(value)} {brief(value, 40)}"
    return Note("bad_field", f"{name}: {detail}", path, step_id)


# ---------------------------------------------------------------------------- what a run is made of


def objects(items: object) -> list[Json]:
    """Return the objects of a list; none if it is not a list."""
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def agent_of(run: Json) -> str | None:
    """Return the agent of a raw run: its own, else that of its first top-level step that names one.

    The object page shows a run without its agent. A step's agent was called its graph at first.
    """
    top = (step for step in objects(run.get("steps")) if not step.get("parent_step_id"))
    for holder in chain([run], top):
        agent = first_text(holder.get("agent"), holder.get("graph"))
        if agent is not None:
            return agent
    return None


def interrupt_value(item: Json) -> Json:
    """Return the value of an item of `interrupts`; without one, the item is it, without its id."""
    value = item.get("value")
    if isinstance(value, dict):
        return value
    return {name: item[name] for name in item if name != "id"}


def result_of(step: Json) -> Json:
    """Return the result of a step; an empty object if it has none."""
    result = step.get("result")
    return result if isinstance(result, dict) else {}


def resolution_of(step: Json) -> str | None:
    """Read a step's resolution: `result.resolution` (OpenAPI), else `resolution` (the guide)."""
    result = result_of(step)
    word = first_text(result.get("resolution"), step.get("resolution"))
    folded = (word or "").lower()
    return folded if folded in RESOLUTIONS else word


# [A] 41: where a result says why its step failed, the first that is there
REASONS = (
    *("error", "message", "error_message", "reason", "failure_reason"),
    *("detail", "exception", "errors", "cause", "title"),
)
REASON_LEVELS = 50  # of objects and lists in a result; Python's stack ends at a few hundred


def reason_of(step: Json) -> str | None:
    """Read why a step failed.

    Of a step of type `error` that is a text in its result, the summary of its artifact of this type
    unless that repeats the label, its label or the title of its artifact, in this order; of another
    one the title of an artifact of type `error`, else the text ([A] 23, 41).
    """
    is_error = step.get("type") == "error"
    reason = _reason_in(step.get("result"))
    artifacts = step.get("artifacts") or []
    errors = [artifact for artifact in artifacts if artifact["type"] == "error"]
    if not is_error:
        return first_text(*(artifact["title"] for artifact in errors), reason)
    label = first_text(step.get("label"))
    summaries = (artifact.get("summary") for artifact in errors)
    others = (text for text in summaries if not label or label not in (text or ""))
    return first_text(reason, *others, label, *(artifact["title"] for artifact in artifacts))


def _reason_in(value: object, levels: int = REASON_LEVELS) -> str | None:
    """Read the first text that says why; of a list from its first item."""
    if isinstance(value, list) and value and levels:
        return _reason_in(value[0], levels - 1)
    if not isinstance(value, dict) or not levels:
        return first_text(value)
    reason = first_text(*(_reason_in(value.get(name), levels - 1) for name in REASONS))
    code = value.get("code")
    if reason is None or isinstance(code, bool) or not isinstance(code, str | int):
        return reason
    return f"{reason} ({code})"


# [A] 32: where the result of a question has who answered, why and what; the first counts
PEOPLE = ("answered_by", "reviewer", "decided_by", "approved_by", "reviewed_by")
NOTES = ("comment", "note")
FLAGS = {"true": "approved", "false": "rejected"}
DECIDED = {
    "approve": "approved",
    "approved": "approved",
    "accepted": "approved",
    "reject": "rejected",
    "rejected": "rejected",
    "declined": "rejected",
    "denied": "rejected",
    "refused": "rejected",
    "overruled": "rejected",
    "edited": "edited",
}


def answer_in(result: Json) -> Json:
    """Return a result with the fields of its `input`, the form in which an answer is sent."""
    given = result.get("input")
    if not isinstance(given, dict):
        return result
    return given | {name: value for name, value in result.items() if name != "input"}


def answerer_of(step: Json) -> str | None:
    """Read who answered an interrupt step."""
    people = map(answer_in(result_of(step)).get, PEOPLE)
    return first_text(*(_name_of(who) if isinstance(who, dict) else who for who in people))


def decision_of(answer: Json) -> str | None:
    """Read the decision of an answer: approved, rejected or edited; None for anything else.

    [A] 2, 5, 32. Edited is an approval with changed actions, or of only some proposals.
    """
    answer = answer_in(answer)
    decisions = {*map(part_decision, objects(answer.get("proposals")) or [answer])}
    if len(decisions) > 1 and None not in decisions:
        return "edited"
    return decisions.pop() if len(decisions) == 1 else None


def part_decision(part: Json) -> str | None:
    """Read the decision on one proposal."""
    flag = FLAGS.get(str(part.get("approved")).lower())
    words = part.get("decision"), part.get("outcome"), flag
    word = next((word for word in words if word is not None), None)
    decision = DECIDED.get(str(word).lower())
    return "edited" if decision == "approved" and part.get("actions") is not None else decision


def note_of(answer: Json) -> str | None:
    """Read the note of an answer, and those of its proposals; None if there is none."""
    parts = (answer, *objects(answer.get("proposals")))
    notes = (first_text(*map(part.get, NOTES)) for part in parts)
    return " / ".join(filter(None, notes)) or None


def _name_of(person: Json) -> str | None:
    """Read the name of a person who answered. [A] 40."""
    return first_text(*map(person.get, ("name", "email", "id")))


# ------------------------------------------------------------------------------ kinds of questions

KINDS = (  # in the order of every screen
    "dismissal",
    "decision",
    "verify_tin",
    "document",
    "add_sources",
    "add_attributes",
    "mixed",
    "other",
)
# [A] 16: types are open words. First the names of actions, then the likely names of artifacts that
# propose them and of requests for documents.
_KIND_OF_TYPE = {
    **{word: word for word in ACTION_TYPES},
    **dict.fromkeys(("document", "document_request", "document_upload"), "document"),
    "tin_verification": "verify_tin",
    "watchlist_dismissal": "dismissal",
}


def interrupt_kind(value: Json) -> str:
    """Return the kind of an interrupt, one of `KINDS`.

    The value's own type decides if it is known, else the types of its proposals and artifacts: one
    kind is that kind, several are `mixed`, none is `other`, and so is a proposal without artifacts.
    Unknown types, such as those of findings, do not count.
    """
    kinds = _kinds_of(value)
    if not kinds:
        for proposal in proposals_of(value):
            artifacts = objects(proposal.get("artifacts"))
            kinds |= _kinds_of(proposal) or (_kinds_of(*artifacts) if artifacts else {"other"})
    return "mixed" if len(kinds) > 1 else next(iter(kinds), "other")


def _kinds_of(*items: Json) -> set[str]:
    return {_KIND_OF_TYPE.get(str(item.get("type")), "") for item in items} - {""}


def proposals_of(value: Json) -> list[Json]:
    """Return the proposals of an interrupt's value: those of a combined one, else the value itself.

    Only objects count; a combined value without a usable proposal is one proposal itself.
    """
    return objects(value.get("proposals")) or [dict(value)]


def n_proposals(value: Json) -> int:
    """Return how many proposals an interrupt's value has; one that proposes nothing has none."""
    listed = objects(value.get("proposals"))
    return len(listed) or int(bool(objects(value.get("artifacts")) or value.get("payload")))
