"""What tests of widgets share: a sandbox, and a shell that keeps what is displayed."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from tests.client.conftest import server
from tests.faults import sandbox
from tests.widgets.asking import Asking

__all__ = ["server"]


@pytest.fixture(scope="session")
def shared_box():
    """A quick sandbox."""
    with sandbox(speed=3000) as running:
        yield running


@pytest.fixture
def box(shared_box):
    """A quick sandbox where no question waits; no fault outlives the test."""
    with shared_box.client(rate=None) as client:
        for run in client.runs.list(status="interrupted", progress=False):
            shared_box.end_run(run.id)
    yield shared_box
    shared_box.clear_faults()


@pytest.fixture
def asking(box):
    """Questions to answer."""
    with ExitStack() as stack:
        yield Asking(box, stack)
        box.clear_faults()


class Shown:
    """What a cell shows: its outputs in order, each as it was last updated."""

    def __init__(self, publisher: CapturingDisplayPublisher) -> None:
        self._publisher = publisher

    def outputs(self) -> list[dict[str, Any]]:
        """Return the mime bundles."""
        by_id: dict[object, dict[str, Any]] = {}
        for number, output in enumerate(self._publisher.outputs):
            by_id[(output["transient"] or {}).get("display_id", number)] = output["data"]
        return list(by_id.values())


@pytest.fixture
def shown(monkeypatch):
    """A shell without a kernel that keeps what is displayed."""
    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher(parent=shell)
    monkeypatch.setattr(shell, "display_pub", publisher)
    yield Shown(publisher)
    InteractiveShell.clear_instance()
