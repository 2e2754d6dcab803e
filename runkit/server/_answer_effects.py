"""Parse answers from reviewers.

What the sandbox accepts as the undocumented input of resume ([A] 2 and 5) is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping

from runkit.api.questions import answer_errors
from runkit.server._accounts import Json
from runkit.server._business_actions import PAYLOADS, check_payload
from runkit.server._replay import Answer, PlacedInterrupt
from runkit.server._web import Input, RequestError

LETTER = "irs_letter"
VERDICTS_WITH_ACTION = ("approve", "approved", "rejected")  # the agent acts after these


def read_answer(interrupt: PlacedInterrupt, value: Input, documents: list[Json], at: int) -> Answer:
    """Read an input as one verdict for each question. `documents` are those of the business.

    Raises `RequestError` (422) if the input does not answer the question.
    """
    kinds = {document["id"]: document["document_type"] for document in documents}
    shared = value.model_dump(exclude={"proposals", "answered_by"})
    parts = dict.fromkeys(interrupt.questions, ("input", shared))
    for number, part in enumerate(value.proposals):
        if part.agent not in parts:
            message = f"agent {part.agent[:80]!r} has no proposal in this question"
            raise RequestError(422, message, "input.proposals")
        fields = shared | part.model_dump(exclude_unset=True)
        parts[part.agent] = (f"input.proposals[{number}]", fields)

    answer = Answer(interrupt.item["id"], at, {}, {}, {}, value.answered_by)
    for agent, question in interrupt.questions.items():
        path, fields = parts[agent]
        verdict = _verdict(question, fields, path, kinds)
        for payload_path, payload in _payloads(question, fields, path):
            is_action = question in PAYLOADS and verdict in VERDICTS_WITH_ACTION
            if is_action and payload is not None:
                check_payload(question, payload, kinds, (verdict,), payload_path)
                answer.payloads[agent] = payload
        answer.verdicts[agent] = verdict
        if fields["note"]:
            answer.notes[agent] = fields["note"]
    return answer


def _verdict(question: str, fields: Json, path: str, kinds: Mapping[str, str]) -> str:
    """Return the verdict of an answer, a key of the question's outcomes."""
    for key, message in answer_errors(question, fields).items():
        raise RequestError(422, message, f"{path}.{key}")

    decision, document_id = str(fields["decision"]), fields["document_id"]
    if question != "document":
        is_selected = fields["actions"] is None or bool(_payloads(question, fields, path))
        return "reject" if decision == "approve" and not is_selected else decision
    if decision != "approve":
        return "none"
    if document_id not in kinds:
        message = (
            'give the document_id of a document on file, or {"decision": "reject"} to continue '
            "without"
        )
        raise RequestError(422, message, f"{path}.document_id")
    return "supports" if kinds[document_id] == LETTER else "unrelated"


def _payloads(question: str, fields: Json, path: str) -> list[tuple[str, Json | None]]:
    """Return the path and the payload, if it is edited, of each selected action ([A] 2)."""
    if fields["actions"] is not None:
        return [
            (f"{path}.actions[{number}].payload", action["payload"])
            for number, action in enumerate(fields["actions"])
            if action["type"] == question
        ]
    if question == "verify_tin" and fields["document_id"] is not None:
        return [(path, {"document_id": fields["document_id"]})]
    return []
