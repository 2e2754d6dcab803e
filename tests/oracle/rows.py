"""The rows of runs, steps, artifacts and sources."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from oracle.budget import budget, critical_path
from oracle.questions import Question
from oracle.reading import Reading, Step
from oracle.values import (
    CONFIDENCES,
    FAILED,
    TIERS,
    Json,
    Row,
    compact,
    first_text,
    instant,
    objects,
    part,
    position,
    seconds,
    text,
    word,
)


def artifact_rows(run: Reading, questions: list[Question]) -> tuple[list[Row], list[Row]]:
    """Return what was found, proposed and delivered, and the sources of each."""
    own_output = objects(part(run.raw.get("output")).get("artifacts"))
    found: list[tuple[str, Step | None, Question | None, str | None, Json]] = []
    of_step = {question.step: question for question in questions if question.step}
    for step in run.steps:
        question = of_step.get(step)
        if step.is_question:
            own = question or Question(None, step)
            found += [("proposal", step, own, agent, item) for agent, item in own.proposals]
            continue
        is_output = step.raw.get("type") == "output" and not step.parent and not own_output
        origin = "output" if is_output else "finding"
        found += [(origin, step, None, step.agent, item) for item in step.artifacts or []]
    for question in questions:
        if not question.step:
            found += [("proposal", None, question, *pair) for pair in question.proposals]
    found += [("output", None, None, run.agent, item) for item in own_output or []]

    rows, sources = [], []
    for number, (origin, step, question, agent, raw) in enumerate(found):
        cited = objects(raw.get("sources"))
        same = [
            other
            for other in found
            if (other[4].get("title"), other[4].get("type")) == (raw.get("title"), raw.get("type"))
        ]
        finders = {other for kind, *_, other, _ in same if kind == "finding"}
        speaks_for_all = agent is not None and agent == run.agent
        is_repeat = origin == "proposal" and bool(finders)
        is_repeat = is_repeat and (speaks_for_all or agent in finders - {None})
        if origin == "finding" and step and step.raw.get("type") == "output":
            is_repeat = any(kind == "output" for kind, *_ in same)
        if step and step.raw.get("type") == "error":
            is_repeat = True  # it repeats why the step failed
        tiers = [word(source.get("source_tier")) for source in cited or []]
        tiers = sorted(filter(None, tiers), key=lambda tier: position(tier, TIERS))
        rows.append(
            {
                "run_id": run.id,
                "artifact_no": number,
                "step_id": step.raw["id"] if step else None,
                "origin": origin,
                "is_repeat": is_repeat,
                "interrupt_id": first_text(("id",), question.item) if question else None,
                "agent": agent,
                "title": text(raw.get("title")),
                "type": text(raw.get("type")),
                "confidence": word(raw.get("confidence")),
                "summary": text(raw.get("summary")),
                "n_sources": None if cited is None else len(cited),
                "best_tier": tiers[0] if tiers else None,
            }
        )
        for source_no, source in enumerate(cited or []):
            url = text(source.get("url"))
            sources.append(
                {
                    "run_id": run.id,
                    "artifact_no": number,
                    "source_no": source_no,
                    "url": url,
                    "host": urlsplit(url).hostname if url else None,
                    "source_name": text(source.get("source_name")),
                    "source_tier": word(source.get("source_tier")),
                    "source_type": text(source.get("source_type")),
                }
            )
    return rows, sources


def result_words(value: Any, name: str = "") -> list[str]:
    """Return a result as `name: value`, for each value in it."""
    if isinstance(value, dict) and value:
        return [
            item
            for key, inner in value.items()
            for item in result_words(inner, f"{name} {key.replace('_', ' ')}".strip())
        ]
    if isinstance(value, list) and value:
        return [
            item for n, inner in enumerate(value) for item in result_words(inner, f"{name}[{n}]")
        ]
    shown = value if isinstance(value, str) else json.dumps(value)
    return [] if value is None or not name else [f"{name}: {shown}"]


def outcome(run: Reading, artifacts: list[Row], questions: list[Row]) -> str | None:
    """Return how a run ended, or for what it waits."""
    if run.status in FAILED:
        causes = [step for step in run.steps if step.is_cause]
        if not causes:
            return None
        cause = max(causes, key=lambda step: (step.end or 0, run.steps.index(step)))
        return cause.reason or f"failed in {cause.label}"
    pending = [row for row in questions if row["outcome"] == "pending"]
    if pending:
        return pending[0]["label"]
    delivered = [result_words(step.result) for step in run.top if step.raw.get("type") == "output"]
    words = next(filter(None, reversed(delivered)), [])
    if run.is_over and words:
        shown = [word[0].upper() + word[1:] for word in words[:3]]
        return ", ".join(shown) + (f" +{len(words) - 3}" if len(words) > 3 else "")
    titles = [row["title"] for row in artifacts if row["origin"] == "output" and row["title"]]
    if not titles:
        return None
    return titles[0] + (f" +{len(titles) - 1}" if titles[1:] else "")


def run_row(
    run: Reading, n_copies: int, artifacts: list[Row], sources: list[Row], questions: list[Row]
) -> Row:
    """Return the row of a run."""
    raw, has_steps = run.raw, bool(run.steps)
    time = budget(run) if run.has_budget else dict.fromkeys(("working_s", "waiting_s", "idle_s"))
    rated = [row for row in artifacts if row["origin"] != "proposal" and not row["is_repeat"]]
    weak = [row for row in rated if position(row["confidence"], CONFIDENCES) in (1, 2)]
    weak.sort(key=lambda row: row["origin"] == "output")
    weak.sort(key=lambda row: -position(row["confidence"], CONFIDENCES))
    outputs = [row["confidence"] for row in artifacts if row["origin"] == "output"]
    outputs = [own for own in outputs if own]
    known = [own for own in outputs if position(own, CONFIDENCES) < len(CONFIDENCES)]
    is_known = has_steps and all(step.artifacts is not None for step in run.steps)
    are_sources_known = is_known and all(row["n_sources"] is not None for row in artifacts)
    n_pending = sum(row["outcome"] == "pending" for row in questions)
    is_listed = objects(raw.get("interrupts")) is not None
    is_known_to_wait = bool(has_steps or is_listed or n_pending or run.is_over)
    started = instant(raw["created_at"])
    return {
        "run_id": run.id,
        "thread_id": text(raw.get("thread_id")),
        **run.business,
        "agent": run.agent,
        "status": run.status,
        "requester": text(part(raw.get("requester")).get("name")),
        "prompt": text(raw.get("prompt")),
        "created_at": started,
        "updated_at": run.updated_at,
        "read_at": run.read_at,
        "started_at": run.start,
        "ended_at": run.ended_at,
        "n_copies": n_copies,
        "has_steps": has_steps,
        "queued_s": seconds(started, run.start),
        "duration_s": seconds(run.start, run.end),
        **time,
        "n_steps": len(run.steps) if has_steps else None,
        "n_errors": sum(step.is_cause for step in run.steps) if has_steps else None,
        "n_questions": len(questions) if has_steps else None,
        "n_pending": n_pending if is_known_to_wait else None,
        "n_findings": sum(row["origin"] == "finding" for row in rated) if is_known else None,
        "n_sources": len(sources) if are_sources_known else None,
        "outcome": outcome(run, artifacts, questions),
        "confidence": max(
            known or outputs, key=lambda own: position(own, CONFIDENCES), default=None
        ),
        "weakest": weak[0]["title"] if weak else None,
    }


def step_rows(run: Reading) -> list[Row]:
    """Return the rows of the steps of a run, in tree order."""
    path = critical_path(run) if run.has_budget else {}
    return [
        {
            "run_id": run.id,
            "step_id": step.raw["id"],
            "parent_step_id": step.parent.raw["id"] if step.parent else None,
            "step_no": number,
            "depth": step.depth,
            "label": step.label,
            "agent": step.agent,
            "type": text(step.raw.get("type")),
            "name": text(step.raw.get("name")),
            "status": step.status,
            "state": step.state,
            "error": step.reason if step.is_cause else None,
            "started_at": step.start,
            "completed_at": step.completed,
            "duration_s": step.length,
            "self_s": step.self_s(),
            "critical_s": path[step] / 1e6 if run.has_budget else None,
            "n_children": len(step.children),
            "n_artifacts": None if step.artifacts is None else len(step.artifacts),
            "result": compact(step.result) if isinstance(step.raw.get("result"), dict) else None,
        }
        for number, step in enumerate(run.steps)
    ]
