"""Drafts: what was typed and not yet sent, so that a restart of the kernel loses nothing.

One for each question, and only for the value that was asked then: a question that has changed does not get
the draft of the old one. Runs and questions are named by digests, and no key of the API stands beside them.
`answers` drops what is too old.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any, NamedTuple

from runkit import answers
from runkit.models import Run
from runkit.widgets.question import Question

Typed = dict[str, dict[str, Any]]


class Name(NamedTuple):
    """What a draft is kept under: digests of its run and its question, and of what was asked."""

    run: str
    question: str
    digest: str


def name_of(question: Question, host: str) -> Name:
    """Name the draft of a question."""
    return Name(_run(question.run, host), _digest(question.interrupt_id), question.digest)


def save(name: Name, typed: Typed) -> None:
    """Keep a draft in place of the one before, to the same question. Raises `UsageError`."""
    with answers.opened() as db:
        row = (*name, time.time(), json.dumps(typed))
        db.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?, ?, ?, ?)", row)


def load(name: Name) -> Typed | None:
    """Give the draft of that name, if there is one. Raises `UsageError`."""
    if not answers.exists():
        return None
    with answers.opened() as db:
        found = db.execute(
            "SELECT typed FROM drafts WHERE run = ? AND question = ? AND digest = ?", name
        ).fetchone()
    return json.loads(found["typed"]) if found else None


def drop(name: Name) -> None:
    """Forget the draft of a question as it was asked then. Raises `UsageError`."""
    if answers.exists():
        with answers.opened() as db:
            db.execute("DELETE FROM drafts WHERE run = ? AND question = ? AND digest = ?", name)


def drop_all(name: Name) -> None:
    """Forget all drafts of a question, whatever was asked. Raises `UsageError`."""
    if answers.exists():
        with answers.opened() as db:
            db.execute("DELETE FROM drafts WHERE run = ? AND question = ?", name[:2])


def drop_closed(run: Run, host: str) -> None:
    """Forget the drafts of a run's questions that do not wait any more. Raises `UsageError`."""
    waiting = json.dumps([] if run.is_finished else [_digest(item.id) for item in run.interrupts])
    if answers.exists():
        with answers.opened() as db:
            db.execute(
                "DELETE FROM drafts WHERE run = ? AND question NOT IN (SELECT value FROM json_each(?))",
                (_run(run, host), waiting),
            )


def _run(run: Run, host: str) -> str:
    return _digest("\n".join((host, run.id, run.created_at.isoformat())))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
