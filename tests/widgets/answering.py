"""Answers that tests give, and what became of them."""

from __future__ import annotations

from functools import partial
from typing import Any

from runkit.local import answer_log
from runkit.widgets import _drafts
from runkit.widgets._answer_states import AnswerController, Snapshot
from tests.widgets.asking import finish

WHO = "Ada of tests"
NOTE = "born in 1951, ours in 1984"
YES = {"0": {"note": NOTE, "decision": "approve"}}
NO = {"0": {"note": "", "decision": "reject"}}


def answer(controller: AnswerController, entries: dict[str, dict[str, Any]] = YES) -> Snapshot:
    """Type, send, and wait for the verdict."""
    controller.queue.call(partial(controller.edit, entries))
    return submit(controller)


def submit(controller: AnswerController) -> Snapshot:
    """Send, and wait for the verdict."""
    controller.queue.call(controller.submit)
    finish(controller)
    return controller.snapshot


def deliveries() -> list[str]:
    return [entry.delivery for entry in answer_log.entries()]


def saved(controller: AnswerController) -> Any:
    question = controller.question
    host = controller.client.host
    key = _drafts.draft_key(question.run, host, question.interrupt_id, question.digest)
    return _drafts.load(key)
