"""The six frames by a plain loop over parsed JSON: what every cell of runkit's frames must be.

Written from the rules of the frames alone, and never from the library. Times are whole
microseconds, spans are seconds, null is None; a frame is a list of rows. `differences` compares
real frames with it, cell by cell, but for `NOT_FIXED`: what no rule fixes.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pandas as pd

import runkit

Json = dict[str, Any]
Row = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REQUIRED = ("id", "created_at", "updated_at", "status")
TIMES = ("created_at", "updated_at", "started_at", "ended_at", "completed_at")
MAX_DEPTH = 255
OVER = ("completed", "error", "failed")
FAILED = ("error", "failed")
RUN_WORDS = ("running", "pending", "interrupted", *OVER)
STEP_WORDS = ("running", "pending", *OVER)
STEP_TYPES = ("activity", "output", "interrupt", "error")
POLICY = ("auto_approve", "skip")
CONFIDENCES = ("high", "medium", "low")
TIERS = ("government", "primary", "secondary")
QUESTION_NAMES = ("message", "question", "prompt", "title", "text", "description", "label")
DECISION_NAMES = ("decision", "outcome", "answer", "approved", "verdict")
WHO_NAMES = ("answered_by", "decided_by", "reviewer", "reviewed_by", "approved_by", "user")
WHY_NAMES = ("reason", "note", "comment")
ERROR_NAMES = ("error", "message", "error_message", "reason", "detail", "exception", "errors")


class Tables(NamedTuple):
    """Six frames as lists of rows, the clock, and what is missing."""

    runs: list[Row]
    steps: list[Row]
    artifacts: list[Row]
    sources: list[Row]
    interrupts: list[Row]
    n_problems: Counter[str | None]  # by run; steps that were not read are one problem
    without_steps: set[str]  # runs whose steps were not read
    as_of: int | None
    as_of_basis: str
    missing: list[str]


# ------------------------------------------------------------------------------------------ values


def text(value: Any) -> str | None:
    """Return a text without space around it, None for anything else and for a blank one."""
    return value.strip() or None if isinstance(value, str) else None


def instant(value: Any) -> int | None:
    """Return a time in microseconds, None where it is none."""
    try:
        return (datetime.fromisoformat(value) - EPOCH) // (datetime.resolution)
    except (TypeError, ValueError):
        return None


def first_text(names: tuple[str, ...], *places: Any) -> str | None:
    """Return the first text under these names."""
    found = [text(place.get(name)) for place in places if isinstance(place, dict) for name in names]
    return next((word for word in found if word), None)


def word(value: Any) -> str | None:
    """Return an open word, a number as its text."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else text(value)


def position(value: str | None, words: tuple[str, ...]) -> int:
    """Return where a word stands in the order, after all others where it is not known."""
    known = (value or "").lower()
    return words.index(known) if known in words else len(words)


def seconds(start: int | None, end: int | None) -> float | None:
    """Return the length of a span, None where an end is not known or the two contradict."""
    return None if start is None or end is None or end < start else (end - start) / 1e6


def objects(value: Any) -> list[Json] | None:
    """Return a list of objects, None where the value is none."""
    is_list = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return value if is_list else None


def part(value: Any) -> Json:
    """Return an object, an empty one where the value is none."""
    return value if isinstance(value, dict) else {}


# ------------------------------------------------------------------------------------------- steps


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
        self.is_over = self.completed is not None or self.status in OVER
        self.is_question = raw.get("type") == "interrupt"
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
        """How long it took, in seconds."""
        return seconds(self.start, self.end)

    @property
    def label(self) -> str | None:
        """Its label, else its name, else its type."""
        return next(filter(None, (text(self.raw.get(name)) for name in ("label", "name", "type"))))

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
        """Whether it failed without a failed child."""
        return self.is_failed and not any(child.is_failed for child in self.children)

    @property
    def reason(self) -> str | None:
        """The text of the result with its code, the label of an error step, its artifact."""
        label = text(self.raw.get("label")) if self.raw.get("type") == "error" else None
        titles = [text(item.get("title")) for item in self.artifacts or []]
        return failure(self.result) or label or next(filter(None, titles), None)

    @property
    def artifacts(self) -> list[Json] | None:
        """What it found."""
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
        code = next((place[name] for name in ("code",) if name in place), None)
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


