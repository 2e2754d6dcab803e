"""`runkit fetch`: exit codes to rely on, and files that keep what arrived."""

import resource
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


def start_fetch(server, folder, *options, **more):
    """Start `runkit fetch` in a process of its own."""
    command = [sys.executable, "-m", "runkit", "fetch", "-o", *options]
    account = environment(MIDDESK_API_KEY=KEY, MIDDESK_BASE_URL=server.url)
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=account, stderr=pipe, text=True, **more)


def ids(path):
    return list(runkit.frames(path).runs["run_id"])


@pytest.mark.parametrize("target", ["runs/", "runs.ndjson"])
@pytest.mark.parametrize(
    ("sent", "code", "reason"),
    [
        (signal.SIGINT, STOPPED, "stopped by Ctrl-C: "),
        (signal.SIGKILL, -signal.SIGKILL, "the fetch was stopped, or goes on"),
    ],
)
def test_a_fetch_that_is_stopped_keeps_what_arrived(
    server, api, tmp_path, target, sent, code, reason
):
    """A file says that it lacks runs; another fetch into the folder reads only those."""
    process = start_fetch(server, tmp_path, target)
    # the last of these is asked for only after a result was taken
    until(lambda: f"GET /runs/run-{AT_ONCE + 1}" in server.lines)
    process.send_signal(sent)
    api.release.set()
    process.communicate(timeout=60)
    assert process.returncode == code
    f = runkit.frames(tmp_path / target)
    assert 0 < len(f) < len(RUNS)
    assert [reason in text for text in f.missing] == [True]
    if target == "runs/":
        server.requests.clear()
        process = start_fetch(server, tmp_path, target)
        process.communicate(timeout=60)
        assert process.returncode == DONE
        assert sum("/runs/" in line for line in server.lines) == len(RUNS) - len(f)
        again = runkit.frames(tmp_path / target)
        assert (len(again), again.missing) == (len(RUNS), ())


def test_four_writers_lose_nothing(server, api, tmp_path):
    api.release.set()
    writers = [start_fetch(server, tmp_path, "runs/") for _ in range(4)]
    for process in writers:
        process.communicate(timeout=60)
    assert [process.returncode for process in writers] == [DONE] * 4
    f = runkit.frames(tmp_path / "runs")
    assert (len(f), f.missing) == (len(RUNS), ())
    assert len([*(tmp_path / "runs").iterdir()]) == 4


def limit_files():
    """Let no file grow beyond 20 kB, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_full_disk_is_one_line_and_keeps_what_was_written(server, api, tmp_path):
    api.release.set()
    process = start_fetch(server, tmp_path, "runs/", preexec_fn=limit_files)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == FAILED
    f = runkit.frames(tmp_path / "runs")
    assert 0 < len(f) < len(RUNS)
    assert f"It has {len(f)} runs of this fetch" in errors
    assert "Traceback" not in errors


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


def test_a_limit_is_no_failure(command, tmp_path):
    """The file says what it lacks, and the exit code that all went as it was meant."""
    assert command("fetch", "-o", "runs.ndjson", "--limit", "2").returncode == DONE
    assert runkit.frames(tmp_path / "runs.ndjson").missing == ("the newest 2 of 5",)


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
