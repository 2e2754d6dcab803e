"""The packages, built once from a copy of the sources."""

from __future__ import annotations

import pytest

from environments import build_both, copy_sources

# What analysts, tests and tools leave in a clone; none of it may be carried.
LITTER = (
    "notebooks/templates/.ipynb_checkpoints/run-checkpoint.ipynb",
    "notebooks/templates/runkit-demo/index.html",
    "runkit/__pycache__/cli.cpython-311.pyc",
    "runkit/.ipynb_checkpoints/cli-checkpoint.py",
    "runkit/local/__pycache__/files.cpython-311.pyc",
    "tests/.pytest_cache/README.md",
    "tests/__pycache__/support.cpython-311.pyc",
    "dist/runkit_jupyter-0.0.1-py3-none-any.whl",
    ".venv/bin/python",
    ".mypy_cache/cache.json",
    "bench.json",
)


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """A copy of the sources, as whoever has worked in it would have it."""
    copied = copy_sources(tmp_path_factory.mktemp("clone") / "source")
    for name in LITTER:
        file = copied / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("litter")
    return copied


@pytest.fixture(scope="session")
def built(source, tmp_path_factory):
    """The wheel and the source distribution."""
    return build_both(source, tmp_path_factory.mktemp("dist"))
