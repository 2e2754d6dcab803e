"""The kinds of questions: what can be answered, with which inputs, and what is sent.

`VERBS` says for each kind and verb what its button, its second press, the receipt and the log say. A question
with a schema of its own has the schema's inputs instead. Nothing that an agent proposes is sent changed
unless a person changed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from runkit import contract
from runkit.objects import Document
from runkit.text import moment, one_line, shorten
from runkit.widgets.fields import (
    ROW_ID,
    Codes,
    Field,
    Json,
    fields_of,
    json_object,
    parse_entries,
    parse_row,
    to_entries,
)

Entries = dict[str, Json]  # the content of the inputs, by section and field
NO_LABEL = "Question without a label"
MAX_NOTE = 5000  # characters; the limit that the API documents for the comment of a rating
MAX_SECTIONS = 50
MAX_INPUTS = 300  # of a question: a page displays them after half a second, and 8,000 after 40
MAX_VERBS = 3  # buttons; more choices get a dropdown
EMPTY: tuple[object, ...] = (None, "", [])
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
        Verb("approve", "Add the sources", FINAL, "Sources added", "approve", "A"),
        Verb("reject", "Don't add", AGAIN, "Sources not added", "reject", "X"),
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
    "schema": (Verb("send", "Send the answer", FINAL, "Answer sent", "", "A"),),
}
SINGULAR = {"Add the sources": "Add the source", "Sources added": "Source added"}
SINGULAR |= {"Sources not added": "Source not added"}

NOTE = Field("note", "Note", "long_text", "optional, goes into the audit record", max_length=MAX_NOTE)
REASON = replace(NOTE, title="Reason", help="required to dismiss, goes into the audit record")
DOCUMENT_ID = Field("document_id", "Document ID")
JSON = Field("raw", "Answer as JSON", "long_text", "An object that is sent as the answer.", is_folded=True)
SOURCE = (
    Field("url", "URL", is_required=True, is_web=True),
    Field("source_name", "Name"),
    Field("tier", "Tier"),
    Field("source_type", "Type"),
)
FIELDS: dict[str, tuple[Field, ...]] = {
    "decision": (NOTE,),
    "dismissal": (REASON,),
    "verify_tin": (
        replace(DOCUMENT_ID, help="Leave blank to use the document the agent proposed.", is_folded=True),
        replace(NOTE, is_folded=True),
    ),
    "document": (
        replace(DOCUMENT_ID, help="Not listed? Upload it where you usually do, then rerun this cell."),
        replace(NOTE, is_folded=True),
    ),
    "add_sources": (
        Field("sources", "Sources", "rows", is_folded=True, columns=SOURCE),
        replace(NOTE, is_folded=True),
    ),
    "add_attributes": (
        Field(
            "addresses",
            "Addresses",
            "rows",
            is_folded=True,
            columns=(Field("full_address", "Address", is_required=True),),
        ),
        Field(
            "people",
            "People",
            "rows",
            is_folded=True,
            columns=(
                Field("name", "Name", is_required=True),
                Field("titles", "Titles, one per line", "texts"),
            ),
        ),
        replace(NOTE, is_folded=True),
    ),
    "other": (NOTE, JSON),
}


@dataclass(frozen=True)
class Section:
    """One proposal to answer. `start` has the entries that the agent's proposal leads to."""

    key: str
    kind: str
    agent: str | None
    title: str
    verbs: tuple[Verb, ...]
    fields: tuple[Field, ...]
    start: Json
    proposal: Json
    has_schema: bool = False
    reason: str = ""  # why it is not the form of its kind

    # -- to and from the browser

    def shown(self, entries: Json) -> Json:
        """Give entries as the browser shows them: choices by number, invisible characters as codes."""
        values = {field.name: self._shown(field, entries.get(field.name)) for field in self.fields}
        return values | {"decision": entries.get("decision", "")}

    def _shown(self, field: Field, entry: Any) -> Any:
        if field.kind == "rows":
            return [
                {ROW_ID: row.get(ROW_ID)}
                | {one.name: self._codes(field, one, row).shown(row[one.name]) for one in field.columns}
                for row in entry or ()
            ]
        if field.kind == "choice":
            numbers = [n for n, (_, value) in enumerate(field.choices) if value == entry]
            return numbers[0] if entry is not None and numbers else None
        return entry

    def received(self, values: object) -> Json:
        """Read what the browser sends; anything that is not an input of this form is ignored."""
        given = values if isinstance(values, dict) else {}
        entries = {
            field.name: self._received(field, given[field.name])
            for field in self.fields
            if field.name in given
        }
        return {**to_entries(self.fields, entries), "decision": str(given.get("decision") or "")}

    def _received(self, field: Field, value: Any) -> Any:
        if field.kind == "choice":
            is_number = isinstance(value, int) and 0 <= value < len(field.choices)
            return field.choices[value][1] if is_number else None
        if field.kind != "rows":
            return value if isinstance(value, bool if field.kind == "flag" else str) else None
        if not isinstance(value, list):
            return None
        rows = [row for row in value if isinstance(row, dict)]
        return [
            ({ROW_ID: row[ROW_ID]} if isinstance(row.get(ROW_ID), int) else {})
            | {
                one.name: self._codes(field, one, row).typed(row[one.name])
                for one in field.columns
                if isinstance(row.get(one.name), str)
            }
            for row in rows
        ]

    def _codes(self, field: Field, column: Field, row: Mapping[str, Any]) -> Codes:
        proposed = self._proposed_row(field, row) or {}
        return Codes(str(proposed.get(column.name, "")), has_lines=column.kind == "texts")

    def _proposed_row(self, field: Field, row: Mapping[str, Any]) -> Json | None:
        """Give the entry of the proposed row that this row started as."""
        number, rows = row.get(ROW_ID), self.start.get(field.name) or []
        return rows[number] if isinstance(number, int) and 0 <= number < len(rows) else None

    def hint(self) -> str:
        """Explain the codes in the inputs; "" if there are none."""
        hints = [
            self._codes(field, column, row).hint
            for field in self.fields
            if field.kind == "rows"
            for row in self.start[field.name]
            for column in field.columns
        ]
        return next(filter(None, hints), "")

    # -- the answer

    def answer(self, entries: Json) -> tuple[Json | None, dict[str, str]]:
        """Give the input to send, or errors by path."""
        verb = self.verb(entries)
        if verb is None:
            return None, {"decision": "choose an answer"}
        rows = [field.name for field in self.fields if field.kind == "rows"]
        is_edited = any(entries.get(name) != self.start.get(name) for name in rows)
        # unchanged rows, and the rows of a rejection, are not sent and need no validation
        fields = [one for one in self.fields if one.kind != "rows" or (is_edited and verb.is_yes)]
        if self.kind == "other" and verb.value != "raw":
            fields = [one for one in fields if one.name != "raw"]
        values, errors = parse_entries(fields, entries)
        missing = [name for name in verb.requires if not str(values.get(name, "")).strip()]
        errors = dict.fromkeys(missing, "is required") | errors
        if not errors and "raw" in values and verb.value in ("raw", "send"):
            try:
                return json_object(values["raw"]), {}
            except ValueError as error:
                errors = {"raw": str(error)}
        if not errors and is_edited and verb.is_yes and not any(values.get(name) for name in rows):
            errors = {rows[-1]: f"add a row to the {rows[-1]}, or reject the proposal"}
        return (None, errors) if errors else (self._input(verb, values, is_edited=is_edited), {})

    def _input(self, verb: Verb, values: Json, *, is_edited: bool) -> Json:
        if self.has_schema:
            return values | ({"decision": verb.sends} if verb.sends else {})
        note, document_id = (values.get(name, "").strip() or None for name in ("note", "document_id"))
        if self.kind == "document":
            return contract.answer_to(verb.sends, note, document_id if verb.is_yes else None)
        actions = None
        if verb.is_yes and self.kind == "verify_tin" and document_id:
            actions = [("verify_tin", contract.verify_tin_payload(document_id))]
        elif verb.is_yes and is_edited:
            payload = contract.proposed_payload(self.proposal, self.kind)
            for field in self.fields:
                if field.kind == "rows":
                    rows = [self._row(field, row, payload) for row in values.get(field.name, ())]
                    payload = {name: one for name, one in payload.items() if name != field.name}
                    payload |= {field.name: rows} if rows else {}
            actions = [(self.kind, payload)]
        return contract.answer_to(verb.sends, note, actions=actions)

    def _row(self, field: Field, row: Json, payload: Json) -> Json:
        """Give a row exactly as the agent sent it, unless a person changed it or added it."""
        own = {name: value for name, value in row.items() if name != ROW_ID}
        proposed = self._proposed_row(field, row)
        if proposed is None:
            return own
        received: Json = _objects(payload.get(field.name))[row[ROW_ID]]
        if own == parse_row(field, proposed)[0]:
            return received
        columns = {column.name for column in field.columns}
        return {
            name: value for name, value in received.items() if name not in columns and value not in EMPTY
        } | own

    def verb(self, entries: Json) -> Verb | None:
        """Give the chosen verb; None if nothing is chosen."""
        return next((verb for verb in self.verbs if verb.value == entries.get("decision")), None)


