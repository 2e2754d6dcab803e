"""Forms with words of another account, and failures with their reasons."""

from __future__ import annotations

import random
from typing import Any

from strangers.build import Stranger, build, finding
from support import Json, artifact, step


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
    """A status of runs, and a status and a type of steps, that nobody has heard of."""
    odd = step("a", 0, 40, status="skipped", type="tool_call")
    raw = build(rng, odd, step("b", 40, 60), status="archived", agent=rng.choice(["kyb", "cip"]))
    truth = {"status": "archived", "duration_s": 100.0, "working_s": 60.0}
    return Stranger([raw], truth, {"steps": [{"status": "skipped", "type": "tool_call"}, {}]})


def results(rng: random.Random) -> Stranger:
    """An output step whose product is its result, without an artifact."""
    score = rng.randint(1, 99)
    result = {"recommendation": "reject", "risk_score": score}
    output = step("out", 50, 100, type="output", name="summary", result=result)
    truth = {"outcome": f"recommendation: reject, risk score: {score}", "confidence": None}
    return Stranger([build(rng, step("work", 0, 50), output)], truth)


ODD_RESULTS: list[Any] = [
    {"error": True, "message": " ", "reason": {"detail": "No register"}},
    {"error": {"status": 500}, "value": "text"},
    {"title": "later", "detail": "No register", "type": "about:blank"},
    {"code": 7, "errors": ["No register"]},
    {"errors": []},
    {"error": {"error": {"error": "too deep"}}},
    {"decision": {"verdict": "ok"}, "flags": ["pep"]},
    {"a": 1, "b": 2, "c": True, "d": 4, "e": 5},
    {"decision": 1, "reviewer": ["Bo"], "comment": {"text": "seen"}},
    {"user": {"id": "u"}, "approved": True, "input": {"note": "old"}},
    {"resolution": "auto_approve", "reviewer": "Bo"},
    {},
    None,
    "text",
]


def odd_results(rng: random.Random) -> Stranger:
    """Results of any shape at a question, a failed step, an error step, and two output steps."""
    record = artifact("No answer", type=rng.choice(["error", "cip_summary"]))
    parts: list[Json] = [
        {"type": "interrupt"},
        {"status": "error", "artifacts": rng.choice([[], [record]])},
        {"type": "error", "label": rng.choice([None, "Down"]), "artifacts": [record]},
        {"type": "output"},
        {"type": "output", "status": "completed"},
    ]
    steps = [
        step(f"s{n}", 10 * n, 10 * n + rng.randint(5, 15), result=rng.choice(ODD_RESULTS), **more)
        for n, more in enumerate(parts)
    ]
    raw = build(rng, *steps, status=rng.choice(["completed", "error"]))
    return Stranger([raw], {"n_errors": 2})


ERROR_NAMES = ("error", "message", "error_message", "reason", "detail", "exception", "errors")


def failure_reasons(rng: random.Random) -> Stranger:
    """A reason under one of the usual names, plain, nested once or in a list, with a code or not."""
    text = f"Register {rng.randint(100, 999)} refused the request"
    code = rng.choice([None, "E42", 502])
    name = rng.choice(ERROR_NAMES)
    own: Any = {} if code is None else {"code": code}
    shape = rng.randrange(3)
    result: Json = {name: text} | own
    if shape == 1:
        result = {name: {rng.choice(ERROR_NAMES[:-1]): text} | own}
    if name == "errors":
        result = {name: [{"message": text} | own, {"message": "and another"}]}
    failed = step("f", 20, 60, status="error", label="Reading", result=result)
    reason = text if code is None else f"{text} ({code})"
    truth = {"outcome": reason, "n_errors": 1}
    raw = build(rng, step("work", 0, 20), failed, status="error")
    return Stranger(
        [raw], truth, {"steps": [{"error": None}, {"error": reason, "state": "failed"}]}
    )


def error_step(rng: random.Random) -> Stranger:
    """An error step inside a failed group: it is the cause, and its label the reason."""
    label = f"No answer from register {rng.randint(1, 9)}"
    error = step("e", 60, 60, type="error", status="error", label=label)
    raw = build(rng, step("group", 0, 60, status="error", steps=[error]), status="error")
    return Stranger([raw], {"outcome": label, "n_errors": 1})


def two_causes(rng: random.Random) -> Stranger:
    """Two failed steps in a failed group: the cause is the one that ended last."""
    ends = [rng.randint(60, 90), rng.randint(30, 50)]
    causes = [
        step(f"c{end}", 10, end, status="error", result={"error": f"ended at {end}"})
        for end in rng.sample(ends, 2)
    ]
    raw = build(rng, step("group", 0, 95, status="error", steps=causes), status="error")
    return Stranger([raw], {"outcome": f"ended at {max(ends)}", "n_errors": 2})


def failed_without_reason(rng: random.Random) -> Stranger:
    """A failed step that does not say why, or a failed run without a failed step."""
    is_known = rng.random() < 0.5
    last = step(
        "b", 20, 60, label="Reading the register", status="error" if is_known else "completed"
    )
    truth = {"n_errors": int(is_known)}
    raw = build(rng, step("a", 0, 20), last, status="error")
    return Stranger([raw], truth, {"steps": [{"error": None}, {"error": None}]})
