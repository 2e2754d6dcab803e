"""Widgets in a real kernel for a long time: twenty monitors at once."""

import ast
import os

import pytest
from jupyter_client.manager import start_new_kernel

from runkit.server import sandbox
from support import until

TIMEOUT = 120  # seconds; twenty monitors draw beside each cell
ROUNDS = 3  # of ten minutes
MONITORS = 20
FILES = 10  # more than before anything was imported and shown

START = """
import asyncio, gc, threading, time
import psutil
from comm import get_comm_manager
import runkit
from runkit.server._recordings import packaged
businesses = {item.scenario: item.id for item in packaged()}
me = psutil.Process()

def ours():
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("runkit-"))

def held():
    gc.collect()
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()), "ours": ours(),
        "sockets": len(me.net_connections("tcp")), "files": me.num_fds(),
        "comms": len(get_comm_manager().comms), "tasks": len(asyncio.all_tasks()),
    }

def wait_until(is_true):
    deadline = time.monotonic() + 30
    while not is_true() and time.monotonic() < deadline:
        time.sleep(0.02)
"""
BEGIN = """
client = runkit.Client(KEY, URL, rate=None)
kinds = ["watchlist_hit", "address_gap", "clean_pass"]
runs = [client.runs.create("cip_orchestrator", businesses[kinds[n % 3]]) for n in range({n})]
# so that time goes on quickly
keeper = client.runs.create("cip_orchestrator", businesses["own_time"])
monitors = [runkit.RunMonitor(client, run, who="Ada") for run in runs]
"""
ANSWER = """
for monitor in monitors:
    form = monitor.forms.form
    if form is not None and form.state == "open":
        for inputs in form.inputs.proposals:
            inputs.texts["note"].value = "Ada saw it"
            inputs.choice.value = inputs.kind.choices[0].word
        form.send_button.click()
"""
HOLD = "now = held()"
IS_OVER = "all(item.run.is_finished for item in monitors)"
PASSED_S = 300  # virtual seconds of a round
END = """
for monitor in monitors:
    monitor.close()
client.close()
states = [monitor.run.status for monitor in monitors]
del form, inputs, monitor, monitors, runs, keeper
wait_until(lambda: not ours())
"""
# ipykernel closes the pipes of threads that have ended within ten seconds.
LET_GO = """
wait_until(lambda: me.num_fds() <= {files})
"""


@pytest.fixture
def box():
    """A sandbox in which a minute takes a second."""
    with sandbox(speed=60) as running:
        yield running


@pytest.fixture
def run(box, tmp_path):
    """Run a cell in a kernel that knows a sandbox; returns the value of an expression."""
    folders = {"RUNKIT_STATE_DIR": "state", "IPYTHONDIR": "ipython"}
    variables = os.environ | {name: str(tmp_path / folder) for name, folder in folders.items()}
    manager, client = start_new_kernel(TIMEOUT, env=variables)

    def run_(code, expression="None"):
        reply = client.execute_interactive(
            code,
            store_history=False,
            user_expressions={"it": expression},
            output_hook=lambda message: None,
            timeout=TIMEOUT,
        )
        content = reply["content"]
        assert content["status"] == "ok", content
        return ast.literal_eval(content["user_expressions"]["it"]["data"]["text/plain"])

    run_(f"KEY, URL = {box.key!r}, {box.url!r}\n{START}")
    yield run_
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.timeout(900)
def test_twenty_monitors_leave_nothing(box, run):
    """Ten minutes of twenty runs, again and again, answered on the way.

    Each time nothing is left of them.
    """
    before = run(HOLD, "now")
    sizes = []
    for _ in range(ROUNDS):
        run(BEGIN.format(n=MONITORS))
        begun = box.now()
        for number in range(MONITORS):
            run(f"monitors[{number}]._ipython_display_()")

        def has_passed(begun=begun):
            is_over = run(ANSWER, IS_OVER)
            return is_over and (box.now() - begun).total_seconds() > PASSED_S

        until(has_passed, 120)
        run(END + LET_GO.format(files=before["files"] + FILES))
        now = run(HOLD, "now")
        assert set(run("", "states")) == {"completed"}
        assert (now["ours"], now["comms"]) == ([], before["comms"])
        sizes.append(now)
    for name in ("threads", "sockets", "tasks"):
        assert [now[name] for now in sizes[1:]] == [sizes[0][name]] * (ROUNDS - 1), name
    assert max(now["files"] for now in sizes) <= before["files"] + FILES
