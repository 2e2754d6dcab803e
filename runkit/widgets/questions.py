"""The kinds of questions: what can be answered, with which inputs, and what is sent.

`VERBS` says for each kind and verb what its button, its second press, the receipt and the log say. A question
of an unknown kind, or with a schema of its own, can be answered as JSON. Nothing that an agent proposes is
sent changed unless a person changed it: a row and a cell that nobody changed are sent as they came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from runkit import contract
from runkit.objects import Document
from runkit.text import code, moment, one_line, shorten, visible
from runkit.widgets.fields import ROW_ID, Field, Json, clean, objects, parse_entries, text_of

Entries = dict[str, Json]  # the content of the inputs, by section and field
NO_LABEL = "Question without a label"
MAX_NOTE = 5000  # characters; the limit that the API documents for the comment of a rating
MAX_PROPOSALS = 50  # shown of a question
MAX_INPUTS = 300  # of a question: a page displays them after half a second, and 8,000 after 40
FINAL, AGAIN = "Press again: can't be undone", "Press again"


class Verb(NamedTuple):
    """One way to answer. `sends` is the decision in the API's and the log's words, `key` its shortcut."""

    value: str
    button: str
    again: str
    receipt: str
    sends: str
    key: str = ""
    requires: tuple[str, ...] = ()

    @property
    def is_yes(self) -> bool:
        """Whether it agrees with the agent."""
        return self.key == "A"


# value, button, second press, receipt, the log's decision, key, required inputs
VERBS: dict[str, tuple[Verb, ...]] = {
    "decision": (
        Verb("approved", "Approve", FINAL, "Approved", "approved", "A"),
        Verb("in_review", "Keep in review", AGAIN, "Kept in review", "in_review"),
        Verb("rejected", "Reject", FINAL, "Rejected", "rejected", "X"),
    ),
    "dismissal": (
        Verb("approve", "Dismiss the hit", FINAL, "Hit dismissed", "approve", "A", ("note",)),
        Verb("reject", "Keep the hit", AGAIN, "Hit kept", "reject", "X"),
    ),
    "verify_tin": (
        Verb("approve", "Verify the TIN", FINAL, "TIN verified", "approve", "A"),
        Verb("reject", "Don't verify", AGAIN, "TIN not verified", "reject", "X"),
    ),
    "document": (
        Verb("provide", "Provide the document", AGAIN, "Document provided", "approve", "A", ("document_id",)),
        Verb("without", "Continue without", FINAL, "Continued without a document", "reject", "X"),
    ),
    "add_sources": (
        Verb("approve", "Add the source{s}", FINAL, "Source{s} added", "approve", "A"),
        Verb("reject", "Don't add", AGAIN, "Source{s} not added", "reject", "X"),
    ),
    "add_attributes": (
        Verb("approve", "Add to the business", FINAL, "Added to the business", "approve", "A"),
        Verb("reject", "Don't add", AGAIN, "Not added to the business", "reject", "X"),
    ),
    "other": (
        Verb("approve", "Approve", FINAL, "Approved", "approve", "A"),
        Verb("reject", "Reject", FINAL, "Rejected", "reject", "X"),
        Verb("raw", "Send the JSON", FINAL, "JSON sent", "", "", ("raw",)),
    ),
}

NOTE = Field("note", "Note", "long_text", "optional, goes into the audit record", max_length=MAX_NOTE)
REASON = replace(NOTE, title="Reason", help="required to dismiss, goes into the audit record")
FOLDED_NOTE = replace(NOTE, is_folded=True)
DOCUMENT_ID = Field(
    "document_id", "Document ID", help="Not listed? Upload it where you usually do, then rerun this cell."
)
JSON = Field("raw", "Answer as JSON", "json", "An object that is sent as the answer.")
CODES = "Codes such as \\u202e are invisible characters. A cell that you change is sent as it stands here."
SOURCE = (
    Field("url", "URL", is_required=True, is_web=True),
    Field("source_name", "Name"),
    Field("tier", "Tier"),
    Field("source_type", "Type"),
)
ADDRESS = (Field("full_address", "Address", is_required=True),)
ROWS = Field("", "", "rows", CODES, is_folded=True)
PERSON = (Field("name", "Name", is_required=True), Field("titles", "Titles, one per line", "texts"))
FIELDS: dict[str, tuple[Field, ...]] = {
    "decision": (NOTE,),
    "dismissal": (REASON,),
    "verify_tin": (
        replace(DOCUMENT_ID, help="Leave blank to use the document the agent proposed.", is_folded=True),
        FOLDED_NOTE,
    ),
    "document": (DOCUMENT_ID, FOLDED_NOTE),
    "add_sources": (
        replace(ROWS, name="sources", title="Sources", columns=SOURCE, row="Source"),
        FOLDED_NOTE,
    ),
    "add_attributes": (
        replace(ROWS, name="addresses", title="Addresses", columns=ADDRESS, row="Address"),
        replace(ROWS, name="people", title="People", columns=PERSON, row="Person"),
        FOLDED_NOTE,
    ),
    "other": (NOTE, replace(JSON, is_folded=True)),
}


@dataclass(frozen=True)
class Section:
    """One proposal to answer. `start` has the entries that the agent's proposal leads to."""

    key: str
    kind: str
    agent: str | None
    verbs: tuple[Verb, ...]
    fields: tuple[Field, ...]
    start: Json
    proposal: Json
    reason: str = ""  # why it is not the form of its kind

    def received(self, entries: object) -> Json:
        """Take the entries of a page or a draft; anything that is not an input of this form is ignored."""
        entries = {**self.start, **entries} if isinstance(entries, dict) else self.start
        return clean(self.fields, entries) | {"decision": str(entries["decision"])}

    def answer(self, entries: Json) -> tuple[Json | None, dict[str, str]]:
        """Give the input to send, or errors by path."""
        verb = next((verb for verb in self.verbs if verb.value == entries["decision"]), None)
        if verb is None:
            return None, {"decision": "choose an answer"}
        rows = [field.name for field in self.fields if field.kind == "rows"]
        is_edited = verb.is_yes and any(entries[name] != self.start[name] for name in rows)
        # unchanged rows, and the rows of a rejection, are not sent and need no validation
        skipped = set() if is_edited else {*rows}
        skipped |= {"raw"} if self.kind == "other" and verb.value != "raw" else set()
        values, errors = parse_entries([one for one in self.fields if one.name not in skipped], entries)
        missing = [name for name in verb.requires if name not in values]
        errors = dict.fromkeys(missing, "is required") | errors
        if not errors and is_edited and not any(values[name] for name in rows):
            errors = {rows[-1]: f"add a row to the {rows[-1]}, or reject the proposal"}
        if errors:
            return None, errors
        for field in self.fields:
            if field.kind == "json" and field.name in values:
                return values[field.name], {}
        document_id = values.get("document_id") if verb.is_yes else None
        actions = None
        if self.kind == "verify_tin" and document_id:
            actions, document_id = [("verify_tin", contract.verify_tin_payload(document_id))], None
        elif is_edited:
            actions = [(self.kind, self._payload(entries, values))]
        return contract.answer_to(verb.sends, values.get("note"), document_id, actions), {}

    def _payload(self, entries: Json, values: Json) -> Json:
        """Give the proposed payload with the rows that a person changed."""
        payload = contract.proposed_payload(self.proposal, self.kind)
        for field in self.fields:
            if field.kind == "rows":
                proposed = objects(payload.pop(field.name, None))
                rows = [
                    self._row(field, entry, row, proposed)
                    for entry, row in zip(entries[field.name], values[field.name], strict=True)
                ]
                payload |= {field.name: rows} if rows else {}
        return payload

    def _row(self, field: Field, entry: Json, row: Json, proposed: list[Json]) -> Json:
        """Give a row as it came, but for the cells that a person changed."""
        number = entry.get(ROW_ID, -1)
        if not 0 <= number < len(proposed):
            return row
        start = self.start[field.name][number]
        changed = [column.name for column in field.columns if entry[column.name] != start[column.name]]
        kept = {name: value for name, value in proposed[number].items() if name not in changed}
        return kept | {name: row[name] for name in changed if name in row}

    def summary(self) -> str:
        """Describe the folded inputs in one line, as they are at first."""
        folded = [field for field in self.fields if field.is_folded]
        parts = [f"{field.title}: {_in_words(field, self.start[field.name])}" for field in folded]
        filled = [part for field, part in zip(folded, parts, strict=True) if self.start[field.name]]
        return shorten("; ".join(filled) or f"Optional: {', '.join(field.title for field in folded)}", 200)


