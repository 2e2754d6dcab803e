"""A damaged archive ends in one error of runkit, never in another library's or in wrong frames."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import runkit
from support import run, step


def first_file(folder):
    """One of the table's files."""
    return min(folder.glob("*.parquet"))


def log_of(folder):
    """The table's log, the oldest entry first."""
    return sorted((folder / "_delta_log").glob("*.json"))


def change_json(folder, text):
    """Write a file anew with another text of its run."""
    table = pq.read_table(first_file(folder))
    number = table.schema.get_field_index("json")
    changed = table.set_column(number, "json", pa.array([text], pa.string()))
    pq.write_table(changed, first_file(folder))


def cut(path):
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "a file is gone": lambda folder: first_file(folder).unlink(),
    "a file is cut": lambda folder: cut(first_file(folder)),
    "a file is another table": lambda folder: pq.write_table(
        pa.table({"x": [1]}), first_file(folder)
    ),
    "a row is no JSON": lambda folder: change_json(folder, "{nonsense"),
    "a row is empty": lambda folder: change_json(folder, None),
    "a row is too deep": lambda folder: change_json(folder, "[" * 9_999),
    "the log is cut": lambda folder: cut(log_of(folder)[0]),
    "the log has a gap": lambda folder: log_of(folder)[0].unlink(),
}


@pytest.fixture(scope="module")
def three_files(tmp_path_factory):
    """An archive of three runs, a file each."""
    folder = tmp_path_factory.mktemp("archive") / "runs"
    for number in range(3):
        runkit.Archive(folder).add([run(step(f"s{number}"), run_id=f"r{number}")])
    return folder


@pytest.fixture
def archive(three_files, tmp_path):
    """A copy of it, to be damaged."""
    return runkit.Archive(shutil.copytree(three_files, tmp_path / "runs"))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_archive_is_an_error_of_runkit(archive, tmp_path, damage):
    """Whatever is read: frames, runs, a cluster's frames."""
    damage(tmp_path / "runs")
    for read in (archive.frames, lambda: list(archive), lambda: archive.dask().steps.compute()):
        with pytest.raises(runkit.RunkitError):
            read()
