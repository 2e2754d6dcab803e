"""How things are measured: in turns within one process, as medians, each against what it may cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from random import Random
from typing import TypedDict


class Row(TypedDict):
    """One measurement. `limit`: the most that `value` may be; None if it is only told."""

    topic: str
    what: str
    value: float
    unit: str
    limit: float | None
    is_ok: bool


def row(topic: str, what: str, value: float, unit: str, limit: float | None = None) -> Row:
    """Make a row, judged by its limit."""
    is_ok = limit is None or value <= limit
    return {"topic": topic, "what": what, "value": value, "unit": unit, "limit": limit, "is_ok": is_ok}


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes; what it returns is dropped before the clock stops, as a user's code would."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median of what each way measures, all of them in turn, so that a busy machine is busy for all.

    In another order each time: what comes after a dear way would pay for its rest.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    order, random = list(ways), Random(0)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            taken[name].append(ways[name]())
    return {name: statistics.median(values) for name, values in taken.items()}
