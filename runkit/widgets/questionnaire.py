"""The form of one question: what is in its inputs at first, and the answer that they make.

An entry is the content of an input as the page has it: a text, or dicts for rows; a choice is the JSON of its
value. Errors are messages by path ("note", "sources.0.url"). Nothing that an agent proposes is sent changed
unless a person changed it: a row and a cell that nobody changed are sent as they came. A question of an
unknown kind, or with a schema of its own, can be answered as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runkit import jsontext, questions
from runkit.contract import Json, objects, verify_tin_payload
from runkit.objects import Document
from runkit.questions import FIELDS, VERBS, Field, Verb
from runkit.text import code, moment, one_line, shorten, visible, web_host

Entries = dict[str, Json]  # the content of the inputs, by section and field
NO_LABEL = "Question without a label"
ROW_ID = "#"  # in the entry of a row, the number of the proposed row that it started as
MAX_PROPOSALS = 50  # shown of a question
MAX_INPUTS = 300  # of a question: a page displays them after half a second, and 8,000 after 40


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
        """Read the entries of a page or a draft; anything that is not an input of this form is ignored."""
        entries = {**self.start, **entries} if isinstance(entries, dict) else self.start
        return _clean(self.fields, entries) | {"decision": str(entries["decision"])}

    @property
    def rows(self) -> list[str]:
        """The names of the inputs that hold rows."""
        return [field.name for field in self.fields if field.kind == "rows"]

    def answer(self, entries: Json) -> tuple[Json | None, dict[str, str]]:
        """Return the input to send, or errors by path."""
        verb = next((verb for verb in self.verbs if verb.value == entries["decision"]), None)
        if verb is None:
            return None, {"decision": "Choose an answer."}
        is_edited = verb.is_yes and any(entries[name] != self.start[name] for name in self.rows)
        values, errors = self._values(entries, verb, is_edited=is_edited)
        if errors:
            return None, errors
        if "raw" in values:
            return values["raw"], {}

        document_id = values.get("document_id") if verb.is_yes else None
        actions = None
        if self.kind == "verify_tin" and document_id:
            actions, document_id = [("verify_tin", verify_tin_payload(document_id))], None
        elif is_edited:
            actions = [(self.kind, self._payload(entries, values))]
        return questions.answer_to(verb.value, values.get("note"), document_id, actions), {}

    def _values(self, entries: Json, verb: Verb, *, is_edited: bool) -> tuple[Json, dict[str, str]]:
        """Parse what is sent: unchanged rows, and the rows of a rejection, are not, and may be invalid."""
        used = {"rows": is_edited, "json": verb.value == "raw"}
        fields = [field for field in self.fields if used.get(field.kind, True)]
        values, errors = _parse_entries(fields, entries)
        errors = {name: verb.missing(name) for name in verb.requires if name not in values} | errors
        if is_edited and not errors and not any(values[name] for name in self.rows):
            last = self.rows[-1]
            errors = {last: f"Add a row to the {last}, or reject the proposal."}
        return values, errors

    def _payload(self, entries: Json, values: Json) -> Json:
        """Return the proposed payload with the rows that a person changed."""
        payload = questions.proposed_payload(self.proposal, self.kind)
        for field in self.fields:
            if field.kind == "rows":
                proposed = objects(payload.pop(field.name, None))
                pairs = zip(entries[field.name], values[field.name], strict=True)
                rows = [self._row(field, entry, row, proposed) for entry, row in pairs]
                payload |= {field.name: rows} if rows else {}
        return payload

    def _row(self, field: Field, entry: Json, row: Json, proposed: list[Json]) -> Json:
        """Return a row as it came, but for the cells that a person changed."""
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
        filled = [f"{field.title}: {self._start_words(field)}" for field in folded if self.start[field.name]]
        return shorten("; ".join(filled) or f"Optional: {', '.join(field.title for field in folded)}", 200)

    def _start_words(self, field: Field) -> str:
        rows = ([row[column.name] for column in field.columns] for row in self.start[field.name])
        return "; ".join(", ".join(filter(None, row)) for row in rows)


class Questionnaire:
    """The form of one question: a section for each proposal that can be answered on its own.

    Too many inputs are answered together. Whatever the value holds, the form offers at least approve, reject
    and the JSON editor.
    """

    def __init__(self, value: Json, documents: Sequence[Document] = ()) -> None:
        proposals = questions.questions_in(value)
        self.sections = [_section(str(key), item, documents) for key, item in enumerate(proposals)]
        n_inputs = sum(map(_n_inputs, self.sections))
        if n_inputs > MAX_INPUTS or len(self.sections) > MAX_PROPOSALS:
            reason = f"{n_inputs:,} inputs are too many to show here. One answer applies to all."
            self.sections = [_section("0", value, documents, reason)]
        self.is_combined = len(self.sections) > 1

    def start(self) -> Entries:
        """Return the initial entries."""
        return self.received({})

    def received(self, entries: Mapping[str, object]) -> Entries:
        """Read the entries of a page or a draft."""
        return {section.key: section.received(entries.get(section.key)) for section in self.sections}

    def answer(self, entries: Entries) -> tuple[Json | None, dict[str, dict[str, str]]]:
        """Return the input to send, or errors by section and field."""
        errors, parts = {}, []
        for section in self.sections:
            answer, section_errors = section.answer(entries[section.key])
            if section_errors:
                errors[section.key] = section_errors
            parts.append((str(section.agent), answer or {}))
        if errors:
            return None, errors
        return questions.combined_answer(parts) if self.is_combined else parts[0][1], {}

    def receipt(self, answer: Json) -> str:
        """Describe an answer to this question for the receipt."""
        parts = objects(answer.get("proposals"))
        words: list[str] = []
        for section in self.sections:
            part = next((part for part in parts if part.get("agent") == section.agent), answer)
            receipts = {verb.value: verb.receipt for verb in section.verbs}
            word = receipts.get(str(part.get("decision")), "Answered")
            words.append(word[:1].lower() + word[1:] if words and word[1:2].islower() else word)
        return ", ".join(words)


def _section(key: str, proposal: Json, documents: Sequence[Document], reason: str = "") -> Section:
    kind = questions.interrupt_kind(proposal)
    if reason or kind not in FIELDS or questions.has_schema(proposal):
        kind = "other"
    fields = tuple(_with_documents(field, proposal, documents) for field in FIELDS[kind])
    payload = questions.proposed_payload(proposal, kind)
    start = {field.name: _rows(field, payload) if field.kind == "rows" else "" for field in fields}
    s = "" if len(start.get("sources", ())) == 1 else "s"
    verbs = tuple(
        verb._replace(button=verb.button.replace("{s}", s), receipt=verb.receipt.replace("{s}", s))
        for verb in VERBS[kind]
    )
    agent = proposal.get("agent")
    agent = agent if isinstance(agent, str) else None
    return Section(key, kind, agent, verbs, fields, start | {"decision": ""}, proposal, reason)


def _rows(field: Field, payload: Json) -> list[Json]:
    """Return the entries of the proposed rows: in an input, what would be invisible is shown as a code."""

    def entry(column: Field, value: Any) -> str:
        if column.kind == "texts":
            return visible("\n".join(map(_text_of, value)) if isinstance(value, list) else _text_of(value))
        return visible(_text_of(value)).replace("\n", code("\n"))

    return [
        {ROW_ID: number} | {column.name: entry(column, row.get(column.name)) for column in field.columns}
        for number, row in enumerate(objects(payload.get(field.name)))
    ]


def _with_documents(field: Field, proposal: Json, documents: Sequence[Document]) -> Field:
    """Offer the documents of the business, those of the requested types first. [A] 38: the field's name."""
    if field.name != "document_id" or not documents:
        return field
    requested = proposal.get("document_types")
    requested = requested if isinstance(requested, list) else []
    ordered = sorted(documents, key=lambda document: document.document_type not in requested)
    labels = []
    for document in ordered:
        label = one_line(f"{document.document_type or 'document'}: {document.filename or document.id}")
        labels.append(label + (f", {moment(document.created_at)}" if document.created_at else ""))
    choices = tuple(
        (label if labels.count(label) == 1 else f"{label}, {document.id}", json.dumps(document.id))
        for label, document in zip(labels, ordered, strict=True)
    )
    return replace(field, title="Document", kind="choice", choices=choices)


