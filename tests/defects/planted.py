"""Plant the defects of `defects.toml` one at a time and check that their tests notice. Run by `.ci/soak`.

    python -m pytest tests/defects/planted.py            all
    python -m pytest tests/defects/planted.py -k NAME    one

It works on copies of the tree, never on the tree itself. First all named tests must pass in a copy
without a defect; then each defect must make one of its own fail, by a failure of the test and not
by code that does not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import pytest

from tests.defects.data import ROOT, Defect, load

COPIED = ("runkit", "tests", "notebooks", "pyproject.toml", "README.md")
N_COPIES = 2  # used side by side: the tests wait as much as they work
TEST_SECONDS = 120  # that one test may take; on a quiet machine the slowest takes about 15
RUN_SECONDS = 1200  # that a run of tests may take; that of all of them takes about 60
BROKEN = (
    "NameError",
    "ImportError",
    "ModuleNotFoundError",
    "SyntaxError",
    "AttributeError",
    "TypeError",
)
pytestmark = pytest.mark.timeout(3600)  # the first one waits for the run without a defect


class Outcome(NamedTuple):
    """What a run of tests came to: the code that pytest ended with, and all that it said."""

    code: int
    output: str

    def named(self, word: str) -> list[tuple[str, str]]:
        """The tests of the summary that are FAILED, or ERROR, each with the start of its reason."""
        return re.findall(rf"^{word} (.+?)(?: - (.*))?$", self.output, re.MULTILINE)


class Copy:
    """A copy of the tree, and the tests in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tree"
        self.folder.mkdir(parents=True)
        for name in COPIED:
            command = ["cp", "--recursive", ROOT / name, self.folder]
            subprocess.run(command, check=True)
        # Checked by content: by time and size, a change within a second would go unnoticed.
        options = ["-m", "compileall", "-q", "-f", "--invalidation-mode", "checked-hash", "runkit"]
        subprocess.run([sys.executable, *options], cwd=self.folder, check=True)

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which this copy of runkit is imported, by kernels, too."""
        hidden = ("RUNKIT_", "MIDDESK_", "PYTEST_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        path = os.pathsep.join([str(self.folder), str(self.folder / "tests")])
        return kept | {
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "200",
            "RUNKIT_DEFECT": "1",
        }

    def run(self, tests: Iterable[str], *options: str) -> Outcome:
        """Run tests."""
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [f"--timeout={TEST_SECONDS}", f"--basetemp={self.folder.with_name('temporary')}"]
        done = subprocess.run(
            [*command, *options, *tests],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RUN_SECONDS,
        )
        return Outcome(done.returncode, done.stdout)

    def run_with(self, defect: Defect) -> Outcome:
        """Plant a defect, run its tests up to the first that fails, and take it out again."""
        file = self.folder / defect.file
        whole, planted = defect.plant(self.folder)
        file.write_text(planted, encoding="utf-8")
        try:
            return self.run(defect.tests, "-x")
        finally:
            file.write_text(whole, encoding="utf-8")


@pytest.fixture(scope="session")
def outcomes(request, tmp_path_factory):
    """The outcomes of the defects that were chosen, as they come in."""
    chosen: list[Defect] = [item.callspec.params["defect"] for item in request.session.items]
    copies: SimpleQueue[Copy] = SimpleQueue()

    def work(defect: Defect) -> Outcome:
        copy = copies.get()
        try:
            return copy.run_with(defect)
        finally:
            copies.put(copy)

    for _ in range(N_COPIES):
        copy = Copy(tmp_path_factory.mktemp("copy"))
        copies.put(copy)
    tests = dict.fromkeys(test for defect in chosen for test in defect.tests)
    whole = copy.run(tests, "-n", str(N_COPIES), "--dist", "loadfile")
    if whole.code != 0:
        pytest.exit(
            f"the tests do not pass without a defect:\n{whole.output[-5000:]}", returncode=1
        )
    with ThreadPoolExecutor(N_COPIES) as pool:
        yield {defect.name: pool.submit(work, defect) for defect in chosen}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("defect", load(), ids=lambda defect: defect.name)
def test_it_is_noticed(defect, outcomes):
    """One of its tests fails, because of what it expects."""
    outcome = outcomes[defect.name].result()
    assert outcome.code != 0, f"no test notices: {defect.harm}"
    failed = outcome.named("FAILED")
    broken = outcome.named("ERROR")
    is_failure = outcome.code == 1 and len(failed) == 1 and not broken
    assert is_failure, f"the tests did not run to a failure:\n{outcome.output[-5000:]}"
    [(test, why)] = failed
    assert not why.startswith(BROKEN), f"the change does not run: {test}: {why}"