# ------------------------------------------------------------------------------------- one record


class Reading:
    """A record that is a run: its checked fields, its steps in tree order, its questions."""

    as_of: int
    asked_aside: list[Wait]  # open questions that are no step

    def __init__(self, raw: Json, event: Json | None = None) -> None:
        self.raw, self.id = raw, raw["id"]
        self.event_at = instant((event or {}).get("created_at"))
        self.read_at = instant(part(raw.get("_runkit")).get("read_at"))
        self.updated_at = instant(raw["updated_at"])
        self.start, self.ended_at = instant(raw.get("started_at")), instant(raw.get("ended_at"))
        self.status = raw["status"]
        self.is_over = self.status in OVER or self.ended_at is not None
        self.n_breaches = 0
        self.steps: list[Step] = []
        self._read_steps(raw.get("steps"))
        self.items = objects(raw.get("interrupts")) or []

    def _read_steps(self, value: Any) -> None:
        """Put the steps in tree order; any breach leaves the run without steps."""
        if value is None:
            return
        nested: list[tuple[Any, Any]] = []  # the step and the id of its parent

        def collect(items: Any, parent: Any) -> None:
            if not isinstance(items, list):
                items = [None]
            for item in items:
                if not isinstance(item, dict) or not text(item.get("id")):
                    self.n_breaches += 1
                    continue
                nested.append((item, parent if parent is not None else item.get("parent_step_id")))
                if item.get("steps") is not None:
                    collect(item["steps"], item["id"])

        collect(value, None)
        ids = Counter(item["id"] for item, _ in nested)
        self.n_breaches += sum(count - 1 for count in ids.values())
        self.n_breaches += sum(parent is not None and parent not in ids for _, parent in nested)
        if self.n_breaches:
            return

        def place(parent_id: Any, parent: Step | None) -> None:
            for item, of in nested:
                if of == parent_id:
                    step = Step(item, parent, self)
                    self.steps.append(step)
                    if parent:
                        parent.children.append(step)
                    place(item["id"], step)

        place(None, None)
        lost = len(nested) - len(self.steps)  # those of a cycle hang on nothing
        too_deep = sum(step.depth >= MAX_DEPTH for step in self.steps)
        self.n_breaches = lost + too_deep
        if self.n_breaches:
            self.steps = []

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
        """Its own agent, else that of what belongs to it."""
        found = [text(self.raw.get("agent")), *(step.agent for step in self.top)]
        return next(filter(None, found), None)

    @property
    def has_budget(self) -> bool:
        """Whether all its lengths are known."""
        lengths = [step.length for step in self.steps]
        return bool(lengths) and None not in [*lengths, seconds(self.start, self.end)]


# ---------------------------------------------------------------------------- budget and the path


class Wait(NamedTuple):
    """The span of an open question that is no step."""

    start: int
    end: int


def waits_of(run: Reading) -> list[Step | Wait]:
    """Return the spans of the questions to a person: steps, and open ones without a step."""
    return [*(step for step in run.steps if step.is_wait), *run.asked_aside]


def question_at(run: Reading, time: int) -> Step | Wait | None:
    """Return the question to which a time belongs: it closes last, at a tie it was asked first."""
    is_open = [wait for wait in waits_of(run) if wait.start <= time < wait.end]
    return min(
        is_open,
        key=lambda wait: (-min(wait.end, run.end), max(wait.start, run.start)),
        default=None,
    )


