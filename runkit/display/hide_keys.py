"""The API keys in use, which no error shows, and no report."""

from __future__ import annotations

import re
from typing import Any

from runkit.display.text import shorten

HIDDEN = "***"
# What a report shows in place of a masked value.
MASK = re.compile(r"\[([\w .-]{1,40}) \d{1,9}(?: (?:…|\\u2026)\d{1,4})?\]")
LIVE_KEY, TEST_KEY = "mk_live_", "mk_test_"  # how a key of Middesk begins
# A key by how it begins, in use or not: of Middesk, Stripe, GitHub, Slack, OpenAI, Hugging Face,
# npm, PyPI, GitLab, AWS, Google, SendGrid, and JSON Web Tokens.
KEY_FORM = re.compile(
    r"(?:(?i:[mrs]k_(?:live|test)_|whsec_|github_pat_|xox[a-z]-|xapp-)"
    r"|(?<![A-Za-z0-9])(?:gh[a-z]_|(?:sk-|hf_|npm_|pypi-|gl[a-z]{2,5}-)(?=[\w-]{0,99}\d)"
    r"|A[KS]IA(?=[0-9A-Z]{8})|AIza|SG\.|eyJ(?=[\w-]{1,999}\.)))[\w-]{8,}(?:\.[\w-]+)*"
)
# How the name of a secret ends, in a text and in JSON.
SENSITIVE_NAME = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|secret|token"
    r"|(?:api|access|private|secret|signing)[ _-]?key)"
)
# keys by the identity of their client or sandbox; copy before you iterate, as others add to it
IN_USE: dict[int, str] = {}


class HiddenText(str):
    """Text whose repr hides it, as a traceback shows the repr of arguments and local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN)


class HiddenBytes(bytes):
    """The same for bytes, which are refused as a key."""

    def __repr__(self) -> str:
        return repr(HIDDEN)


def hide(value: Any) -> Any:
    """Return a value that may be a key or hold a login, with a repr that hides its texts."""
    if isinstance(value, str):
        return HiddenText(value)
    if isinstance(value, bytes):
        return HiddenBytes(value)
    if isinstance(value, tuple):
        return tuple(map(hide, value))
    if isinstance(value, dict):
        return {name: hide(item) for name, item in value.items()}
    return value


def redact(text: str, mask: str = HIDDEN) -> str:
    """Replace keys by a mask: those in use, the longest first, and what has the form of one."""
    for key in sorted(IN_USE.values(), key=len, reverse=True):
        text = text.replace(key, mask)
    return KEY_FORM.sub(mask, text)


def quoted(text: str, limit: int = 300) -> str:
    """Return a text of the API for a message: without keys, on one line, and cut."""
    return shorten(redact(text), limit)
