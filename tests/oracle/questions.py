"""Questions: each is one row, with what was decided, by whom and why."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from oracle.reading import Reading, Step
from oracle.values import (
    DECISION_NAMES,
    POLICY,
    QUESTION_NAMES,
    WHO_NAMES,
    WHY_NAMES,
    Json,
    Row,
    first_text,
    objects,
    part,
    seconds,
    text,
)


class Question(NamedTuple):
    """An item, a step, or both; neither where a run waits for what is not in the data."""

    item: Json | None
    step: Step | None
    since: int | None = None  # when the first open step began that may be its own

    @property
    def value(self) -> Json:
        """What it asks: the value of the item, or the item itself."""
        item = self.item or {}
        return item["value"] if isinstance(item.get("value"), dict) else item

    @property
    def agent(self) -> str | None:
        """Who asks."""
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
        """The kind of answer that it expects."""
        return text(self.value.get("type"))

    @property
    def label(self) -> str | None:
        """Its own text, else that of its step, else what it proposes, else its kind."""
        own = first_text(("label", *QUESTION_NAMES), self.value, self.item)
        own = own or (text(self.step.raw.get("label")) if self.step else None)
        return own or self.titles or self.kind


def ids(*values: object) -> set[str]:
    """Return the values that may be an id."""
    return {value for value in values if isinstance(value, str) and value}


def questions(run: Reading) -> list[Question]:
    """Return each question once: an item and its open step are one."""
    open_steps = [step for step in run.steps if step.is_open_question]
    items = list(run.items)
    pairs: list[Question] = []

    def take(item: Json, step: Step) -> None:
        pairs.append(Question(item, step))
        items.remove(item)
        open_steps.remove(step)

    ids_of_items = [ids(item.get("id"), item.get("step_id")) for item in items]
    ids_of_steps = {
        step: ids(step.raw["id"], step.result.get("interrupt_id")) for step in open_steps
    }
    n_of_id = Counter(key for own in ids_of_items for key in own)
    n_steps_of_id = Counter(key for own in ids_of_steps.values() for key in own)
    for item, own in zip(run.items, ids_of_items, strict=True):
        alone = {key for key in own if n_of_id[key] == n_steps_of_id[key] == 1}
        same = [step for step in open_steps if ids_of_steps[step] & alone]
        if same:
            take(item, same[0])

    def look(question: Question) -> tuple[str | None, str | None]:
        step = question.step
        label = step.raw.get("label") if step else first_text(("label",), question.value)
        return question.agent, text(label)

    looks = Counter(look(Question(item, None)) for item in items)
    step_looks = Counter(look(Question(None, step)) for step in open_steps)
    for item in list(items):
        own = look(Question(item, None))
        if looks[own] == step_looks[own] == 1:
            take(item, next(step for step in open_steps if look(Question(None, step)) == own))
    if len(items) == len(open_steps) == 1:
        take(items[0], open_steps[0])
    since = None
    if items:
        starts = [step.start for step in open_steps if step.start is not None]
        since = min(starts, default=None)
        open_steps = []  # several may be meant: nothing says which step is whose
    rows = pairs + [Question(item, None, since) for item in items]
    settled = [step for step in run.steps if step.is_question and not step.is_open_question]
    rows += [Question(None, step) for step in [*open_steps, *settled]]
    in_order = {step: number for number, step in enumerate(run.steps)}
    rows.sort(key=lambda row: in_order.get(row.step, len(in_order)))  # those without a step last
    if run.status == "interrupted" and not run.is_over and not (pairs or items or open_steps):
        rows.append(Question(None, None))
    return rows


def decision(result: Json, item: Json | None) -> str | None:
    """Return the data's own words of a decision; other names that say something else stand, too."""

    def decisions_in(place: Json) -> list[str]:
        words = []
        for name in (*DECISION_NAMES, "resolution"):
            value = place.get(name)
            own = f"{name}: {str(value).lower()}" if isinstance(value, bool) else text(value)
            if own and not (name == "resolution" and own.lower() in POLICY):
                words.append(own)
        return words

    places = [result, item or {}, part(result.get("input")), part((item or {}).get("input"))]
    for place in places:
        listed = place.get("proposals")
        parts = (
            [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        )
        each = [(text(part_.get("agent")), " / ".join(decisions_in(part_))) for part_ in parts]
        if any(own for _, own in each):
            return "; ".join(f"{agent}: {own}" if agent else own for agent, own in each if own)
    different: dict[str, str] = {}
    for place in places:
        for own in decisions_in(place):
            different.setdefault(own.lower(), own)
    return " / ".join(different.values()) or None


def person(*places: Json) -> str | None:
    """Return who answered, by name."""
    for place in places:
        for name in WHO_NAMES:
            value = place.get(name)
            found = text(value) or first_text(("name", "id"), value)
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
    since = step.start if step else None
    if step is None and outcome == "pending":
        since = min(run.updated_at, question.since or run.updated_at)
    answered_at = step.completed if is_settled else None
    places = [result, item or {}, part(result.get("input"))]
    is_answered = outcome == "answered"
    return {
        "run_id": run.id,
        "interrupt_id": first_text(("id",), item) or text(result.get("interrupt_id")),
        "step_id": step.raw["id"] if step else None,
        "agent": question.agent,
        "business_name": run.business["business_name"],
        "label": question.label,
        "proposed": question.titles,
        "n_proposals": len(question.proposals),
        "asked_at": since,
        "answered_at": answered_at,
        "wait_s": seconds(since, run.as_of if outcome == "pending" else answered_at),
        "outcome": outcome,
        "decision": decision(result, item) if is_answered else None,
        "answered_by": person(*places) if is_answered else None,
        "reason": first_text(WHY_NAMES, *places) if is_answered else None,
    }
