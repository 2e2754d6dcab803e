"""The inputs of a question, each proposal's below its evidence, and the answer that they make."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as w

from runkit.api import contract
from runkit.api.contract import Json
from runkit.api.models import Document
from runkit.api.question_kinds import (
    KIND_OF_NAME,
    Choice,
    answer_to,
    combined_answer,
    interrupt_kind,
    proposed_payload,
    questions_in,
)
from runkit.display.text import (
    Markup,
    block,
    escape_unseen,
    in_words,
    live_moment,
    shorten,
    truncated,
)
from runkit.widgets._question import evidence_html, part_html

MAX_RADIO = 5  # documents; more are a list that drops down


class WrongInput(ValueError):
    """An input that cannot be sent; its text says why, `field` is where the focus belongs."""

    def __init__(self, text: str, field: w.Widget) -> None:
        super().__init__(text)
        self.field = field


def _text(title: str, hint: str, value: str = "", rows: int = 1) -> w.Textarea:
    """Make an input whose text arrives once, when it loses the focus."""
    return w.Textarea(
        value=value,
        description=title,
        placeholder=hint,
        continuous_update=False,
        rows=rows,
    )


class ProposalInputs:
    """The evidence and the inputs of one proposal, in `box`.

    `texts` has the inputs of text by name. `number` is its place among several, 0 of a single one.
    """

    def __init__(self, proposal: Json, number: int, on_change: Callable[..., object]) -> None:
        self.proposal = proposal
        self.kind = KIND_OF_NAME[interrupt_kind(proposal)]
        self._payload = proposed_payload(proposal, self.kind.name)
        options = [(choice.button, choice.word) for choice in self.kind.choices]
        self.choice = w.ToggleButtons(options=options, value=None, description="Answer")
        self.document: Any = None  # the list of documents, once it is read
        self.texts = {name: CONTROLS[name](self) for name in self.kind.inputs}
        self._start = {name: field.value for name, field in self.texts.items()}
        self._on_change = on_change
        for field in self.fields:
            field.observe(on_change, "value")
        title = part_html(number, proposal) if number else Markup()
        evidence = w.HTML(block(title + evidence_html(proposal)))
        self._middle = w.VBox([self._placed(name) for name in self.texts if name != "note"])
        self.box = w.VBox([evidence, self._middle, self.choice, self.texts["note"]])

    @property
    def payload_text(self) -> str:
        """What the agent proposes to add, as JSON."""
        return escape_unseen(json.dumps(self._payload, ensure_ascii=False, indent=2))

    def _placed(self, name: str) -> w.Widget:
        """Return an input as it is shown; what an agent proposes to add is folded."""
        field = self.texts[name]
        if name != "actions":
            return field
        folded = w.Accordion([field], selected_index=None)
        folded.set_title(0, "Edit what is added")
        if not self._payload:
            folded.layout.display = "none"
        return folded

    def offer(self, documents: Sequence[Document]) -> None:
        """Offer the documents of the business."""
        if not documents:
            return
        options: list[Any] = [(_document_name(document), document.id) for document in documents]
        if len(options) > MAX_RADIO:
            options = [("Choose a document", None), *options]
            self.document = w.Dropdown(options=options, description="Document")
        else:
            self.document = w.RadioButtons(options=options, value=None, description="Document")
        self.document.observe(self._on_change, "value")
        self.texts["document_id"].description = "or its ID"
        self._middle.children = [self.document, *self._middle.children]

    @property
    def chosen(self) -> Choice | None:
        """The chosen answer."""
        return next((item for item in self.kind.choices if item.word == self.choice.value), None)

    @property
    def fields(self) -> list[Any]:
        """All inputs."""
        fields = [self.choice, *self.texts.values()]
        return fields if self.document is None else [*fields, self.document]

    @property
    def is_touched(self) -> bool:
        """Whether a person has typed or chosen anything."""
        is_typed = any(field.value != self._start[name] for name, field in self.texts.items())
        return is_typed or self.choice.value is not None

    @property
    def missing(self) -> Any:
        """The first input that the chosen answer requires and that is empty."""
        names = self.chosen.requires if self.chosen else ()
        return next((self._field(name) for name in names if not self._value(name)), None)

    def mark_required(self) -> None:
        """Mark the inputs that the chosen answer requires; the page sees which are empty."""
        names = self.chosen.requires if self.chosen else ()
        for name, field in self.texts.items():
            listed = self._field(name)
            is_required = name in names and (listed is field or not listed.value)
            mark = field.add_class if is_required else field.remove_class
            mark("rk-required")

    def _field(self, name: str) -> Any:
        is_listed = name == "document_id" and self.document is not None
        return self.document if is_listed else self.texts[name]

    def _value(self, name: str) -> str:
        """Return what was typed, else of a document what was chosen."""
        typed = str(self.texts[name].value or "").strip()
        return typed or str(self._field(name).value or "").strip()

    def answer(self) -> Json:
        """Return the input to send. Raises `WrongInput`."""
        chosen = self.chosen
        if chosen is None:
            raise WrongInput("Choose an answer.", self.choice)
        for name in chosen.requires:
            if not self._value(name):
                raise WrongInput(chosen.missing(name), self._field(name))
        if chosen.word == "raw":
            return _json_object(self.texts["raw"])
        sent: Json = {name: self._value(name) or None for name in chosen.inputs}
        if "actions" in sent:
            sent["actions"] = self._actions()
        return answer_to(chosen.word, sent)

    def _actions(self) -> list[Json] | None:
        """Return the proposal as a person changed it, None if nobody did."""
        field = self.texts["actions"]
        if field.value == self._start["actions"]:
            return None
        payload = _json_object(field)
        return None if payload == self._payload else [{"type": self.kind.name, "payload": payload}]


# the control of an input, by its name
CONTROLS: dict[str, Callable[[ProposalInputs], Any]] = {
    "note": lambda asked: _text("Reason", "goes into the audit record"),
    "document_id": lambda asked: _text("Document", "ID of a document that is not listed"),
    "actions": lambda asked: _text("JSON", "", asked.payload_text, rows=8),
    "raw": lambda asked: _text("JSON", '{"decision": "approve"}', rows=2),
}


class QuestionInputs:
    """The inputs of all proposals of a question, in `box`."""

    def __init__(self, value: Json, on_change: Callable[..., object]) -> None:
        asked = questions_in(value)
        self.is_combined = len(asked) > 1
        numbers = range(1, len(asked) + 1) if self.is_combined else (0,)
        self.proposals = [
            ProposalInputs(proposal, number, on_change)
            for number, proposal in zip(numbers, asked, strict=True)
        ]
        self.box = w.VBox([item.box for item in self.proposals])
        self.box.add_class("rk-inputs")

    @property
    def button_words(self) -> str:
        """What the chosen answers do, as their buttons say; empty while one is missing."""
        choices = [item.chosen for item in self.proposals]
        if not all(choices):
            return ""
        buttons = [choice.button for choice in choices if choice]
        return ", ".join(button[:1].lower() + button[1:] for button in buttons)

    @property
    def fields(self) -> list[Any]:
        """All inputs."""
        return [field for item in self.proposals for field in item.fields]

    @property
    def is_touched(self) -> bool:
        """Whether a person has typed or chosen anything."""
        return any(item.is_touched for item in self.proposals)

    def clear_choice(self) -> None:
        """Take back the choice, so that sending again is a new decision."""
        for item in self.proposals:
            item.choice.value = None

    def answer(self) -> Json:
        """Return the input to send. Raises `WrongInput`."""
        answers = [item.answer() for item in self.proposals]
        if not self.is_combined:
            return answers[0]
        agents = [item.proposal["agent"] for item in self.proposals]
        return combined_answer(zip(agents, answers, strict=True))

    def quoted(self, answer: Json) -> str:
        """Repeat an answer: what was chosen, each with its reason and document, in quotes."""
        parts = answer["proposals"] if self.is_combined else [answer]
        buttons = [item.chosen.button for item in self.proposals if item.chosen]
        texts = []
        for button, part in zip(buttons, parts, strict=True):
            texts += [button, part.get("note"), part.get("document_id")]
        return ", ".join(f"“{truncated(text)}”" for text in texts if text)


def _json_object(field: w.Textarea) -> Json:
    """Read the JSON of an input. Raises `WrongInput`."""
    try:
        value = contract.loads(field.value.encode())
        contract.dumps(value)  # refuses numbers that cannot be sent
    except ValueError as error:
        raise WrongInput(f"This is not JSON: {error}", field) from None
    if not isinstance(value, dict) or not value:
        text = 'The JSON must be an object with something in it, such as {"decision": "approve"}.'
        raise WrongInput(text, field)
    return value


def _document_name(document: Document) -> str:
    kind = in_words(document.document_type or "document")
    name = shorten(document.filename or "unnamed", 80)
    return f"{kind}: {name}, {live_moment(document.created_at)} · {document.id[:8]}"
