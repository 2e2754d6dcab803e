"""The artifacts, sources and interrupts of a batch of runs.

The API shows an interrupt as an item of `run.interrupts` while it is pending, and as a step of type
`interrupt`. Here both are one row.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runkit import contract
from runkit.contract import Json, interrupt_value
from runkit.models import Artifact, Interrupt, Source
from runkit.steptree import kind
from runkit.tables.schema import ORIGINS, OUTCOMES, TEXT
from runkit.tables.validate import (
    NEVER,
    Chunk,
    Exploded,
    count,
    explode,
    is_word,
    position_in_group,
    take,
    text,
)
from runkit.text import brief
from runkit.timing import Flags, Ints

if TYPE_CHECKING:
    from runkit.tables.batch import Runs, Steps

Note = Callable[[int, str, str, str], None]
STEP, PROPOSAL, OUTPUT = ORIGINS
PENDING, ANSWERED, *_, LAPSED = OUTCOMES
# any other value that is not a list of artifacts is a problem
EMPTY: tuple[object, ...] = (None, [])
_HOST = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#\\]*\]|[^:/?#\\]*)"


class Question(NamedTuple):
    """One interrupt of a run: its pending item, its step and the step's position, or both.

    `interrupt_id` is None if it was never seen pending. `value` is that of the item, else the proposals of
    the step in the same form.
    """

    run: int
    position: int
    item: Json | None
    step: Json  # empty without one
    interrupt_id: str | None
    agent: str | None
    label: str | None
    value: Json
    is_open: bool
    outcome: str


def _question(steps: Steps, run: int, position: int, item: Json | None = None) -> Question:
    """Make the question of a step, of an item (then the position is -1), or of both."""
    agent = label = interrupt_id = resolution = None
    step: Json = {}
    value: Json = {}
    is_open = False
    if position >= 0:
        step = steps.records[position]
        names = ("agent", "label", "resolution")
        agent, label, resolution = (steps.text[name][position].as_py() for name in names)
        is_open = bool(steps.time["completed_at"][position] == NEVER)
        result, artifacts = step.get("result"), step.get("artifacts")
        interrupt_id = _text_or_none(result.get("interrupt_id")) if isinstance(result, dict) else None
        if isinstance(artifacts, list):
            value = {"proposals": [{"artifacts": [one]} for one in artifacts]}
    has_failed = step.get("status") in ("error", "failed")
    if item is not None:
        interrupt_id, value = _id(item), interrupt_value(item) or value
        agent, label = _agent(item) or agent, _label(item) or label
    if resolution in contract.RESOLUTIONS:
        outcome = str(resolution)
    elif item is None and (has_failed or not is_open):
        outcome = LAPSED if has_failed else ANSWERED
    else:
        is_finished = steps.runs.text["status"][run].as_py() in contract.FINAL_STATUSES
        outcome = LAPSED if is_finished else PENDING
    return Question(run, position, item, step, interrupt_id, agent, label, value, is_open, outcome)


def _id(item: Json) -> str | None:
    return _text_or_none(item.get("id"))


def _agent(item: Json) -> str | None:
    return _text_or_none(item.get("agent")) or _text_or_none(interrupt_value(item).get("agent"))


def _label(item: Json) -> str | None:
    return _text_or_none(interrupt_value(item).get("label"))


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def read_questions(steps: Steps) -> list[Question]:
    """Read all interrupts by run, in tree order of their steps; those without a step come last."""
    runs = steps.runs
    items = _pending_items(runs)
    of_steps: list[list[Question]] = [[] for _ in runs.records]
    for position in np.flatnonzero(is_word(steps.text["type"], "interrupt")).tolist():
        run = int(steps.run[position])
        of_steps[run].append(_question(steps, run, position))
    questions = []
    for run in range(len(runs.records)):
        matched, unmatched = match_items(items[run], of_steps[run])
        for one in of_steps[run]:
            item = matched.get(one.position)
            questions.append(one if item is None else _question(steps, run, one.position, item))
        questions += [_question(steps, run, -1, item) for item in unmatched]
        if runs.has_steps[run]:
            for item in unmatched:
                detail = f"no step of the run matches interrupt {brief(_id(item))}"
                runs.note(run, "unpaired_interrupt", detail, "interrupts")
        elif not items[run] and runs.text["status"][run].as_py() == "interrupted":
            runs.note(run, "contradiction", "interrupted, but neither interrupts nor steps say by what")
    return questions


def match_items(items: Sequence[Json], of_steps: Sequence[Question]) -> tuple[dict[int, Json], list[Json]]:
    """Match pending items to interrupt steps. Returns the items by step position, and those unmatched.

    (1) Their ids are equal, or the step's `result.interrupt_id` says so; else (2) agent and label are equal;
    else (3) exactly one open step and one item remain. A step that is not open is matched by its id alone.
    Items without an id that have the same agent and label are not told apart by their position.
    """
    by_id: dict[str | None, int] = {}
    for question in of_steps:
        for one_id in (question.interrupt_id, question.step["id"]):
            if one_id is not None:
                by_id.setdefault(one_id, question.position)
    matched: dict[int, Json] = {}
    for item in items:
        if (item_id := _id(item)) in by_id:
            matched.setdefault(by_id[item_id], item)
    nameless = Counter((_agent(item), _label(item)) for item in items if _id(item) is None)
    by_label: dict[tuple[str | None, str | None], deque[int]] = defaultdict(deque)
    for question in of_steps:
        if question.is_open and question.position not in matched:
            by_label[question.agent, question.label].append(question.position)
    unmatched = []
    for item in items:
        if matched.get(by_id.get(_id(item), -1)) is item:
            continue
        key = _agent(item), _label(item)
        if by_label[key] and nameless[key] <= 1:
            matched[by_label[key].popleft()] = item
        else:
            unmatched.append(item)
    waiting = [position for positions in by_label.values() for position in positions]
    if len(waiting) == len(unmatched) == 1:
        matched[waiting[0]] = unmatched.pop()
    return matched, unmatched


def _pending_items(runs: Runs) -> list[list[Json]]:
    def note(number: int, problem: str, detail: str, path: str) -> None:
        runs.note(number, problem, detail, f"interrupts{path}")

    exploded = explode([record.raw.get("interrupts") for record in runs.records], Interrupt, note)
    items: list[list[Json]] = [[] for _ in runs.records]
    seen = set()
    owners, indices = exploded.owner.tolist(), exploded.item_no.tolist()
    for item, owner, index in zip(exploded.records, owners, indices, strict=True):
        item_id = _id(item)
        if item_id is not None and (owner, item_id) in seen:
            detail = f"interrupt {brief(item_id)} is a duplicate; the first is kept"
            note(owner, "duplicate_step", detail, f"[{index}]")
            continue
        seen.add((owner, item_id))
        items[owner].append(item)
        for path, proposal in _combined(interrupt_value(item)):
            if not isinstance(proposal, dict):
                detail = f"expected an object, found {kind(proposal)}"
                note(owner, "bad_field", detail, f"[{index}].{path}")
    return items


def _combined(value: Json) -> list[tuple[str, Any]]:
    """List the proposals of a combined value with the path of each, whatever they are."""
    proposals = value.get("proposals", [])
    if not isinstance(proposals, list):
        return [("value.proposals", proposals)] * (proposals is not None)
    return [(f"value.proposals[{number}]", proposal) for number, proposal in enumerate(proposals)]


def interrupt_columns(questions: Sequence[Question], steps: Steps) -> Chunk:
    """Build the columns of the interrupts frame, and the positions of the runs."""
    run = np.array([question.run for question in questions], np.int64)
    step = np.array([question.position for question in questions], np.int64)
    n_proposals = [len(contract.proposals_of(question.value)) for question in questions]
    names = ("interrupt_id", "agent", "label", "outcome")
    texts = {name: text(getattr(question, name) for question in questions) for name in names}
    answerers = (contract.answerer_of(one.step) if one.outcome == ANSWERED else None for one in questions)
    has_step = step >= 0
    is_settled = has_step & ~is_word(texts["outcome"], PENDING, LAPSED)
    is_undated = is_word(texts["outcome"], PENDING) & steps.runs.is_undated[run]
    # An open interrupt has waited until its run's end (as_of while the run is open), as its step has.
    asked, until = (np.append(times, 0)[step] for times in (steps.start, steps.end))
    return texts | {
        "run": run,
        "run_id": take(steps.runs.text["id"], run),
        "step_id": take(steps.text["id"], step),
        "kind": text(contract.interrupt_kind(question.value) for question in questions),
        "n_proposals": np.array(n_proposals, np.int64),
        "asked_at": np.where(has_step, asked, NEVER),
        "answered_at": np.where(is_settled, until, NEVER),
        "wait_s": np.where(has_step & ~is_undated, until - asked, NEVER),
        "decision": pa.nulls(len(run), TEXT),
        "answered_by": text(answerers),
    }


class ArtifactList(NamedTuple):
    """The artifacts of a step, of an interrupt or of a run's output; step is -1 where there is none."""

    run: int
    step: int
    origin: str
    interrupt_id: str | None
    agent: str | None
    artifacts: Any
    field: str
    item: Json | None = None  # the pending item that has it


