"""An API key that stays out of error messages, log lines and files."""

from __future__ import annotations

from runkit.errors import UsageError
from runkit.keys import HIDDEN, IN_USE


class Secret:
    """A key without a repr, a str or a pickle.

    `reveal()` returns it, only for the header of a request. `redact()` replaces it in a text that may repeat
    it. A key that cannot be one is a `UsageError` that names the argument and never repeats the key.
    """

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: object, name: str = "key") -> None:
        if not isinstance(value, str):
            raise UsageError(f"{name} must be a str; got {type(value).__name__}")
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise UsageError(
                f"{name} ({len(value)} characters, not shown) is empty, or contains white space, a line "
                "break or a character outside ASCII; copy only the key again"
            )
        self._value = value
        IN_USE[self] = value

    def reveal(self) -> str:
        """Return the key."""
        return self._value

    def redact(self, text: str) -> str:
        """Replace the literal key by `***`."""
        return text.replace(self._value, HIDDEN)

    def __repr__(self) -> str:
        return repr(HIDDEN)

    def __reduce__(self) -> str:
        raise TypeError("a key cannot be pickled")
