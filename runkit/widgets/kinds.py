"""The answers that a person can give: a class for each kind of question.

A class declares the form's fields, validates their values, and builds the answer in `to_input`. To add a
kind, add its class to `ANSWERS`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator

from runkit import contract
from runkit.text import shorten, web_host

Json = dict[str, Any]
MAX_NOTE = 5000  # characters; the limit that the API documents for the comment of a rating
YES = frozenset({"approve", "approved", "provide"})

Note = Annotated[str | None, Field(title="Note", max_length=MAX_NOTE, json_schema_extra={"x-runkit": "long"})]
DocumentId = Annotated[str | None, Field(title="Document", json_schema_extra={"x-runkit": "document"})]


class Answer(BaseModel):
    """Approve or reject the agent's proposal.

    `verbs` name what each decision does. Decisions in `irreversible` can't be undone and need a confirmation.
    """

    model_config = ConfigDict(str_strip_whitespace=True)
    verbs: ClassVar[Mapping[str, str]] = {"approve": "Approve", "reject": "Reject"}
    irreversible: ClassVar[frozenset[str]] = frozenset({"approve"})
    decision: str = Field(title="Your answer")
    note: Note = None

    @field_validator("decision")
    @classmethod
    def _known(cls, decision: str) -> str:
        if decision not in cls.verbs:
            raise ValueError(f"choose one of: {', '.join(cls.verbs.values())}")
        return decision

    @classmethod
    def initial_values(cls, proposal: Json) -> Json:
        """Give the initial values of the inputs: what the agent proposes."""
        return {}

    def to_input(self, proposal: Json) -> Json:
        """Build the answer. Proposed values are part of it only if a person changed them."""
        return contract.answer_to(self.decision, self.note)


class Decision(Answer):
    """Decide about the business."""

    verbs = {
        "approved": "Approve",
        "rejected": "Reject",
        "in_review": "Keep in review",
    }
    irreversible = frozenset({"approved", "rejected"})


class Dismissal(Answer):
    """Dismiss a watchlist hit. The API requires a reason, and a dismissal can't be undone."""

    verbs = {"approve": "Dismiss the hit", "reject": "Keep the hit"}
    note: Note = Field(None, title="Note (required to dismiss)", validate_default=True)

    @field_validator("note")
    @classmethod
    def _reason(cls, note: str | None, info: ValidationInfo) -> str | None:
        problem = contract.answer_errors("dismissal", {**info.data, "note": note}).get("note")
        if problem:
            raise ValueError(problem)
        return note


class VerifyTin(Answer):
    """Verify the TIN with the document that the agent proposed, or with another one."""

    verbs = {"approve": "Verify the TIN", "reject": "Don't verify the TIN"}
    document_id: DocumentId = Field(None, description="Leave blank to use the document the agent proposed.")

    def to_input(self, proposal: Json) -> Json:
        """Include the document only if a person chose one."""
        if self.decision != "approve" or self.document_id is None:
            return contract.answer_to(self.decision, self.note)
        payload = contract.verify_tin_payload(self.document_id)
        return contract.answer_to(self.decision, self.note, actions=[("verify_tin", payload)])


