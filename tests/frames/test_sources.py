"""One function reads everything that holds runs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import runkit
from runkit.errors import DataError, UsageError
from support import example, question, run, step

RUNS = [
    run(step("a", 0, 10, steps=[step("b", 1, 5, parent_step_id="a")]), run_id="one"),
    run(question("q", 5, 50), run_id="two"),
    example("completed"),
]
LINES = b"\n".join(json.dumps(item).encode() for item in RUNS)


def same(left: runkit.Frames, right: runkit.Frames) -> None:
    for name, df in left.items():
        pd.testing.assert_frame_equal(df, getattr(right, name))


class Holder:
    """Something with a `runs()` iterator."""

    def runs(self) -> Iterator[runkit.Run]:
        """All runs."""
        yield from map(runkit.Run.from_json, RUNS)


@pytest.mark.parametrize("data", [[], [RUNS[1]], {}], ids=["empty", "another run", "object"])
def test_a_run_with_data_of_its_own(data: object) -> None:
    """What says that it is a run is one, and no list page, whatever else it holds."""
    held = {**RUNS[0], "data": data}
    text = json.dumps(held).encode()
    for source, n_runs in ((held, 1), (text, 1), (text + b"\n" + json.dumps(RUNS[1]).encode(), 2)):
        assert [*runkit.frames(source).runs["run_id"]] == ["one", "two"][:n_runs]


@pytest.mark.parametrize(
    "source",
    [
        RUNS,
        iter(RUNS),
        {"object": "list", "has_more": False, "data": RUNS},
        json.dumps(RUNS).encode(),
        json.dumps({"data": RUNS}, indent=1).encode(),
        LINES,
        b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n\r\n"),
        [runkit.Run.from_json(item) for item in RUNS],
        Holder(),
    ],
    ids=["list", "iterator", "page", "json", "page-json", "ndjson", "bom-crlf", "Run", "runs()"],
)
def test_every_form_gives_the_same_frames(source: object) -> None:
    """Objects, pages, text and holders of the same runs are the same frames."""
    same(runkit.frames(source), runkit.frames(RUNS))


@pytest.mark.parametrize("name", ["runs.json", "runs.ndjson", "runs.jsonl", "runs.json.gz", "runs.ndjson.gz"])
def test_files_are_read_by_their_ending(tmp_path: Path, name: str) -> None:
    """JSON and NDJSON files, plain and gzipped, give the same frames."""
    text = json.dumps(RUNS).encode() if ".json." in name + "." else LINES
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    same(runkit.frames(path), runkit.frames(RUNS))
    same(runkit.frames(str(path)), runkit.frames(RUNS))


def test_several_paths_are_read_in_order(tmp_path: Path) -> None:
    """Runs of several files stand one after the other."""
    for number, item in enumerate(RUNS):
        (tmp_path / f"{number}.json").write_text(json.dumps(item))
    same(runkit.frames(sorted(tmp_path.iterdir())), runkit.frames(RUNS))


def test_a_webhook_event_holds_a_run() -> None:
    """The run inside an event envelope is read."""
    event = {"object": "event", "type": "run.completed", "data": {"object": RUNS[0]}}
    assert runkit.frames(event).runs["run_id"].tolist() == ["one"]


@pytest.mark.parametrize("source", [[], {"data": []}, b"[]", b"", b"\n\n"])
def test_no_input_gives_typed_empty_frames(source: Any) -> None:
    """Empty frames have all columns, dtypes and categories of full ones."""
    full = runkit.frames(RUNS)
    for name, df in runkit.frames(source).items():
        assert len(df) == 0
        assert (df.dtypes == getattr(full, name).dtypes).all()


def test_no_column_is_of_dtype_object() -> None:
    """Every column has a dtype that Parquet knows."""
    for source in (RUNS, []):
        for _name, df in runkit.frames(source).items():
            assert "object" not in set(map(str, df.dtypes))


def test_a_document_that_does_not_parse_is_one_bad_record() -> None:
    """Broken JSON is a row in problems, not an exception."""
    frames = runkit.frames(b'[{"object": "run", ')
    assert frames.problems["problem"].tolist() == ["bad_json"]
    assert frames.coverage == (1, 0, 1, None)
    assert not frames.is_complete


def test_ndjson_isolates_a_broken_line(tmp_path: Path) -> None:
    """A broken line is named with its number, and its neighbors are in the frames."""
    path = tmp_path / "runs.ndjson"
    path.write_bytes(b"{broken\n" + LINES)
    frames = runkit.frames(path)
    assert len(frames.runs) == 3
    assert frames.problems["location"].tolist() == [f"{path}:1"]
    same_lines = runkit.frames(b"{broken\n" + LINES)
    assert len(same_lines.runs) == 3


def test_a_cut_gzip_file_is_noted(tmp_path: Path) -> None:
    """What was read before the cut is kept and the cut is said."""
    path = tmp_path / "runs.ndjson.gz"
    path.write_bytes(gzip.compress(LINES)[:-20])
    assert runkit.frames(path).problems["problem"].tolist()[-1] == "bad_json"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (42, "source is int"),
        ("nowhere.json", "does not exist"),
        ("runs.csv", "not a file of runs"),
        (None, "source is NoneType"),
        ('{"object": "run"}', "JSON text as bytes"),
        (pd.DataFrame({"run_id": ["r"]}), "source is DataFrame"),
    ],
)
def test_what_cannot_hold_runs_is_a_clear_error(source: Any, words: str) -> None:
    """The message names what was given and what is expected."""
    with pytest.raises(UsageError, match=words):
        runkit.frames(source)


def test_new_fields_of_a_run_are_not_facts_about_the_source() -> None:
    """The API may add a field with the name of an attribute that an archive or a list of runs has."""
    source = runkit.Run.from_json(RUNS[0] | {"version": 3, "why": "new", "pinned": []})
    f = runkit.frames(source)
    assert (f.version, f.is_complete, f.runs["run_id"].tolist()) == (None, True, ["one"])


def test_on_error_raise_carries_the_problems() -> None:
    """One error for the whole input, with the frame of problems and the first rows in its text."""
    with pytest.raises(DataError, match="not_a_run") as caught:
        runkit.frames([*RUNS, {"object": "thread"}], on_error="raise")
    assert caught.value.problems is not None
    assert caught.value.problems["problem"].tolist() == ["not_a_run"]


def test_on_error_raise_lets_notes_pass() -> None:
    """A new word of the API and an older copy of a run are no reason to stop."""
    frames = runkit.frames([RUNS[0], RUNS[0], run(run_id="x", status="paused")], on_error="raise")
    assert set(frames.problems["problem"]) == {"duplicate_run", "unknown_value"}


def test_the_size_of_a_batch_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that are read together and one by one give the same frames."""
    whole = runkit.frames([*RUNS, RUNS[0], {"object": "x"}, run(run_id="z", status="paused")])
    monkeypatch.setattr("runkit.tables.frames.BATCH_RUNS", 1)
    same(whole, runkit.frames([*RUNS, RUNS[0], {"object": "x"}, run(run_id="z", status="paused")]))


def test_a_document_cannot_name_files_to_open(tmp_path: Path) -> None:
    """A path inside JSON is a bad record; only the caller's own list may hold paths."""
    path = tmp_path / "secret.json"
    path.write_text(json.dumps(RUNS[0]))
    frames = runkit.frames(json.dumps([str(path)]).encode())
    assert frames.problems["problem"].tolist() == ["not_a_run"]
    assert len(runkit.frames([str(path)]).runs) == 1
