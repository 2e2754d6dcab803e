"""What a terminal is told: words, on which all is visible, and a progress bar.

The bar is on stderr, and wiped when it is done, so that nothing of it stays in a saved notebook.
"""

from __future__ import annotations

import sys
from typing import Any, TextIO

from tqdm import tqdm

from runkit.text import visible


def say(words: object = "", *, file: TextIO | None = None) -> None:
    """Tell the person at the terminal, on stderr unless `file` is given; nothing in it acts there."""
    print(visible(str(words)), file=file or sys.stderr, flush=True)


class Bar(tqdm):  # type: ignore[misc]
    """A bar of tqdm, options as there. It starts no thread; tqdm's own does, even where it is disabled."""

    monitor_interval = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(file=sys.stderr, leave=False, **options)

    def tell(self, words: str) -> None:
        """Write a line above the bar."""
        self.write(visible(words))
