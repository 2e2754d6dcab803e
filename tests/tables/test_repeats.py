"""A proposal that repeats a step's finding is marked, so that it counts once."""

from __future__ import annotations

import pytest

import runkit
from support import artifact, question, run, step


@pytest.mark.parametrize(
    ("agent", "finding", "is_repeat"),
    [
        ("a", artifact("Hit", type="t", summary="other words"), True),
        ("main", artifact("Hit", type="t"), True),  # the run's agent speaks for all
        ("b", artifact("Hit", type="t"), False),
        ("a", artifact("Another", type="t"), False),
        ("a", artifact("Hit", type="another"), False),
    ],
)
def test_a_proposal_repeats_a_finding_of_its_agent_title_and_type(agent, finding, is_repeat):
    proposal = question("q", 10, 20, agent=agent, artifacts=[artifact("Hit", type="t")])
    f = runkit.frames(run(step("s", agent="a", artifacts=[finding]), proposal, agent="main"))
    rows = f.artifacts[["origin", "is_repeat"]].values.tolist()
    assert rows == [["step", False], ["proposal", is_repeat]]
    assert f.runs["n_findings"].tolist() == [2 - is_repeat]
