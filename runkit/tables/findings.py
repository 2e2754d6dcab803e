"""The artifacts, sources and interrupts of a batch of runs.

The API shows an interrupt as an item of `run.interrupts` while it is pending, and as a step of type
`interrupt`. Here both are one row.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runkit.contract import RESOLUTIONS, TIERS, answerer_of, interrupt_kind, proposals_of
from runkit.models import Artifact, Interrupt, Source
from runkit.steptree import kind
from runkit.tables.schema import ORIGINS
from runkit.tables.validate import (
    NEVER,
    TEXT,
    Chunk,
    Flags,
    Ints,
    Issue,
    Json,
    count,
    explode,
    seconds,
    take,
    text,
)
from runkit.text import brief

if TYPE_CHECKING:
    from runkit.tables.batch import Runs, Steps
    from runkit.tables.problems import Problems

STEP, PROPOSAL, OUTPUT = range(len(ORIGINS))
PENDING, ANSWERED, LAPSED = "pending", "answered", "lapsed"
EMPTY: tuple[object, ...] = (None, [])  # any other value that is not a list of artifacts is a problem
_HOST = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#\\]*\]|[^:/?#\\]*)"


class Question(NamedTuple):
    """One interrupt of a run: its pending item, its step and the step's position, or both."""

    run: int
    is_finished: bool
    item: Json | None
    step: Json | None = None
    position: int = -1
    step_agent: str | None = None
    is_open: bool = False
    resolution: str | None = None

    @property
    def interrupt_id(self) -> str | None:
        """The id of the pending item, which the step's result may have; None if it was never seen pending."""
        if self.item is not None:
            return str(self.item["id"])
        result = self.step.get("result") if self.step else None
        return _text_or_none(result.get("interrupt_id")) if isinstance(result, dict) else None

    @property
    def agent(self) -> str | None:
        """The agent that asks."""
        return (_agent(self.item) if self.item else None) or self.step_agent

    @property
    def label(self) -> str | None:
        """The question in words."""
        own = _text_or_none(self.item["value"].get("label")) if self.item else None
        return own or (self.step["label"] if self.step else None)

    @property
    def value(self) -> Json:
        """The value of the pending item, else the proposals of the step in the same form."""
        if self.item and self.item["value"]:
            return dict(self.item["value"])
        artifacts = self.step.get("artifacts") if self.step else None
        return {"artifacts": artifacts if isinstance(artifacts, list) else []}

    @property
    def n_proposals(self) -> int:
        """The number of proposals of the item's value, else of artifacts of the step, at least 1."""
        has_value = self.item is not None and self.item["value"]
        return len(proposals_of(self.value)) if has_value else max(1, len(self.value["artifacts"]))

    @property
    def outcome(self) -> str:
        """What became of it."""
        if self.resolution in RESOLUTIONS:
            return str(self.resolution)
        if self.item is None and not self.is_open:
            return ANSWERED
        return LAPSED if self.is_finished else PENDING


def _agent(item: Json) -> str | None:
    return _text_or_none(item.get("agent")) or _text_or_none(item["value"].get("agent"))


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def read_questions(
    runs: Runs, steps: Steps, resolutions: dict[int, str | None], problems: Problems
) -> list[Question]:
    """Read all interrupts by run, in tree order of their steps; those without a step come last.

    `resolutions` has the interrupt steps by position.
    """
    items, finished = _pending_items(runs, problems), runs.is_finished.tolist()
    of_steps: list[list[Question]] = [[] for _ in runs.records]
    for position, resolution in resolutions.items():
        run, agent = int(steps.run[position]), steps.text["agent"][position].as_py()
        is_open = bool(steps.time["completed_at"][position] == NEVER)
        of_steps[run].append(
            Question(run, finished[run], None, steps.records[position], position, agent, is_open, resolution)
        )
    questions = []
    for run in range(len(runs.records)):
        if items[run] or of_steps[run]:
            matched, unmatched = match_items(items[run], of_steps[run])
            questions += [one._replace(item=matched.get(one.position)) for one in of_steps[run]]
            questions += [Question(run, finished[run], item) for item in unmatched]
            for item in unmatched if runs.has_steps[run] else ():
                detail = f"no step of the run matches interrupt {brief(item['id'])}"
                problems.add_for_run(runs.records[run], "unpaired_interrupt", detail, "interrupts")
    return questions


