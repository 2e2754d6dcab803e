"""What is in the wheel and in the source distribution."""

import tarfile
import zipfile
from pathlib import Path

import pytest

import runkit
from environments import ROOT

INFO = f"runkit_jupyter-{runkit.__version__}.dist-info"


@pytest.fixture(scope="module")
def wheel(built):
    """The wheel, opened."""
    return zipfile.ZipFile(built.wheel)


def files(folder):
    """What a folder of this checkout holds, without what tests and tools left there."""
    skip = {*Path(ROOT / folder).rglob("__pycache__"), *Path(ROOT / folder).rglob(".*")}
    found = (path for path in Path(ROOT / folder).rglob("*") if path.is_file())
    return {
        path.relative_to(ROOT).as_posix()
        for path in found
        if path not in skip and not skip & {*path.parents}
    }


def test_the_wheel_holds_the_package_and_the_templates(wheel):
    """Each module and data file, the notebooks that reports execute, and nothing else."""
    names = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/runkit/LICENSE")
    info = {f"{INFO}/{name}" for name in names}
    templates = {f"runkit/{name}" for name in files("notebooks/templates")}
    assert {*wheel.namelist()} == files("runkit") | templates | info
    assert {
        "runkit/py.typed",
        "runkit/notebooks/templates/run.ipynb",
        "runkit/screens/static/screens.html.j2",
    } <= {*wheel.namelist()}


def test_the_source_distribution_holds_what_the_wheel_is_made_of(built):
    """The package, the notebooks, the tests, the readme and how to build; nothing else."""
    top = f"runkit_jupyter-{runkit.__version__}/"
    with tarfile.open(built.sdist) as archive:
        names = {
            member.name.removeprefix(top) for member in archive.getmembers() if member.isfile()
        }
    more = {"PKG-INFO", "README.md", "pyproject.toml", ".gitignore"}
    assert names == files("runkit") | files("notebooks") | files("tests") | more


def test_the_command_is_installed(wheel):
    """`runkit` is the one command."""
    assert (
        wheel.read(f"{INFO}/entry_points.txt").decode()
        == "[console_scripts]\nrunkit = runkit.shell.cli:main\n"
    )
