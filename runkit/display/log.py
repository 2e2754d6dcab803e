"""The log of runkit: one line for each message, with every character visible.

A message may quote the API, a file or a run. A quote must not look like another message, nor act on
the terminal.
"""

from __future__ import annotations

import logging
import textwrap

from runkit.display.text import one_line, visible


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
