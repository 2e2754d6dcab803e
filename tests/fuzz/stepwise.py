"""An API with one run, whose every request waits until the test says what becomes of it.

So whatever may happen between two requests of a job can be made to happen there, and the test knows what the
API really did: `Api` holds the truth that a form can only guess at.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from support import at, run, step

Json = dict[str, Any]
RUN, QUESTION, STEP = "run-1", "int-1", "step-1"
TRIES = 3  # what the client tries again by itself, it tries so often: at once, and after one wait
PATIENCE = 20.0  # seconds until a job that neither asks nor ends is a deadlock


class Gremlin(Exception):
    """What nobody expects."""


Outcome = Callable[[], httpx.Response]


@dataclass
class Post:
    """An answer that left a card: what the API did with it, and what the card could learn of that."""

    card: int
    input: Json
    asked: Json  # what the card's question was
    is_noted: bool  # in the log, before it was sent
    is_applied: bool = False
    reply: str = "none yet"  # confirmed, refused, failed; doubt: the card cannot know
    is_over: bool = False
    is_reply_noted: bool = False

    @property
    def may_have_arrived(self) -> bool:
        """As far as anybody here can know."""
        return self.reply in ("none yet", "doubt")

    @property
    def is_logged_in_doubt(self) -> bool:
        """Whether the log says that it may have arrived."""
        return self.is_noted and (self.may_have_arrived or not self.is_reply_noted)


class Held:
    """A request of a card's job that waits for its outcome."""

    def __init__(self, request: httpx.Request, card: int) -> None:
        self.is_post = request.method == "POST"
        self.body: Json = json.loads(request.read()) if self.is_post else {}
        self.card = card
        self.outcome: Outcome | None = None
        self.times = 1  # that it has this outcome, where the client tries again by itself


class Api:
    """A run, all its earlier states, and the jobs that ask for it. The test's own thread is answered at once.

    `closed_by` is the post that closed the question, or the name of somebody else.
    """

    def __init__(self, value: Json, *, tells_who: bool) -> None:
        self.value = value
        self.tells_who = tells_who
        self.status = "interrupted"
        self.closed_by: Post | str | None = None
        self.past: list[Json] = []
        self.late: list[Post] = []  # on their way still, though their card has given up
        self.crashes: list[BaseException] = []
        self.has_threads = True
        self.held: dict[threading.Thread, Held] = {}
        self._seconds = 0
        self._last: dict[threading.Thread, Held] = {}
        self._working: set[threading.Thread] = set()
        self._news = threading.Condition()
        self._keep(status="running", interrupts=[], steps=[])
        self._keep()

    # -- the run

    @property
    def now(self) -> Json:
        """The run as it is."""
        return self.past[-1]

    @property
    def is_open(self) -> bool:
        """Whether the question waits."""
        return self.status == "interrupted"

    def _keep(self, **more: Any) -> None:
        self._seconds += 1
        is_told = self.closed_by is not None and not isinstance(self.closed_by, Post) and self.tells_who
        asked = step(
            STEP,
            end=None if self.closed_by is None else self._seconds,
            type="interrupt",
            run_id=RUN,
            result={"answered_by": {"name": self.closed_by}} if is_told else None,
        )
        state = {
            "updated_at": at(self._seconds),
            "status": self.status,
            "ended_at": at(self._seconds) if self.status == "error" else None,
            "interrupts": [{"id": QUESTION, "value": self.value}] if self.is_open else [],
        }
        self.past.append(run(asked, run_id=RUN, end=None) | state | more)

    def close(self, by: Post | str) -> None:
        """Take an answer, if the question waits."""
        if self.is_open:
            self.closed_by, self.status = by, "running"
            self._keep()
            if isinstance(by, Post):
                by.is_applied = True

    def end(self) -> None:
        """End the run; a question that waits lapses."""
        self.status = "error"
        self._keep()

    def ask_anew(self, value: Json) -> None:
        """Put another question in the place of this one."""
        self.value = value
        self._keep()

    # -- the jobs

    def start(self, work: Callable[[], object], name: str) -> str:
        """Start a job, in the place of `jobs.start`."""
        if not self.has_threads:
            return "can't start new thread. Try again."

        def worked() -> None:
            try:
                work()
            except SystemExit:  # the kernel has died
                pass
            except BaseException as error:
                self.crashes.append(error)
            finally:
                with self._news:
                    self._working.discard(threading.current_thread())
                    self._news.notify_all()

        thread = threading.Thread(target=worked, name=name, daemon=True)
        with self._news:
            self._working.add(thread)
        thread.start()
        return ""

    def settle(self) -> None:
        """Wait until every job has asked for something or has ended."""
        with self._news:
            assert self._news.wait_for(lambda: self._working <= self.held.keys(), PATIENCE), "a deadlock"

    def let(self, thread: threading.Thread, outcome: Outcome, times: int = 1) -> None:
        """Let a request have an outcome, so many times."""
        with self._news:
            held = self.held.pop(thread)
            held.outcome, held.times = outcome, times
            self._news.notify_all()
        self.settle()

    def answer(self, request: httpx.Request, card: int) -> httpx.Response:
        """Answer a request when the test says so."""
        thread = threading.current_thread()
        if thread is threading.main_thread():
            return httpx.Response(200, json=self.now)
        with self._news:
            held = self._last.get(thread)
            if held is None or held.times == 0:
                held = self._last[thread] = self.held[thread] = Held(request, card)
                self._news.notify_all()
                self._news.wait_for(lambda: held.outcome is not None)
            held.times -= 1
        assert held.outcome is not None
        return held.outcome()


class Wire(httpx.BaseTransport):
    """The network between one card and the API."""

    def __init__(self, api: Api, card: int) -> None:
        self._api, self._card = api, card

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask."""
        return self._api.answer(request, self._card)


# --------------------------------------------------------------------------------------------- outcomes


def told(state: Json) -> Outcome:
    """The API shows this state of the run."""
    return lambda: httpx.Response(200, json=state)


def refused(status: int, parameter: str | None = None) -> Outcome:
    """The API says no."""
    error = {"message": "no"} | ({"parameter": parameter} if parameter else {})
    return lambda: httpx.Response(status, json={"errors": [error]})


def garbled() -> httpx.Response:
    """An answer that cannot be read."""
    return httpx.Response(200, content=b"<html>")


def raised(error: BaseException) -> Outcome:
    """No answer."""

    def fail() -> httpx.Response:
        raise error

    return fail
