"""Everything runkit raises.

    RunkitError
    ├── UsageError(ValueError)            an argument that cannot be used; nothing was sent
    ├── ReadOnlyError(PermissionError)    a POST through a read-only client
    ├── DataError(ValueError)             records that do not follow the API's contract; `.problems`
    ├── MissingExtra(ImportError)         an optional part is not installed; gives the pip command
    ├── ReportError(RuntimeError)         a report was not made: a cell failed, or it would leak
    ├── StorageError(OSError)             a file was begun and cannot be written, as on a full disk
    ├── WaitTimeout(TimeoutError)         a run is still running after the timeout; `.run`
    └── ApiError                          refused or unusable; `.status .messages .parameter`
        ├── AuthError(PermissionError)    401, 403: the key is missing, wrong or may not do this
        ├── NotFound(LookupError)         404, 410
        ├── Invalid(ValueError)           400, 413, 422 and others that the caller can fix
        ├── Conflict(RuntimeError)        409, or the question is no longer open
        ├── RateLimited(ConnectionError)  429 after all retries
        ├── Unavailable(ConnectionError)  no connection, timeout or 5xx: nothing changed, try later
        ├── MaybeSent(ConnectionError)    a POST without a response: it may have been carried out
        └── ContractError(ValueError)     a response that the API's documentation does not allow

Each is also the builtin that a caller would expect to catch. Messages say what was given, what was
expected and what to do. No message ever contains a key or a header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runkit.display.messages import redact
from runkit.display.text import brief, shorten, visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

MAX_PATH = 300  # characters of a path in a message
DISTRIBUTION = "runkit-jupyter"  # not on PyPI yet


class RunkitError(Exception):
    """The base of all errors of runkit. Keys are left out of its message."""

    def __init__(self, message: str = "") -> None:
        super().__init__(redact(message))

    def __str__(self) -> str:
        return visible(super().__str__())  # a message may contain text from outside


class UsageError(RunkitError, ValueError):
    """An argument that cannot be used."""

    @classmethod
    def one_of(cls, name: str, value: object, choices: Iterable[str]) -> UsageError:
        """Build the error for a word that is not in a fixed list; suggests the closest one."""
        from difflib import get_close_matches

        choices = list(choices)
        near = get_close_matches(value, choices, n=1) if isinstance(value, str) else ()
        hint = f" Did you mean {near[0]!r}?" if near else ""
        expected = ", ".join(map(repr, choices))
        return cls(f"{name}={brief(value)} is not known; expected one of {expected}.{hint}")

    @classmethod
    def of_path(cls, path: object, error: Exception) -> UsageError:
        """Build the error for a path that the system refuses."""
        why = getattr(error, "strerror", None) or str(error)
        text = shorten(repr(str(path)), MAX_PATH)
        return cls(f"{text} cannot be used: {why}; use another file or folder.")


class ReadOnlyError(RunkitError, PermissionError):
    """A write through a client with `read_only=True`."""

    @classmethod
    def of(cls, method: str, path: str) -> ReadOnlyError:
        """Build the error for one request."""
        return cls(
            f"{method} {path}: nothing was sent, because this client is read_only. "
            "To write on purpose, make a client with read_only=False."
        )


class DataError(RunkitError, ValueError):
    """Records that do not follow the API's contract.

    `problems` is a frame, as in `Frames`, or None.
    """

    def __init__(self, message: str, problems: pd.DataFrame | None = None) -> None:
        super().__init__(message)
        self.problems = problems


class MissingExtra(RunkitError, ImportError):
    """A part of runkit needs packages of an extra that are not installed."""

    @classmethod
    def of(cls, extra: str, what: str) -> MissingExtra:
        """Build the error with the pip command."""
        return cls(
            f"{what} needs packages that are not installed; in a clone of runkit: "
            f"pip install --editable '.[{extra}]'"
        )


class ReportError(RunkitError, RuntimeError):
    """A report could not be made, and nothing was written: a cell failed, or it would leak."""


class StorageError(RunkitError, OSError):
    """A file that was begun cannot be written to its end, as on a full disk."""


class WaitTimeout(RunkitError, TimeoutError):
    """The run was still running at the timeout.

    `run` is the last state read, a `runkit.Run`, or None.
    """

    def __init__(self, message: str, run: Any = None) -> None:
        super().__init__(message)
        self.run = run


class ApiError(RunkitError):
    """The base of all errors of a request.

    `status` is the HTTP status, or None without a response, `messages` the API's own messages,
    `parameter` the field that the API refused, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        messages: tuple[str, ...] = (),
        parameter: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.messages = tuple(map(redact, messages))
        self.parameter = None if parameter is None else redact(parameter)


class AuthError(ApiError, PermissionError):
    """401 or 403: the key is missing or wrong, or may not do this."""


class NotFound(ApiError, LookupError):
    """404 or 410: the host has no such object, or the key may not see it."""


class Invalid(ApiError, ValueError):
    """400, 413, 422: change the request before you send it again."""


class Conflict(ApiError, RuntimeError):
    """The request no longer applies: the question is closed, or somebody else changed the object.

    `run` is the run as read afterwards, or None.
    """

    run: Any = None


class RateLimited(ApiError, ConnectionError):
    """429; reads were retried, writes were not."""


class Unavailable(ApiError, ConnectionError):
    """No connection, a timeout or 5xx for a request that changed nothing."""


class MaybeSent(ApiError, ConnectionError):
    """A POST without a response: it may have been carried out, and is never repeated.

    Check first. `answer_id` is the entry of an answer in `runkit.answer_log()`, or None.
    """

    answer_id: int | None = None


class ContractError(ApiError, ValueError):
    """A response that the API's documentation does not allow."""
