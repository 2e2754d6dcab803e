"""`runkit fetch -o runs.ndjson` on a server that answers by a script."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import runkit
from support import run, step, until
from tests.cli.conftest import environment
from tests.client.conftest import KEY, Answer, Received, Server, page, server

__all__ = ["page", "server"]

RUNS = [run(step("a"), run_id=f"run-{number:02}") for number in range(60)]
AT_ONCE = 32  # runs that a fetch asks for before it takes the first result


class SlowApi:
    """Answers with `RUNS`, the last ones only when released."""

    def __init__(self, page: Callable[..., Answer]) -> None:
        self.list, self.empty = page(*RUNS), page()
        self.release = threading.Event()

    def __call__(self, call: Received) -> Answer:
        """Answer one request."""
        if call.path == "/runs":
            return self.list
        if call.path in ("/businesses", "/threads"):
            return self.empty
        if call.path.startswith("/businesses/"):
            return Answer({"errors": [{"message": "no such business"}]}, status=404)
        number = int(call.path.rpartition("-")[2])
        if number > AT_ONCE:
            self.release.wait(60)
        return Answer(RUNS[number])


@pytest.fixture
def api(server: Server, page: Callable[..., Answer]) -> Iterator[SlowApi]:
    server.script = api = SlowApi(page)
    yield api
    api.release.set()


def start_fetch(server: Server, folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start `runkit fetch -o runs.ndjson` in a process of its own."""
    command = [sys.executable, "-m", "runkit", "fetch", "-o", "runs.ndjson", *options]
    account = {"MIDDESK_API_KEY": KEY, "MIDDESK_BASE_URL": server.url}
    return subprocess.Popen(
        command, cwd=folder, env=environment(**account), stderr=subprocess.PIPE, text=True
    )


def ids(path: Path) -> list[str]:
    return list(runkit.frames(path).runs["run_id"])


def test_an_interrupted_fetch_leaves_the_file_as_it_was(
    server: Server, api: SlowApi, tmp_path: Path
) -> None:
    target, partial = tmp_path / "runs.ndjson", tmp_path / "runs.partial.ndjson"
    before = "".join(json.dumps(raw) + "\n" for raw in RUNS)
    target.write_text(before)
    process = start_fetch(server, tmp_path)
    # the last of these is asked for only after a result was taken
    until(lambda: f"GET /runs/run-{AT_ONCE + 1}" in server.lines)
    process.send_signal(signal.SIGINT)
    until(partial.exists)
    api.release.set()
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert target.read_text() == before
    saved = ids(partial)
    assert 0 < len(saved) < len(RUNS)
    assert f"Saved {len(saved)} of 60 runs to runs.partial.ndjson" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == [target.name, partial.name]


def test_the_runs_of_an_unknown_business_are_not_fetched(
    server: Server, api: SlowApi, tmp_path: Path
) -> None:
    process = start_fetch(server, tmp_path, "--business", "nope")
    _, message = process.communicate(timeout=60)
    assert process.returncode == 1
    assert message.startswith("runkit fetch: GET /v1/businesses/nope: ")
    assert list(tmp_path.iterdir()) == []
