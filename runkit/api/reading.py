"""What the parts of a run say: its agent, why a step failed, what is asked and what was decided.

The API documents few of these fields. The tables of names are assumptions (`contract.md`); the
first name that has a text counts, and the text stays as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from typing import Any

from runkit.api import contract
from runkit.api.contract import Json
from runkit.api.words import POLICIES
from runkit.display.messages import SENSITIVE_NAME, redact
from runkit.display.text import first_text, one_line

# [A] 41: where a result says why its step failed
REASONS = (
    "error",
    "message",
    "error_message",
    "reason",
    "detail",
    "exception",
    "errors",
)
# where a question has its text, after its label
TEXTS = (
    "label",
    "message",
    "question",
    "prompt",
    "title",
    "text",
    "description",
)
# [A] 32: where an answer has the decision, who answered, and why
DECISION_NAMES = (
    "decision",
    "outcome",
    "answer",
    "approved",
    "verdict",
    "resolution",
)
PEOPLE = (
    "answered_by",
    "decided_by",
    "reviewer",
    "reviewed_by",
    "approved_by",
    "user",
)
NOTES = ("reason", "note", "comment")
ACTOR_NAMES = ("name", "email", "id")
NOTHING: Json = {}


def objects(items: object) -> list[Json]:
    """Return the objects of a list; none if it is not a list."""
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def object_in(value: object) -> Json:
    """Return a value that is an object, else an empty one."""
    return value if isinstance(value, dict) else NOTHING


def trimmed(*values: object) -> str | None:
    """Return the first text without the blanks around it."""
    text = first_text(*values)
    return text.strip() if text else None


def first_of(names: Iterable[str], *holders: Json) -> str | None:
    """Return the first text that objects have under some names."""
    return trimmed(*(holder.get(name) for name in names for holder in holders))


# ------------------------------------------------------------------------------------- runs, steps


def agent_of(run: Json) -> str | None:
    """Return the agent of a raw run: its own, else that of its first top-level step that names one.

    The object page shows a run without its agent. A step's agent was called its graph at first.
    """
    top = (step for step in objects(run.get("steps")) if not step.get("parent_step_id"))
    return next(filter(None, map(agent_of_step, chain([run], top))), None)


def agent_of_step(step: Json) -> str | None:
    """Return the agent of a step; the API's first documentation called it the graph."""
    return first_text(step.get("agent"), step.get("graph"))


def result_of(step: Json) -> Json:
    """Return the result of a step; an empty object if it has none."""
    return object_in(step.get("result"))


def policy_of(step: Json) -> str | None:
    """Return the word by which the interrupt policy settled a question, None if it did not.

    It is `result.resolution` (OpenAPI), else `resolution` (the guide).
    """
    word = trimmed(result_of(step).get("resolution"), step.get("resolution"))
    return POLICIES.find(word).word if word in POLICIES else None


def reason_of(step: Json) -> str | None:
    """Read why a step failed: its result, the label of an error step, its error artifact."""
    is_error = step.get("type") == "error"
    label = step.get("label") if is_error else None
    artifacts = objects(step.get("artifacts"))
    errors = [item for item in artifacts if is_error or item.get("type") == "error"]
    texts = (item.get(name) for item in errors for name in ("summary", "title"))
    return trimmed(_reason_in(step.get("result")), label, *texts)


def _reason_in(result: object) -> str | None:
    """Read the text of a result that says why, also of an object or a list one level deeper."""
    holder = object_in(result)
    for name in REASONS:
        value = holder.get(name)
        inner = value[0] if isinstance(value, list) and value else value
        inner_object = object_in(inner)
        text = trimmed(inner) or first_of(REASONS, inner_object)
        if text:
            code = inner_object.get("code", holder.get("code"))
            is_code = type(code) in (str, int) and code != ""
            return f"{text} ({code})" if is_code else text
    return None


# --------------------------------------------------------------------------------------- questions


def interrupt_value(item: Json) -> Json:
    """Return the value of an item of `interrupts`; without one, the item is it, without its id."""
    value = item.get("value")
    if isinstance(value, dict):
        return value
    return {name: item[name] for name in item if name != "id"}


def proposals_of(value: Json) -> list[Json]:
    """Return the proposals of an interrupt's value: those of a combined one, else the value itself.

    Only objects count; a combined value without a usable proposal is one proposal itself.
    """
    return objects(value.get("proposals")) or [dict(value)]


def n_proposals(value: Json) -> int:
    """Return how many proposals an interrupt's value has; one that proposes nothing has none."""
    listed = objects(value.get("proposals"))
    return len(listed) or int(bool(objects(value.get("artifacts")) or value.get("payload")))


