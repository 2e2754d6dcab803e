"""An API key that stays out of error messages, log lines and files."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from runkit.errors import UsageError

HIDDEN = "***"


class Secret:
    """A key without a repr, a str or a pickle.

    `reveal()` gives it, only for the header of a request. `redact()` replaces it in a text that may repeat
    it.
    """

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        IN_USE[self] = value

    def reveal(self) -> str:
        """Give the key."""
        return self._value

    def redact(self, text: str) -> str:
        """Replace the literal key by `***`."""
        return text.replace(self._value, HIDDEN)

    def __repr__(self) -> str:
        return repr(HIDDEN)

    def __reduce__(self) -> str:
        raise TypeError("a key cannot be pickled")


# what a report masks, whatever its format
IN_USE: WeakKeyDictionary[Secret, str] = WeakKeyDictionary()


def checked_key(name: str, key: object) -> str:
    """Check an API key. The `UsageError` names the argument and never repeats the key."""
    if not isinstance(key, str):
        raise UsageError(f"{name} must be a str; got {type(key).__name__}")
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(
            f"{name} ({len(key)} characters, not shown) is empty, or contains white space, a line break or a "
            "character outside ASCII; copy only the key again"
        )
    return key
