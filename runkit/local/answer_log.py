"""The log of sent answers, which is what runkit stores on this machine.

One SQLite file under `RUNKIT_STATE_DIR` (by default the platform's folder for user state), readable
by its owner only. SQLite locks it between kernels, and writes are atomic. Each call opens the file,
so any thread and any process may call; the threads of one process take turns.

Every answer is logged before it is sent, and again when it is known what became of it. An entry
that stays at `sending` is an answer whose kernel died while sending: it may have arrived.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runkit.api import contract
from runkit.display.messages import log
from runkit.errors import RunkitError, UsageError
from runkit.local import files

if TYPE_CHECKING:
    import pandas as pd

DIR_NAME = "RUNKIT_STATE_DIR"
FILE = "runkit.sqlite3"
# seconds to wait for other kernels; an answer not logged is worse than a late one
LOCK_TIMEOUT = 60.0
# SQLite has no queue, it only retries: of many threads, some would never succeed
_lock = threading.RLock()

SENDING = "sending"  # nothing else was logged: still in flight, or the kernel died first
CONFIRMED = "confirmed"  # the API accepted it
UNCONFIRMED = "unconfirmed"  # the question is closed, and it is unknown whose answer closed it
UNKNOWN = "unknown"  # it may have arrived, or may still arrive
REFUSED = "refused"  # the API refused it: it does not fit, or the question was already answered
FAILED = "failed"  # not delivered
# What tells two askings apart; a column that is null on either side tells nothing.
ASKING = (
    "host",
    "run_id",
    "run_created_at",
    "interrupt_id",
    "step_id",
    "question_digest",
)
_SAME = " AND ".join(f"coalesce({name} = :{name}, TRUE)" for name in ASKING)
_SENT = f"{_SAME} AND delivery NOT IN ('{REFUSED}', '{FAILED}')"
Asking = Mapping[str, str | None]  # the columns of an entry that tell what it answers
_LOG_TIMES = ("sent_at", "settled_at", "run_created_at")


class NewerAnswer(RunkitError):
    """The log has an answer that the person did not know of."""


class Entry(NamedTuple):
    """One answer.

    Times are this machine's; `run_created_at` is the server's and distinguishes equal ids.
    """

    answer_id: int
    sent_at: datetime
    settled_at: datetime | None
    host: str
    run_id: str
    run_created_at: datetime | None
    interrupt_id: str
    step_id: str | None
    label: str | None
    question_digest: str | None
    answered_by: str
    answer: str
    delivery: str
    message: str | None


_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS answers (answer_id INTEGER PRIMARY KEY, {", ".join(Entry._fields[1:])});
CREATE INDEX IF NOT EXISTS answers_of_run ON answers (run_id);
"""


def declared_name() -> str:
    """Return the user's name: JupyterHub's user, else the login.

    Not verified.
    """
    try:
        return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError):  # a container without a passwd entry
        return "unknown"


def digest(value: dict[str, Any]) -> str:
    """Return the SHA-256 of a JSON object in canonical form, in hex."""
    text = contract.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def claim(
    answer: Mapping[str, Any],
    by: str | None,
    columns: Asking,
    seen: int | None = None,
) -> int:
    """Log that an answer is about to be sent, and return the number of the entry.

    `columns` are the other columns of the entry. `seen` is the newest entry about this asking that
    the person knew of: if the log has a newer one, nothing is written, and `NewerAnswer` is raised.
    Without `seen` nothing is compared. One statement compares and writes, so that only one of
    several kernels gets a number.
    """
    row: dict[str, object] = {
        **dict.fromkeys(ASKING),
        **columns,
        "sent_at": _now(),
        "answered_by": by or declared_name(),
        "answer": contract.dumps(dict(answer)),
        "delivery": SENDING,
    }
    newer = f"SELECT 1 FROM answers WHERE answer_id > :seen AND {_SENT}"  # noqa: S608 - no values
    insert = f"INSERT INTO answers ({', '.join(row)}) SELECT :{', :'.join(row)}"
    insert += f" WHERE :seen IS NULL OR NOT EXISTS ({newer})"
    with _open_database() as db:
        done = db.execute(insert, {**row, "seen": seen})
        if done.rowcount and done.lastrowid:
            return done.lastrowid
    raise NewerAnswer("the log has another answer to this question")


