"""Many notes of a kind are one row with their number; each refused record is a row of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import runkit
from runkit.errors import DataError
from support import artifact, run, step


def odd(run_id: str, n: int, word: str = "tool_call") -> dict[str, Any]:
    """A run with `n` steps of a type that nobody knows."""
    return run(*(step(f"{run_id}-{number}", type=word) for number in range(n)), run_id=run_id)


def test_each_unknown_word_is_a_kind_of_its_own() -> None:
    """A real one is not hidden by one that is everywhere."""
    f = runkit.frames([odd("a", 50), odd("b", 1, "thought")])
    assert f.problems[["run_id", "n"]].values.tolist() == [["a", 50], ["b", 1]]
    assert "'thought'" in f.problems["detail"].iloc[-1]


def test_problems_are_grouped_by_their_place_in_the_schema() -> None:
    """One place in the schema is one kind: a source of any artifact of any step."""
    broken = artifact(sources=[{"source_name": "no url"}])
    inner = step("b", steps=[step("c", artifacts=[broken])], artifacts=[broken, broken])
    f = runkit.frames(run(step("a", steps=[inner], artifacts=[broken])))
    assert f.problems["n"].tolist() == [4]
    assert f.problems["location"].tolist() == ["$.steps[0].artifacts[0].sources[0].url"]


def test_each_refused_record_is_a_row_with_its_line_and_run(tmp_path: Path) -> None:
    """A bank must be able to list what is missing."""
    path = tmp_path / "runs.ndjson"
    lines = ["{broken"] * 10 + ["3"] * 5
    lines += [json.dumps(run(run_id=f"r{number}") | {"status": None}) for number in range(6)]
    path.write_text("\n".join([*lines, json.dumps(run())]))
    f = runkit.frames(path)
    assert f.coverage == (22, 1, 21, None)
    assert f.problems["n"].tolist() == [1] * 21
    places = f.problems["location"].str.extract(r":(\d+)", expand=False).astype(int)
    assert sorted(places) == [*range(1, 22)]
    assert f.problems["run_id"].dropna().tolist() == [f"r{number}" for number in range(6)]
    with pytest.raises(DataError, match="21 problems in the data"):
        runkit.frames(path, on_error="raise")
