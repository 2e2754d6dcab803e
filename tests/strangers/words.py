"""Forms with words of another account, and failures with their reasons."""

from __future__ import annotations

import random
from typing import Any

from strangers.build import Stranger, build, finding
from support import Json, artifact, at, question, step


def other_tiers(rng: random.Random) -> Stranger:
    """Tiers of another account, known ones in other case, and none at all."""
    word = rng.choice(["federal", "web", "commercial"])
    found = [
        finding("A", "high", word),
        finding("B", "high", word, "Primary"),
        finding("C", "high", None),
    ]
    raw = build(rng, step("work", 0, 90, artifacts=found))
    best = [{"best_tier": tier} for tier in (word, "Primary", None)]
    return Stranger([raw], {"n_sources": 4}, {"artifacts": best})


def other_confidences(rng: random.Random) -> Stranger:
    """A number, a number as text, another word, another case, and none."""
    number = rng.randint(10, 99) / 100
    rated = [number, str(number), "very_low", " LOW ", None]
    found = [finding(f"Finding {n}", value) for n, value in enumerate(rated)]
    words = [str(number), str(number), "very_low", "LOW", None]
    raw = build(rng, step("work", 0, 90, artifacts=found))
    artifacts = [{"confidence": word} for word in words]
    return Stranger([raw], {"weakest": "Finding 3", "n_findings": 5}, {"artifacts": artifacts})


def unknown_words(rng: random.Random) -> Stranger:
    """Statuses and a type that nobody has heard of, or in another case; and it waits."""
    status = rng.choice(["archived", "Completed", "Interrupted"])
    words = {"status": rng.choice(["shelved", "Error"]), "type": rng.choice(["Error", "Interrupt"])}
    asks = question("q", 40, None, label="Sure?")
    raw = build(rng, step("a", 0, 40, **words), asks, status=status, end=None, updated_at=at(60))
    rows = [words | {"state": "done"}, {"state": "waiting"}]
    truth = {"status": status, "n_questions": 1, "n_pending": 1}
    return Stranger([raw], truth, {"steps": rows})


def results(rng: random.Random) -> Stranger:
    """An output step whose product is its result, which is the outcome once the run has ended."""
    status = rng.choice(["completed", "running"])
    score = rng.randint(1, 99)
    result = {"recommendation": "reject", "risk_score": score}
    output = step("out", 50, 100, type="output", name="summary", result=result)
    words = f"Recommendation: reject, Risk score: {score}"
    truth = {"outcome": words if status == "completed" else None, "confidence": None}
    return Stranger([build(rng, step("work", 0, 50), output, status=status)], truth)


ERROR_NAMES = ("error", "message", "error_message", "reason", "detail", "exception", "errors")


def failure_reasons(rng: random.Random) -> Stranger:
    """A reason under one of the usual names, plain, nested once or in a list, with a code or not."""
    text = f"Register {rng.randint(100, 999)} refused the request"
    code = rng.choice([None, "E42", 502])
    name = rng.choice(ERROR_NAMES)
    own: Any = {} if code is None else {"code": code}
    result: Json = {name: text} | own
    if rng.random() < 0.3:
        result = {name: {rng.choice(ERROR_NAMES[:-1]): text} | own}
    if name == "errors":
        result = {name: [{"message": text} | own, {"message": "and another"}]}
    failed = step("f", 20, 60, status="error", result=result)
    reason = text if code is None else f"{text} ({code})"
    rows = [{"error": None}, {"error": reason, "state": "failed"}]
    raw = build(rng, step("work", 0, 20), failed, status="error")
    return Stranger([raw], {"outcome": reason, "n_errors": 1}, {"steps": rows})


def failures_without_a_result(rng: random.Random) -> Stranger:
    """An error step says why by its label, or by its artifact; a step that says nothing failed."""
    label = f"No answer from register {rng.randint(1, 9)}"
    errors = {
        label: {"type": "error", "label": label},
        "No answer": {"type": "error", "label": None, "artifacts": [artifact("No answer")]},
        f"failed in {label}": {"label": label},
    }
    outcome = rng.choice([*errors])
    error = step("e", 60, 60, status="error", **errors[outcome])
    raw = build(rng, step("group", 0, 60, status="error", steps=[error]), status="error")
    return Stranger([raw], {"outcome": outcome, "n_errors": 1})


def two_causes(rng: random.Random) -> Stranger:
    """Two failed steps in a failed group: the cause is the one that ended last."""
    ends = [rng.randint(60, 90), rng.randint(30, 50)]
    causes = [
        step(f"c{end}", 10, end, status="error", result={"error": f"ended at {end}"})
        for end in rng.sample(ends, 2)
    ]
    raw = build(rng, step("group", 0, 95, status="error", steps=causes), status="error")
    return Stranger([raw], {"outcome": f"ended at {max(ends)}", "n_errors": 2})
