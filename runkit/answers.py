"""What runkit keeps on this machine: the log of answers that were sent, and drafts of answers not yet sent.

One SQLite file under `RUNKIT_STATE_DIR` (by default the platform's folder for user state), readable by its
owner only. SQLite locks it between kernels, and a write is whole or not there at all. Each call opens the
file anew, so any thread and any process may call.

Every answer is logged before it is sent and again when its outcome is known. An entry without an outcome
(`sending`) is an answer whose kernel died on the way: it may have arrived.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runkit import files, jsontext
from runkit.errors import UsageError
from runkit.logs import log

if TYPE_CHECKING:
    import pandas as pd

DIR_NAME = "RUNKIT_STATE_DIR"
FILE = "runkit.sqlite3"
DRAFT_LIFETIME = 7 * 24 * 3600  # seconds; a draft may hold a tax number, so it does not stay for ever
LOCK_TIMEOUT = 60.0
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

SENDING, CONFIRMED, UNCONFIRMED, UNKNOWN, REFUSED, FAILED = DELIVERIES = (
    "sending",  # no verdict was noted: still on its way, or the kernel ended first
    "confirmed",  # the API took it
    "unconfirmed",  # the question is closed, and whose answer closed it is unknown
    "unknown",  # it may have arrived, or may still
    "refused",  # the API said no: the answer does not fit, or somebody was first
    "failed",  # surely not delivered
)
IN_DOUBT = frozenset({SENDING, UNCONFIRMED, UNKNOWN})
SELF_DECLARED = "self-declared"
_TIMES = ("sent_at", "settled_at", "run_created_at")


class Entry(NamedTuple):
    """One answer. Times are this machine's; `run_created_at` is the server's and tells equal ids apart."""

    answer_id: int
    sent_at: datetime
    settled_at: datetime | None
    host: str
    mode: str
    run_id: str
    run_created_at: datetime | None
    interrupt_id: str
    step_id: str | None
    agent: str | None
    kind: str | None
    label: str | None
    question_digest: str | None
    answered_by: str
    answer: str
    answer_digest: str
    delivery: str
    message: str | None


def declared_name() -> str:
    """Who sits here, as far as the machine says: JupyterHub's user, else the login. Nobody checks it."""
    hub = os.environ.get("JUPYTERHUB_USER")
    try:
        return hub or getpass.getuser()
    except (OSError, KeyError):  # a container without a passwd entry
        return "unknown"


def digest(value: Mapping[str, Any]) -> str:
    """Give the SHA-256 of a JSON object in canonical form, in hex."""
    text = jsontext.dumps(dict(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def begin(answer: Mapping[str, Any], by: str | None, known: Mapping[str, str | None]) -> int:
    """Note that an answer is about to be sent; gives its number. `known` are other columns of the entry."""
    row = {
        **known,
        "sent_at": _now(),
        "answered_by": by or declared_name(),
        "answer": jsontext.dumps(dict(answer)),
        "answer_digest": digest(answer),
        "delivery": SENDING,
    }
    names, places = ", ".join(row), ", ".join("?" * len(row))
    with opened() as db:
        done = db.execute(f"INSERT INTO answers ({names}) VALUES ({places})", tuple(row.values()))  # noqa: S608
        return int(done.lastrowid or 0)


def settle(answer_id: int, delivery: str, message: str | None, created_at: datetime | None) -> None:
    """Note the verdict. `created_at` is the run's, where it is known by now."""
    created = created_at.isoformat() if created_at else None
    with opened() as db:
        db.execute(
            "UPDATE answers SET settled_at = ?, delivery = ?, message = ?, "
            "run_created_at = coalesce(?, run_created_at) WHERE answer_id = ?",
            (_now(), delivery, message, created, answer_id),
        )


def entries(run_ids: Iterable[str] | None = None) -> list[Entry]:
    """Give the answers to questions of these runs, or all, oldest first."""
    if not exists():
        return []
    with opened() as db:
        if run_ids is None:
            rows = db.execute("SELECT * FROM answers ORDER BY answer_id").fetchall()
        else:
            # one parameter for all ids: SQLite bounds their number
            ids = jsontext.dumps(sorted(set(run_ids)))
            rows = db.execute(
                "SELECT * FROM answers WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY answer_id",
                (ids,),
            ).fetchall()
    return [_entry(dict(row)) for row in rows]


def _entry(row: dict[str, Any]) -> Entry:
    """Read the columns that this version knows; another version's log may have more, or fewer."""
    known: dict[str, Any] = {name: row.get(name) for name in Entry._fields}
    for name in _TIMES:
        known[name] = datetime.fromisoformat(row[name]) if row.get(name) else None
    return Entry(**known)


def answer_log() -> pd.DataFrame:
    """Give every answer sent from this machine, oldest first: forms and `client.runs.resume` alike.

    One row an answer, sent or refused. `sent_at` and `settled_at` are this machine's times in UTC;
    `answered_by` is self-declared (`answered_by_source` says so): the API records only the account.
    `answer` is the JSON that was sent, `answer_digest` its SHA-256 and `question_digest` that of what was
    asked. `delivery`: confirmed, unconfirmed (closed, by whose answer is unknown), unknown (it may have
    arrived), refused, failed (surely not delivered) or sending (no verdict was noted).

    It is kept in `RUNKIT_STATE_DIR`, readable by its owner only, and holds what was typed: treat it as such.
    """
    return _frame(entries())


def answers_about(run_ids: Iterable[str]) -> pd.DataFrame:
    """Give the rows of `answer_log()` about some runs; a log that cannot be read is said and gives none."""
    try:
        return _frame(entries(run_ids))
    except UsageError as error:
        log.warning("what was answered is not known: %s", error)
        return _frame([])


def _frame(rows: list[Entry]) -> pd.DataFrame:
    import pandas as pd

    found = pd.DataFrame(rows, columns=list(Entry._fields))
    found.insert(list(found).index("answered_by") + 1, "answered_by_source", SELF_DECLARED)
    for name in _TIMES:
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
    words = [name for name in found if name not in (*_TIMES, "answer_id")]
    return found.astype(dict.fromkeys(words, "str") | {"answer_id": "int64"})


def _now() -> str:
    return datetime.now(UTC).isoformat()


# ------------------------------------------------------------------------------------------------ the file


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
        files.make_folder(path.parent)
        files.make_file(path)
        path.chmod(0o600)  # one that was copied here may have been readable by others
        with closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT)) as db:
            db.row_factory = sqlite3.Row
            db.executescript(_SCHEMA)
            with db:
                too_old = (time.time() - DRAFT_LIFETIME,)
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
