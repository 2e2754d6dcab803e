"""`client.runs.fetch` against a sandbox in a process of its own, on loopback, 50 ms away.

How much of an allowed rate it reaches under a strict limiter, how near it comes to latency x requests /
workers without one, and what it brings through a restart of the server. Correctness is checked first.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx

import runkit
from runkit.server import Sandbox

from .measuring import Row, row

LATENCY = 0.05  # seconds
RATE = 20  # requests a second
LIMITED = 200  # requests under the limit: 10 s
FREE = 600  # requests without one
ROUNDS = 3  # the best one counts: other work on the machine only ever makes it slower
DOWN = 6.0  # seconds that the server is away


class Counting(httpx.BaseTransport):
    """The network, and which answers it brought for which path."""

    def __init__(self) -> None:
        self.inner = httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=64))
        self.statuses: Counter[int] = Counter()
        self.read: Counter[str] = Counter()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send; a body that breaks off is no answer."""
        response = self.inner.handle_request(request)
        body = b"".join(cast("Iterable[bytes]", response.stream))
        response.close()
        self.statuses[response.status_code] += 1
        self.read[request.url.path] += response.is_success
        return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(body))

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()


class Served:
    """`runkit sandbox` with these options; `url` and `key` once it has said them."""

    def __init__(self, *options: object, key: str = "mk_test_sandbox_bench") -> None:
        hidden = ("RUNKIT_SANDBOX_URL", "RUNKIT_SANDBOX_KEY")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "runkit", "sandbox", *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment | {"RUNKIT_SANDBOX_KEY": key},
        )
        assert self.process.stdout is not None
        said = "".join(self.process.stdout.readline() for _ in range(2))
        told = dict(re.findall(r"export RUNKIT_SANDBOX_(\w+)=(\S+)", said))
        self.url, self.key = told["URL"], told["KEY"]

    def end(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(20)
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def served(*options: object) -> Iterator[Served]:
    server = Served(*options)
    try:
        yield server
    finally:
        server.end()


@contextmanager
def client_of(server: Served, rate: float | None = None) -> Iterator[tuple[runkit.Client, Counting]]:
    wire = Counting()
    with runkit.Client(server.key, server.url, rate=rate, transport=wire) as client:
        yield client, wire


def check(runs: runkit.RunList, ids: tuple[str, ...], wire: Counting, plain: dict[str, Any]) -> None:
    """Every run once, in the order asked, and equal to what a plain get gives."""
    assert runs.is_complete, runs.why
    assert runs.ids == ids
    assert all(wire.read[f"/v1/runs/{one}"] == 1 for one in ids)
    assert all(bare(run) == plain[run.id] for run in runs if run.id in plain)


def bare(run: runkit.Run) -> dict[str, Any]:
    return {name: value for name, value in run.to_dict().items() if name != "_runkit"}


def limited() -> list[Row]:
    with served("--history", LIMITED, "--latency", LATENCY, "--limit", RATE) as server:
        with client_of(server, RATE) as (client, _):
            ids = client.runs.list(progress=False).ids
            plain = {one: bare(client.runs.get(one)) for one in ids[:10]}
        time.sleep(1.1)  # the limiter's window is empty
        with client_of(server, RATE) as (client, wire):
            started = time.perf_counter()
            runs = client.runs.fetch(ids, progress=False)
            taken = time.perf_counter() - started
        check(runs, ids, wire, plain)
    reached = len(ids) / (RATE * taken)
    what = "20 a second allowed, 50 ms latency, strict limit"
    return [
        row("fetch", f"{what}: the allowed rate", 1 / reached, "of reached", 1 / 0.95),
        row("fetch", f"{what}: answers 429 to {len(ids)} requests", wire.statuses[429], "answers", 2),
    ]


def free() -> list[Row]:
    rows = []
    with served("--history", FREE, "--latency", LATENCY) as server:
        with client_of(server) as (client, _):
            ids = client.runs.list(progress=False).ids[:FREE]
            plain = {one: bare(client.runs.get(one)) for one in ids[:10]}
        for workers in (8, 16, 32):
            ratios = []
            for _ in range(ROUNDS):
                with client_of(server) as (client, wire):
                    started = time.perf_counter()
                    runs = client.runs.fetch(ids, progress=False, workers=workers)
                    taken = time.perf_counter() - started
                check(runs, ids, wire, plain)
                del runs
                ratios.append(taken / (LATENCY * len(ids) / workers))
            what = f"no limit, 50 ms latency, {workers} workers, {len(ids)} runs"
            rows.append(row("fetch", what, min(ratios), "of ideal", 1.3))
    return rows


def restarted() -> list[Row]:
    with served("--history", 400, "--latency", LATENCY) as server, client_of(server) as (client, wire):
        ids = client.runs.list(progress=False).ids
        plain = {run_id: bare(client.runs.get(run_id)) for run_id in ids[:10]}
        wire.read.clear()
        box = Sandbox(server.url, server.key, 1, None)
        timer = threading.Timer(0.8, box.fault, ("restart", "GET /runs"), {"seconds": DOWN})
        timer.start()
        started = time.perf_counter()
        runs = client.runs.fetch(ids, progress=False)
        taken = time.perf_counter() - started
        timer.join()
        check(runs, ids, wire, plain)
    what = f"restarted, {DOWN:g} s down, {len(ids)} runs"
    return [
        row("fetch", f"{what}: missing or read twice", len(ids) - len(set(runs.ids)), "runs", 0),
        row("fetch", f"{what}: in all", taken, "s", DOWN + LATENCY * len(ids) / 8 * 1.3 + 6),
    ]


def measure(n_steps: int) -> list[Row]:
    """Measure all; about 50 s, whatever `n_steps` is. Ideal is latency x requests / workers."""
    return [*limited(), *free(), *restarted()]
