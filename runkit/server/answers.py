"""Parse answers from reviewers.

What the sandbox accepts as the undocumented input of resume ([A] 2 and 5) is decided here.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from runkit.contract import MAX_COMMENT
from runkit.questions import answer_errors
from runkit.server.actions import check_payload
from runkit.server.plan import VERDICTS_WITH_ACTION, Answer, Interrupt
from runkit.server.scenarios import LETTER, Json
from runkit.server.web import RequestError, object_list


def read_answer(
    interrupt: Interrupt, value: Json, documents: list[Json], at: int, person: str | None
) -> Answer:
    """Parse an input into one verdict for each question. `documents` are those of the business.

    Raises `RequestError` (422) if the input does not answer the question.
    """
    kinds = {document["id"]: document["document_type"] for document in documents}
    parts = _parts(value, interrupt.questions.keys())
    answer = Answer(interrupt.item["id"], at, {}, {}, {}, person)
    for agent, question in interrupt.questions.items():
        place, fields = parts.get(agent, ("input", value))
        payload_place, action = _selected_action(question, fields, place)
        verdict = _verdict(question, fields, place, kinds)
        if action is None and verdict == "approve":
            verdict = "reject"
        answer.verdicts[agent] = verdict
        note = fields.get("note") or ""
        if not isinstance(note, str) or len(note) > MAX_COMMENT:
            message = f"note must be a text of at most {MAX_COMMENT} characters"
            raise RequestError(422, message, f"{place}.note")
        if note.strip():
            answer.notes[agent] = note.strip()
        payload = (action or {}).get("payload")
        if verdict in VERDICTS_WITH_ACTION and payload is not None:
            if not isinstance(payload, dict):
                raise RequestError(422, "payload must be an object", payload_place)
            check_payload(question, payload, kinds, (verdict,), payload_place)
            answer.payloads[agent] = payload
    return answer


def _parts(value: Json, agents: Container[str]) -> dict[str, tuple[str, Json]]:
    """[A] 5: `proposals: [{agent, decision, note?, document_id?, actions?}]` override the shared fields.

    Returns by agent the place of its fields in the body, and the fields.
    """
    parts = {}
    for number, own in enumerate(object_list(value, "proposals", "input")):
        agent = own.get("agent")
        if not isinstance(agent, str) or agent not in agents:
            message = f"agent {str(agent)[:80]!r} has no proposal in this question"
            raise RequestError(422, message, "input.proposals")
        parts[agent] = f"input.proposals[{number}]", {**value, **own}
    return parts


def _verdict(question: str, fields: Json, place: str, kinds: Mapping[str, str]) -> str:
    """Return the verdict of an answer, a key of the question's outcomes."""
    for key, message in answer_errors(question, fields).items():
        raise RequestError(422, message, f"{place}.{key}")
    decision = str(fields.get("decision"))
    if question != "document":
        return decision
    if decision != "approve":
        return "none"
    document_id = fields.get("document_id")
    if not isinstance(document_id, str) or document_id not in kinds:
        message = 'give the document_id of a document on file, or {"decision": "reject"} to continue without'
        raise RequestError(422, message, f"{place}.document_id")
    return "supports" if kinds[document_id] == LETTER else "unrelated"


def _selected_action(question: str, fields: Json, place: str) -> tuple[str, Json | None]:
    """[A] 2: `actions` is the subset to execute: types, or `{type, payload?}`; absent means all.

    Returns the path of its payload, and the action; None if it is not selected.
    """
    actions = fields.get("actions")
    if actions is None:
        document_id = fields.get("document_id")
        if question == "verify_tin" and document_id is not None:
            return place, {"payload": {"document_id": document_id}}
        return place, {}
    if not isinstance(actions, list):
        raise RequestError(422, "actions must be a list: the actions to execute", f"{place}.actions")
    for number, item in enumerate(actions):
        action = item if isinstance(item, dict) else {"type": item}
        if action.get("type") == question:
            return f"{place}.actions[{number}].payload", action
    return place, None
