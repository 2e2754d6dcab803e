"""The file on this machine, and many writers at once."""

import subprocess
import sys
from contextlib import ExitStack

from runkit.local import answer_log

CLAIMER = """
from concurrent.futures import ThreadPoolExecutor
from runkit.local import answer_log
key = {"host": "h", "run_id": "run-2", "interrupt_id": "int-1", "step_id": "s1"}
with ThreadPoolExecutor(30) as pool:
    claims = [pool.submit(answer_log.claim, {}, "Ada", key, seen=0) for _ in range(30)]
print(*[claim.result() for claim in claims])
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
    [first] = {int(number) for number in claims if number != "None"}
    assert len(answer_log.entries("run-2")) == 1

    def claim(seen, **columns):
        return answer_log.claim({}, "Ada", key | columns, seen=seen)

    assert claim(0) is claim(0, step_id=None) is None
    second = claim(first)
    other = claim(0, step_id="s2")
    script = claim(None)
    assert None not in (second, other, script)
    assert claim(second) is None
    answer_log.settle(script, "refused", None, None)
    assert claim(second) is not None
