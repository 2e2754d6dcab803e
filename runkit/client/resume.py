"""Answer a question: note the answer, send it once (and look if its arrival is in doubt), note the outcome.

The API keeps no id of an answer and does not name who gave it. So after a failure without a clear response, a
question that is closed may have been closed by anybody, and one that is still open may be closed later by the
answer on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from runkit import answers, errors
from runkit.answers import CONFIRMED, UNCONFIRMED, UNKNOWN
from runkit.client.http import Http, path_to
from runkit.client.replies import Reply
from runkit.contract import resume_body
from runkit.errors import ApiError, Conflict, ContractError, Invalid, NotFound
from runkit.logs import log
from runkit.models import Run
from runkit.questions import check_answer, interrupt_kind
from runkit.text import shorten

# seconds before each check: most servers finish in 1, proxies in 10
CHECK_DELAYS = (1.0, 2.0, 7.0)
REFUSALS = (Conflict, Invalid, NotFound)
Result = TypeVar("Result")


class Delivery(NamedTuple):
    """What became of an answer, as far as can be known.

    `outcome` is `confirmed` (the API accepted it), `unconfirmed` (the question is closed, and it is unknown
    whose answer closed it) or `unknown` (it is still open after the last check, or the run could not be read:
    `run` is None). `message` is a sentence for people.
    """

    outcome: str
    run: Run | None
    message: str
    is_logged: bool = True


class PendingQuestion(NamedTuple):
    """A question that is being answered, and how its run is read.

    `known` is the run as the caller has it, if at all. `read_reply` makes a run of a response. `on_checking`
    is called before the run is read to check whether the answer arrived.
    """

    run_id: str
    interrupt_id: str
    known: Run | None
    read_run: Callable[[], Run]
    read_reply: Callable[[Reply], Run]
    on_checking: Callable[[str], object] | None = None

    def is_stale(self, run: Run) -> bool:
        """Whether a run is an older state than the one that showed the question."""
        is_known = self.known is not None and is_pending(self.known, self.interrupt_id)
        return is_known and is_stale(run, self.known)

    def doubt(self, run: Run) -> str | None:
        """Return why a run does not show that the question is closed; None if it does."""
        if self.is_stale(run):
            return "an older state of the run is shown"
        if not is_pending(run, self.interrupt_id):
            return None
        if self.interrupt_id in _interrupt_ids(run):
            return f"the question {self.interrupt_id!r} is still open"
        return f"the run is still {shorten(run.status)}, and which question is open cannot be read"


def deliver(
    http: Http,
    question: PendingQuestion,
    answer: Mapping[str, Any],
    who: str | None,
    step_id: str | None,
    display: answers.Display | None,
) -> Delivery:
    """Note an answer, send it, and note what became of it.

    If sending ends in any other way than by an error of runkit, the entry of the log stays at `sending`: the
    answer may have arrived. A log that cannot be written gives a warning and does not stop the answer.
    Raises as `Runs.deliver`.
    """
    for item in question.known.interrupts if question.known else ():
        if item.id == question.interrupt_id:
            check_answer(item.value, answer)
    columns = _log_columns(http, question, step_id)
    number = _try_log(lambda: answers.begin(answer, who, columns, display))

    def settle(outcome: str, message: str, run: Run | None = None) -> None:
        if number is not None:
            _try_log(lambda: answers.settle(number, outcome, message, run.created_at if run else None))

    try:
        delivery = _send(http, question, answer)
    except (ApiError, errors.ReadOnlyError, errors.UsageError) as error:
        settle(answers.REFUSED if isinstance(error, REFUSALS) else answers.FAILED, str(error))
        raise
    settle(delivery.outcome, delivery.message, delivery.run)
    return delivery._replace(is_logged=number is not None)


def _send(http: Http, question: PendingQuestion, answer: Mapping[str, Any]) -> Delivery:
    """Send the answer once, and look whether it arrived if the response does not say."""
    path = path_to("runs", question.run_id, "resume")
    try:
        reply = http.post(path, resume_body(question.interrupt_id, answer), {"include": "steps"})
        run = question.read_reply(reply)
        doubt = question.doubt(run)
        if doubt is None:
            return Delivery(CONFIRMED, run, "the API accepted the answer")
        why = f"the API accepted the answer, but {doubt}."
    except (errors.MaybeSent, ContractError) as error:
        why = str(error)
    except REFUSALS as error:
        refusal = _explain_refusal(error, question)
        if refusal is error:
            raise
        raise refusal from error
    if question.on_checking is not None:
        question.on_checking(why)
    return _look(http, question, why)


def _explain_refusal(failure: ApiError, question: PendingQuestion) -> ApiError:
    """Read the run again and build the error that the refusal means."""
    try:
        run = question.read_run()
    except ApiError as error:
        return error if isinstance(error, NotFound) else failure
    if question.is_stale(run):
        return failure
    facts: dict[str, Any] = {name: getattr(failure, name) for name in ("status", "messages", "parameter")}
    doubt = question.doubt(run)
    if doubt is not None:
        return Invalid(f"the answer was refused, and {doubt}: {failure}", **facts)
    conflict = Conflict(
        f"the question {question.interrupt_id!r} is not open (the run is {run.status}): it was closed in the "
        f"meantime, or this run never asked it. Read the run again. {failure}",
        **facts,
    )
    conflict.run = run
    return conflict


def _look(http: Http, question: PendingQuestion, why: str) -> Delivery:
    """Read the run until the question is closed or the last check is done."""
    state = "The run could not be read since then"
    run: Run | None = None
    waited = 0.0
    for delay in CHECK_DELAYS:
        http.sleep(delay)
        waited += delay
        try:
            latest = question.read_run()
        except ApiError as error:
            log.warning("checking whether the answer arrived: the run could not be read: %s", error)
            continue
        doubt = question.doubt(latest)
        if doubt is None:
            message = (
                f"run {latest.id}: the question {question.interrupt_id} is closed, "
                "but it could not be confirmed that this answer closed it"
            )
            log.warning("%s", message)
            return Delivery(UNCONFIRMED, latest, message)
        if not question.is_stale(latest):
            run, state = latest, f"{waited:g} s later, {doubt}"
    message = f"{why} {state}. It was sent once and may still arrive: check again before you answer again."
    return Delivery(UNKNOWN, run, message)


def is_pending(run: Run, interrupt_id: str) -> bool:
    """Whether the question is still open in this run, as far as can be read.

    Reads the JSON itself: a question that cannot be parsed does not count as answered, nor does an
    interrupted run that lists no questions.
    """
    ids = _interrupt_ids(run)
    if run.is_finished or not ids:
        return run.status == "interrupted"
    return interrupt_id in ids or not all(isinstance(one, str) for one in ids)


def is_stale(run: Run, known: Run | None) -> bool:
    """Whether a run is an older state than a known one, as a lagging replica may show."""
    return known is not None and run.updated_at < known.updated_at


def _interrupt_ids(run: Run) -> list[object]:
    """Give the ids of the questions that a run lists, None for one without an id."""
    interrupts = run.to_dict().get("interrupts")
    items = interrupts if isinstance(interrupts, list) else []
    return [item.get("id") if isinstance(item, dict) else None for item in items]


def _log_columns(http: Http, question: PendingQuestion, step_id: str | None) -> dict[str, str | None]:
    """Return the columns of the log; a step only if no other step could be meant."""
    run_id, interrupt_id, run = question[:3]
    columns: dict[str, str | None] = {"host": http.target.host, "mode": http.target.mode}
    columns |= {"run_id": run_id, "interrupt_id": interrupt_id, "step_id": step_id}
    if run is None:
        return columns
    columns["run_created_at"] = run.created_at.isoformat()
    item = next((item for item in run.interrupts if item.id == interrupt_id), None)
    if item is None:
        return columns
    open_steps = [step.id for step in run.walk() if step.type == "interrupt" and step.completed_at is None]
    if len(open_steps) == len(run.interrupts) == 1:
        columns["step_id"] = step_id or open_steps[0]
    kind, digest = interrupt_kind(item.value), answers.digest(item.value)
    return columns | {"agent": item.agent, "kind": kind, "label": item.label, "question_digest": digest}


def _try_log(write: Callable[[], Result]) -> Result | None:
    try:
        return write()
    except (TypeError, ValueError) as error:  # an answer that is not JSON is refused when it is sent
        log.warning("the answer log was not written: %s", error)
        return None