def _in_words(field: Field, entry: Any) -> str:
    if field.kind == "rows":
        rows = ([row[column.name] for column in field.columns] for row in entry)
        return "; ".join(", ".join(filter(None, row)) for row in rows)
    return str(entry)


class Questionnaire:
    """The form of one question: a section for each proposal that can be answered on its own.

    Too many inputs are answered together. Whatever the value holds, the form offers at least approve, reject
    and the JSON editor.
    """

    def __init__(self, value: Json, documents: Sequence[Document] = ()) -> None:
        proposals = contract.questions_in(value)
        self.sections = tuple(_section(str(key), one, documents) for key, one in enumerate(proposals))
        n_inputs = sum(map(_n_inputs, self.sections))
        if n_inputs > MAX_INPUTS or len(self.sections) > MAX_PROPOSALS:
            reason = f"{n_inputs:,} inputs are too many to show here. One answer applies to all."
            self.sections = (_make("0", "other", value, VERBS["other"], FIELDS["other"], reason=reason),)
        self.is_combined = len(self.sections) > 1

    def start(self) -> Entries:
        """Give the initial entries."""
        return self.received({})

    def received(self, entries: Mapping[str, object]) -> Entries:
        """Take the entries of a page or a draft."""
        return {one.key: one.received(entries.get(one.key)) for one in self.sections}

    def answer(self, entries: Entries) -> tuple[Json | None, dict[str, dict[str, str]]]:
        """Give the input to send, or errors by section and field."""
        answers = {one.key: one.answer(entries[one.key]) for one in self.sections}
        errors = {key: found for key, (_, found) in answers.items() if found}
        if errors:
            return None, errors
        parts = [(str(one.agent), answers[one.key][0] or {}) for one in self.sections]
        return contract.combined_answer(parts) if self.is_combined else parts[0][1], {}

    def receipt(self, answer: Json) -> str:
        """Give the words of the receipt for an answer to this question."""
        parts = answer.get("proposals")
        parts = {one.get("agent"): one for one in objects(parts) if isinstance(one.get("agent"), str)}
        words: list[str] = []
        for section in self.sections:
            decision = parts.get(section.agent, answer).get("decision")
            found = [verb.receipt for verb in section.verbs if verb.sends and verb.sends == decision]
            word = found[0] if found else "Answered"
            words.append(word[:1].lower() + word[1:] if words and word[1:2].islower() else word)
        return ", ".join(words)


