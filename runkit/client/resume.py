"""Answer a question: log the answer, send it once, and log what became of it.

The API keeps no id of an answer and does not name who gave it. So after a failure without a clear
response, a question that is closed may have been closed by anybody, and one that is still open may
be closed later by the answer on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from runkit.api.contract import Json
from runkit.api.models import Interrupt, Run
from runkit.api.questions import check_answer, is_unanswered, other_decision
from runkit.api.reading import result_of
from runkit.arguments import check_kind
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
    UsageError,
)
from runkit.local import answer_log
from runkit.local.answer_log import CONFIRMED, FAILED, REFUSED, UNCONFIRMED, UNKNOWN, NewerAnswer

# seconds after the answer: most servers finish in 1, proxies in 10
CHECK_TIMES = (1.0, 3.0, 10.0)
CHECK_TIMEOUT = 3.0  # seconds of one check
REFUSAL_TIMEOUT = 10.0  # seconds for the read after a refusal, as a rate limit may hold it up
REFUSALS = (Conflict, Invalid, NotFound)
TAKEN = "taken"  # not sent: the log has another answer
Answer = Mapping[str, Any]
Result = TypeVar("Result")


class AnswerResult(NamedTuple):
    """What became of an answer, as far as can be known.

    `delivery` is `confirmed` (the API accepted it), `unconfirmed` (the question is closed, and it
    is unknown whose answer closed it), `unknown` (it is still open after the last check, or the run
    could not be read), `refused` or `failed` (by the `error`), or `taken` (not sent, as the log has
    another answer). `run` is the run as it was read afterwards, if it shows that the question is
    closed. `answer_id` is that of the entry in the log, None without one.
    """

    delivery: str
    run: Run | None
    message: str
    error: RunkitError | None = None
    answer_id: int | None = None


@dataclass(frozen=True)
class _Asked:
    """The question to answer; `known` is its run as the caller has it, if at all.

    `given_step` is the step of the question, which tells two askings of one id apart.
    """

    run_id: str
    id: str
    known: Run | None
    given_step: str | None

    @cached_property
    def interrupt(self) -> Interrupt | None:
        """The question in the known run."""
        interrupts = self.known.interrupts if self.known else ()
        return next((item for item in interrupts if item.id == self.id), None)

    @cached_property
    def value(self) -> Json:
        """What the question asks, as JSON."""
        value = self.interrupt and self.interrupt.value
        return value.to_dict() if value else {}

    @cached_property
    def step_id(self) -> str | None:
        """The step of the question, if no other step could be meant."""
        if self.given_step is not None or self.known is None:
            return self.given_step
        steps = [step.id for step in self.known.walk() if is_unanswered(step.to_dict())]
        return steps[0] if len(steps) == len(self.known.interrupts) == 1 else None

    def check(self, answer: Answer) -> None:
        """Raise `UsageError` for what cannot answer it, as far as the known run shows."""
        check_kind("answer", answer, Mapping)
        if self.interrupt is not None:
            check_answer(self.value, answer)
        elif self.known is not None and self.known.interrupts:
            raise UsageError(
                f"interrupt_id={brief(self.id)} is not among the interrupts of {self.known.label}. "
                "Read the run again with client.runs.get."
            )

    def doubt(self, run: Run) -> str | None:
        """Return why a newer state of the run does not show that it is closed; None if it does."""
        if is_stale(run, self.known):
            return "an older state of the run is shown"
        is_open = run.asks(self.id, self.step_id)
        return f"the question {self.id!r} is still open" if is_open else None

    def columns(self) -> dict[str, str | None]:
        """Return what the log keeps of it."""
        columns = {
            "run_id": self.run_id,
            "run_created_at": self.known.created_at.isoformat() if self.known else None,
            "interrupt_id": self.id,
            "step_id": self.step_id,
        }
        if self.interrupt is None:
            return columns
        return columns | {
            "label": self.interrupt.label,
            "question_digest": answer_log.digest(self.value),
        }


def deliver(
    reader: RunReader,
    run: str | Run,
    interrupt_id: str | None,
    answer: Answer,
    *,
    who: str | None = None,
    step_id: str | None = None,
    seen: int | None = None,
    on_checking: Callable[[str], object] = lambda why: None,
) -> AnswerResult:
    """Check an answer, log it, send it, and log what became of it.

    `step_id` is the step of the question. `seen` is the newest entry of the log about this question
    that the person knew of: if there is a newer one, nothing is sent. `on_checking` is called with
    the reason before the run is read to check whether the answer arrived.

    If sending ends in any other way than by an error of runkit, the entry of the log stays at
    `sending`: the answer may have arrived. A log that cannot be written gives a warning and does
    not stop the answer. Raises `UsageError` for what cannot be an answer.
    """
    if interrupt_id is None:
        raise UsageError("interrupt_id=None. This question has no id; answer it in Middesk.")
    known = run if isinstance(run, Run) else None
    asked = _Asked(run.id if isinstance(run, Run) else run, interrupt_id, known, step_id)
    asked.check(answer)
    columns = {"host": reader.http.target.host, **asked.columns()}
    try:
        answer_id = _try_log(lambda: answer_log.claim(answer, who, columns, seen))
    except NewerAnswer as error:
        return AnswerResult(TAKEN, None, str(error))
    try:
        result = _send(reader, asked, answer, on_checking)
    except RunkitError as error:
        delivery = REFUSED if isinstance(error, REFUSALS) else FAILED
        result = AnswerResult(delivery, getattr(error, "run", None), str(error), error)
    if answer_id is not None:
        _try_log(lambda: answer_log.settle(answer_id, result.delivery, result.message))
    return result._replace(answer_id=answer_id)


def _try_log(write: Callable[[], Result]) -> Result | None:
    """Write to the log and return the result, None if that cannot be done."""
    try:
        return write()
    except ValueError as error:
        # An answer that is not JSON is refused when it is sent.
        log.warning("the answer log was not written: %s", error)
        return None


def _send(
    reader: RunReader, asked: _Asked, answer: Answer, on_checking: Callable[[str], object]
) -> AnswerResult:
    """Send an answer once, and check whether it arrived if the response does not say."""
    path = path_to("runs", asked.run_id, "resume")
    body = {"interrupt_id": asked.id, "input": dict(answer)}  # [A] 1, 2, 4: one in a call
    try:
        reply = reader.http.post(path, body, {"include": "steps"})
        run = reader.from_reply(reply, asked.run_id)
    except (MaybeSent, ContractError) as error:
        why = str(error)
    except ApiError as error:
        if error.status is not None:  # it was sent
            _raise_if_closed(reader, asked, error)
        raise
    else:
        other = _other_decision(asked, answer, run)
        if other is not None:
            return AnswerResult(UNCONFIRMED, run, f"the API shows another decision: {brief(other)}")
        doubt = asked.doubt(run)
        if doubt is None:
            return AnswerResult(CONFIRMED, run, "the API accepted the answer")
        why = f"the API accepted the answer, but {doubt}."
    on_checking(why)
    return _check(reader, asked, why)


def _other_decision(asked: _Asked, answer: Answer, run: Run) -> str | None:
    """Return the decision that a run shows for the question, if it is another one."""
    for step in run.walk():
        if step.id == asked.step_id:
            return other_decision(answer, result_of(step.to_dict()))
    return None


def _raise_if_closed(reader: RunReader, asked: _Asked, refusal: ApiError) -> None:
    """Read the run after a refusal: `Conflict`, with the run, if the question is closed."""
    run = _read(reader, asked, REFUSAL_TIMEOUT)
    if run is None or asked.doubt(run) is not None:
        return
    conflict = Conflict(
        f"the question {asked.id!r} is not open. {refusal}",
        status=refusal.status,
        messages=refusal.messages,
        parameter=refusal.parameter,
    )
    conflict.run = run
    raise conflict from refusal


def _check(reader: RunReader, asked: _Asked, why: str) -> AnswerResult:
    """Read the run until the question is closed or the last check is done."""
    http = reader.http
    sent_at = http.clock()
    doubt: str | None = "the run could not be read"
    for seconds in CHECK_TIMES:
        http.sleep(max(0.0, sent_at + seconds - http.clock()))
        run = _read(reader, asked, CHECK_TIMEOUT)
        if run is None:
            continue
        doubt = asked.doubt(run)
        if doubt is None:
            message = "the question is closed; it could not be confirmed that this answer did it"
            log.warning("run %s, question %s: %s", run.id, asked.id, message)
            return AnswerResult(UNCONFIRMED, run, message)
    advice = "It was sent once and may still arrive: check again before you answer again."
    return AnswerResult(UNKNOWN, None, f"{why} Since then, {doubt}. {advice}")


def _read(reader: RunReader, asked: _Asked, timeout: float) -> Run | None:
    """Read the run; a failure is only logged, because the answer has been sent."""
    try:
        return reader.read(asked.run_id, deadline=reader.http.clock() + timeout)
    except RunkitError as error:
        log.warning("the run was not read to check whether the answer arrived: %s", error)
        return None


def is_stale(run: Run, known: Run | None) -> bool:
    """Return whether a run is an older state than a known one, as a lagging replica may show."""
    return known is not None and run.updated_at < known.updated_at
