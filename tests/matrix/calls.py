"""A sandbox with something of everything in it, and each call of the client on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx

from runkit import RunList
from runkit.client import Client
from runkit.models import Run
from tests.faults import FaultyServer
from tests.sandbox.conftest import BUSINESS, KEY, Server

SPEED = 60  # seconds that a client's waits take in a real one


class QuickClient(Client):
    """A client whose pace and pauses pass faster than the api; its network does not."""

    _clock = staticmethod(lambda: time.monotonic() * SPEED)
    _sleep = staticmethod(lambda seconds: time.sleep(seconds / SPEED))


@dataclass
class Api:
    """The sandbox, what is on it, and what counts as having been done there."""

    server: Server
    run: dict[str, Any] = field(init=False)
    action_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.server.http.close()
        self.server.http = httpx.Client(
            base_url=self.server.running.url,
            headers={"Authorization": f"Bearer {KEY}"},
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),  # so that what stays open is a client's
        )
        self.run = self.server.reach("clean_pass", agent="tin_verification")  # its stream is short
        self.action_id = self.server.post("/actions", self._flip())["id"]

    @property
    def running(self) -> FaultyServer:
        """The server, which takes faults."""
        assert isinstance(self.server.running, FaultyServer)
        return self.server.running

    def client(self, timeout: float) -> Client:
        """Give a client of its own to each cell."""
        return QuickClient(KEY, self.server.running.url, rate=None, timeout=timeout)

    def question(self) -> Run:
        """Let a run come to its question."""
        return Run.from_json(self.server.reach("watchlist_hit"))

    def done(self, kind: str) -> int:
        """How often something of a kind was done since the api began."""
        store = self.server.running.store
        return sum(map(len, store.answers.values())) if kind == "answers" else store.counts[kind]

    def faults_left(self) -> int:
        """Take the faults back, wait for a server that restarts; gives how often they would still hit."""
        left = sum(int(fault.times) for fault in self.running.clear() if fault.times)
        assert eventually(lambda: self.running.restart_s is None and self.running.server.started)
        return left

    def n_connections(self) -> int:
        """How many connections to the sandbox are open."""
        return len(self.server.running.server.server_state.connections)

    def _flip(self) -> dict[str, Any]:
        """A decision that the business allows: not the one it has."""
        business_id = BUSINESS["decision"].id
        status = self.server.get(f"/businesses/{business_id}")["status"]
        return {
            "object_type": "businesses",
            "object_id": business_id,
            "type": "decision",
            "payload": {"status": "rejected" if status == "approved" else "approved"},
        }

    def act(self, client: Client) -> Any:
        """Decide about a business."""
        asked = self._flip()
        return client.actions.create("businesses", asked["object_id"], "decision", asked["payload"])


def eventually(is_so: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether something becomes so within some seconds."""
    until = time.monotonic() + seconds
    while not (found := is_so()) and time.monotonic() < until:
        time.sleep(0.005)
    return found


class Call(NamedTuple):
    """One call: which requests a fault is to hit, what it does, what is right, and what it counts as."""

    on: str
    does: Callable[[Api, Client, Any], Any]
    is_right: Callable[[Api, Any], bool]
    counts: str | None = None  # None is a call that only reads
    before: Callable[[Api], Any] = lambda api: None
    is_said: Callable[[Any], bool] = lambda found: False  # whether it came back with an error as data


def _is_the_run(api: Api, found: Any) -> bool:
    return isinstance(found, Run) and found.to_dict()["steps"] == api.run["steps"]


def _has_the_run(api: Api, found: Any) -> bool:
    return isinstance(found, RunList) and found.is_complete and api.run["id"] in found.ids


def _followed(api: Api, events: Any) -> bool:
    """Whether the last event holds the run as it is."""
    return _is_the_run(api, events[-1].run)


