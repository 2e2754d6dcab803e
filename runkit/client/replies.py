"""From an HTTP response to parsed JSON, or to the error: the request, the response and what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import httpx

from runkit import jsontext
from runkit.client.hosts import Target
from runkit.client.transport import http_date, path_of, retry_after
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
                f"{kind.__name__.lower()}.{done} If this persists, the API has changed: please report it."
            )
        try:
            return kind.from_json(change(self.value))
        except ContractError as error:
            why = str(error)
        raise ContractError(f"{self.source}: {why}{done}")

    def page(self) -> Page:
        """Read the body as one page of a list."""
        return Page.from_json(page_fields(self.value, self.source))


def read_reply(response: httpx.Response, target: Target) -> Reply:
    """Parse a successful response. Raises the matching `ApiError` for any other one."""
    request_line = target.secret.redact(f"{response.request.method} {path_of(response.request)}")
    if not response.is_success:
        raise refusal(response, target, request_line)
    try:
        value = jsontext.loads(response.content)
    except (ValueError, RecursionError):
        is_json = False  # raised below: the error must not hold the parser's, which has the whole body
    else:
        is_json = True
    if not is_json:
        raise _unreadable(response, target, request_line)
    return Reply(value, http_date(response.headers.get("Date", "")), f"{request_line}: {target.host}")


def _unreadable(response: httpx.Response, target: Target, request_line: str) -> ContractError:
    kind = target.secret.redact(response.headers.get("Content-Type", "no content type"))
    size, status = len(response.content), response.status_code
    is_read = response.request.method == "GET"
    done = "" if is_read else DONE
    return ContractError(
        f"{request_line}: {target.host} returned {status} with {size:,} bytes that are not JSON "
        f"({shorten(kind)}).{done} Check base_url and the proxy.",
        status=status,
    )


def refusal(response: httpx.Response, target: Target, request_line: str) -> ApiError:
    """Build the error for a response that is not a success. Its texts never contain the key."""
    status = response.status_code
    if status < 400:
        maybe = "" if response.request.method == "GET" else MAYBE
        return ContractError(
            f"{request_line}: {target.host} returned {status}, a redirect. It was not followed: the key goes "
            f"to one host only.{maybe} Check base_url.",
            status=status,
        )
    kind = _class_of(status, response.request.method)
    messages, parameter = _api_errors(response.content, target)
    quoted = f", the API says: {' / '.join(messages[:MAX_MESSAGES])}" if messages else ""
    about = f" (parameter {shorten(parameter)})" if parameter else ""
    error = kind(
        f"{request_line}: {status} from {target.host}{quoted}{about}. {_ADVICE[kind]}",
        status=status,
        messages=messages,
        parameter=parameter,
    )
    if isinstance(error, RateLimited):
        error.retry_after = retry_after(response.headers)
    return error


def _class_of(status: int, method: str) -> type[ApiError]:
    if status >= 500 or status == 408:
        return Unavailable if method == "GET" else MaybeSent
    return _CLASS_OF_STATUS.get(status, Invalid)


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
