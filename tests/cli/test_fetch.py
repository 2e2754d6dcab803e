"""`runkit fetch`: exit codes to rely on, and files that keep what arrived."""

import json
import signal
import subprocess
import sys
import threading

import pytest

import runkit
from support import run, step, until
from tests.cli.conftest import environment
from tests.cli.conftest import run as run_command
from tests.client.conftest import KEY, account, server

__all__ = ["account", "server"]

DONE, FAILED, MISUSED, INCOMPLETE = range(4)
STOPPED = 130
RUNS = [run(step("a"), run_id=f"run-{number:02}") for number in range(60)]
AT_ONCE = 32  # runs that a fetch reads before it takes the first result
LATE = {raw["id"] for raw in RUNS[AT_ONCE + 1 :]}


@pytest.fixture
def release(server, account):
    """Serve `RUNS`, the last ones only when released."""
    released = threading.Event()
    account.add(*RUNS)

    def answer(request):
        if request.path.removeprefix("/runs/") in LATE:
            released.wait(60)
        return account.answer(request)

    server.script = answer
    yield released.set
    released.set()


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


@pytest.fixture
def stop(server, release, tmp_path):
    """Start a fetch, send it a signal once runs have arrived; return its code and stdout."""

    def stop_(sent, *options):
        process = start_fetch(server, tmp_path, *options)
        # the last of the runs at once is read only after a result was taken
        until(lambda: f"GET /runs/run-{AT_ONCE + 1}" in server.lines)
        process.send_signal(sent)
        release()
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


def test_a_stopped_fetch_ends_a_pipe_with_its_last_record(stop, account):
    """Also if the reader was slow, so that a line was interrupted."""
    for raw in RUNS:
        account.change(raw["id"], prompt=50_000 * "x")
    code, output = stop(signal.SIGINT, "-")
    last = json.loads(output.splitlines()[-1])
    assert (code, last["object"]) == (STOPPED, "runkit.fetched")
    assert last["missing"][0].startswith("stopped by Ctrl-C")


@pytest.fixture
def command(server, account, tmp_path):
    """Run `runkit fetch` in a folder of its own, on an account with five runs."""
    account.add(*RUNS[:5])

    def command_(*options):
        at = {"MIDDESK_API_KEY": KEY, "MIDDESK_BASE_URL": server.url}
        return run_command("fetch", "-o", "runs.ndjson", *options, cwd=tmp_path, **at)

    return command_


def test_a_fetch_that_lacks_a_run_says_so(command, account, tmp_path):
    """The others are saved, and the exit code tells a script."""
    account.refused = {"run-02": 404}
    done = command()
    assert done.returncode == INCOMPLETE
    assert "run-02" in done.stderr
    f = runkit.frames(tmp_path / "runs.ndjson")
    assert f.runs["run_id"].tolist() == ["run-00", "run-01", "run-03", "run-04"]


def test_a_fetch_that_fails_leaves_the_file_as_it_was(command, account, tmp_path):
    """Yesterday's runs are still there when the key is refused today, and nothing else is."""
    assert command().returncode == DONE
    before = (tmp_path / "runs.ndjson").read_bytes()
    account.refused = {raw["id"]: 401 for raw in RUNS}
    done = command()
    assert (done.returncode, "--overwrite" in done.stderr) == (MISUSED, True)
    assert command("--overwrite").returncode == FAILED
    assert (tmp_path / "runs.ndjson").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["runs.ndjson"]
