"""The same frames on a real cluster, in another process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
import psutil
import pytest

import runkit
from runkit.reports.templates import notebooks
from support import at, example, question, run, step


def made(number: int) -> dict[str, Any]:
    """Runs with everything: findings, questions, words that nobody knows, open steps, flaws."""
    run_id = f"r{number:03}"
    if number % 5 == 0:
        return example("completed") | {"id": run_id}
    if number % 5 == 1:
        return example("interrupted") | {"id": run_id}
    if number % 5 == 2:
        return run(
            step("a", type=f"novel-{number}"),
            step("b", 5, 3),
            run_id=run_id,
            status=f"word-{number}",
        )
    if number % 5 == 3:
        return run(step("a", steps=[question("q", 2, None)]), run_id=run_id, end=None)
    return run(run_id=run_id, start=100 * number, steps=[{"id": "broken"}])


RUNS = [made(number) for number in range(30)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """The notebook's cluster, which then computes everything."""
    # half a second, in every process that collects tests
    from dask.distributed import Client, LocalCluster

    text = (notebooks() / "06_archive.ipynb").read_text(encoding="utf-8")
    cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
    [call] = re.findall(r"^cluster = (LocalCluster\(.*\))$", "\n".join(cells), re.MULTILINE)
    with eval(call, {"LocalCluster": LocalCluster}) as started, Client(started):  # noqa: S307
        yield


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> runkit.Archive:
    """Thirty runs in six parts, with older copies of some in others."""
    archive = runkit.Archive(tmp_path_factory.mktemp("archive") / "runs")
    archive.add([entry | {"updated_at": at(-9_000), "status": "error"} for entry in RUNS[::7]])
    for first in range(0, 30, 5):
        archive.add(RUNS[first : first + 5])
    return archive


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    """Equal in values, dtypes and categories.

    Of problems only how many there are of each kind: many are one row of what is read together.
    """
    if "problem" in left:
        counted = [
            each.groupby("problem", observed=True)["n"].sum().to_dict() for each in (left, right)
        ]
        assert counted[0] == counted[1]
        return
    pd.testing.assert_frame_equal(left, right)
    for name in left.select_dtypes("category"):
        assert left[name].cat.categories.tolist() == right[name].cat.categories.tolist()
        assert left[name].cat.categories.dtype == right[name].cat.categories.dtype


def computed(d: Any) -> dict[str, pd.DataFrame]:
    """Return all six frames, computed together."""
    import dask

    names = list(runkit.frames([]).keys())
    frames = dask.compute(*(getattr(d, name) for name in names))
    return {name: df.reset_index(drop=True) for name, df in zip(names, frames, strict=True)}


@pytest.mark.usefixtures("cluster")
def test_the_frames_are_those_in_memory(archive: runkit.Archive) -> None:
    """All six, in values, dtypes and categories; the problems too, but for where they stand."""
    expected = archive.frames()
    on_cluster = archive.dask()
    assert on_cluster.runs.npartitions > 4
    frames = computed(on_cluster)
    for name, df in expected.items():
        assert len(df)
        same(frames[name], df)
    assert expected.reads is not None
    same(on_cluster.reads.compute().reset_index(drop=True), expected.reads)
    assert on_cluster.version == archive.version


@pytest.mark.usefixtures("cluster")
def test_partitions_of_all_frames_hold_the_same_runs(archive: runkit.Archive) -> None:
    """So that a join needs no shuffle, and a whole run is at hand in one place."""
    import dask.dataframe as dd

    d = archive.dask()

    def both(runs: pd.DataFrame, steps: pd.DataFrame) -> pd.DataFrame:
        assert set(steps["run_id"]) <= set(runs["run_id"])
        return steps.merge(runs[["run_id", "requester"]], on="run_id")

    meta = both(d.runs._meta, d.steps._meta)
    joined = dd.map_partitions(both, d.runs, d.steps, meta=meta).compute()
    f = archive.frames()
    assert len(joined) == len(f.steps.merge(f.runs[["run_id", "requester"]], on="run_id"))


@pytest.mark.usefixtures("cluster")
def test_the_notebooks_cluster_is_on_loopback_only() -> None:
    """Nobody on the network sees its dashboard, which tells what the workers do."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    sockets = [entry for process in processes for entry in process.net_connections("tcp")]
    assert {entry.laddr.ip for entry in sockets if entry.status == psutil.CONN_LISTEN} == {
        "127.0.0.1"
    }