class Questionnaire:
    """The form of one question: a section for each proposal that can be answered on its own.

    Too many proposals or inputs are answered together. Whatever the value holds, the form offers at least
    approve, reject and the JSON editor.
    """

    def __init__(self, value: Json, documents: Sequence[Document] = ()) -> None:
        proposals = contract.questions_in(value)
        n = len(proposals)
        few = proposals if n <= MAX_SECTIONS else []
        self.sections = tuple(_section(str(key), one, documents) for key, one in enumerate(few))
        if n > MAX_SECTIONS or sum(map(_n_inputs, self.sections)) > MAX_INPUTS:
            reason = f"{n:,} proposals are too many to show here. One answer applies to all."
            self.sections = (_other("0", value, reason),)
        self.is_combined = len(self.sections) > 1

    def start(self) -> Entries:
        """Give the initial entries."""
        return {section.key: {**section.start} for section in self.sections}

    def answer(self, entries: Entries) -> tuple[Json | None, dict[str, dict[str, str]]]:
        """Give the input to send, or errors by section and field."""
        answers = {one.key: one.answer(entries.get(one.key, {})) for one in self.sections}
        errors = {key: found for key, (_, found) in answers.items() if found}
        if errors:
            return None, errors
        parts = [(str(one.agent), answers[one.key][0] or {}) for one in self.sections]
        return contract.combined_answer(parts) if self.is_combined else parts[0][1], {}

    def receipt(self, entries: Entries) -> str:
        """Give the words of the receipt."""
        verbs = [one.verb(entries.get(one.key, {})) for one in self.sections]
        return _joined([verb.receipt for verb in verbs if verb is not None])


