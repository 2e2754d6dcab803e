"""Answer a question: log the answer, send it once, and log what became of it.

The API keeps no id of an answer and does not name who gave it. So after a failure without a clear
response, a question that is closed may have been closed by anybody, and one that is still open may
be closed later by the answer on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from runkit.api import contract
from runkit.api.contract import Json
from runkit.api.models import Interrupt, Run
from runkit.api.question_kinds import check_answer, other_decision
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
from runkit.local.answer_log import (
    CONFIRMED,
    FAILED,
    REFUSED,
    UNCONFIRMED,
    UNKNOWN,
    Asking,
)

# Seconds before each check of what became of an answer: most servers finish in 1, proxies in 10.
CHECK_PAUSES = (1.0, 2.0, 7.0)
CHECK_TIMEOUT = 5.0  # seconds of one check
NOT_LOGGED = "the answer log was not written: %s"
REFUSALS = (Conflict, Invalid, NotFound)
Answer = Mapping[str, Any]


class AnswerResult(NamedTuple):
    """What became of an answer to a question that is closed.

    `delivery` is `confirmed` (the API accepted it) or `unconfirmed` (it is unknown whose answer
    closed the question). `run` is the run as it was read afterwards. `answer_id` is that of the
    entry in the log, None without one.
    """

    delivery: str
    run: Run
    message: str
    answer_id: int | None = None


@dataclass(frozen=True)
class Asked:
    """What a state of a run shows of a question.

    `given_step` is its step, if the caller knows it: it tells two askings of one id apart.
    """

    run: Run
    id: str | None
    given_step: str | None

    @cached_property
    def step_id(self) -> str | None:
        """The step of the question: the given one, else that of the open one with its id."""
        steps = [
            each.step_id
            for each in self.run.questions
            if each.interrupt_id == self.id and each.is_open
        ]
        return self.given_step or next(iter(steps), None)

    @cached_property
    def item(self) -> Interrupt | None:
        """The question among those that the run shows."""
        return next((item for item in self.run.interrupts if item.id == self.id), None)

    @cached_property
    def value(self) -> Json:
        """What the question asks, as JSON."""
        value = self.item and self.item.value
        return value.to_dict() if value else {}

    def check(self, answer: Answer) -> None:
        """Raise `UsageError` for what cannot answer it, as far as the run shows."""
        check_kind("answer", answer, Mapping)
        try:
            contract.dumps(dict(answer))
        except ValueError as error:
            raise UsageError(f"the answer is not JSON ({error}); nothing was sent") from None
        if self.item is not None:
            check_answer(self.value, answer)
        elif self.run.interrupts:
            ids = [item.id for item in self.run.interrupts]
            raise UsageError(
                f"interrupt_id={brief(self.id)} is not among the interrupts of {self.run.label}, "
                f"{brief(ids)}. Read the run again with client.runs.get."
            )

    def why_open(self, newer: Run) -> str | None:
        """Return why it counts as open in a newer state of the run; None if it is closed."""
        if is_stale(newer, self.run):
            return "an older state of the run is shown"
        is_open = newer.asks(self.id, self.step_id)
        return f"the question {self.id!r} is still open" if is_open else None

    def columns(self, host: str) -> Asking:
        """Return what the log keeps of it."""
        return {
            "host": host,
            "run_id": self.run.id,
            "run_created_at": self.run.created_at.isoformat(),
            "interrupt_id": self.id,
            "step_id": self.step_id,
            "label": self.item.label if self.item else None,
            "question_digest": answer_log.digest(self.value) if self.item else None,
        }


def deliver(
    reader: RunReader,
    run: Run,
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
    not stop the answer.

    Raises `UsageError` for what cannot be an answer, `NewerAnswer` for a newer entry, `MaybeSent`
    if the question is open after the last check or the run could not be read, and the error with
    which the API refused the answer or that kept it from being sent.
    """
    if interrupt_id is None:
        raise UsageError("interrupt_id=None: without an id, answer the question in Middesk.")
    question = Asked(run, interrupt_id, step_id)
    question.check(answer)
    columns = question.columns(reader.http.target.host)
    answer_id = None
    try:
        answer_id = answer_log.claim(answer, who, columns, seen)
    except ValueError as error:
        log.warning(NOT_LOGGED, error)
    try:
        result = _send(reader, question, answer, on_checking)
    except RunkitError as error:
        _settle(answer_id, delivery_of(error), str(error))
        if isinstance(error, MaybeSent):
            error.answer_id = answer_id
        raise
    _settle(answer_id, result.delivery, result.message)
    return result._replace(answer_id=answer_id)


