"""Drafts: entries that were not sent yet, so that a restart of the kernel loses nothing.

There is one draft per question and value: a question that has changed does not get the draft of the old one.
Digests name runs and questions, and no API key is stored. `answers` deletes old drafts.
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
    """The key of a draft: digests of its run, its question's id and its question's value."""

    run: str
    question: str
    digest: str


def draft_key(question: Question, host: str) -> DraftKey:
    """Make the key of a question's draft."""
    return DraftKey(_run(question.run, host), _digest(question.interrupt_id), question.digest)


def save(key: DraftKey, entries: Entries) -> None:
    """Save a draft in place of the previous one. Raises `UsageError`."""
    with answers.opened() as db:
        row = (*key, time.time(), json.dumps(entries))
        db.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?, ?, ?, ?)", row)


def load(key: DraftKey) -> Entries | None:
    """Load a draft, None if there is none. Raises `UsageError`."""
    if not answers.exists():
        return None
    with answers.opened() as db:
        row = db.execute(
            "SELECT typed FROM drafts WHERE run = ? AND question = ? AND digest = ?", key
        ).fetchone()
    return json.loads(row["typed"]) if row else None


def drop(key: DraftKey) -> None:
    """Delete the draft of a question with this value. Raises `UsageError`."""
    if answers.exists():
        with answers.opened() as db:
            db.execute("DELETE FROM drafts WHERE run = ? AND question = ? AND digest = ?", key)


def drop_closed(run: Run, host: str) -> None:
    """Delete the drafts of a run's questions that are closed. Raises `UsageError`."""
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
