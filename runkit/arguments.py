"""Arguments of public calls: a wrong one is a `UsageError` that names it.

`checked` looks at flags, numbers, words, texts and paths, as their annotations say. Runs, frames,
clients and times are data, which is checked where it is read, and so is a key, by `Secret`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache, wraps
from inspect import BoundArguments, Signature, signature
from itertools import chain
from numbers import Number
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin
from weakref import finalize

from pydantic import ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from runkit.api.contract import parse_time
from runkit.api.words import STATUS_OF
from runkit.display.messages import IN_USE, hide
from runkit.display.text import brief
from runkit.errors import UsageError

# Of seconds the limit is 11 days, as timers of some systems end at 24.
Seconds = Annotated[float, Field(ge=0.001, le=1_000_000)]
Hours = Seconds
Moment = datetime | date | str  # a time that `read_moment` takes
Words = str | Iterable[str]  # one or several
F = TypeVar("F", bound=Callable[..., Any])
Item = TypeVar("Item")

SECRET_NAMES = {"api_key", "base_url", "key"}  # arguments that hold a key, or a login in a URL
CHECKED = (bool, int, float, str, Path, NoneType)
# Text is neither blank nor broken Unicode.
STRICT = ConfigDict(strict=True, str_strip_whitespace=True, str_min_length=1)
SUBJECT = re.compile(r"^(Input|String) ")  # how messages of pydantic begin
SHORTEST_KEY = 8  # in place of a shorter text, messages would lose common words
MIN_PREFIX = 8  # characters; shorter prefixes often match several ids
AGO = re.compile(r"(\d{1,4}) ?([mhdw])")
SPAN_UNITS = {
    "m": "minutes",
    "h": "hours",
    "d": "days",
    "w": "weeks",
}


def checked(function: F) -> F:
    """Check the arguments of a public function, as its annotations say.

    A wrong one is a `UsageError`, and so is a missing or an unknown one.
    """
    own = signature(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = _bind(own, args, kwargs)
        del args, kwargs  # a traceback may show local variables
        if isinstance(bound, str):
            name = function.__qualname__.removesuffix(".__init__")
            known = ", ".join(name for name in own.parameters if name != "self")
            raise UsageError(f"{name}(): {bound}; its arguments are {known}")
        for name in bound.arguments.keys() & SECRET_NAMES:
            bound.arguments[name] = hide(bound.arguments[name])
        types = types_of(function)
        for name in bound.arguments.keys() & types.keys():
            bound.arguments[name] = check(name, bound.arguments[name], types[name])
        return function(*bound.args, **bound.kwargs)

    return cast(F, call)


def _bind(own: Signature, args: Any, kwargs: Any) -> BoundArguments | str:
    """Return the arguments by name, or why they do not fit."""
    try:
        return own.bind(*args, **kwargs)
    except TypeError as error:
        return str(error)


@cache
def types_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of the arguments that are checked; the others are data."""
    annotations = {**function.__annotations__}
    annotations.pop("return", None)  # its class may be imported for type checkers only
    types = {
        name: eval(annotation, function.__globals__)  # noqa: S307 - our own code
        for name, annotation in annotations.items()
    }
    return {
        name: hint for name, hint in types.items() if is_checked(hint) and name not in SECRET_NAMES
    }


def is_checked(hint: Any) -> bool:
    """Return whether a type is that of flags, numbers, words, texts or paths."""
    origin = get_origin(hint)
    if origin is Annotated:
        return is_checked(hint.__origin__)
    if origin in (Union, UnionType):
        return all(map(is_checked, get_args(hint)))
    return origin is Literal or hint in CHECKED


def check(name: str, value: Any, hint: Any) -> Any:
    """Return a value of this type and within its limits; a number of numpy as one of Python.

    Raises `UsageError` for any other.
    """
    if isinstance(value, Number) and hasattr(value, "item"):
        value = value.item()
    try:
        _adapter(hint).validate_python(value)
    except ValidationError as error:
        expected = " or ".join(SUBJECT.sub("it ", detail["msg"]) for detail in error.errors())
        raise UsageError(f"{name}={brief(value)} cannot be used; {expected}") from None
    return value


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint, config=STRICT)


