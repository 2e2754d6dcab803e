"""The API's formats: its JSON text and times, and how responses are read.

`[A] n` is the number of an assumption in `contract.md`. When Middesk documents a format, this file
changes, or `question_kinds` for answers. Needs no HTTP library.
"""

from __future__ import annotations

import codecs
import json
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from runkit.api.words import RUN_STATUSES
from runkit.display.text import brief, kind
from runkit.errors import ContractError, DataError

Json = dict[str, Any]

# -------------------------------------------------------------------------------------- JSON text

# orjson reads at most 1,024 levels (about 500 nested steps) and no lone surrogates; an integer
# beyond 64 bits becomes a float, as in most JSON libraries. It writes neither more than 254 levels
# nor such an integer.
_MORE_THAN_ORJSON = re.compile("[Rr]ecursion|64-bit")


def loads(text: bytes) -> Any:
    """Read one JSON document. Raises `ValueError` for other text, and beyond 1,024 levels."""
    return orjson.loads(text.removeprefix(codecs.BOM_UTF8))


def dumps(value: Any, *, sort_keys: bool = False) -> str:
    """Write compact JSON.

    Raises `DataError` for what could not be read back: NaN, lone surrogates, keys that are not
    text, values that are too deep or contain themselves, and other Python objects.
    """
    option = orjson.OPT_SORT_KEYS if sort_keys else None
    try:
        text = orjson.dumps(value, option=option).decode()
        if "null" in text and orjson.loads(text) != value:
            json.dumps(value, allow_nan=False, default=str)  # orjson writes NaN as null
        return text
    except (TypeError, ValueError) as error:
        if not _MORE_THAN_ORJSON.search(str(error)):
            raise DataError(str(error)) from None
    return _large(value, sort_keys)


def _large(value: Any, sort_keys: bool) -> str:
    """Write JSON of more levels or longer integers than orjson writes, if it can read them."""
    separators = (",", ":")
    try:
        text = json.dumps(
            value, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False, separators=separators
        )
        loads(text.encode())
    except (RecursionError, TypeError, ValueError):
        raise DataError("the value is too deep or no JSON; it could not be read again") from None
    return text


def as_unicode(text: str) -> str:
    """Return the text with a question mark for each lone surrogate."""
    return text.encode("utf-8", "replace").decode()


# ------------------------------------------------------------------------------------------ times

_LOOKS_LIKE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d")


def parse_time(value: object) -> datetime:
    """Read an ISO 8601 string as an aware UTC datetime.

    Without an offset it is in UTC. More than six decimals are cut to microseconds. Raises
    `ValueError` for anything else: a number, a leap second, a date without a time, or a time
    outside the range of datetime.
    """
    if isinstance(value, datetime):
        when = value
    elif isinstance(value, str) and _LOOKS_LIKE_TIME.match(value):
        when = datetime.fromisoformat(value)
    else:
        raise ValueError(f"{brief(value)} is not a time; expected an ISO 8601 string")
    if when.tzinfo is None:
        return when.replace(tzinfo=UTC)
    try:
        return when.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{brief(value)} is outside the years 1 to 9999 in UTC") from None


def format_time(when: datetime) -> str:
    """Write a time as the API does: ISO 8601 in UTC, with a Z."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


# ----------------------------------------------------------------------------------------- requests

PER_PAGE = 100  # [A] 18: the documented maximum; always sent, because no default is documented


def is_updated_at_reliable(status: object) -> bool:
    """Return whether a run with this status changes only together with its `updated_at`.

    [A] 39: nothing says that `updated_at` changes with every step, so a running run may have
    changed without it; a waiting or finished one has not.
    """
    return not RUN_STATUSES.is_a(status, "running")


def has_ended(raw: Json) -> bool:
    """Return whether a run, as JSON, has ended: its questions wait no longer."""
    is_over = RUN_STATUSES.is_a(raw.get("status"), "over")
    return is_over or raw.get("ended_at") is not None


def state_of(raw: Json) -> tuple[Any, ...]:
    """Return what changes with the state of a run, as a list shows it.

    Raises `ValueError` if it has no `updated_at`.
    """
    updated_at = parse_time(raw.get("updated_at"))
    return updated_at, raw.get("status"), raw.get("interrupts")


def without_none(**fields: object) -> Json:
    """Build an object without the fields that are None."""
    return {name: value for name, value in fields.items() if value is not None}


# ---------------------------------------------------------------------------------------- responses


class Page(NamedTuple):
    """One page of a list. `has_more` and `total_count` are None if the API does not give them."""

    data: list[Json]
    has_more: bool | None
    total_count: int | None


def read_page(value: object, source: str) -> Page:
    """Read one page of a list; `source` names the request in errors.

    Raises `ContractError` for anything but the documented envelope with its `data`.
    """
    page = value if isinstance(value, dict) else {}
    data = page.get("data")
    if not isinstance(data, list):
        found = f"{kind(data)} there" if isinstance(value, dict) else kind(value)
        raise ContractError(
            f"{source}: expected an object with a list in `data`, found {found}. "
            "If this persists, the API has changed: please report it."
        )
    has_more = page.get("has_more")
    total = page.get("total_count")
    return Page(
        [item if isinstance(item, dict) else {} for item in data],
        has_more if isinstance(has_more, bool) else None,
        total if type(total) is int else None,
    )


# -------------------------------------------------------------------- what runkit stores with a run

LOCAL = "_runkit"  # the key, in a stored run, of what runkit knows and the API does not return
BUSINESS_FIELDS = ("business_id", "business_name", "business_status")
LOCAL_FIELDS = (
    "read_at",
    "read_from",
    "agent_name",
    *BUSINESS_FIELDS,
)


def local_fields(raw: Json) -> Json:
    """Return what is stored under `LOCAL` with a raw run."""
    local = raw.get(LOCAL)
    if not isinstance(local, dict):
        return {}
    return {name: local[name] for name in LOCAL_FIELDS if local.get(name) is not None}


def with_local_fields(raw: Json, **fields: str | datetime | None) -> Json:
    """Return the raw object with what the client knows and the API does not return, under `LOCAL`.

    What is None keeps what is stored there.
    """
    local = local_fields(raw)
    for name, value in without_none(**fields).items():
        local[name] = format_time(value) if isinstance(value, datetime) else value
    return {**raw, LOCAL: local} if local else raw


# ------------------------------------------------------------------------------------------- events

# RUN_ERROR: [A] 8, from AG-UI
EVENT_TYPES = (
    "RUN_STARTED",
    "STATE_SNAPSHOT",
    "RUN_FINISHED",
    "RUN_ERROR",
)
RUN_READ = "RUN_READ"  # runkit's own: the run as read after the stream


def event_fields(name: str, data: object) -> Json | None:
    """Read one message of the stream; None for a type that is not in `EVENT_TYPES`.

    The type is in the `event:` line (Middesk), else in the data (AG-UI). [A] 10: a snapshot is the
    run with its steps.
    """
    if not isinstance(data, dict):
        return None
    # SSE calls an unnamed event "message"
    word = name if name not in ("", "message") else data.get("type")
    return {**data, "type": word} if word in EVENT_TYPES else None
