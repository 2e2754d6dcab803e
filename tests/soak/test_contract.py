"""Whatever the sandbox's OpenAPI lets one send is answered as it and the contract say.

All phases of schemathesis against a real server. Time is so fast that no stream waits: a run of
minutes stops within a millisecond.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from runkit.server.launch import SandboxServer
from tests.server.conftest import BUSINESS, KEY, NOON
from tests.server.contract import with_contract

Json = dict[str, Any]
# take something that is there and stands as it must; `test_contract` has answers of these
BY_STATE = {
    "POST /v1/actions",
    "GET /v1/actions/{id}",
    "POST /v1/runs/{id}/feedback",
    "POST /v1/runs/{id}/resume",
}
CONFIG = """
[generation]
deterministic = true
max-examples = {examples}
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


def examine(running: SandboxServer, folder: Path, examples: int, *options: str) -> tuple[Json, str]:
    """Run schemathesis with all its checks; give its report, and what it prints.

    No 5xx; documented statuses, content types and bodies; what breaks the schema is refused; 401
    without the key or with a wrong one; 405 with `Allow` for a method that is not there.
    """
    business, origin = BUSINESS["tin_mismatch"], running.url.removesuffix("/v1")
    headers = {"Authorization": f"Bearer {KEY}"}
    openapi = httpx.get(f"{origin}/openapi.json", headers=headers, trust_env=False).json()
    (folder / "openapi.json").write_text(json.dumps(with_contract(openapi)))
    values = {"business": business.id, "document": business.documents[0]["id"]}
    config = CONFIG.format(**values, run=next(iter(running.store.runs)), examples=examples)
    (folder / "schemathesis.toml").write_text(config)
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        "--no-color",
        "--continue-on-failure",
    ]
    command += ["openapi.json", "--url", origin, "--report-json-path", "report.json"]
    command += ["--header", f"Authorization: Bearer {KEY}", *options]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500
    )
    output = done.stdout + done.stderr
    path = folder / "report.json"
    assert path.exists(), output
    return json.loads(path.read_text()), output


def check_report(report: Json, output: str) -> None:
    """No check of schemathesis failed, and nearly each operation answered some requests with success."""
    assert report["failures"] == report["errors"] == [], output
    assert report["exit_code"] == 0, output
    assert report["complete"], output
    assert report["operations"]["tested"] == report["operations"]["selected"]
    rates = report["valid_rates"].items()
    assert {
        name for name, found in rates if not any(item["accepted"] for item in found.values())
    } <= BY_STATE


@pytest.mark.timeout(1800)
def test_everything_is_answered_as_it_says(tmp_path: Path) -> None:
    """Each operation of the published document, with many requests."""
    running = SandboxServer(key=KEY, speed=1_000_000, now=NOON, history=8)
    try:
        report, output = examine(running, tmp_path, 15)
    finally:
        running.close()
    check_report(report, output)
    assert report["operations"]["tested"] >= 20