def delivery_of(error: RunkitError) -> str:
    """Return what became of an answer that ended in an error."""
    if isinstance(error, MaybeSent):
        return UNKNOWN
    return REFUSED if isinstance(error, REFUSALS) else FAILED


def _settle(answer_id: int | None, delivery: str, message: str) -> None:
    """Log what became of an answer, if it is in the log."""
    if answer_id is None:
        return
    try:
        answer_log.settle(answer_id, delivery, message)
    except ValueError as error:
        log.warning(NOT_LOGGED, error)


def _send(
    reader: RunReader, question: Asked, answer: Answer, on_checking: Callable[[str], object]
) -> AnswerResult:
    """Send an answer once, and check whether it arrived if the response does not say.

    Raises `MaybeSent` if the question is open after the last check, or the run cannot be read.
    """
    path = path_to("runs", question.run.id, "resume")
    body = {"interrupt_id": question.id, "input": dict(answer)}  # [A] 1, 2, 4: one in a call
    try:
        reply = reader.http.post(path, body, {"include": "steps"})
        run = reader.from_reply(reply, question.run.id)
    except (MaybeSent, ContractError) as error:
        why = str(error)
    except ApiError as error:
        if error.status is not None:  # it was sent
            _raise_if_closed(reader, question, error)
        raise
    else:
        other = _other_decision(question, answer, run)
        if other is not None:
            return AnswerResult(UNCONFIRMED, run, f"the API shows another decision: {brief(other)}")
        why_open = question.why_open(run)
        if why_open is None:
            return AnswerResult(CONFIRMED, run, "the API accepted the answer")
        why = f"the API accepted the answer, but {why_open}."
    on_checking(why)
    return _check(reader, question, why)


def _other_decision(question: Asked, answer: Answer, run: Run) -> str | None:
    """Return the decision that a run shows for the question, if it is another one."""
    for step in run.walk():
        if step.id == question.step_id:
            return other_decision(answer, result_of(step.to_dict()))
    return None


def _raise_if_closed(reader: RunReader, question: Asked, refusal: ApiError) -> None:
    """Read the run after a refusal: `Conflict`, with the run, if the question is closed."""
    run = _read(reader, question)
    if run is None or question.why_open(run) is not None:
        return
    conflict = Conflict(
        f"the question {question.id!r} is not open in the run as it is now. {refusal}",
        status=refusal.status,
        messages=refusal.messages,
        parameter=refusal.parameter,
    )
    conflict.run = run
    raise conflict from refusal


def _check(reader: RunReader, question: Asked, why: str) -> AnswerResult:
    """Read the run until the question is closed; raise `MaybeSent` after the last check."""
    why_open: str | None = "the run could not be read"
    for seconds in CHECK_PAUSES:
        reader.http.sleep(seconds)
        run = _read(reader, question)
        if run is None:
            continue
        why_open = question.why_open(run)
        if why_open is None:
            message = "the question is closed; it could not be confirmed that this answer did it"
            log.warning("run %s, question %s: %s", run.id, question.id, message)
            return AnswerResult(UNCONFIRMED, run, message)
    advice = "It was sent once and may still arrive: read the run before you answer again."
    raise MaybeSent(f"{why} Since then, {why_open}. {advice}")


def _read(reader: RunReader, question: Asked) -> Run | None:
    """Read the run; a failure is only logged, because the answer has been sent."""
    try:
        return reader.read(question.run.id, CHECK_TIMEOUT)
    except RunkitError as error:
        log.warning("the run was not read to check whether the answer arrived: %s", error)
        return None


def is_stale(run: Run, known: Run | None) -> bool:
    """Return whether a run is an older state than a known one, as a lagging replica may show."""
    return known is not None and run.updated_at < known.updated_at
