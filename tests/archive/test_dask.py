"""The same frames on a real cluster, in another process."""

import pandas as pd
import pytest

import runkit
from support import at, example, run, step


def made(number):
    """Runs with everything: findings, questions, words that nobody knows, open steps, flaws."""
    forms = [
        example("completed"),
        example("interrupted"),
        run(step("a", type=f"novel-{number}"), status=f"word-{number}"),
        run(start=100 * number, steps=[{"id": "broken"}]),
    ]
    return forms[number % 4] | {"id": f"r{number:03}"}


RUNS = [made(number) for number in range(30)]


@pytest.fixture(scope="module")
def cluster():
    """A cluster in another process, which then computes everything."""
    # half a second, in every process that collects tests
    from dask.distributed import Client, LocalCluster

    with LocalCluster(n_workers=1, dashboard_address="127.0.0.1:0") as started, Client(started):
        yield


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Thirty runs in six parts, with older copies of some in others."""
    archive = runkit.Archive(tmp_path_factory.mktemp("archive") / "runs")
    archive.add([entry | {"updated_at": at(-9_000), "status": "error"} for entry in RUNS[::7]])
    for first in range(0, 30, 5):
        archive.add(RUNS[first : first + 5])
    return archive


@pytest.mark.usefixtures("cluster")
def test_dask_frames_equal_the_frames_in_memory(archive):
    """In values, dtypes and categories, but for places of problems; a run is whole in its partition."""
    import dask

    expected = archive.frames()
    d = archive.dask()
    assert d.version == archive.version
    frames = {**dict(expected), "reads": expected.reads}
    found = dask.compute(*(getattr(d, name) for name in frames))
    for df, computed in zip(frames.values(), found, strict=True):
        both = [frame.drop(columns="location", errors="ignore") for frame in (computed, df)]
        pd.testing.assert_frame_equal(both[0].reset_index(drop=True), both[1])
    parts = dask.compute(d.runs["run_id"].to_delayed(), d.steps["run_id"].to_delayed())
    assert len(parts[0]) > 4
    for runs, steps in zip(*parts, strict=True):
        assert {*steps} <= {*runs}
