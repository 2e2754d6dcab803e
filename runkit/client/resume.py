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
from runkit.api.questions import check_answer, interrupt_kind, is_unanswered, other_decision
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
    UsageError,
)
from runkit.local import answer_log
from runkit.local.answer_log import CONFIRMED, FAILED, REFUSED, UNCONFIRMED, UNKNOWN

# seconds after the answer: most servers finish in 1, proxies in 10
CHECK_TIMES = (1.0, 3.0, 10.0)
CHECK_TIMEOUT = 3.0  # seconds of one check
REFUSAL_TIMEOUT = 10.0  # seconds for the read after a refusal, as a rate limit may hold it up
REFUSALS = (Conflict, Invalid, NotFound)
TAKEN = "taken"  # not sent: the log has another answer
Answer = Mapping[str, Any]
Result = TypeVar("Result")


class Delivery(NamedTuple):
    """What became of an answer, as far as can be known.

    `outcome` is `confirmed` (the API accepted it), `unconfirmed` (the question is closed, and it is
    unknown whose answer closed it), `unknown` (it is still open after the last check, or the run
    could not be read), `refused` or `failed` (by the `error`), or `taken` (not sent, as the log has
    another answer). `run` is the run as it was read afterwards, after a refusal only if it shows
    that the question is closed. `number` is that of the entry in the log, 0 without one.
    """

    outcome: str
    run: Run | None
    message: str
    error: RunkitError | None = None
    number: int = 0


@dataclass(frozen=True)
class Asked:
    """The question to answer; `known` is its run as the caller has it, if at all.

    `given_step` is the step of the question, which tells two askings of one id apart.
    """

    run_id: str
    id: str
    known: Run | None
    given_step: str | None

    @property
    def interrupt(self) -> Interrupt | None:
        """The question in the known run."""
        interrupts = self.known.interrupts if self.known else ()
        return next((item for item in interrupts if item.id == self.id), None)

    @property
    def value(self) -> Json:
        """What the question asks, as JSON."""
        value = self.interrupt.value if self.interrupt else None
        return value.to_dict() if value else {}

    @cached_property
    def step_id(self) -> str | None:
        """The step of the question, if no other step could be meant."""
        if self.given_step is not None or self.known is None or self.interrupt is None:
            return self.given_step
        steps = [step.id for step in self.known.walk() if is_unanswered(step.to_dict())]
        return steps[0] if len(steps) == len(self.known.interrupts) == 1 else None

    def doubt(self, run: Run) -> str | None:
        """Return why a newer state of the run does not show that it is closed; None if it does."""
        if is_stale(run, self.known):
            return "an older state of the run is shown"
        is_open = run.asks(self.id, self.step_id)
        return f"the question {self.id!r} is still open" if is_open else None


def deliver(
    reader: RunReader,
    asked: Asked,
    answer: Answer,
    *,
    who: str | None,
    seen: int | None,
    on_checking: Callable[[str], object] | None,
) -> Delivery:
    """Check an answer, log it, send it, and log its outcome.

    If sending ends in any other way than by an error of runkit, the entry of the log stays at
    `sending`: the answer may have arrived. A log that cannot be written gives a warning and does
    not stop the answer. Raises `UsageError` for what cannot be an answer.
    """
    _check_asked(asked)
    if asked.interrupt is not None:
        check_answer(asked.value, answer)
    columns = _columns(reader, asked)
    number = _try_log(lambda: answer_log.claim(answer, who, columns, seen))
    if number is None:
        return Delivery(TAKEN, asked.known, "the log has another answer to this question")
    try:
        delivery = _send(reader, asked, answer, on_checking)
    except RunkitError as error:
        outcome = REFUSED if isinstance(error, REFUSALS) else FAILED
        delivery = Delivery(outcome, getattr(error, "run", None), str(error), error)
    if number:
        created_at = delivery.run.created_at if delivery.run else None
        _try_log(lambda: answer_log.settle(number, delivery.outcome, delivery.message, created_at))
    return delivery._replace(number=number)