def pieces(run: Reading) -> list[tuple[int, int]]:
    """Return the time of a run, cut wherever something begins or ends."""
    edges = {run.start, run.end}
    for step in [*run.steps, *run.asked_aside]:
        edges |= {min(max(edge, run.start), run.end) for edge in (step.start, step.end)}
    ordered = sorted(edges)
    return list(pairwise(ordered))


def budget(run: Reading) -> Row:
    """Return where the time of a run went."""
    spent = dict.fromkeys(("working_s", "waiting_s", "idle_s"), 0)
    for since, until in pieces(run):
        is_working = any(step.start <= since < step.end for step in run.steps)
        state = "working_s" if is_working else "idle_s"
        spent["waiting_s" if question_at(run, since) else state] += until - since
    return {name: total / 1e6 for name, total in spent.items()}


def critical_path(run: Reading) -> Counter[Step | Wait | None]:
    """Return the time of each step on the path: waits are cut out, and the rest is walked back."""
    path: Counter[Step | Wait | None] = Counter()
    work = []
    for since, until in pieces(run):
        question = question_at(run, since)
        if question:
            path[question] += until - since
        else:
            work.append((since, until))

    def give(step: Step | None, low: int, high: int) -> None:
        path[step] += sum(until - since for since, until in work[low:high])

    def walk(parent: Step | None, low: int, high: int) -> None:
        spans = {}
        for step in parent.children if parent else run.top:
            inside = [n for n in range(low, high) if step.start <= work[n][0] < step.end]
            if inside and not step.is_wait:
                spans[step] = inside[0], inside[-1] + 1
        cursor = high
        while before := [step for step, (since, _) in spans.items() if since < cursor]:
            last = min(before, key=lambda step: (-min(spans[step][1], cursor), spans[step][0]))
            since, until = spans[last]
            until = min(until, cursor)
            give(parent, until, cursor)
            walk(last, since, until)
            cursor = since
        give(parent, low, cursor)

    walk(None, 0, len(work))
    return path


# --------------------------------------------------------------------------------------- questions


class Question(NamedTuple):
    """An item, a step, or both; neither where a run waits for what is not in the data."""

    item: Json | None
    step: Step | None

    @property
    def value(self) -> Json:
        """What it asks: the value of the item, or the item itself."""
        item = self.item or {}
        return item["value"] if isinstance(item.get("value"), dict) else item

    @property
    def agent(self) -> str | None:
        """Its own agent, else that of what belongs to it."""
        own = first_text(("agent",), self.item, self.value)
        return own or (self.step.agent if self.step else None)

    @property
    def proposals(self) -> list[tuple[str | None, Json]]:
        """The proposed artifacts, each with its agent."""
        parts = objects(self.value.get("proposals"))
        parts = [self.value] if parts is None else parts
        found = [
            (text(part_.get("agent")) or self.agent, item)
            for part_ in parts
            for item in objects(part_.get("artifacts")) or []
        ]
        own = (self.step.artifacts or []) if self.step else []
        return found or [(self.step.agent, item) for item in own if self.step]

    @property
    def titles(self) -> str | None:
        """The titles of what it proposes."""
        titles = [text(item.get("title")) for _, item in self.proposals]
        return "; ".join(filter(None, titles)) or None

    @property
    def kind(self) -> str | None:
        """Its type."""
        return text(self.value.get("type"))

    @property
    def label(self) -> str | None:
        """Its label, else its name, else its type."""
        own = first_text(("label",), self.value, self.item)
        own = own or (text(self.step.raw.get("label")) if self.step else None)
        asked = first_text(QUESTION_NAMES, self.value, self.item)
        return own or asked or self.titles or self.kind


