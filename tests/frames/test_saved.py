"""Saved frames: older, damaged, in the user's home, and where their runs were read from."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import runkit
from runkit.errors import DataError, UsageError
from runkit.tables.schema import SCHEMA, TYPES
from support import artifact, at, example, question, run, step

COMPUTED = ("label", "is_failed", "is_wait", "n_findings", "n")  # from other columns
FILES = [*(f"{name}.parquet" for name in SCHEMA), "coverage.json", "reads.parquet"]


def read_at(run_id: str, seconds: float, host: str | None = "127.0.0.1:8100") -> dict[str, Any]:
    """A run as `runkit fetch` writes it."""
    return run(step(f"{run_id}-s"), run_id=run_id, _runkit={"read_at": at(seconds), "read_from": host})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of two runs, as they were saved."""
    source = run(step("s", artifacts=[artifact()]), question("q", 20, 30), run_id="b")
    return runkit.frames([example("completed"), source]).save(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def saved(whole: Path, tmp_path: Path) -> Path:
    """A copy of them that a test may change."""
    return Path(shutil.copytree(whole, tmp_path / "saved"))


# ------------------------------------------------------------------------------------- what is not as written


def test_a_folder_that_cannot_be_written_is_refused(saved: Path) -> None:
    """Also after it was created."""
    f = runkit.frames(saved)
    (saved / "steps.parquet").unlink()
    (saved / "steps.parquet").mkdir()
    with pytest.raises(UsageError, match="cannot be used"):
        f.save(saved)


@pytest.mark.parametrize("path", [None, 3, b"frames"])
def test_a_path_that_is_none_is_refused(saved: Path, path: Any) -> None:
    """By everything that writes files of frames."""
    f = runkit.frames(saved)
    for use in (f.save, f.to_excel):
        with pytest.raises(UsageError, match=r"(path|directory)="):
            use(path)


@pytest.mark.parametrize("name", SCHEMA)
def test_a_column_that_is_not_there_is_empty(saved: Path, name: str) -> None:
    """As in frames of an older version: it has its dtype, and the others are what they were."""
    path, before = saved / f"{name}.parquet", runkit.frames(saved)
    kept = getattr(before, name).columns[::2]
    pd.read_parquet(path)[kept].to_parquet(path, index=False)
    for one, df in runkit.frames(saved).items():
        columns = [column for column in (kept if one == name else df.columns) if column not in COMPUTED]
        pd.testing.assert_frame_equal(df[columns], getattr(before, one)[columns])
        for column in SCHEMA[one]:
            if column.name not in columns and column.name not in COMPUTED:
                assert (df[column.name].isna() | (df[column.name] == 0)).all()
                assert str(df[column.name].dtype) == TYPES[column.kind][0]


def test_a_column_more_is_passed_over(saved: Path) -> None:
    """As in frames of a newer version."""
    path, before = saved / "steps.parquet", runkit.frames(saved)
    pd.read_parquet(path).assign(newer=1).to_parquet(path, index=False)
    pd.testing.assert_frame_equal(runkit.frames(saved).steps, before.steps)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named(saved: Path, name: str) -> None:
    """The message says which file, and what to do."""
    path = saved / name
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"PAR1" + b"x" * 99):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{name} cannot be read .*Save the frames again"):
            runkit.frames(saved)


@pytest.mark.parametrize(
    "value", [[], 5, None, {}, {"seen": 1}, {"seen": "x", "kept": 1, "refused": 0, "why": None}]
)
def test_a_coverage_that_is_none_is_named(saved: Path, value: object) -> None:
    """JSON of something else."""
    (saved / "coverage.json").write_text(json.dumps(value))
    with pytest.raises(DataError, match=r"coverage\.json cannot be read"):
        runkit.frames(saved)


def test_a_tilde_is_the_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To save, to read back, and to read runs."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    f = runkit.frames(run())
    assert f.save("~/x") == home / "x"
    assert len(runkit.frames("~/x").runs) == 1
    (home / "runs.json").write_text(json.dumps(run()))
    assert len(runkit.frames("~/runs.json").runs) == 1
    assert list(work.iterdir()) == []
    (work / "~$nobody.json").write_text(json.dumps(run()))
    assert len(runkit.frames("~$nobody.json").runs) == 1


# ------------------------------------------------------------------------------------- when, and from where


def test_where_and_when_runs_were_read_is_kept(tmp_path: Path) -> None:
    """Over all runs; through `select`, `save` and `read`."""
    f = runkit.frames(
        [read_at("a", 50), read_at("b", 10), read_at("c", 30, "api.middesk.com"), run(run_id="d")]
    )
    for each in (f, runkit.frames(f.save(tmp_path)), f.select(["a", "b", "c"])):
        assert each.read_from == ("127.0.0.1:8100", "api.middesk.com")
        assert each.read_at == (time_at(10), time_at(50))
    for each in (f.select("c"), runkit.frames(f.select(["c", "d"]).save(tmp_path / "cut"))):
        assert (each.read_from, each.read_at) == (("api.middesk.com",), (time_at(30), time_at(30)))
    assert (f.select("d").read_from, f.select("d").read_at) == ((), None)


def test_runs_of_a_client_name_its_host(tmp_path: Path) -> None:
    """Also after they were kept as text."""
    with runkit.sandbox(speed=3000, history=3) as box, box.client() as client:
        runs = list(client.runs.fetch(client.runs.list()))
        host = client.host
    path = tmp_path / "runs.ndjson"
    path.write_text("\n".join(one.to_json() for one in runs))
    for f in (runkit.frames(runs), runkit.frames(path)):
        assert f.read_from == (host,)
        assert f.read_at == (min(one.read_at for one in runs), max(one.read_at for one in runs))


def time_at(seconds: float) -> datetime:
    return datetime.fromisoformat(at(seconds)).astimezone(UTC)
