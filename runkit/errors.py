"""Everything runkit raises.

    RunkitError
    ├── UsageError(ValueError)            an argument that cannot be used; nothing was sent
    ├── ReadOnlyError(PermissionError)    a POST through a client that was told not to write
    ├── DataError(ValueError)             records that are not what the API promises; `.problems`
    ├── MissingExtra(ImportError)         an optional part is not installed; says the pip line
    ├── ReportError(RuntimeError)         a report could not be made: a cell failed, or it would leak
    ├── ArchiveError(OSError)             an archive that cannot be read or written
    ├── WaitTimeout(TimeoutError)         a run still runs after the time given; `.run`
    └── ApiError                          the API said no, or nothing usable; `.status .messages .parameter`
        ├── AuthError(PermissionError)    401, 403: the key is missing, wrong or may not do this
        ├── NotFound(LookupError)         404
        ├── Invalid(ValueError)           400, 413, 422 and what else is the caller's to mend
        ├── Conflict(RuntimeError)        409, or the question is no longer open: somebody was first
        ├── RateLimited(ConnectionError)  429, on a read after all retries; `.retry_after` in seconds
        ├── Unavailable(ConnectionError)  no connection, a timeout or 5xx: surely not done, try again later
        ├── MaybeSent(ConnectionError)    a POST went out and no answer came back: it may have been done
        └── ContractError(ValueError)     an answer that the API's documentation does not allow

Each is also the builtin that a caller would expect to catch. Messages say what was given, what was
expected and what to do. No message ever holds a key or a header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runkit.text import brief, visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from runkit.client import RunList
    from runkit.models import Run

MAX_PATH = 300  # characters of a path in a message
DISTRIBUTION = "runkit-jupyter"  # the one place that knows the name on PyPI


class RunkitError(Exception):
    """The base of everything that runkit raises on purpose."""

    def __str__(self) -> str:
        return visible(super().__str__())  # a message may name what came from outside


class UsageError(RunkitError, ValueError):
    """An argument that cannot be used."""

    @classmethod
    def one_of(cls, name: str, given: object, choices: Iterable[str]) -> UsageError:
        """Build the error for a word that is not in a fixed list; suggests the nearest one."""
        from difflib import get_close_matches

        choices = list(choices)
        near = get_close_matches(given, choices, n=1) if isinstance(given, str) else ()
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return cls(
            f"{name}={brief(given)} is not known; expected one of {', '.join(map(repr, choices))}.{hint}"
        )

    @classmethod
    def of_path(cls, path: object, error: OSError | ValueError) -> UsageError:
        """Build the error for a path that the system refuses: too long, a NUL in it, not ours to read."""
        why = getattr(error, "strerror", None) or str(error)
        shown = repr(str(path))
        shown = shown if len(shown) <= MAX_PATH else shown[:MAX_PATH] + "…"
        return cls(f"{shown} cannot be used: {why}; give the path of another file or folder.")


class ReadOnlyError(RunkitError, PermissionError):
    """The client was made with `read_only=True` and was asked to write."""

    @classmethod
    def of(cls, method: str, path: str) -> ReadOnlyError:
        """Build the error for one request."""
        return cls(
            f"{method} {path} was refused here, nothing was sent: this client is read_only. "
            "To write on purpose, make a client with read_only=False."
        )


class DataError(RunkitError, ValueError):
    """Records that are not what the API promises. `problems` is the frame of `frames.md`, or None."""

    def __init__(self, message: str, problems: pd.DataFrame | None = None) -> None:
        super().__init__(message)
        self.problems = problems


class MissingExtra(RunkitError, ImportError):
    """A part of runkit needs a package of one of its extras."""

    @classmethod
    def of(cls, extra: str, what: str) -> MissingExtra:
        """Build the error that names the pip line."""
        return cls(f"{what} needs packages that are not installed: pip install '{DISTRIBUTION}[{extra}]'")


class ReportError(RunkitError, RuntimeError):
    """A report could not be made, and nothing was written: a cell failed, or it would leak."""


class ArchiveError(RunkitError, OSError):
    """An archive that cannot be read or written: none is there, it is not ours, or others hold it up."""


class WaitTimeout(RunkitError, TimeoutError):
    """The run had not stopped when the time was over. `run` is the last state seen."""

    def __init__(self, message: str, run: Run | None = None) -> None:
        super().__init__(message)
        self.run = run


class ApiError(RunkitError):
    """What all errors of a request share.

    `status` is the HTTP status or None when there was no answer, `messages` the API's own messages,
    `parameter` the field that the API complained about, or None.
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
        self.messages = messages
        self.parameter = parameter


class AuthError(ApiError, PermissionError):
    """401 or 403.

    `runs` are those that had arrived when the error ended `client.runs.fetch`, else None.
    """

    runs: RunList | None = None


class NotFound(ApiError, LookupError):
    """404."""


class Invalid(ApiError, ValueError):
    """400, 413, 422: the request must be changed before it is sent again."""


class Conflict(ApiError, RuntimeError):
    """What was asked no longer applies: the question is closed or was changed by somebody else.

    `run` is the run that shows it, None if it was not read.
    """

    run: Run | None = None


class RateLimited(ApiError, ConnectionError):
    """429; a read was repeated, a write was not. `retry_after` is in seconds, None if no wait was named."""

    retry_after: float | None = None


class Unavailable(ApiError, ConnectionError):
    """No connection, a timeout or 5xx on a request that did not change anything."""


class MaybeSent(ApiError, ConnectionError):
    """A POST went out and its fate is unknown. It is never sent again by itself: look first."""


class ContractError(ApiError, ValueError):
    """The API answered with something that its documentation does not allow."""
