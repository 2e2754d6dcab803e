"""Two runs side by side as a table."""

from __future__ import annotations

import pytest

import runkit
from runkit.analysis.compare import compare
from runkit.errors import UsageError
from support import question, run, step


@pytest.mark.parametrize(
    ("change", "is_different"),
    [
        ({"status": "error"}, True),
        ({"type": "output"}, True),
        ({"agent": "another"}, True),
        ({"name": "another"}, True),
        ({"completed_at": None}, False),
    ],
)
def test_a_step_of_another_outcome_type_agent_or_name_is_a_difference(change, is_different):
    table = compare(run(step("1")), run(step("1", **change)))
    assert table["is_first_difference"].any() == is_different


@pytest.mark.parametrize("source", [[], [run(), run(run_id="s")]])
def test_compare_takes_one_run_on_each_side(source):
    with pytest.raises(UsageError, match=r"b holds . runs?; expected exactly one"):
        compare(run(), source)


READ = run(step("1", 0, 10), step("2", 10, 30, name="ask", type="interrupt"), run_id="read")
LISTED = run(run_id="listed")


def test_a_run_without_steps_is_not_known_to_differ():
    table = compare(READ, LISTED)
    numbers = table.set_index("name")
    assert numbers[["n_a", "total_s_a", "waiting_s_a"]].values.tolist() == [[1, 10, 0], [1, 20, 20]]
    assert numbers.filter(regex="_(b|diff)$").isna().all(axis=None)
    assert not table["is_first_difference"].any()


def test_a_length_that_nobody_knows_is_null_in_a_comparison():
    steps = step("1", 0, 10), step("2", 10, completed_at=None)
    table = compare(run(*steps), run(step("1", 0, 10), step("2", 10, 20)))
    assert table.loc[0, ["n_a", "n_b"]].tolist() == [2, 2]
    sums = table.filter(regex="^(total|self)_s_(a|diff)$")
    assert sums.isna().all(axis=None)


def test_a_comparison_subtracts_the_first_run_from_the_second():
    """A row for each agent and step name, with counts and seconds; a policy makes nobody wait."""
    policy = question("p", 62, 92, result={"resolution": "skip"})
    inner = step("i", 0, 4, name="inner")
    a = run(step("w", 0, 10, steps=[inner]), question("q", 10, 60), run_id="a")
    b = run(step("w", 0, 42), question("q", 42, 62), policy, run_id="b")
    table = runkit.compare(a, b).set_index("name")
    assert table.index.tolist() == ["work", "inner", "await_review"]
    work = table.loc["work"].filter(regex="^(n|total_s|self_s)_")
    assert work.tolist() == [1, 1, 0, 10, 42, 32, 6, 42, 36]
    assert table.filter(like="waiting_s").loc["await_review"].tolist() == [50, 20, -30]
