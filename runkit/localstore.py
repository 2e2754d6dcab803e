"""What runkit keeps on this machine: the answers that were given, and drafts of answers not yet sent.

One SQLite file under `RUNKIT_STATE_DIR` (by default the platform's folder for user state), readable by its
owner only. SQLite brings the lock between kernels and writes that are whole or not there at all. Each call
opens the file anew, so any thread and any process may call.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from runkit import private
from runkit.errors import UsageError

DIR_NAME = "RUNKIT_STATE_DIR"
FILE = "runkit.sqlite3"
KEPT = 7 * 24 * 3600  # seconds; a draft may hold a tax number, so it does not stay for ever
PATIENCE = 60.0
"""Seconds to wait for other kernels' writes. One takes 2 ms, but SQLite lets nobody stand in line, it tries
again now and then: with 8 kernels that write without a pause one waits for a second, and with 200 threads for
more than 5. An answer that is not noted is worse than one that is sent a little later."""

_SCHEMA = """
PRAGMA secure_delete = ON; -- a dropped draft may have held a tax number
CREATE TABLE IF NOT EXISTS answers (
    answer_id INTEGER PRIMARY KEY, sent_at TEXT, settled_at TEXT, host TEXT, mode TEXT, run_id TEXT,
    run_created_at TEXT, interrupt_id TEXT, step_id TEXT, agent TEXT, kind TEXT, label TEXT,
    question_digest TEXT, answered_by TEXT, answer TEXT, answer_digest TEXT, delivery TEXT, message TEXT
);
CREATE INDEX IF NOT EXISTS answers_of_run ON answers (run_id);
CREATE TABLE IF NOT EXISTS drafts (
    run TEXT, question TEXT, digest TEXT, saved_at REAL, typed TEXT, PRIMARY KEY (run, question, digest)
);
"""


def folder() -> Path:
    """Where the file is, or will be."""
    given = os.environ.get(DIR_NAME)
    if given:
        return Path(given)
    from platformdirs import user_state_path

    return user_state_path("runkit", appauthor=False)


def exists() -> bool:
    """Whether anything was ever kept; reading must not leave a file behind.

    Raises `UsageError` for a folder that may not be entered: what it holds is unknown.
    """
    try:
        return (folder() / FILE).stat().st_size >= 0
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unusable(folder() / FILE, error) from error


@contextmanager
def opened() -> Iterator[sqlite3.Connection]:
    """Open the file, made if need be; what is written within is kept together or not at all.

    Raises `UsageError` when it cannot be read or written.
    """
    path = folder() / FILE
    try:
        private.make_folder(path.parent)
        private.make_file(path)
        path.chmod(0o600)  # one that was copied here may have been readable by others
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as db:
            db.row_factory = sqlite3.Row
            db.executescript(_SCHEMA)
            with db:
                too_old = (time.time() - KEPT,)
                if db.execute("SELECT 1 FROM drafts WHERE saved_at < ?", too_old).fetchone():
                    db.execute("DELETE FROM drafts WHERE saved_at < ?", too_old)
                yield db
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{path} cannot be used ({type(error).__name__}: {error}); "
        f"set {DIR_NAME} to a folder that can be written"
    )