def questions(run: Reading) -> list[Question]:
    """Return each question once: an item and its open step are one."""
    asked = [step for step in run.steps if step.is_open_question]
    items = list(run.items)
    pairs: list[Question] = []

    def take(item: Json, step: Step) -> None:
        pairs.append(Question(item, step))
        items.remove(item)
        asked.remove(step)

    for item in run.items:
        ids = {item.get("id"), item.get("step_id")} - {None}
        same = [
            step
            for step in asked
            if step.raw["id"] in ids or step.result.get("interrupt_id") in ids
        ]
        if same:
            take(item, same[0])

    def look(question: Question) -> tuple[str | None, str | None]:
        step = question.step
        label = step.raw.get("label") if step else first_text(("label",), question.value)
        return question.agent, text(label)

    looks = Counter(look(Question(item, None)) for item in items)
    step_looks = Counter(look(Question(None, step)) for step in asked)
    for item in list(items):
        own = look(Question(item, None))
        if looks[own] == step_looks[own] == 1:
            take(item, next(step for step in asked if look(Question(None, step)) == own))
    if len(items) == len(asked) == 1:
        take(items[0], asked[0])
    if items:
        asked = []  # several may be meant: nothing says which step is whose
    rows = pairs + [Question(item, None) for item in items]
    settled = [step for step in run.steps if step.is_question and not step.is_open_question]
    rows += [Question(None, step) for step in [*asked, *settled]]
    in_order = {step: number for number, step in enumerate(run.steps)}
    rows.sort(key=lambda row: in_order.get(row.step, len(in_order)))  # those without a step last
    if run.status == "interrupted" and not run.is_over and not (pairs or items or asked):
        rows.append(Question(None, None))
    return rows


def decision(result: Json, item: Json | None) -> str | None:
    """Return the data's own words of a decision; other names that say something else stand, too."""

    def said(place: Json) -> list[str]:
        words = []
        for name in (*DECISION_NAMES, "resolution"):
            value = place.get(name)
            own = f"{name}: {str(value).lower()}" if isinstance(value, bool) else text(value)
            if own and not (name == "resolution" and own.lower() in POLICY):
                words.append(own)
        return words

    places = [result, item or {}, part(result.get("input")), part((item or {}).get("input"))]
    for place in places:
        parts = objects(place.get("proposals")) or []
        each = [(text(one.get("agent")), " / ".join(said(one))) for one in parts]
        if any(own for _, own in each):
            return "; ".join(f"{agent}: {own}" if agent else own for agent, own in each if own)
    different: dict[str, str] = {}
    for place in places:
        for own in said(place):
            different.setdefault(own.lower(), own)
    return " / ".join(different.values()) or None


def person(*places: Json) -> str | None:
    """Return who answered, by name."""
    for place in places:
        for name in WHO_NAMES:
            value = place.get(name)
            found = text(value) or text(part(value).get("name"))
            if found:
                return found
    return None


def interrupt_row(run: Reading, question: Question) -> Row:
    """Return the row of a question."""
    step, item = question.step, question.item
    result = step.result if step else {}
    is_settled = step is not None and not step.is_open_question
    outcome = "expired" if run.is_over else "pending"
    if is_settled:
        outcome = step.policy or "answered"
    asked_at = run.updated_at if outcome == "pending" else None
    asked_at = step.start if step else asked_at
    answered_at = step.completed if is_settled else None
    places = [result, item or {}, part(result.get("input"))]
    is_answered = outcome == "answered"
    return {
        "run_id": run.id,
        "interrupt_id": first_text(("id",), item) or text(result.get("interrupt_id")),
        "step_id": step.raw["id"] if step else None,
        "agent": question.agent,
        "business_name": None,
        "label": question.label,
        "proposed": question.titles,
        "n_proposals": len(question.proposals),
        "asked_at": asked_at,
        "answered_at": answered_at,
        "wait_s": seconds(asked_at, run.as_of if outcome == "pending" else answered_at),
        "outcome": outcome,
        "decision": decision(result, item) if is_answered else None,
        "answered_by": person(*places) if is_answered else None,
        "reason": first_text(WHY_NAMES, *places) if is_answered else None,
    }


# --------------------------------------------------------------------------------------- artifacts


