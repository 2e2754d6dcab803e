"""`runkit fetch`: exit codes to rely on, and files that keep what arrived."""

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

DONE, FAILED, MISUSED, INCOMPLETE = range(4)
STOPPED = 130
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
    """Start `runkit fetch` in a process of its own."""
    account = environment(MIDDESK_API_KEY=KEY, MIDDESK_BASE_URL=server.url)
    return subprocess.Popen(
        [sys.executable, "-m", "runkit", "fetch", "-o", *options],
        cwd=folder,
        env=account,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pipesize=4096,
    )


def ids(path):
    return list(runkit.frames(path).runs["run_id"])


@pytest.fixture
def stop(server, api, tmp_path):
    """Start a fetch, send it a signal once runs have arrived; return its code and stdout."""

    def stop_(sent, *options):
        process = start_fetch(server, tmp_path, *options)
        # the last of the runs at once is read only after a result was taken
        until(lambda: f"GET /runs/run-{AT_ONCE + 1}" in server.lines)
        process.send_signal(sent)
        api.release.set()
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    return stop_


@pytest.mark.parametrize(
    ("sent", "code", "reason"),
    [
        (signal.SIGINT, STOPPED, "stopped by Ctrl-C: "),
        (signal.SIGKILL, -signal.SIGKILL, "the fetch was stopped, or goes on"),
    ],
)
def test_a_fetch_that_is_stopped_keeps_what_arrived(stop, server, tmp_path, sent, code, reason):
    """The folder says that it lacks runs; another fetch into it reads only those."""
    assert stop(sent, "runs/")[0] == code
    f = runkit.frames(tmp_path / "runs")
    assert 0 < len(f) < len(RUNS)
    assert [reason in text for text in f.missing] == [True]
    server.requests.clear()
    start_fetch(server, tmp_path, "runs/").communicate(timeout=60)
    assert sum("/runs/" in line for line in server.lines) == len(RUNS) - len(f)
    again = runkit.frames(tmp_path / "runs")
    assert (len(again), again.missing) == (len(RUNS), ())


def test_a_stopped_fetch_leaves_the_file_that_it_was_to_replace(stop, tmp_path):
    (tmp_path / "runs.ndjson").write_text("yesterday")
    assert stop(signal.SIGINT, "runs.ndjson", "--overwrite")[0] == STOPPED
    assert (tmp_path / "runs.ndjson").read_text() == "yesterday"
    assert [path.name for path in tmp_path.iterdir()] == ["runs.ndjson"]


def test_a_stopped_fetch_ends_a_pipe_with_its_last_record(stop, server, api):
    """Also if the reader was slow, so that a line was interrupted."""

    def with_long_lines(call):
        body = api(call).body
        return Answer(body | {"prompt": 50_000 * "x"} if body.get("object") == "run" else body)

    server.script = with_long_lines
    code, output = stop(signal.SIGINT, "-")
    last = json.loads(output.splitlines()[-1])
    assert (code, last["object"]) == (STOPPED, "runkit.fetched")
    assert last["missing"][0].startswith("stopped by Ctrl-C")


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
    assert (done.returncode, "--overwrite" in done.stderr) == (MISUSED, True)
    done = command("fetch", "-o", "runs.ndjson", "--overwrite")
    assert done.returncode == FAILED
    assert (tmp_path / "runs.ndjson").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["runs.ndjson"]
