"""The form of one question: what is in its inputs at first, and the answer that they make.

An entry is the text of an input, as the page has it. A row that an agent proposes to add has an
input for each cell (`sources.0.url`); one whose first cell is cleared is left out. Nothing that an
agent proposes is sent changed unless a person changed it: a row and a cell that nobody changed are
sent as they came. A question of an unknown kind, or with a schema, can be answered as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runkit.api import jsontext, questions
from runkit.api.contract import Json, verify_tin_payload
from runkit.api.other_models import Document
from runkit.api.questions import FIELDS, ROW_NAMES, ROWS, VERBS, FormField, Verb
from runkit.api.validation import interrupt_kind, objects
from runkit.display.text import (
    code,
    in_words,
    live_moment,
    one_line,
    short_id,
    shorten,
    visible,
    web_host,
)
from runkit.widgets._page_messages import Entries, Texts

NO_LABEL = "Question without a label"
WORDS = (".tier", ".source_type")  # cells with words of the API


@dataclass(frozen=True)
class Section:
    """One proposal to answer. `start` has the entries that the agent's proposal leads to."""

    kind: str
    verbs: tuple[Verb, ...]
    fields: tuple[FormField, ...]
    start: Texts
    proposal: Json

    def received(self, entries: object) -> Texts:
        """Read the entries of a page or a draft; what is no input of this form is ignored."""
        typed = entries if isinstance(entries, dict) else {}
        texts = {name: text for name, text in typed.items() if isinstance(text, str)}
        return {name: texts.get(name, start) for name, start in self.start.items()}

    def answer(self, entries: Texts) -> tuple[Json, Texts]:
        """Return the input to send, or errors."""
        verb = next((verb for verb in self.verbs if verb.value == entries["decision"]), None)
        if verb is None:
            return {}, {"decision": "Choose an answer."}
        cells = [field.name for field in self.fields if "." in field.name and verb.is_yes]
        changed = [name for name in cells if entries[name] != self.start[name]]
        values, errors = self._values(entries, verb, changed)
        payload = self._changed_payload(values, changed)
        if changed and not errors and not any(name in payload for name in ROWS[self.kind]):
            errors |= {changed[-1]: "Keep at least one row, or reject the proposal."}
        if errors or "raw" in values:
            return values.get("raw", {}), errors

        document_id = values.get("document_id") if verb.is_yes else None
        actions = [(self.kind, payload)] if changed else None
        if self.kind == "verify_tin" and document_id:
            actions, document_id = [(self.kind, verify_tin_payload(document_id))], None
        return questions.answer_to(verb.value, values.get("note"), document_id, actions), {}

    def _values(self, entries: Texts, verb: Verb, changed: Sequence[str]) -> tuple[Json, Texts]:
        """Parse what is sent; cells that nobody changed are sent as they came."""
        values: Json = {}
        errors: Texts = {}
        for field in self.fields:
            name, text = field.name, entries[field.name].strip()
            is_cell = "." in name
            is_sent = name in changed if is_cell else field.kind != "json" or verb.value == "raw"
            if not text and name in verb.requires:
                errors[name] = verb.missing(name)
            elif text and is_sent:
                try:
                    values[name] = _parse(field, text)
                except ValueError as error:
                    errors[name] = f"{field.title} {error}."
        return values, errors

    def _changed_payload(self, values: Json, changed: Sequence[str]) -> Json:
        """Return the proposed payload with changed cells, without the rows that were cleared."""
        payload = questions.proposed_payload(self.proposal, self.kind)
        for name, columns in ROWS.get(self.kind, {}).items():
            rows = []
            for number, proposed in enumerate(objects(payload.pop(name, None))):
                cells = {column.name: f"{name}.{number}.{column.name}" for column in columns}
                edited = {key: values.get(cell) for key, cell in cells.items() if cell in changed}
                is_left_out = not edited.get(columns[0].name, True)
                if not is_left_out:
                    cleared = {key for key, value in edited.items() if not value}
                    row = proposed | edited
                    rows.append({key: row[key] for key in row if key not in cleared})
            if rows:
                payload[name] = rows
        return payload

    def summary(self) -> str:
        """Describe what the agent proposes in the folded inputs in one line; empty if nothing."""
        texts = [
            in_words(text) if name.endswith(WORDS) else text
            for name, text in self.start.items()
            if "." in name and text
        ]
        return shorten(", ".join(texts), 200)

    def edit(self) -> str:
        """Return the text of the button that unfolds inputs."""
        titles = [field.title for field in self.fields if field.is_folded]
        names = [title[:1].lower() + title[1:] for title in titles]
        added = " or ".join(f"{'an' if name[:1] in 'aeiou' else 'a'} {name}" for name in names)
        return "Edit" if self.summary() else f"Add {added}"