def match_items(items: Sequence[Json], of_steps: Sequence[Question]) -> tuple[dict[int, Json], list[Json]]:
    """Match pending items to interrupt steps. Returns the items by step position, and those unmatched.

    (1) Their ids are equal, or the step's `result.interrupt_id` says so; else (2) agent and label are equal;
    else (3) exactly one open step and one item remain. A step that is not open is matched by its id alone.
    """
    matched: dict[int, Json] = {}
    unmatched = list(items)

    def match(step_keys: Callable[[Question], set[Hashable]], key: Callable[[Json], Hashable]) -> None:
        positions_of: dict[Hashable, deque[int]] = defaultdict(deque)
        for step in of_steps:
            for step_key in step_keys(step):
                positions_of[step_key].append(step.position)
        pending, unmatched[:] = list(unmatched), []
        for item in pending:
            positions = positions_of.get(key(item), deque())
            while positions and positions[0] in matched:
                positions.popleft()
            if positions:
                matched[positions.popleft()] = item
            else:
                unmatched.append(item)

    match(lambda one: {one.step["id"] if one.step else None, one.interrupt_id}, lambda item: str(item["id"]))
    match(
        lambda one: {(one.agent, one.label)} if one.is_open else set(),
        lambda item: (_agent(item), _text_or_none(item["value"].get("label"))),
    )
    waiting = [one for one in of_steps if one.is_open and one.position not in matched]
    if len(waiting) == 1 and len(unmatched) == 1:
        matched[waiting[0].position] = unmatched.pop()
    return matched, unmatched


def _pending_items(runs: Runs, problems: Problems) -> list[list[Json]]:
    def note(number: int, path: str, issue: Issue) -> None:
        problems.add_for_run(runs.records[number], issue.problem, issue.detail, f"interrupts{path}")

    exploded = explode([record.raw.get("interrupts") for record in runs.records], Interrupt, note)
    items: list[list[Json]] = [[] for _ in runs.records]
    seen = set()
    owners, indices = exploded.owner.tolist(), exploded.item_no.tolist()
    for item, owner, index in zip(exploded.records, owners, indices, strict=True):
        value = item.get("value")
        if not isinstance(value, dict):
            detail = f"expected an object, found {kind(value)}"
            note(owner, f"[{index}].value", Issue("value", "bad_field", detail))
        elif (owner, item["id"]) in seen:
            detail = f"interrupt {brief(item['id'])} is a duplicate; the first is kept"
            note(owner, f"[{index}]", Issue("", "duplicate_step", detail))
        else:
            seen.add((owner, item["id"]))
            items[owner].append(item)
    return items


def interrupt_columns(questions: Sequence[Question], run_ids: pa.Array, steps: Steps) -> Chunk:
    """Build the columns of the interrupts frame, and the positions of the runs."""
    run = np.array([question.run for question in questions], np.int64)
    step = np.array([question.position for question in questions], np.int64)
    outcomes = [question.outcome for question in questions]
    has_step = step >= 0
    is_settled = has_step & np.array([word not in (PENDING, LAPSED) for word in outcomes], np.bool_)
    # An open interrupt has waited until its run's end (as_of while the run is open), as its step has.
    asked, until = (np.append(moments, 0)[step] for moments in (steps.start, steps.end))
    return {
        "run": run,
        "run_id": take(run_ids, run),
        "interrupt_id": text(question.interrupt_id for question in questions),
        "step_id": take(steps.text["id"], step),
        "agent": text(question.agent for question in questions),
        "label": text(question.label for question in questions),
        "kind": text(interrupt_kind(question.value) for question in questions),
        "n_proposals": np.array([question.n_proposals for question in questions], np.int64),
        "asked_at": np.where(has_step, asked, NEVER),
        "answered_at": np.where(is_settled, until, NEVER),
        "wait_s": seconds(until - asked, has_step),
        "outcome": text(outcomes),
        "decision": pa.nulls(len(run), TEXT),
        "answered_by": text(
            answerer_of(question.step) if question.step and word == ANSWERED else None
            for question, word in zip(questions, outcomes, strict=True)
        ),
    }


