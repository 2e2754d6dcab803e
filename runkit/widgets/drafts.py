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

Entries = dict[str, dict[str, Any]]


class DraftKey(NamedTuple):
    """What a draft is kept under: digests of its run and its question, and of what was asked."""

    run: str
    question: str
    digest: str


def draft_key(question: Question, host: str) -> DraftKey:
    """Name the draft of a question."""
    return DraftKey(_run(question.run, host), _digest(question.interrupt_id), question.digest)


def save(key: DraftKey, entries: Entries) -> None:
    """Keep a draft in place of the one before, to the same question. Raises `UsageError`."""
    with answers.opened() as db:
        row = (*key, time.time(), json.dumps(entries))
        db.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?, ?, ?, ?)", row)


def load(key: DraftKey) -> Entries | None:
    """Give the draft of that name, if there is one. Raises `UsageError`."""
    if not answers.exists():
        return None
    with answers.opened() as db:
        row = db.execute(
            "SELECT typed FROM drafts WHERE run = ? AND question = ? AND digest = ?", key
        ).fetchone()
    return json.loads(row["typed"]) if row else None


def drop(key: DraftKey) -> None:
    """Forget the draft of a question as it was asked then. Raises `UsageError`."""
    if answers.exists():
        with answers.opened() as db:
            db.execute("DELETE FROM drafts WHERE run = ? AND question = ? AND digest = ?", key)


def drop_all(key: DraftKey) -> None:
    """Forget all drafts of a question, whatever was asked. Raises `UsageError`."""
    if answers.exists():
        with answers.opened() as db:
            db.execute("DELETE FROM drafts WHERE run = ? AND question = ?", key[:2])


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
