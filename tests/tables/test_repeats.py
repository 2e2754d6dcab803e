"""A proposal that repeats a step's finding is marked, so that it counts once."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import runkit
from support import artifact, question, run, step

WORDS = st.sampled_from(["a", "b", "main"])
FOUND = st.lists(
    st.builds(lambda title, kind: artifact(title, type=kind), WORDS, WORDS), max_size=3
)
STEPS = st.lists(st.tuples(st.booleans(), WORDS, FOUND), max_size=5)


@settings(max_examples=20, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=3))
def test_by_hand(made: list[list[tuple[bool, str, list[dict[str, Any]]]]]) -> None:
    """Every artifact, looked at by itself."""
    f = runkit.frames([_run_of(str(number), steps) for number, steps in enumerate(made)])
    rows = f.artifacts.to_dict("records")
    for row in rows:
        alike = [
            item
            for item in rows
            if item["origin"] == "step"
            and all(item[name] == row[name] for name in ("run_id", "title", "type"))
            and row["agent"] in (item["agent"], "main")
        ]
        assert row["is_repeat"] == (row["origin"] == "proposal" and bool(alike))


def _run_of(run_id: str, steps: list[tuple[bool, str, list[dict[str, Any]]]]) -> dict[str, Any]:
    made = []
    for number, (asks, agent, found) in enumerate(steps):
        make = question if asks else step
        made.append(make(f"s{number}", number, number + 1, agent=agent, artifacts=found))
    return run(*made, run_id=run_id, agent="main", output={"artifacts": [artifact("a", type="a")]})
