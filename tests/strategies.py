"""Hypothesis strategies: any JSON, odd texts, times and runs.

`RUNKIT_FUZZ=60 pytest -m hypothesis` searches: so many times the examples of a test, other ones
each time. By default a test takes a quarter of them, always the same.
"""

from __future__ import annotations

import os
from datetime import UTC
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from runkit.api.models import Artifact, Run, Source, Step
from runkit.api.views import fields
from support import Json, artifact, run, step

TIMES = float(os.environ.get("RUNKIT_FUZZ", "0"))
FIELDS = [name for cls in (Run, Step, Artifact, Source) for name in fields(cls)] + ["value"]
MOST_CHILDREN = (3, 3, 0)  # of a step, by its depth
RESULTS = ({}, {"resolution": "skip"}, {"resolution": "Auto_approve"})
TYPES = ("activity", "Activity", "output", "interrupt", "Interrupt", "error", "Error")
STATUSES = ("running", "interrupted", "Interrupted", "completed", "Completed", "error", "Error")
ANSWER_NAMES = ("decision", "outcome", "answer", "verdict", "resolution", "reviewer", "note")


def fuzz(few: int = 25) -> settings:
    """Settings for a test of `few` examples; slow tests take fewer, so that a long search is in proportion."""
    return settings(
        max_examples=max(2, round(few * (TIMES or 0.25))),
        derandomize=not TIMES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


ODD_TEXTS = """ |line\nbreak|\x00|\u202eright to left|<script>alert(1)</script>|%s {}|=1+1|nan|é\u0301\U0001f600"""
ODD_TIMES = """0001-01-01T00:00:00+14:00 9999-12-31T23:59:59.999999-12:00 2016-12-31T23:59:60Z
2026-02-03T10:00:00.123456789Z 2026-02-03T10:00:00 2026-02-03 2026-W06-2T10:00:00Z
2026-02-30T10:00:00Z 1770112800 ٢٠٢٦-٠٢-٠٣T١٠:٠٠:٠٠Z"""
texts = st.sampled_from(["", "x" * 3000, *ODD_TEXTS.split("|")]) | st.text(max_size=8)
moments = st.datetimes(timezones=st.just(UTC)).map(lambda when: when.isoformat())
times = st.sampled_from(ODD_TIMES.split()) | moments
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts | times,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
"""What JSON text can say."""


@st.composite
def runs(draw: st.DrawFn) -> Json:
    """A run with nested steps on a clock of whole seconds, some open; words are in any case."""
    seconds = st.integers(0, 20)
    numbers = iter(range(10_000))
    run_id = draw(st.uuids()).hex

    def some_steps(depth: int, parent_id: str | None = None) -> list[Json]:
        n = draw(st.integers(0, MOST_CHILDREN[depth]))
        return [make_step(depth, parent_id) for _ in range(n)]

    def make_step(depth: int, parent_id: str | None) -> Json:
        start, end = sorted((draw(seconds), draw(seconds)))
        made = step(
            f"{run_id}-{next(numbers)}", start, draw(st.sampled_from([end, end, end, None]))
        )
        kind = draw(st.sampled_from(TYPES))
        return made | {
            "type": kind,
            "status": draw(st.sampled_from([made["status"], made["status"].title()])),
            "parent_step_id": parent_id,
            "steps": some_steps(depth + 1, made["id"]),
            "artifacts": [artifact()] * draw(st.integers(0, 1)),
            "result": {**draw(st.sampled_from(RESULTS))} if kind == "interrupt" else None,
        }

    start, end = sorted((draw(seconds), draw(seconds)))
    return run(*some_steps(0), run_id=run_id, start=start, end=draw(st.sampled_from([end, None])))


@st.composite
def asking_runs(draw: st.DrawFn) -> Json:
    """A run in any status with questions: items and steps that may be the same, answered or not."""
    made = draw(runs())
    labels = st.sampled_from(["Approve?", "Sure?", None])
    agents = st.sampled_from(["a", "b", None])
    words = st.sampled_from(["approve", "Decline", "skip"])
    answers = st.dictionaries(st.sampled_from(ANSWER_NAMES), words, max_size=2)
    for number in range(draw(st.integers(0, 3))):
        end = draw(st.sampled_from([None, 20]))
        result = draw(answers) if end else {}
        result |= draw(st.sampled_from([{}, {"interrupt_id": f"i{number}"}]))
        asks = step(f"q{number}", draw(st.integers(0, 20)), end, type="interrupt", result=result)
        made["steps"].append(asks | {"label": draw(labels), "agent": draw(agents)})
    item_ids = st.lists(st.sampled_from(["q0", "q1", "i0", "i1", "other"]), max_size=2, unique=True)
    items = [
        {"id": item_id, "value": {"label": draw(labels), "agent": draw(agents)}}
        for item_id in draw(item_ids)
    ]
    return made | {"interrupts": items, "status": draw(st.sampled_from(STATUSES))}


def _objects(value: Any) -> list[Json]:
    """All objects in a run as `runs` makes it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] * isinstance(value, dict) + [found for item in inner for found in _objects(item)]


@st.composite
def mangled(draw: st.DrawFn) -> Any:
    """A good run of which some fields, at any depth, hold something else."""
    source = draw(asking_runs())
    source["output"] = {"artifacts": [artifact(sources=[{"url": draw(texts)}])]}
    places = _objects(source)
    for place in draw(st.lists(st.sampled_from(places), max_size=5)):
        place[draw(st.sampled_from(FIELDS))] = draw(json_values | times)
    return source
