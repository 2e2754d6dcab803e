"""Answer a question exactly once, and find out what became of the answer when the network does not say.

The API keeps no id of an answer and does not name who gave it. So after a doubtful failure a question that is
gone is closed, by whomever; one that still waits may yet be closed by the answer that is on its way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from runkit.errors import ApiError, Conflict, ContractError, Invalid, MaybeSent, NotFound
from runkit.models import Run

log = logging.getLogger("runkit")

LOOK_AT = (1.0, 3.0, 10.0)  # seconds after the failure: most servers finish within 1, proxies within 10


def resume_once(
    send: Callable[[], Run],
    read: Callable[[], Run],
    interrupt_id: str,
    *,
    sleep: Callable[[float], object],
) -> Run:
    """Send the answer, never twice, and give the run as it is afterwards.

    Raises `Conflict` when the question is no longer open, `Invalid` when the API refuses the answer to an
    open one, `MaybeSent` when the question still waits after the last look or nobody could look.
    """
    failure: ApiError
    try:
        return send()
    except (MaybeSent, ContractError) as error:
        if error.status is not None and 300 <= error.status < 400:
            raise  # a redirect was not followed, so nothing was done
        failure, is_refusal = error, False
    except (NotFound, Conflict, Invalid) as error:
        failure, is_refusal = error, True
    if is_refusal:
        raise _refused(failure, read, interrupt_id)
    return _look(failure, read, interrupt_id, sleep)


def _refused(failure: ApiError, read: Callable[[], Run], interrupt_id: str) -> ApiError:
    """Build the error that a refusal means, once the run was read again."""
    try:
        run = read()
    except ApiError as error:
        return error if isinstance(error, NotFound) else failure
    kind: type[ApiError]
    if is_pending(run, interrupt_id):
        kind = Invalid
        message = f"the answer was refused, and the question {interrupt_id!r} is still open: {failure}"
    else:
        kind = Conflict
        message = (
            f"the question {interrupt_id!r} is not open (the run is {run.status}): somebody was first, or "
            f"this run never asked it. Nothing was changed. {failure}"
        )
    return kind(message, status=failure.status, messages=failure.messages, parameter=failure.parameter)


def _look(
    failure: ApiError,
    read: Callable[[], Run],
    interrupt_id: str,
    sleep: Callable[[float], object],
) -> Run:
    """Read the run until the question is gone or the last look is over."""
    found = "the run could not be read since"
    before = 0.0
    for seconds in LOOK_AT:
        sleep(seconds - before)
        before = seconds
        try:
            run = read()
        except ApiError as error:
            log.warning("after a doubtful resume the run could not be read: %s", error)
            continue
        if not is_pending(run, interrupt_id):
            log.warning(
                "run %s: the question %s is closed; that this answer closed it could not be confirmed",
                run.id,
                interrupt_id,
            )
            return run
        found = f"{seconds:g} s later the question {interrupt_id!r} was still open"
    raise MaybeSent(
        f"{failure} {found}. It was sent once and may still arrive: look again before you answer again.",
        status=failure.status,
        messages=failure.messages,
        parameter=failure.parameter,
    )


def is_pending(run: Run, interrupt_id: str) -> bool:
    """Whether the run still waits for an answer to this question.

    Looks at the JSON itself: a question that cannot be parsed is not a question that was answered.
    """
    questions = run.to_dict().get("interrupts")
    if not isinstance(questions, list):
        return run.status == "interrupted"
    return any(isinstance(item, dict) and item.get("id") == interrupt_id for item in questions)
