"""Arguments of public calls: a wrong one is a `UsageError` that names it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache, reduce, wraps
from operator import or_
from types import SimpleNamespace, UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import core_schema

from runkit.api.contract import parse_time
from runkit.display.hide_keys import IN_USE, LIVE_KEY, TEST_KEY, hide
from runkit.display.status_words import STATUS_OF
from runkit.display.text import brief, plural
from runkit.errors import UsageError

# With any limit of a str, pydantic refuses text that is no Unicode.
STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True, str_min_length=0)
UNCHECKED = (
    "object",
    "Any",
    "Source",
    "Source | None",
    "Client | Source",
    "Client | pd.DataFrame | None",
    "sources.Source",
    "sources.Source | None",
    "str | Run | Iterable[str | Run] | Iterable[bool] | pd.DataFrame",
)
"""Arguments with these annotations are checked where they are read."""
# These arguments may hold a key or a login.
SECRET = {"api_key", "base_url", "cert", "key", "proxy"}
KEYS = {"api_key", "key"}  # the only arguments whose value may be a key
PREFIXES = re.compile(r"Input should be |Value error, ")  # how messages of pydantic begin
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
# The limit is 11 days, as timers of some systems end at 24.
Seconds = Annotated[float, Field(ge=0.001, le=1_000_000)]
Rate = Seconds  # the unit is requests a second, and the limits are the same
Hours = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Workers = Annotated[int, Field(ge=1, le=64)]
Moment = datetime | date | str  # a time that `read_moment` takes
Words = str | Iterable[str]  # one or several
F = TypeVar("F", bound=Callable[..., Any])


def _adapter(hint: Any) -> TypeAdapter[Any]:
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return TypeAdapter(reduce(or_, map(_by_class, parts)), config=STRICT)


def _by_class(hint: Any) -> Any:
    """Return a hint that checks objects by their class alone, and not by their fields."""
    if not isinstance(hint, type) or hint.__module__ == "builtins":
        return hint
    return Annotated[Any, GetPydanticSchema(lambda *_: core_schema.is_instance_schema(hint))]


def _bind(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> inspect.BoundArguments | str:
    """Return the arguments by parameter, keys and logins hidden, or why they do not fit."""
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        return str(error)
    for name in SECRET & bound.arguments.keys():
        bound.arguments[name] = hide(bound.arguments[name])
    return bound


def _is_key(value: object) -> bool:
    """Return whether a value is a key: one in use, or text that begins as keys of Middesk do."""
    if not isinstance(value, str):
        return False
    text = value.strip()
    return text.startswith((LIVE_KEY, TEST_KEY)) or text in list(IN_USE.values())


def _problem(
    arguments: dict[str, Any], adapters: dict[str, TypeAdapter[Any]], keys: set[str]
) -> str | None:
    """Return what is wrong with the arguments; make numbers and flags of numpy those of Python."""
    for name, value in arguments.items():
        if hasattr(type(value), "ndim") and value.ndim == 0:
            value = arguments[name] = value.item()
        values = value if isinstance(value, list | tuple | set) else [value]
        if name not in keys and any(map(_is_key, values)):
            return f"{name} is or has an API key (not shown); expected it as api_key= only"
        adapter = adapters.get(name)
        try:
            if adapter:
                adapter.validate_python(value)
        except ValidationError as error:
            got = f" is {type(value).__name__}" if name in SECRET else f"={brief(value)}"
            expected = " or ".join(detail["msg"] for detail in error.errors())
            expected = PREFIXES.sub("", expected).replace("greater than", "a number greater than")
            return f"{name}{got}; expected {expected}"
    return None


def checked(function: F) -> F:
    """Check the arguments of a public function, or of a class, against its annotations.

    A wrong one is a `UsageError`, and so is an API key in the place of another one. Nothing is
    converted, except numbers and flags of numpy. Parameters that are annotated as `object` are not
    checked. Functions get keys and logins as text whose repr is hidden.
    """
    if isinstance(function, type):
        constructor = vars(function)["__init__"]
        setattr(function, "__init__", checked(constructor))  # noqa: B010 - for mypy
        return function
    signature = inspect.signature(function)
    # the key of a sample is a file
    keys = {name for name in KEYS if "Path" not in str(function.__annotations__.get(name))}

    @cache
    def adapters() -> dict[str, TypeAdapter[Any]]:
        """Build the validators at the first call, because they take time."""
        annotations = {
            name: hint
            for name, hint in function.__annotations__.items()
            if name != "return" and hint not in UNCHECKED
        }
        # The type of the result may be imported for type checkers only.
        holder = SimpleNamespace(__annotations__=annotations)
        hints = get_type_hints(holder, function.__globals__, include_extras=True)
        return {name: _adapter(hint) for name, hint in hints.items()}

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        # Errors are raised here, where no local variable holds a key: a traceback may show them.
        bound = _bind(signature, args, kwargs)
        del args, kwargs
        if isinstance(bound, str):
            name = function.__qualname__.removesuffix(".__init__")
            raise TypeError(f"{name}() {bound}; expected {name}({', '.join(signature.parameters)})")
        problem = _problem(bound.arguments, adapters(), keys)
        if problem is not None:
            del bound
            raise UsageError(problem)
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
        A datetime, a date (its midnight), either as ISO 8601, `now`, `today` or `yesterday`
        (midnight), or how long ago: `30m`, `12h`, `7d`, `2w`. Without an offset it is in UTC. None
        stays None.
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
    ago = AGO.fullmatch("0m" if word == "now" else word)
    if ago or word in DAYS_AGO:
        now = (clock() if clock else datetime.now(UTC)).astimezone(UTC)
        if ago:
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(DAYS_AGO[word])
    try:
        text = value.isoformat() if isinstance(value, date) else value
        return parse_time(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        raise UsageError(
            f"{name}={brief(value)} is not a time; expected one such as 2026-02-03, "
            "2026-02-03T10:00:00Z, 7d, 12h, now, today or yesterday"
        ) from None


def status_words(status: Words | None) -> frozenset[str] | None:
    """Read one status or several, in the API's words or the screen's.

    Raises `UsageError` for an unknown word, which would match nothing.
    """
    words = one_or_several("status", status)
    try:
        return words and frozenset(STATUS_OF[word.lower()] for word in words)
    except KeyError as error:
        raise UsageError.one_of("status", error.args[0], STATUS_OF) from None


def one_or_several(name: str, value: Words | None) -> frozenset[str] | None:
    """Read a word or several; None means no filter."""
    if value is None:
        return None
    words = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(word, str) for word in words):
        raise UsageError(f"{name}={brief(value)}; expected a str, or several of them")
    return frozenset(words)


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
        If several ids match; the error lists them.
    """
    if prefix in ids:
        return prefix
    start = prefix.casefold()
    matches = sorted({item for item in ids if item.casefold().startswith(start)})
    if len(prefix) < MIN_PREFIX or not matches:
        return None
    if len(matches) > 1:
        raise UsageError(
            f"{brief(prefix)} is the start of {len(matches):,} ids, such as "
            f"{', '.join(matches[:MAX_CANDIDATES])}. Give more characters."
        )
    return matches[0]


def full_ids(
    names: Iterable[object], known: Iterable[str], where: str, advice: str = ""
) -> list[str]:
    """Return the ids of ids or unique prefixes, each once and in their order.

    Raises `UsageError` if one is unknown (with the advice) or ambiguous.
    """
    known = set(known)
    ids: dict[str, None] = {}  # the order of `names`, each once
    missing = []
    for name in names:
        run_id = full_id(str(name), known)
        if run_id is None:
            missing.append(brief(name))
        else:
            ids[run_id] = None
    if missing:
        raise UsageError(
            f"{plural(len(missing), 'run id')} not in {where}: {', '.join(missing[:5])}; "
            f"expected ids of its {plural(len(known), 'run')}, or at least the first 8 characters "
            f"of one.{advice}"
        )
    return list(ids)