DOCUMENTS = BUSINESS["tin_mismatch"]
PAIR = ("businesses", BUSINESS["decision"].id)
CALLS: dict[str, Call] = {
    "agents.list": Call(
        "GET /agents", lambda w, c, _: c.agents.list(), lambda w, found: len(found) > 1 and found[0].type
    ),
    "agents.get": Call(
        "GET /agents/",
        lambda w, c, _: c.agents.get(w.server.get("/agents")["data"][0]["id"]),
        lambda w, one: one.type,
    ),
    "threads.list": Call(
        "GET /threads",
        lambda w, c, _: c.threads.list(),
        lambda w, found: found.is_complete and w.run["thread_id"] in found.ids,
    ),
    "threads.get": Call(
        "GET /threads/",
        lambda w, c, _: c.threads.get(w.run["thread_id"]),
        lambda w, one: one.id == w.run["thread_id"],
    ),
    "threads.create": Call(
        "POST /threads",
        lambda w, c, _: c.threads.create("cip_orchestrator", BUSINESS["clean_pass"].id),
        lambda w, one: one.id in w.server.running.store.threads,
        "threads",
    ),
    "runs.list": Call("GET /runs", lambda w, c, _: c.runs.list(), _has_the_run),
    "runs.full_id": Call(
        "GET /runs", lambda w, c, _: c.runs.full_id(w.run["id"][:8]), lambda w, found: found == w.run["id"]
    ),
    "runs.get": Call("GET /runs/", lambda w, c, _: c.runs.get(w.run["id"]), _is_the_run),
    "runs.fetch": Call(
        "GET /runs/",
        lambda w, c, _: c.runs.fetch([w.run["id"]], progress=False),
        lambda w, found: found.is_complete and _is_the_run(w, found[0]),
        is_said=lambda found: bool(found.errors) and not found.is_complete,
    ),
    "runs.wait": Call("GET /runs/", lambda w, c, _: c.runs.wait(w.run["id"], timeout=300), _is_the_run),
    "runs.stream": Call("GET /stream", lambda w, c, _: list(c.runs.stream(w.run["id"])), _followed),
    "runs.create": Call(
        "POST /runs",
        lambda w, c, _: c.runs.create("cip_orchestrator", BUSINESS["clean_pass"].id),
        lambda w, one: one.id in w.server.running.store.runs,
        "runs",
    ),
    "runs.resume": Call(
        "POST /resume",
        lambda w, c, run: c.runs.resume(run, run.interrupts[0].id, {"decision": "approve", "note": "no"}),
        lambda w, run: not run.interrupts,
        "answers",
        Api.question,
    ),
    "runs.deliver": Call(
        "POST /resume",
        lambda w, c, run: c.runs.deliver(run, run.interrupts[0].id, {"decision": "approve", "note": "no"}),
        lambda w, told: told.outcome in ("confirmed", "unconfirmed") and not told.run.interrupts,
        "answers",
        Api.question,
        lambda told: told.outcome == "unknown",
    ),
    "runs.feedback": Call(
        "POST /feedback",
        lambda w, c, _: c.runs.feedback(w.run["id"], w.run["output"]["artifacts"][0]["id"], "positive"),
        lambda w, one: one.run_id == w.run["id"],
        "feedback",
    ),
    "actions.list": Call(
        "GET /actions",
        lambda w, c, _: c.actions.list(*PAIR),
        lambda w, found: w.action_id in [one.id for one in found],
    ),
    "actions.get": Call(
        "GET /actions/",
        lambda w, c, _: c.actions.get(w.action_id, *PAIR),
        lambda w, one: one.id == w.action_id,
    ),
    "actions.create": Call(
        "POST /actions", lambda w, c, _: w.act(c), lambda w, one: one.type == "decision", "actions"
    ),
    "documents.list": Call(
        "GET /documents", lambda w, c, _: c.documents.list(DOCUMENTS.id), lambda w, found: len(found) == 2
    ),
    "documents.get": Call(
        "GET /documents/",
        lambda w, c, _: c.documents.get(DOCUMENTS.documents[0]["id"]),
        lambda w, one: one.id == DOCUMENTS.documents[0]["id"],
    ),
}
