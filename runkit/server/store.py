"""SQLite keeps what came in, and nothing that can be computed from it.

One connection, used by the server's loop thread alone. With a file it survives a kill: the journal is written
ahead, and a run that was in mid-flight is again whatever its plan says at the time.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

from runkit.errors import UsageError
from runkit.server.plan import Answer, Brief
from runkit.server.policy import Policy

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS threads (
    n INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, created INTEGER NOT NULL, business_id TEXT);
CREATE TABLE IF NOT EXISTS runs (
    n INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, thread_id TEXT NOT NULL, agent TEXT NOT NULL, business_id
    TEXT NOT NULL, seed TEXT NOT NULL, created INTEGER NOT NULL, policy TEXT NOT NULL, prompt TEXT);
CREATE INDEX IF NOT EXISTS runs_of_thread ON runs (thread_id);
CREATE TABLE IF NOT EXISTS answers (
    n INTEGER PRIMARY KEY, run_id TEXT NOT NULL, interrupt_id TEXT NOT NULL, at INTEGER NOT NULL,
    verdicts TEXT NOT NULL, note TEXT, input TEXT NOT NULL, UNIQUE (run_id, interrupt_id));
CREATE TABLE IF NOT EXISTS feedback (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL, run_id TEXT NOT NULL, artifact_id TEXT NOT NULL,
    rating TEXT NOT NULL, comment TEXT, created INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS actions (
    n INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, object_type TEXT NOT NULL, object_id TEXT NOT NULL,
    created INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS changes (
    n INTEGER PRIMARY KEY, object_id TEXT NOT NULL, at INTEGER NOT NULL, field TEXT NOT NULL, value TEXT NOT
    NULL);
CREATE TABLE IF NOT EXISTS documents (
    n INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, business_id TEXT NOT NULL, type TEXT NOT NULL,
    filename TEXT NOT NULL, created INTEGER NOT NULL);
"""

Row = dict[str, Any]


class Store:
    """The database. Several writes that belong together go inside `with store.db:`.

    Raises:
        UsageError: the file is not a database of this sandbox, or cannot be opened.

    """

    def __init__(self, path: str | Path | None) -> None:
        try:
            self.db = sqlite3.connect(path or ":memory:", check_same_thread=False)
        except sqlite3.Error as error:
            msg = f"db={str(path)!r} cannot be opened ({error}); give a path in a directory that exists"
            raise UsageError(msg) from error
        self.db.row_factory = lambda cursor, row: dict(
            zip((column[0] for column in cursor.description), row, strict=True)
        )
        try:
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute(
                "PRAGMA synchronous = NORMAL"
            )  # survives a kill of the process, and costs no fsync a write
            self.db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self.db.close()
            msg = f"db={str(path)!r} is not a sandbox's database ({error}); give a new file name"
            raise UsageError(msg) from error

    def meta(self, key: str) -> Any:
        """A value kept under a name, or None."""
        rows = self.rows("SELECT value FROM meta WHERE key = ?", key)
        return json.loads(rows[0]["value"]) if rows else None

    def set_meta(self, key: str, value: Any) -> None:
        """Keep a value under a name."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def add(self, table: str, **row: Any) -> None:
        """Insert a row. Table and column names are the code's own, never a caller's."""
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self.db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - names of this package

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """All rows of a query."""
        return self.db.execute(sql, values).fetchall()

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])  # noqa: S608 - as above

    # -- runs

    def add_run(self, brief: Brief) -> None:
        """Keep a new run."""
        self.add(
            "runs",
            id=brief.run_id,
            thread_id=brief.thread_id,
            agent=brief.agent,
            business_id=brief.business_id,
            seed=brief.seed,
            created=brief.created,
            policy=json.dumps([brief.policy.default, brief.policy.overrides]),
            prompt=brief.prompt,
        )

    def brief(self, run_id: str) -> Brief | None:
        """One run."""
        rows = self.rows("SELECT * FROM runs WHERE id = ?", run_id)
        return _brief(rows[0]) if rows else None

    def briefs(self, thread_id: str | None = None) -> list[Brief]:
        """Runs of a thread, or all; newest first."""
        rows = self.rows("SELECT * FROM runs WHERE ?1 IS NULL OR thread_id = ?1 ORDER BY n DESC", thread_id)
        return [_brief(row) for row in rows]

    def answers(self, run_id: str) -> tuple[Answer, ...]:
        """A run's answers in the order they came."""
        rows = self.rows("SELECT * FROM answers WHERE run_id = ? ORDER BY n", run_id)
        return tuple(
            Answer(
                row["interrupt_id"],
                row["at"],
                tuple((agent, verdict) for agent, verdict in json.loads(row["verdicts"])),
                row["note"],
            )
            for row in rows
        )

    def add_answer(self, run_id: str, answer: Answer, given: Any) -> None:
        """Keep an answer: as it was read, and as it came."""
        self.add(
            "answers",
            run_id=run_id,
            interrupt_id=answer.interrupt_id,
            at=answer.at,
            verdicts=json.dumps(answer.verdicts),
            note=answer.note,
            input=json.dumps(given),
        )

    # -- objects that actions change

    def fields(self, object_id: str, at: int) -> dict[str, str]:
        """The fields of an object that were changed up to a time, as they then stood."""
        rows = self.rows(
            "SELECT field, value FROM changes WHERE object_id = ? AND at <= ? ORDER BY at, n", object_id, at
        )
        return {row["field"]: row["value"] for row in rows}

    def close(self) -> None:
        """Close the connection."""
        self.db.close()


def _brief(row: Row) -> Brief:
    default, overrides = json.loads(row["policy"])
    policy = Policy(default, tuple((agent, mode) for agent, mode in overrides))
    return Brief(
        row["id"],
        row["thread_id"],
        row["agent"],
        row["business_id"],
        row["seed"],
        row["created"],
        policy,
        row["prompt"],
    )
