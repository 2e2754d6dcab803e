"""Every answer is noted before it is sent and again at its verdict, whoever sends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from runkit import answers
from runkit.client.hosts import Target
from runkit.client.resume import Delivery
from runkit.contract import interrupt_kind
from runkit.errors import ApiError, Conflict, Invalid, NotFound, ReadOnlyError, UsageError
from runkit.logs import log
from runkit.models import Run

Kept = TypeVar("Kept")
REFUSALS = (Conflict, Invalid, NotFound)


@contextmanager
def audited(
    target: Target,
    run: str | Run,
    interrupt_id: str,
    answer: Mapping[str, Any],
    *,
    by: str | None,
    step_id: str | None,
) -> Iterator[Callable[[Delivery], Delivery]]:
    """Note the answer, then its verdict: the delivery that is passed through, or the error that is raised.

    What ends the sending in any other way leaves the entry at `sending`: it may have arrived. A log that
    cannot be written is said in a warning and stops no answer.
    """
    known = {"host": target.host, "mode": target.mode, "interrupt_id": interrupt_id, "step_id": step_id}
    if isinstance(run, Run):
        known |= _question(run, interrupt_id) | ({"step_id": step_id} if step_id else {})
    run_id, created = (run.id, run.created_at) if isinstance(run, Run) else (run, None)
    number = _try(lambda: answers.begin(answer, by, {**known, "run_id": run_id}))

    def settle(delivery: str, message: str, created_at: datetime | None) -> None:
        if number is not None:
            _try(lambda: answers.settle(number, delivery, message, created_at))

    def note(delivery: Delivery) -> Delivery:
        settle(delivery.fate, delivery.message, delivery.run.created_at if delivery.run else created)
        return delivery._replace(is_noted=number is not None)

    try:
        yield note
    except REFUSALS as error:
        settle(answers.REFUSED, str(error), created)
        raise
    except (ApiError, ReadOnlyError, UsageError) as error:
        settle(answers.FAILED, str(error), created)
        raise


def _try(write: Callable[[], Kept]) -> Kept | None:
    try:
        return write()
    except (TypeError, ValueError) as error:  # what is no JSON is refused when it is about to be sent
        log.warning("the answer log was not written: %s", error)
        return None


def _question(run: Run, interrupt_id: str) -> dict[str, str | None]:
    """Say what a run tells of a question; its step only where no other could be meant."""
    item = next((item for item in run.interrupts if item.id == interrupt_id), None)
    if item is None:
        return {}
    open_pauses = [step.id for step in run.walk() if step.type == "interrupt" and step.completed_at is None]
    return {
        "step_id": open_pauses[0] if len(open_pauses) == len(run.interrupts) == 1 else None,
        "agent": item.agent,
        "kind": interrupt_kind(item.value),
        "label": item.label,
        "question_digest": answers.digest(item.value),
    }
