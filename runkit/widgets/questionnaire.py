"""The form that a question becomes: sections to fill in, and the judgement on what was typed into them."""

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
from runkit.widgets.question import NO_WORDS
from runkit.widgets.schema import Field

MAX_SECTIONS = 50
MAX_INPUTS = 300  # of a form: they stand on the page after half a second, 8,000 after 40
Json = dict[str, Any]
Entries = Mapping[str, Mapping[str, Any]]  # what stands in the inputs, by section


@dataclass(frozen=True)
class SectionResult:
    """What was typed, judged: the input to send (None while there are errors), and what it will do."""

    input: Json | None
    verb: str  # "" while nothing is chosen
    is_yes: bool
    is_irreversible: bool
    errors: dict[str, str]


@dataclass(frozen=True)
class Section:
    """One thing to answer: its fields, what stands in them at first, and how they are judged."""

    key: str
    kind: str
    agent: str | None
    title: str
    fields: tuple[Field, ...]
    start: Json
    validate: Callable[[Mapping[str, Any]], SectionResult]


@dataclass(frozen=True)
class FormResult:
    """A whole form, judged. `caption` is what the button says, `errors` are by section and field."""

    input: Json | None
    caption: str
    verbs: tuple[str, ...]
    is_irreversible: bool
    errors: dict[str, dict[str, str]]


