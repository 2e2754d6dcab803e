"""From a response, or an event of a stream, to parsed JSON, or an error that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, NoReturn, TypeVar
from urllib.parse import urlsplit

import httpx
from httpx_sse import ServerSentEvent

from runkit import errors
from runkit.api import contract
from runkit.api.contract import Json, event_fields
from runkit.api.models import Event
from runkit.display.messages import log, quoted
from runkit.display.text import kind, shorten
from runkit.errors import ApiError, ContractError

MAX_MESSAGES = 5
RETRY_AFTER = 1.0  # seconds where the host does not say: the limit is per second
# seconds; a longer wait is the caller's decision, not a notebook that seems to hang
RETRY_AFTER_MAX = 60.0
WRITE_WARNING = (
    " The request may have been carried out, so it was not sent again. Check the state first."
)
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
Parsed = TypeVar("Parsed")

CLASS_OF_STATUS: dict[int, type[ApiError]] = {
    401: errors.AuthError,
    403: errors.AuthError,
    404: errors.NotFound,
    408: errors.Unavailable,
    409: errors.Conflict,
    410: errors.NotFound,
    429: errors.RateLimited,
}
ADVICE: dict[type[ApiError], str] = {
    errors.AuthError: " Check that the key is whole, belongs to this host and may do this.",
    errors.NotFound: " Check the id (8 characters or more), and its host: sandbox or production.",
    errors.Conflict: " Read the object again: somebody else changed it.",
    errors.Invalid: " Change the request before you send it again.",
    errors.RateLimited: " Try again later, or make the client slower with rate=.",
    errors.Unavailable: " Nothing was changed; try again later.",
    errors.MaybeSent: WRITE_WARNING,
    ContractError: " The key is sent to one host, so a redirect is not followed. Check base_url.",
}


class Call(NamedTuple):
    """A request: its method, and its address without a query.

    In messages it is for example `GET /v1/runs/ID: HOST`.
    """

    method: str
    url: str

    def __str__(self) -> str:
        address = urlsplit(self.url)
        return f"{self.method} {address.path}: {address.netloc}"

    @property
    def is_write(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    @property
    def warning(self) -> str:
        """What its errors add if it may have been carried out."""
        return WRITE_WARNING if self.is_write else ""


class Reply(NamedTuple):
    """The parsed body, the server's time (its `Date` header, or None), and the request.

    Reading raises `ContractError` if the body does not follow the contract. After a write, the
    error warns that it may have been carried out.
    """

    value: Any
    read_at: datetime | None
    call: Call

    def read(self, parse: Callable[[Json], Parsed]) -> Parsed:
        """Read the body as one object."""
        try:
            if not isinstance(self.value, dict):
                raise ContractError(f"expected one JSON object, got {kind(self.value)}.")
            return parse(self.value)
        except ContractError as error:
            raise ContractError(f"{self.call}: {error}{self.call.warning}") from None


def read_event(message: ServerSentEvent, run_id: str) -> Event | None:
    """Read a message; None for one of an unknown type, or that cannot be read (logged).

    Raises `ContractError` for a snapshot of another run.
    """
    try:
        data = contract.loads(message.data.encode() or b"null")
        fields = event_fields(message.event, data)
        if fields is None:
            return None
        event = Event.from_json(fields)
    except ValueError:
        log.warning("left out of the stream: an event whose data cannot be read")
        return None
    shown = (event.snapshot or {}).get("id") or run_id
    if shown != run_id:
        raise ContractError(
            f"the stream of run {quoted(run_id, 100)!r} shows another run. "
            "Check base_url and the proxy."
        )
    return event


def read_reply(call: Call, response: httpx.Response, body: bytes) -> Reply:
    """Read a successful response. Raises the `ApiError` of any other."""
    if not response.is_success:
        raise error_of_response(call, response, body)
    try:
        return Reply(contract.loads(body), _http_date(response.headers.get("Date", "")), call)
    except ValueError:
        raise_alone(
            ContractError(
                f"{call} returned {len(body):,} bytes that cannot be read as JSON."
                f"{call.warning} Check base_url and the proxy.",
                status=response.status_code,
            )
        )


def raise_alone(error: Exception) -> NoReturn:
    """Raise an error without the handled one, which may hold the key or the body of a response.

    `raise ... from None` only hides it: it stays the `__context__`, which tools that collect errors
    read.
    """
    try:
        raise error
    finally:
        error.__context__ = None


def error_of_response(call: Call, response: httpx.Response, body: bytes) -> ApiError:
    """Build the error for a response that is not a success."""
    status = response.status_code
    cls = _class_of(status)
    if call.is_write and cls in (errors.Unavailable, ContractError):
        cls = errors.MaybeSent
    messages = _api_errors(body, "message")
    parameter = next(iter(_api_errors(body, "parameter")), None)
    text = f"{call} returned {status}"
    if messages:
        text += f", the API says: {' / '.join(messages[:MAX_MESSAGES])}"
    if parameter:
        text += f" (parameter {parameter})"
    return cls(f"{text}.{ADVICE[cls]}", status=status, messages=messages, parameter=parameter)


def _class_of(status: int) -> type[ApiError]:
    """Return the class of the error of a status."""
    if status in CLASS_OF_STATUS:
        return CLASS_OF_STATUS[status]
    if 400 <= status < 500:
        return errors.Invalid
    return errors.Unavailable if 500 <= status < 600 else ContractError


def error_without_response(call: Call, error: httpx.RequestError, seconds: float) -> ApiError:
    """Build the error for a request that had no complete response within these seconds."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        problem = "its certificate is not trusted; set SSL_CERT_FILE to the CA file"
    elif isinstance(error, NOT_SENT):
        problem = f"no connection ({shorten(str(error), 100)})"
    elif isinstance(error, httpx.TimeoutException):
        problem = f"no complete response within {seconds:.1f} s"
    else:
        problem = "the connection was lost, or the response cannot be decompressed"
    if call.is_write and not isinstance(error, NOT_SENT):
        return errors.MaybeSent(f"{call}: {problem}.{WRITE_WARNING}")
    advice = "Nothing was changed. Check the network, and that the host is running."
    return errors.Unavailable(f"{call}: {problem}. {advice}")


def _api_errors(body: bytes, field: str) -> tuple[str, ...]:
    """Read a field of `{"errors": [{"message", "parameter"}]}`."""
    try:
        items = contract.loads(body)["errors"]
        return tuple(quoted(item[field]) for item in items if item.get(field))
    except (ValueError, TypeError, KeyError, AttributeError):
        return ()


def retry_after(response: httpx.Response) -> float:
    """Return for how many seconds a host asks to be left alone ([A] 21).

    A date instead of a number would need a correct clock, and counts as none.
    """
    value = response.headers.get("Retry-After", "").strip()
    return min(float(value), RETRY_AFTER_MAX) if value.isdecimal() else RETRY_AFTER


def _http_date(text: str) -> datetime | None:
    """Read an HTTP date as aware UTC; None for anything else."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
