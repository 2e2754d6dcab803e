"""From an HTTP response to parsed JSON, or to the error: the request, the response and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar

import httpx

from runkit import errors, jsontext
from runkit.client.hosts import Target
from runkit.contract import Json, Page, read_page
from runkit.errors import ApiError, ContractError
from runkit.models import ApiObject
from runkit.text import kind, shorten

MAX_MESSAGE = 300  # characters of one message of the API that an error repeats
MAX_MESSAGES = 5
DOUBT = " The request may have been carried out, so it was not sent again. Check the state first."
Read = TypeVar("Read", bound=ApiObject)

_CLASS_OF_STATUS: dict[int, type[ApiError]] = {
    401: errors.AuthError,
    403: errors.AuthError,
    404: errors.NotFound,
    409: errors.Conflict,
    410: errors.NotFound,
    429: errors.RateLimited,
}
_ADVICE: dict[type[ApiError], str] = {
    errors.AuthError: " Check that the key is whole, belongs to this host and may do this.",
    errors.NotFound: " Check the id, and that it belongs to this host: sandbox and production share no data.",
    errors.Conflict: " Read the object again: somebody else changed it.",
    errors.Invalid: " Change the request before you send it again.",
    errors.RateLimited: " Try again later, or make the client slower with rate=.",
    errors.Unavailable: " Nothing was changed; try again later.",
    errors.MaybeSent: DOUBT,
}


class Reply(NamedTuple):
    """The parsed body, the server's time (its `Date` header, or None), and the request.

    `source` is for example `GET /v1/runs/ID: HOST`. Reading raises `ContractError` if the body does not
    follow the contract. After a write, the error warns that it may have been carried out.
    """

    value: Any
    read_at: datetime | None
    source: str

    def read(self, cls: type[Read], change: Callable[[Json], Json] = lambda raw: raw) -> Read:
        """Read the body as one object of a class, after changing its JSON."""
        why = f"expected one object, the {cls.__name__.lower()}; got {kind(self.value)}"
        try:
            if isinstance(self.value, dict):
                return cls.from_json(change(self.value))
        except ContractError as error:
            why = str(error)
        raise ContractError(f"{self.source}: {why}.{_doubt(self.source)}")

    def page(self) -> Page:
        """Read the body as one page of a list."""
        return read_page(self.value, self.source)


def read_reply(line: str, response: httpx.Response, body: bytes, target: Target) -> Reply:
    """Parse a successful response. Raises the `ApiError` of any other; its texts never contain the key.

    `line` is the request, such as `GET /v1/runs/ID`.
    """
    status, headers = response.status_code, response.headers
    if 300 <= status < 400:
        raise ContractError(
            f"{line}: {target.host} returned {status}, a redirect. It was not followed: the key goes to one "
            f"host only.{_doubt(line)} Check base_url.",
            status=status,
        )
    if not response.is_success:
        raise _refusal(line, response, body, target)
    with suppress(ValueError):
        return Reply(jsontext.loads(body), _http_date(headers.get("Date", "")), f"{line}: {target.host}")
    kind = shorten(target.secret.redact(headers.get("Content-Type", "no content type")))
    raise ContractError(
        f"{line}: {target.host} returned {len(body):,} bytes that are not JSON ({kind}).{_doubt(line)} "
        "Check base_url and the proxy.",
        status=200,
    )


def unusable(line: str, problem: str, target: Target) -> ApiError:
    """Build the error for a response whose body cannot be used."""
    if not line.startswith("GET "):
        return lost(line, problem, target, was_sent=True)
    what = shorten(target.secret.redact(problem), 100)
    return ContractError(f"{line}: {target.host}: {what}. Check base_url and the proxy.")


def lost(line: str, problem: str, target: Target, *, was_sent: bool) -> ApiError:
    """Build the error for a request without a response."""
    what = f"{line}: {target.host}: {target.secret.redact(problem)}."
    if was_sent and _doubt(line):
        return errors.MaybeSent(what + DOUBT)
    advice = "Is the sandbox still running?" if target.is_loopback else "Check the network."
    return errors.Unavailable(f"{what} Nothing was changed. {advice}")


def _doubt(line: str) -> str:
    """Give what an error of a write adds."""
    return "" if line.startswith("GET ") else DOUBT


def _refusal(line: str, response: httpx.Response, body: bytes, target: Target) -> ApiError:
    status = response.status_code
    kind = _CLASS_OF_STATUS.get(status, errors.Invalid)
    if status >= 500 or status == 408:
        kind = errors.MaybeSent if _doubt(line) else errors.Unavailable
    messages, parameters = (_api_errors(body, name, target) for name in ("message", "parameter"))
    quoted = f", the API says: {' / '.join(messages[:MAX_MESSAGES])}" if messages else ""
    about = f" (parameter {shorten(parameters[0])})" if parameters else ""
    error = kind(
        f"{line}: {status} from {target.host}{quoted}{about}.{_ADVICE[kind]}",
        status=status,
        messages=messages,
        parameter=parameters[0] if parameters else None,
    )
    if isinstance(error, errors.RateLimited):
        error.retry_after = retry_after(response.headers)
    return error


def _api_errors(body: bytes, field: str, target: Target) -> tuple[str, ...]:
    """Read a field of `{"errors": [{"message", "parameter"}]}`, cut and without the key."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        texts = [item.get(field) for item in jsontext.loads(body)["errors"]]
        return tuple(shorten(target.secret.redact(text), MAX_MESSAGE) for text in texts if text)
    return ()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After` in seconds; None if missing, or a date, which needs a right clock. [A] 21."""
    value = headers.get("Retry-After", "").strip()
    return float(value) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) else None


def _http_date(text: str) -> datetime | None:
    """Read an HTTP date as aware UTC; None for anything else."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