def collect_lists(steps: Steps, questions: Sequence[Question]) -> list[ArtifactList]:
    """Collect all lists of artifacts, run by run: those of steps in tree order, then the output's.

    The artifacts of an interrupt step are proposals. A pending interrupt has its proposals in its value, so
    that those of its step are skipped.
    """
    lists: list[ArtifactList] = []
    is_output = _delivers(steps)
    for question in questions:
        item = question.item
        if item is None:
            continue
        value = interrupt_value(item)
        proposals = [(path, one) for path, one in _combined(value) if isinstance(one, dict)]
        for path, proposal in proposals or [("value", value)]:
            artifacts, field = proposal.get("artifacts"), f"{path}.artifacts"
            agent = _text_or_none(proposal.get("agent")) or _agent(item)
            if artifacts not in EMPTY:
                owner = question.run, question.position, PROPOSAL, question.interrupt_id
                lists.append(ArtifactList(*owner, agent, artifacts, field, item))
    in_value = {entry.step for entry in lists}
    asked = {question.position: question.interrupt_id for question in questions if question.step}
    agents = steps.text["agent"]
    for number, step in enumerate(steps.records):
        artifacts = step.get("artifacts")
        if artifacts not in EMPTY and number not in in_value:
            run, agent = int(steps.run[number]), agents[number].as_py()
            origin = PROPOSAL if number in asked else STEP
            interrupt_id = asked.get(number)
            lists.append(ArtifactList(run, number, origin, interrupt_id, agent, artifacts, "artifacts"))
    lists = [entry._replace(origin=OUTPUT) if is_output[entry.step] else entry for entry in lists]
    agents = steps.runs.text["agent"]
    for run, record in enumerate(steps.runs.records):
        output = record.raw.get("output")
        if isinstance(output, dict):
            artifacts, agent = output.get("artifacts"), agents[run].as_py()
            lists.append(ArtifactList(run, -1, OUTPUT, None, agent, artifacts, "output.artifacts"))
    return sorted(lists, key=lambda entry: (entry.run, entry.origin == OUTPUT, entry.step < 0, entry.step))


