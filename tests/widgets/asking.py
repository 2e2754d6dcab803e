"""Questions of a real sandbox, and a client that counts the answers it sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from runkit.api.models import Run
from runkit.client import Client
from runkit.widgets._answer_states import AnswerController
from runkit.widgets._event_queue import EventQueue
from runkit.widgets._question import Question, question_of
from support import jobs_end, until
from tests.faults import FaultyBox, sandbox


class Wire(httpx.HTTPTransport):
    """The network, which counts answers; `broken` is raised instead of sending one."""

    def __init__(self) -> None:
        super().__init__(verify=False)
        self.posts = 0
        self.broken: Exception | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        if request.method == "POST":
            self.posts += 1
            if self.broken is not None:
                raise self.broken
        return super().handle_request(request)


class Asking:
    """A sandbox whose questions are asked anew for each test, and clients of it that never wait.

    `pauses` are called, one each, in place of the client's waits: so things happen between two
    looks.
    """

    def __init__(self, box: FaultyBox, stack: ExitStack) -> None:
        self.box = box
        self.pauses: list[Callable[[], object]] = []
        self.wire = Wire()
        self._stack = stack
        self._other = stack.enter_context(box.client(rate=None))
        self.client = self.another()

    def another(self, **options: Any) -> Client:
        """Return another client; only the first one's answers are counted."""
        passed = [0.0]

        def pause(seconds: float) -> None:
            passed[0] += seconds
            if self.pauses:
                self.pauses.pop(0)()

        class QuickClient(Client):
            _clock = staticmethod(lambda: passed[0])
            _sleep = staticmethod(pause)

        wire = self.wire if not hasattr(self, "client") else Wire()
        made = QuickClient(self.box.key, self.box.url, rate=None, transport=wire, **options)
        return self._stack.enter_context(made)

    def run(self, scenario: str = "watchlist_hit") -> Run:
        """Start a run and let it come to its question."""
        run = self._other.runs.create("cip_orchestrator", self.box.business(scenario))
        return self._other.runs.wait(run, poll=0.01)

    def question(self, scenario: str = "watchlist_hit") -> Question:
        """Return the question of a new run."""
        question = question_of(self.run(scenario))
        assert question is not None
        return question

    def controller(self, scenario: str = "watchlist_hit", **options: Any) -> AnswerController:
        """Return a form of a new question."""
        return self.form(self.question(scenario), **options)

    def form(
        self, question: Question, client: Client | None = None, **options: Any
    ) -> AnswerController:
        """Return a form of a question."""
        client = client or self.client
        return AnswerController(client, question, EventQueue("form"), **options)

    def answer_elsewhere(self, question: Question, decision: str = "reject") -> None:
        """Let somebody else, on another machine, answer a question."""
        answer = {"decision": decision, "answered_by": "Priya Raman"}
        body = {"interrupt_id": question.interrupt_id, "input": answer}
        headers = {"Authorization": f"Bearer {self.box.key}"}
        url = f"{self.box.url}/runs/{question.run.id}/resume"
        httpx.post(url, json=body, headers=headers, trust_env=False).raise_for_status()

    def end_others(self, runs: Iterable[Run]) -> None:
        """End all waiting runs but these."""
        kept = {run.id for run in runs}
        for run in self._other.runs.list(status="interrupted", progress=False):
            if run.id not in kept:
                self.box.end_run(run.id)


def threads(*names: str) -> int:
    """Count the running threads of widgets with these names."""
    return sum(item.name.removeprefix("runkit-") in names for item in threading.enumerate())


def finish(*controllers: AnswerController) -> None:
    """Let the jobs that are under way end, and what they have found out be taken."""
    jobs_end()
    for controller in controllers:
        controller.queue.call(lambda: None)


@pytest.fixture(scope="session")
def shared_box():
    """A quick sandbox."""
    with sandbox(speed=3000) as running:
        yield running


@pytest.fixture
def asking(shared_box):
    """Questions to answer; no fault and no thread of a form outlives the test."""
    with ExitStack() as stack:
        yield Asking(shared_box, stack)
        shared_box.clear_faults()
        jobs_end()
        until(lambda: threads("form") == 0)
