"""Several copies of a run in the table are normal input: wherever runs are read, the newest counts, once."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import deltalake
import duckdb
import pytest

import runkit
from support import at, run, step

Json = dict[str, Any]
# Made by runkit 0.1 with deltalake 1.6.6: four runs, of which run-1 has changed once, and then two
# compactions of one version that both committed, so that each run has two equal rows.
BY_01 = Path(__file__).parent / "doubled_by_0.1"


def item(run_id: str, updated: float, **more: Any) -> Json:
    """A run of one step of ten seconds."""
    return run(step(f"{run_id}-s", 0, 10), run_id=run_id, updated_at=at(updated), **more)


def rows_in(folder: Path, version: int | None = None) -> Counter[str]:
    """How many rows the table has of each run."""
    table = deltalake.DeltaTable(folder, version=version)
    return Counter(table.to_pyarrow_table(columns=["run_id"])["run_id"].to_pylist())


@pytest.fixture
def by_01(tmp_path: Path) -> Path:
    """A copy of the archive that 0.1 doubled."""
    return Path(shutil.copytree(BY_01, tmp_path / "by_01"))


def test_an_archive_that_01_doubled_is_read(by_01: Path) -> None:
    """Each run once, as it was last; earlier versions too."""
    archive = runkit.Archive(by_01)
    assert rows_in(by_01) == {f"run-{number}": 2 for number in range(4)}
    assert len(archive) == 4
    f = archive.frames()
    runs = f.runs.sort_values("run_id")
    assert runs["run_id"].tolist() == [f"run-{number}" for number in range(4)]
    assert runs["status"].tolist() == ["completed", "error", "completed", "completed"]
    assert runs["business_id"].fillna("").tolist() == ["", "b-1", "", "b-3"]
    assert f.is_complete
    assert len(archive.dask().runs) == 4
    assert archive.frames(version=4).runs["status"].tolist() == ["completed"] * 4


def test_an_archive_of_01_is_written(by_01: Path) -> None:
    """Added to, compacted, and read by version as before."""
    archive = runkit.Archive(by_01)
    before = {stored.id: stored.to_dict() for stored in archive}
    assert archive.add(archive).n_new == 0
    assert archive.add([item("run-1", 9_000), item("run-9", 9_000)]).n_changed == 1
    archive.compact()
    # run-1: the newest copy, and the newest one that has its business
    assert rows_in(by_01) == {"run-0": 1, "run-1": 2, "run-2": 1, "run-3": 1, "run-9": 1}
    after = {stored.id: stored.to_dict() for stored in archive}
    assert {name: after[name] for name in ("run-0", "run-2", "run-3")} == {
        name: before[name] for name in ("run-0", "run-2", "run-3")
    }
    assert next(stored for stored in archive if stored.id == "run-1").business_id == "b-1"
    assert {stored.id: stored.to_dict() for stored in archive.runs(version=7)} == before


@pytest.fixture
def sql() -> str:
    """The query in the docstring of `Archive` for other readers; DuckDB would load `delta_scan` from afar."""
    [query] = re.findall(r"SELECT .*? = 1", str(runkit.Archive.__doc__), re.DOTALL)
    return str(query.replace("delta_scan('runs/')", "runs"))


def test_the_documented_query_gives_what_runkit_reads(sql: str, by_01: Path) -> None:
    """In DuckDB: each run once, in its newest copy."""
    with duckdb.connect() as connection:
        connection.register("runs", deltalake.DeltaTable(by_01).to_pyarrow_dataset())
        found = connection.sql(sql).arrow().read_all()
    pairs = sorted(zip(found["run_id"].to_pylist(), found["status"].to_pylist(), strict=True))
    assert pairs == sorted((run.id, run.status) for run in runkit.Archive(by_01))