def _section(key: str, proposal: Json, documents: Sequence[Document]) -> Section:
    kind = contract.interrupt_kind(proposal)
    if kind not in FIELDS or contract.response_schema_of(proposal) is not None:
        kind = "other"
    fields = tuple(_with_documents(field, proposal, documents) for field in FIELDS[kind])
    return _make(key, kind, proposal, VERBS[kind], fields)


def _make(
    key: str, kind: str, proposal: Json, verbs: Sequence[Verb], fields: tuple[Field, ...], **more: Any
) -> Section:
    agent, payload = proposal.get("agent"), contract.proposed_payload(proposal, kind)
    start = {one.name: _rows(one, payload) if one.kind == "rows" else "" for one in fields}
    start |= {"decision": ""}
    s = "" if len(start.get("sources", ())) == 1 else "s"
    verbs = tuple(
        verb._replace(button=verb.button.replace("{s}", s), receipt=verb.receipt.replace("{s}", s))
        for verb in verbs
    )
    agent = agent if isinstance(agent, str) else None
    return Section(key, kind, agent, verbs, fields, start, proposal, **more)


def _rows(field: Field, payload: Json) -> list[Json]:
    """Give the entries of the proposed rows: in an input, what would be invisible is shown as a code."""

    def entry(column: Field, value: Any) -> str:
        if column.kind == "texts":
            return visible("\n".join(map(text_of, value)) if isinstance(value, list) else text_of(value))
        return visible(text_of(value)).replace("\n", code("\n"))

    return [
        {ROW_ID: number} | {one.name: entry(one, row.get(one.name)) for one in field.columns}
        for number, row in enumerate(objects(payload.get(field.name)))
    ]


def _with_documents(field: Field, proposal: Json, documents: Sequence[Document]) -> Field:
    """Offer the documents of the business, those of the requested types first."""
    if field.name != "document_id" or not documents:
        return field
    requested = contract.accepted_document_types(proposal)
    ordered = sorted(documents, key=lambda document: document.document_type not in requested)
    labels = [
        one_line(f"{one.document_type or 'document'}: {one.filename or one.id}")
        + (f", {moment(one.created_at)}" if one.created_at else "")
        for one in ordered
    ]
    choices = tuple(
        (label if labels.count(label) == 1 else f"{label}, {document.id}", json.dumps(document.id))
        for label, document in zip(labels, ordered, strict=True)
    )
    return replace(field, title="Document", kind="choice", choices=choices)


def _n_inputs(section: Section) -> int:
    """Count the inputs of a section; each row also has a button."""
    rows = [len(section.start[one.name]) * (len(one.columns) + 1) for one in section.fields if one.columns]
    return len(section.fields) + sum(rows)
