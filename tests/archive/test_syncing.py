"""An archive follows the API: what is new or changed is read, nothing else, and it goes on where it ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import runkit


@pytest.fixture(scope="module")
def box() -> Iterator[runkit.sandbox]:  # type: ignore[valid-type]
    """A sandbox with a past of thirty runs."""
    with runkit.sandbox(speed=600, history=30, seed=3) as started:
        yield started
