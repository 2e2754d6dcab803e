"""A proposal that repeats a step's finding is marked, so that it counts once."""

from __future__ import annotations

import runkit
from support import artifact, numbered, question, run, step


def test_a_proposal_repeats_a_finding_of_its_agent_title_and_type():
    hit = artifact("Hit", type="t")
    cases = [
        ("a", hit | {"summary": "other words"}, True),
        ("main", hit, True),  # the run's agent speaks for all
        ("b", hit, False),
        ("a", artifact("Another", type="t"), False),
        ("a", artifact("Hit", type="another"), False),
    ]
    runs = []
    for agent, finding, _ in cases:
        proposal = question("q", 10, 20, agent=agent, artifacts=[hit])
        runs.append(run(step("s", agent="a", artifacts=[finding]), proposal, agent="main"))
    f = runkit.frames(numbered(runs))
    repeats = [is_repeat for *_, is_repeat in cases]
    proposals = f.artifacts[f.artifacts["origin"] == "proposal"]
    assert proposals["is_repeat"].tolist() == repeats
    assert f.artifacts["is_repeat"].sum() == sum(repeats)
    assert f.runs["n_findings"].eq(1).all()