def artifact_rows(run: Reading, asked: list[Question]) -> tuple[list[Row], list[Row]]:
    """Return what was found, proposed and delivered, and the sources of each."""
    own_output = objects(part(run.raw.get("output")).get("artifacts"))
    found: list[tuple[str, Step | None, Question | None, str | None, Json]] = []
    of_step = {question.step: question for question in asked if question.step}
    for step in run.steps:
        question = of_step.get(step)
        if step.is_question:
            own = question or Question(None, step)
            found += [("proposal", step, own, agent, item) for agent, item in own.proposals]
            continue
        is_output = step.raw.get("type") == "output" and not step.parent and not own_output
        origin = "output" if is_output else "finding"
        found += [(origin, step, None, step.agent, item) for item in step.artifacts or []]
    for question in asked:
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
        is_repeat = bool(origin == "proposal" and finders & {agent, run.agent})
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


# -------------------------------------------------------------------------------------------- runs


def result_words(value: Any, name: str = "") -> list[str]:
    """Return a result as `name: value`, for each value in it."""
    if isinstance(value, dict):
        return [
            item
            for key, inner in value.items()
            for item in result_words(inner, f"{name} {key.replace('_', ' ')}".strip())
        ]
    shown = value if isinstance(value, str) else json.dumps(value)
    return [] if value is None else [f"{name}: {shown}"]


def outcome(run: Reading, artifacts: list[Row], asked: list[Row]) -> str | None:
    """Return how a run ended, or for what it waits."""
    if run.status in FAILED:
        causes = [step for step in run.steps if step.is_cause]
        if not causes:
            return None
        cause = max(causes, key=lambda step: (step.end or 0, run.steps.index(step)))
        return cause.reason or f"failed in {cause.label}"
    pending = [row for row in asked if row["outcome"] == "pending"]
    if pending:
        return pending[0]["label"]
    titles = [row["title"] for row in artifacts if row["origin"] == "output"]
    if titles:
        return titles[0] + (f" +{len(titles) - 1}" if titles[1:] else "")
    delivered = [step for step in run.top if step.raw.get("type") == "output"]
    if run.status == "completed" and delivered:
        words = result_words(delivered[-1].result)
        more = f" +{len(words) - 3}" if len(words) > 3 else ""
        return ", ".join(words[:3]) + more or None
    return None


def run_row(
    run: Reading, n_copies: int, artifacts: list[Row], sources: list[Row], asked: list[Row]
) -> Row:
    """Return the row of a run."""
    raw, has_steps = run.raw, bool(run.steps)
    time = budget(run) if run.has_budget else dict.fromkeys(("working_s", "waiting_s", "idle_s"))
    rated = [row for row in artifacts if row["origin"] != "proposal" and not row["is_repeat"]]
    weak = [row for row in rated if position(row["confidence"], CONFIDENCES) in (1, 2)]
    weak.sort(key=lambda row: row["origin"] == "output")
    weak.sort(key=lambda row: -position(row["confidence"], CONFIDENCES))
    outputs = [row["confidence"] for row in artifacts if row["origin"] == "output"]
    outputs = [own for own in outputs if position(own, CONFIDENCES) < len(CONFIDENCES)]
    is_known = has_steps and all(step.artifacts is not None for step in run.steps)
    are_sources_known = is_known and all(row["n_sources"] is not None for row in artifacts)
    started = instant(raw["created_at"])
    return {
        "run_id": run.id,
        "thread_id": text(raw.get("thread_id")),
        "business_id": None,
        "business_name": None,
        "business_status": None,
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
        "n_questions": len(asked) if has_steps else None,
        "n_pending": sum(row["outcome"] == "pending" for row in asked),
        "n_findings": sum(row["origin"] == "finding" for row in rated) if is_known else None,
        "n_sources": len(sources) if are_sources_known else None,
        "outcome": outcome(run, artifacts, asked),
        "confidence": max(outputs, key=lambda own: position(own, CONFIDENCES), default=None),
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
            "result": compact(step.raw.get("result")),
        }
        for number, step in enumerate(run.steps)
    ]