def receipt_of(value: Json, answer: Json) -> str:
    """Give the words of the receipt for an answer of the log to a question of this value."""
    parts = answer.get("proposals")
    given = (
        {str(one.get("agent")): one for one in parts if isinstance(one, dict)}
        if isinstance(parts, list)
        else {}
    )
    words = []
    for section in Questionnaire(value).sections:
        decision = given.get(str(section.agent), answer).get("decision")
        found = [verb.receipt for verb in section.verbs if verb.sends and verb.sends == decision]
        words.append(found[0] if found else "Answered")
    return _joined(words)


def _joined(words: Sequence[str]) -> str:
    first, *rest = words or ["Answered"]
    return ", ".join(
        [first, *(word[:1].lower() + word[1:] if word[1:2].islower() else word for word in rest)]
    )


def _section(key: str, proposal: Json, documents: Sequence[Document]) -> Section:
    kind, schema = contract.interrupt_kind(proposal), contract.response_schema_of(proposal)
    if schema is not None:
        return _schema_section(key, proposal, schema)
    kind = kind if kind in FIELDS else "other"
    fields = tuple(_with_documents(field, proposal, documents) for field in FIELDS[kind])
    start = _start(kind, fields, proposal)
    verbs = VERBS[kind]
    if kind == "add_sources" and len(start["sources"]) == 1:
        verbs = tuple(
            verb._replace(
                button=SINGULAR.get(verb.button, verb.button),
                receipt=SINGULAR.get(verb.receipt, verb.receipt),
            )
            for verb in verbs
        )
    section = _make(key, kind, proposal, verbs, fields, start)
    if (n := _n_inputs(section)) > MAX_INPUTS:
        return _other(key, proposal, f"The proposal has {n:,} inputs, too many to show here.")
    return section


def _other(key: str, proposal: Json, reason: str) -> Section:
    fields = FIELDS["other"]
    made = _make(key, "other", proposal, VERBS["other"], fields, to_entries(fields, {}))
    return replace(made, reason=reason)


