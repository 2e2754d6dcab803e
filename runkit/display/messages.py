"""Messages for people: what they hide, the log, a terminal, and progress.

A message may quote the API, a file or a run, so every character of it is visible: a quote must not
look like another message, nor act on the terminal.
"""

from __future__ import annotations

import logging
import re
import shutil
import sys
import textwrap
from typing import Any, TextIO

from tqdm import tqdm

from runkit.display.text import one_line, shorten, visible

# ---------------------------------------------------------------------------------- keys in use

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


# -------------------------------------------------------------------------------- log, terminal

DELAY = 2.0  # seconds; what is done sooner shows no progress


def _escape(record: logging.LogRecord) -> bool:
    """Put the message of a record on one line, and indent its traceback."""
    record.msg = one_line(record.getMessage())
    record.args = ()
    if record.exc_info and not record.exc_text:
        traceback = logging.Formatter().formatException(record.exc_info)
        record.exc_text = textwrap.indent(visible(traceback), "  ")
    return True


log = logging.getLogger("runkit")
log.addFilter(_escape)


def echo(message: object, *, file: TextIO | None = None) -> None:
    """Print a message with every character visible: to a file, else to stderr.

    A terminal breaks between words, except in lines of code, which begin with a space.
    """
    lines = visible(str(message)).split("\n")
    if file is None and sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        wrapper = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
        lines = [line if line.startswith(" ") else wrapper.fill(line) for line in lines]
    print("\n".join(lines), file=file or sys.stderr, flush=True)


class Progress(tqdm):  # type: ignore[misc] # tqdm has no types
    """A bar of tqdm, which shows how much of long work is done, after `DELAY`.

    It is on stderr if that is a terminal, or in a notebook in one output of the cell. It is cleared
    at the end, so that it is not in a saved notebook. `update()` counts.

    Parameters
    ----------
    units
        What is counted, in the plural.
    total
        How many there will be, None if that is not known; it may be set later.
    progress
        Whether to show the bar.
    """

    monitor_interval = 0  # starts no thread; tqdm's own always does

    def __init__(self, units: str, *, total: int | None = None, progress: bool) -> None:
        is_in_cell = _is_kernel()
        super().__init__(
            total=total,
            unit=f" {units}",
            delay=DELAY,
            miniters=1,  # looks at the clock each time: some runs take longer than others
            leave=False,
            disable=None if progress else True,  # None: on a terminal and in a cell only
            file=_CellOutput() if is_in_cell else None,
            position=0 if is_in_cell else None,
        )


class _CellOutput:
    """A file for tqdm: one output of the running cell, as a cleared stderr leaves a red box."""

    encoding = "utf-8"  # tqdm draws blocks if its file has this

    def __init__(self) -> None:
        from IPython.display import DisplayHandle

        self._line = ""
        self._handle: Any = DisplayHandle()

    def write(self, text: str) -> None:
        line = text.strip()
        if line != self._line:
            show = self._handle.update if self._line else self._handle.display
            show({"text/plain": line}, raw=True)
            self._line = line

    def flush(self) -> None:
        """Do nothing: outputs are sent immediately."""


def _is_kernel() -> bool:
    ipython = sys.modules.get("IPython")  # a kernel has imported it
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
