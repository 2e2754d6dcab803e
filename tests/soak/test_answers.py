"""Several kernels write the answer log at once: nothing that was sent goes unnoted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import runkit
from runkit import answers
from tests.soak.conftest import Told, environment, quantiles

KERNELS, THREADS, ANSWERS = 8, 12, 5
WRITE = """
import json, os, sys, threading, time
from runkit import answers

seconds = []

def answer(thread):
    for number in range(int(sys.argv[2])):
        begun = time.perf_counter()
        known = {"run_id": f"{os.getpid()}-{thread}-{number}", "host": "h", "interrupt_id": "i"}
        entry = answers.begin({"decision": "approve"}, "Ada", known)
        answers.settle(entry, answers.CONFIRMED, None, None)
        seconds.append(time.perf_counter() - begun)

threads = [threading.Thread(target=answer, args=(n,)) for n in range(int(sys.argv[1]))]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
json.dump(seconds, sys.stdout)
"""


def test_kernels_that_answer_at_once(state_dir: Path, record: Told) -> None:
    """Each answer of each thread of each kernel is noted once, with its verdict, in one file."""
    command = [sys.executable, "-c", WRITE, str(THREADS), str(ANSWERS)]
    kernels = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        for _ in range(KERNELS)
    ]
    output = [kernel.communicate(timeout=120) for kernel in kernels]
    assert [error.decode() for _, error in output] == [""] * KERNELS
    record(
        "p50/p95/max ms",
        "noted",
        quantiles([item for out, _ in output for item in json.loads(out)]),
    )
    log = runkit.answer_log()
    wanted = Counter(
        f"{kernel.pid}-{thread}-{number}"
        for kernel in kernels
        for thread in range(THREADS)
        for number in range(ANSWERS)
    )
    assert Counter(log["run_id"]) == wanted
    assert set(log["delivery"]) == {"confirmed"}
    assert [path.name for path in state_dir.iterdir()] == [answers.FILE]