def _check_asked(asked: Asked) -> None:
    """Raise `UsageError` for a question that its run, read with its steps, does not ask."""
    run = asked.known
    if run is None or run.steps is None:
        return
    has_step = asked.given_step is None or any(step.id == asked.given_step for step in run.walk())
    may_ask = run.is_waiting and not run.interrupts  # a waiting run may not show its question
    if has_step and (may_ask or run.asks(asked.id, asked.given_step)):
        return
    ids = ", ".join(brief(item.id) for item in run.interrupts) or "no question"
    raise UsageError(
        f"{run.label} does not ask {brief(asked.id)} as it was read; it asks {ids}. Nothing was "
        "sent. Read the run again with client.runs.get."
    )


def _columns(reader: RunReader, asked: Asked) -> dict[str, str | None]:
    """Return what the log keeps of a question."""
    target = reader.http.target
    columns = {
        "host": target.host,
        "mode": target.mode,
        "run_id": asked.run_id,
        "run_created_at": asked.known.created_at.isoformat() if asked.known else None,
        "interrupt_id": asked.id,
        "step_id": asked.step_id,
    }
    if asked.interrupt is not None:
        columns |= {
            "agent": asked.interrupt.agent,
            "kind": interrupt_kind(asked.value),
            "label": asked.interrupt.label,
            "question_digest": answer_log.digest(asked.value),
        }
    return columns


def _send(
    reader: RunReader, asked: Asked, answer: Answer, on_checking: Callable[[str], object] | None
) -> Delivery:
    """Send an answer once, and check whether it arrived if the response does not say."""
    path = path_to("runs", asked.run_id, "resume")
    try:
        reply = reader.http.post(path, resume_body(asked.id, answer), {"include": "steps"})
        run = reader.from_reply(reply, asked.run_id)
    except (MaybeSent, ContractError) as error:
        why = str(error)
    except ApiError as error:
        if error.status is not None:  # it was sent
            _raise_if_closed(reader, asked, error)
        raise
    else:
        doubt = asked.doubt(run)
        other = _other_decision(asked, answer, run)
        if other is not None:
            return Delivery(UNCONFIRMED, run, f"the API shows another decision: {brief(other)}")
        if doubt is None:
            return Delivery(CONFIRMED, run, "the API accepted the answer")
        why = f"the API accepted the answer, but {doubt}."
    if on_checking is not None:
        on_checking(why)
    return _check(reader, asked, why)


def _other_decision(asked: Asked, answer: Answer, run: Run) -> str | None:
    """Return the decision that a run shows for the question, if it is another one."""
    for step in run.walk():
        if step.id == asked.step_id and step.completed_at:
            return other_decision(answer, result_of(step.to_dict()))
    return None


def _raise_if_closed(reader: RunReader, asked: Asked, refusal: ApiError) -> None:
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


def _check(reader: RunReader, asked: Asked, why: str) -> Delivery:
    """Read the run until the question is closed or the last check is done."""
    http = reader.http
    sent_at = http.clock()
    run: Run | None = None
    doubt = "the run could not be read"
    for seconds in CHECK_TIMES:
        http.sleep(max(0.0, sent_at + seconds - http.clock()))
        latest = _read(reader, asked, CHECK_TIMEOUT)
        if latest is None:
            continue
        open_or_stale = asked.doubt(latest)
        if open_or_stale is None:
            message = "the question is closed; it could not be confirmed that this answer did it"
            log.warning("run %s, question %s: %s", latest.id, asked.id, message)
            return Delivery(UNCONFIRMED, latest, message)
        doubt = open_or_stale
        if not is_stale(latest, asked.known):
            run = latest
    advice = "It was sent once and may still arrive: check again before you answer again."
    return Delivery(UNKNOWN, run, f"{why} Since then, {doubt}. {advice}")


def _read(reader: RunReader, asked: Asked, timeout: float) -> Run | None:
    """Read the run; a failure is only logged, because the answer has been sent."""
    try:
        return reader.read(asked.run_id, deadline=reader.http.clock() + timeout)
    except RunkitError as error:
        log.warning("the run was not read to check whether the answer arrived: %s", error)
        return None


def is_stale(run: Run, known: Run | None) -> bool:
    """Return whether a run is an older state than a known one, as a lagging replica may show."""
    return known is not None and run.updated_at < known.updated_at


def _try_log(write: Callable[[], Result]) -> Result | int:
    """Write to the log and return the result, 0 if that cannot be done."""
    try:
        return write()
    except (TypeError, ValueError) as error:
        # An answer that is not JSON is refused when it is sent.
        log.warning("the answer log was not written: %s", error)
        return 0
