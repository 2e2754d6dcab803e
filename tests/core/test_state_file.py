"""The file on this machine: whose it is, and many writers at once."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runkit import answers
from runkit.errors import UsageError
from runkit.widgets import drafts
from runkit.widgets.drafts import DraftKey

A, B, C = (DraftKey("run", word, "digest") for word in "abc")
TYPED = {"0": {"note": "tax number 12-3456789"}}
WRITER = """
import sys
from runkit import answers
from runkit.widgets import drafts
for n in range(15):
    drafts.save(drafts.DraftKey(sys.argv[1], str(n), ""), {"0": {"n": n}})
    answers.settle(answers.begin({"n": n}, sys.argv[1], {"run_id": "run-1"}), "confirmed", None, None)
"""


def test_only_its_owner_may_read(state_dir: Path) -> None:
    """The file is 0600 and its folder 0700, whatever the umask says."""
    drafts.save(A, TYPED)
    assert stat.S_IMODE((state_dir / answers.FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700


def test_reading_leaves_nothing_behind(state_dir: Path) -> None:
    """Where nothing was ever kept there is nothing to find, and no file is made."""
    assert drafts.load(A) is None
    drafts.drop(A)
    assert answers.entries() == []
    assert not state_dir.exists()


def test_a_draft_gets_old() -> None:
    """After seven days whatever use of the file comes next drops it."""
    for name, days in ((A, 7), (B, 6.99)):
        drafts.save(name, TYPED)
        with answers.opened() as db:
            age = days * 86400, name.question
            db.execute("UPDATE drafts SET saved_at = saved_at - ? WHERE question = ?", age)
    with answers.opened() as db:
        assert [row["question"] for row in db.execute("SELECT question FROM drafts")] == ["b"]
    assert (drafts.load(A), drafts.load(B)) == (None, TYPED)


def fail_after_writing() -> None:
    with answers.opened() as db:
        db.execute("DELETE FROM drafts")
        raise ZeroDivisionError


def test_what_fails_is_not_kept_in_part() -> None:
    """What is written together is there as a whole or not at all."""
    drafts.save(A, TYPED)
    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    assert drafts.load(A) == TYPED


def test_processes_and_threads_at_once() -> None:
    """Two processes and two threads lose nothing of what they write, from the first moment on."""
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, f"process{n}"]) for n in range(2)]

    def write(name: str) -> None:
        for n in range(15):
            drafts.save(DraftKey(name, str(n), ""), {"0": {"n": n}})

    threads = [threading.Thread(target=write, args=[f"thread{n}"]) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in processes] == [0] * 2
    names = [f"process{n}" for n in range(2)] + [f"thread{n}" for n in range(2)]
    assert all(
        drafts.load(DraftKey(name, str(n), "")) == {"0": {"n": n}}
        for name in names
        for n in range(15)
    )
    entries = answers.entries(["run-1"])
    assert len({entry.answer_id for entry in entries}) == 30
    assert {entry.delivery for entry in entries} == {"confirmed"}


def test_a_lock_is_kept(state_dir: Path) -> None:
    """Another use of the file in this process does not let another process into a write that goes on."""
    write = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0).execute('DELETE FROM drafts')"
    with answers.opened() as db:
        db.execute("INSERT INTO drafts VALUES ('', 'a', '', 9e9, '')")
        drafts.load(B)
        command = [sys.executable, "-c", write, str(state_dir / answers.FILE)]
        other = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "database is locked" in other.stderr


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be one" * 20])
def test_a_file_that_is_something_else(state_dir: Path, content: bytes) -> None:
    """An empty file is taken over; another one is refused, and the error says what to do."""
    state_dir.mkdir()
    (state_dir / answers.FILE).write_bytes(content)
    if content:
        with pytest.raises(
            UsageError, match="set RUNKIT_STATE_DIR to a folder that you can write to"
        ):
            answers.entries()
        drafts.save(A, TYPED)
    else:
        assert drafts.load(A) is None


def test_a_folder_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it may hold is unknown, so reading says it as well as writing."""
    monkeypatch.setenv(answers.DIR_NAME, "/dev/null/state")
    with pytest.raises(UsageError, match="/dev/null/state"):
        answers.answer_log()
    with pytest.raises(UsageError, match="/dev/null/state"):
        answers.begin({}, "Ada", {})
    drafts.save(A, TYPED)
    assert drafts.load(A) is None


def test_where_it_is_without_a_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By default it is in the platform's folder for state."""
    monkeypatch.delenv(answers.DIR_NAME)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert answers.folder().name == "runkit"
