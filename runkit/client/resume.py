"""Answer a question exactly once, and find out what became of the answer when the network does not say.

The API keeps no id of an answer and does not name who gave it. So after a doubtful failure a question that is
gone is closed, by whomever; one that still waits may yet be closed by the answer that is on its way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from runkit.answers import CONFIRMED, UNCONFIRMED, UNKNOWN
from runkit.errors import ApiError, Conflict, ContractError, Invalid, MaybeSent, NotFound
from runkit.logs import log
from runkit.models import Run
from runkit.text import shorten

CHECK_AFTER = (1.0, 3.0, 10.0)  # seconds after the failure: most servers finish within 1, proxies within 10


class Delivery(NamedTuple):
    """What became of an answer, as far as can be known.

    `fate` is `confirmed` (the API took it), `unconfirmed` (the question is closed, and whose answer closed it
    is unknown) or `unknown` (it still waits after the last look, or nobody could look: `run` is None).
    `message` says so in a sentence, `failure` is what raised the doubt.
    """

    fate: str
    run: Run | None
    message: str
    failure: ApiError | None = None
    is_noted: bool = True  # in the answer log

    def maybe_sent(self) -> MaybeSent:
        """Build the error for a caller who needs a run."""
        message = self.failure
        return MaybeSent(
            self.message,
            status=message.status if message else None,
            messages=message.messages if message else (),
            parameter=message.parameter if message else None,
        )


def deliver(
    send: Callable[[], Run],
    read: Callable[[], Run],
    interrupt_id: str,
    before: Run | None,
    *,
    sleep: Callable[[float], object],
    on_doubt: Callable[[str], object] | None = None,
) -> Delivery:
    """Send the answer, never twice, and find out what became of it.

    `before` is the run as it was when the question was open, if the caller has it. An answer that the API
    took is in doubt all the same while the API shows the question as open, or an older state of the run; so
    is one that was redirected. `on_doubt` is told why before the looks begin, which take 10 seconds.

    Raises `Conflict` when the question is no longer open, `Invalid` when the API refuses the answer to an
    open one, and what else is surely not delivered as it came.
    """
    failure: ApiError | None = None
    try:
        run = send()
        if not is_pending(run, interrupt_id) and not is_stale(run, before):
            return Delivery(CONFIRMED, run, "the API took the answer")
        seen = (
            "it shows an older state of the run" if is_stale(run, before) else _open_text(run, interrupt_id)
        )
        why = f"the API took the answer, and {seen}."
    except (MaybeSent, ContractError) as error:
        failure, why = error, str(error)
    except (NotFound, Conflict, Invalid) as error:
        refusal = _explain_refusal(error, read, interrupt_id, before)
        if refusal is error:
            raise
        raise refusal from error
    if on_doubt is not None:
        on_doubt(why)
    return _check_delivery(why, failure, read, interrupt_id, before, sleep)


def _explain_refusal(
    failure: ApiError, read: Callable[[], Run], interrupt_id: str, before: Run | None
) -> ApiError:
    """Build the error that a refusal means, once the run was read again."""
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
            f"the question {interrupt_id!r} is not open (the run is {run.status}): it was closed meanwhile, "
            f"or this run never asked it. Read the run again. The API said {failure.status}: "
            f"{shorten(' / '.join(failure.messages) or 'nothing more', 300)}"
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
    """Read the run until the question is gone or the last look is over."""
    found = "The run could not be read since"
    run: Run | None = None
    waited = 0.0
    for seconds in CHECK_AFTER:
        sleep(seconds - waited)
        waited = seconds
        try:
            now = read()
        except ApiError as error:
            log.warning("after a doubtful resume the run could not be read: %s", error)
            continue
        if is_stale(now, before):
            continue
        run = now
        if not is_pending(run, interrupt_id):
            message = (
                f"run {run.id}: the question {interrupt_id} is closed; "
                "that this answer closed it could not be confirmed"
            )
            log.warning("%s", message)
            return Delivery(UNCONFIRMED, run, message, failure)
        found = f"{seconds:g} s later, {_open_text(run, interrupt_id)}"
    message = f"{why} {found}. It was sent once and may still arrive: look again before you answer again."
    return Delivery(UNKNOWN, run, message, failure)


def is_pending(run: Run, interrupt_id: str) -> bool:
    """Whether the run still waits for an answer to this question, as far as can be read.

    Looks at the JSON itself: a question that cannot be parsed, or an interrupted run that names none, is not
    a question that was answered.
    """
    ids = _interrupt_ids(run)
    if run.is_finished or not ids:
        return run.status == "interrupted"
    return interrupt_id in ids or not all(isinstance(name, str) for name in ids)


def _interrupt_ids(run: Run) -> list[object]:
    """The ids of the questions that a run lists, None for one that has none."""
    questions = run.to_dict().get("interrupts")
    listed = questions if isinstance(questions, list) else []
    return [item.get("id") if isinstance(item, dict) else None for item in listed]


def _open_text(run: Run, interrupt_id: str) -> str:
    """Say what a run shows of a question that is not known to be closed."""
    if interrupt_id in _interrupt_ids(run):
        return f"the question {interrupt_id!r} is still open"
    return f"the run is still {shorten(run.status)}, and which question is open cannot be read"


def is_stale(run: Run, known: Run | None) -> bool:
    """Whether a run is an older state than one that is known, as a replica that lags behind may show."""
    return known is not None and run.updated_at < known.updated_at
