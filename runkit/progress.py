"""The progress bar: on stderr, wiped when it is done, so that nothing of it stays in a saved notebook."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


class Bar(tqdm):  # type: ignore[misc]
    """A bar of tqdm, options as there. It starts no thread; tqdm's own does, even where it is disabled."""

    monitor_interval = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(file=sys.stderr, leave=False, **options)
