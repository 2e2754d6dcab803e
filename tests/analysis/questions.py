"""Small fleets of settled questions, for samples and labels."""

from __future__ import annotations

from typing import Any, NamedTuple

import runkit
from support import artifact, question, run


class Asked(NamedTuple):
    """A question in a run of its own: what was proposed, how it ended, and what the data says of it."""

    kind: str = "dismissal"
    confidence: str | None = "high"
    outcome: str = "answered"
    decision: str | None = None
    title: str = "Same name"
    parts: tuple[str, ...] = ()


def raw(number: int, asked: Asked) -> dict[str, Any]:
    """The run of a question, as the API would send it."""
    result: dict[str, Any] = {"interrupt_id": f"int-{number}"}
    if asked.outcome in ("auto_approve", "skip"):
        result = {"resolution": asked.outcome}
    if asked.decision:
        result |= {"decision": asked.decision, "reviewer": "Ana Ortiz"}
    item = question(
        f"s{number}",
        10,
        None if asked.outcome == "pending" else 20,
        label=f"Question {number}",
        artifacts=[
            artifact(asked.title, type=kind, confidence=asked.confidence, summary="Seen.")
            for kind in asked.parts or (asked.kind,)
        ],
        result=result,
    )
    is_open = asked.outcome == "pending"
    status = "interrupted" if is_open else "completed"
    local = {"business_id": f"b{number}", "business_name": f"Business {number}"}
    return run(
        item,
        run_id=f"{number:08}-run",
        end=None if is_open else 100,
        status=status,
        _runkit=local,
    )


def frames_of(fleet: list[Asked]) -> runkit.Frames:
    """The frames of some questions."""
    return runkit.frames([raw(number, asked) for number, asked in enumerate(fleet)])
