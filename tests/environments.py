"""Python environments of their own, to install in what was built, and to try it there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from email.parser import Parser
from importlib.metadata import distribution
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSIONS = [
    match[1]
    for line in PROJECT["classifiers"]
    if (match := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
]
LITTER = ("__pycache__", ".*_cache", ".hypothesis", ".ipynb_checkpoints")
HIDDEN = ("PYTHON", "PIP_REQUIRE", "VIRTUAL_ENV", "RUNKIT_", "MIDDESK_", "COVERAGE", "PYTEST_")
_CAN = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"


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

    def run(self, name: str, *arguments: str, cwd: Path, timeout: float = 120, **more: str) -> str:
        """Run what was installed, and expect that all goes well; gives its stdout."""
        done = self.try_(name, *arguments, cwd=cwd, timeout=timeout, **more)
        output = f"{name} {' '.join(arguments)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        assert done.returncode == 0, output
        return done.stdout

    def try_(
        self, name: str, *arguments: str, cwd: Path, timeout: float = 120, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run what was installed, come what may."""
        command = [self.program(name), *arguments]
        return subprocess.run(
            command,
            cwd=cwd,
            env=environment(**more),
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def install(self, *what: str | Path) -> None:
        """`pip install`, and see that all fits together.

        Modules are compiled when they are imported.
        """
        options = ["--quiet", "--no-compile", "--disable-pip-version-check"]
        self.run("pip", "install", *options, *map(str, what), cwd=self.folder, timeout=600)
        assert self.run("pip", "check", cwd=self.folder) == "No broken requirements found.\n"


class Linked(Environment):
    """A virtual environment whose packages are links to those installed here: made quickly and offline."""

    @classmethod
    def new(cls, folder: Path, python: Path | str = sys.executable) -> Linked:
        """Make one that holds nothing."""
        subprocess.run(
            [python, "-m", "venv", "--without-pip", folder], check=True, env=environment()
        )
        return cls(folder)

    def install(self, *what: str | Path) -> None:
        """Link packages by name, and install wheels; all with what they require, and see that it fits."""
        wheels = [str(item) for item in what if isinstance(item, Path)]
        if wheels:
            self._pip("install", "--no-compile", "--no-deps", "--no-index", *wheels)
        lines = chain.from_iterable(
            _requires(item) if isinstance(item, Path) else [item] for item in what
        )
        [packages] = self.folder.glob("lib/python*/site-packages")
        for found in map(distribution, _closure(lines)):
            for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
                if not (packages / top).exists():
                    (packages / top).symlink_to(str(found.locate_file(top)))
        assert self._pip("check") == "No broken requirements found.\n"

    def _pip(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        command += ["--python", self.program("python"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment())
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _requires(wheel: Path) -> list[str]:
    """What a wheel requires without extras."""
    with zipfile.ZipFile(wheel) as opened:
        [name] = [item for item in opened.namelist() if item.endswith(".dist-info/METADATA")]
        lines = Parser().parsestr(opened.read(name).decode()).get_all("Requires-Dist", [])
    return [line for line in lines if ";" not in line]


def _closure(lines: Iterable[str]) -> set[str]:
    """The names of packages that are installed here, and of all that they require."""
    found: set[tuple[str, str]] = set()
    todo = [*map(Requirement, lines)]
    while todo:
        wanted = todo.pop()
        for extra in wanted.extras or {""}:
            if (wanted.name, extra) not in found:
                found.add((wanted.name, extra))
                needed = map(Requirement, distribution(wanted.name).requires or ())
                todo += [
                    item
                    for item in needed
                    if item.marker is None or item.marker.evaluate({"extra": extra})
                ]
    return {name for name, _ in found}


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


def build(source: Path, to: Path, *options: str) -> None:
    """Build what `options` say, with the hatchling that is installed here."""
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        *options,
        "--outdir",
        str(to),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr


def build_both(source: Path, to: Path) -> Built:
    """Build the wheel and the source distribution, each from the source."""
    build(source, to, "--wheel", "--sdist")
    (wheel,), (sdist,) = to.glob("*.whl"), to.glob("*.tar.gz")
    return Built(wheel, sdist)


def pythons() -> dict[str, Path | None]:
    """For each version that runkit is for, an interpreter that can make environments, or None."""
    return {version: next(_working(version), None) for version in VERSIONS}


def _working(version: str) -> Iterator[Path]:
    for candidate in _candidates(version):
        try:
            done = subprocess.run(
                [candidate, "-c", _CAN], capture_output=True, text=True, timeout=20
            )
        except OSError:
            continue
        if done.stdout.strip() == version:
            yield candidate


def _candidates(version: str) -> Iterator[Path]:
    """The one that runs this, those on the PATH, those of pyenv."""
    yield Path(sys.executable)
    for folder in os.get_exec_path():
        if found := shutil.which(f"python{version}", path=folder):
            yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)
