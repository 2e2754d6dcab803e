"""The archive holds each run once, as it was last, whoever wrote it and how often."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import runkit
from support import at, run, step
from tests.client.conftest import (
    Answer,
    Received,
    Server,
    client,
    fake_time,
    make_client,
    run_json,
    server,
)

__all__ = ["client", "fake_time", "make_client", "run_json", "server"]
Compose = Callable[..., dict[str, Any]]


def item(run_id: str, updated: float = 100, **more: Any) -> dict[str, Any]:
    """A run of one step, which `check_holds` looks for, too."""
    return run(step("s", 0, 10), run_id=run_id, updated_at=at(updated), **more)


def check_holds(archive: runkit.Archive, wanted: dict[str, str]) -> None:
    """Check that every way to read gives these runs, each once, with this status."""
    f = archive.frames()
    assert f.runs.set_index("run_id")["status"].to_dict() == wanted
    assert sorted(run.id for run in archive.runs()) == sorted(wanted)
    assert len(f.runs) == len(archive) == len(archive.select()) == len(wanted)
    assert f.steps["run_id"].is_unique
    for status in set(wanted.values()):
        chosen = archive.select(status=status)
        assert len(chosen) == len(chosen.frames().runs) == list(wanted.values()).count(status)


def test_a_run_that_is_added_again_is_one(archive: runkit.Archive) -> None:
    """Equal copies, in one list and in several."""
    archive.add([item("a"), item("b"), item("a")])
    archive.add([item("b"), item("c")])
    check_holds(archive, {"a": "completed", "b": "completed", "c": "completed"})


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_copy_of_a_run_wins(archive: runkit.Archive, order: tuple[int, int]) -> None:
    """Whichever came first."""
    copies = [item("a", 100, status="error"), item("a", 200), item("b")]
    for number in order:
        archive.add([copies[number], copies[2]])
    check_holds(archive, {"a": "completed", "b": "completed"})


def test_two_writers_at_once_lose_and_double_no_run(
    archive: runkit.Archive, tmp_path: Path
) -> None:
    """Another writer adds a run of its own, and one of ours, while ours are on their way."""
    archive.add([item("first")])

    def coming() -> Iterator[dict[str, Any]]:
        yield item("a")
        runkit.Archive(tmp_path / "runs").add([item("b"), item("c")], progress=False)
        yield item("c")

    archive.add(coming(), progress=False)
    check_holds(archive, dict.fromkeys(("first", "a", "b", "c"), "completed"))


def test_rows_that_are_there_twice_are_one_run(archive: runkit.Archive, tmp_path: Path) -> None:
    """As in an archive of 0.1 that two writers doubled, in several files and in one.

    Read, and compacted.
    """
    archive.add([item("a", 100, status="error"), item("b")])
    archive.add([item("a", 200), item("c")])
    table = deltalake.DeltaTable(str(tmp_path / "runs"))
    # all but the newest copy of a
    again = (pc.field("run_id") != "a") | (pc.field("status") == "error")
    doubled = table.to_pyarrow_table().filter(again)
    deltalake.write_deltalake(table, pa.concat_tables([doubled, doubled]), mode="append")
    wanted = dict.fromkeys("abc", "completed")
    check_holds(archive, wanted)
    assert sorted(archive.dask().steps["run_id"].compute(scheduler="synchronous")) == [
        "a",
        "b",
        "c",
    ]
    before = archive.version
    archive.compact()
    check_holds(archive, wanted)
    assert deltalake.DeltaTable(str(tmp_path / "runs")).to_pyarrow_table().num_rows == 3
    assert sorted(archive.frames(version=before).runs["run_id"]) == ["a", "b", "c"]


def test_versions_can_be_read_again(archive: runkit.Archive) -> None:
    """What a report was made from stays as it was."""
    before = archive.add([item("a", 100, status="error")]).version
    archive.add([item("a", 200), item("b")])
    assert archive.frames(version=before).runs[["run_id", "status"]].values.tolist() == [
        ["a", "error"]
    ]
    check_holds(archive, {"a": "completed", "b": "completed"})


def test_a_sync_reads_what_may_have_changed_and_nothing_else(
    server: Server, client: runkit.Client, archive: runkit.Archive, run_json: Compose
) -> None:
    """A run that worked is read again, one that had ended is not; one that is new comes along."""
    runs = {"a": run_json("a"), "b": run_json("b", "running")}

    def script(request: Received) -> Answer:
        if request.path == "/runs":
            data = list(runs.values())
            return Answer(
                {"object": "list", "data": data, "has_more": False, "total_count": len(data)}
            )
        return Answer({**runs[request.path.removeprefix("/runs/")], "steps": [step("s", 0, 10)]})

    server.script = script
    assert archive.sync(client, progress=False).is_complete
    check_holds(archive, {"a": "completed", "b": "running"})
    runs["b"] = run_json("b", updated_at="2026-02-03T10:05:00Z")
    runs["c"] = run_json("c")
    server.requests.clear()
    assert archive.sync(client, progress=False).is_complete
    check_holds(archive, {"a": "completed", "b": "completed", "c": "completed"})
    assert sorted(line for line in server.lines if line != "GET /runs") == [
        "GET /runs/b",
        "GET /runs/c",
    ]


def test_a_sync_that_could_not_read_a_run_says_so(
    server: Server, client: runkit.Client, archive: runkit.Archive, run_json: Compose
) -> None:
    """The others are kept."""
    listed = [run_json(name) for name in "abc"]

    def script(request: Received) -> Answer:
        if request.path == "/runs":
            return Answer({"object": "list", "data": listed, "has_more": False, "total_count": 3})
        name = request.path.removeprefix("/runs/")
        return Answer(status=404) if name == "b" else Answer(run_json(name, steps=[]))

    server.script = script
    synced = archive.sync(client, progress=False)
    assert not synced.is_complete
    assert list(synced.errors) == ["b"]
    check_holds(archive, {"a": "completed", "c": "completed"})


def test_the_folder_is_the_owners(archive: runkit.Archive, tmp_path: Path) -> None:
    """Nobody else may read customers' runs."""
    archive.add([item("a")])
    assert stat.S_IMODE((tmp_path / "runs").stat().st_mode) == 0o700
