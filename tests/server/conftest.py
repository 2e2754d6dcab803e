"""A real server on loopback, with a real time that only moves when a test moves it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from runkit.server._app import SandboxServer
from runkit.server._recordings import packaged

KEY = "mk_test_sandbox_for_tests"
NOON = "2026-02-03T12:00:00Z"
ENDING = ThreadPoolExecutor()  # a server takes 0.2 s to end, for which the next test need not wait
BUSINESS = {business.scenario: business for business in packaged()}


@dataclass
class RealTime:
    """A stand-in for `time.time`."""

    seconds: float = 1_770_000_000.0

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.seconds


@dataclass
class Server:
    """The server under test, a client of it and its time.

    At speed 1 a real second is a virtual one.
    """

    running: SandboxServer
    http: httpx.Client
    time: RealTime = field(default_factory=RealTime)

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        """GET, expecting a status."""
        answer = self.http.get(path, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: Any, status: int = 201) -> Any:
        """POST, and the status that is expected."""
        answer = self.http.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def start(
        self, scenario: str = "clean_pass", agent: str = "cip_orchestrator", **more: Any
    ) -> str:
        """Create a run on the business of a scenario."""
        body = {"type": agent, "business_id": BUSINESS[scenario].id, **more}
        return str(self.post("/runs", body)["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """A run with its steps."""
        return dict(self.get(f"/runs/{run_id}", include="steps"))

    def settle(self, run_id: str) -> dict[str, Any]:
        """Let time pass until the run no longer works."""
        while (run := self.run(run_id))["status"] == "running":
            self.time.seconds += 30
        return run

    def reach(self, scenario: str, **more: Any) -> dict[str, Any]:
        """Start a run and let it come to its first stop."""
        return self.settle(self.start(scenario, **more))

    def resume(self, run: dict[str, Any], status: int = 200, **given: Any) -> Any:
        """Answer the first question of a run, expecting a status."""
        body = {"interrupt_id": run["interrupts"][0]["id"], "input": given}
        return self.post(f"/runs/{run['id']}/resume?include=steps", body, status)

    def answer(self, run: dict[str, Any], **given: Any) -> dict[str, Any]:
        """Answer the first question of a run and let it come to its next stop."""
        self.resume(run, **given)
        return self.settle(run["id"])

    def actions(self, scenario: str) -> list[Any]:
        """The actions on a business and on its watchlist result, newest first."""
        business = BUSINESS[scenario]
        objects = {"businesses": business.id, "watchlist_result": business.hit_id}
        lists = [
            self.get("/actions", object_type=word, object_id=object_id)["data"]
            for word, object_id in objects.items()
            if object_id
        ]
        return [action for listed in lists for action in listed]


Serve = Callable[..., Server]


@contextmanager
def serving() -> Iterator[Serve]:
    """Start servers that end with the block; options as `SandboxServer` takes them."""
    servers: list[Server] = []

    def start(**options: Any) -> Server:
        time = RealTime()
        running = SandboxServer(
            **{"key": KEY, "real_time": time, "speed": 1, "now": NOON, **options}
        )
        http = httpx.Client(
            base_url=running.url,
            headers={"Authorization": f"Bearer {KEY}"},
            trust_env=False,
            timeout=30,
        )
        servers.append(Server(running, http, time))
        return servers[-1]

    try:
        yield start
    finally:
        for server in servers:
            server.http.close()
            ENDING.submit(server.running.close)


@pytest.fixture
def serve():
    """Start servers that end with the test."""
    with serving() as start:
        yield start


@pytest.fixture(scope="module")
def server():
    """One for all tests of a module, at noon and at speed 1; each looks at its own runs."""
    with serving() as start:
        yield start()
