"""Questions of a real sandbox, and a person at a form who chooses, types, presses and waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from functools import partial, wraps
from typing import Any

import httpx

import runkit
from runkit.api.models import Run
from runkit.client import Client
from runkit.local import answer_log
from runkit.widgets._answer_form import AnswerForm
from tests.faults import FaultyBox

WHO = "Ana Ortiz"
NOTE = "born in 1951, ours in 1984"
TIMEOUT = 60.0  # seconds; a busy machine is slow


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on an event loop, as a kernel runs cells."""

    @off_the_loop
    @wraps(test)
    def call(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return call


def off_the_loop(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test on a thread without a loop; Playwright keeps a running one in the main thread."""

    @wraps(test)
    def call(*args: Any, **kwargs: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(copy_context().run, partial(test, *args, **kwargs)).result()

    return call


async def until(is_true: Callable[[], object]) -> None:
    """Let the loop work until something is so."""
    async with asyncio.timeout(TIMEOUT):
        while not is_true():
            await asyncio.sleep(0.01)


def quick_client(key: str, url: str, pauses: list[Callable[[], object]], **options: Any) -> Client:
    """Return a client that never waits; `pauses` are called, one each, in place of its waits."""
    passed = [0.0]

    def pause(seconds: float) -> None:
        passed[0] += seconds
        if pauses:
            pauses.pop(0)()

    class QuickClient(Client):
        _clock = staticmethod(lambda: passed[0])
        _sleep = staticmethod(pause)

    return QuickClient(key, url, rate=None, **options)


class Asking:
    """A sandbox whose questions are asked anew for each test."""

    def __init__(self, box: FaultyBox, stack: ExitStack) -> None:
        self.box = box
        self.pauses: list[Callable[[], object]] = []
        self._stack = stack
        self.client = self.another()

    def another(self, **options: Any) -> Client:
        """Return another client."""
        made = quick_client(self.box.key, self.box.url, self.pauses, **options)
        return self._stack.enter_context(made)

    def run(self, scenario: str = "watchlist_hit") -> Run:
        """Start a run and let it come to its question."""
        with self.box.client(rate=None) as client:
            run = client.runs.create("cip_orchestrator", self.box.business(scenario))
            return client.runs.wait(run)

    def form(self, run: Run | str, client: Client | None = None, who: str = WHO) -> Person:
        """Return a person at the form of a run."""
        return Person(runkit.InterruptForm(client or self.client, run, who=who))

    def answer_elsewhere(self, run: Run, decision: str = "reject") -> None:
        """Let somebody else, on another machine, answer the question of a run."""
        answer = {"decision": decision, "answered_by": "Priya Raman"}
        body = {"interrupt_id": run.interrupts[0].id, "input": answer}
        headers = {"Authorization": f"Bearer {self.box.key}"}
        url = f"{self.box.url}/runs/{run.id}/resume"
        httpx.post(url, json=body, headers=headers, trust_env=False).raise_for_status()


class Person:
    """A person at the form of one question."""

    def __init__(self, widget: runkit.InterruptForm) -> None:
        self.widget = widget
        assert widget.forms.form is not None
        self.form: AnswerForm = widget.forms.form

    def choose(self, word: str = "approve", note: str = NOTE, part: int = 0) -> None:
        """Choose an answer and type a reason."""
        inputs = self.form.inputs.proposals[part]
        inputs.texts["note"].value = note
        inputs.choice.value = word

    async def press(self, times: int = 5) -> None:
        """Press Send, and wait for the outcome."""
        await until(lambda: self.form.send_button.disabled is not self.form.can_send)
        for _ in range(times):
            self.form.send_button.click()
        await self.idle()

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        await asyncio.sleep(0.02)
        await until(lambda: self.widget.work.is_idle)

    @property
    def sentence(self) -> str:
        """What the form says."""
        return str(self.form.status.value)

    @property
    def note(self) -> str:
        """What stands in the input of the reason."""
        return str(self.form.inputs.proposals[0].texts["note"].value)

    @property
    def result(self) -> str:
        """How the question ended: the delivery of the receipt, else the state of the form."""
        return self.form.receipt.delivery if self.form.receipt else str(self.form.state)


def deliveries() -> list[str]:
    """Return what became of each answer in the log."""
    return [entry.delivery for entry in answer_log.entries()]
