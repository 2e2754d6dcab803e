"""Nested, flat and mixed forms of the same steps are the same frame."""

from __future__ import annotations

import copy
import random
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

import runkit
from strategies import runs
from support import flat


def unnested(steps: list[dict[str, Any]], share: float, seed: int) -> list[dict[str, Any]]:
    """Link the steps by `parent_step_id` in place of nesting, but for a share of them."""
    choose = random.Random(seed)
    out = []
    by_id: dict[str, dict[str, Any]] = {}
    for item in flat(copy.deepcopy(steps)):
        moved = by_id[item["id"]] = item | {"steps": []}
        parent = by_id.get(item["parent_step_id"]) if choose.random() < share else None
        (parent["steps"] if parent else out).append(moved)
    return out


@given(runs(), st.sampled_from([0, 0.5]), st.integers(0, 1000))
def test_flat_and_mixed_steps_give_the_tree_of_nested_ones(source, share, seed):
    """All or some of them only linked: the same parents, depths and self times."""
    linked = source | {"steps": unnested(source["steps"], share, seed)}
    columns = ["step_id", "parent_step_id", "depth", "self_s", "n_children"]
    left, right = (
        runkit.frames(form).steps[columns].sort_values("step_id", ignore_index=True)
        for form in (source, linked)
    )
    pd.testing.assert_frame_equal(left, right)
