"""What a long run is judged by: what a process holds, and what it leaves behind.

Memory is compared with itself, from after a warm-up on.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from support import until

MB = 2**20


def rss() -> int:
    """Return the memory of this process in bytes."""
    return int(psutil.Process().memory_info().rss)


@contextmanager
def nothing_left() -> Iterator[None]:
    """No thread, open file or child of this process outlives the block."""

    def here() -> tuple[set[str], int, set[int]]:
        gc.collect()
        threads = {thread.name for thread in threading.enumerate()}
        me = psutil.Process()
        return threads, me.num_fds(), {child.pid for child in me.children(recursive=True)}

    before = here()
    yield
    # a socket may time out
    until(lambda: all(now <= then for now, then in zip(here(), before, strict=True)))
