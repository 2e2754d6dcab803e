"""The form of a question: its sections, and the validation of what was entered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from runkit import contract
from runkit.objects import Document
from runkit.text import moment, one_line, shorten
from runkit.widgets import schema
from runkit.widgets.kinds import ANSWERS, YES, Addition, Answer, Decision, Other, json_object
from runkit.widgets.question import NO_LABEL
from runkit.widgets.schema import Field

MAX_SECTIONS = 50
MAX_INPUTS = 300  # of a form: a page displays them after half a second, and 8,000 after 40
Json = dict[str, Any]
Entries = Mapping[str, Mapping[str, Any]]  # the content of the inputs, by section and field


@dataclass(frozen=True)
class SectionResult:
    """The validation of a section: the input to send (None while there are errors), and what it does."""

    input: Json | None
    verb: str  # "" while nothing is chosen
    is_yes: bool
    is_irreversible: bool
    errors: dict[str, str]


@dataclass(frozen=True)
class Section:
    """One proposal to answer: its fields, their initial entries, and their validation."""

    key: str
    kind: str
    agent: str | None
    title: str
    fields: tuple[Field, ...]
    start: Json
    validate: Callable[[Mapping[str, Any]], SectionResult]


@dataclass(frozen=True)
class FormResult:
    """The validation of a whole form. `caption` is the button's text, `errors` are by section and field."""

    input: Json | None
    caption: str
    verbs: tuple[str, ...]
    is_irreversible: bool
    errors: dict[str, dict[str, str]]


class Questionnaire:
    """The form of one question: a section for each proposal that can be answered on its own.

    Too many proposals or inputs are answered together. Raises nothing: whatever the value holds, the form
    offers at least approve, reject and the JSON editor.
    """

    def __init__(self, value: Json, documents: Sequence[Document] = ()) -> None:
        proposals = contract.questions_in(value)
        self.is_combined = len(proposals) > 1
        n = len(proposals)
        self.sections = tuple(
            _section(str(number), proposal, documents, n)
            for number, proposal in enumerate(proposals if n <= MAX_SECTIONS else ())
        )
        n_inputs = sum(_n_inputs(section.fields, section.start) for section in self.sections)
        if n > MAX_SECTIONS or n_inputs > MAX_INPUTS:
            self.is_combined = False
            reason = f"{n:,} proposals are too many to show here. One answer applies to all."
            parts = _model_section(Other, value, documents, reason)
            self.sections = (_make_section("0", value, parts),)

    def start(self) -> dict[str, Json]:
        """Give the initial entries."""
        return {section.key: dict(section.start) for section in self.sections}

    def validate(self, entries: Entries) -> FormResult:
        """Validate the entries."""
        results = [section.validate(entries.get(section.key, {})) for section in self.sections]
        errors = {s.key: one.errors for s, one in zip(self.sections, results, strict=True) if one.errors}
        answers = [(str(s.agent), one.input) for s, one in zip(self.sections, results, strict=True)]
        valid = [(agent, answer) for agent, answer in answers if answer is not None]
        answer = None
        if len(valid) == len(results):
            answer = contract.combined_answer(valid) if self.is_combined else valid[0][1]
        return FormResult(
            input=answer,
            caption=_caption(results),
            verbs=tuple(one.verb for one in results),
            is_irreversible=any(one.is_irreversible for one in results),
            errors=errors,
        )


def _caption(results: Sequence[SectionResult]) -> str:
    """Name what the button will do."""
    if len(results) == 1:
        return results[0].verb or "Send answer"
    n_open, n_yes, n = sum(not one.verb for one in results), sum(one.is_yes for one in results), len(results)
    if n_open:
        return f"{n - n_open} of {n} answered"
    return {0: f"Reject all {n}", n: f"Approve all {n}"}.get(n_yes, f"Approve {n_yes} of {n}")


SectionParts = tuple[tuple[Field, ...], Json, Callable[[Mapping[str, Any]], SectionResult]]


def _section(key: str, proposal: Json, documents: Sequence[Document], n_sections: int) -> Section:
    kind, own = contract.interrupt_kind(proposal), contract.response_schema_of(proposal)
    if own is not None:
        return _make_section(key, proposal, _schema_section(kind, own, n_sections))
    parts = _model_section(ANSWERS.get(kind, Other), proposal, documents)
    if (n_inputs := _n_inputs(*parts[:2])) > MAX_INPUTS:
        reason = f"The proposal has {n_inputs:,} inputs, too many to show here."
        parts = _model_section(Other, proposal, documents, reason)
    return _make_section(key, proposal, parts)


def _make_section(key: str, proposal: Json, parts: SectionParts) -> Section:
    label, agent = proposal.get("label"), proposal.get("agent")
    fields, start, validate = parts
    return Section(
        key,
        contract.interrupt_kind(proposal),
        agent if isinstance(agent, str) else None,
        shorten(label, 300) if isinstance(label, str) and label.strip() else NO_LABEL,
        fields,
        start,
        validate,
    )


def _n_inputs(fields: Sequence[Field], start: Mapping[str, Any]) -> int:
    """Count the initial inputs of a section; a row also has a button."""
    rows = (
        (start.get(field.name, field.default), len(field.columns) + 1) for field in fields if field.columns
    )
    return len(fields) + sum(len(entry) * width for entry, width in rows if isinstance(entry, list))


