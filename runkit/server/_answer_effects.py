"""Parse answers from reviewers: the undocumented input of resume ([A] 2 and 5)."""

from __future__ import annotations

from collections.abc import Mapping

from runkit.api.questions import answer_errors
from runkit.server._accounts import Json
from runkit.server._replay import Answer, PlacedInterrupt
from runkit.server._web import Input, RequestError

LETTER = "irs_letter"


def read_answer(interrupt: PlacedInterrupt, value: Input, documents: list[Json], at: int) -> Answer:
    """Read an input as one verdict for each question. `documents` are those of the business.

    Raises `RequestError` (422) if the input does not answer the question.
    """
    kinds = {document["id"]: document["document_type"] for document in documents}
    shared = value.model_dump(exclude={"proposals", "answered_by"})
    parts = {part.agent: part.model_dump(exclude_unset=True) for part in value.proposals}
    answer = Answer(interrupt.recorded_id, at, {}, {}, {}, value.answered_by)
    for agent, question in interrupt.questions.items():
        fields = shared | parts.get(agent, {})
        for name, message in answer_errors(question, fields).items():
            raise RequestError(422, f"{agent}: {message}", f"input.{name}")
        answer.verdicts[agent] = _verdict(question, fields, kinds)
        for action in fields["actions"] or ():
            if action["type"] == question and action["payload"] is not None:
                answer.payloads[agent] = action["payload"]
        if fields["note"]:
            answer.notes[agent] = fields["note"]
    return answer


def _verdict(question: str, fields: Json, kinds: Mapping[str, str]) -> str:
    """Return the verdict of an answer, as recordings have it."""
    decision = str(fields["decision"])
    document_id = fields["document_id"]
    if question != "document":
        return decision
    if decision != "approve":
        return "none"
    if document_id not in kinds:
        message = "document_id is not a document on file; reject to continue without"
        raise RequestError(422, message, "input.document_id")
    return "supports" if kinds[document_id] == LETTER else "unrelated"
