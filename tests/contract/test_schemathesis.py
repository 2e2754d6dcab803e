"""Whatever the sandbox's OpenAPI lets one send is answered as it says: schemathesis against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runkit.server.launch import SandboxServer
from tests.sandbox.conftest import BUSINESS, KEY, NOON

Json = dict[str, Any]
BY_STATE = {  # take something that is there and stands as it must; `test_contract` has answers of these
    "POST /v1/actions",
    "GET /v1/actions/{id}",
    "POST /v1/runs/{id}/feedback",
    "POST /v1/runs/{id}/resume",
}
CONFIG = """
[generation]
deterministic = true
max-examples = 6
dictionaries = {{ string = {{ dictionary = "agents", probability = 0.4 }} }}

[dictionaries]
agents.values = ["cip_orchestrator"]
businesses.values = ["{business}"]
documents.values = ["{document}"]
runs.values = ["{run}"]

[parameters]
"path.business_id" = {{ dictionary = "businesses", probability = 0.6 }}

[[operations]]
include-path-regex = "/runs/.id.(/stream)?$"
parameters = {{ "path.id" = {{ dictionary = "runs", probability = 0.6 }} }}

[[operations]]
include-path = "/v1/documents/{{id}}"
parameters = {{ "path.id" = {{ dictionary = "documents", probability = 0.6 }} }}

# A body that is well formed can be refused here for what the run or the business is at the time.
[[operations]]
include-path-regex = "/(resume|feedback|end|actions)$"
include-method = "POST"
checks.positive_data_acceptance.enabled = false
"""


def examine(running: SandboxServer, folder: Path, *options: str) -> tuple[Json, str]:
    """Run all phases with all checks of schemathesis; give its report, and what it prints.

    No 5xx; documented statuses, content types, bodies and events of the stream; what breaks the schema is
    refused; 401 without the key or with a wrong one; 405 with `Allow` for a method that is not there.
    """
    business = BUSINESS["tin_mismatch"]
    values = {"business": business.id, "document": business.documents[0]["id"]}
    config = CONFIG.format(**values, run=next(iter(running.store.runs)))
    (folder / "schemathesis.toml").write_text(config)
    command = [sys.executable, "-m", "schemathesis.cli", "run", "--no-color", "--continue-on-failure"]
    command += [running.url.removesuffix("/v1") + "/openapi.json", "--report-json-path", "report.json"]
    command += ["--header", f"Authorization: Bearer {KEY}", *options]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=150)
    said = done.stdout + done.stderr
    path = folder / "report.json"
    assert path.exists(), said
    return json.loads(path.read_text()), said


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    """So fast that no stream waits: a run of minutes stops within a millisecond."""
    running = SandboxServer(key=KEY, speed=1_000_000, now=NOON, history=8)
    yield running
    running.close()


@pytest.fixture(scope="module")
def tested(running: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, str]:
    """Every operation but those that make others fail."""
    folder = tmp_path_factory.mktemp("schemathesis")
    return examine(running, folder, "--exclude-path", "/sandbox/faults")


def test_nothing_is_answered_but_as_it_says(tested: tuple[Json, str]) -> None:
    """No check of schemathesis fails, on any operation, in any phase."""
    report, said = tested
    assert report["failures"] == report["errors"] == [], said
    assert report["exit_code"] == 0, said


def test_everything_was_tried(tested: tuple[Json, str]) -> None:
    """All operations in all phases, and nearly each answered some of its requests with success."""
    report, said = tested
    assert report["complete"], said
    assert report["operations"]["tested"] == report["operations"]["selected"] == 21
    phases = {name: phase["status"] for name, phase in report["phases"].items()}
    assert {name for name, status in phases.items() if status == "success"} >= {
        "coverage",
        "fuzzing",
        "stateful",
    }
    assert report["test_cases"]["generated"] > 500
    rates = report["valid_rates"].items()
    assert {name for name, found in rates if not any(one["accepted"] for one in found.values())} <= BY_STATE


def test_faults_are_set_and_cleared_as_it_says(running: SandboxServer, tmp_path: Path) -> None:
    """What makes others fail spares the routes through which it is set."""
    report, said = examine(running, tmp_path, "--include-path", "/sandbox/faults")
    assert report["exit_code"] == 0, said
    assert report["operations"]["tested"] == 2
