"""The command line on odd files and options: an exit code and a message, never a traceback."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.made import fuzz, json_values, mangled, texts, times
from runkit.cli import FAILED, USAGE_ERROR, main, parser
from support import run, step

GOOD = json.dumps(run(step("a"))).encode()


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is asked of any host, and nothing is written beside the tests."""
    for name in ("MIDDESK_API_KEY", "RUNKIT_SANDBOX_URL", "RUNKIT_SANDBOX_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The message of a command that ends with 1 or 2, on one paragraph of stderr."""
    try:
        code = main(words)
    except SystemExit as end:  # argparse
        code = int(str(end.code))
    said = capsys.readouterr()
    assert code in (FAILED, USAGE_ERROR)
    assert said.err.strip()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert len(said.err) < 6_000
    return said.err


NO_RUNS = {
    "empty": b"",
    "blank": b" \n\n",
    "no JSON": b"<html>",
    "half": GOOD[: len(GOOD) // 2],
    "NaN": b"NaN",
    "list": b"[]",
    "number": b"3",
    "other object": b'{"object": "thread", "id": "x"}',
    "deep": b"[" * 5_000,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "NUL": b"\x00" * 50,
    "refused run": GOOD.replace(b'"id": "r"', b'"id": 5'),
    "half a pair": GOOD.replace(b'"id": "r"', b'"id": "\\ud800"'),
    "large number": GOOD.replace(b'"id": "r"', b'"id": ' + b"9" * 5_000),
}


@pytest.mark.parametrize("suffix", [".json", ".ndjson", ".jsonl.gz"])
@pytest.mark.parametrize("content", NO_RUNS.values(), ids=NO_RUNS.keys())
def test_a_file_without_runs_makes_no_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, suffix: str, content: bytes
) -> None:
    """It is said, and nothing is written."""
    path = tmp_path / f"runs{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
    refused(["report", str(path), "-o", "out.html"], capsys)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b", b"no gzip", gzip.compress(GOOD)[:-9]], ids=["empty", "head", "text", "cut"]
)
def test_a_damaged_archive_file_makes_no_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes
) -> None:
    """A file that is called .gz and is none, or is cut."""
    path = tmp_path / "runs.json.gz"
    path.write_bytes(content)
    refused(["report", str(path), "-o", "out.html"], capsys)


ODD_PATHS = [
    "a\x00.json",
    "x" * 5_000 + ".ndjson",
    "nowhere.json",
    "\ud800.json",
    "folder.json",
    "nowhere/",
    "file/x.json",
]


@pytest.mark.parametrize("path", ODD_PATHS, ids=lambda path: ascii(path[:10]))
def test_an_odd_source_is_wrong_use(capsys: pytest.CaptureFixture[str], tmp_path: Path, path: str) -> None:
    """A path that is none, a folder, a folder that is not there."""
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").write_text("")
    refused(["report", path, "-o", "out.html"], capsys)


@pytest.mark.parametrize(
    "path",
    ["a\x00.html", "x" * 5_000 + ".html", "file/out.html", "\ud800.html", "", "/", "folder.html", "a.txt"],
    ids=lambda path: ascii(path[:10]),
)
def test_an_odd_output_is_wrong_use(capsys: pytest.CaptureFixture[str], tmp_path: Path, path: str) -> None:
    """It is said before anything is made."""
    (tmp_path / "runs.json").write_bytes(GOOD)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.html").mkdir()
    refused(["report", "runs.json", "-o", path], capsys)


@pytest.mark.parametrize(
    "path",
    [
        "a\x00.ndjson",
        "x" * 5_000 + ".ndjson",
        "file/out.ndjson",
        "\ud800.ndjson",
        "",
        "a.txt",
        "a\x00/",
        "x" * 5_000 + "/",
        "file/",
    ],
    ids=lambda path: ascii(path[:10]),
)
def test_an_odd_place_to_fetch_to_is_wrong_use(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, path: str
) -> None:
    """Before anything is asked of the API."""
    (tmp_path / "file").write_text("")
    refused(["fetch", "-o", path], capsys)


@fuzz(40)
@given(
    st.sampled_from(
        ["--template", "--mask", "--reveal", "--keep-last", "--status", "--since", "--until", "--limit"]
    ),
    texts | times | st.just("name=("),
)
def test_odd_options_are_wrong_use_or_run_into_the_next(option: str, value: str) -> None:
    """Of both commands, with a source that is not there."""
    words = ["report", "nowhere.json", "-o", "out.html"] if option in REPORT else ["fetch", "-o", "-"]
    try:
        code = main([*words, f"{option}={value}"])
    except SystemExit as end:
        code = int(str(end.code))
    assert code in (FAILED, USAGE_ERROR)


REPORT = ("--template", "--mask", "--reveal", "--keep-last")


@fuzz(25)
@given(st.lists(json_values | mangled(), min_size=1, max_size=2), st.binary(max_size=3))
def test_any_file_that_holds_no_run_is_refused(
    tmp_path_factory: pytest.TempPathFactory, sources: list[Any], noise: bytes
) -> None:
    """Whatever is in it: a report of no run is none."""
    folder = tmp_path_factory.mktemp("cli")
    path = folder / "runs.ndjson"
    broken = [source | {"updated_at": 5} if isinstance(source, dict) else source for source in sources]
    path.write_bytes(b"\n".join(json.dumps(one).encode() for one in broken) + noise)
    assert main(["report", str(path), "-o", str(folder / "out.html")]) in (FAILED, USAGE_ERROR)
    assert not (folder / "out.html").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["sandbox", "--port", "99999"],
        ["sandbox", "--port", "-1"],
        ["sandbox", "--fault", "\x00"],
        ["sandbox", "--fault", "slow seconds=nan"],
        ["sandbox", "--fault", "refuse GET /runs status=abc"],
        ["sandbox", "--fault", "refuse GET /runs status=200 chance=7"],
        ["sandbox", "--history", "-1"],
        ["sandbox", "--speed", "nan"],
        ["sandbox", "--limit", "0"],
        ["demo", "-o", "file/x"],
        ["demo", "-o", "a\x00"],
        ["lab", "--folder", "file/x"],
        ["lab", "--folder", "a\x00"],
        ["report", "id", "-o", "out.html", "--sandbox"],
        ["fetch", "-o", "-", "--sandbox"],
        ["report", "a/../b\n", "-o", "out.html"],
        ["\ud800"],
    ],
    ids=lambda words: ascii(" ".join(words))[:40],
)
def test_odd_words_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]) -> None:
    """Places that cannot be written, ports and faults that are none."""
    (tmp_path / "file").write_text("no database")
    (tmp_path / "folder").mkdir()
    refused(words, capsys)


@fuzz(40)
@given(st.lists(texts, max_size=4))
def test_any_words_are_parsed_or_refused(words: list[str]) -> None:
    """By argparse, which ends the program with 2."""
    read: Callable[[list[str]], Any] = parser().parse_args
    try:
        read(words)
    except SystemExit as end:
        assert end.code in (0, USAGE_ERROR)  # noqa: PT017
