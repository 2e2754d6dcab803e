"""Runs to measure with: seeded, valid, and made one at a time, so that a file may be larger than memory.

They are what an investigation leaves: four levels, results of some 300 bytes, findings on three sources,
questions and errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson

Json = dict[str, Any]

STEPS_PER_RUN = 50
STEPS_PER_CASE = 10
CASE_S = 60  # seconds from one case of a run to the next
START = datetime(2026, 2, 3, 10, tzinfo=UTC)
AGENTS = ("tin_verification", "watchlist", "address", "web_presence", "industry")
SUMMARY = "The IRS record carries another last digit; the uploaded letter agrees with the IRS."


def lines(n_steps: int) -> Iterator[bytes]:
    """NDJSON without line ends: as many runs as make `n_steps`."""
    return (orjson.dumps(made_run(STEPS_PER_RUN, number)) for number in range(n_steps // STEPS_PER_RUN))


def write(path: Path, n_steps: int) -> Path:
    """Write `n_steps` steps to an NDJSON file, a run at a time."""
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in lines(n_steps))
    return path


def made_run(n_steps: int, number: int = 0) -> Json:
    """One run of `n_steps` steps, a multiple of `STEPS_PER_CASE`."""
    run_id, random = _id(number), Random(number)
    n_cases = n_steps // STEPS_PER_CASE
    ended_at = _at(n_cases * CASE_S + CASE_S)
    return {
        "object": "run",
        "id": run_id,
        "created_at": (START + timedelta(minutes=number)).isoformat(),
        "updated_at": ended_at,
        "status": "completed",
        "agent": "cip_orchestrator",
        "started_at": _at(0),
        "ended_at": ended_at,
        "interrupts": [],
        "steps": [step for case in range(n_cases) for step in _case(run_id, case, random)],
    }


def _case(run_id: str, case: int, random: Random) -> list[Json]:
    """An agent's work, four deep, and a question about it: ten steps that begin within a minute."""
    since = case * CASE_S + random.uniform(0, 5)
    agent = random.choice(AGENTS)
    first = case * STEPS_PER_CASE

    def step(place: int, start: float, end: float, parent: Json | None, **more: Any) -> Json:
        made = {
            "id": f"{run_id[:-12]}{first + place:012x}",
            "run_id": run_id,
            "agent": agent,
            "type": "activity",
            "parent_step_id": parent and parent["id"],
            "status": "completed",
            "started_at": _at(since + start),
            "completed_at": _at(since + end),
            "steps": [],
            "result": {},
            "artifacts": [],
            **more,
        }
        if parent is not None:
            parent["steps"].append(made)
        return made

    dispatch = step(0, 0, 50, None, name="dispatch", label=f"Dispatching {agent}")
    research = step(1, 1, 40, dispatch, name="research", label=f"Researching case {case}")
    for branch, place in enumerate((2, 5)):
        begin = 2 + branch * random.uniform(1, 18)
        check = step(place, begin, begin + 19, research, name="check", label="Comparing records")
        check["artifacts"] = [_finding(first + place)]
        for leaf in (1, 2):
            start = begin + leaf * random.uniform(0.5, 8)
            end = min(start + random.expovariate(0.5), begin + 19)
            look_up = step(place + leaf, start, end, check, name="look_up", result=_payload(random))
            look_up["label"] = f"Looking up source {random.randrange(40)}"
            if random.random() < 0.01:
                look_up |= {"type": "error", "status": "error"}
    step(8, 41, 49, dispatch, type="output", name="summarize", label="Summarizing the findings")
    question = {"type": "interrupt", "name": "await_review", "label": "Approve the findings?"}
    return [dispatch, step(9, 50, 50 + random.uniform(0.1, 9), None, **question)]


def _finding(number: int) -> Json:
    source = {"source_name": "IRS TIN Matching", "source_tier": "government", "source_type": "tin_match"}
    urls = [f"https://records-{place}.example.gov/search/{number % 1_000}" for place in range(3)]
    return {
        "title": f"Finding {number}",
        "type": "tin_verification",
        "confidence": ("high", "medium", "low")[number % 3],
        "summary": SUMMARY,
        "sources": [{"url": url, **source} for url in urls],
    }


def _payload(random: Random) -> Json:
    """What a look-up came back with: some 300 bytes of JSON."""
    return {
        "query": {"name": f"Business {random.randrange(10_000)} LLC", "state": "NY", "page": 1},
        "matched": random.random() < 0.9,
        "score": round(random.random(), 4),
        "fields": ["name", "address", "officers", "filing_date"],
        "note": SUMMARY[: random.randrange(40, len(SUMMARY))] + " Looked at by the specialist agent.",
    }


def _id(run: int) -> str:
    """An id in the shape of a UUID, without the cost of making one."""
    return f"{run:08x}-0000-4000-8000-{0:012x}"


def _at(seconds: float) -> str:
    moment = START + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
