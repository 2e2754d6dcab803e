"""An archive brought up to date by several at once, from a sandbox with a thousand runs."""

import json
import subprocess
import sys

import pytest

import runkit
from environments import environment
from tests.server.conftest import BUSINESS
from tests.soak.conftest import MB, nothing_left, rss

WRITERS, RUNS = 3, 1_000
SYNC = """
import json, sys
import runkit

url, key, folder, times = sys.argv[1:]
archive = runkit.Archive(folder)
with runkit.Client(key, url, rate=None, read_only=True, timeout=120) as client:
    synced = [archive.sync(client, progress=False) for _ in range(int(times))]
json.dump([item.is_complete for item in synced], sys.stdout)
"""


@pytest.fixture
def box():
    """A sandbox with a thousand runs."""
    with runkit.sandbox(history=RUNS) as running:
        yield running


@pytest.fixture
def client(box):
    with box.client(rate=None, timeout=120) as made:
        yield made


@pytest.mark.timeout(1800)
def test_three_syncs_at_once_add_each_run_once(box, client, tmp_path):
    """While runs still change, the last look of each writer finds all."""
    folder = tmp_path / "runs"
    business = BUSINESS["long_200"].id
    own = [client.runs.create("cip_orchestrator", business).id for _ in range(20)]
    command = [sys.executable, "-c", SYNC, box.url, box.key, str(folder), "3"]
    writers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
        for _ in range(WRITERS)
    ]
    came = [json.loads(writer.communicate(timeout=500)[0]) for writer in writers]
    assert all(is_complete for item in came for is_complete in item)
    for run_id in own:
        client.runs.wait(run_id)
    archive = runkit.Archive(folder)
    assert archive.sync(client, progress=False).is_complete
    listed = client.runs.list(progress=False)
    f = archive.frames()
    assert f.runs["run_id"].is_unique
    assert len(listed) == RUNS + len(own)
    statuses = {run.id: run.status for run in listed}
    assert f.runs.set_index("run_id")["status"].astype(str).to_dict() == statuses
    assert len(f.problems) == 0
    assert [*folder.rglob(".*"), *folder.rglob("*.part"), *folder.rglob("*.tmp")] == []


@pytest.mark.timeout(1800)
def test_many_syncs_hold_no_more_memory(client, tmp_path):
    """Twenty looks at a thousand runs.

    Memory stays, and of each look no thread and no file is left open.
    """
    archive = runkit.Archive(tmp_path / "runs")
    sizes = []
    archive.sync(client, progress=False)
    with nothing_left():
        for _ in range(20):
            client.runs.create("cip_orchestrator", BUSINESS["clean_pass"].id)
            assert archive.sync(client, progress=False).is_complete
            sizes.append(rss())
    # After eight looks the allocators of Arrow and of Python have what they need.
    assert min(sizes[14:]) - min(sizes[8:14]) < 25 * MB, (
        "a look at a thousand runs takes as much while it lasts"
    )
