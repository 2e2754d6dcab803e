"""The form of one question: what is in its inputs at first, and the answer that they make.

An entry is the text of an input, as the page has it. Each field of what an agent proposes to add
has an input (`proposed.0`), as JSON where it is more than plain text. The proposal is sent only if
a person changed it, and then with these changes only. A question of an unknown kind, or with a
schema, can be answered as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from runkit.api import jsontext, questions
from runkit.api.contract import Json
from runkit.api.other_models import Document
from runkit.api.questions import EDITABLE, FIELDS, NOTE, ROW_NAMES, VERBS, FormField, Verb
from runkit.api.reading import interrupt_kind, objects
from runkit.display.text import (
    UNSEEN,
    escape_unseen,
    in_words,
    live_moment,
    one_line,
    short_id,
    shorten,
    web_host,
)
from runkit.widgets._page_messages import Entries, Texts

NO_LABEL = "Question without a label"
MAX_LINE = 80  # characters of a text in an input of one line
Cells = dict[str, tuple[str, Json, str]]  # by input: its title, and the object and key of its value


@dataclass(frozen=True)
class Section:
    """One proposal to answer. `start` has the entries that the agent's proposal leads to."""

    kind: str
    verbs: tuple[Verb, ...]
    fields: tuple[FormField, ...]
    start: Texts
    proposal: Json

    def received(self, entries: Texts) -> Texts:
        """Read the entries of a page or a draft; what is no input of this form is ignored."""
        return {name: entries.get(name, start) for name, start in self.start.items()}

    def verb(self, decision: object) -> Verb | None:
        """Return the verb of a decision."""
        return next((verb for verb in self.verbs if verb.value == decision), None)

    def answer(self, entries: Texts) -> tuple[Json, Texts]:
        """Return the input to send, or errors."""
        verb = self.verb(entries["decision"])
        if verb is None:
            return {}, {"decision": "Choose an answer."}
        values: Json = {}
        errors: Texts = {}
        for field in self.fields:
            name = field.name
            text = entries[field.name].strip()
            if not text and name in verb.requires:
                errors[name] = verb.missing(name)
            elif self._is_sent(name, entries, verb) and (text or self.start[name]):
                try:
                    values[name] = _parse(field, text, self.start[name])
                except ValueError as error:
                    errors[name] = f"{field.title} {error}."
        if errors or "raw" in values:
            return values.get("raw", {}), errors
        payload = deepcopy(questions.proposed_payload(self.proposal, self.kind))
        cells = _cells(payload)
        changed = cells.keys() & values
        for name in changed:
            _, holder, key = cells[name]
            holder[key] = values[name]
        actions = [(self.kind, payload)] if changed else None
        inputs = values.get("note"), values.get("document_id")
        return questions.answer_to(verb.value, *inputs, actions), {}

    def _is_sent(self, name: str, entries: Texts, verb: Verb) -> bool:
        """Return whether an entry is part of the answer; a proposal is only if it was changed."""
        if name == "raw":
            return verb.value == "raw"
        return name == "note" or (verb.is_yes and entries[name] != self.start[name])

    def summary(self) -> str:
        """Describe what the agent proposes in one line; empty if nothing can be changed."""
        return shorten(", ".join(filter(None, self.start.values())), 200)

    def edit(self) -> str:
        """Return the text of the button that unfolds inputs; empty if there are none."""
        first = next((field for field in self.fields if field.is_folded), NOTE)
        if self.summary():
            return "Edit"
        return first.title if first.kind == "json" else f"Add a {first.title.lower()}"


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

    def received(self, entries: Entries) -> Entries:
        """Read the entries of a page or a draft; without any, return the initial ones."""
        return {
            key: section.received(entries.get(key, {})) for key, section in self.sections.items()
        }

    def answer(self, entries: Entries) -> tuple[Json, Entries]:
        """Return the input to send, or errors by section and field."""
        answers = {key: section.answer(entries[key]) for key, section in self.sections.items()}
        errors = {key: texts for key, (_, texts) in answers.items() if texts}
        if not self.is_combined:
            return answers["0"][0], errors
        parts = [
            (section.proposal["agent"], answers[key][0]) for key, section in self.sections.items()
        ]
        return questions.combined_answer(parts), errors

    def receipt(self, answer: Json) -> str:
        """Describe an answer to this question for the receipt."""
        by_agent = {part.get("agent"): part for part in objects(answer.get("proposals"))}
        receipts: list[str] = []
        for section in self.sections.values():
            part = by_agent.get(section.proposal.get("agent"), answer)
            verb = section.verb(part.get("decision"))
            text = verb.receipt if verb else "Answered"
            if receipts and not text[1].isupper():  # an acronym such as TIN keeps its capitals
                text = text[0].lower() + text[1:]
            receipts.append(text)
        return "; ".join(receipts)


