"""Parse the interrupt policy, and answers from reviewers.

All assumptions about the undocumented body of resume ([A] 1, 2 and 5) are here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from runkit.contract import answer_errors
from runkit.errors import UsageError
from runkit.server.businesses import AGENTS, LETTER, Json
from runkit.server.plan import VERDICTS_WITH_ACTION, Answer, Interrupt, Pairs
from runkit.server.registry import check_payload
from runkit.server.scenarios import QUESTIONS
from runkit.server.schemas import MAX_TEXT
from runkit.server.web import RequestError, object_list, or_list

MODES = ("manual", "auto_approve", "skip")


def read_policy(policy: str | Mapping[str, Any] | None) -> Pairs:
    """Parse a mode, or `{"default": mode, "overrides": {agent type: mode}}`, also under `interrupt_policy`.

    Raises `UsageError` for an unknown key, mode or agent type.
    """
    rules: Mapping[str, Any] = {"default": policy} if isinstance(policy, str) else policy or {}
    rules = rules.get("interrupt_policy", rules)
    overrides = rules.get("overrides") or {}
    if not isinstance(overrides, Mapping):
        raise UsageError(f"policy['overrides']={overrides!r}; expected a mapping {{agent type: mode}}.")
    modes = {"default": rules.get("default", "manual"), **overrides}
    for name, words, choices in (
        ("policy", rules, ("default", "overrides", "interrupt_policy")),
        ("policy['overrides']", overrides, AGENTS),
        ("policy", modes.values(), MODES),
    ):
        for word in words:
            if word not in choices:
                raise UsageError.one_of(name, word, choices)
    return tuple(sorted(modes.items()))


def parse_answer(body: Json) -> tuple[str, Json]:
    """[A] 1: parse `{"interrupt_id", "input"}` under any of their likely names; 422 if one is missing."""
    interrupt_id = next((body[name] for name in ("interrupt_id", "id") if name in body), None)
    names = ("input", "value", "response", "payload", "resume")
    value = next((body[name] for name in names if name in body), None)
    if not isinstance(interrupt_id, str) or not interrupt_id:
        raise RequestError(422, "interrupt_id is required: the id of the interrupt", "interrupt_id")
    if not isinstance(value, dict):
        raise RequestError(422, 'input is required: an object such as {"decision": "approve"}', "input")
    return interrupt_id, value


class _AnswerFields(NamedTuple):
    """The fields of an answer to one question: from the agent's proposal at `place`, or else shared."""

    shared: Json
    own: Json
    place: str

    def get(self, key: str) -> Any:
        return self.own.get(key, self.shared.get(key))

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
        fields = own.get(agent, _AnswerFields(value, {}, "input"))
        verdict = _verdict(question, fields, kinds)
        verdicts.append((agent, verdict))
        if schema := QUESTIONS[question].get("extra", {}).get("response_schema"):
            _check_schema(schema, {**fields.shared, **fields.own, "decision": verdict}, fields)
        if note := _note(fields.own, fields.place):
            notes.append((agent, note))
        if verdict in VERDICTS_WITH_ACTION:
            payload = _edited_payload(question, verdict, fields, kinds)
            payloads += [] if payload is None else [(agent, json.dumps(payload))]
    shared = _note(value, "input")
    return Answer(interrupt.item["id"], at, tuple(verdicts), shared, tuple(notes), tuple(payloads), person)


def _note(value: Json, where: str) -> str | None:
    note = value.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > MAX_TEXT):
        raise RequestError(422, f"note must be a text of at most {MAX_TEXT} characters", f"{where}.note")
    return (note or "").strip() or None


def _fields_by_agent(value: Json, agents: set[str]) -> dict[str, _AnswerFields]:
    """[A] 5: `proposals: [{agent, decision, note?, document_id?, actions?}]` override the shared fields."""
    proposals = object_list(value, "proposals", "input")
    for proposal in proposals:
        if not isinstance(proposal.get("agent"), str) or proposal["agent"] not in agents:
            message = f"agent must be {or_list(agents)}; got {str(proposal.get('agent'))[:80]!r}"
            raise RequestError(422, message, "input.proposals")
    return {
        own["agent"]: _AnswerFields(value, own, f"input.proposals[{n}]") for n, own in enumerate(proposals)
    }


def _verdict(question: str, fields: _AnswerFields, kinds: Mapping[str, str]) -> str:
    """Return the verdict of an answer, a key of the question's outcomes."""
    note = fields.own.get("note") or fields.shared.get("note")
    for key, message in answer_errors(question, {**fields.shared, **fields.own, "note": note}).items():
        raise RequestError(422, message, fields.at(key))
    decision = str(fields.get("decision"))
    if question == "document":
        return _document_verdict(fields, kinds) if decision == "approve" else "none"
    return "reject" if decision == "approve" and _selected_action(question, fields) is None else decision


def _document_verdict(fields: _AnswerFields, kinds: Mapping[str, str]) -> str:
    document_id = fields.get("document_id")
    if not isinstance(document_id, str) or document_id not in kinds:
        message = 'give the document_id of a document on file, or {"decision": "reject"} to continue without'
        raise RequestError(422, message, fields.at("document_id"))
    return "supports" if kinds[document_id] == LETTER else "unrelated"


def _check_schema(schema: Json, value: Json, fields: _AnswerFields) -> None:
    """Validate an input, with the decision in the API's words, against the question's schema."""
    from jsonschema import Draft202012Validator  # takes a second where its format checkers are installed
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema).iter_errors(value))
    if error is not None:
        place = fields.at(str(error.absolute_path[0])) if error.absolute_path else fields.place
        message = f"the response_schema requires {error.validator}: {error.validator_value!r}"
        raise RequestError(422, message, place)


def _selected_action(kind: str, fields: _AnswerFields) -> tuple[str, Json] | None:
    """[A] 2: `actions` is the subset to execute: types, or `{type, payload?}`; absent means all.

    Returns the path of the action of this kind, and the action; None if it is not selected.
    """
    actions = fields.get("actions")
    if actions is None:
        return fields.at("actions"), {}
    if not isinstance(actions, list):
        raise RequestError(422, "actions must be a list: the actions to execute", fields.at("actions"))
    for number, item in enumerate(actions):
        action = item if isinstance(item, dict) else {"type": item}
        if action.get("type") == kind:
            return f"{fields.at('actions')}[{number}]", action
    return None


def _edited_payload(
    kind: str, verdict: str, fields: _AnswerFields, documents: Mapping[str, str]
) -> Json | None:
    """Return the payload that replaces the proposed one, if any: the action's own, or another document."""
    place, action = _selected_action(kind, fields) or ("", {})
    payload, where = action.get("payload"), f"{place}.payload"
    if payload is None and kind == "verify_tin" and (document_id := fields.get("document_id")) is not None:
        payload, where = {"document_id": document_id}, fields.at("document_id").removesuffix(".document_id")
    if payload is None:
        return None
    if not isinstance(payload, dict):
        raise RequestError(422, "payload must be an object", where)
    check_payload(kind, payload, documents, (verdict,), where)
    return payload