def compact(value: Any) -> str | None:
    """Return JSON without spaces."""
    return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# ---------------------------------------------------------------------------------------- problems


def is_broken(raw: Json, texts: str, times: str = "", lists: str = "") -> int:
    """Return how many optional fields of an object break the contract."""
    broken = [not isinstance(raw[name], str) for name in texts.split() if raw.get(name) is not None]
    broken += [instant(raw[name]) is None for name in times.split() if raw.get(name) is not None]
    broken += [objects(raw[name]) is None for name in lists.split() if raw.get(name) is not None]
    return sum(broken)


def problems(run: Reading) -> int:
    """Return how many values of a run that was read are worth a problem."""
    n = is_broken(run.raw, "thread_id agent prompt", "started_at ended_at", "interrupts")
    n += (run.n_breaches > 0) + (run.status not in RUN_WORDS)
    for name in ("requester", "output"):
        n += not isinstance(run.raw.get(name), dict | None)
    n += run.is_over and (run.ended_at is None or run.ended_at < (run.start or run.ended_at))
    for step in run.steps:
        raw = step.raw
        n += is_broken(raw, "agent name label", "started_at completed_at", "artifacts")
        n += step.status is not None and step.status not in STEP_WORDS
        n += raw.get("type") is not None and raw["type"] not in STEP_TYPES
        has_no_end = step.completed is None and (step.is_over or run.is_over)
        n += has_no_end or (step.completed or 0) < (step.start or 0) * bool(step.completed)
        for item in step.artifacts or []:
            n += is_broken(item, "title type summary", "", "sources")
    return n


# -------------------------------------------------------------------------------------------- all


def tables(records: list[Any], as_of: str | None = None) -> Tables:
    """Return the frames of parsed records: runs, events, and what is neither."""
    n_problems: Counter[str | None] = Counter()
    kept: dict[str, list[Reading]] = {}
    n_refused = 0
    for record in records:
        event = record if part(record).get("object") == "event" else None
        raw = part(record["data"].get("object")) if event else part(record)
        is_run = all(isinstance(raw.get(name), str) for name in REQUIRED)
        if not is_run or None in (instant(raw["created_at"]), instant(raw["updated_at"])):
            n_refused += 1
            n_problems[text(raw.get("id"))] += 1
            continue
        kept.setdefault(raw["id"], []).append(Reading(raw, event))

    copies = [run for runs in kept.values() for run in runs]
    clock, basis = _clock(copies, as_of)
    rows = Tables([], [], [], [], [], n_problems, set(), clock, basis, [])
    n_without = 0
    for states in kept.values():
        run = max(reversed(states), key=lambda state: (state.updated_at, bool(state.steps)))
        run.as_of = clock or 0
        asked = questions(run)
        asked_rows = [interrupt_row(run, question) for question in asked]
        run.asked_aside = [
            Wait(row["asked_at"], run.as_of)
            for row in asked_rows
            if row["outcome"] == "pending" and row["step_id"] is None
        ]
        artifacts, sources = artifact_rows(run, asked)
        rows.runs.append(run_row(run, len(states), artifacts, sources, asked_rows))
        rows.steps.extend(step_rows(run))
        rows.artifacts.extend(artifacts)
        rows.sources.extend(sources)
        rows.interrupts.extend(asked_rows)
        n_problems[run.id] += problems(run)
        n_without += not run.steps
        rows.without_steps.update([run.id] * (run.n_breaches > 0))
    if n_refused:
        rows.missing.append(f"{n_refused} of {len(records)} records refused")
    if n_without:
        n_breached = len(rows.without_steps)
        refused = f", {n_breached} of them refused" if n_breached else ""
        rows.missing.append(f"{n_without} run{'s' * (n_without > 1)} without steps{refused}")
    return rows


