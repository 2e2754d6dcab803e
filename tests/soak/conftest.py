"""What a long run is judged by: what a process holds, and what it leaves behind.

Memory is compared with itself, from after a warm-up on.
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from runkit.client import Client
from support import until

ROOT = Path(__file__).parent.parent.parent
MB = 2**20
TIMEOUT = 120  # seconds; on a busy machine processes start slowly


def rss(pid: int | None = None) -> int:
    """Return the memory of a process in bytes; of this one if no other is named."""
    return int(psutil.Process(pid).memory_info().rss)


def grown(sizes: Sequence[float]) -> float:
    """By how much the later half of some sizes lies above the earlier one, by their lowest."""
    half = len(sizes) // 2
    return min(sizes[half:]) - min(sizes[:half])


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


class Served(NamedTuple):
    """A sandbox in a process of its own, as `runkit sandbox` serves it."""

    process: subprocess.Popen[str]
    url: str
    key: str

    def client(self, **options: Any) -> Client:
        """Return a client that does not pace itself: the load is what is tested."""
        return Client(self.key, self.url, **{"rate": None, **options})

    def stop(self) -> None:
        """Stop it as a service manager does; it must end by itself, and well."""
        self.process.terminate()
        assert self.process.wait(TIMEOUT) == 0


@pytest.fixture
def serve():
    """Start `runkit sandbox` with some options; what still runs ends with the test."""
    started = []

    def start(*options):
        command = [sys.executable, "-m", "runkit", "sandbox", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
        started.append(process)
        assert process.stdout is not None
        output = "".join(process.stdout.readline() for _ in range(2))
        at = dict(re.findall(r"export MIDDESK_(\w+)=(\S+)", output))
        return Served(process, at["BASE_URL"], at["API_KEY"])

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def environment(**more: str) -> dict[str, str]:
    """Variables of a process that finds the package and the tests, and no account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MIDDESK")}
    paths = [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | more