class ArtifactList(NamedTuple):
    """The artifacts of a step, of an interrupt or of a run's output; step is -1 where there is none."""

    run: int
    step: int
    origin: int
    interrupt_id: str | None
    agent: str | None
    artifacts: Any
    field: str


def collect_lists(runs: Runs, steps: Steps, questions: Sequence[Question]) -> list[ArtifactList]:
    """Collect all lists of artifacts, run by run: those of steps in tree order, then the output's.

    The artifacts of an interrupt step are proposals. A pending interrupt has its proposals in its value, so
    that those of its step are skipped.
    """
    proposed = [entry for question in questions for entry in _proposed(question)]
    proposed = [entry for entry in proposed if entry.artifacts not in EMPTY]
    in_value = {entry.step for entry in proposed}
    asked = {question.position: question.interrupt_id for question in questions if question.step}
    lists = [step.get("artifacts") for step in steps.records]
    at = [n for n, artifacts in enumerate(lists) if artifacts not in EMPTY and n not in in_value]
    of_steps = [
        ArtifactList(run, n, PROPOSAL if n in asked else STEP, asked.get(n), agent, lists[n], "artifacts")
        for n, run, agent in zip(
            at,
            steps.run[at].tolist() if at else (),
            take(steps.text["agent"], np.array(at, np.int64)).to_pylist(),
            strict=True,
        )
    ]
    outputs = [
        ArtifactList(n, -1, OUTPUT, None, agent, output.get("artifacts"), "output.artifacts")
        for n, (record, agent) in enumerate(zip(runs.records, runs.text["agent"].to_pylist(), strict=True))
        if isinstance(output := record.raw.get("output"), dict)
    ]
    last = len(lists)  # lists without a step come after those of the run's steps
    return sorted(
        [*of_steps, *proposed, *outputs],
        key=lambda entry: (entry.run, entry.origin == OUTPUT, last if entry.step < 0 else entry.step),
    )


def _proposed(question: Question) -> Iterator[ArtifactList]:
    """Give the artifacts that a pending item proposes."""
    if question.item is None:
        return
    is_combined = isinstance(question.item["value"].get("proposals"), list)
    for number, proposal in enumerate(proposals_of(question.item["value"])):
        field = f"value.proposals[{number}].artifacts" if is_combined else "value.artifacts"
        agent = _text_or_none(proposal.get("agent")) or _agent(question.item)
        artifacts = proposal.get("artifacts")
        yield ArtifactList(
            question.run, question.position, PROPOSAL, question.interrupt_id, agent, artifacts, field
        )


