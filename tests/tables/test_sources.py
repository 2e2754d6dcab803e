"""One function reads everything that holds runs."""

from __future__ import annotations

import gzip
import io
import json

import pandas as pd
import pytest

import runkit
from runkit.errors import DataError, UsageError
from support import check_equal, example, question, run, step

RUNS = [
    run(step("a", 0, 10, steps=[step("b", 1, 5, parent_step_id="a")]), run_id="one"),
    run(question("q", 5, 50, result={"beyond 64 bits": 2**64}), run_id="two"),
    example("completed"),
]
LINES = b"\n".join(json.dumps(item).encode() for item in RUNS)


@pytest.fixture(scope="module")
def expected():
    return runkit.frames(RUNS)


@pytest.mark.parametrize(
    "source",
    [
        RUNS,
        iter(RUNS),
        {"object": "list", "has_more": False, "data": RUNS},
        json.dumps(RUNS).encode(),
        b"\xef\xbb\xbf" + json.dumps(RUNS).encode(),
        LINES,
        b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n\r\n"),
        memoryview(LINES),
        gzip.compress(LINES, mtime=0),
        io.BytesIO(LINES),
        io.StringIO(LINES.decode()),
        [{"object": "event", "type": "run.completed", "data": {"object": item}} for item in RUNS],
        [runkit.Run.from_json(item) for item in RUNS],
        runkit.RunList(tuple(map(runkit.Run.from_json, RUNS))),
        [runkit.frames(RUNS[:1]), runkit.frames(RUNS[1:])],
    ],
)
def test_every_form_gives_the_same_frames(source, expected):
    check_equal(runkit.frames(source), expected)


def test_a_broken_first_line_costs_one_record():
    f = runkit.frames(b'": true}\n' + LINES)
    assert len(f) == len(RUNS)
    assert f.problems["problem"].tolist() == ["record_refused"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("RUNS.JSON", json.dumps(RUNS, indent=2).encode()),
        ("runs.Jsonl", LINES),
        ("runs.json.gz", LINES),
    ],
)
def test_files_are_read_by_their_content(tmp_path, expected, name, text):
    """Whatever their name, plain or gzipped, as a path or opened."""
    path = tmp_path / name
    for content in (gzip.compress(text), text):
        path.write_bytes(content)
        with path.open("rb") as file:
            for source in (path, str(path), file):
                check_equal(runkit.frames(source), expected)
    with path.open() as file:
        check_equal(runkit.frames(file), expected)


def test_a_folder_of_files_is_read_in_the_order_of_their_names(tmp_path, expected):
    """Those of subfolders, too, without hidden ones and saved frames."""
    for number, item in reversed(list(enumerate(RUNS))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / f"{number}.json").write_text(json.dumps(item))
    expected.save(tmp_path / "saved")
    (tmp_path / "1" / "runs.parquet").touch()
    for name in (".hidden.json", "notes.txt", ".old/0.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{")
    for source in (tmp_path, f"{tmp_path}/", [tmp_path], sorted(tmp_path.glob("?/?.json"))):
        check_equal(runkit.frames(source), expected)


def test_pages_without_the_last_of_their_list_are_not_complete():
    first = {"has_more": True, "data": RUNS[:1]}
    f = runkit.frames(json.dumps(first).encode())
    assert f.missing == ("the list goes on after the pages given (has_more)",)
    assert f.problems.empty
    assert runkit.frames([first, {"has_more": False, "data": RUNS[1:]}]).missing == ()


@pytest.mark.parametrize("source", [[], {"data": []}, b"[]"])
def test_no_input_gives_typed_empty_frames(tmp_path, source, expected):
    """Empty frames have all columns, dtypes and categories of full ones, also those of a file."""
    (tmp_path / "runs.json").write_text("[]")
    for f in (runkit.frames(source), runkit.frames(tmp_path / "runs.json")):
        assert f.missing == ()
        assert f.as_of_basis == "now"
        for name, df in f.items():
            assert (df.dtypes == expected[name].dtypes).all()


def test_a_cut_gzip_file_is_noted(tmp_path):
    """What was read before the cut is kept."""
    path = tmp_path / "runs.ndjson.gz"
    lines = b"\n".join(json.dumps(run(run_id=f"{number}")).encode() for number in range(9_000))
    path.write_bytes(gzip.compress(lines)[:-2_000])
    f = runkit.frames(path)
    assert len(f.runs) > 100
    assert f.problems["problem"].tolist()[-1] == "record_refused"


@pytest.mark.parametrize("text", [b"{broken", b'[{"object": "thread"}]', b"\xff\xfe{\x00"])
def test_files_without_any_run_are_an_error(tmp_path, text):
    """It carries the problems."""
    path = tmp_path / "runs.json"
    path.write_bytes(text)
    for source in (path, [path], tmp_path, io.BytesIO(text), text):
        with pytest.raises(DataError, match="all records were refused") as caught:
            runkit.frames(source)
        assert caught.value.problems["n"].tolist() == [1]
    path.with_name("more.json").write_bytes(LINES)
    assert len(runkit.frames(tmp_path).runs) == 3


def test_an_empty_document_is_refused(tmp_path):
    path = tmp_path / "runs.json"
    path.touch()
    for source in (path, b"", b"\n\n", io.BytesIO()):
        with pytest.raises(DataError, match="it is empty; expected JSON"):
            runkit.frames(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (42, "source is int"),
        (pd.DataFrame({"run_id": ["r"]}), r"source is DataFrame; .* f\.select"),
        ("nowhere.json", "expected an existing file .* or a folder of such files"),
        ("runs.csv", "expected an existing file that ends in .json"),
        ("*.json", "expected an existing file"),
        ("https://api.middesk.com/v1/runs", r"an address; expected a path.*client\.runs\.fetch"),
        ("", "expected a path"),
        ('{"object": "run"}', "Pass JSON text as bytes"),
        (json.dumps(RUNS), "Pass JSON text as bytes"),
        (["nowhere.json"], "expected an existing file"),
        ([RUNS[0], object()], r"source\[1\] is object"),
        ([runkit.frames(RUNS), RUNS[0]], "expected one kind"),
        ([runkit.RunList()], r"source\[0\] is RunList"),
    ],
)
def test_a_source_that_cannot_hold_runs_is_a_clear_error(source, words):
    with pytest.raises(UsageError, match=words):
        runkit.frames(source)


def test_on_error_raise_carries_the_problems_and_lets_notes_pass():
    """A new word of the API and an older copy of a run are no reason to stop."""
    noted = [RUNS[0], RUNS[0], run(run_id="x", status="paused")]
    f = runkit.frames(noted, on_error="raise")
    assert set(f.problems["problem"]) == {"unknown_word"}
    with pytest.raises(DataError, match="expected an object of kind 'run'") as caught:
        runkit.frames([*noted, {"object": "thread"}], on_error="raise")
    assert "record_refused" in caught.value.problems["problem"].tolist()


def test_a_document_cannot_name_files_to_open(tmp_path):
    """A path inside JSON is a bad record; only the caller's own list may hold paths."""
    path = tmp_path / "secret.json"
    path.write_text(json.dumps(RUNS[0]))
    with pytest.raises(DataError, match="expected a run, found text"):
        runkit.frames(json.dumps([str(path)]).encode())
    assert len(runkit.frames([str(path)]).runs) == 1
