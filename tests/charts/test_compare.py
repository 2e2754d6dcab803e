"""Two runs side by side as a table."""

from __future__ import annotations

import pytest

from runkit.errors import UsageError
from runkit.tables.compare import compare
from support import question, run, step


def test_one_row_per_agent_and_step_name():
    """Counts and seconds of each run, and the difference b - a."""
    a = run(step("1", 0, 10, steps=[step("2", 0, 4, name="inner")]), step("3", 10, 30), question("4", 30, 90))
    b = run(step("1", 0, 5))
    rows = compare(a, b).set_index("name")
    assert rows.index.tolist() == ["work", "inner", "await_review"]
    assert rows.loc["work", ["n_a", "n_b", "n_diff"]].tolist() == [2, 1, -1]
    assert rows.loc["work", ["total_s_a", "total_s_b", "total_s_diff"]].tolist() == [30, 5, -25]
    assert rows.loc["work", ["self_s_a", "self_s_b", "self_s_diff"]].tolist() == [26, 5, -21]
    assert rows.loc["await_review", ["waiting_s_a", "waiting_s_b", "waiting_s_diff"]].tolist() == [60, 0, -60]


def test_where_they_part_is_marked_in_both_rows():
    """Each run goes on with a step of its own: both rows are marked and say so."""
    a = run(step("1"), step("2", 10, 20, name="left", label="Going left"))
    b = run(step("1"), step("2", 10, 20, name="right", label="Going right"))
    table = compare(a, b)
    assert table.loc[table["is_parting"], "name"].tolist() == ["left", "right"]
    assert "step 2, Going left" in table.attrs["sentence"]
    assert "step 2, Going right" in table.attrs["sentence"]


@pytest.mark.parametrize(
    "change",
    [{"status": "error"}, {"type": "output"}, {"agent": "another"}, {"name": "another"}],
)
def test_an_outcome_is_a_parting_too(change):
    """The same step with another outcome, type, agent or name parts the runs; a longer one does not."""
    assert compare(run(step("1")), run(step("1", **change)))["is_parting"].any()
    longer = compare(run(step("1", 0, 5)), run(step("1", 0, 50)))
    assert not longer["is_parting"].any()
    assert longer.attrs["sentence"] == "No step differs."


def test_missing_names_are_one_row():
    """Steps without agent or name are counted together, and can be where runs part."""
    table = compare(run(step("1", agent=None)), run(step("1", agent=None), step("2", agent=None)))
    assert len(table) == 1
    assert table["agent"].isna().all()
    assert table["n_b"].tolist() == [2]
    assert table["is_parting"].all()


@pytest.mark.parametrize("source", [[], [run(), run(run_id="s")]])
def test_it_takes_one_run_on_each_side(source):
    """No run, or two, is refused with what to do."""
    with pytest.raises(UsageError, match=r"b holds . runs?; expected exactly one"):
        compare(run(), source)
