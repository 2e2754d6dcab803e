"""Many clients in one process, each on a thread and a connection of its own: `python -m soak.crowd`.

Reads its orders as JSON from stdin, writes as JSON what came of them to stdout: the ids by what was done with
them, the seconds that each kind of call took, and what went wrong, in words.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from runkit.client import Client
from runkit.errors import MaybeSent, Unavailable
from runkit.models import Run
from runkit.objects import Event

T = TypeVar("T")
APPROVE = {"decision": "approve", "note": "born in 1951, ours in 1984"}


class Crowd:
    """What all clients of this process did."""

    def __init__(self, url: str, key: str, timeout: float) -> None:
        self.url, self.key, self.timeout = url, key, timeout
        self.ids: dict[str, list[Any]] = defaultdict(list)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.wrong: list[str] = []

    def timed(self, what: str, call: Callable[..., T], *given: Any, **named: Any) -> T:
        """Make a call and note how long it took."""
        begun = time.perf_counter()
        result = call(*given, **named)
        self.seconds[what].append(time.perf_counter() - begun)
        return result

    def _events(self, client: Client, run: Run | str) -> list[Event]:
        return list(client.runs.stream(run))

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Give a client of its own; what goes wrong with it is noted."""
        try:
            with Client(self.key, self.url, rate=None, timeout=self.timeout) as client:
                yield client
        except Exception as error:
            self.wrong.append(f"{type(error).__name__}: {error}")

    def work(self, business: str, n_runs: int) -> None:
        """Create runs, follow each, answer what it asks, rate what it found, list everything."""
        with self.client() as client:
            for _ in range(n_runs):
                run = self.timed("create", client.runs.create, "cip_orchestrator", business)
                self.ids["created"].append(run.id)
                *_, last = self.timed("follow", self._events, client, run)
                assert last.run is not None
                [asked] = last.run.interrupts
                run = self.timed("answer", client.runs.resume, last.run, asked.id, APPROVE)
                self.ids["answered"].append(run.id)
                run = self.timed("wait", client.runs.wait, run)
                assert run.status == "completed", run
                assert run.output is not None
                artifact = run.output.artifacts[0].id
                self.timed("rate", client.runs.feedback, run, artifact, "positive")
                self.ids["rated"].append(run.id)
                listed = self.timed("list", client.runs.list, limit=300, progress=False)
                assert len(set(listed.ids)) == len(listed) == 300
                assert run.id in client.runs.list(since=run.created_at, progress=False).ids

    def make(self, business: str, n_runs: int) -> None:
        """Create runs, whatever happens meanwhile; note those of unknown fate, and those surely not made."""
        with self.client() as client:
            for _ in range(n_runs):
                try:
                    run = self.timed("create", client.runs.create, "cip_orchestrator", business)
                    self.ids["created"].append(run.id)
                except MaybeSent:
                    self.ids["maybe"].append(1)
                except Unavailable:  # surely not made
                    self.ids["not"].append(1)

    def answer(self, run_ids: list[str]) -> None:
        """Answer the question of each run, whatever happens meanwhile."""
        with self.client() as client:
            for run_id in run_ids:
                run = self.timed("read", client.runs.get, run_id)
                self.timed("answer", client.runs.resume, run, run.interrupts[0].id, APPROVE)
                self.ids["answered"].append(run_id)

    def follow(self, run_id: str) -> None:
        """Follow a run to its end; note each event by its time and type."""
        with self.client() as client:
            events = self.timed("follow", self._events, client, run_id)
            last = events[-1].run
            assert last is not None
            seen = [[event.type, event.timestamp] for event in events]
            self.ids["followed"].append([run_id, last.status, seen])


def main() -> None:
    """Do the orders: one thread for each, all at once."""
    orders = json.load(sys.stdin)
    crowd = Crowd(orders["url"], orders["key"], orders["timeout"])
    work = getattr(crowd, orders["work"])
    threads = [threading.Thread(target=work, args=given) for given in orders["each"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump({"ids": crowd.ids, "seconds": crowd.seconds, "wrong": crowd.wrong}, sys.stdout)


if __name__ == "__main__":
    main()
