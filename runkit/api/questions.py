"""The questions that agents ask: how each kind is answered, and checks of an answer.

No page documents what an answer contains (`contract.md`, [A] 2, 5, 12, 13): all that runkit assumes
of it is here. `VERBS` has for each kind what its buttons and the receipt say, what is required, and
what is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from runkit.api.contract import MAX_COMMENT, Json, without_none
from runkit.api.reading import interrupt_kind, objects, proposals_of
from runkit.display.text import brief, first_text, shorten
from runkit.errors import UsageError

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
    return proposals if len(agents) == len(proposals) and not has_schema(value) else [value]


def has_schema(question: Json) -> bool:
    """Return whether a question has a JSON Schema for its answer.

    [A] 36: by AG-UI's name or a likely one.
    """
    names = ("response_schema", "responseSchema", "schema")
    return any(isinstance(question.get(name), dict) for name in names)


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


# --------------------------------------------------------------------------------- verbs and inputs


class Verb(NamedTuple):
    """One way to answer.

    `value` is the decision in the API's and the log's words, `button` the text of its button, and
    `key` its shortcut. Before the second press the button says "Press again to" and `again`;
    afterwards the card says `receipt`. `requires` names the inputs to fill in. After an answer that
    `is_final` the API offers no way back.
    """

    value: str
    button: str
    again: str
    receipt: str
    key: str = ""
    requires: tuple[str, ...] = ()
    is_final: bool = True

    @property
    def is_yes(self) -> bool:
        """Return whether it agrees with the agent."""
        return self.key == "A"

    def missing(self, name: str) -> str:
        """Return the error of a required input that is empty."""
        return MISSING[name].format(self.again)


MISSING = {  # messages by the name of a required input
    "note": "A reason is required to {}.",
    "document_id": "Choose a document, or continue without one.",
    "raw": "Type the answer as JSON.",
}
VERBS: dict[str, tuple[Verb, ...]] = {
    "decision": (
        Verb("approved", "Approve", "approve", "Approved", "A"),
        Verb("in_review", "Keep in review", "keep", "Kept in review", "X", is_final=False),
        Verb("rejected", "Reject", "reject", "Rejected", "R", ("note",)),
    ),
    "dismissal": (
        Verb("approve", "Dismiss the hit", "dismiss", "Hit dismissed", "A", ("note",)),
        Verb("reject", "Keep the hit", "keep", "Hit kept", "X", is_final=False),
    ),
    "verify_tin": (
        Verb("approve", "Verify the TIN", "verify", "TIN verified", "A"),
        Verb("reject", "Don't verify", "decline", "TIN not verified", "X", is_final=False),
    ),
    "document": (
        Verb(
            "approve",
            "Provide the document",
            "provide it",
            "Document provided",
            "A",
            ("document_id",),
            False,
        ),
        Verb("reject", "Continue without", "continue", "Continued without a document", "X"),
    ),
    "add_sources": (
        Verb("approve", "Add the source{s}", "add", "Source{s} added", "A"),
        Verb("reject", "Don't add", "decline", "Source{s} not added", "X", is_final=False),
    ),
    "add_attributes": (
        Verb("approve", "Add to the business", "add", "Added to the business", "A"),
        Verb("reject", "Don't add", "decline", "Not added to the business", "X", is_final=False),
    ),
    "other": (
        Verb("approve", "Approve", "approve", "Approved", "A"),
        Verb("reject", "Reject", "reject", "Rejected", "X"),
        Verb("raw", "Send the JSON", "send", "JSON sent", "", ("raw",)),
    ),
}
# For these kinds the agent proposes no answer that is known, so no verb stands out.
WITHOUT_PROPOSAL = ("decision", "other")
NEEDS = {"decision": "Rejecting needs a reason; approving does not."}  # shown beside the verbs


@dataclass(frozen=True)
class FormField:
    """One input.

    `kind` is text, long_text, choice or json.
    `is_folded`: shown after a press on Edit.
    """

    name: str
    title: str
    kind: str = "text"
    help: str = ""
    is_folded: bool = False
    choices: tuple[tuple[str, str], ...] = ()  # (label, value)
    max_length: int | None = None  # characters


NOTE = FormField(
    "note", "Note", "long_text", "optional, goes into the audit record", max_length=MAX_COMMENT
)
DISMISS_REASON = replace(
    NOTE, title="Reason", help="required to dismiss, goes into the audit record"
)
REJECT_REASON = replace(
    DISMISS_REASON, help="required to reject, goes into the audit record", is_folded=True
)
FOLDED_NOTE = replace(NOTE, is_folded=True)
DOCUMENT_ID = FormField(
    "document_id",
    "Document ID",
    help="Not listed? Upload it where you usually do, then rerun this cell.",
)
JSON = FormField(
    "raw", "Answer as JSON", "json", "An object that is sent as the answer.", is_folded=True
)
EDITABLE = ("verify_tin", "add_sources", "add_attributes")  # a person may change what is proposed
ROW_NAMES = {"sources": "Source", "addresses": "Address", "people": "Person"}
FIELDS: dict[str, tuple[FormField, ...]] = {
    "decision": (REJECT_REASON,),
    "dismissal": (DISMISS_REASON,),
    "document": (DOCUMENT_ID, FOLDED_NOTE),
    "other": (NOTE, JSON),
    **dict.fromkeys(EDITABLE, (FOLDED_NOTE,)),
}

# ------------------------------------------------------------------------------------------ answers


def answer_to(
    decision: str,
    note: str | None,
    document_id: str | None,
    actions: Iterable[tuple[str, Json]] | None,
) -> Json:
    """Build the input that answers one question.

    [A] 2: `actions` only if a person changed the proposal.
    """
    fields = without_none(decision=decision, note=note, document_id=document_id)
    if actions is not None:
        fields["actions"] = [{"type": word, "payload": payload} for word, payload in actions]
    return fields


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
    verbs = {} if kind == "other" else {verb.value: verb for verb in VERBS.get(kind, ())}
    decision = answer.get("decision")
    verb = verbs.get(str(decision))
    if verb is None:
        expected = " or ".join(verbs)
        return {"decision": f"decision must be {expected}; got {brief(decision)}."} if verbs else {}
    return {name: verb.missing(name) for name in verb.requires if not first_text(answer.get(name))}


def check_answer(value: Json, answer: Mapping[str, Any]) -> None:
    """Check an answer to an interrupt with this value. Raises `UsageError` if it does not fit.

    Questions with a schema, and those of a kind without fixed words, accept any answer.
    """
    parts = objects(answer.get("proposals"))
    for question in questions_in(value):
        if has_schema(question):
            continue
        agent = question.get("agent")
        part = next((part for part in parts if part.get("agent") == agent), {})
        errors = answer_errors(interrupt_kind(question), {**answer, **part})
        for name, message in errors.items():
            to = shorten(str(agent or "the question"), 80)
            raise UsageError(f"the answer to {to}, {name}: {message} Nothing was sent.")
