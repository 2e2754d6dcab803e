"""Arguments of public calls: checked or read here, and a wrong one is a `UsageError` that names it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Set
from datetime import UTC, date, datetime, timedelta
from functools import cache, reduce, wraps
from operator import or_
from types import NoneType, SimpleNamespace, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from runkit import jsontext
from runkit.contract import parse_time
from runkit.errors import UsageError
from runkit.style import STATUS_OF
from runkit.text import brief, plural

STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True)
UNCHECKED = ("object", "Any", "Source", "Client | Source", "sources.Source")
"""Annotations of what is checked where it is read."""
SECRET = {"api_key", "base_url", "cert", "key", "proxy", "storage_options"}  # may hold a key or a login
PREFIXES = re.compile(r"Input should be |Value error, ")  # of pydantic's messages
LIMIT = re.compile("greater than|less than")
MIN_PREFIX = 8  # characters; shorter prefixes often match several ids
MAX_CANDIDATES = 5  # ids that an error lists
AGO = re.compile(r"(\d{1,4}) ?([mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
DAYS_AGO = {"today": 0, "yesterday": 1}


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("text that is not blank")
    return text


NonBlank = Annotated[str, AfterValidator(_not_blank)]
# 11 days, as timers of some systems end at 24
Seconds = Annotated[float, Field(ge=0.001, le=1_000_000)]
Rate = Annotated[float, Field(ge=0.001, le=1_000_000)]  # requests a second
Hours = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Workers = Annotated[int, Field(ge=1, le=64)]
Moment = datetime | date | str  # as `read_moment` takes it
Words = str | Iterable[str]  # one or several
F = TypeVar("F", bound=Callable[..., Any])


class _Parameter(NamedTuple):
    name: str
    hint: Any
    adapter: TypeAdapter[Any]

    def check(self, value: Any) -> Any:
        """Return the value, a number or flag of numpy as one of Python. Raises `UsageError`."""
        if getattr(value, "ndim", None) == 0:
            value = value.item()
        try:
            self.adapter.validate_python(value)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
        else:
            if not isinstance(value, str) or jsontext.is_unicode(value):
                return value
            details = []

        kinds = _alternatives(self.hint)
        literals = [kind for kind in kinds if get_origin(kind) is Literal]
        if literals and isinstance(value, str) and len(details) == 1:
            raise UsageError.one_of(self.name, value, get_args(literals[0]))
        shown = f" is {type(value).__name__}" if self.name in SECRET else f"={brief(value)}"
        reasons = [PREFIXES.sub("", detail["msg"]) for detail in details] or ["Unicode text"]
        expected = [f"a number {reason}" if LIMIT.match(reason) else reason for reason in reasons]
        expected += ["None"] if NoneType in kinds else []
        raise UsageError(f"{self.name}{shown}; expected {' or '.join(dict.fromkeys(expected))}")


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the parts of a union, or the hint itself."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _by_class(hint: Any) -> Any:
    """Return a hint that checks objects by their class alone: pydantic would look at their fields."""
    if not isinstance(hint, type) or hint.__module__ == "builtins":
        return hint

    def check(value: object) -> object:
        if not isinstance(value, hint):
            raise ValueError(f"an instance of {hint.__name__}")
        return value

    return Annotated[Any, AfterValidator(check)]


def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(reduce(or_, map(_by_class, _alternatives(hint))), config=STRICT)


def checked(function: F) -> F:
    """Check the arguments of a public function, or of a class, against its annotations at each call.

    A wrong one is a `UsageError`. Nothing is converted, except numbers and flags of numpy. Parameters that
    are annotated as `object` are not checked.
    """
    if isinstance(function, type):
        constructor = vars(function)["__init__"]
        setattr(function, "__init__", checked(constructor))  # noqa: B010 - mypy refuses the assignment
        return function
    signature = inspect.signature(function)

    @cache
    def parameters() -> list[_Parameter]:
        """Build the validators at the first call, because they take time."""
        annotations = {
            name: parameter.annotation
            for name, parameter in signature.parameters.items()
            if parameter.annotation not in (inspect.Parameter.empty, *UNCHECKED)
        }
        # The type of the result may be imported for type checkers only.
        holder = SimpleNamespace(__annotations__=annotations)
        hints = get_type_hints(holder, function.__globals__, include_extras=True)
        return [_Parameter(name, hint, _adapter(hint)) for name, hint in hints.items()]

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        for parameter in parameters():
            if parameter.name in bound.arguments:
                bound.arguments[parameter.name] = parameter.check(bound.arguments[parameter.name])
        return function(*bound.args, **bound.kwargs)

    return cast(F, call)


def read_moment(
    name: str, value: Moment | None, clock: Callable[[], datetime] | None = None
) -> datetime | None:
    """Read a time that a person gives, in UTC.

    Parameters
    ----------
    name
        The name of the argument.
    value
        A datetime, a date (its midnight), either as ISO 8601, `now`, `today` or `yesterday` (midnight), or
        how long ago: `30m`, `12h`, `7d`, `2w`. Without an offset it is in UTC. None stays None.
    clock
        The clock of what is relative; by default this machine's.

    Raises
    ------
    UsageError
        For anything else.
    """
    if value is None:
        return None
    word = value.strip().lower() if isinstance(value, str) else ""
    ago = AGO.fullmatch(word)
    if ago or word == "now" or word in DAYS_AGO:
        now = (clock() if clock else datetime.now(UTC)).astimezone(UTC)
        if ago:
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return now if word == "now" else midnight - timedelta(days=DAYS_AGO[word])
    try:
        text = value.isoformat() if isinstance(value, date) else value
        return parse_time(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        raise UsageError(
            f"{name}={brief(value)} is not a time; expected one such as 2026-02-03, 2026-02-03T10:00:00Z, "
            "7d, 12h, now, today or yesterday"
        ) from None


def status_words(status: Words | None) -> frozenset[str] | None:
    """Read one status or several, in the API's words or the screen's; an unknown word would match nothing."""
    words = one_or_several("status", status)
    for word in words or ():
        if word.lower() not in STATUS_OF:
            raise UsageError.one_of("status", word, STATUS_OF)
    return None if words is None else frozenset(STATUS_OF[word.lower()] for word in words)


def one_or_several(name: str, value: Words | None) -> frozenset[str] | None:
    """Read a word or several; None means no filter."""
    if value is None:
        return None
    words = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(word, str) for word in words):
        raise UsageError(f"{name}={brief(value)}; expected a str, or several of them")
    return frozenset(words)


def full_id(prefix: str, ids: Iterable[str]) -> str | None:
    """Find the id that starts with a prefix, ignoring case.

    Parameters
    ----------
    prefix
        An id, or at least its first 8 characters.
    ids
        The ids to choose from.

    Returns
    -------
    str or None
        The full id; None if none of them matches.

    Raises
    ------
    UsageError
        If several ids match; the error lists them.
    """
    ids = ids if isinstance(ids, Set) else set(ids)
    if prefix in ids or len(prefix) < MIN_PREFIX:
        return prefix if prefix in ids else None
    start = prefix.casefold()
    matches = sorted(item for item in ids if item.casefold().startswith(start))
    matches = [item for item in matches if len(item) == len(prefix)] or matches
    if len(matches) > 1:
        raise UsageError(
            f"{brief(prefix)} is the start of {len(matches):,} ids, such as "
            f"{', '.join(matches[:MAX_CANDIDATES])}. Give more characters."
        )
    return matches[0] if matches else None


def full_ids(names: Iterable[object], known: Iterable[str], place: str) -> list[str]:
    """Find the ids of ids or unique prefixes, each once and in their order.

    Raises `UsageError` if one is unknown or ambiguous.
    """
    known = set(known)
    names = list(names)
    found = [full_id(name, known) if isinstance(name, str) else None for name in names]
    missing = [brief(name) for name, run_id in zip(names, found, strict=True) if run_id is None]
    if missing:
        raise UsageError(
            f"{plural(len(missing), 'run id')} not in {place}: {', '.join(missing[:5])}; expected ids of its "
            f"{plural(len(known), 'run')}, or at least the first 8 characters of one."
        )
    return list(dict.fromkeys(run_id for run_id in found if run_id is not None))
