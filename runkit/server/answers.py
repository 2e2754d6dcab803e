"""How questions get their answers: from the interrupt policy, or from a person through resume.

Every assumption about the undocumented body of resume ([A] 1, 2 and 5) lives here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from runkit.contract import answer_errors
from runkit.errors import UsageError
from runkit.server.businesses import AGENTS, LETTER, Json
from runkit.server.plan import ACTING, Answer, Pairs, Pause
from runkit.server.registry import check_payload
from runkit.server.scenarios import ASKS
from runkit.server.schemas import MAX_TEXT
from runkit.server.web import Refusal, either, objects

MODES = ("manual", "auto_approve", "skip")


def read_policy(given: str | Mapping[str, Any] | None) -> Pairs:
    """Read a mode, or `{"default": mode, "overrides": {agent type: mode}}`, bare or under `interrupt_policy`.

    Raises `UsageError` for an unknown key, mode or agent type.
    """
    rules: Mapping[str, Any] = {"default": given} if isinstance(given, str) else given or {}
    rules = rules.get("interrupt_policy", rules)
    overrides = rules.get("overrides") or {}
    if not isinstance(overrides, Mapping):
        raise UsageError(f"policy['overrides']={overrides!r} is no mapping; expected {{agent type: mode}}.")
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


def split_answer(body: Json) -> tuple[str, Json]:
    """[A] 1: `{"interrupt_id", "input"}` under any of their likely names; 422 if either is missing."""
    interrupt_id = next((body[name] for name in ("interrupt_id", "id") if name in body), None)
    names = ("input", "value", "response", "payload", "resume")
    given = next((body[name] for name in names if name in body), None)
    if not isinstance(interrupt_id, str) or not interrupt_id:
        raise Refusal(422, "interrupt_id is required: the id of the question", "interrupt_id")
    if not isinstance(given, dict):
        raise Refusal(422, 'input is required: an object such as {"decision": "approve"}', "input")
    return interrupt_id, given


class _Part(NamedTuple):
    """What was given for one ask: by the proposal that names its agent, at `place`, or else for all."""

    shared: Json
    own: Json
    place: str

    def get(self, key: str) -> Any:
        return self.own.get(key, self.shared.get(key))

    def at(self, key: str) -> str:
        """Where the key stands, or would stand."""
        return f"input.{key}" if key in self.shared and key not in self.own else f"{self.place}.{key}"


def read_answer(pause: Pause, given: Json, documents: list[Json], at: int, person: str | None) -> Answer:
    """Read what was given into one verdict for each ask. `documents` are those of the business.

    Raises `Refusal` (422) if the input does not answer the question.
    """
    kinds = {document["id"]: document["document_type"] for document in documents}
    own = _own_parts(given, {agent for agent, _ in pause.asks})
    verdicts, notes, payloads = [], [], []
    for agent, ask in pause.asks:
        part = own.get(agent, _Part(given, {}, "input"))
        verdict = _verdict(ask, part, kinds)
        verdicts.append((agent, verdict))
        if schema := ASKS[ask].get("extra", {}).get("response_schema"):
            _check_schema(schema, {**part.shared, **part.own, "decision": verdict}, part)
        if note := _note(part.own, part.place):
            notes.append((agent, note))
        if verdict in ACTING and (payload := _edited(ask, verdict, part, kinds)) is not None:
            payloads.append((agent, json.dumps(payload)))
    shared = _note(given, "input")
    return Answer(pause.item["id"], at, tuple(verdicts), shared, tuple(notes), tuple(payloads), person)


def _note(given: Json, where: str) -> str | None:
    note = given.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > MAX_TEXT):
        raise Refusal(422, f"note must be a text of at most {MAX_TEXT} characters", f"{where}.note")
    return (note or "").strip() or None


def _own_parts(given: Json, agents: set[str]) -> dict[str, _Part]:
    """[A] 5: `proposals: [{agent, decision, note?, document_id?, actions?}]`, each before what is bare."""
    proposals = objects(given, "proposals", "input")
    for one in proposals:
        if not isinstance(one.get("agent"), str) or one["agent"] not in agents:
            message = f"agent must be {either(agents)}; got {str(one.get('agent'))[:80]!r}"
            raise Refusal(422, message, "input.proposals")
    return {one["agent"]: _Part(given, one, f"input.proposals[{n}]") for n, one in enumerate(proposals)}


def _verdict(ask: str, part: _Part, kinds: Mapping[str, str]) -> str:
    """Say what an answer comes to, as one of the outcomes of what was asked."""
    note = part.own.get("note") or part.shared.get("note")
    for key, message in answer_errors(ask, {**part.shared, **part.own, "note": note}).items():
        raise Refusal(422, message, part.at(key))
    decision = str(part.get("decision"))
    if ask == "document":
        return _outcome_of_document(part.get("document_id"), part, kinds) if decision == "approve" else "none"
    return "reject" if decision == "approve" and _chosen(ask, part) is None else decision


def _outcome_of_document(document_id: object, part: _Part, kinds: Mapping[str, str]) -> str:
    if not isinstance(document_id, str) or document_id not in kinds:
        message = 'give the document_id of a document on file, or {"decision": "reject"} to go on without'
        raise Refusal(422, message, part.at("document_id"))
    return "supports" if kinds[document_id] == LETTER else "unrelated"


def _check_schema(schema: Json, given: Json, part: _Part) -> None:
    """Hold an input, its decision in the API's own word, against the schema that came with the question."""
    from jsonschema import Draft202012Validator  # takes a second where its format checkers are installed
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema).iter_errors(given))
    if error is not None:
        place = part.at(str(error.absolute_path[0])) if error.absolute_path else part.place
        message = f"the response_schema of the question wants {error.validator}: {error.validator_value!r}"
        raise Refusal(422, message, place)


def _chosen(kind: str, part: _Part) -> tuple[str, Json] | None:
    """[A] 2: `actions` is the subset to carry out: types, or `{type, payload?}`; absent means all.

    Returns where the action of this kind stands, and itself; None if it is to be left out.
    """
    actions = part.get("actions")
    if actions is None:
        return part.at("actions"), {}
    if not isinstance(actions, list):
        raise Refusal(422, "actions must be a list: the actions to carry out", part.at("actions"))
    for number, one in enumerate(actions):
        action = one if isinstance(one, dict) else {"type": one}
        if action.get("type") == kind:
            return f"{part.at('actions')}[{number}]", action
    return None


def _edited(kind: str, verdict: str, part: _Part, documents: Mapping[str, str]) -> Json | None:
    """Give the payload that replaces the proposed one, if any: an action's own, or another document."""
    place, action = _chosen(kind, part) or ("", {})
    payload, where = action.get("payload"), f"{place}.payload"
    if payload is None and kind == "verify_tin" and (document_id := part.get("document_id")) is not None:
        payload, where = {"document_id": document_id}, part.at("document_id").removesuffix(".document_id")
    if payload is None:
        return None
    if not isinstance(payload, dict):
        raise Refusal(422, "payload must be an object", where)
    check_payload(kind, payload, documents, (verdict,), where)
    return payload
