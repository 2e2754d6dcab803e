"""An archive in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

import runkit


@pytest.fixture
def archive(tmp_path: Path) -> runkit.Archive:
    """One that nothing was added to yet."""
    return runkit.Archive(tmp_path / "runs")
