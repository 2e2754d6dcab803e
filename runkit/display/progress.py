"""Messages for a terminal, with every character visible, and a progress bar.

The bar is on stderr, or in a notebook in one output of the cell. It is cleared at the end, so that
it is not in a saved notebook.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import Any, TextIO

from tqdm import tqdm

from runkit.display.text import visible


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


DELAY = 2.0  # seconds; what comes sooner needs no bar


class Bar(tqdm):  # type: ignore[misc]
    """A bar of tqdm, with its options, after `DELAY`; none without `progress`.

    It starts no thread; tqdm's own always does.
    """

    monitor_interval = 0

    def __init__(self, *, progress: bool, **options: Any) -> None:
        if _is_kernel():  # on stderr, a cleared bar would leave an empty red box
            options |= {"file": _CellOutput(), "position": 0}
        disable = None if progress else True  # None: only on a terminal, or in a cell
        super().__init__(leave=False, delay=DELAY, disable=disable, **options)


class _CellOutput:
    """A file for tqdm that shows its last line in one output of the running cell."""

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
