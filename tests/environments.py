"""Python environments of their own, to install in what was built, and to try it there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSIONS = [
    match[1]
    for line in PROJECT["classifiers"]
    if (match := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
]
LITTER = ("__pycache__", ".*_cache", ".ipynb_checkpoints")
HIDDEN = ("PYTHON", "PIP_REQUIRE", "VIRTUAL_ENV", "RUNKIT_", "MIDDESK_", "COVERAGE", "PYTEST_")


class Built(NamedTuple):
    """What was built: the wheel and the source distribution."""

    wheel: Path
    sdist: Path


class Environment(NamedTuple):
    """A virtual environment."""

    folder: Path

    @classmethod
    def new(cls, folder: Path, python: Path | str = sys.executable) -> Environment:
        """Make one that holds nothing but pip."""
        subprocess.run([python, "-m", "venv", folder], check=True, env=environment())
        return cls(folder)

    def program(self, name: str) -> str:
        """The path of what was installed into it."""
        return str(self.folder / ("Scripts" if os.name == "nt" else "bin") / name)

    def run(self, name: str, *arguments: str, cwd: Path, timeout: float = 120) -> str:
        """Run what was installed, and expect that all goes well; gives its stdout."""
        done = subprocess.run(
            [self.program(name), *arguments],
            cwd=cwd,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        output = f"{name} {' '.join(arguments)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        assert done.returncode == 0, output
        return done.stdout

    def install(self, *what: str | Path) -> None:
        """`pip install`, and see that all fits together.

        Modules are compiled when they are imported.
        """
        options = ["--quiet", "--no-compile", "--disable-pip-version-check"]
        self.run("pip", "install", *options, *map(str, what), cwd=self.folder, timeout=600)
        assert self.run("pip", "check", cwd=self.folder) == "No broken requirements found.\n"


def environment(**more: str) -> dict[str, str]:
    """The variables of this process, without those that would lead another one astray."""
    return {name: value for name, value in os.environ.items() if not name.startswith(HIDDEN)} | more


def copy_sources(to: Path) -> Path:
    """Copy what packages are built of, without what tests and tools leave behind."""
    to.mkdir()
    for name in ("runkit", "notebooks", "tests"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns(*LITTER))
    for name in ("pyproject.toml", "README.md", ".gitignore"):
        shutil.copy(ROOT / name, to)
    return to


def build_both(source: Path, to: Path) -> Built:
    """Build the wheel and the source distribution with the hatchling that is installed here."""
    options = ["--no-isolation", "--wheel", "--sdist", "--outdir", str(to), str(source)]
    command = [sys.executable, "-m", "build", *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = to.glob("*.whl")
    (sdist,) = to.glob("*.tar.gz")
    return Built(wheel, sdist)


def pythons() -> dict[str, str]:
    """For each version that runkit is for, an interpreter on the PATH or of pyenv, where one works."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = {}
    for version in VERSIONS:
        for candidate in [
            shutil.which(f"python{version}"),
            *pyenv.glob(f"versions/{version}.*/bin/python"),
        ]:
            command = [candidate or "", "-c", "import ensurepip, venv"]
            if candidate and subprocess.run(command, capture_output=True).returncode == 0:
                found[version] = str(candidate)
    return found