def _n_inputs(section: Section) -> int:
    """Count the inputs of a section; each row also has a button."""
    tables = [field for field in section.fields if field.columns]
    rows = [len(section.start[field.name]) * (len(field.columns) + 1) for field in tables]
    return len(section.fields) + sum(rows)


# ------------------------------------------------------------------------------------------------ entries


def _text_of(value: Any) -> str:
    """Return the text of a JSON value for an input."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _clean(fields: Sequence[Field], entries: Mapping[str, Any]) -> Json:
    """Return an entry of the right type for each input; any other counts as empty."""
    cleaned: Json = {}
    for field in fields:
        entry = entries.get(field.name)
        if field.kind == "rows":
            cleaned[field.name] = [_clean_row(field, row) for row in objects(entry)]
        elif isinstance(entry, str):
            is_offered = field.kind != "choice" or entry in [value for _, value in field.choices]
            cleaned[field.name] = entry if is_offered else ""
        else:
            cleaned[field.name] = ""
    return cleaned


def _clean_row(field: Field, row: Json) -> Json:
    row_id = row.get(ROW_ID)
    return _clean(field.columns, row) | ({ROW_ID: row_id} if isinstance(row_id, int) else {})


def _parse_entries(fields: Sequence[Field], entries: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
    """Parse clean entries into (values without empty ones, errors by path)."""
    values: Json = {}
    errors: dict[str, str] = {}
    for field in fields:
        entry = entries[field.name]
        try:
            if field.kind == "rows":
                values[field.name] = []
                for number, row in enumerate(entry):
                    row_values, row_errors = _parse_entries(field.columns, row)
                    values[field.name].append(row_values)
                    errors |= {f"{field.name}.{number}.{path}": text for path, text in row_errors.items()}
            elif entry.strip():
                values[field.name] = _parse(field, entry.strip())
            elif field.is_required:
                errors[field.name] = f"{field.title} is required."
        except ValueError as error:
            errors[field.name] = f"{field.title} {error}."
    return values, errors


def _parse(field: Field, text: str) -> Any:
    """Read the value of one input. Raises `ValueError` with a message for the person."""
    if not jsontext.is_unicode(text):
        raise ValueError("contains half of a character; type it again")
    if field.kind == "json":
        return _json_object(text)
    if field.kind == "texts":
        return [line.strip() for line in text.split("\n") if line.strip()]
    if field.kind == "choice":
        return json.loads(text)
    if field.is_web and web_host(text) is None:
        raise ValueError("must be a web address that begins with https:// or http:// and a plain host name")
    if field.max_length is not None and len(text) > field.max_length:
        raise ValueError(f"must have at most {field.max_length:,} characters")
    return text


def _json_object(text: str) -> Json:
    """Parse a JSON object exactly. Raises `ValueError` with a message for the person who typed it."""
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys)
        jsontext.dumps(value)  # refuses NaN, and numbers and levels that cannot be sent
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError('must be an object such as {"decision": "approve"}')
    return value


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> Json:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("has a key twice in one object; keep one of them")
    return dict(pairs)
