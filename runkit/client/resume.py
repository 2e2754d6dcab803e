"""Answer a question: log the answer, send it once, and log the outcome.

The API keeps no id of an answer and does not name who gave it. So after a failure without a clear
response, a question that is closed may have been closed by anybody, and one that is still open may
be closed later by the answer on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from runkit import errors
from runkit.api.contract import resume_body
from runkit.api.models import Interrupt, Run
from runkit.api.questions import check_answer
from runkit.api.reading import interrupt_kind
from runkit.client._http import path_to
from runkit.client._reader import RunReader
from runkit.display.log import log
from runkit.errors import ApiError, Conflict, ContractError, Invalid, NotFound
from runkit.local import answer_log
from runkit.local.answer_log import CONFIRMED, UNCONFIRMED, UNKNOWN

# seconds after the answer: most servers finish in 1, proxies in 10
CHECK_TIMES = (1.0, 3.0, 10.0)
CHECK_TIMEOUT = 3.0  # seconds of the last check; the others end when the next one begins
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
            check_answer(self.interrupt.value, self.answer)
        number = _try_log(self._claim)
        if number is None:
            return Delivery(TAKEN, self.known, "the log has another answer to this question")
        if self.on_claimed is not None:
            self.on_claimed(number)

        def settle(outcome: str, message: str, run: Run | None) -> None:
            created_at = run.created_at if run else None
            if number:
                _try_log(lambda: answer_log.settle(number, outcome, message, created_at))

        try:
            delivery = self._send()
        except (ApiError, errors.ReadOnlyError, errors.UsageError) as error:
            # Of a question that is closed, nobody knows whose answer closed it.
            run = error.run if isinstance(error, Conflict) else None
            refused = answer_log.REFUSED if isinstance(error, REFUSALS) else answer_log.FAILED
            settle(UNCONFIRMED if run else refused, str(error), run)
            raise
        settle(delivery.outcome, delivery.message, delivery.run)
        return delivery._replace(is_logged=bool(number))

    def _claim(self) -> int | None:
        """Log that the answer is about to be sent, and return the number of the entry."""
        target = self.reader.http.target
        run = self.known
        interrupt = self.interrupt
        columns = {
            "host": target.host,
            "mode": target.mode,
            "run_id": self.run_id,
            "run_created_at": run.created_at.isoformat() if run else None,
            "interrupt_id": self.id,
            "step_id": self.asked_by,
        }
        if interrupt is not None:
            columns |= {
                "agent": interrupt.agent,
                "kind": interrupt_kind(interrupt.value),
                "label": interrupt.label,
                "question_digest": answer_log.digest(interrupt.value),
            }
        return answer_log.claim(self.answer, self.who, columns, self.seen)

    @cached_property
    def asked_by(self) -> str | None:
        """The step of the question, if no other step could be meant."""
        run = self.known
        if self.step_id is not None or run is None or self.interrupt is None:
            return self.step_id
        steps = [
            step.id for step in run.walk() if step.type == "interrupt" and step.completed_at is None
        ]
        return steps[0] if len(steps) == len(run.interrupts) == 1 else None

    @property
    def interrupt(self) -> Interrupt | None:
        """The question in the known run."""
        interrupts = self.known.interrupts if self.known else ()
        return next((item for item in interrupts if item.id == self.id), None)

    def _send(self) -> Delivery:
        """Send the answer once, and check whether it arrived if the response does not say."""
        path = path_to("runs", self.run_id, "resume")
        body = resume_body(self.id, self.answer)
        try:
            reply = self.reader.http.post(path, body, {"include": "steps"})
            run = self.reader.from_reply(reply, self.run_id)
            doubt = self._doubt(run)
            if doubt is None:
                return Delivery(CONFIRMED, run, "the API accepted the answer")
            why = f"the API accepted the answer, but {doubt}."
        except (errors.MaybeSent, ContractError) as error:
            why = str(error)
        except ApiError as error:
            if error.status is not None and 400 <= error.status < 500:
                self._explain(error)
            raise

        if self.on_checking is not None:
            self.on_checking(why)
        return self._check(why)

    def _doubt(self, run: Run) -> str | None:
        """Return why a run does not show that the question is closed; None if it does."""
        if is_stale(run, self.known):
            return "an older state of the run is shown"
        is_open = is_pending(run, self.id, self.asked_by)
        return f"the question {self.id!r} is still open" if is_open else None

    def _explain(self, refusal: ApiError) -> None:
        """Read the run again and raise the error that the refusal means, if the run shows it."""
        deadline = self.reader.http.clock() + REFUSAL_TIMEOUT
        try:
            run = self.reader.read(self.run_id, deadline=deadline)
        except ApiError:
            return
        if is_stale(run, self.known):
            return

        facts: Any = {name: getattr(refusal, name) for name in ("status", "messages", "parameter")}
        doubt = self._doubt(run)
        if doubt is not None:
            if not isinstance(refusal, REFUSALS):
                return
            raise Invalid(f"{refusal} The run was read again: {doubt}.", **facts) from refusal
        conflict = Conflict(
            f"the question {self.id!r} is not open (the run is {run.status}): it was closed in the "
            f"meantime, or this run never asked it. Read the run again. {refusal}",
            **facts,
        )
        conflict.run = run
        raise conflict from refusal

    def _check(self, why: str) -> Delivery:
        """Read the run until the question is closed or the last check is done."""
        run: Run | None = None
        state = "The run could not be read since then"
        http = self.reader.http
        sent_at = http.clock()
        for start, end in pairwise((*CHECK_TIMES, CHECK_TIMES[-1] + CHECK_TIMEOUT)):
            http.sleep(max(0.0, sent_at + start - http.clock()))
            try:
                latest = self.reader.read(self.run_id, deadline=sent_at + end)
            except ApiError as error:
                log.warning("the run was not read to check whether the answer arrived: %s", error)
                continue

            doubt = self._doubt(latest)
            if doubt is None:
                message = (
                    f"run {latest.id}: the question {self.id} is closed, but it could not be "
                    "confirmed that this answer closed it"
                )
                log.warning("%s", message)
                return Delivery(UNCONFIRMED, latest, message)
            if not is_stale(latest, self.known):
                run = latest
                state = f"{start:g} s later, {doubt}"

        advice = "It was sent once and may still arrive: check again before you answer again."
        return Delivery(UNKNOWN, run, f"{why} {state}. {advice}")


def is_pending(run: Run, interrupt_id: str, step_id: str | None = None) -> bool:
    """Return whether the question is still open in this run, as far as can be read.

    A question whose step has ended is closed, even if another one is asked with the same id. Reads
    the JSON itself: a question that cannot be parsed does not count as answered, nor does an
    interrupted run that lists no questions.
    """
    if any(step.id == step_id and step.completed_at is not None for step in run.walk()):
        return False
    interrupts = run.to_dict().get("interrupts")
    if run.is_finished or not interrupts or not isinstance(interrupts, list):
        return run.status == "interrupted"
    ids = [item.get("id") if isinstance(item, dict) else None for item in interrupts]
    return interrupt_id in ids or not all(isinstance(item, str) for item in ids)


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