def proposed_titles(value: Json) -> str | None:
    """Return the titles of what a question proposes."""
    artifacts = (objects(proposal.get("artifacts")) for proposal in proposals_of(value))
    titles = (first_text(artifact.get("title")) for artifact in chain.from_iterable(artifacts))
    return "; ".join(filter(None, titles)) or None


def question_text(item: Json, value: Json, step: Json) -> str | None:
    """Read the text of a question: its label, else another text, what it proposes, or its type."""
    own = first_of(TEXTS, value, item)
    return own or trimmed(step.get("label"), proposed_titles(value), value.get("type"))


# ----------------------------------------------------------------------------------------- answers


def holders_of(answer: Json, item: Json = NOTHING) -> list[Json]:
    """Return the objects in which an answer may be: a result, its `input`, the item and its."""
    holders = (answer, object_in(answer.get("input")), item, object_in(item.get("input")))
    return [holder for holder in holders if holder]


def parts_of(holders: Iterable[Json]) -> list[Json]:
    """Return the answers to the proposals of a combined question."""
    return next(filter(None, (objects(holder.get("proposals")) for holder in holders)), [])


def decision_of(answer: Json, item: Json = NOTHING) -> str | None:
    """Read the decision of an answer as it came; of a combined one each part with its agent."""
    return "; ".join(decision_parts(answer, item)) or None


def decision_parts(answer: Json, item: Json = NOTHING) -> list[str]:
    """Read the decision of each part of a combined answer, with its agent; else the only one."""
    holders = holders_of(answer, item)
    parts = [(trimmed(part.get("agent")), _decision_in([part])) for part in parts_of(holders)]
    words = [": ".join(filter(None, (agent, word))) for agent, word in parts if word]
    own = _decision_in(holders)
    return words or ([own] if own else [])


def _decision_in(holders: list[Json]) -> str | None:
    """Return the words of a decision, each once."""
    words: dict[str, str] = {}
    for name in DECISION_NAMES:
        word = next(filter(None, (_word(name, holder.get(name)) for holder in holders)), None)
        if word is not None:
            words.setdefault(word.lower(), word)
    return " / ".join(words.values()) or None


def _word(name: str, value: object) -> str | None:
    if isinstance(value, bool):
        return f"{name}: {str(value).lower()}"
    word = trimmed(value)
    return None if name == "resolution" and word in POLICIES else word


def answerer_of(answer: Json, item: Json = NOTHING) -> str | None:
    """Read who answered; [A] 40: the fields of a person."""
    values = (holder.get(name) for name in PEOPLE for holder in holders_of(answer, item))
    names = (first_of(ACTOR_NAMES, who) if isinstance(who, dict) else who for who in values)
    return trimmed(*names)


def note_of(answer: Json, item: Json = NOTHING) -> str | None:
    """Read why it was answered so; of a combined answer the notes of its parts."""
    holders = holders_of(answer, item)
    notes = filter(None, (first_of(NOTES, part) for part in parts_of(holders)))
    return first_of(NOTES, *holders) or "; ".join(dict.fromkeys(notes)) or None


# ------------------------------------------------------------------------------ results of a step

Leaf = tuple[str, str]  # the path of a value, such as `owners[0].name`, and the value
# This finds in JSON text the value of a field with the name of a secret, what follows such a name
# in a text, and keys. What is replaced contains no quote, so the text stays JSON.
_SECRET = re.compile(
    rf'({SENSITIVE_NAME}"\s*:\s*")(?:[^"\\]|\\.)+'
    rf'|({SENSITIVE_NAME}(?:\\")?\s?[=:]\s?(?:\\")?(?:bearer |basic )?|\bbearer )[^\s"\\]+',
    re.IGNORECASE,
)


def leaves(result: object) -> list[Leaf]:
    """Return a row for each value in a step's result, given as JSON text.

    A missing result has none. Values of fields whose name says that they are secret are masked.
    """
    if not isinstance(result, str):
        return []
    masked = _SECRET.sub(r"\1\2[key]", redact(result, "[key]"))
    rows: list[Leaf] = []
    stack: list[tuple[str, Any]] = [("", contract.loads(masked.encode()))]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            parts = [(f"{path}.{one_line(name)}", part) for name, part in value.items()]
        elif isinstance(value, list):
            parts = [(f"{path}[{number}]", part) for number, part in enumerate(value)]
        else:
            parts = []
        stack += reversed(parts)
        if path and not parts:
            text = value if isinstance(value, str) else contract.dumps(value)
            rows.append((path.removeprefix("."), text))
    return rows


def returned(result: object) -> list[str]:
    """Return the values in a step's result in words: `Risk score: 71`."""
    words = (f"{re.sub('[._]', ' ', path)}: {value}" for path, value in leaves(result))
    return [text[0].upper() + text[1:] for text in words]
