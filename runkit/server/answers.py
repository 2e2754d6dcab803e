"""Parse the interrupt policy, and answers from reviewers.

All assumptions about the undocumented body of resume ([A] 1, 2 and 5) are here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ValidationError

from runkit.contract import answer_errors
from runkit.errors import UsageError
from runkit.server.bodies import MAX_TEXT
from runkit.server.plan import VERDICTS_WITH_ACTION, Answer, Interrupt, Pairs
from runkit.server.registry import check_payload
from runkit.server.scenarios import AGENTS, LETTER, QUESTIONS, Json
from runkit.server.web import RequestError, object_list, or_list, reasons

ID_NAMES = ("interrupt_id", "id")
INPUT_NAMES = ("input", "value", "response", "payload", "resume")
Mode = Literal["manual", "auto_approve", "skip"]


def _known_agent(kind: str) -> str:
    if kind not in AGENTS:
        raise ValueError(f"expected {or_list(AGENTS)}")
    return kind


class _Policy(BaseModel, extra="forbid"):
    default: Mode = "manual"
    overrides: dict[Annotated[str, AfterValidator(_known_agent)], Mode] = {}


def read_policy(policy: str | Mapping[str, Any] | None) -> Pairs:
    """Parse a mode, or `{"default": mode, "overrides": {agent type: mode}}`, also under `interrupt_policy`.

    Raises `UsageError` for an unknown key, mode or agent type.
    """
    rules = {"default": policy} if isinstance(policy, str) else policy or {}
    try:
        parsed = _Policy.model_validate(rules.get("interrupt_policy", rules))
    except ValidationError as error:
        raise UsageError(f"policy: {reasons(error)}") from None
    return tuple(sorted({"default": parsed.default, **parsed.overrides}.items()))


def parse_answer(body: Json) -> tuple[str, Json]:
    """[A] 1: parse `{"interrupt_id", "input"}` under any of their likely names; 422 if one is missing."""
    interrupt_id = next((body[name] for name in ID_NAMES if name in body), None)
    value = next((body[name] for name in INPUT_NAMES if name in body), None)
    if not isinstance(interrupt_id, str) or not interrupt_id:
        raise RequestError(422, "interrupt_id is required: the id of the interrupt", "interrupt_id")
    if not isinstance(value, dict):
        raise RequestError(422, 'input is required: an object such as {"decision": "approve"}', "input")
    return interrupt_id, value


class _Fields(NamedTuple):
    """The fields of an answer to one question: those of the agent's proposal at `place`, or else shared."""

    shared: Json
    own: Json
    place: str

    def merged(self) -> Json:
        return {**self.shared, **self.own}

    def at(self, key: str) -> str:
        """Return the path of a key in the body."""
        return f"input.{key}" if key in self.shared and key not in self.own else f"{self.place}.{key}"


def read_answer(
    interrupt: Interrupt, value: Json, documents: list[Json], at: int, person: str | None
) -> Answer:
    """Parse an input into one verdict for each question. `documents` are those of the business.

    Raises `RequestError` (422) if the input does not answer the question.
    """
    kinds = {document["id"]: document["document_type"] for document in documents}
    own = _fields_by_agent(value, {agent for agent, _ in interrupt.questions})
    verdicts, notes, payloads = [], [], []
    for agent, question in interrupt.questions:
        fields = own.get(agent, _Fields(value, {}, "input"))
        place, action = _selected_action(question, fields)
        verdict = _verdict(question, fields, kinds, is_selected=action is not None)
        verdicts.append((agent, verdict))
        _check_schema(question, {**fields.merged(), "decision": verdict}, fields)
        if note := _note(fields.own, fields.place):
            notes.append((agent, note))
        payload = (action or {}).get("payload")
        if verdict in VERDICTS_WITH_ACTION and payload is not None:
            if not isinstance(payload, dict):
                raise RequestError(422, "payload must be an object", place)
            check_payload(question, payload, kinds, (verdict,), place)
            payloads.append((agent, json.dumps(payload)))
    shared = _note(value, "input")
    return Answer(interrupt.item["id"], at, tuple(verdicts), shared, tuple(notes), tuple(payloads), person)


def _note(value: Json, where: str) -> str | None:
    note = value.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > MAX_TEXT):
        raise RequestError(422, f"note must be a text of at most {MAX_TEXT} characters", f"{where}.note")
    return (note or "").strip() or None


def _fields_by_agent(value: Json, agents: set[str]) -> dict[str, _Fields]:
    """[A] 5: `proposals: [{agent, decision, note?, document_id?, actions?}]` override the shared fields."""
    fields = {}
    for number, own in enumerate(object_list(value, "proposals", "input")):
        agent = own.get("agent")
        if not isinstance(agent, str) or agent not in agents:
            message = f"agent must be {or_list(agents)}; got {str(agent)[:80]!r}"
            raise RequestError(422, message, "input.proposals")
        fields[agent] = _Fields(value, own, f"input.proposals[{number}]")
    return fields


def _verdict(question: str, fields: _Fields, kinds: Mapping[str, str], is_selected: bool) -> str:
    """Return the verdict of an answer, a key of the question's outcomes."""
    merged = fields.merged()
    note = fields.own.get("note") or fields.shared.get("note")
    for key, message in answer_errors(question, {**merged, "note": note}).items():
        raise RequestError(422, message, fields.at(key))
    decision = str(merged.get("decision"))
    if question != "document":
        return decision if decision != "approve" or is_selected else "reject"
    if decision != "approve":
        return "none"
    document_id = merged.get("document_id")
    if not isinstance(document_id, str) or document_id not in kinds:
        message = 'give the document_id of a document on file, or {"decision": "reject"} to continue without'
        raise RequestError(422, message, fields.at("document_id"))
    return "supports" if kinds[document_id] == LETTER else "unrelated"


def _check_schema(question: str, value: Json, fields: _Fields) -> None:
    """Validate an input, with the decision in the API's words, against the question's schema, if any."""
    from jsonschema import Draft202012Validator  # takes a second where its format checkers are installed
    from jsonschema.exceptions import best_match

    schema = QUESTIONS[question].get("extra", {}).get("response_schema", {})
    error = best_match(Draft202012Validator(schema).iter_errors(value))
    if error is not None:
        place = fields.at(str(error.absolute_path[0])) if error.absolute_path else fields.place
        message = f"the response_schema requires {error.validator}: {error.validator_value!r}"
        raise RequestError(422, message, place)


def _selected_action(question: str, fields: _Fields) -> tuple[str, Json | None]:
    """[A] 2: `actions` is the subset to execute: types, or `{type, payload?}`; absent means all.

    Returns the path of its payload, and the action; None if it is not selected.
    """
    merged = fields.merged()
    actions, place = merged.get("actions"), fields.at("actions")
    if actions is None:
        if question == "verify_tin" and merged.get("document_id") is not None:
            payload = {"document_id": merged["document_id"]}
            return fields.at("document_id").removesuffix(".document_id"), {"payload": payload}
        return place, {}
    if not isinstance(actions, list):
        raise RequestError(422, "actions must be a list: the actions to execute", place)
    for number, item in enumerate(actions):
        action = item if isinstance(item, dict) else {"type": item}
        if action.get("type") == question:
            return f"{place}[{number}].payload", action
    return place, None
