"""What is read many steps at a time is what is read step by step, however the source is cut."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runkit
from runkit.steptree import flatten
from runkit.tables import flatten as flatten_module
from runkit.tables import frames
from runkit.tables.problems import problem_counts
from support import artifact, runs

Json = dict[str, Any]
ODD = st.sampled_from([None, 5, "", "x", [], {}, [None], {"id": "x"}, True, "2026-02-03T10:00:05"])
FIELDS = ["id", "run_id", "label", "agent", "graph", "parent_step_id", "started_at", "completed_at"]
FIELDS += ["type", "status", "steps", "result", "artifacts"]


def same(left: runkit.Frames, right: runkit.Frames) -> None:
    for name, df in left.items():
        pd.testing.assert_frame_equal(df, getattr(right, name))
    assert left.coverage == right.coverage


def counts(f: runkit.Frames) -> dict[str, int]:
    """How many problems of each kind there are."""
    return problem_counts(f.problems).groupby(f.problems["problem"].astype("str")).sum().to_dict()


def all_steps(steps: Any) -> Iterator[Json]:
    """Iterate over the steps of a nested list, whatever else is in it."""
    for item in steps if isinstance(steps, list) else ():
        if isinstance(item, dict):
            yield item
            yield from all_steps(item.get("steps"))


@st.composite
def odd_runs(draw: st.DrawFn) -> Json:
    """A run of which some steps lack a field, hold something odd in it, or are richer than most."""
    source = draw(runs())
    for item in list(all_steps(source["steps"])):
        change = draw(st.sampled_from(["none"] * 6 + ["odd", "lack", "rich", "again"]))
        field = draw(st.sampled_from(FIELDS))
        if change == "odd":
            item[field] = draw(ODD)
        elif change == "lack":
            item.pop(field, None)
        elif change == "rich":
            item["result"] = {"hits": [1, {"name": "é"}], "n": 2**70}
            item["artifacts"] = [artifact("one", sources=[{"url": "https://x.org/a"}]), artifact("two")]
        elif change == "again":
            source["steps"].append(copy.deepcopy(item))
    return source


@given(st.lists(runs(), max_size=4))
def test_steps_of_many_runs_stand_where_a_walk_finds_them(sources: list[Json]) -> None:
    """Records, parents, depths and subtrees of all runs at once are those of each run, walked."""
    lists = [source["steps"] for source in sources]
    trees = flatten_module.flatten_nested(lists)
    assert trees is not None
    before = 0
    for steps, n in zip(lists, trees.per_run.tolist(), strict=True):
        walked = flatten(steps)
        here = slice(before, before + n)
        assert all(a is b for a, b in zip(trees.records[here], walked.records, strict=True))
        assert [parent - before if parent >= 0 else -1 for parent in trees.parent[here]] == walked.parents
        assert trees.depth[here].tolist() == walked.depths
        inside = [len(list(all_steps([record]))) for record in walked.records]
        assert trees.size[here].tolist() == inside
        before += n


@given(st.lists(odd_runs(), max_size=3))
def test_the_careful_way_gives_the_same_frames(sources: list[Json]) -> None:
    """Steps that are walked one by one give the same six frames, problems and their places too."""
    fast = runkit.frames(sources)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flatten_module, "MAX_LEVELS", 0)
        same(fast, runkit.frames(sources))


@given(st.lists(odd_runs() | st.just({"object": "x"}), max_size=5), st.integers(1, 3000))
def test_how_the_source_is_cut_changes_no_value(sources: list[Json], n_bytes: int) -> None:
    """Small and large bites give the same frames; the problems may come in another order."""
    text = b"\n".join(json.dumps(source).encode() for source in sources)
    whole = runkit.frames(text)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("BATCH_BYTES", "ROW_GROUP_STEPS"):
            patch.setattr(frames, name, n_bytes if name != "ROW_GROUP_STEPS" else n_bytes // 500)
        cut = runkit.frames(text)
    for name, df in whole.items():
        if name != "problems":  # the first of a kind are others
            pd.testing.assert_frame_equal(df, getattr(cut, name))
    assert counts(whole) == counts(cut)
