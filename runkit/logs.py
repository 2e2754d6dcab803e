"""The log of runkit: one line a message, on which all is visible.

A message may quote what the API, a file or a run says. Nothing in it begins a line that looks like another
message, or acts on the terminal that shows it.
"""

from __future__ import annotations

import logging
import textwrap

from runkit.text import one_line, visible


class _Harmless(logging.Filter):
    """Makes a record harmless: its message one line, its traceback indented."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = one_line(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            traceback = logging.Formatter().formatException(record.exc_info)
            record.exc_text = textwrap.indent(visible(traceback), "  ")
        return True


log = logging.getLogger("runkit")
log.addFilter(_Harmless())