def _clock(runs: list[Reading], as_of: str | None) -> tuple[int | None, str]:
    """Return the time to which everything open is counted, and what says so."""
    newest = max((time for run in runs for time in run.times), default=None)
    if as_of is not None:
        return instant(as_of), "given"
    read = max((run.read_at for run in runs if run.read_at is not None), default=None)
    if newest is None:
        return None, "now"
    is_read = read is not None and read >= newest
    return (read, "read") if is_read else (newest, "newest time in the data")


# ------------------------------------------------------------------------------------- comparing

KEYS = {
    "runs": ("run_id",),
    "steps": ("run_id", "step_no"),
    "artifacts": ("run_id", "artifact_no"),
    "sources": ("run_id", "artifact_no", "source_no"),
    "interrupts": ("run_id", "asked_at", "step_id", "interrupt_id"),
}
NOT_FIXED = {"agent_name", "kind"}


def rows_of(df: pd.DataFrame) -> list[Row]:
    """Return the rows of a real frame with the values that are used here."""
    columns = []
    for name, values in df.items():
        is_time = isinstance(values.dtype, pd.DatetimeTZDtype)
        plain = values.astype("int64") if is_time else values
        objects_ = plain.astype(object)
        columns.append((name, objects_.where(values.notna(), None).tolist()))
    names = [name for name, _ in columns]
    cells = zip(*(values for _, values in columns), strict=True)
    return [dict(zip(names, row, strict=True)) for row in cells]


def in_order(rows: list[Row], name: str) -> list[Row]:
    """Return rows in the order of their keys."""
    return sorted(rows, key=lambda row: [str(row[key]) for key in KEYS[name]])


def is_same(expected: Any, found: Any) -> bool:
    """Return whether two values of a cell are equal; spans to the microsecond."""
    if isinstance(expected, float) and isinstance(found, float):
        return abs(expected - found) < 1e-6
    return type(expected) is type(found) and expected == found


def differences(f: runkit.Frames, expected: Tables) -> list[str]:
    """Return each cell that differs, as `frame column: expected, found (keys)`."""
    found: list[str] = []
    for name in KEYS:
        wanted = in_order(getattr(expected, name), name)
        rows = in_order(rows_of(f[name]), name)
        if len(rows) != len(wanted):
            found.append(f"{name}: expected {len(wanted)} rows, found {len(rows)}")
            by_run = Counter(row["run_id"] for row in wanted)
            by_run.subtract(row["run_id"] for row in rows)
            off = {run_id for run_id, n in by_run.items() if n}
            found += [f"{name} of {run_id}: {by_run[run_id]} rows lack" for run_id in sorted(off)]
            wanted = [row for row in wanted if row["run_id"] not in off]
            rows = [row for row in rows if row["run_id"] not in off]
        for one, other in zip(wanted, rows, strict=True):
            columns = ({*one} | {*other}) - NOT_FIXED
            found += [
                f"{name} {column}: expected {one.get(column)!r}, found {other.get(column)!r} "
                f"({', '.join(str(one[key]) for key in KEYS[name])})"
                for column in sorted(columns)
                if not is_same(one.get(column), other.get(column))
            ]
    n_problems: Counter[str | None] = Counter()
    for row in rows_of(f.problems):
        n_problems[row["run_id"]] += 1 if row["run_id"] in expected.without_steps else row["n"]
    for run_id in sorted({*n_problems, *expected.n_problems}, key=str):
        if n_problems[run_id] != expected.n_problems[run_id]:
            n = f"expected {expected.n_problems[run_id]}, found {n_problems[run_id]}"
            found.append(f"problems of {run_id}: {n}")
    as_of = None if expected.as_of is None else EPOCH + expected.as_of * datetime.resolution
    clock = (as_of, expected.as_of_basis, expected.missing)
    own = (f.as_of, f.as_of_basis, [*f.missing])
    found += [f"clock: expected {clock}, found {own}"] if clock != own else []
    return found
