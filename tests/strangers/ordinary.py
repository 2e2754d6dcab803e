"""The ordinary runs of an analyst's own file."""

from __future__ import annotations

import random

from strangers.build import CONFIDENCES, DAY, TIERS, Stranger, build, finding, item
from support import Json, question, step


def ordinary(rng: random.Random) -> Stranger:
    """A run in any state: groups, rated findings, questions, and how it ended or what it waits for."""
    status = rng.choice(["completed", "completed", "completed", "interrupted", "error", "running"])
    clock = 0
    steps: list[Json] = []
    rows: list[Json] = []
    n_findings = waited = 0
    for number in range(rng.randint(1, 3)):
        start = clock
        children = []
        for child in range(rng.randint(1, 3)):
            begin = rng.randint(start, clock)
            clock = max(clock, begin + rng.randint(10, 300))
            tiers = rng.choices(TIERS, k=rng.randint(0, 2))
            found = finding(f"Finding {number}.{child}", rng.choice(CONFIDENCES), *tiers)
            children.append(step(f"{number}.{child}", begin, clock, artifacts=[found]))
            n_findings += 1
        steps.append(step(f"{number}", start, clock, steps=children))
        if rng.random() < 0.5:
            wait = rng.choice([60, 45 * 60, DAY])
            word = rng.choice(["approve", "reject"])
            answer = {"decision": word, "answered_by": "Ana Ortiz", "note": "seen"}
            asks = question(
                f"q{number}", clock, clock + wait, label=f"Question {number}?", result=answer
            )
            steps.append(asks)
            rows.append({"outcome": "answered", "decision": word, "wait_s": float(wait)})
            clock += wait
            waited += wait
    truth: Json = {"status": status, "n_findings": n_findings, "n_pending": 0, "outcome": None}
    more: Json = {"status": status}
    if status == "interrupted":
        steps.append(question("open", clock, None, label="Approve the business?"))
        more["interrupts"] = [
            item("int-1", label="Approve the business?", agent="cip_orchestrator")
        ]
        rows.append({"outcome": "pending", "decision": None, "interrupt_id": "int-1"})
        truth |= {"n_pending": 1, "outcome": "Approve the business?"}
    if status == "running":
        steps.append(step("now", clock, None))
    if status == "error":
        reason = f"Register {rng.randint(1, 3)} is down"
        steps.append(step("failed", clock, clock + 40, status="error", result={"error": reason}))
        truth["outcome"] = reason
        clock += 40
    if status == "completed":
        level = rng.choice(CONFIDENCES)
        steps.append(
            step("out", clock, clock + 9, type="output", artifacts=[finding("Summary", level)])
        )
        truth |= {"outcome": "Summary", "confidence": level}
        clock += 9
    if status in ("completed", "error"):
        truth |= {"waiting_s": float(waited), "working_s": float(clock - waited), "idle_s": 0.0}
        more["end"] = clock
    raw = build(rng, *steps, changed=clock, **more)
    return Stranger([raw], truth, {"interrupts": rows})


def fleet(seed: int = 0, n_runs: int | None = None) -> list[Stranger]:
    """An analyst's own file: 60 to 160 ordinary runs."""
    rng = random.Random(f"fleet {seed}")
    return [ordinary(rng) for _ in range(n_runs or rng.randint(60, 160))]
