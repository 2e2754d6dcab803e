"""Small runs for tests: a builder that fills in what a test does not care about."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

Json = dict[str, Any]
EXAMPLES = Path(__file__).parent / "examples"
START = datetime(2026, 2, 3, 10, tzinfo=UTC)
BROWSER_TIMEOUT = 30_000  # milliseconds; a busy machine is slow
JOBS = "runkit-fetch"  # the start of the names of threads that end by themselves


def until(is_true: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.02)


def jobs() -> list[threading.Thread]:
    """Return the threads of runkit that run and end by themselves."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith(JOBS)]
    for thread in threads:
        thread._started.wait(1)  # type: ignore[attr-defined]  # one that starts cannot be joined
    return threads


def at(seconds: float) -> str:
    """The time `seconds` after the start of all test runs, as the API writes it."""
    return (
        (START + timedelta(seconds=seconds))
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def step(step_id: str, start: float = 0, end: float | None = 10, **more: Any) -> Json:
    """A step from `start` to `end` in seconds; `end=None` is open."""
    return {
        "id": step_id,
        "agent": "cip_orchestrator",
        "type": "activity",
        "name": "work",
        "label": f"Step {step_id}",
        "parent_step_id": None,
        "status": "running" if end is None else "completed",
        "started_at": at(start),
        "completed_at": None if end is None else at(end),
        "steps": [],
        "artifacts": [],
    } | more


def run(
    *steps: Json, run_id: str = "r", start: float = 0, end: float | None = 100, **more: Any
) -> Json:
    """A run from `start` to `end` in seconds with these top-level steps; `end=None` is running."""
    return {
        "object": "run",
        "id": run_id,
        "created_at": at(start - 1),
        "updated_at": at(start if end is None else end),
        "status": "running" if end is None else "completed",
        "agent": "cip_orchestrator",
        "started_at": at(start),
        "ended_at": None if end is None else at(end),
        "interrupts": [],
        "steps": list(steps),
    } | more


def numbered(runs: Iterable[Json]) -> list[Json]:
    """The runs, each with its position as its id."""
    return [raw | {"id": str(number)} for number, raw in enumerate(runs)]


def column(df: pd.DataFrame, name: str) -> list[Any]:
    """The values of a column, None for null."""
    values = df[name].astype(object)
    return values.where(values.notna(), None).tolist()


def check_equal(left: Mapping[str, pd.DataFrame], right: Mapping[str, pd.DataFrame]) -> None:
    """Check that all frames are equal."""
    for name, df in left.items():
        pd.testing.assert_frame_equal(df, right[name], obj=name)


def artifact(title: str = "Finding", **more: Any) -> Json:
    """A finding without sources."""
    return {"title": title, "type": "cip_summary", "confidence": "high", "sources": []} | more


def question(step_id: str, start: float, end: float | None, **more: Any) -> Json:
    """An interrupt step."""
    return step(step_id, start, end, type="interrupt", name="await_review") | more


def example(name: str) -> Json:
    """One of the composed example runs: minimal, interrupted or completed."""
    loaded: Json = json.loads((EXAMPLES / f"run_{name}.json").read_text())
    return loaded


def flat(steps: list[Json]) -> list[Json]:
    """All steps of a nested list in tree order."""
    out = []
    for item in steps:
        out += [item, *flat(item["steps"])]
    return out


STEP_FIELDS = (
    "id run_id agent type name label parent_step_id status started_at completed_at steps result"
)
PAGE_FIELDS = {
    "run": "object id created_at updated_at status started_at ended_at steps interrupts",
    "step": f"{STEP_FIELDS} artifacts",
    "artifact": "title type confidence summary sources",
    "source": "url source_name source_tier source_type",
}
"""The fields of a run and its parts on the API's object page."""


def object_page_form(raw: Json) -> Json:
    """The run as the object page shows it: without other fields, its output in the last output step."""
    parts = {"steps": "step", "artifacts": "artifact", "sources": "source"}

    def cut(item: Json, kind: str) -> Json:
        kept = {name: item[name] for name in PAGE_FIELDS[kind].split() if name in item}
        return kept | {
            name: [cut(inner, parts[name]) for inner in kept[name]]
            for name in parts
            if kept.get(name)
        }

    page = cut(raw, "run")
    if raw.get("output"):
        last = [item for item in page["steps"] if item["type"] == "output"][-1]
        last["artifacts"] = [cut(item, "artifact") for item in raw["output"]["artifacts"]]
    return page
