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


def fuzz(few: int = 25) -> settings:
    """Settings for a test of `few` examples; slow tests say fewer, so that a long search is in proportion."""
    return settings(
        max_examples=max(2, round(few * (TIMES or 0.25))),
        derandomize=not TIMES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


ODD_TEXTS = (
    *(
        "",
        " ",
        "line\nbreak\r\n",
        "\x00",
        "\u202eright to left",
        "../../etc/passwd",
        "'quotes\"`",
    ),
    *(
        "<script>alert(1)</script>",
        "${1+1} $x$",
        "%s {} {0}",
        "=1+1",
        "nan",
        "__proto__",
        "é\u0301\U0001f600",
    ),
    *("x" * 3000, "[ein 1]", "a.json", "steps"),
)
texts = st.sampled_from(ODD_TEXTS) | st.text(max_size=8)

ODD_TIMES = (
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00"),
    *("1969-12-31T23:59:59.999999Z", "2016-12-31T23:59:60Z", "2026-02-03T10:00:00.123456789Z"),
    *(
        "2026-02-03T10:00:00." + "1" * 400 + "Z",
        "2026-02-03T10:00:00+23:59:59",
        "2026-02-03T10:00:00",
    ),
    *("2026-02-03", "2026-W06-2T10:00:00Z", "2026-02-30T10:00:00Z", "2026-02-03T24:00:00Z"),
    *("٢٠٢٦-٠٢-٠٣T١٠:٠٠:٠٠Z", "1770112800", "10000-01-01T00:00:00Z"),
)
moments = st.datetimes(timezones=st.just(UTC)).map(
    lambda when: when.isoformat().replace("+00:00", "Z")
)
times = st.sampled_from(ODD_TIMES) | moments


def nested(value: Any, levels: int, *, name: str | None = "a") -> Any:
    """A value inside so many objects, or lists if there is no name."""
    for _ in range(levels):
        value = [value] if name is None else {name: value}
    return value


whole = st.integers(-(2**63), 2**64 - 1) | st.sampled_from([2**53 + 1, 2**63, 2**64 - 1, -(2**63)])
numbers = (
    whole
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([-0.0, 5e-324, 1e308])
)
scalars = st.none() | st.booleans() | numbers | texts | times


def _inside(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)


json_values = st.recursive(scalars, _inside, max_leaves=6) | st.builds(
    nested, scalars, st.sampled_from([30, 260, 600]), name=st.sampled_from([None, "a"])
)
"""What JSON text can say, within the limits of the parser."""


FIELDS = [name for cls in (Run, Step, Artifact, Source) for name in fields(cls)] + ["value"]


@st.composite
def runs(draw: st.DrawFn, limit: int = 20) -> Json:
    """A well-formed run with nested steps on a clock of whole seconds, some open, some that wait."""
    seconds = st.integers(0, limit)
    numbers = iter(range(10_000))
    run_id = draw(st.uuids()).hex

    def some_steps(depth: int) -> list[Json]:
        return [one_step(depth) for _ in range(draw(st.integers(0, 3 if depth < 2 else 0)))]

    def one_step(depth: int) -> Json:
        start, end = sorted((draw(seconds), draw(seconds)))
        kind = draw(st.sampled_from(["activity", "activity", "output", "interrupt", "error"]))
        made = step(
            f"{run_id}-{next(numbers)}", start, draw(st.sampled_from([end, end, end, None]))
        )
        made |= {"run_id": run_id, "type": kind, "steps": some_steps(depth + 1)}
        if kind == "interrupt":
            made["result"] = draw(
                st.sampled_from([{}, {"resolution": "skip"}, {"resolution": "auto_approve"}])
            )
        made["artifacts"] = [artifact() for _ in range(draw(st.integers(0, 1)))]
        for child in made["steps"]:
            child["parent_step_id"] = made["id"]
        return made

    start, end = sorted((draw(seconds), draw(seconds)))
    is_open = draw(st.booleans())
    return run(*some_steps(0), run_id=run_id, start=start, end=None if is_open else end)


WORDS_OF_ANSWERS = ("decision", "outcome", "answer", "verdict", "resolution", "reviewer", "note")


@st.composite
def asking_runs(draw: st.DrawFn) -> Json:
    """A run in any status with questions: items and steps that may be the same, answered or not."""
    made = draw(runs())
    names = st.sampled_from(["q0", "q1", "i0", "i1", "other"])
    labels = st.sampled_from(["Approve?", "Sure?", None])
    agents = st.sampled_from(["a", "b", None])
    words = st.sampled_from(["approve", "Decline", "skip"])
    answers = st.dictionaries(st.sampled_from(WORDS_OF_ANSWERS), words, max_size=2)
    for number in range(draw(st.integers(0, 3))):
        end = draw(st.sampled_from([None, 20]))
        result = draw(answers) if end else {}
        result |= draw(st.sampled_from([{}, {"interrupt_id": f"i{number}"}]))
        asks = step(f"q{number}", draw(st.integers(0, 20)), end, type="interrupt", result=result)
        made["steps"].append(asks | {"label": draw(labels), "agent": draw(agents)})
    items = [
        {"id": item_id, "value": {"label": draw(labels), "agent": draw(agents)}}
        for item_id in draw(st.lists(names, max_size=2, unique=True))
    ]
    status = draw(st.sampled_from(["running", "interrupted", "completed", "error", made["status"]]))
    return made | {"interrupts": items, "status": status}


def _objects(value: Any) -> list[Json]:
    """All objects in a run as `runs` makes it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] * isinstance(value, dict) + [found for item in inner for found in _objects(item)]


@st.composite
def mangled(draw: st.DrawFn) -> Any:
    """A good run of which some fields, at any depth, hold something else, and some are gone."""
    source = draw(runs())
    finding = {"id": draw(texts), "title": draw(texts), "type": "cip_summary", "confidence": "high"}
    finding["sources"] = [{"url": draw(texts | st.just("https://a.example/x"))}]
    source["output"] = {"artifacts": [finding]}
    value = {"label": draw(texts), "artifacts": [dict(finding)]}
    source["interrupts"] = [{"id": draw(texts), "value": value}] * draw(st.integers(0, 2))
    places = _objects(source)
    for place in draw(st.lists(st.sampled_from(places), max_size=5)):
        field, kind = (
            draw(st.sampled_from(FIELDS)),
            draw(st.sampled_from([json_values, json_values, times, texts, None])),
        )
        if kind is None:
            place.pop(field, None)
        else:
            place[field] = draw(kind)
    return source
