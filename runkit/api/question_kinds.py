"""The kinds of questions that agents ask: how each is answered, and checks of an answer.

No page documents what an answer contains (`contract.md`, [A] 2, 5, 12, 13): all that runkit assumes
of it is here. `TABLE` has a line for each kind of question. To add a kind, add a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from runkit.api.contract import Json, without_none
from runkit.api.reading import (
    NOTHING,
    decision_parts,
    objects,
    proposals_of,
    trimmed,
)
from runkit.api.words import Vocabulary, Word
from runkit.display.text import brief, first_text
from runkit.errors import UsageError

# -------------------------------------------------------------------------------------------- kinds


class Choice(NamedTuple):
    """One way to answer: the word that is sent, its button, and the inputs that it sends.

    It `requires` some, by name, with what an empty one lacks. It `takes` others where they are
    filled in, as every answer does a `note`, the reason. An answer that takes `actions` does what
    the agent proposes, perhaps edited.
    """

    word: str
    button: str
    requires: Mapping[str, str] = NOTHING
    takes: tuple[str, ...] = ()

    @property
    def inputs(self) -> list[str]:
        """The inputs that it sends."""
        return [*dict.fromkeys(("note", *self.requires, *self.takes))]

    def missing(self, name: str) -> str:
        """Return the error of a required input that is empty."""
        return f'"{self.button}" needs {self.requires[name]}.'


class Kind(NamedTuple):
    """One kind of question: its name and title, and the answers to it.

    `types` are further types of values and of artifacts that ask it ([A] 16).
    """

    name: str
    title: str
    choices: tuple[Choice, ...]
    types: tuple[str, ...] = ()

    @property
    def inputs(self) -> list[str]:
        """The inputs of all answers to it, the note first."""
        return [*dict.fromkeys(name for choice in self.choices for name in choice.inputs)]


_REASON = {"note": "a reason"}
_ADD = (
    Choice("approve", "Add to the business", takes=("actions",)),
    Choice("reject", "Don't add"),
)
_ANY = (
    Choice("approve", "Approve"),
    Choice("reject", "Reject"),
    Choice("raw", "Send the JSON", {"raw": "an answer as JSON"}),
)
TABLE = (
    Kind(
        "dismissal",
        "Dismissal",
        (Choice("approve", "Dismiss the hit", _REASON), Choice("reject", "Keep the hit")),
        types=("watchlist_dismissal",),
    ),
    Kind(
        "decision",
        "Decision",
        (
            Choice("approved", "Approve"),
            Choice("in_review", "Keep in review"),
            Choice("rejected", "Reject", _REASON),
        ),
    ),
    Kind(
        "verify_tin",
        "Verify TIN",
        (
            Choice("approve", "Verify the TIN", takes=("actions",)),
            Choice("reject", "Don't verify"),
        ),
        types=("tin_verification",),
    ),
    Kind(
        "document",
        "Document",
        (
            Choice("approve", "Provide the document", {"document_id": "a document"}),
            Choice("reject", "Continue without"),
        ),
        types=("document_request", "document_upload"),
    ),
    Kind("add_sources", "Add sources", _ADD),
    Kind("add_attributes", "Add attributes", _ADD),
    Kind("mixed", "Mixed", _ANY),
    Kind("other", "Other", _ANY),
)
FREE = ("mixed", "other")  # kinds without fixed words
KIND_OF_NAME = {kind.name: kind for kind in TABLE}
QUESTION_KINDS = Vocabulary(*(Word(kind.name, kind.title) for kind in TABLE), is_open=True)
_KIND_OF_TYPE = Vocabulary(  # the label of a type is its kind
    *(
        Word(name, kind.name)
        for kind in TABLE
        if kind.name not in FREE
        for name in (kind.name, *kind.types)
    ),
    is_open=True,
)


def question_kind(value: Json) -> str:
    """Return the kind of a question as it is known, else its type as it came."""
    known = interrupt_kind(value)
    return known if known != "other" else trimmed(value.get("type")) or known


def interrupt_kind(value: Json) -> str:
    """Return the kind of an interrupt, a word of `QUESTION_KINDS`.

    The value's own type decides if it is known, else the types of its proposals and artifacts: one
    kind is that kind, several are `mixed`, none is `other`, and so is a proposal without artifacts.
    """
    kinds = _kinds_of(value)
    if not kinds:
        for proposal in proposals_of(value):
            artifacts = objects(proposal.get("artifacts"))
            kinds |= _kinds_of(proposal) or (_kinds_of(*artifacts) if artifacts else {"other"})
    return "mixed" if len(kinds) > 1 else next(iter(kinds), "other")


def _kinds_of(*items: Json) -> set[str]:
    types = (item.get("type") for item in items)
    return {_KIND_OF_TYPE.find(each).label for each in types if each in _KIND_OF_TYPE}


# ---------------------------------------------------------------------------------------- questions


def questions_in(value: Json) -> list[Json]:
    """Return the questions with an answer each: the proposals of a combined value, else the value.

    [A] 5 identifies answers by agent, so proposals with the same agent, or without one, are one
    question.
    """
    proposals = proposals_of(value)
    if len(proposals) == 1:
        return [{**value, **proposals[0]}]
    agents = {proposal["agent"] for proposal in proposals if first_text(proposal.get("agent"))}
    return proposals if len(agents) == len(proposals) else [value]


def proposed_payload(proposal: Json, action: str) -> Json:
    """Return the payload of the proposed action, as far as the question contains it.

    [A] 37: an explicit `payload` of the proposal or of one of its artifacts comes first. Otherwise
    the sources that its artifacts cite are added; their `source_tier` is the action's `tier`.
    """
    artifacts = objects(proposal.get("artifacts"))
    for holder in (proposal, *artifacts):
        if isinstance(holder.get("payload"), dict):
            return dict(holder["payload"])
    if action != "add_sources":
        return {}

    sources = [
        {"tier" if name == "source_tier" else name: value for name, value in source.items()}
        for artifact in artifacts
        for source in objects(artifact.get("sources"))
    ]
    return {"sources": sources} if sources else {}


# ------------------------------------------------------------------------------------------ answers


def answer_to(decision: str, inputs: Json) -> Json:
    """Build the input that answers one question.

    [A] 2: `actions`, each with its type and payload, only if a person changed the proposal.
    """
    return without_none(decision=decision, **inputs)


def combined_answer(answers: Iterable[tuple[str, Json]]) -> Json:
    """Build the input that answers each proposal of a combined question.

    [A] 5: by the agent's type.
    """
    return {"proposals": [{"agent": agent, **answer} for agent, answer in answers]}


def answer_errors(kind: str, answer: Json) -> dict[str, str]:
    """Return the errors of an answer to one question, by field.

    A kind without fixed words has none. [A] 2, and [A] 12, 13: the answer that leads to a rejection
    or a dismissal needs a note.
    """
    if kind in FREE:
        return {}
    choices = KIND_OF_NAME[kind].choices
    decision = answer.get("decision")
    choice = next((choice for choice in choices if choice.word == decision), None)
    if choice is None:
        expected = " or ".join(choice.word for choice in choices)
        return {"decision": f"decision must be {expected}; got {brief(decision)}."}
    empty = [name for name in choice.requires if not first_text(answer.get(name))]
    return {name: choice.missing(name) for name in empty}


def check_answer(value: Json, answer: Mapping[str, Any]) -> None:
    """Check an answer to an interrupt with this value. Raises `UsageError` if it does not fit."""
    parts = {first_text(part.get("agent")): part for part in objects(answer.get("proposals"))}
    for question in questions_in(value):
        agent = question.get("agent")
        given = {**answer, **parts.get(agent, NOTHING)}
        kind = KIND_OF_NAME[interrupt_kind(question)]
        errors = answer_errors(kind.name, given)
        if kind.name not in FREE:
            fields = ["decision", *kind.inputs]
            unknown = given.keys() - {"agent", "proposals", *fields}
            errors |= dict.fromkeys(unknown, f"is not one of {', '.join(fields)}.")
        for name, message in errors.items():
            to = brief(agent) if agent else "the question"
            raise UsageError(f"the answer to {to}, {name}: {message} Nothing was sent.")


def other_decision(answer: Mapping[str, Any], result: Json) -> str | None:
    """Return the decision in the result of an answered question, if it is not the one in `answer`.

    None also if either holds no decision.
    """
    shown = decision_parts(result)
    words = {word.lower() for part in shown for word in (part, *part.split(" / "))}
    is_other = any(word.lower() not in words for word in decision_parts(dict(answer)))
    return "; ".join(shown) or None if is_other else None
