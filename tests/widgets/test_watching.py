"""Watching a run by polling it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from runkit.client import Client
from runkit.widgets import run_watcher
from runkit.widgets.run_watcher import RunWatcher, WatchState
from tests.client.conftest import Answer, Server
from tests.widgets.asking import until


def test_a_run_is_watched_to_its_end(
    server: Server, client: Client, run_json: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One refusal and an older state change nothing; the end is reported once, and the thread ends."""
    monkeypatch.setattr(run_watcher, "FIRST", 0.01)
    states: list[WatchState] = []
    running = Answer(run_json(status="running", updated_at="2026-02-03T10:00:40Z"))
    older = Answer(run_json(status="completed", updated_at="2026-02-03T10:00:01Z"))
    ended = Answer(run_json(status="completed", updated_at="2026-02-03T10:05:00Z"))
    server.say(running, running, Answer(status=401), older, running, ended)
    watcher = RunWatcher(client, client.runs.get("run-1"), on_change=states.append)
    watcher.start()
    until(lambda: watcher.state.is_over)
    until(lambda: not any(one.name == "runkit-watch" for one in threading.enumerate()))
    assert watcher.state.run.status == "completed"
    assert [state.is_over for state in states].count(True) == 1
    assert [state.run.status for state in states[:-1]].count("completed") == 0
    watcher.start()
    watcher.close()


def test_no_thread_to_watch(
    server: Server, client: Client, run_json: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without a thread to give leaves the run as it was read, and that is said."""
    server.say(Answer(run_json(status="running")))

    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    watcher = RunWatcher(client, client.runs.get("run-1"), on_change=lambda state: None)
    monkeypatch.setattr(threading.Thread, "start", fail)
    watcher.start()
    assert watcher.state.message == "Live updates off: no thread could be started."
