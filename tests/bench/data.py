"""Runs to measure with: seeded, valid, and made one at a time, so that a file may be larger than memory.

`plain` is what the API's documentation shows: short results, a finding on one source in each group. `rich` is
what an investigation leaves: four levels, payloads of some 300 bytes, findings on three sources, questions,
errors, and runs that wait. Both have `STEPS_PER_RUN` steps in a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson

Json = dict[str, Any]

STEPS_PER_RUN = 50
STEPS_PER_CASE = 10  # of a rich run
PLAIN_SELF_S = 13 + 4 * 12  # self time of a group of five plain steps, counted by hand
RUN_S, CASE_S = 400, 60  # seconds: a plain run; from one case of a rich run to the next
WAITING_RUNS = 10  # one rich run in so many waits for a person
RUN, THREAD, STEP = range(3)  # kinds of ids
START = datetime(2026, 2, 3, 10, tzinfo=UTC)
AGENTS = ("tin_verification", "watchlist", "address", "web_presence", "industry")
SUMMARY = "The IRS record carries another last digit; the uploaded letter agrees with the IRS."


def lines(kind: str, n_steps: int) -> Iterator[bytes]:
    """NDJSON without line ends: as many runs of a kind as make `n_steps`."""
    return (orjson.dumps(KINDS[kind](number)) for number in range(n_steps // STEPS_PER_RUN))


def write(path: Path, kind: str, n_steps: int) -> Path:
    """Write `n_steps` steps to an NDJSON file, a run at a time."""
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in lines(kind, n_steps))
    return path


def plain_run(number: int) -> Json:
    """Ten containers of four steps that overlap, a finding in each."""
    run_id = _id(RUN, number)
    steps = []
    for group in range(STEPS_PER_RUN // 5):
        since = group * 30
        outer = _step(run_id, group * 5, since, since + 40, None)
        for inner in range(1, 5):
            start = since + inner * 5
            outer["steps"].append(_step(run_id, group * 5 + inner, start, start + 12, outer["id"]))
        outer["steps"][0]["artifacts"] = [_finding(group, 1)]
        steps.append(outer)
    return _run(run_id, number, steps, RUN_S)


def rich_run(number: int) -> Json:
    """Five cases after each other; the last question of some runs still waits."""
    cases = STEPS_PER_RUN // STEPS_PER_CASE
    made = long_run(cases * STEPS_PER_CASE, number)
    if number % WAITING_RUNS:
        return made
    question = made["steps"][-1]
    question |= {"status": "running", "completed_at": None, "result": {}}
    value = {"type": "decision", "agent": question["agent"], "label": question["label"]}
    asked = [{"id": question["id"], "value": value}]
    return made | {"status": "interrupted", "ended_at": None, "interrupts": asked}


def long_run(n_steps: int, number: int = 0) -> Json:
    """One rich run of `n_steps` steps, a multiple of `STEPS_PER_CASE`."""
    run_id, random = _id(RUN, number), Random(number)
    n_cases = n_steps // STEPS_PER_CASE
    steps = [step for case in range(n_cases) for step in _case(run_id, case, random)]
    return _run(run_id, number, steps, n_cases * CASE_S + CASE_S)


KINDS: dict[str, Callable[[int], Json]] = {"plain": plain_run, "rich": rich_run}


def _case(run_id: str, case: int, random: Random) -> list[Json]:
    """An agent's work, four deep, and a question about it: ten steps that begin within a minute."""
    since = case * CASE_S + random.uniform(0, 5)
    agent = AGENTS[random.randrange(len(AGENTS))]
    first = case * STEPS_PER_CASE

    def step(place: int, start: float, end: float, parent: Json | None, **more: Any) -> Json:
        of = None if parent is None else parent["id"]
        made = _step(run_id, first + place, since + start, since + end, of) | {"agent": agent} | more
        if parent is not None:
            parent["steps"].append(made)
        return made

    dispatch = step(0, 0, 50, None, name="dispatch", label=f"Dispatching {agent}")
    research = step(1, 1, 40, dispatch, name="research", label=f"Researching case {case}")
    for branch, place in enumerate((2, 5)):
        begin = 2 + branch * random.uniform(1, 18)
        check = step(place, begin, begin + 19, research, name="check", label="Comparing records")
        check["artifacts"] = [_finding(first + place, 3)]
        for leaf in (1, 2):
            start = begin + leaf * random.uniform(0.5, 8)
            end = min(start + random.expovariate(0.5), begin + 19)
            look_up = step(place + leaf, start, end, check, result=_payload(random))
            look_up |= {"name": "look_up", "label": f"Looking up source {random.randrange(40)}"}
            if random.random() < 0.01:
                look_up |= {"type": "error", "status": "error"}
    step(8, 41, 49, dispatch, type="output", name="summarise", label="Summarising the findings")
    answer = {"resolution": "auto_approve"} if random.random() < 0.5 else {}
    words = {"type": "interrupt", "name": "await_review", "label": "Approve the findings?", "result": answer}
    return [dispatch, step(9, 50, 50 + random.uniform(0.1, 9), None, **words)]


def _run(run_id: str, number: int, steps: list[Json], seconds: float) -> Json:
    return {
        "object": "run",
        "id": run_id,
        "created_at": _at(-1),
        "updated_at": _at(seconds),
        "status": "completed",
        "thread_id": _id(THREAD, number),
        "agent": "cip_orchestrator",
        "started_at": _at(0),
        "ended_at": _at(seconds),
        "interrupts": [],
        "steps": steps,
    }


def _step(run_id: str, number: int, start: float, end: float, parent: str | None) -> Json:
    return {
        "id": _id(STEP, int(run_id[:8], 16), number),
        "run_id": run_id,
        "agent": "tin_verification",
        "type": "activity",
        "name": "research_tin",
        "label": "Researching TIN verification",
        "parent_step_id": parent,
        "status": "completed",
        "started_at": _at(start),
        "completed_at": _at(end),
        "steps": [],
        "result": {},
        "artifacts": [],
    }


def _finding(number: int, n_sources: int) -> Json:
    sources = [
        {
            "url": f"https://records-{place}.example.gov/search/{number % 1_000}",
            "source_name": "IRS TIN Matching",
            "source_tier": "government",
            "source_type": "tin_match",
        }
        for place in range(n_sources)
    ]
    return {
        "title": f"Finding {number}",
        "type": "tin_verification",
        "confidence": ("high", "medium", "low")[number % 3],
        "summary": SUMMARY,
        "sources": sources,
    }


def _payload(random: Random) -> Json:
    """What a look-up came back with: some 300 bytes of JSON."""
    return {
        "query": {"name": f"Business {random.randrange(10_000)} LLC", "state": "NY", "page": 1},
        "matched": random.random() < 0.9,
        "score": round(random.random(), 4),
        "fields": ["name", "address", "officers", "filing_date"],
        "note": SUMMARY[: random.randrange(40, len(SUMMARY))] + " Looked at by the specialist agent.",
        "took_ms": random.randrange(5_000),
    }


def _id(kind: int, run: int, step: int = 0) -> str:
    """An id in the shape of a UUID, without the cost of making one."""
    return f"{run:08x}-{kind:04x}-4000-8000-{step:012x}"


def _at(seconds: float) -> str:
    moment = START + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
