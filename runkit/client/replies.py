"""From an HTTP response to parsed JSON, or to the error: the request, the response and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar

from runkit import jsontext
from runkit.client.hosts import Target
from runkit.contract import Json, describe_json, page_fields
from runkit.errors import (
    ApiError,
    AuthError,
    Conflict,
    ContractError,
    Invalid,
    MaybeSent,
    NotFound,
    RateLimited,
    Unavailable,
)
from runkit.models import ApiObject
from runkit.objects import Page
from runkit.text import shorten

MAX_MESSAGE = 300  # characters of one message of the API that an error repeats
MAX_MESSAGES = 5
MAYBE = " The request may have been carried out: check before you repeat it."
DONE = " It was probably carried out: check before you repeat it."
REPORT = "If this persists, the API has changed: please report it."
Headers = Mapping[str, str]
Read = TypeVar("Read", bound=ApiObject)

_CLASS_OF_STATUS: dict[int, type[ApiError]] = {
    401: AuthError,
    403: AuthError,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    429: RateLimited,
}
_ADVICE: dict[type[ApiError], str] = {
    AuthError: "Check that the key is whole, belongs to this host and may do this.",
    NotFound: "Check the id, and that it belongs to this host: sandbox and production share no data.",
    Conflict: "Read the object again: somebody else changed it.",
    Invalid: "Change the request before you send it again.",
    RateLimited: "Try again later, or make the client slower with rate=.",
    Unavailable: "Nothing was changed; try again later.",
    MaybeSent: "The request may have been carried out, so it was not sent again. Check the state first.",
}


class Reply(NamedTuple):
    """The parsed body, the server's time (its `Date` header, or None), and the request.

    `source` is for example `GET /v1/runs/ID: HOST`. Reading raises `ContractError` if the body does not
    follow the contract. After a write, the error warns that it was probably carried out.
    """

    value: Any
    read_at: datetime | None
    source: str

    def read(self, kind: type[Read], change: Callable[[Json], Json] = lambda raw: raw) -> Read:
        """Read the body as one object of a kind, after changing its JSON."""
        done = "" if self.source.startswith("GET ") else DONE
        if not isinstance(self.value, dict):
            raise ContractError(
                f"{self.source} returned {describe_json(self.value)}; expected one object, the "
                f"{kind.__name__.lower()}.{done} {REPORT}"
            )
        try:
            return kind.from_json(change(self.value))
        except ContractError as error:
            why = str(error)
        raise ContractError(f"{self.source}: {why}{done}")

    def page(self) -> Page:
        """Read the body as one page of a list."""
        return Page.from_json(page_fields(self.value, self.source))


def read_reply(line: str, status: int, headers: Headers, body: bytes, target: Target) -> Reply | ApiError:
    """Parse a successful response, or build the error; its texts never contain the key.

    `line` is the request, such as `GET /v1/runs/ID`.
    """
    is_read = line.startswith("GET ")
    if 300 <= status < 400:
        return ContractError(
            f"{line}: {target.host} returned {status}, a redirect. It was not followed: the key goes to one "
            f"host only.{'' if is_read else MAYBE} Check base_url.",
            status=status,
        )
    if not 200 <= status < 300:
        return _refusal(line, status, headers, body, target)
    try:
        return Reply(jsontext.loads(body), http_date(headers.get("Date", "")), f"{line}: {target.host}")
    except (ValueError, RecursionError):
        kind = shorten(target.secret.redact(headers.get("Content-Type", "no content type")))
        return ContractError(
            f"{line}: {target.host} returned {status} with {len(body):,} bytes that are not JSON ({kind})."
            f"{'' if is_read else DONE} Check base_url and the proxy.",
            status=status,
        )


def _refusal(line: str, status: int, headers: Headers, body: bytes, target: Target) -> ApiError:
    kind = _CLASS_OF_STATUS.get(status, Invalid)
    if status >= 500 or status == 408:
        kind = Unavailable if line.startswith("GET ") else MaybeSent
    messages, parameter = _api_errors(body, target)
    quoted = f", the API says: {' / '.join(messages[:MAX_MESSAGES])}" if messages else ""
    about = f" (parameter {shorten(parameter)})" if parameter else ""
    error = kind(
        f"{line}: {status} from {target.host}{quoted}{about}. {_ADVICE[kind]}",
        status=status,
        messages=messages,
        parameter=parameter,
    )
    if isinstance(error, RateLimited):
        error.retry_after = retry_after(headers)
    return error


def unusable(line: str, reason: str, target: Target) -> ApiError:
    """Build the error for a response whose body cannot be used."""
    if not line.startswith("GET "):
        return lost(line, reason, target, was_sent=True)
    return ContractError(
        f"{line}: {target.host}: {reason}. Check base_url and the proxy; if this persists, please report it."
    )


def lost(line: str, reason: str, target: Target, *, was_sent: bool) -> ApiError:
    """Build the error for a request without a response."""
    what = f"{line}: {target.host}: {reason}."
    if was_sent and not line.startswith("GET "):
        return MaybeSent(f"{what} {_ADVICE[MaybeSent]}")
    advice = "Is the sandbox still running?" if target.is_loopback else "Check the network."
    return Unavailable(f"{what} Nothing was changed. {advice}")


def _api_errors(body: bytes, target: Target) -> tuple[tuple[str, ...], str | None]:
    """Read `{"errors": [{"message", "parameter"}]}`, limited and without keys; anything else is empty."""
    try:
        value = jsontext.loads(body)
    except (ValueError, RecursionError):
        return (), None
    errors = value.get("errors") if isinstance(value, dict) else None
    items = [item for item in errors if isinstance(item, dict)] if isinstance(errors, list) else []

    def texts(name: str) -> tuple[str, ...]:
        values = (item[name] for item in items if isinstance(item.get(name), str))
        return tuple(shorten(target.secret.redact(text), MAX_MESSAGE) for text in values)

    return texts("message"), next(iter(texts("parameter")), None)


def retry_after(headers: Headers) -> float | None:
    """Read `Retry-After` as seconds; None if missing or unreadable.

    A date is relative to the server's own `Date`, so that a wrong clock on either side, or the sandbox's
    simulated time, does not matter.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    until = http_date(value)
    if until is None:
        return None
    now = http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """Read an HTTP date as aware UTC; None for anything else."""
    try:
        when = parsedate_to_datetime(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
