"""A sandbox for kernels."""

import pytest

from tests.faults import sandbox


@pytest.fixture(scope="session")
def box():
    """A sandbox in the process of the tests, which the kernels use."""
    with sandbox(speed=3000) as running:
        yield running


@pytest.fixture
def posts(box):
    """Count the answers of this test that reach the sandbox."""
    return box.answers()
