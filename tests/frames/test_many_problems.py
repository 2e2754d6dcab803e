"""Many problems of a kind are one row, and their number is exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runkit
from runkit.errors import DataError
from runkit.tables.problems import problem_counts
from support import artifact, run, step


def odd(run_id: str, n: int, word: str = "tool_call") -> dict[str, Any]:
    """A run with `n` steps of a type that nobody knows."""
    return run(*(step(f"{run_id}-{number}", type=word) for number in range(n)), run_id=run_id)


def test_a_new_step_type_over_many_runs_is_four_rows() -> None:
    """Three say where, the fourth how many more there are."""
    f = runkit.frames([odd(f"r{number}", 8) for number in range(200)])
    assert f.problems["location"].tolist()[:3] == [f"$[0].steps[{number}].type" for number in range(3)]
    [others] = f.problems.iloc[3:].to_dict("records")
    assert others["location"] == "$.steps[*].type"
    assert others["detail"].startswith("1,597 more like this: type: 'tool_call'")
    assert others["severity"] == "warning"
    assert problem_counts(f.problems).sum() == 1600
    assert "1,600 problems (1,600 unknown_value)" in repr(f)


def test_each_unknown_word_is_a_kind_of_its_own() -> None:
    """A real one is not hidden by one that is everywhere."""
    f = runkit.frames([odd("a", 50), odd("b", 1, "thought")])
    assert problem_counts(f.problems).tolist() == [1, 1, 1, 47, 1]
    assert "'thought'" in f.problems["detail"].iloc[-1]


def test_depth_and_place_in_a_list_do_not_matter() -> None:
    """One place in the schema is one kind: a source of any artifact of any step."""
    broken = artifact(sources=[{"source_name": "no url"}])
    inner = step("b", steps=[step("c", artifacts=[broken])], artifacts=[broken, broken])
    f = runkit.frames(run(step("a", steps=[inner], artifacts=[broken])))
    assert problem_counts(f.problems).tolist() == [1, 1, 1, 1]
    assert f.problems["location"].iloc[3] == "$.steps[*].artifacts[*].sources[*].url"


def test_the_others_name_their_run_if_it_is_one() -> None:
    """So that a cut to that run has them; the step is null, as there are several."""
    alone, several = runkit.frames(odd("a", 9)), runkit.frames([odd("a", 9), odd("b", 1)])
    assert alone.problems["run_id"].tolist() == ["a"] * 4
    assert alone.select("a").problems.equals(alone.problems)
    assert several.problems["run_id"].isna().tolist() == [False, False, False, True]
    assert several.problems["step_id"].isna().tolist() == [False, False, False, True]


def test_bad_lines_are_counted_exactly(tmp_path: Path) -> None:
    """By kind; the coverage has them all."""
    path = tmp_path / "runs.ndjson"
    path.write_text("{broken\n" * 10 + "3\n" * 5 + json.dumps(run()))
    f = runkit.frames(path)
    assert f.coverage == (16, 1, 15, None)
    assert problem_counts(f.problems).tolist() == [1, 1, 1, 7, 1, 1, 1, 2]
    assert f.problems["problem"].astype("str").tolist() == ["bad_json"] * 4 + ["not_a_run"] * 4
    with pytest.raises(DataError, match="15 problems in the data"):
        runkit.frames(path, on_error="raise")


@pytest.mark.parametrize("n_copies", [2, 4, 5, 1_200])
def test_many_older_copies_are_no_loss(n_copies: int) -> None:
    """Whatever their number, the frames are complete; with one refused record they are not."""
    copies = [run()] * n_copies
    assert runkit.frames(copies).is_complete
    assert not runkit.frames([*copies, None]).is_complete


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["tool_call", "thought"]), st.integers(0, 9)), max_size=12))
def test_the_number_is_that_of_all(made: list[tuple[str, int]]) -> None:
    """Of each word, however the runs are split."""
    f = runkit.frames([odd(f"r{at}", n, word) for at, (word, n) in enumerate(made)])
    for word in ("tool_call", "thought"):
        rows = f.problems[f.problems["detail"].str.contains(f"'{word}'")]
        n = sum(n for one, n in made if one == word)
        assert problem_counts(rows).sum() == n
        assert len(rows) == min(n, 4)
