"""Where a text stands in runs."""

from __future__ import annotations

import re

import pytest

import runkit
from runkit.errors import UsageError
from support import example, run, step


@pytest.fixture(scope="module")
def f() -> runkit.Frames:
    return runkit.frames([example("completed"), example("interrupted") | {"id": "other"}])


@pytest.mark.parametrize(
    ("text", "regex"), [("tin", False), ("e", False), (r"\d+", True), ("(", False)]
)
def test_search_finds_what_a_loop_finds(f: runkit.Frames, text: str, regex: bool) -> None:
    found = runkit.search(f, text, regex=regex)
    pattern = re.compile(text if regex else re.escape(text), re.IGNORECASE)
    expected = [
        (run_id, f"{name}.{column}", hit[0])
        for name, df in f.items()
        for column in df.select_dtypes("str")
        for run_id, value in zip(df["run_id"], df[column].fillna(""), strict=True)
        for hit in pattern.finditer(value)
    ]
    rows = found[["run_id", "where", "hit"]].itertuples(index=False, name=None)
    assert sorted(rows) == sorted(expected)
    assert set(found["status"]) <= set(f.runs["status"])


def test_the_words_around_a_hit_are_there() -> None:
    source = run(step("a", result={"note": "x" * 50 + "did not respond" + "y" * 50}))
    [hit] = runkit.search(source, "DID NOT", where="steps.result").to_dict("records")
    assert (hit["before"], hit["hit"], hit["after"]) == ("x" * 40, "did not", " respond" + "y" * 32)
    assert (hit["run_id"], hit["step_id"], hit["where"]) == ("r", "a", "steps.result")
    [hit] = runkit.search(source, "tep", where="steps.label").to_dict("records")
    assert (hit["before"], hit["after"]) == ("S", " a")


def test_search_takes_columns_and_frames(f: runkit.Frames) -> None:
    found = runkit.search(f, "e", where=["sources", "steps.label"])["where"]
    assert set(found.str.partition(".")[0]) == {"sources", "steps"}
    assert set(found[found.str.startswith("steps")]) == {"steps.label"}
    with pytest.raises(UsageError, match="Did you mean"):
        runkit.search(f, "e", where="steps.lable")


def test_a_bad_pattern_is_refused_and_an_empty_match_is_no_hit(f: runkit.Frames) -> None:
    with pytest.raises(UsageError, match="not a regular expression"):
        runkit.search(f, "(", regex=True)
    assert runkit.search(f, "z*e", regex=True)["hit"].str.len().min() == 1
    assert runkit.search(f, "\\b", regex=True).empty


def test_many_hits_are_cut_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    found = runkit.search(run(step("a", result={"text": "a" * 10_001})), "a", where="steps.result")
    assert len(found) == 10_000
    assert "more than 10,000 hits" in caplog.text