def _model_section(
    answer: type[Answer], proposal: Json, documents: Sequence[Document], reason: str = ""
) -> SectionParts:
    """Make a section whose answer is one of `ANSWERS`, or `Other` for the reason displayed beside it."""
    declared = schema.fields_of(answer.model_json_schema()) or ()
    fields = tuple(_with_choices(field, answer, proposal, documents) for field in _note_last(declared))
    if reason:
        fields = (replace(fields[0], help=reason), *fields[1:])
    start = answer.initial_values(proposal)
    initial = schema.to_entries(fields, start)
    plain = [field for field in fields if field.name not in start]
    received = answer.received_rows(proposal) if issubclass(answer, Addition) else {}

    def validate(entries: Mapping[str, Any]) -> SectionResult:
        decision, current = str(entries.get("decision") or ""), schema.to_entries(fields, entries)
        is_edited = any(current[name] != initial[name] for name in start)
        # unchanged rows, and the rows of a rejection, are not sent and need no validation
        has_rows = not start or (is_edited and decision in YES)
        values, errors = schema.parse_entries(fields if has_rows else plain, entries)
        answered = None
        if not errors:
            try:
                model = answer if has_rows else Answer
                unchanged = {
                    name: _unchanged_rows(rows, initial[name], current[name])
                    for name, rows in received.items()
                }
                answered = model.model_validate(
                    values, context={"proposal": proposal, "unchanged": unchanged}
                )
            except ValidationError as error:
                errors = {".".join(map(str, one["loc"])): _message(one["msg"]) for one in error.errors()}
        body = answered.to_input(proposal) if answered else None
        if values.get("raw"):
            return SectionResult(body, "Send the JSON", False, True, errors)
        verb = answer.verbs.get(decision, "")
        return SectionResult(body, verb, decision in YES, decision in answer.irreversible, errors)

    return fields, start, validate


def _unchanged_rows(
    received: Sequence[Json], initial: Sequence[Json], current: Sequence[Json]
) -> list[Json | None]:
    """Give for each current row the row as the agent sent it, None if a person added or changed it."""
    left = list(zip(initial, received, strict=True))
    unchanged: list[Json | None] = []
    for row in current:
        at = next((at for at, (first, _) in enumerate(left) if first == row), None)
        unchanged.append(None if at is None else left.pop(at)[1])
    return unchanged


def _schema_section(kind: str, own: Json, n_sections: int) -> SectionParts:
    """Make a section for a question with its own schema; a nested schema gets the JSON editor.

    All `n_sections` are checked at each keystroke, so they share the limit on the cost of a check.
    """
    from runkit.widgets.schema_check import MAX_COST, check

    flat = schema.fields_of(own)
    if flat is not None and _n_inputs(flat, {}) > MAX_INPUTS:
        flat = None
    editor = Field("raw", "Answer as JSON", "long_text", "An object that fits the schema.", is_required=True)
    fields = flat or (editor,)
    harmless = Decision.verbs.keys() - Decision.irreversible if kind == "decision" else set()

    def validate(entries: Mapping[str, Any]) -> SectionResult:
        values, errors = schema.parse_entries(fields, entries)
        if flat is None and not errors:
            try:
                values = json_object(values["raw"])
            except ValueError as error:
                errors = {"raw": str(error)}
        decision = str(values.get("decision", ""))
        verb = Decision.verbs.get(decision, "Send the answer")
        if not errors:
            errors = _placed(check(own, values, MAX_COST // n_sections), fields)
        has_verb = bool(values) and ("decision" in values or all(one.name != "decision" for one in fields))
        is_irreversible = decision not in harmless
        return SectionResult(
            None if errors else values, verb if has_verb else "", decision in YES, is_irreversible, errors
        )

    return fields, {}, validate


def _placed(errors: Mapping[str, str], fields: Sequence[Field]) -> dict[str, str]:
    """Put errors without an input of their own, with their paths, at the last field."""
    names, last = {field.name for field in fields}, fields[-1].name
    placed = {path: message for path, message in errors.items() if path.partition(".")[0] in names}
    unplaced = [
        f"{path}: {message}" if path else message for path, message in errors.items() if path not in placed
    ]
    return placed | ({last: "; ".join([*filter(None, [placed.get(last)]), *unplaced])} if unplaced else {})


def _note_last(fields: Sequence[Field]) -> list[Field]:
    return sorted(fields, key=lambda field: (field.name == "raw", field.name == "note"))


def _with_choices(field: Field, answer: type[Answer], proposal: Json, documents: Sequence[Document]) -> Field:
    """Add the choices of this question: the verbs, or the documents of its business."""
    if field.name == "decision":
        choices = tuple((verb, value) for value, verb in answer.verbs.items())
        return replace(field, kind="choice", choices=choices, default=None)
    if field.hint != "document" or not documents:
        return field if field.hint != "document" else replace(field, title="Document ID")
    requested = contract.accepted_document_types(proposal)
    ordered = sorted(documents, key=lambda document: document.document_type not in requested)
    labels = [_document_label(document) for document in ordered]
    choices = tuple(
        (label if labels.count(label) == 1 else f"{label}, {document.id}", document.id)
        for label, document in zip(labels, ordered, strict=True)
    )
    return replace(field, kind="choice", choices=choices)


def _document_label(document: Document) -> str:
    when = f", {moment(document.created_at)}" if document.created_at else ""
    return one_line(f"{document.document_type or 'document'}: {document.filename or document.id}{when}")


def _message(message: str) -> str:
    return message.removeprefix("Value error, ")