def _section(proposal: Json, documents: Sequence[Document]) -> Section:
    kind = interrupt_kind(proposal)
    if kind not in FIELDS or questions.has_schema(proposal):
        kind = "other"
    payload = questions.proposed_payload(proposal, kind)
    cells = _cells(payload) if kind in EDITABLE else {}
    inputs = [_proposed(name, title, holder[key]) for name, (title, holder, key) in cells.items()]
    inputs += [(_with_documents(field, proposal, documents), "") for field in FIELDS[kind]]
    start = {"decision": ""} | {field.name: text for field, text in inputs}
    suffix = "" if len(objects(payload.get("sources"))) == 1 else "s"
    verbs = tuple(
        verb._replace(button=verb.button.format(s=suffix), receipt=verb.receipt.format(s=suffix))
        for verb in VERBS[kind]
    )
    return Section(kind, verbs, tuple(field for field, _ in inputs), start, proposal)


def _cells(payload: Json) -> Cells:
    """Return each field of the rows that an agent proposes, and what stands beside the rows."""
    cells = []
    for name, value in payload.items():
        title = ROW_NAMES.get(name, in_words(name))
        rows = objects(value)
        if not rows:
            cells.append((title, payload, name))
        for number, row in enumerate(rows, 1):
            row_title = f"{title} {number}" if len(rows) > 1 else title
            cells += [
                (f"{row_title}: {in_words(key.removeprefix('source_'))}", row, key) for key in row
            ]
    return {f"proposed.{number}": cell for number, cell in enumerate(cells)}


def _proposed(name: str, title: str, value: Any) -> tuple[FormField, str]:
    """Return the input of a proposed value and its text; JSON shows invisible characters."""
    if isinstance(value, str) and not UNSEEN.search(value):
        kind = "long_text" if "\n" in value or len(value) > MAX_LINE else "text"
        return FormField(name, title, kind, is_folded=True), value
    text = escape_unseen(json.dumps(value, ensure_ascii=False, indent=2))
    return FormField(name, f"{title} (JSON)", "json", is_folded=True), text


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


def _parse(field: FormField, text: str, start: str) -> Any:
    """Read the value of one input. Raises `ValueError` with a message for the person."""
    if start and not text:
        raise ValueError("must not be empty; to add nothing, reject the proposal")
    if not jsontext.is_unicode(text):
        raise ValueError("contains half of a character; type it again")
    if field.choices and text not in dict(field.choices).values():
        raise ValueError("is no longer offered; choose one of the list")
    if field.kind == "json":
        return _json(text, is_object=not start)
    if web_host(start) and not web_host(text):
        raise ValueError(
            "must be a web address that begins with https:// or http:// and a plain host name"
        )
    if field.max_length is not None and len(text) > field.max_length:
        raise ValueError(f"must have at most {field.max_length:,} characters")
    return text


def _json(text: str, *, is_object: bool) -> Any:
    try:
        value = jsontext.loads(text.encode())
        jsontext.dumps(value)  # refuses numbers that cannot be sent
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if is_object and not isinstance(value, dict):
        raise ValueError('must be an object such as {"decision": "approve"}')
    return value
