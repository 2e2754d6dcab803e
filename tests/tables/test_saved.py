"""Saved frames: damaged, and in the user's home."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import runkit
from runkit.errors import DataError, UsageError
from runkit.tables.schema import FRAME_COLUMNS
from support import artifact, example, question, run, step

FILES = [*(f"{name}.parquet" for name in FRAME_COLUMNS), "frames.meta", "sources.parquet"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Frames of two runs, as they were saved."""
    source = run(step("s", artifacts=[artifact()]), question("q", 20, 30), run_id="b")
    return runkit.frames([example("completed"), source]).save(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def saved(whole, tmp_path):
    """A copy of them that a test may change."""
    return Path(shutil.copytree(whole, tmp_path / "saved"))


def test_a_path_that_cannot_be_written_is_refused(saved):
    """A folder that is there, and for a workbook the name of another kind of file."""
    f = runkit.frames(saved)
    (saved / "steps.parquet").unlink()
    (saved / "steps.parquet").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        f.save(saved)
    with pytest.raises(UsageError, match=r"frames\.csv.*; expected"):
        f.to_excel(saved / "frames.csv")


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named(saved, name):
    """The message says which file, and what to do."""
    path = saved / name
    for damaged in (path.read_bytes()[:-9], b"", b"{}", None):
        path.unlink() if damaged is None else path.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{name} cannot be read .*Save the frames again"):
            runkit.frames(saved)


def test_a_tilde_is_the_home_of_the_user(tmp_path, monkeypatch):
    """To save, to read back, and to read runs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert runkit.frames(run()).save("~/x") == tmp_path / "x"
    (tmp_path / "runs.json").write_text(json.dumps(run()))
    for name in ("~/x", "~/runs.json"):
        assert len(runkit.frames(name).runs) == 1
