"""Each Python that the machine has, each extra alone, and the oldest of what runkit requires.

The interpreters are those named `python3.12` and so on along the PATH, and those of pyenv. With the
newest versions, the suite is what CI runs on every Python.
"""

import re
import shutil
import tarfile
from itertools import chain

import pytest

from environments import (
    PROJECT,
    ROOT,
    Environment,
    build_both,
    copy_sources,
    pythons,
)

PYTHONS = pythons()
FOUND = [*PYTHONS]
JOB = str(ROOT / "tests" / "end_to_end" / "install" / "main_job.py")

# What uses the packages that runkit stands on; the main job makes reports. A wheel has no notebooks
# and no sources to compare with its pages of contents.
SUITE = [
    *("--ignore=tests/core/test_notebooks.py", "--ignore=tests/core/test_repository.py"),
    *("tests/core", "tests/tables", "tests/charts", "tests/client", "tests/server"),
    *("tests/widgets", "tests/analysis"),
]
RUNNERS = (
    *("pytest", "pytest-benchmark", "pytest-timeout", "pytest-xdist", "nbmake"),
    *("playwright", "axe-playwright-python", "psutil"),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the source distribution of this checkout."""
    folder = tmp_path_factory.mktemp("built")
    return build_both(copy_sources(folder / "source"), folder / "dist")


def floors():
    """Each requirement at its lower bound, as constraints for pip."""
    lines = chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    bounds = (re.match(r"([\w-]+)(?:\[.*\])?>=([\w.]+)", line) for line in lines)
    return [f"{bound[1]}=={bound[2]}" for bound in bounds if bound]


def job(env, cwd, *parts):
    """Do the parts of the main job; each says its name when it is done."""
    cwd.mkdir(exist_ok=True)
    output = env.run("python", "-W", "error", JOB, *parts, cwd=cwd, timeout=300)
    assert [line for line in output.splitlines() if line in parts] == [*parts]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", FOUND)
def test_each_extra_alone_brings_what_its_part_of_the_main_job_needs(version, built, tmp_path):
    """Also with what pip builds of the source distribution."""
    env = Environment.new(tmp_path / "venv", PYTHONS[version])
    env.install(f"{built.wheel}[sandbox]")
    job(env, tmp_path / "wheel", "sandbox")
    env.install("--force-reinstall", "--no-deps", built.sdist)
    job(env, tmp_path / "sdist", "sandbox")
    env.install("runkit-jupyter[report]")
    job(env, tmp_path / "report", "report")


@pytest.mark.timeout(1800)
def test_the_suite_passes_with_the_oldest_versions(built, tmp_path):
    """All requirements at their lower bounds; the installed wheel is what is tested."""
    env = Environment.new(tmp_path / "venv", PYTHONS[FOUND[0]])
    (tmp_path / "floors.txt").write_text("\n".join(floors()))
    wheel = f"{built.wheel}[excel,lab,report,scale]"
    env.install("--constraint", tmp_path / "floors.txt", wheel, *RUNNERS)
    job(env, tmp_path / "job", "sandbox", "report")
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("runkit_jupyter-*")
    shutil.rmtree(unpacked / "runkit")
    options = ["-q", "--numprocesses=2", "--dist=loadfile", "--no-header", "-p", "no:cacheprovider"]
    options += ["-m", "not browser", "-k", "not type_checker"]  # mypy wants the newest stubs
    output = env.run("python", "-m", "pytest", *options, *SUITE, cwd=unpacked, timeout=1100)
    passed = re.search(r"(\d+) passed", output)
    assert passed, output
