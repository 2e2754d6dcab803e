"""An API key that stays out of error messages, log lines and files."""

from __future__ import annotations

from weakref import finalize

from pydantic import SecretStr

from runkit.display.hide_keys import IN_USE, hide
from runkit.errors import UsageError

MIN_LENGTH = 8  # characters; in place of a shorter text, messages would lose common words


class Secret(SecretStr):
    """A key whose repr hides it, and that cannot be copied into a file by pickle.

    A key that cannot be one is a `UsageError` that names the argument and never repeats the key.
    """

    def __init__(self, value: object, name: str = "key") -> None:
        value = hide(value)  # a traceback of these errors shows local variables
        super().__init__(value if isinstance(value, str) else "")
        if not isinstance(value, str):
            raise UsageError(f"{name} must be a str; got {type(value).__name__}")
        is_plain = value.isascii() and value.isprintable() and " " not in value
        if len(value) < MIN_LENGTH or not is_plain:
            raise UsageError(
                f"{name} ({len(value)} characters, not shown) is shorter than {MIN_LENGTH}, or "
                "contains white space, a line break or a character outside ASCII; copy only the "
                "key again"
            )
        IN_USE[id(self)] = value
        finalize(self, IN_USE.pop, id(self), None).atexit = False

    def __reduce__(self) -> str:
        raise TypeError("a key cannot be pickled")