def artifact_columns(
    lists: Sequence[ArtifactList], runs: Runs, steps: Steps, problems: Problems
) -> tuple[Chunk, Chunk]:
    """Build the columns of the artifacts and sources frames, and the positions of their runs and steps."""

    def note(number: int, path: str, issue: Issue) -> None:
        record, step, field = runs.records[lists[number].run], lists[number].step, lists[number].field + path
        if step < 0:
            problems.add_for_run(record, issue.problem, issue.detail, field)
        else:
            problems.add_for_step(record, steps.records[step], issue.problem, issue.detail, field)

    def note_source(number: int, path: str, issue: Issue) -> None:
        note(int(exploded.owner[number]), f"[{exploded.item_no[number]}].sources{path}", issue)

    exploded = explode([entry.artifacts for entry in lists], Artifact, note)
    evidence = explode([artifact.get("sources") for artifact in exploded.records], Source, note_source)
    of_list, of_artifact = exploded.owner, evidence.owner
    run, step, origin = (
        np.array([entry[column] for entry in lists], np.int64)[of_list] for column in range(3)
    )
    n_before = np.searchsorted(run, np.arange(len(runs.records)))
    artifacts: Chunk = {
        "run": run,
        "step": step,
        "run_id": take(runs.text["id"], run),
        "artifact_no": np.arange(len(run)) - n_before[run],
        "step_id": take(steps.text["id"], step),
        "origin": origin,
        "interrupt_id": take(text(entry.interrupt_id for entry in lists), of_list),
        "artifact_id": exploded.columns["id"],
        "agent": take(text(entry.agent for entry in lists), of_list),
        **{name: exploded.columns[name] for name in ("title", "type", "confidence", "summary")},
        "n_sources": count(of_artifact, len(run)),
    }
    artifacts["is_repeat"] = _repeats(artifacts, runs.text["agent"])
    sources: Chunk = {
        **{name: take(artifacts[name], of_artifact) for name in ("run_id", "step_id", "title")},
        **{name: artifacts[name][of_artifact] for name in ("run", "artifact_no", "origin")},
        "source_no": evidence.item_no,
        "host": hosts(evidence.columns["url"]),
        **evidence.columns,
    }
    artifacts["n_hosts"] = _count_hosts(of_artifact, sources["host"], len(run))
    artifacts["best_tier"] = _best_tiers(of_artifact, sources["source_tier"], len(run))
    return artifacts, sources


def _count_hosts(of: Ints, host: pa.Array, n: int) -> Ints:
    """Count the different hosts of each artifact's sources."""
    codes = host.dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
    pairs = np.unique(np.stack([of, codes])[:, codes >= 0], axis=1)
    return count(pairs[0], n)


def _best_tiers(of: Ints, tier: pa.Array, n: int) -> pa.Array:
    """Return the best tier of each artifact's sources; unknown words rank below known ones."""
    encoded = tier.dictionary_encode()
    words = [*TIERS, *(word for word in encoded.dictionary.to_pylist() if word not in TIERS)]
    ranks = np.array([*map(words.index, encoded.dictionary.to_pylist()), len(words)], np.int64)
    best: Ints = np.full(n, len(words), np.int64)
    np.minimum.at(best, of, ranks[encoded.indices.fill_null(len(ranks) - 1).to_numpy()])
    return take(pa.array(words, TEXT), np.where(best < len(words), best, -1))


def _repeats(artifacts: Chunk, run_agents: pa.Array) -> Flags:
    """Find proposals that repeat a finding of a step of their run: same agent, title and type.

    An answered combined proposal has the run's agent, which groups the proposals of other agents.
    """
    is_proposal = artifacts["origin"] == PROPOSAL
    is_repeat: Flags = np.zeros(len(is_proposal), np.bool_)
    runs = np.unique(artifacts["run"][is_proposal])
    in_question = np.flatnonzero(np.isin(artifacts["run"], runs) & (artifacts["origin"] != OUTPUT))
    columns = (take(artifacts[name], in_question).to_pylist() for name in ("agent", "title", "type"))
    run = artifacts["run"][in_question]
    agents = take(run_agents, run).to_pylist()
    keys = list(zip(run.tolist(), *columns, strict=True))
    findings = [n for n, at in enumerate(in_question.tolist()) if not is_proposal[at]]
    known = {keys[n] for n in findings} | {(keys[n][0], agents[n], *keys[n][2:]) for n in findings}
    is_repeat[in_question] = [key in known for key in keys]
    is_repeat &= is_proposal
    return is_repeat


def hosts(urls: pa.Array) -> pa.Array:
    """Return the host of each URL in lower case; null where there is none."""
    encoded = urls.dictionary_encode()  # many findings share the same sources
    host = pc.utf8_lower(pc.struct_field(pc.extract_regex(encoded.dictionary, _HOST), "host"))
    return pc.if_else(pc.equal(host, ""), pa.scalar(None, urls.type), host).take(encoded.indices)