class Questionnaire:
    """The form of one question: a section for each proposal that can be answered on its own.

    Whatever the value holds, the form offers at least approve, reject and the JSON editor.
    """

    def __init__(self, value: Json, documents: Sequence[Document] = ()) -> None:
        proposals = questions.questions_in(value)
        self.sections = {
            str(number): _section(proposal, documents) for number, proposal in enumerate(proposals)
        }
        self.is_combined = len(self.sections) > 1

    def received(self, entries: Mapping[str, object]) -> Entries:
        """Read the entries of a page or a draft; without any, return the initial ones."""
        return {key: section.received(entries.get(key)) for key, section in self.sections.items()}

    def answer(self, entries: Entries) -> tuple[Json, Entries]:
        """Return the input to send, or errors by section and field."""
        answers = {key: section.answer(entries[key]) for key, section in self.sections.items()}
        errors = {key: texts for key, (_, texts) in answers.items() if texts}
        if not self.is_combined:
            return answers["0"][0], errors
        agents = [section.proposal["agent"] for section in self.sections.values()]
        parts = zip(agents, (answer for answer, _ in answers.values()), strict=True)
        return questions.combined_answer(parts), errors

    def receipt(self, answer: Json) -> str:
        """Describe an answer to this question for the receipt."""
        by_agent = {part.get("agent"): part for part in objects(answer.get("proposals"))}
        receipts = []
        for section in self.sections.values():
            decision = by_agent.get(section.proposal.get("agent"), answer).get("decision")
            verb = next((verb for verb in section.verbs if verb.value == decision), None)
            receipts.append(verb.receipt if verb else "Answered")
        first, *others = receipts
        # An acronym such as TIN keeps its capitals.
        lower = (text if text[1].isupper() else text[0].lower() + text[1:] for text in others)
        return "; ".join([first, *lower])


def _section(proposal: Json, documents: Sequence[Document]) -> Section:
    kind = interrupt_kind(proposal)
    if kind not in FIELDS or questions.has_schema(proposal):
        kind = "other"
    payload = questions.proposed_payload(proposal, kind)
    cells = [
        (_cell_field(column, name, number, len(rows)), _cell_text(row.get(column.name)))
        for name, columns in ROWS.get(kind, {}).items()
        for rows in [objects(payload.get(name))]
        for number, row in enumerate(rows)
        for column in columns
    ]
    inputs = [_with_documents(field, proposal, documents) for field in FIELDS[kind]]
    start = {"decision": ""} | {field.name: text for field, text in cells}
    start |= dict.fromkeys((field.name for field in inputs), "")

    suffix = "" if len(objects(payload.get("sources"))) == 1 else "s"
    verbs = tuple(
        verb._replace(button=verb.button.format(s=suffix), receipt=verb.receipt.format(s=suffix))
        for verb in VERBS[kind]
    )
    return Section(kind, verbs, (*(field for field, _ in cells), *inputs), start, proposal)


def _cell_field(column: FormField, name: str, number: int, n_rows: int) -> FormField:
    """Return the input of a cell of a proposed row."""
    row = f"{ROW_NAMES[name]} {number + 1}" if n_rows > 1 else ROW_NAMES[name]
    title = row if row == column.title else f"{row}: {column.title}"
    return replace(column, name=f"{name}.{number}.{column.name}", title=title, is_folded=True)


def _cell_text(value: Any) -> str:
    """Return the text of a proposed cell, with invisible characters shown as codes."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return visible(text).replace("\n", code("\n"))


def _with_documents(field: FormField, proposal: Json, documents: Sequence[Document]) -> FormField:
    """Offer the documents of the business, those of the requested types first.

    [A] 38: the field's name.
    """
    if field.name != "document_id" or not documents:
        return field
    requested = proposal.get("document_types")
    requested = requested if isinstance(requested, list) else []
    ordered = sorted(documents, key=lambda document: document.document_type not in requested)
    return replace(field, title="Document", kind="choice", choices=tuple(map(_choice, ordered)))


def _choice(document: Document) -> tuple[str, str]:
    kind = in_words(document.document_type or "document")
    name = f"{kind}: {document.filename or 'unnamed'}"
    return one_line(
        f"{name}, {live_moment(document.created_at)} · {short_id(document.id)}"
    ), document.id


def _parse(field: FormField, text: str) -> Any:
    """Read the value of one input. Raises `ValueError` with a message for the person."""
    if not jsontext.is_unicode(text):
        raise ValueError("contains half of a character; type it again")
    if field.choices and text not in dict(field.choices).values():
        raise ValueError("is no longer offered; choose one of the list")
    if field.kind == "json":
        return _json_object(text)
    if field.is_web and web_host(text) is None:
        raise ValueError(
            "must be a web address that begins with https:// or http:// and a plain host name"
        )
    if field.max_length is not None and len(text) > field.max_length:
        raise ValueError(f"must have at most {field.max_length:,} characters")
    return text


def _json_object(text: str) -> Json:
    try:
        value = jsontext.loads(text.encode())
        jsontext.dumps(value)  # refuses numbers that cannot be sent
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError('must be an object such as {"decision": "approve"}')
    return value
