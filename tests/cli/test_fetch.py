"""`runkit fetch -o runs.ndjson`: exit codes to rely on, and a file that is whole or untouched."""

import json
import signal
import subprocess
import sys
import threading

import pytest

import runkit
from support import run, step, until
from tests import faults
from tests.cli.conftest import environment
from tests.cli.conftest import run as run_command
from tests.client.conftest import KEY, Answer, page, server

__all__ = ["page", "server"]

DONE, FAILED, _, INCOMPLETE = range(4)
RUNS = [run(step("a"), run_id=f"run-{number:02}") for number in range(60)]
AT_ONCE = 32  # runs that a fetch asks for before it takes the first result


class SlowApi:
    """Answers with `RUNS`, the last ones only when released."""

    def __init__(self, page):
        self.list = page(*RUNS)
        self.empty = page()
        self.release = threading.Event()

    def __call__(self, call):
        """Answer one request."""
        if call.path == "/runs":
            return self.list
        if call.path in ("/businesses", "/threads"):
            return self.empty
        number = int(call.path.rpartition("-")[2])
        if number > AT_ONCE:
            self.release.wait(60)
        return Answer(RUNS[number])


@pytest.fixture
def api(server, page):
    server.script = api = SlowApi(page)
    yield api
    api.release.set()


def start_fetch(server, folder, *options):
    """Start `runkit fetch -o runs.ndjson` in a process of its own."""
    command = [sys.executable, "-m", "runkit", "fetch", "-o", "runs.ndjson", *options]
    account = {"MIDDESK_API_KEY": KEY, "MIDDESK_BASE_URL": server.url}
    return subprocess.Popen(
        command, cwd=folder, env=environment(**account), stderr=subprocess.PIPE, text=True
    )


def ids(path):
    return list(runkit.frames(path).runs["run_id"])


def test_an_interrupted_fetch_leaves_the_file_as_it_was(server, api, tmp_path):
    target = tmp_path / "runs.ndjson"
    before = "".join(json.dumps(raw) + "\n" for raw in RUNS)
    target.write_text(before)
    process = start_fetch(server, tmp_path)
    # the last of these is asked for only after a result was taken
    until(lambda: f"GET /runs/run-{AT_ONCE + 1}" in server.lines)
    process.send_signal(signal.SIGINT)
    api.release.set()
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert target.read_text() == before
    assert [*tmp_path.iterdir()] == [target]


@pytest.fixture(scope="module")
def past():
    """A sandbox with five past runs."""
    with faults.sandbox(history=5) as running:
        yield running


@pytest.fixture
def command(past, tmp_path):
    """Run `runkit` in a folder of its own, on the sandbox."""

    def command_(*arguments):
        at = {"MIDDESK_API_KEY": past.key, "MIDDESK_BASE_URL": past.url}
        return run_command(*arguments, cwd=tmp_path, **at)

    yield command_
    past.clear_faults()


def test_a_fetch_that_lacks_a_run_says_so(command, past, tmp_path):
    """The others are saved, and the exit code tells a script."""
    with past.client() as client:
        missing = client.runs.list(progress=False)[2].id
    past.fault("refuse", on=f"GET /runs/{missing}", status=404, times=None)
    done = command("fetch", "-o", "runs.ndjson")
    assert done.returncode == INCOMPLETE
    assert missing in done.stderr
    assert len(ids(tmp_path / "runs.ndjson")) == 4
    assert missing not in ids(tmp_path / "runs.ndjson")


def test_a_fetch_that_fails_leaves_the_file_as_it_was(command, past, tmp_path):
    """Yesterday's runs are still there when the key is refused today, and nothing else is."""
    assert command("fetch", "-o", "runs.ndjson").returncode == DONE
    before = (tmp_path / "runs.ndjson").read_bytes()
    past.fault("refuse", on="GET /runs", status=401, times=None)
    done = command("fetch", "-o", "runs.ndjson")
    assert done.returncode == FAILED
    assert (tmp_path / "runs.ndjson").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["runs.ndjson"]
