"""Two processes at one question, and one that is killed while it sends."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

import runkit
from support import until
from tests.widgets.asking import deliveries, on_a_loop

PRESS = """
import asyncio, sys, time
import runkit
key, url, run_id, who = sys.argv[1:]
async def main():
    with runkit.Client(key, url) as client:
        widget = runkit.InterruptForm(client, run_id, who=who)
        form = widget.forms.form
        form.inputs.proposals[0].choice.value = "reject"
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(5):
            form.send_button.click()
        await asyncio.sleep(0.1)
        while not widget.work.is_idle:
            await asyncio.sleep(0.01)
        print(form.receipt.delivery if form.receipt else form.state, flush=True)
asyncio.run(main())
"""


def start(asking, run, who):
    """Start a process with a form of a run; it presses when a line comes."""
    process = subprocess.Popen(
        [sys.executable, "-c", PRESS, asking.box.key, asking.box.url, run.id, who],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.timeout(300)
def test_two_processes_at_once_send_one_answer(asking):
    """Whoever is second sends nothing, and says so."""
    run = asking.run()
    arrived = asking.box.answers()
    asking.box.fault("slow")
    processes = [start(asking, run, who) for who in ("Ana", "Ben")]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    ends = sorted(process.communicate()[0].strip() for process in processes)
    assert arrived() == 1
    assert deliveries() == ["confirmed"]
    assert ends[0] in ("closed", "confirmed")
    assert ends.count("confirmed") == 1


@pytest.mark.timeout(300)
@on_a_loop
async def test_after_kill_9_a_new_kernel_warns_and_nothing_is_sent_again(asking):
    """The entry of the log stays, and the next form names it before a person decides."""
    run = asking.run()
    arrived = asking.box.answers()
    asking.box.fault("hold")
    process = start(asking, run, "Ana")
    process.stdin.write("\n")
    process.stdin.flush()
    until(lambda: arrived() == 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert deliveries() == ["sending"]
    form = runkit.InterruptForm(asking.client, run).forms.form
    assert "signed Ana" in form.status.value
    assert "may still arrive" in form.status.value
    assert arrived() == 1
