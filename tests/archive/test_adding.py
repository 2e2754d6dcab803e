"""Runs come into the archive as they are, and of each the newest copy is read."""

import json
import random

import deltalake
import pandas as pd
import pytest

import runkit
import strangers
from runkit.archive import _writing
from runkit.errors import ArchiveError, UsageError
from support import at, example
from tests.archive.conftest import check_holds, held, item


def read(raw, seconds, **local):
    """A run as it was read at some time."""
    return raw | {"_runkit": {"read_at": at(seconds), **local}}


def test_an_archive_keeps_runs_as_they_are(archive):
    """Runs of every form keep all that they hold, also what nobody knows, and are counted."""
    given = [
        example("completed"),
        example("interrupted") | {"id": "i"},
        example("minimal") | {"new": [1, {}]},
        *strangers.raws(strangers.fleet(random.Random(5), 4).strangers),
    ]
    added = archive.add(given)
    assert (added.n_new, added.n_changed, added.n_unchanged, added.n_refused) == (7, 0, 0, 0)
    assert added.is_complete
    assert held(archive) == {item["id"]: item for item in given}
    assert len(archive) == 7


BUSINESS = {
    "business_id": "b-1",
    "business_name": "Namesake Imports LLC",
    "business_status": "in_review",
    "business_status_at": "2026-02-03T10:05:00Z",
}


def test_a_newer_copy_takes_over_the_whole_business(archive):
    """Name, status and its time go with the id, from the newest copy that has one."""
    archive.add([read(item("a", 50), 50, business_id="b-0", business_name="Old Name Inc")])
    archive.add([read(item("a", 100), 100, **BUSINESS)])
    archive.add([item("a", 200), item("b")])
    run = next(archive.runs(business_id="b-1"))
    assert run.label.startswith("Namesake Imports LLC")
    assert BUSINESS.items() <= run.to_dict()["_runkit"].items()
    known = archive.frames().runs.set_index("run_id")[[*BUSINESS]].dropna()
    assert known.astype(str).to_dict("index") == {
        "a": BUSINESS | {"business_status_at": "2026-02-03 10:05:00+00:00"}
    }


def test_records_that_are_not_runs_are_listed_as_problems(archive):
    """Its neighbours are kept; the result says what was refused and why."""
    lines = b'{"id": "a"}\n{not json}\n' + json.dumps(item("b")).encode() + b"\n7\n"
    added = archive.add(lines)
    assert (added.n_new, added.n_refused) == (1, 3)
    assert not added.is_complete
    assert set(added.problems["problem"]) == {"bad_field", "bad_json", "not_a_run"}
    assert "3 refused" in repr(added)
    assert list(held(archive)) == ["b"]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_runs_added_before_an_error_are_kept(archive, monkeypatch, error):
    monkeypatch.setattr(_writing, "BATCH_BYTES", 5_000)

    def breaks():
        yield from (item(f"r{number}") for number in range(45))
        raise error

    with pytest.raises(error):
        archive.add(breaks())
    assert len(archive) == 45


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    """Nothing of somebody's is mixed with an archive."""
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="new or empty folder"):
        runkit.Archive(tmp_path).add([item("a")])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_another_delta_table_is_left_alone(tmp_path):
    deltalake.write_deltalake(tmp_path / "sales", pd.DataFrame({"euros": [1]}))
    with pytest.raises(ArchiveError, match="not an archive of runkit"):
        runkit.Archive(tmp_path / "sales").add([item("a")])
    assert deltalake.DeltaTable(tmp_path / "sales").version() == 0


def test_a_run_that_is_added_again_is_kept_once(archive):
    """Equal copies, in one list and in several; if all are known, no version is written."""
    before = archive.add([item("a"), item("b"), item("a")]).version
    assert archive.add([item("b"), item("a")]).version == before == archive.version
    archive.add([item("b"), item("c")])
    check_holds(archive, {"a": "completed", "b": "completed", "c": "completed"})


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_copy_of_a_run_wins(archive, order):
    """Whichever came first."""
    copies = [item("a", 100, status="error"), item("a", 200), item("b")]
    for number in order:
        archive.add([copies[number], copies[2]])
    check_holds(archive, {"a": "completed", "b": "completed"})