def settle(answer_id: int, delivery: str, message: str) -> None:
    """Log what became of an answer."""
    with _open_database() as db:
        db.execute(
            "UPDATE answers SET settled_at = ?, delivery = ?, message = ? WHERE answer_id = ?",
            (_now(), delivery, message, answer_id),
        )


def entries(run_id: str | None = None) -> list[Entry]:
    """Return the answers to questions of a run, or all, oldest first."""
    return _entries("run_id = coalesce(:run_id, run_id)", {"run_id": run_id})


def entries_about(asking: Asking) -> list[Entry]:
    """Return the answers to one asking, oldest first, without those refused or not delivered.

    `asking` may have the columns that tell two askings apart; what it lacks tells nothing. If the
    file cannot be read, there are none, and a warning in the log of Python.
    """
    try:
        return _entries(_SENT, {**dict.fromkeys(ASKING), **asking})
    except UsageError as error:
        log.warning("the answer log could not be read: %s", error)
        return []


def _entries(condition: str, values: Asking) -> list[Entry]:
    if not _exists():
        return []
    select = f"SELECT * FROM answers WHERE {condition} ORDER BY answer_id"  # noqa: S608 - no values
    with _open_database() as db:
        return [*map(_entry, db.execute(select, values))]


def _entry(row: sqlite3.Row) -> Entry:
    fields = {name: row[name] for name in Entry._fields}  # a later version's log may have more
    for name in _LOG_TIMES:
        fields[name] = datetime.fromisoformat(row[name]) if row[name] else None
    return Entry(**fields)


def answer_log() -> pd.DataFrame:
    """Return all answers sent from this machine, oldest first.

    They were sent by forms and by `client.runs.resume`. The log is stored in `RUNKIT_STATE_DIR`,
    readable by its owner only. It contains what reviewers typed.

    Returns
    -------
    pandas.DataFrame
        One row for each answer, sent or refused. `sent_at` and `settled_at` are this machine's
        times in UTC; `answered_by` is self-declared: the API records only the account. `answer` is
        the JSON that was sent, `question_digest` the SHA-256 of the question. `delivery` is
        confirmed, unconfirmed (the question is closed, and it is unknown whose answer closed it),
        unknown (it may have arrived), refused, failed (not delivered) or sending (nothing else was
        logged).

    Raises
    ------
    UsageError
        If the file cannot be read.
    """
    import pandas as pd

    df = pd.DataFrame(entries(), columns=list(Entry._fields))
    dtypes = dict.fromkeys(df, "str") | dict.fromkeys(_LOG_TIMES, "datetime64[us, UTC]")
    return df.astype(dtypes | {"answer_id": "int64"})


def _now() -> str:
    return datetime.now(UTC).isoformat()


# ----------------------------------------------------------------------------------------- the file


def _folder() -> Path:
    """Return the folder of the file, which may not exist yet."""
    directory = os.environ.get(DIR_NAME)
    if directory:
        return Path(directory)
    from platformdirs import user_state_path

    return user_state_path("runkit", appauthor=False)


def _exists() -> bool:
    """Return whether the file exists; reading must not create it.

    Raises `UsageError` for a folder without permission.
    """
    path = _folder() / FILE
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unusable(path, error) from error
    return True


@contextmanager
def _open_database() -> Iterator[sqlite3.Connection]:
    """Open the file, created if needed, in one transaction.

    Raises `UsageError` if it cannot be read or written.
    """
    path = _folder() / FILE
    try:
        files.make_folder(path.parent)
        files.make_file(path)
        path.chmod(0o600)  # a copied file may be readable by others
        with _lock, closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT)) as db:
            db.row_factory = sqlite3.Row
            db.executescript(_SCHEMA)
            with db:
                yield db
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{path} cannot be used ({type(error).__name__}: {error}); "
        f"set {DIR_NAME} to a folder that you can write to"
    )