def check_kind(name: str, value: object, *kinds: type) -> None:
    """Raise `UsageError` for data of another class."""
    if not isinstance(value, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        given = type(value).__name__
        raise UsageError(f"{name}={brief(value)} is {given}; expected {expected}")


def check_each(name: str, values: Any, kind: type[Item]) -> list[Item]:
    """Return several values as a list. Raises `UsageError` if one is of another class."""
    check_kind(name, values, Iterable)
    items = [*values]
    for number, item in enumerate(items):
        check_kind(f"{name}[{number}]", item, kind)
    return items


def read_moment(
    name: str, value: Moment | None, clock: Callable[[], datetime] | None = None
) -> datetime | None:
    """Read a time that a person gives, in UTC.

    Parameters
    ----------
    name
        The name of the argument.
    value
        A datetime, a date (its midnight), either as ISO 8601, `now`, or how long ago: `30m`,
        `12h`, `7d`, `2w`. Without an offset it is in UTC. None stays None.
    clock
        The clock of what is relative; by default this machine's.

    Raises
    ------
    UsageError
        For anything else.
    """
    if value is None:
        return None
    word = str(value).strip().lower()
    ago = AGO.fullmatch("0m" if word == "now" else word)
    if ago:
        now = clock() if clock else datetime.now(UTC)
        return now.astimezone(UTC) - timedelta(**{SPAN_UNITS[ago[2]]: int(ago[1])})
    try:
        return parse_time(datetime.fromisoformat(str(value)))
    except ValueError:
        raise UsageError(
            f"{name}={brief(value)} is not a time; expected one such as 2026-02-03, "
            "2026-02-03T10:00:00Z, 7d, 12h or now"
        ) from None


def status_words(status: Words | None) -> frozenset[str] | None:
    """Read one status or several, in the API's words or the screen's.

    Raises `UsageError` for an unknown word, which would match nothing.
    """
    words = one_or_several("status", status)
    try:
        found = [STATUS_OF[word.lower()] for word in words or ()]
    except KeyError as error:
        raise UsageError.one_of("status", error.args[0], STATUS_OF) from None
    return words and frozenset(chain.from_iterable(found))


def one_or_several(name: str, value: Words | None) -> frozenset[str] | None:
    """Read a word or several; None means no filter."""
    if value is None:
        return None
    check_kind(name, value, str, Iterable)
    return frozenset([value] if isinstance(value, str) else map(str, value))


def full_id(prefix: str, ids: Collection[str]) -> str | None:
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
        If several ids match; the error names two.
    """
    if prefix in ids:
        return prefix
    if len(prefix) < MIN_PREFIX:
        return None
    start = prefix.casefold()
    matches = sorted({item for item in ids if item.casefold().startswith(start)})
    if len(matches) > 1:
        raise UsageError(
            f"{brief(prefix)} is the start of {len(matches):,} ids, such as {matches[0]} and "
            f"{matches[1]}; give more characters"
        )
    return matches[0] if matches else None


def full_ids(
    names: Iterable[object], known: Iterable[str], where: str, advice: str = ""
) -> list[str]:
    """Return the ids of ids or unique prefixes, each once and in their order.

    Raises `UsageError` if one is unknown (with the advice) or ambiguous.
    """
    known = set(known)
    ids: dict[str, None] = {}  # the order of `names`, each once
    for name in names:
        run_id = full_id(str(name), known)
        if run_id is None:
            raise UsageError(
                f"run id {brief(name)} is not in {where}; give the id of a run there, or at least "
                f"its first {MIN_PREFIX} characters.{advice}"
            )
        ids[run_id] = None
    return list(ids)


class Secret(SecretStr):
    """A key whose repr hides it, and that cannot be copied into a file by pickle.

    A key that cannot be one is a `UsageError` that names the argument and never repeats the key.
    """

    def __init__(self, value: object, name: str = "key") -> None:
        value = hide(value)  # a traceback of these errors shows local variables
        super().__init__(value if isinstance(value, str) else "")
        if not isinstance(value, str):
            raise UsageError(f"{name} must be a str; got {type(value).__name__}")
        is_plain = value.isascii() and value.isprintable() and " " not in value
        if len(value) < SHORTEST_KEY or not is_plain:
            raise UsageError(
                f"{name} ({len(value)} characters, not shown) is shorter than {SHORTEST_KEY}, or "
                "contains white space, a line break or a character outside ASCII; copy only the "
                "key again"
            )
        IN_USE[id(self)] = value
        finalize(self, IN_USE.pop, id(self), None).atexit = False

    def __reduce__(self) -> str:
        raise TypeError("a key cannot be pickled")
