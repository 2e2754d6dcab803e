"""Drafts: entries that were not sent yet, so that a restart of the kernel loses nothing.

There is one draft per question and value: a question that has changed does not get the draft of the
old one. No API key is stored. `answer_log` deletes old drafts.
A store that cannot be used causes a warning, and there are no drafts then.
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import NamedTuple

from runkit.api.models import Run
from runkit.display.log import log
from runkit.errors import UsageError
from runkit.local import answer_log
from runkit.widgets._page_messages import Entries

SAME = "run = ? AND question = ? AND digest = ?"


class DraftKey(NamedTuple):
    """The key of a draft: its run, its question's id and the digest of its question's value."""

    run: str
    question: str
    digest: str


def draft_key(run: Run, host: str, interrupt_id: str, digest: str) -> DraftKey:
    """Return the key of the draft of a question, whose value has this digest."""
    return DraftKey(_run(run, host), interrupt_id, digest)


def save(key: DraftKey, entries: Entries) -> None:
    """Write a draft in place of the previous one."""
    row = (*key, time.time(), json.dumps(entries))
    _execute("INSERT OR REPLACE INTO drafts VALUES (?, ?, ?, ?, ?)", row, is_new=True)


def load(key: DraftKey) -> Entries | None:
    """Return a draft, None if there is none."""
    row = _execute(f"SELECT typed FROM drafts WHERE {SAME}", key)  # noqa: S608
    entries: Entries | None = json.loads(row["typed"]) if row else None
    return entries


def drop(key: DraftKey) -> None:
    """Delete the draft of a question with this value."""
    _execute(f"DELETE FROM drafts WHERE {SAME}", key)  # noqa: S608


def drop_closed(run: Run, host: str) -> None:
    """Delete the drafts of a run's questions that are closed."""
    waiting = json.dumps([] if run.is_finished else [item.id or "" for item in run.interrupts])
    closed = "DELETE FROM drafts WHERE run = ? AND question NOT IN (SELECT value FROM json_each(?))"
    _execute(closed, (_run(run, host), waiting))


def _execute(sql: str, values: tuple[object, ...], *, is_new: bool = False) -> sqlite3.Row | None:
    try:
        if not is_new and not answer_log.exists():
            return None
        with answer_log.open_database() as db:
            row: sqlite3.Row | None = db.execute(sql, values).fetchone()
            return row
    except UsageError as error:
        log.warning("drafts are not kept: %s", error)
        return None


def _run(run: Run, host: str) -> str:
    return f"{host} {run.id} {run.created_at.isoformat()}"
