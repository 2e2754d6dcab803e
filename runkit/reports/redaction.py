"""The redaction policy of a report: which rules apply, and your own patterns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from runkit.errors import UsageError
from runkit.reports.rules import RULES
from runkit.text import brief

MAX_KEPT_DIGITS = 4  # of an EIN or SSN: as many as banks and tax offices print
_NAME = re.compile(r"[\w .-]{1,40}")


@dataclass(frozen=True)
class Redaction:
    """What is masked in a report: the built-in rules except those in `reveal`, and your own patterns.

    Parameters
    ----------
    patterns
        Regular expressions by rule name.
    reveal
        The names of rules that are not applied; the report lists them. `key` is always applied.
    keep_last
        The number of last digits of an EIN or SSN that stay readable, 0 to 4.

    Raises
    ------
    UsageError
        For an invalid pattern, rule name or number.
    """

    patterns: Mapping[str, str | re.Pattern[str]] = field(default_factory=dict, repr=False)
    reveal: Collection[str] = ()
    keep_last: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.patterns, Mapping):
            raise UsageError(f"patterns={brief(self.patterns)}; expected a dict of regular expressions.")
        if not isinstance(self.reveal, Iterable):
            raise UsageError(f"reveal={brief(self.reveal)}; expected a rule name, or several.")
        patterns = {name: _compile(name, pattern) for name, pattern in self.patterns.items()}
        reveal = (self.reveal,) if isinstance(self.reveal, str) else tuple(self.reveal)
        object.__setattr__(self, "patterns", patterns)
        object.__setattr__(self, "reveal", reveal)
        for name in reveal:
            if not isinstance(name, str):
                raise UsageError(f"reveal contains {brief(name)}; expected rule names.")
            if name == "key":
                raise UsageError("reveal='key' is not allowed: reports always mask API keys. Remove it.")
            if name not in RULES and name not in patterns:
                raise UsageError.one_of("reveal", name, [*(r for r in RULES if r != "key"), *patterns])
        if type(self.keep_last) is not int or not 0 <= self.keep_last <= MAX_KEPT_DIGITS:
            raise UsageError(
                f"keep_last={brief(self.keep_last)}; expected a whole number from 0 to {MAX_KEPT_DIGITS}."
            )


def _compile(name: str, pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"patterns: the name {brief(name)} is invalid; expected 1 to 40 letters, digits, spaces or _ . -"
        )
    if name in RULES:
        raise UsageError(f"patterns: {name!r} is the name of a built-in rule; choose another name.")
    try:
        compiled = re.compile(pattern)
        matches_empty = compiled.search("") is not None
    except (re.error, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"patterns[{name!r}] is not a valid regular expression: {error}.") from None
    if matches_empty:
        raise UsageError(
            f"patterns[{name!r}] matches empty text; expected at least one character, for example + for *."
        )
    return compiled
