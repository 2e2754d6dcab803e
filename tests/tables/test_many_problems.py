"""Notes of a kind in one run are one row with their number; each refused record has its own row."""

from __future__ import annotations

import json
from typing import Any

import pytest

import runkit
from runkit.errors import DataError
from support import artifact, at, run, step


def odd(run_id: str, n: int, word: str = "tool_call") -> dict[str, Any]:
    """A run with `n` steps of a type that nobody knows."""
    return run(*(step(f"{run_id}-{number}", type=word) for number in range(n)), run_id=run_id)


def test_the_same_damage_in_two_runs_is_a_row_of_each():
    """Each run says what is so of it alone, also when it is selected."""
    f = runkit.frames([odd("a", 3), run(step("ok"), run_id="clean"), odd("b", 2)])
    columns = ["run_id", "step_id", "location", "n"]
    assert f.problems[columns].values.tolist() == [
        ["a", "a-0", "$[0].steps[0].type", 3],
        ["b", "b-0", "$[2].steps[0].type", 2],
    ]
    n_of = {run_id: f.select(run_id).problems["n"].sum() for run_id in f.runs["run_id"]}
    assert n_of == {"a": 3, "clean": 0, "b": 2}


def test_a_word_of_many_runs_is_a_row_of_each_and_one_kind_in_print():
    f = runkit.frames([odd(f"r{n}", 2) for n in range(25)] + [odd("z", 1, "thought")])
    assert f.problems["n"].tolist() == [2] * 25 + [1]
    for printed in (repr(f), f._repr_html_()):
        for words in ("51 problems", "50 in 25 runs", "1 in 1 run"):
            assert words in printed


def test_what_a_detail_leaves_out_is_counted():
    words = [step(f"s{n}", type=f"word{n}") for n in range(10)]
    [detail] = runkit.frames(run(*words)).problems["detail"]
    assert detail.count("unknown step type 'word") == 3
    assert detail.endswith("; and 7 others")


def test_problems_of_an_older_copy_are_no_problems_of_the_run():
    """The newest copy is clean; the older one had an unknown type."""
    older = odd("a", 5)
    newer = run(step("ok"), run_id="a", updated_at=at(500))
    together = runkit.frames([older, newer, odd("b", 1)])
    combined = runkit.frames([runkit.frames([older, odd("b", 1)]), runkit.frames(newer)])
    for f in (together, combined):
        noted = f.problems[["run_id", "problem"]].values.tolist()
        assert sorted(noted) == [["a", "duplicate_run"], ["b", "unknown_value"]]
        assert (f.missing, "refused" in repr(f)) == ((), False)


def test_problems_are_grouped_by_their_place_in_the_schema():
    """One place in the schema is one kind: a source of any artifact of any step."""
    broken = artifact(sources=[{"source_name": "no url"}])
    inner = step("b", steps=[step("c", artifacts=[broken])], artifacts=[broken, broken])
    f = runkit.frames(run(step("a", steps=[inner], artifacts=[broken])))
    assert f.problems["n"].tolist() == [4]
    assert f.problems["location"].tolist() == ["$.steps[0].artifacts[0].sources[0].url"]


def test_each_refused_record_is_a_row_with_its_line_and_run(tmp_path):
    """A bank must be able to list what is missing."""
    path = tmp_path / "runs.ndjson"
    lines = ["{broken"] * 10 + ["3"] * 5
    lines += [json.dumps(run(run_id=f"r{number}") | {"status": None}) for number in range(6)]
    path.write_text("\n".join([*lines, json.dumps(run())]))
    f = runkit.frames(path)
    assert f.missing == ("21 of 22 records refused",)
    assert f.problems["n"].tolist() == [1] * 21
    places = f.problems["location"].str.extract(r":(\d+)", expand=False).astype(int)
    assert sorted(places) == [*range(1, 22)]
    assert f.problems["run_id"].dropna().tolist() == [f"r{number}" for number in range(6)]
    with pytest.raises(DataError, match="21 problems in the data"):
        runkit.frames(path, on_error="raise")
