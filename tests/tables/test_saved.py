"""Saved frames: damaged, in the user's home, and where their runs were read from."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import runkit
from runkit.errors import DataError, UsageError
from runkit.tables.schema import SCHEMA
from support import artifact, at, example, question, run, step

FILES = [*(f"{name}.parquet" for name in SCHEMA), "about.json", "reads.parquet"]


def read_at(run_id: str, seconds: float, host: str | None = "127.0.0.1:8100") -> dict[str, Any]:
    """A run as `runkit fetch` writes it."""
    return run(
        step(f"{run_id}-s"), run_id=run_id, _runkit={"read_at": at(seconds), "read_from": host}
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Frames of two runs, as they were saved."""
    source = run(step("s", artifacts=[artifact()]), question("q", 20, 30), run_id="b")
    return runkit.frames([example("completed"), source]).save(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def saved(whole, tmp_path):
    """A copy of them that a test may change."""
    return Path(shutil.copytree(whole, tmp_path / "saved"))


# --------------------------------------------------------------------------- what is not as written


def test_a_path_that_cannot_be_written_is_refused(saved):
    """Also a folder that is there, and the name of another kind of file."""
    f = runkit.frames(saved)
    (saved / "steps.parquet").unlink()
    (saved / "steps.parquet").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        f.save(saved)
    for save, name in ((f.save, "frames.parquet"), (f.to_excel, "frames.csv")):
        with pytest.raises(UsageError, match=f"{name}.*; expected"):
            save(saved / name)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named(saved, name):
    """The message says which file, and what to do."""
    path = saved / name
    for damaged in (path.read_bytes()[:-9], b"", b"{}", None):
        path.unlink() if damaged is None else path.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{name} cannot be read .*Save the frames again"):
            runkit.frames(saved)


def test_frames_of_an_unknown_version_are_refused(saved):
    """A column that an earlier version did not write is not read as null."""
    path = saved / "steps.parquet"
    pd.read_parquet(path).drop(columns="is_failed").to_parquet(path)
    with pytest.raises(DataError, match=r"steps.parquet .*no column is_failed.* this version"):
        runkit.frames(saved)


def test_a_tilde_is_the_home_of_the_user(tmp_path, monkeypatch):
    """To save, to read back, and to read runs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert runkit.frames(run()).save("~/x") == tmp_path / "x"
    (tmp_path / "runs.json").write_text(json.dumps(run()))
    for name in ("~/x", "~/runs.json"):
        assert len(runkit.frames(name).runs) == 1


# ----------------------------------------------------------------------------- when, and from where


def test_saved_frames_keep_where_and_when_runs_were_read(tmp_path):
    """Over all runs; through `select`, `save` and `read`."""
    f = runkit.frames(
        [read_at("a", 50), read_at("b", 10), read_at("c", 30, "api.middesk.com"), run(run_id="d")]
    )
    for cut in (f, runkit.frames(f.save(tmp_path)), f.select(["a", "b", "c"])):
        assert cut.read_from == ("127.0.0.1:8100", "api.middesk.com")
        assert cut.read_at == tuple(map(datetime.fromisoformat, (at(10), at(50))))
    assert f.select(["c", "d"]).read_from == ("api.middesk.com",)
    assert (f.select("d").read_from, f.select("d").read_at) == ((), None)
