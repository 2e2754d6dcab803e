"""How questions get their answers: from the interrupt policy, or from a person through resume.

Every assumption about the undocumented body of resume ([A] 1, 2 and 5) lives here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runkit.errors import UsageError
from runkit.server.businesses import AGENTS, LETTER, Json
from runkit.server.plan import Pairs, Pause
from runkit.server.scenarios import OUTCOMES
from runkit.server.web import Refusal

MODES = ("manual", "auto_approve", "skip")
MAX_NOTE = 5000  # characters of a note; the limit that feedback documents for its comment
_WORDS = {
    "approve": ("approve", "approved", "accept", "yes"),
    "reject": ("reject", "rejected", "decline", "no", "skip", "cancel", "cancelled"),
    "in_review": ("in_review", "later", "put_off"),
}
_VERDICTS = {word: verdict for verdict, words in _WORDS.items() for word in words}
_DECIDED = {"approve": "approved", "reject": "rejected", "in_review": "in_review"}


def read_policy(given: str | Mapping[str, Any] | None) -> Pairs:
    """Read a mode, or `{"default": mode, "overrides": {agent type: mode}}`, bare or under `interrupt_policy`.

    Raises `UsageError` for an unknown key, mode or agent type.
    """
    rules: Mapping[str, Any] = {"default": given} if isinstance(given, str) else given or {}
    rules = rules.get("interrupt_policy", rules)
    overrides = rules.get("overrides") or {}
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


def read_answer(pause: Pause, given: Json, documents: list[Json]) -> tuple[Pairs, str | None]:
    """Return one verdict for each ask, and the note. `documents` are those of the business.

    Raises `Refusal` (422) if the input does not answer the question.
    """
    note = given.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > MAX_NOTE):
        raise Refusal(422, f"note must be a text of at most {MAX_NOTE} characters", "input.note")
    kinds = {document["id"]: document["document_type"] for document in documents}
    own = _own_decisions(given, {agent for agent, _ in pause.asks})
    verdicts = ((agent, _verdict(ask, {**given, **own.get(agent, {})}, kinds)) for agent, ask in pause.asks)
    return tuple(verdicts), (note or "").strip() or None


def _own_decisions(given: Json, agents: set[str]) -> dict[str, Json]:
    """[A] 5: `proposals: [{agent, decision}]`; a bare decision applies to all that are not named."""
    proposals = objects(given, "proposals", "input")
    for one in proposals:
        if not isinstance(one.get("agent"), str) or one["agent"] not in agents:
            message = f"agent must be {either(agents)}; got {str(one.get('agent'))[:80]!r}"
            raise Refusal(422, message, "input.proposals")
    return {one["agent"]: one for one in proposals}


def _verdict(ask: str, given: Json, kinds: Mapping[str, str]) -> str:
    word = str(given.get("decision", given.get("status", ""))).strip().lower()
    verdict = _VERDICTS.get(word, "")
    if ask == "document":
        return _document_verdict(given, verdict, kinds)
    if ask == "decision":
        verdict = _DECIDED.get(verdict, "")
    elif verdict == "approve" and not _keeps(given, ask):
        verdict = "reject"
    if verdict not in OUTCOMES[ask]:
        message = f"decision must be {either(OUTCOMES[ask])}; got {word[:80]!r}"
        raise Refusal(422, message, "input.decision")
    return verdict


def _document_verdict(given: Json, verdict: str, kinds: Mapping[str, str]) -> str:
    document_id = given.get("document_id")
    if document_id is None and verdict == "reject":
        return "none"
    if not isinstance(document_id, str) or document_id not in kinds:
        message = 'give the document_id of a document on file, or {"decision": "reject"} to go on without'
        raise Refusal(422, message, "input.document_id")
    return "supports" if kinds[document_id] == LETTER else "unrelated"


def _keeps(given: Json, kind: str) -> bool:
    """[A] 2: `actions` is the subset to carry out: types, or objects with a `type`; absent means all."""
    actions = given.get("actions")
    if actions is not None and not isinstance(actions, list):
        raise Refusal(422, "actions must be a list: the actions to carry out", "input.actions")
    return actions is None or kind in [one.get("type") if isinstance(one, dict) else one for one in actions]


def objects(given: Json, key: str, where: str = "payload") -> list[Json]:
    """Give a list of objects under a key, empty if there is none; 422 if it is something else."""
    items = given.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Refusal(422, f"{key} must be a list of objects", f"{where}.{key}")
    return items


def either(words: Iterable[str]) -> str:
    """Name the words that would do."""
    return " or ".join(sorted(words))
