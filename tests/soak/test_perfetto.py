"""Perfetto itself opens what `to_perfetto` writes."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import runkit
from support import until
from tests.soak.conftest import TIMEOUT

QUERY = "select count(*) as n, count(parent_id) as n_nested, sum(dur) / 1000 as micros from slice"


@pytest.fixture
def trace(tmp_path: Path) -> tuple[runkit.Frames, Path]:
    with (
        runkit.sandbox(history=8, seed=7, now="2026-11-02T10:00:00Z") as box,
        box.client() as client,
    ):
        f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    return f, runkit.to_perfetto(f, tmp_path / "trace.json")


def is_open(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def address(trace: tuple[runkit.Frames, Path]) -> Iterator[str]:
    """Serve Perfetto's page with the trace."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = shutil.which("vizviewer", path=Path(sys.executable).parent)
    assert command
    server = subprocess.Popen([command, "--server_only", "--port", str(port), str(trace[1])])
    try:
        until(lambda: is_open(port), TIMEOUT)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(TIMEOUT)


@pytest.mark.browser
def test_perfetto_nests_the_steps(
    browser: Any, trace: tuple[runkit.Frames, Path], address: str
) -> None:
    """It has a slice for each step, and those that lie within another are its children."""
    page = browser.new_page()
    page.goto(address)
    page.get_by_text("Current Selection").wait_for(timeout=TIMEOUT * 1000)
    page.locator("input").first.click()
    page.keyboard.press(":")  # from here on, it is SQL
    page.wait_for_timeout(1000)
    page.keyboard.type(QUERY)
    page.wait_for_timeout(1000)
    page.keyboard.press("Enter")
    page.get_by_text(re.compile("^Query result")).wait_for(timeout=TIMEOUT * 1000)
    numbers = page.locator("body").inner_text()
    n, n_nested, micros = (int(text) for text in re.findall(r"(?m)^(\d+)$", numbers)[-3:])
    f, _ = trace
    assert n == len(f.steps)
    assert n_nested > 0
    assert micros == round(f.steps["duration_s"].mul(1e6)).sum()
