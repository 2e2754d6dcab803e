"""Answer a question: log the answer, send it once, and log the outcome.

The API keeps no id of an answer and does not name who gave it. So after a failure without a clear
response, a question that is closed may have been closed by anybody, and one that is still open may
be closed later by the answer on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from runkit.api.contract import Json, resume_body
from runkit.api.models import Interrupt, Run
from runkit.api.questions import check_answer, interrupt_kind, other_decision
from runkit.api.reading import result_of
from runkit.client._http import path_to
from runkit.client._reader import RunReader
from runkit.display.messages import log
from runkit.display.text import brief
from runkit.errors import (
    ApiError,
    Conflict,
    ContractError,
    Invalid,
    MaybeSent,
    NotFound,
    RunkitError,
)
from runkit.local import answer_log
from runkit.local.answer_log import CONFIRMED, UNCONFIRMED, UNKNOWN

# seconds after the answer: most servers finish in 1, proxies in 10
CHECK_TIMES = (1.0, 3.0, 10.0)
CHECK_TIMEOUT = 3.0  # seconds of one check
REFUSAL_TIMEOUT = 10.0  # seconds for the read after a refusal, as a rate limit may hold it up
REFUSALS = (Conflict, Invalid, NotFound)
TAKEN = "taken"  # not sent: the log has another answer
Result = TypeVar("Result")


class Delivery(NamedTuple):
    """What became of an answer, as far as can be known.

    `outcome` is `confirmed` (the API accepted it), `unconfirmed` (the question is closed, and it is
    unknown whose answer closed it), `unknown` (it is still open after the last check, or the run
    could not be read: `run` is None) or `taken` (not sent, as the log has another answer).
    `message` is a sentence for people.
    """

    outcome: str
    run: Run | None
    message: str
    is_logged: bool = True


@dataclass(frozen=True)
class ResumeRequest:
    """A request that answers a question.

    `id` is that of the question, and `known` the run as the caller has it, if at all. `step_id` is
    the step of the question, which tells two askings of one id apart. The other fields are as in
    `Runs.deliver`.
    """

    reader: RunReader
    run_id: str
    id: str
    answer: Mapping[str, Any]
    known: Run | None
    who: str | None
    step_id: str | None
    seen: int | None
    on_claimed: Callable[[int], object] | None
    on_checking: Callable[[str], object] | None

    def deliver(self) -> Delivery:
        """Log the answer, send it, and log its outcome.

        If sending ends in any other way than by an error of runkit, the entry of the log stays at
        `sending`: the answer may have arrived. A log that cannot be written gives a warning and
        does not stop the answer. Raises as `Runs.deliver`.
        """
        if self.interrupt is not None:
            check_answer(self.asked, self.answer)
        number = _try_log(self._claim)
        if number is None:
            return Delivery(TAKEN, self.known, "the log has another answer to this question")
        if self.on_claimed is not None:
            self.on_claimed(number)
        try:
            delivery = self._send()
        except RunkitError as error:
            run = getattr(error, "run", None)
            outcome = answer_log.REFUSED if isinstance(error, REFUSALS) else answer_log.FAILED
            # Of a question that is closed, nobody knows whose answer closed it.
            _settle(number, Delivery(UNCONFIRMED if run else outcome, run, str(error)))
            raise
        _settle(number, delivery)
        return delivery._replace(is_logged=bool(number))

    @property
    def interrupt(self) -> Interrupt | None:
        """The question in the known run."""
        interrupts = self.known.interrupts if self.known else ()
        return next((item for item in interrupts if item.id == self.id), None)

    @property
    def asked(self) -> Json:
        """What the question asks, as JSON."""
        value = self.interrupt.value if self.interrupt else None
        return value.to_dict() if value else {}

    @cached_property
    def asked_by(self) -> str | None:
        """The step of the question, if no other step could be meant."""
        if self.step_id is not None or self.known is None or self.interrupt is None:
            return self.step_id
        steps = [step.id for step in self.known.walk() if step.is_open_question]
        return steps[0] if len(steps) == len(self.known.interrupts) == 1 else None

    def _claim(self) -> int | None:
        """Log that the answer is about to be sent, and return the number of the entry."""
        target = self.reader.http.target
        columns = {
            "host": target.host,
            "mode": target.mode,
            "run_id": self.run_id,
            "run_created_at": self.known.created_at.isoformat() if self.known else None,
            "interrupt_id": self.id,
            "step_id": self.asked_by,
        }
        if self.interrupt is not None:
            columns |= {
                "agent": self.interrupt.agent,
                "kind": interrupt_kind(self.asked),
                "label": self.interrupt.label,
                "question_digest": answer_log.digest(self.asked),
            }
        return answer_log.claim(self.answer, self.who, columns, self.seen)

    def _send(self) -> Delivery:
        """Send the answer once, and check whether it arrived if the response does not say."""
        path = path_to("runs", self.run_id, "resume")
        body = resume_body(self.id, self.answer)
        try:
            reply = self.reader.http.post(path, body, {"include": "steps"})
            run = self.reader.from_reply(reply, self.run_id)
            doubt = self._doubt(run)
            other = self._other_decision(run)
            if other is not None:
                return Delivery(UNCONFIRMED, run, f"the API shows another decision: {brief(other)}")
            if doubt is None:
                return Delivery(CONFIRMED, run, "the API accepted the answer")
            why = f"the API accepted the answer, but {doubt}."
        except (MaybeSent, ContractError) as error:
            why = str(error)
        except ApiError as error:
            if error.status is not None:  # it was sent
                self._explain(error)
            raise

        if self.on_checking is not None:
            self.on_checking(why)
        return self._check(why)

    def _other_decision(self, run: Run) -> str | None:
        """Return the decision that a run shows for the question, if it is another one."""
        steps = (step for step in run.walk() if step.id == self.asked_by and step.completed_at)
        results = (other_decision(self.answer, result_of(step.to_dict())) for step in steps)
        return next(results, None)

    def _doubt(self, run: Run) -> str | None:
        """Return why a run does not show that the question is closed; None if it does."""
        if is_stale(run, self.known):
            return "an older state of the run is shown"
        is_open = is_pending(run, self.id, self.asked_by)
        return f"the question {self.id!r} is still open" if is_open else None

    def _explain(self, refusal: ApiError) -> None:
        """Read the run again: `Conflict` is raised if the question is closed, and only then."""
        run = self._read(REFUSAL_TIMEOUT)
        if run is None or is_stale(run, self.known):
            return
        facts: Any = {name: getattr(refusal, name) for name in ("status", "messages", "parameter")}
        doubt = self._doubt(run)
        if doubt is None:
            conflict = Conflict(f"the question {self.id!r} is not open. {refusal}", **facts)
            conflict.run = run
            raise conflict from refusal
        if isinstance(refusal, Conflict):
            raise Invalid(f"{refusal} But {doubt}.", **facts) from refusal

    def _check(self, why: str) -> Delivery:
        """Read the run until the question is closed or the last check is done."""
        http = self.reader.http
        sent_at = http.clock()
        run: Run | None = None
        doubt: str | None = "the run could not be read"
        for seconds in CHECK_TIMES:
            http.sleep(max(0.0, sent_at + seconds - http.clock()))
            latest = self._read(CHECK_TIMEOUT)
            if latest is None:
                continue
            doubt = self._doubt(latest)
            if doubt is None:
                message = (
                    "the question is closed; it could not be confirmed that this answer did it"
                )
                log.warning("run %s, question %s: %s", latest.id, self.id, message)
                return Delivery(UNCONFIRMED, latest, message)
            if not is_stale(latest, self.known):
                run = latest
        advice = "It was sent once and may still arrive: check again before you answer again."
        return Delivery(UNKNOWN, run, f"{why} Since then, {doubt}. {advice}")

    def _read(self, timeout: float) -> Run | None:
        """Read the run; a failure is only logged, because the answer has been sent."""
        try:
            return self.reader.read(self.run_id, deadline=self.reader.http.clock() + timeout)
        except RunkitError as error:
            log.warning("the run was not read to check whether the answer arrived: %s", error)
            return None


def is_pending(run: Run, interrupt_id: str, step_id: str | None = None) -> bool:
    """Return whether the question is still open in this run, as far as can be read.

    A question whose step has ended is closed, even if another one is asked with the same id. One
    without an id may be this one, and an interrupted run without questions may still ask it.
    """
    if any(step.id == step_id and step.completed_at is not None for step in run.walk()):
        return False
    if run.is_finished or not run.interrupts:
        return run.status == "interrupted"
    return any(item.id in (interrupt_id, None) for item in run.interrupts)


def is_stale(run: Run, known: Run | None) -> bool:
    """Return whether a run is an older state than a known one, as a lagging replica may show."""
    return known is not None and run.updated_at < known.updated_at


def _settle(number: int, delivery: Delivery) -> None:
    """Log the outcome of an entry; 0 is that of none."""
    outcome, run, message, _ = delivery
    created_at = run.created_at if run else None
    if number:
        _try_log(lambda: answer_log.settle(number, outcome, message, created_at))


def _try_log(write: Callable[[], Result]) -> Result | int:
    """Write to the log and return the result, 0 if that cannot be done."""
    try:
        return write()
    except (TypeError, ValueError) as error:
        # An answer that is not JSON is refused when it is sent.
        log.warning("the answer log was not written: %s", error)
        return 0
