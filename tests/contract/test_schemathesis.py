"""Whatever the sandbox's OpenAPI lets one send is answered as it says: schemathesis against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from runkit.server.launch import Running
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
max-examples = 12
dictionaries = {{ string = {{ dictionary = "known", probability = 0.4 }} }}

[dictionaries]
known = {{ values = {known} }}

# A body that is well formed can be refused here for what the run or the business is at the time.
[[operations]]
include-path-regex = "/(resume|feedback|end|actions)$"
include-method = "POST"
checks.positive_data_acceptance.enabled = false

# Numbers and flags may come as text.
[[operations]]
include-path = "/sandbox/faults"
checks.negative_data_rejection.enabled = false
"""


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, str]:
    """What schemathesis reports and prints, after all its phases with all its checks on every operation.

    No 5xx; documented statuses, content types, bodies and events of the stream; what breaks the schema is
    refused; 401 without the key or with a wrong one; 405 with `Allow` for a method that is not there.
    """
    folder = tmp_path_factory.mktemp("schemathesis")
    # So fast that no stream waits: a run of minutes stops within a millisecond.
    running = Running(key=KEY, speed=1_000_000, now=NOON, history=8)
    try:
        business = BUSINESS["tin_mismatch"]
        known = [business.id, business.documents[0]["id"], BUSINESS["watchlist_hit"].hit_id]
        known += [*list(running.store.runs)[:3], *list(running.store.threads)[:3], "cip_orchestrator"]
        (folder / "schemathesis.toml").write_text(CONFIG.format(known=json.dumps(known)))
        command = [sys.executable, "-m", "schemathesis.cli", "run", "--no-color", "--report", "json"]
        command += [running.url.removesuffix("/v1") + "/openapi.json", "--continue-on-failure"]
        command += ["--header", f"Authorization: Bearer {KEY}", "--report-json-path", "report.json"]
        environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=150
        )
    finally:
        running.close()
    said = done.stdout + done.stderr
    path = folder / "report.json"
    assert path.exists(), said
    return json.loads(path.read_text()), said


def test_nothing_is_answered_but_as_it_says(tested: tuple[Json, str]) -> None:
    """No check of schemathesis fails, on any operation, in any phase."""
    report, said = tested
    assert report["failures"] == report["errors"] == [], said
    assert report["exit_code"] == 0, said


def test_everything_was_tried(tested: tuple[Json, str]) -> None:
    """All operations in all phases, and nearly each answered some of its requests with success."""
    report, said = tested
    assert report["complete"], said
    assert report["operations"]["tested"] == report["operations"]["total"] == 23
    phases = {name: phase["status"] for name, phase in report["phases"].items()}
    assert {name for name, status in phases.items() if status == "success"} >= {
        "coverage",
        "fuzzing",
        "stateful",
    }
    assert report["test_cases"]["generated"] > 700
    rates = report["valid_rates"].items()
    assert {name for name, found in rates if not any(one["accepted"] for one in found.values())} <= BY_STATE