def _delivers(steps: Steps) -> Flags:
    """Flag the steps whose artifacts are the output of a run; the last flag is for no step.

    They are the top-level output steps of a completed run without an output of its own.
    """
    runs = steps.runs
    outputs = (record.raw.get("output") for record in runs.records)
    has_own = [isinstance(output, dict) and output.get("artifacts") not in EMPTY for output in outputs]
    needs_output = is_word(runs.text["status"], "completed") & ~np.array(has_own, np.bool_)
    is_top_output = is_word(steps.text["type"], "output") & (steps.parent < 0)
    return np.append(is_top_output & needs_output[steps.run], False)


def artifact_columns(lists: Sequence[ArtifactList], steps: Steps) -> tuple[Chunk, Chunk]:
    """Build the columns of the artifacts and sources frames, and the positions of their runs and steps."""
    runs = steps.runs

    def note(number: int, problem: str, detail: str, path: str) -> None:
        entry = lists[number]
        field = entry.field + path
        if entry.item is not None:
            items = runs.records[entry.run].raw["interrupts"]
            place = next(index for index, item in enumerate(items) if item is entry.item)
            runs.note(entry.run, problem, detail, f"interrupts[{place}].{field}")
        elif entry.step < 0:
            runs.note(entry.run, problem, detail, field)
        else:
            steps.note(entry.step, problem, detail, field)

    def note_source(number: int, problem: str, detail: str, path: str) -> None:
        path = f"[{exploded.item_no[number]}].sources{path}"
        note(int(exploded.owner[number]), problem, detail, path)

    exploded = explode([entry.artifacts for entry in lists], Artifact, note)
    evidence = explode([artifact.get("sources") for artifact in exploded.records], Source, note_source)
    of_list, of_artifact = exploded.owner, evidence.owner
    run = np.array([entry.run for entry in lists], np.int64)[of_list]
    step = np.array([entry.step for entry in lists], np.int64)[of_list]
    n = len(run)
    artifacts: Chunk = {
        "run": run,
        "step": step,
        "run_id": take(runs.text["id"], run),
        "artifact_no": position_in_group(run),
        "step_id": take(steps.text["id"], step),
        "origin": take(text(entry.origin for entry in lists), of_list),
        "interrupt_id": take(text(entry.interrupt_id for entry in lists), of_list),
        "artifact_id": exploded.columns["id"],
        "agent": take(text(entry.agent for entry in lists), of_list),
        **{name: exploded.columns[name] for name in ("title", "type", "summary")},
        "confidence": _known_words(exploded, "confidence", contract.CONFIDENCES, note),
        "n_sources": count(of_artifact, n),
    }
    artifacts["is_repeat"] = _repeats(artifacts, steps)
    shared = ("run_id", "step_id", "title", "origin")
    sources: Chunk = {
        **{name: take(artifacts[name], of_artifact) for name in shared},
        "run": run[of_artifact],
        "artifact_no": artifacts["artifact_no"][of_artifact],
        "source_no": evidence.item_no,
        "host": hosts(evidence.columns["url"]),
        **evidence.columns,
        "source_tier": _known_words(evidence, "source_tier", contract.TIERS, note_source),
    }
    artifacts["n_hosts"] = _count_hosts(of_artifact, sources["host"], n)
    artifacts["best_tier"] = extreme_word(of_artifact, sources["source_tier"], n, contract.TIERS, np.maximum)
    return artifacts, sources


