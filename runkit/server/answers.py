"""Read an answer: the undocumented body of resume, taken leniently, down to one verdict for each ask.

Every assumption about that body ([A] 1, 2 and 5) lives here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from runkit.server.businesses import LETTER
from runkit.server.plan import Pause
from runkit.server.refusal import Refusal
from runkit.server.script import Ask

_ID_NAMES = ("interrupt_id", "id")
_INPUT_NAMES = ("input", "value", "response", "payload", "resume")
_YES = frozenset({"approve", "approved", "accept", "yes"})
_NO = frozenset({"reject", "rejected", "decline", "no", "skip", "cancel", "cancelled"})
_PUT_OFF = frozenset({"in_review", "later", "put_off"})
MAX_NOTE = 5000
"""Characters of a note; the limit that feedback documents for its comment."""

Verdicts = tuple[tuple[str, str], ...]


def split(body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """[A] 1: `{"interrupt_id", "input"}` under any of their likely names.

    Raises:
        Refusal: 422, either is missing or of the wrong type.

    """
    interrupt_id = next((body[name] for name in _ID_NAMES if name in body), None)
    given = next((body[name] for name in _INPUT_NAMES if name in body), None)
    if not isinstance(interrupt_id, str) or not interrupt_id:
        raise Refusal.invalid(
            "interrupt_id is required: the id of the question that is answered", "interrupt_id"
        )
    if not isinstance(given, dict):
        raise Refusal.invalid('input is required: an object such as {"decision": "approve"}', "input")
    return interrupt_id, given


def read(pause: Pause, given: Mapping[str, Any], documents: Mapping[str, str]) -> tuple[Verdicts, str | None]:
    """Return one verdict for each ask, and the note. `documents` are the business's documents: id to type.

    Raises:
        Refusal: 422, the input does not answer the question.

    """
    note = given.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > MAX_NOTE):
        raise Refusal.invalid(f"note must be a text of at most {MAX_NOTE} characters", "input.note")
    own = _own_decisions(given, {agent for agent, _ in pause.asks})
    verdicts = tuple(
        (agent, _verdict(ask, {**given, **own.get(agent, {})}, documents)) for agent, ask in pause.asks
    )
    return verdicts, (note or "").strip() or None


def _own_decisions(given: Mapping[str, Any], agents: set[str]) -> dict[str, Mapping[str, Any]]:
    """[A] 5: `proposals: [{agent, decision}]`; a bare decision applies to all that are not named."""
    proposals = given.get("proposals") or []
    if not isinstance(proposals, list) or not all(isinstance(one, dict) for one in proposals):
        raise Refusal.invalid(
            'proposals must be a list such as [{"agent": ..., "decision": ...}]', "input.proposals"
        )
    for one in proposals:
        if not isinstance(one.get("agent"), str) or one["agent"] not in agents:
            message = (
                f"no proposal of {str(one.get('agent'))[:80]!r} is asked about; expected {_either(agents)}"
            )
            raise Refusal.invalid(message, "input.proposals")
    return {one["agent"]: one for one in proposals}


def _verdict(ask: Ask, given: Mapping[str, Any], documents: Mapping[str, str]) -> str:
    word = str(given.get("decision", given.get("status", ""))).strip().lower()
    if ask.kind == "document":
        return _document_verdict(given, word, documents)
    if ask.kind == "decision":
        verdict = {**dict.fromkeys(_YES, "approved"), **dict.fromkeys(_NO, "rejected")}.get(word)
        verdict = "in_review" if word in _PUT_OFF else verdict
    else:
        verdict = "approve" if word in _YES else "reject" if word in _NO else None
        verdict = "reject" if verdict == "approve" and not _kept(ask, given) else verdict
    if verdict is None:
        expected = _either(ask.outcomes)
        raise Refusal.invalid(f"decision must be {expected}; got {word[:80]!r}", "input.decision")
    return verdict


def _document_verdict(given: Mapping[str, Any], word: str, documents: Mapping[str, str]) -> str:
    document_id = given.get("document_id")
    if document_id is None:
        if word in _NO:
            return "none"
        message = 'document_id is required, or {"decision": "reject"} to go on without a document'
        raise Refusal.invalid(message, "input.document_id")
    if not isinstance(document_id, str) or document_id not in documents:
        raise Refusal.invalid(f"no document {str(document_id)[:80]!r} of this business", "input.document_id")
    return "supports" if documents[document_id] == LETTER else "unrelated"


def _kept(ask: Ask, given: Mapping[str, Any]) -> bool:
    """[A] 2: `actions` is the subset to carry out: types, or objects with a `type`; absent means all."""
    actions = given.get("actions")
    if actions is None:
        return True
    if not isinstance(actions, list):
        raise Refusal.invalid("actions must be a list: the actions to carry out", "input.actions")
    return ask.type in [one.get("type") if isinstance(one, dict) else one for one in actions]


def _either(words: Iterable[str]) -> str:
    return " or ".join(sorted(words))