def _make(
    key: str, kind: str, proposal: Json, verbs: tuple[Verb, ...], fields: tuple[Field, ...], start: Json
) -> Section:
    agent, label = proposal.get("agent"), proposal.get("label")
    title = shorten(label, 300) if isinstance(label, str) and label.strip() else NO_LABEL
    return Section(
        key, kind, agent if isinstance(agent, str) else None, title, verbs, fields, start, proposal
    )


def _start(kind: str, fields: Sequence[Field], proposal: Json) -> Json:
    """Give the entries of the proposed rows, each with its number."""
    payload = contract.proposed_payload(proposal, kind)
    rows = {
        field.name: [{**row, ROW_ID: n} for n, row in enumerate(_objects(payload.get(field.name)))]
        for field in fields
        if field.kind == "rows"
    }
    return to_entries(fields, rows)


def _schema_section(key: str, proposal: Json, schema: Json) -> Section:
    """Make a section for a question with its own schema; its decision, if any, becomes buttons."""
    kind = contract.interrupt_kind(proposal)
    flat = fields_of(schema)
    verbs = VERBS["schema"]
    if flat is None:
        fields: tuple[Field, ...] = (replace(JSON, is_folded=False, is_required=True),)
    else:
        decision = next((one for one in flat if one.name == "decision" and one.kind == "choice"), None)
        values = [value for _, value in decision.choices] if decision else []
        if 0 < len(values) <= MAX_VERBS and all(isinstance(value, str) and value for value in values):
            verbs = _schema_verbs(kind, values)
            flat = tuple(one for one in flat if one is not decision)
        fields = tuple(
            replace(one, is_folded=not one.is_required or one.default is not None or one.kind == "flag")
            for one in flat
        )
    required = tuple(one.name for one in fields if one.is_required and one.kind != "flag")
    verbs = tuple(verb._replace(requires=required) for verb in verbs)
    made = _make(key, kind, proposal, verbs, fields, to_entries(fields, {}))
    return replace(made, has_schema=True)


def _schema_verbs(kind: str, values: Sequence[str]) -> tuple[Verb, ...]:
    """Make a button for each word of the schema's decision."""
    known = {verb.sends: verb for verb in (*VERBS["other"], *VERBS["decision"], *VERBS.get(kind, ()))}
    verbs = []
    for value in values:
        verb = known.get(value) if value else None
        words = shorten(value.replace("_", " ").capitalize(), 40)
        verbs.append(verb._replace(value=value) if verb else Verb(value, words, FINAL, words, value))
    order = {"A": 0, "": 1, "X": 2}
    return tuple(sorted(verbs, key=lambda verb: order[verb.key]))


def _with_documents(field: Field, proposal: Json, documents: Sequence[Document]) -> Field:
    """Offer the documents of the business, those of the requested types first."""
    if field.name != "document_id" or not documents:
        return field
    requested = contract.accepted_document_types(proposal)
    ordered = sorted(documents, key=lambda document: document.document_type not in requested)
    labels = [_document_label(document) for document in ordered]
    choices = tuple(
        (label if labels.count(label) == 1 else f"{label}, {document.id}", document.id)
        for label, document in zip(labels, ordered, strict=True)
    )
    return replace(field, title="Document", kind="choice", choices=choices)


def _document_label(document: Document) -> str:
    when = f", {moment(document.created_at)}" if document.created_at else ""
    return one_line(f"{document.document_type or 'document'}: {document.filename or document.id}{when}")


def _n_inputs(section: Section) -> int:
    """Count the initial inputs of a section; a row also has a button."""
    rows = [(section.start[one.name], len(one.columns) + 1) for one in section.fields if one.kind == "rows"]
    return len(section.fields) + sum(len(entry) * width for entry, width in rows)


def summary_of(section: Section, entries: Json) -> str:
    """Describe the folded inputs in one line."""
    parts = []
    for field in section.fields:
        entry = entries.get(field.name)
        if not field.is_folded or entry in (None, "", False, []):
            continue
        if field.kind == "rows":
            rows = [
                ", ".join(str(one) for name, one in row.items() if name != ROW_ID and one) for row in entry
            ]
            parts.append(f"{field.title}: {'; '.join(rows)}")
        elif field.kind == "choice":
            parts.append(
                f"{field.title}: {next((label for label, one in field.choices if one == entry), '')}"
            )
        else:
            parts.append(field.title if entry is True else f"{field.title}: {entry}")
    return shorten("; ".join(parts), 200)


def _objects(items: object) -> list[Json]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
