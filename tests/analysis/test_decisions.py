"""How reviewers decided, in their own words: every number is that of a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

import runkit
from support import question, run, step

HOUR = 3_600
PLAIN = "Rejected: sanctions hit; approve later"  # is one decision


def answered(
    number: int, decision: str | None, hours: float = 1, **more: object
) -> dict[str, object]:
    """A run with one answered question."""
    result = {"decision": decision} if decision else {}
    agent = more.pop("agent", "tin_verification")
    pause = question("q", 0, hours * HOUR, agent=agent, result=result | more)
    return run(pause, run_id=f"r{number}", end=hours * HOUR)


OTHERS = [
    run(question("q", 0, None), run_id="open", end=None, status="interrupted"),
    run(question("q", 0, None), run_id="over", end=9, status="error"),
    run(question("q", 0, 0, result={"resolution": "SKIP"}), run_id="policy"),
]


def test_decisions_are_counted_by_their_own_words():
    """In any case; of a combined question each part; the most frequent first."""
    parts = [
        {"agent": "a", "decision": "approve"},
        {"agent": "b", "decision": "decline"},
        {"agent": "c"},
    ]
    asks = question("q", 0, HOUR, result={"proposals": parts}, agent="b")
    combined = run(step("a", agent="a"), asks, run_id="combined")
    words = ["decline", "Decline", PLAIN, None, "decline"]
    source = [*(answered(n, word, n + 1) for n, word in enumerate(words)), combined, *OTHERS]
    [row] = runkit.decisions(runkit.frames(source, as_of="2026-02-04T10:00:00Z")).to_dict("records")
    counts = ["n_questions", "n_pending", "n_answered", "n_policy", "n_expired", "n_known"]
    assert [row[name] for name in counts] == [9, 1, 6, 1, 1, 5]
    assert row["decisions"] == f"decline 4, {PLAIN} 1, approve 1"
    waits = [hours * HOUR for hours in (1, 2, 3, 4, 5, 1)]
    assert row["wait_p50_s"] == np.median(waits)
    assert row["wait_p90_s"] == pytest.approx(np.quantile(waits, 0.9))
    assert row["longest_pending_s"] == 24 * HOUR


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("agent", ["b", "a", "unknown"]),
        ("answered_by", ["Ana", "unknown"]),
        ("week", ["2026-01-26", "2026-02-02"]),
    ],
)
def test_decisions_are_counted_by_group(by, groups):
    """The largest group first, but weeks in their order, and those without one last."""
    early = -8 * 24 * HOUR
    source = [
        run(question("q", early, early + 1, agent=None), run_id="early", start=early),
        answered(0, "approve", agent="a"),
        answered(1, "approve", agent="b", reviewer="Ana"),
        answered(2, "approve", agent="b", reviewer="Ana"),
        answered(3, "approve", agent=None, reviewer="Ana"),
        run(question("q", 0, None, agent=None), run_id="open", end=None, status="interrupted"),
    ]
    assert runkit.decisions(source, by)[by].tolist() == groups
