"""Drafts: what was typed and not yet sent, so that a restart of the kernel loses nothing.

Kept for each question, by a digest of its key and value: a question that has changed does not get the draft
of the old one. No key of the API and no name of the question is stored beside it.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from runkit import jsontext, localstore
from runkit.widgets.question import Question

KEPT = 7 * 24 * 3600  # seconds; a draft may hold a tax number, so it does not stay for ever

Typed = dict[str, dict[str, Any]]


def name_of(question: Question, host: str) -> str:
    """Name the draft of a question."""
    return hashlib.sha256("\n".join((*question.key(host), question.digest)).encode()).hexdigest()


def save(name: str, typed: Typed) -> None:
    """Keep a draft in place of the one before, and drop all that are too old. Raises `UsageError`."""
    with localstore.opened() as db:
        db.execute("DELETE FROM drafts WHERE saved_at < ?", (time.time() - KEPT,))
        db.execute(
            "INSERT OR REPLACE INTO drafts VALUES (?, ?, ?)",
            (name, time.time(), jsontext.dumps(typed)),
        )


def load(name: str) -> Typed | None:
    """Give the draft of that name, if there is one that is not too old. Raises `UsageError`."""
    if not localstore.exists():
        return None
    with localstore.opened() as db:
        row = db.execute(
            "SELECT typed FROM drafts WHERE question = ? AND saved_at >= ?", (name, time.time() - KEPT)
        ).fetchone()
    # not jsontext, which refuses the half of a surrogate pair that it writes
    return json.loads(row["typed"]) if row else None


def drop(name: str) -> None:
    """Forget a draft. Raises `UsageError`."""
    if localstore.exists():
        with localstore.opened() as db:
            db.execute("DELETE FROM drafts WHERE question = ?", (name,))
