"""The file on this machine, and many writers at once."""

import subprocess
import sys
from contextlib import ExitStack

import pytest

from runkit.local import answer_log

CLAIMER = """
from concurrent.futures import ThreadPoolExecutor
from runkit.local import answer_log
key = {"host": "h", "run_id": "run-2", "interrupt_id": "int-1", "step_id": "s1"}
def claim(_):
    try:
        return answer_log.claim({}, "Ada", key, seen=0)
    except answer_log.NewerAnswer:
        return "taken"
with ThreadPoolExecutor(30) as pool:
    print(*pool.map(claim, range(30)))
"""


def test_of_many_processes_and_threads_one_claims_a_question():
    """Whoever knew of the newest entry gets a number; one that was refused does not count."""
    key = {"host": "h", "run_id": "run-2", "interrupt_id": "int-1", "step_id": "s1"}
    command = [sys.executable, "-c", CLAIMER]
    with ExitStack() as stack:
        claimers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        processes = [stack.enter_context(claimer) for claimer in claimers]
        claims = [number for process in processes for number in process.communicate()[0].split()]
    assert len(claims) == 60
    [first] = {int(number) for number in claims if number != "taken"}
    assert len(answer_log.entries("run-2")) == 1

    def claim(seen, **columns):
        return answer_log.claim({}, "Ada", key | columns, seen=seen)

    def assert_taken(seen, **columns):
        with pytest.raises(answer_log.NewerAnswer):
            claim(seen, **columns)

    assert_taken(0)
    assert_taken(0, step_id=None)
    second = claim(first)
    assert claim(0, step_id="s2") > second
    script = claim(None)
    assert_taken(second)
    answer_log.settle(script, "refused", "")
    assert claim(second) > script
