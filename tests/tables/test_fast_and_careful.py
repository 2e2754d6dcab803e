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
from runkit.tables import sources as reading
from support import artifact, run, runs, step

Json = dict[str, Any]
ODD = st.sampled_from([None, 5, "", "x", [], {}, [None], {"id": "x"}, True, "2026-02-03T10:00:05"])
FIELDS = ["id", "run_id", "label", "agent", "graph", "parent_step_id", "started_at", "completed_at"]
FIELDS += ["type", "status", "steps", "result", "artifacts"]


def counts(f: runkit.Frames) -> dict[str, int]:
    """How many problems of each kind there are."""
    return f.problems.groupby("problem", observed=True)["n"].sum().to_dict()


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
            item["result"] = {"hits": [1, {"name": "é"}], "n": 2**60}
            item["artifacts"] = [
                artifact("one", sources=[{"url": "https://x.org/a"}]),
                artifact("two"),
            ]
        elif change == "again":
            source["steps"].append(copy.deepcopy(item))
    return source


def broken() -> Json:
    """A run of which every kind of part has a record that must be validated by itself."""
    odd = artifact("y", sources=[{"url": 5}, 5])
    steps = [
        step("x", started_at="2026-02-03T10:00:05"),
        step("x"),
        step("y", artifacts=[odd, 5]),
        step(5),
    ]
    return run(*steps, run_id="broken", updated_at="2026-02-03T10:00:05", interrupts=[5])


@given(st.lists(odd_runs(), max_size=3))
def test_the_careful_way_gives_the_same_frames(sources: list[Json]) -> None:
    """Beside a run with a broken record of each kind, the others are read one by one, to the same end."""
    fast = runkit.frames(sources)
    careful = runkit.frames([*sources, broken()]).select(fast.runs["run_id"])
    for name, df in fast.items():
        if name != "problems":
            assert getattr(careful, name).astype("str").equals(df.astype("str")), name


@given(st.lists(odd_runs() | st.just({"object": "x"}), max_size=5), st.integers(1, 3000))
def test_how_the_source_is_cut_changes_no_value(sources: list[Json], n_bytes: int) -> None:
    """Small and large batches give the same frames; the problems may come in another order."""
    text = b"\n".join(json.dumps(source).encode() for source in sources)
    whole = runkit.frames(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BATCH_BYTES", n_bytes)
        cut = runkit.frames(text)
    for name, df in whole.items():
        if name != "problems":  # the first of a kind are others
            pd.testing.assert_frame_equal(df, getattr(cut, name))
    assert counts(whole) == counts(cut)
