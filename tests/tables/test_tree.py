"""Nested, flat and mixed forms of the same steps are the same frame."""

from __future__ import annotations

import copy
import random
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

import runkit
from support import flat, question, run, runs, step


def unnested(
    steps: list[dict[str, Any]], keep: random.Random | None = None
) -> list[dict[str, Any]]:
    """The same steps with `parent_step_id` in place of (all, or by chance some) nesting."""
    out = []
    for item in flat(copy.deepcopy(steps)):
        out.append(item)
        item["steps"] = []
    if keep is not None:
        by_id = {item["id"]: item for item in out}
        for item in list(out):
            if item["parent_step_id"] and keep.random() < 0.5:
                by_id[item["parent_step_id"]]["steps"].append(item)
                out = [other for other in out if other is not item]
    return out


@given(runs())
def test_flat_steps_give_the_same_frame_as_nested_ones(source: dict[str, Any]) -> None:
    """`parent_step_id` alone is enough."""
    nested = runkit.frames(source).steps
    linked = runkit.frames(source | {"steps": unnested(source["steps"])}).steps
    pd.testing.assert_frame_equal(nested, linked)


@given(runs(), st.integers(0, 1000))
def test_mixed_steps_give_the_same_tree(source: dict[str, Any], seed: int) -> None:
    """Some nested, some only linked: the same parents, depths and self times, siblings as they came."""
    mixed = source | {"steps": unnested(source["steps"], random.Random(seed))}
    columns = ["step_id", "parent_step_id", "depth", "self_s", "n_children"]
    left, right = (
        runkit.frames(form).steps[columns].sort_values("step_id", ignore_index=True)
        for form in (source, mixed)
    )
    pd.testing.assert_frame_equal(left, right)


@given(runs())
def test_a_subtree_is_a_range_of_step_no(source: dict[str, Any]) -> None:
    """`step_no.between(a, b - 1)` is a step and all its descendants."""
    steps = runkit.frames(source).steps
    nested = {item["id"]: {inner["id"] for inner in flat([item])} for item in flat(source["steps"])}
    for _, row in steps.iterrows():
        inside = steps["step_no"].between(row["step_no"], row["subtree_end"] - 1)
        assert set(steps.loc[inside, "step_id"]) == nested[row["step_id"]]


def test_a_parent_may_come_after_its_child() -> None:
    """In flat form the order of the list does not matter for the tree."""
    frames = runkit.frames(run(step("child", parent_step_id="parent"), step("parent")))
    assert frames.steps[["step_id", "step_no", "depth"]].values.tolist() == [
        ["parent", 0, 0],
        ["child", 1, 1],
    ]


def test_a_wait_is_a_question_that_no_policy_resolved() -> None:
    """Whether it is open or answered."""
    settled = question("q2", 5, 6, result={"resolution": "auto_approve"})
    steps = runkit.frames(
        run(step("a"), question("q1", 1, 5), settled, question("q3", 7, None))
    ).steps
    assert dict(zip(steps["step_id"], steps["is_wait"], strict=True)) == {
        "a": False,
        "q1": True,
        "q2": False,
        "q3": True,
    }