class Questionnaire:
    """The form of one question: a section for each proposal that can be answered on its own.

    Proposals that would be too many sections or inputs are answered together. Raises nothing: whatever the
    value holds, there is at least approve, reject and the JSON editor.
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
            why = f"These {n:,} proposals are too many to lay out; they are answered together."
            parts = _model_section(Other, value, documents, why)
            self.sections = (_make_section("0", value, parts),)

    def start(self) -> dict[str, Json]:
        """Give what stands in the inputs at first."""
        return {section.key: dict(section.start) for section in self.sections}

    def validate(self, entries: Entries) -> FormResult:
        """Judge what was typed."""
        judged = [section.validate(entries.get(section.key, {})) for section in self.sections]
        errors = {s.key: one.errors for s, one in zip(self.sections, judged, strict=True) if one.errors}
        answers = [(str(s.agent), one.input) for s, one in zip(self.sections, judged, strict=True)]
        given = [(agent, answer) for agent, answer in answers if answer is not None]
        is_whole = len(given) == len(judged)
        whole = None if not is_whole else contract.combined_answer(given) if self.is_combined else given[0][1]
        return FormResult(
            input=whole,
            caption=_caption(judged),
            verbs=tuple(one.verb for one in judged),
            is_irreversible=any(one.is_irreversible for one in judged),
            errors=errors,
        )


def _caption(judged: Sequence[SectionResult]) -> str:
    """Say what the button will do."""
    if len(judged) == 1:
        return f"{judged[0].verb or 'Answer'} and resume"
    n_open, n_yes, n = sum(not one.verb for one in judged), sum(one.is_yes for one in judged), len(judged)
    if n_open:
        return f"Answer {n_open} more of {n} to resume"
    share = {0: f"Reject all {n}", n: f"Approve all {n}"}.get(n_yes, f"Approve {n_yes} of {n}")
    return f"{share} and resume"


SectionParts = tuple[tuple[Field, ...], Json, Callable[[Mapping[str, Any]], SectionResult]]


def _section(key: str, proposal: Json, documents: Sequence[Document], n_sections: int) -> Section:
    kind, own = contract.interrupt_kind(proposal), contract.response_schema_of(proposal)
    if own is not None:
        return _make_section(key, proposal, _schema_section(kind, own, n_sections))
    parts = _model_section(ANSWERS.get(kind, Other), proposal, documents)
    if (n_inputs := _n_inputs(*parts[:2])) > MAX_INPUTS:
        why = f"What is proposed would be {n_inputs:,} inputs, too many to lay out here."
        parts = _model_section(Other, proposal, documents, why)
    return _make_section(key, proposal, parts)


def _make_section(key: str, proposal: Json, parts: SectionParts) -> Section:
    label, agent = proposal.get("label"), proposal.get("agent")
    fields, start, validate = parts
    return Section(
        key,
        contract.interrupt_kind(proposal),
        agent if isinstance(agent, str) else None,
        shorten(label, 300) if isinstance(label, str) and label.strip() else NO_WORDS,
        fields,
        start,
        validate,
    )


def _n_inputs(fields: Sequence[Field], start: Mapping[str, Any]) -> int:
    """Count the inputs that a section has at first; a row has a button as well."""
    rows = (
        (start.get(field.name, field.default), len(field.columns) + 1) for field in fields if field.columns
    )
    return len(fields) + sum(len(given) * width for given, width in rows if isinstance(given, list))


def _model_section(
    answer: type[Answer], proposal: Json, documents: Sequence[Document], why_other: str = ""
) -> SectionParts:
    """Make a section whose answer is one of `ANSWERS`, or `Other` for a reason that is said beside it."""
    found = schema.fields_of(answer.model_json_schema()) or ()
    fields = tuple(_with_choices(field, answer, proposal, documents) for field in _note_last(found))
    if why_other:
        fields = (replace(fields[0], help=why_other), *fields[1:])
    start = answer.initial_values(proposal)
    initial = schema.to_entries(fields, start)
    plain = [field for field in fields if field.name not in start]
    received = answer.received_rows(proposal) if issubclass(answer, Addition) else {}

    def validate(entries: Mapping[str, Any]) -> SectionResult:
        decision, current = str(entries.get("decision") or ""), schema.to_entries(fields, entries)
        is_edited = any(current[name] != initial[name] for name in start)
        # rows that nobody changed, and those of a rejection, are not sent: nothing in them can be wrong
        is_whole = not start or (is_edited and decision in YES)
        values, errors = schema.parse_entries(fields if is_whole else plain, entries)
        built = None
        if not errors:
            try:
                model = answer if is_whole else Answer
                unchanged = {
                    name: _unchanged_rows(rows, initial[name], current[name])
                    for name, rows in received.items()
                }
                built = model.model_validate(values, context={"proposal": proposal, "kept": unchanged})
            except ValidationError as error:
                errors = {".".join(map(str, one["loc"])): _message(one["msg"]) for one in error.errors()}
        given = built.to_input(proposal) if built else None
        if values.get("raw"):
            return SectionResult(given, "Send the JSON", False, True, errors)
        verb = answer.verbs.get(decision, "")
        return SectionResult(given, verb, decision in YES, decision in answer.irreversible, errors)

    return fields, start, validate


def _unchanged_rows(
    received: Sequence[Json], initial: Sequence[Json], current: Sequence[Json]
) -> list[Json | None]:
    """Give for each row that stands there the row as it came, None if a person added or changed it."""
    left = list(zip(initial, received, strict=True))
    unchanged: list[Json | None] = []
    for row in current:
        at = next((at for at, (first, _) in enumerate(left) if first == row), None)
        unchanged.append(None if at is None else left.pop(at)[1])
    return unchanged


def _schema_section(kind: str, own: Json, n_sections: int) -> SectionParts:
    """Make a section for a question that brings its own schema; one that is too deep gets the JSON editor.

    All `n_sections` are checked at each keystroke, so they share the work that a check may be.
    """
    from runkit.widgets.schema_check import MAX_COST, check

    flat = schema.fields_of(own)
    if flat is not None and _n_inputs(flat, {}) > MAX_INPUTS:
        flat = None
    editor = Field(
        "raw", "Answer as JSON", "long_text", "An object, as the schema asks for.", is_required=True
    )
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
        is_begun = bool(values) and ("decision" in values or all(one.name != "decision" for one in fields))
        is_irreversible = decision not in harmless
        return SectionResult(
            None if errors else values, verb if is_begun else "", decision in YES, is_irreversible, errors
        )

    return fields, {}, validate


def _placed(errors: Mapping[str, str], fields: Sequence[Field]) -> dict[str, str]:
    """Put errors that have no input of their own, with their paths, at the last field."""
    names, last = {field.name for field in fields}, fields[-1].name
    placed = {path: told for path, told in errors.items() if path.partition(".")[0] in names}
    unplaced = [f"{path}: {told}" if path else told for path, told in errors.items() if path not in placed]
    return placed | ({last: "; ".join([*filter(None, [placed.get(last)]), *unplaced])} if unplaced else {})


def _note_last(fields: Sequence[Field]) -> list[Field]:
    return sorted(fields, key=lambda field: (field.name == "raw", field.name == "note"))


def _with_choices(field: Field, answer: type[Answer], proposal: Json, documents: Sequence[Document]) -> Field:
    """Put the choices in that only this question knows."""
    if field.name == "decision":
        choices = tuple((shown, word) for word, shown in answer.verbs.items())
        return replace(field, kind="choice", choices=choices, default=None)
    if field.hint != "document" or not documents:
        return field if field.hint != "document" else replace(field, title="Document id")
    wanted = contract.wanted_documents(proposal)
    ordered = sorted(documents, key=lambda document: document.document_type not in wanted)
    shown = [_document_label(one) for one in ordered]
    choices = tuple(
        (words if shown.count(words) == 1 else f"{words}, {one.id}", one.id)
        for words, one in zip(shown, ordered, strict=True)
    )
    return replace(field, kind="choice", choices=choices)


def _document_label(document: Document) -> str:
    when = f", {moment(document.created_at)}" if document.created_at else ""
    return one_line(f"{document.document_type or 'document'}: {document.filename or document.id}{when}")


def _message(message: str) -> str:
    return message.removeprefix("Value error, ")
