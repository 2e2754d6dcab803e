"""All phases of schemathesis, with many examples, on every operation of the sandbox."""

from pathlib import Path

import pytest

from runkit.server.launch import SandboxServer
from tests.contract.test_schemathesis import check_report, examine
from tests.sandbox.conftest import KEY, NOON


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("option", ["--exclude-path", "--include-path"])
def test_everything_is_answered_as_it_says(tmp_path: Path, option: str) -> None:
    """What makes other requests fail is tried alone; it spares the routes through which it is set."""
    running = SandboxServer(key=KEY, speed=1_000_000, now=NOON, history=8)
    try:
        report, said = examine(running, tmp_path, 15, option, "/sandbox/faults")
    finally:
        running.close()
    check_report(report, said)
