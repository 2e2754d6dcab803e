"""An archive brought up to date by several at once, from a sandbox with a thousand runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

import pytest

import runkit
from archive.writers import check, writers, written
from tests.soak.conftest import MB, Served, Told, environment, grown, held, nothing_left

WRITERS, RUNS = 3, 1_000
SYNC = """
import json, sys
import runkit

url, key, folder, times = sys.argv[1:]
archive = runkit.Archive(folder)
with runkit.Client(key, url, rate=None, read_only=True, timeout=120) as client:
    synced = [archive.sync(client, progress=False) for _ in range(int(times))]
json.dump([[one.is_complete, one.added.n_new, str(one)] for one in synced], sys.stdout)
"""


@pytest.mark.timeout(1800)
def test_writers_at_once(serve: Callable[..., Served], tmp_path: Path, record: Told) -> None:
    """While runs still change, each run comes in once, and the last look of each writer finds it whole."""
    served, folder = serve("--history", str(RUNS), "--speed", "60"), tmp_path / "runs"
    with served.client() as client:
        business = served.box.business("long_200")
        own = [client.runs.create("cip_orchestrator", business).id for _ in range(20)]
        command = [sys.executable, "-c", SYNC, served.box.url, served.box.key, str(folder), "3"]
        writers = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
            for _ in range(WRITERS)
        ]
        came = [json.loads(writer.communicate(timeout=500)[0]) for writer in writers]
        assert all(is_complete for item in came for is_complete, *_ in item)
        record("new runs", "by writer", [sum(n_new for _, n_new, *_ in item) for item in came])
        for run_id in own:
            client.runs.wait(run_id)
        archive = runkit.Archive(folder)
        assert archive.sync(client, progress=False).is_complete
        listed = client.runs.list(progress=False)
        f = archive.frames()
        assert Counter(f.runs["run_id"]) == Counter(listed.ids)
        assert len(listed) == RUNS + len(own)
        stands = {run.id: run.status for run in listed}
        assert dict(zip(f.runs["run_id"], f.runs["status"].astype(str), strict=True)) == stands
        assert len(f.problems) == 0
    served.stop()
    left = [
        path
        for path in folder.rglob("*")
        if path.name.startswith(".") or path.suffix in (".part", ".tmp")
    ]
    assert left == []


@pytest.mark.timeout(1800)
def test_one_that_syncs_for_long(
    serve: Callable[..., Served], tmp_path: Path, record: Told
) -> None:
    """Twenty looks at a thousand runs: memory stays, and of each look no thread and no file is left open."""
    served = serve("--history", str(RUNS), "--speed", "60")
    archive, sizes = runkit.Archive(tmp_path / "runs"), []
    with served.client(timeout=120) as client:
        archive.sync(client, progress=False)
        with nothing_left():
            for number in range(20):
                client.runs.create("cip_orchestrator", served.box.business("clean_pass"))
                assert archive.sync(client, progress=False).is_complete
                sizes.append(held().rss)
                if number % 5 == 4:
                    record("MB", f"look {number + 1}", f"{sizes[-1] / MB:.0f}")
    # After eight looks the allocators of Arrow and of Python have what they need.
    assert grown(sizes[8:]) < 25 * MB, "a look at a thousand runs takes as much while it lasts"


@pytest.mark.timeout(600)
def test_writers_that_are_killed(tmp_path: Path) -> None:
    """Each compacts, too; what a writer said to be written is there, once, and as it was last."""
    names = [f"w{number}" for number in range(8)]
    with (
        writers(tmp_path / "runs", names, 12, compacts=True) as processes,
        ThreadPoolExecutor(8) as pool,
    ):
        for process in processes[:3]:
            Timer(15, process.kill).start()
        numbers = dict(zip(names, pool.map(written, processes), strict=True))
    assert [len(numbers[name]) for name in names[3:]] == [12] * 5
    check(tmp_path / "runs", numbers, killed=names[:3])
