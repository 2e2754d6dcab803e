"""Ctrl-C in a command: what arrived is there with its reason, nothing else is lost."""

import json
import signal
import subprocess
import sys

import pytest

import runkit
from support import until
from tests.cli.conftest import environment
from tests.cli.conftest import run as run_command
from tests.cli.test_fetch import AT_ONCE, RUNS, SlowApi
from tests.client.conftest import KEY, Answer, page, server

__all__ = ["page", "server"]

INCOMPLETE, STOPPED = 3, 130


@pytest.fixture
def api(server, page):
    server.script = api = SlowApi(page)
    yield api
    api.release.set()


@pytest.fixture
def start(server, api, tmp_path):
    """Start a command, stop it once runs have arrived, and return its code and stdout."""

    def start_(*words, until_asked=AT_ONCE + 1):
        account = {"MIDDESK_API_KEY": KEY, "MIDDESK_BASE_URL": server.url}
        process = subprocess.Popen(
            [sys.executable, "-m", "runkit", *words],
            cwd=tmp_path,
            env=environment(**account),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pipesize=4096,
        )
        # the last of the runs at once is asked for only after a result was taken
        until(lambda: f"GET /runs/run-{until_asked:02}" in server.lines)
        process.send_signal(signal.SIGINT)
        api.release.set()  # a process ends when its requests have
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    return start_


def test_a_stopped_fetch_leaves_the_file_that_it_was_to_replace(start, tmp_path):
    (tmp_path / "runs.ndjson").write_text("yesterday")
    assert start("fetch", "-o", "runs.ndjson", "--overwrite")[0] == STOPPED
    assert (tmp_path / "runs.ndjson").read_text() == "yesterday"
    assert [path.name for path in tmp_path.iterdir()] == ["runs.ndjson"]


def test_a_stopped_fetch_ends_a_pipe_with_its_last_record(start, server, api):
    """Also if the reader was slow, so that a line was interrupted."""

    def with_long_lines(call):
        body = api(call).body
        return Answer(body | {"prompt": 50_000 * "x"} if body.get("object") == "run" else body)

    server.script = with_long_lines
    code, output = start("fetch", "-o", "-")
    last = json.loads(output.splitlines()[-1])
    assert (code, last["object"]) == (STOPPED, "runkit.fetched")
    [reason] = last["missing"]
    assert reason.startswith("stopped by Ctrl-C")


def test_a_folder_tells_of_a_stop_but_was_not_stopped_now(start, tmp_path):
    assert start("fetch", "-o", "runs/")[0] == STOPPED
    assert 0 < len(runkit.frames(tmp_path / "runs").runs) < len(RUNS)
    assert run_command("show", "runs/", cwd=tmp_path).returncode == INCOMPLETE


def test_a_report_that_is_stopped_before_a_run_came_is_stopped(start, tmp_path):
    late = ["run-40", "run-41"]
    assert start("report", *late, "-o", "r.html", until_asked=40)[0] == STOPPED
    assert [*tmp_path.iterdir()] == []


def test_a_second_file_is_no_run_id(tmp_path):
    for name in ("a.ndjson", "b.ndjson"):
        (tmp_path / name).write_text(json.dumps(RUNS[0]))
    done = run_command("show", "a.ndjson", "b.ndjson", cwd=tmp_path)
    assert (done.returncode, "b.ndjson" in done.stderr) == (2, True)
