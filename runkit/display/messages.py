"""Messages for people: the log of runkit, lines in a terminal, and how far long work is.

A message may quote the API, a file or a run, so every character of it is visible: a quote must not
look like another message, nor act on the terminal.
"""

from __future__ import annotations

import logging
import shutil
import sys
import textwrap
import time
from typing import Any, Self, TextIO

from runkit.display.text import duration, one_line, visible

DELAY = 2.0  # seconds; what is done sooner shows no progress
INTERVAL = 0.2  # seconds between two lines of progress


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
        lines = [line if line[:1] == " " else _wrapped(line, width) for line in lines]
    print("\n".join(lines), file=file or sys.stderr, flush=True)


def _wrapped(line: str, width: int) -> str:
    return textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)


class Progress:
    """A line that counts what is done, after `DELAY`: `312 of 500 runs, 20 s left`.

    It is on stderr if that is a terminal, or in a notebook in one output of the cell. It is cleared
    at the end, so that it is not in a saved notebook.

    Parameters
    ----------
    units
        What is counted, in the plural.
    total
        How many there will be, None if that is not known; it may be set later.
    progress
        Whether to show the line.
    """

    def __init__(self, units: str, *, total: int | None = None, progress: bool) -> None:
        self.units = units
        self.total = total
        self._n = 0
        self._start = time.monotonic()
        self._next = self._start + DELAY
        self._line: _CellLine | _TerminalLine | None = None
        if progress and _is_kernel():
            self._line = _CellLine()
        elif progress and sys.stderr.isatty():
            self._line = _TerminalLine()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._line and self._line.text:
            self._line.show("")

    def update(self, n: int = 1) -> None:
        """Count `n` more, and show it from time to time."""
        self._n += n
        now = time.monotonic()
        if self._line and now >= self._next:
            self._next = now + INTERVAL
            self._line.show(self._words(now - self._start))

    def _words(self, elapsed_s: float) -> str:
        if not self.total or self._n > self.total:
            return f"{self._n:,} {self.units}"
        left_s = elapsed_s / max(self._n, 1) * (self.total - self._n)
        left = duration(round(left_s))
        return f"{self._n:,} of {self.total:,} {self.units}, {left} left"


class _TerminalLine:
    """A line of the terminal, which the next text replaces."""

    text = ""

    def show(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        blank = " " * min(len(self.text), width)
        self.text = text
        sys.stderr.write(f"\r{blank}\r{text[:width]}")
        sys.stderr.flush()


class _CellLine:
    """One output of the running cell, which the next text replaces."""

    text = ""

    def __init__(self) -> None:
        from IPython.display import DisplayHandle

        self._handle: Any = DisplayHandle()

    def show(self, text: str) -> None:
        show = self._handle.update if self.text else self._handle.display
        self.text = text
        show({"text/plain": text}, raw=True)


def _is_kernel() -> bool:
    ipython = sys.modules.get("IPython")  # a kernel has imported it
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
