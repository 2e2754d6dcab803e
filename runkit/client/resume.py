"""Answer a question once, log it, and check whether the answer arrived when the network does not say.

The API keeps no id of an answer and does not name who gave it. So after a failure without a clear response, a
question that is closed may have been closed by anybody, and one that is still open may be closed later by the
answer on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from runkit import answers
from runkit.answers import CONFIRMED, UNCONFIRMED, UNKNOWN
from runkit.client.hosts import Target
from runkit.contract import interrupt_kind
from runkit.errors import (
    ApiError,
    Conflict,
    ContractError,
    Invalid,
    MaybeSent,
    NotFound,
    ReadOnlyError,
    UsageError,
)
from runkit.logs import log
from runkit.models import Run
from runkit.text import shorten

CHECK_AFTER = (1.0, 3.0, 10.0)  # seconds after the failure: most servers finish within 1, proxies within 10
REFUSALS = (Conflict, Invalid, NotFound)
Result = TypeVar("Result")


class Delivery(NamedTuple):
    """What became of an answer, as far as can be known.

    `outcome` is `confirmed` (the API accepted it), `unconfirmed` (the question is closed, and it is unknown
    whose answer closed it) or `unknown` (it is still open after the last check, or the run could not be read:
    `run` is None). `message` is a sentence for people, `failure` the error that made checks necessary.
    """

    outcome: str
    run: Run | None
    message: str
    failure: ApiError | None = None
    is_logged: bool = True

    def maybe_sent(self) -> MaybeSent:
        """Build the error for a caller who needs a run."""
        failure = self.failure
        return MaybeSent(
            self.message,
            status=failure.status if failure else None,
            messages=failure.messages if failure else (),
            parameter=failure.parameter if failure else None,
        )


# ------------------------------------------------------------------------------------------------ delivery


def deliver(
    send: Callable[[], Run],
    read: Callable[[], Run],
    interrupt_id: str,
    before: Run | None,
    *,
    sleep: Callable[[float], object],
    on_checking: Callable[[str], object] | None = None,
) -> Delivery:
    """Send the answer once, and check whether it arrived if the response does not say.

    Parameters
    ----------
    send, read
        Send the answer; read the run.
    interrupt_id
        The question.
    before
        The run while the question was open, if the caller has it. A response with an older state of the run,
        or one that still shows the question as open, is no confirmation.
    sleep
        Waits for a number of seconds.
    on_checking
        Called with the reason before the checks, which take 10 seconds.

    Returns
    -------
    Delivery
        The outcome, and the run as it was read last.

    Raises
    ------
    Conflict
        If the question is no longer open.
    Invalid
        If the API refuses the answer to an open question.
    ApiError
        For what was certainly not delivered.
    """
    failure: ApiError | None = None
    try:
        run = send()
        if not is_pending(run, interrupt_id) and not is_stale(run, before):
            return Delivery(CONFIRMED, run, "the API accepted the answer")
        state = (
            "it shows an older state of the run" if is_stale(run, before) else _open_text(run, interrupt_id)
        )
        why = f"the API accepted the answer, but {state}."
    except (MaybeSent, ContractError) as error:
        failure, why = error, str(error)
    except REFUSALS as error:
        refusal = _explain_refusal(error, read, interrupt_id, before)
        if refusal is error:
            raise
        raise refusal from error
    if on_checking is not None:
        on_checking(why)
    return _check_delivery(why, failure, read, interrupt_id, before, sleep)


def _explain_refusal(
    failure: ApiError, read: Callable[[], Run], interrupt_id: str, before: Run | None
) -> ApiError:
    """Read the run again and build the error that the refusal means."""
    try:
        run = read()
    except ApiError as error:
        return error if isinstance(error, NotFound) else failure
    if is_stale(run, before):
        return failure
    kind: type[ApiError]
    if is_pending(run, interrupt_id):
        kind = Invalid
        message = f"the answer was refused, and {_open_text(run, interrupt_id)}: {failure}"
    else:
        kind = Conflict
        message = (
            f"the question {interrupt_id!r} is not open (the run is {run.status}): it was closed in the "
            f"meantime, or this run never asked it. Read the run again. The API returned {failure.status}: "
            f"{shorten(' / '.join(failure.messages) or 'no message', 300)}"
        )
    refusal = kind(message, status=failure.status, messages=failure.messages, parameter=failure.parameter)
    if isinstance(refusal, Conflict):
        refusal.run = run
    return refusal


def _check_delivery(
    why: str,
    failure: ApiError | None,
    read: Callable[[], Run],
    interrupt_id: str,
    before: Run | None,
    sleep: Callable[[float], object],
) -> Delivery:
    """Read the run until the question is closed or the last check is done."""
    state = "The run could not be read since then"
    run: Run | None = None
    waited = 0.0
    for seconds in CHECK_AFTER:
        sleep(seconds - waited)
        waited = seconds
        try:
            latest = read()
        except ApiError as error:
            log.warning("checking whether the answer arrived: the run could not be read: %s", error)
            continue
        if is_stale(latest, before):
            continue
        run = latest
        if not is_pending(run, interrupt_id):
            message = (
                f"run {run.id}: the question {interrupt_id} is closed, "
                "but it could not be confirmed that this answer closed it"
            )
            log.warning("%s", message)
            return Delivery(UNCONFIRMED, run, message, failure)
        state = f"{seconds:g} s later, {_open_text(run, interrupt_id)}"
    message = f"{why} {state}. It was sent once and may still arrive: check again before you answer again."
    return Delivery(UNKNOWN, run, message, failure)


def is_pending(run: Run, interrupt_id: str) -> bool:
    """Whether the question is still open in this run, as far as can be read.

    Reads the JSON itself: a question that cannot be parsed does not count as answered, nor does an
    interrupted run that lists no questions.
    """
    ids = _interrupt_ids(run)
    if run.is_finished or not ids:
        return run.status == "interrupted"
    return interrupt_id in ids or not all(isinstance(one, str) for one in ids)


def _interrupt_ids(run: Run) -> list[object]:
    """Give the ids of the questions that a run lists, None for one without an id."""
    interrupts = run.to_dict().get("interrupts")
    items = interrupts if isinstance(interrupts, list) else []
    return [item.get("id") if isinstance(item, dict) else None for item in items]


def _open_text(run: Run, interrupt_id: str) -> str:
    """Describe a question that is not known to be closed."""
    if interrupt_id in _interrupt_ids(run):
        return f"the question {interrupt_id!r} is still open"
    return f"the run is still {shorten(run.status)}, and which question is open cannot be read"


def is_stale(run: Run, known: Run | None) -> bool:
    """Whether a run is an older state than a known one, as a lagging replica may show."""
    return known is not None and run.updated_at < known.updated_at


# ----------------------------------------------------------------------------------------------------- log


def logged(
    send: Callable[[], Delivery],
    target: Target,
    run: str | Run,
    interrupt_id: str,
    answer: Mapping[str, Any],
    *,
    by: str | None,
    step_id: str | None,
    display: answers.Display | None = None,
) -> Delivery:
    """Log the answer, send it, and log the outcome or the error.

    If sending ends in any other way, the entry stays at `sending`: the answer may have arrived. A log that
    cannot be written gives a warning and does not stop the answer.
    """
    columns = {"host": target.host, "mode": target.mode, "interrupt_id": interrupt_id, "step_id": step_id}
    if isinstance(run, Run):
        columns |= _question_columns(run, interrupt_id) | ({"step_id": step_id} if step_id else {})
    run_id, created = (run.id, run.created_at) if isinstance(run, Run) else (run, None)
    number = _try_log(lambda: answers.begin(answer, by, {**columns, "run_id": run_id}, display))

    def settle(outcome: str, message: str, created_at: datetime | None) -> None:
        if number is not None:
            _try_log(lambda: answers.settle(number, outcome, message, created_at))

    try:
        delivery = send()
    except REFUSALS as error:
        settle(answers.REFUSED, str(error), created)
        raise
    except (ApiError, ReadOnlyError, UsageError) as error:
        settle(answers.FAILED, str(error), created)
        raise
    settle(delivery.outcome, delivery.message, delivery.run.created_at if delivery.run else created)
    return delivery._replace(is_logged=number is not None)


def _try_log(write: Callable[[], Result]) -> Result | None:
    try:
        return write()
    except (TypeError, ValueError) as error:  # an answer that is not JSON is refused when it is sent
        log.warning("the answer log was not written: %s", error)
        return None


def _question_columns(run: Run, interrupt_id: str) -> dict[str, str | None]:
    """Give what the run says about the question; its step only if no other step could be meant."""
    item = next((item for item in run.interrupts if item.id == interrupt_id), None)
    if item is None:
        return {}
    open_steps = [step.id for step in run.walk() if step.type == "interrupt" and step.completed_at is None]
    return {
        "step_id": open_steps[0] if len(open_steps) == len(run.interrupts) == 1 else None,
        "agent": item.agent,
        "kind": interrupt_kind(item.value),
        "label": item.label,
        "question_digest": answers.digest(item.value),
    }