def _count_hosts(of: Ints, host: pa.Array, n: int) -> Ints:
    """Count the different hosts of each artifact's sources."""
    codes = host.dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
    pairs = np.unique(np.stack([of, codes])[:, codes >= 0], axis=1)
    return count(pairs[0], n)


def rank(values: pa.Array, words: Sequence[str]) -> Ints:
    """Return the position of each value in `words`, -1 for null."""
    ranks: Ints = pc.index_in(values, pa.array(words, TEXT)).fill_null(-1).to_numpy().astype(np.int64)
    return ranks


def extreme_word(of: Ints, values: pa.Array, n: int, words: Sequence[str], pick: np.ufunc) -> pa.Array:
    """Return the lowest (`np.minimum`) or highest of the words in each of n groups, null where none is."""
    ranks = rank(values, words)
    extremes = np.full(n, len(words) if pick is np.minimum else -1)
    pick.at(extremes, of[ranks >= 0], ranks[ranks >= 0])
    return take(pa.array([*words, None], TEXT), extremes)


def _known_words(exploded: Exploded, name: str, words: Sequence[str], note: Note) -> pa.Array:
    """Return a ranked column, in which each word that is not in `words` is the first of them, `other`."""
    values = exploded.columns[name]
    is_unknown = values.is_valid().to_numpy(zero_copy_only=False) & ~is_word(values, *words)
    for position in np.flatnonzero(is_unknown).tolist():
        detail = f"{name}: {brief(values[position].as_py())} is not in the API's documentation; read as other"
        path = f"[{exploded.item_no[position]}].{name}"
        note(int(exploded.owner[position]), "unknown_value", detail, path)
    return pc.if_else(pa.array(is_unknown), words[0], values)


def _repeats(artifacts: Chunk, steps: Steps) -> Flags:
    """Find proposals that repeat a finding of a step of their run: same agent, title and type.

    An answered combined proposal has the run's agent, which groups the proposals of other agents. What an
    output step has may repeat the run's output: same title and type.
    """
    run_agents = steps.runs.text["agent"].to_pylist()
    is_of_output: Flags = np.append(is_word(steps.text["type"], "output"), False)[artifacts["step"]]
    columns = (artifacts[name].to_pylist() for name in ("origin", "agent", "title", "type"))
    rows = list(zip(artifacts["run"].tolist(), *columns, strict=True))
    found, delivered = set(), set()
    for run, origin, agent, *finding in rows:
        if origin == STEP:
            found |= {(run, agent, *finding), (run, run_agents[run], *finding)}
        elif origin == OUTPUT:
            delivered.add((run, *finding))
    is_repeat = [origin == PROPOSAL and (run, *finding) in found for run, origin, *finding in rows]
    is_same = [origin == STEP and (run, *finding) in delivered for run, origin, _, *finding in rows]
    return np.array(is_repeat, np.bool_) | np.array(is_same, np.bool_) & is_of_output


def hosts(urls: pa.Array) -> pa.Array:
    """Return the host of each URL in lower case; null where there is none."""
    encoded = urls.dictionary_encode()  # many findings share the same sources
    host = pc.utf8_lower(pc.struct_field(pc.extract_regex(encoded.dictionary, _HOST), "host"))
    return pc.if_else(pc.equal(host, ""), pa.scalar(None, urls.type), host).take(encoded.indices)
