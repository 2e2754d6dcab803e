"""Plant the defects of `defects.toml` one at a time and check that their tests notice. Run by `.ci/soak`.

    python -m pytest tests/defects/planted.py -n 2       all
    python -m pytest tests/defects/planted.py -k NAME    one

It works on copies of the tree, never on the tree itself. All named tests must pass in a copy without
a defect; each defect must make one of its own fail, by a failure of the test and not by code that
does not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.defects.data import ROOT, Defect, load

COPIED = ("runkit", "tests", "notebooks", "pyproject.toml", "README.md")
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
DEFECTS = load()
pytestmark = pytest.mark.timeout(RUN_SECONDS)


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
        }

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run tests, and return the code that pytest ended with, and all that it wrote."""
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [f"--timeout={TEST_SECONDS}", f"--basetemp={self.folder.with_name('temporary')}"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout


@pytest.fixture(scope="session")
def copy(tmp_path_factory):
    """A copy of the tree; each worker has its own."""
    return Copy(tmp_path_factory.mktemp("copy"))


def test_all_pass_without_a_defect(copy):
    code, output = copy.run(*dict.fromkeys(test for defect in DEFECTS for test in defect.tests))
    assert code == 0, output[-5000:]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_it_is_noticed(defect: Defect, copy):
    """One of its tests fails, because of what it expects."""
    file = copy.folder / defect.file
    whole, planted = defect.plant(copy.folder)
    file.write_text(planted, encoding="utf-8")
    try:
        code, output = copy.run(*defect.tests, "-x")
    finally:
        file.write_text(whole, encoding="utf-8")
    assert code != 0, f"no test notices: {defect.harm}"
    failed = re.findall(r"^(FAILED|ERROR) (.+?)(?: - (.*))?$", output, re.MULTILINE)
    assert [kind for kind, *_ in failed] == ["FAILED"], output[-5000:]
    [(_, test, why)] = failed
    assert not why.startswith(BROKEN), f"the change does not run: {test}: {why}"
