"""One record that is a run: its checked fields, and its steps in tree order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from oracle.values import (
    ERROR_NAMES,
    FAILED,
    MAX_DEPTH,
    OVER,
    POLICY,
    TIMES,
    Json,
    first_text,
    instant,
    objects,
    part,
    seconds,
    text,
)


class Step:
    """One step, with what it is in its run."""

    def __init__(self, raw: Json, parent: Step | None, run: Reading) -> None:
        self.raw, self.parent, self.run = raw, parent, run
        self.depth = parent.depth + 1 if parent else 0
        self.children: list[Step] = []
        self.start = instant(raw.get("started_at"))
        self.completed = instant(raw.get("completed_at"))
        self.result = part(raw.get("result"))
        self.agent = text(raw.get("agent")) or text(raw.get("graph"))
        self.status = text(raw.get("status"))
        self.is_question = raw.get("type") == "interrupt"
        self.is_over = self.completed is not None or self.status in OVER
        if self.is_question and self.status in FAILED:
            self.is_over = False  # an error is no answer
        settled = text(self.result.get("resolution")) or text(raw.get("resolution")) or ""
        self.policy = settled.lower() if settled.lower() in POLICY else None
        self.is_wait = self.is_question and not self.policy
        words = (raw.get("type"), self.status)
        self.is_failed = not self.is_question and any(item in FAILED for item in words)
        is_settled = self.is_question and self.policy is not None
        self.is_settled = self.is_over or self.is_failed or is_settled
        self.is_open_question = self.is_question and not self.is_settled

    @property
    def end(self) -> int | None:
        """When it ended, `as_of` while it is open, None where nobody knows."""
        if self.completed is not None:
            return self.completed
        return None if self.is_settled or self.run.is_over else self.run.as_of

    @property
    def length(self) -> float | None:
        """How long it took, None where nobody knows."""
        return seconds(self.start, self.end)

    @property
    def label(self) -> str | None:
        """The label, else the name, else the type."""
        return first_text(("label", "name", "type"), self.raw)

    @property
    def state(self) -> str:
        """What it is, in one word."""
        if self.is_failed:
            return "failed"
        if self.is_settled:
            return "done"
        if self.run.is_over:
            return "expired"
        return "waiting" if self.is_question else "running"

    @property
    def is_cause(self) -> bool:
        """Whether it failed, and not because a child did."""
        return self.is_failed and not any(child.is_failed for child in self.children)

    @property
    def reason(self) -> str | None:
        """The text of the result with its code, the label of an error step, its artifact."""
        is_error = self.raw.get("type") == "error"
        label = text(self.raw.get("label")) if is_error else None
        records = [item for item in self.artifacts or [] if is_error or item.get("type") == "error"]
        texts = (first_text(("summary", "title"), item) for item in records)
        return failure(self.result) or label or next(filter(None, texts), None)

    @property
    def artifacts(self) -> list[Json] | None:
        """What it found, None where the list is absent."""
        return objects(self.raw.get("artifacts"))

    def self_s(self) -> float | None:
        """The length without the time in which a child is open."""
        if self.length is None or any(child.length is None for child in self.children):
            return None
        spans = [(child.start, child.end) for child in self.children]
        edges = sorted({self.start, self.end, *(edge for span in spans for edge in span)})
        alone = [
            b - a
            for a, b in pairwise(edges)
            if self.start <= a < self.end and not any(x <= a < y for x, y in spans)
        ]
        return sum(alone) / 1e6


def failure(result: Json) -> str | None:
    """Return the reason in a result, nested once, with its code in brackets."""

    def read(place: Json, depth: int) -> tuple[str | None, Any]:
        code = place["code"] if isinstance(place.get("code"), str | int) else None
        for name in ERROR_NAMES:
            value = place.get(name)
            value = value[0] if isinstance(value, list) and value else value
            if text(value):
                return text(value), code
            if isinstance(value, dict) and not depth:
                found, inner = read(value, 1)
                if found:
                    return found, inner if inner is not None else code
        return None, code

    found, code = read(result, 0)
    return f"{found} ({code})" if found and code is not None else found


class NoTree(Exception):
    """The steps of a run are no tree."""


class Reading:
    """A record that is a run: its checked fields, its steps in tree order, its questions."""

    as_of: int
    open_aside: list[Wait]  # open questions that are no step

    def __init__(self, raw: Json, event: Json | None = None) -> None:
        self.raw, self.id = raw, raw["id"]
        self.event_at = instant((event or {}).get("created_at"))
        local = part(raw.get("_runkit"))
        self.read_at = instant(local.get("read_at"))
        names = ("business_id", "business_name", "business_status")
        self.business = {name: text(local.get(name)) for name in names}
        self.updated_at = instant(raw["updated_at"])
        self.start, self.ended_at = instant(raw.get("started_at")), instant(raw.get("ended_at"))
        self.status = raw["status"]
        self.is_over = self.status in OVER or self.ended_at is not None
        self.steps: list[Step] = []
        try:
            self._read_steps(raw.get("steps") or [])
        except NoTree:
            self.steps = []
        self.items = objects(raw.get("interrupts")) or []

    def _read_steps(self, value: Any) -> None:
        """Put the steps in tree order."""
        listed: list[tuple[Json, Any]] = []  # each step with the id of its parent

        def collect(items: Any, parent_id: Any) -> None:
            if not isinstance(items, list):
                raise NoTree
            for item in items:
                if not isinstance(item, dict) or not text(item.get("id")):
                    raise NoTree
                listed.append(
                    (item, item.get("parent_step_id") if parent_id is None else parent_id)
                )
                collect(item.get("steps") or [], item["id"])

        def place(parent_id: Any, parent: Step | None) -> None:
            for item, its_parent in listed:
                if its_parent == parent_id:
                    step = Step(item, parent, self)
                    self.steps.append(step)
                    if parent:
                        parent.children.append(step)
                    place(item["id"], step)

        collect(value, None)
        ids = {item["id"] for item, _ in listed}
        if len(ids) < len(listed) or any(parent not in {None, *ids} for _, parent in listed):
            raise NoTree
        place(None, None)
        # Those of a cycle hang on nothing.
        if len(self.steps) < len(listed) or any(step.depth >= MAX_DEPTH for step in self.steps):
            raise NoTree

    @property
    def times(self) -> list[int]:
        """All times that are in it."""
        places = [self.raw, *(step.raw for step in self.steps)]
        found = [instant(place.get(name)) for place in places for name in TIMES]
        return [time for time in [*found, self.event_at] if time is not None]

    @property
    def end(self) -> int | None:
        """When it ended, `as_of` while it is open."""
        return self.ended_at if self.is_over else self.as_of

    @property
    def top(self) -> list[Step]:
        """The steps without a parent."""
        return [step for step in self.steps if step.parent is None]

    @property
    def agent(self) -> str | None:
        """Its agent, else that of a top-level step."""
        found = [text(self.raw.get("agent")), *(step.agent for step in self.top)]
        return next(filter(None, found), None)

    @property
    def has_budget(self) -> bool:
        """Whether the length of each part is known."""
        lengths = [step.length for step in self.steps]
        return bool(lengths) and None not in [*lengths, seconds(self.start, self.end)]


class Wait(NamedTuple):
    """The span of an open question that is no step."""

    start: int
    end: int