class DocumentRequest(Answer):
    """Provide the document that the agent asks for, or let the agent continue without it."""

    verbs = {"provide": "Provide the document", "without": "Continue without a document"}
    irreversible = frozenset({"without"})
    document_id: DocumentId = Field(
        None,
        description="Not listed? Upload it where you usually do, then rerun this cell.",
        validate_default=True,
    )

    @field_validator("document_id")
    @classmethod
    def _document_required(cls, document_id: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("decision") == "provide" and not document_id:
            raise ValueError("choose a document, or continue without one")
        return document_id

    def to_input(self, proposal: Json) -> Json:
        """Send the document's id; continuing without one is a rejection."""
        if self.decision == "without":
            return contract.answer_to("reject", self.note)
        return contract.answer_to("approve", self.note, self.document_id)


class Row(BaseModel):
    """One row that an action adds; keys without an input stay as the agent proposed them."""

    model_config = ConfigDict(extra="allow")

    @field_validator("*", mode="before")
    @classmethod
    def _strip(cls, value: object) -> object:
        """Remove spaces around a text; a line break at its end is visible in the input and is sent."""
        if isinstance(value, list):
            return [cls._strip(one) for one in value]
        return value.strip(" ") if isinstance(value, str) else value


class SourceRow(Row):
    """A source of an `add_sources` action."""

    url: str = Field(title="URL")
    source_name: str | None = Field(None, title="Name")
    tier: str | None = Field(None, title="Tier")
    source_type: str | None = Field(None, title="Type")

    @field_validator("url")
    @classmethod
    def _is_web(cls, url: str) -> str:
        if web_host(url) is None:
            raise ValueError(
                "must be a web address that begins with https:// or http:// and a plain host name"
            )
        return url


class AddressRow(Row):
    """An address of an `add_attributes` action."""

    full_address: str = Field(title="Address")


class PersonRow(Row):
    """A person of an `add_attributes` action."""

    name: str = Field(title="Name")
    titles: list[str] = Field([], title="Titles")


class Addition(Answer):
    """Add rows to the business; a person can change, add and remove them first."""

    irreversible = frozenset()
    action: ClassVar[str]
    tables: ClassVar[tuple[str, ...]]
    _unchanged_rows: Mapping[str, Sequence[Json | None]] = PrivateAttr(default_factory=dict)

    @classmethod
    def initial_values(cls, proposal: Json) -> Json:
        """Give the proposed rows, without their empty values."""
        return {name: _rows(rows) for name, rows in cls.received_rows(proposal).items()}

    @classmethod
    def received_rows(cls, proposal: Json) -> dict[str, list[Json]]:
        """Give the proposed rows exactly as the agent sent them."""
        payload = contract.proposed_payload(proposal, cls.action)
        return {name: _objects(payload.get(name)) for name in cls.tables}

    def model_post_init(self, context: Any) -> None:
        """Take from the context each row as the agent sent it, or None if a person changed it."""
        self._unchanged_rows = (context or {}).get("unchanged", {})

    def to_input(self, proposal: Json) -> Json:
        """Send changed rows as a person edited them, and unchanged rows exactly as the agent sent them."""
        payload = contract.proposed_payload(proposal, self.action)
        for name in self.tables:
            rows = _rows([row.model_dump() for row in getattr(self, name)])
            unchanged = self._unchanged_rows.get(name) or [None] * len(rows)
            payload[name] = [
                row if original is None else original for row, original in zip(rows, unchanged, strict=True)
            ]
            if not payload[name]:
                del payload[name]
        return contract.answer_to(self.decision, self.note, actions=[(self.action, payload)])


class AddSources(Addition):
    """Add sources to the business."""

    verbs = {"approve": "Add the sources", "reject": "Don't add"}
    action, tables = "add_sources", ("sources",)
    sources: list[SourceRow] = Field([], title="Sources", validate_default=True)

    @field_validator("sources")
    @classmethod
    def _not_empty(cls, sources: list[SourceRow], info: ValidationInfo) -> list[SourceRow]:
        return _check_not_empty(cls, "sources", sources, info)


class AddAttributes(Addition):
    """Add addresses and people to the business."""

    verbs = {"approve": "Add to the business", "reject": "Don't add"}
    action, tables = "add_attributes", ("addresses", "people")
    addresses: list[AddressRow] = Field([], title="Addresses")
    people: list[PersonRow] = Field([], title="People", validate_default=True)

    @field_validator("people")
    @classmethod
    def _not_empty(cls, people: list[PersonRow], info: ValidationInfo) -> list[PersonRow]:
        if info.data.get("addresses"):
            return people
        return _check_not_empty(cls, "people", people, info)


class Other(Answer):
    """Answer a question of an unknown kind: approve, reject, or any JSON object."""

    irreversible = frozenset({"approve", "reject", ""})
    decision: str = Field("", title="Your answer")
    raw: str | None = Field(
        None,
        title="Or the answer as JSON",
        description="An object that is sent instead of the answer and note above.",
        json_schema_extra={"x-runkit": "long"},
        validate_default=True,
    )

    @field_validator("decision")
    @classmethod
    def _known(cls, decision: str) -> str:
        return decision if not decision else super()._known(decision)

    @field_validator("raw")
    @classmethod
    def _is_object(cls, raw: str | None, info: ValidationInfo) -> str | None:
        if raw:
            json_object(raw)
        elif not info.data.get("decision"):
            raise ValueError("choose an answer above, or enter one here")
        return raw

    def to_input(self, proposal: Json) -> Json:
        """Send the JSON if there is any."""
        return json_object(self.raw) if self.raw else contract.answer_to(self.decision, self.note)


ANSWERS: dict[str, type[Answer]] = {
    "decision": Decision,
    "dismissal": Dismissal,
    "verify_tin": VerifyTin,
    "document": DocumentRequest,
    "add_sources": AddSources,
    "add_attributes": AddAttributes,
}


def _check_not_empty(cls: type[Addition], name: str, rows: list[Any], info: ValidationInfo) -> list[Any]:
    """Refuse to approve a proposal whose rows were all removed."""
    proposal = (info.context or {}).get("proposal", {})
    if not rows and info.data.get("decision") == "approve" and any(cls.initial_values(proposal).values()):
        raise ValueError(f"add a row to the {name}, or reject the proposal")
    return rows


def _rows(items: object) -> list[Json]:
    """Give rows without their empty values, so that equal rows are equal."""
    return [
        {name: value for name, value in row.items() if value not in (None, "", [])} for row in _objects(items)
    ]


def _objects(items: object) -> list[Json]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def json_object(text: str) -> Json:
    """Parse a JSON object exactly. Raises `ValueError` with a message for the person who typed it."""
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_float=_finite, parse_constant=_finite)
    except json.JSONDecodeError as error:
        raise ValueError(f"this is not JSON: {error}") from None
    except RecursionError:
        raise ValueError("this JSON is nested too deeply; remove some levels") from None
    if not isinstance(value, dict):
        raise ValueError('expected a JSON object such as {"decision": "approve"}')
    return value


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> Json:
    result: Json = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"“{shorten(key)}” occurs twice in the same object; keep one of them")
        result[key] = value
    return result


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"“{shorten(text)}” is not a number that JSON allows")
    return number
