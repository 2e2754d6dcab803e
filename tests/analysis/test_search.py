"""Where a text stands in runs."""

from __future__ import annotations

import re

import pytest

import runkit
from runkit.errors import UsageError
from support import example, run, step


@pytest.fixture(scope="module")
def f():
    return runkit.frames([example("completed"), example("interrupted") | {"id": "other"}])


def hits_of(f: runkit.Frames, pattern: re.Pattern[str]) -> list[tuple[str, str, str]]:
    """The run, the column and the text of each hit, by a loop over all cells."""
    return sorted(
        (run_id, f"{name}.{column}", hit[0])
        for name, df in f.items()
        for column in df.select_dtypes("str")
        for run_id, value in zip(df["run_id"], df[column].fillna(""), strict=True)
        for hit in pattern.finditer(value)
        if hit[0]
    )


def found_by(f: runkit.Frames, text: str, regex: bool = False) -> list[tuple[str, str, str]]:
    found = runkit.search(f, text, regex=regex)[["run_id", "where", "hit"]]
    return sorted(found.itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("text", "regex"),
    [("tin", False), (r"\d+", True)],
)
def test_search_finds_what_a_loop_finds(f, text, regex):
    pattern = re.compile(text if regex else re.escape(text), re.IGNORECASE)
    expected = hits_of(f, pattern)
    assert expected
    assert found_by(f, text, regex) == expected


def test_the_words_around_a_hit_are_there():
    source = run(step("a", result={"note": "x" * 50 + "did not respond" + "y" * 50}))
    [hit] = runkit.search(source, "DID NOT", where="steps.result").to_dict("records")
    assert (hit["before"], hit["hit"], hit["after"]) == ("x" * 40, "did not", " respond" + "y" * 32)
    assert (hit["run_id"], hit["step_id"], hit["where"]) == ("r", "a", "steps.result")


def test_search_takes_columns_and_frames(f):
    found = runkit.search(f, "e", where=["sources", "steps.label"])["where"]
    assert set(found.str.partition(".")[0]) == {"sources", "steps"}
    with pytest.raises(UsageError, match="Did you mean"):
        runkit.search(f, "e", where="steps.lable")


def test_a_bad_pattern_is_refused_and_an_empty_match_is_no_hit(f):
    with pytest.raises(UsageError, match="not a regular expression"):
        runkit.search(f, "(", regex=True)
    assert runkit.search(f, "z*e", regex=True)["hit"].str.len().min() == 1
    assert runkit.search(f, "\\b", regex=True).empty
