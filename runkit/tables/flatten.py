"""Check raw runs, and walk over them once: the rows of the frames, still as JSON objects.

Steps are linked by nesting, by `parent_step_id`, or by both. The API shows an interrupt as an item
of `run.interrupts` while it is pending, and as a step of type `interrupt`: here both are one row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import methodcaller
from typing import NamedTuple, TypeVar

from runkit.api import contract
from runkit.api.contract import Json
from runkit.api.models import Run
from runkit.api.validation import (
    Note,
    Path,
    agent_of,
    answerer_of,
    decision_of,
    interrupt_kind,
    interrupt_value,
    n_proposals,
    objects,
    proposals_of,
    resolution_of,
    result_of,
    validated,
)
from runkit.display.text import brief, first_text
from runkit.tables.schema import ANSWERED, LAPSED, OUTPUT, PENDING, PROPOSAL, STEP
from runkit.tables.sources import Record

T = TypeVar("T")
# nodes in tree order, each with the position of its parent (-1 at the top) and its depth
Tree = list[tuple[T, int, int]]


class Pending(NamedTuple):
    """An item of a run's `interrupts`: its id, and what it asks."""

    interrupt_id: str | None
    value: Json
    agent: str | None
    label: str | None


class InterruptRow(NamedTuple):
    """A question: its step (-1 without one), its pending item, or both.

    `interrupt_id` is None if it was never seen pending.
    """

    run: int
    step: int
    pending: Pending | None
    interrupt_id: str | None
    agent: str | None
    label: str | None
    kind: str
    n_proposals: int
    outcome: str
    decision: str | None
    answered_by: str | None


class ArtifactRow(NamedTuple):
    """An artifact of a step, of an interrupt or of a run's output; `step` is -1 without one."""

    run: int
    step: int
    origin: str
    interrupt_id: str | None
    agent: str | None
    artifact: Json

    @property
    def key(self) -> tuple[str, str]:
        """What is equal in an artifact and one that repeats it."""
        return self.artifact["title"], self.artifact["type"]


@dataclass
class Rows:
    """The rows of a batch in order of the runs, steps in tree order.

    `read_runs` fills the lists of runs, `flatten` appends one run after the other to all others.
    """

    # of each run: the record as it came, the run without what breaks the contract, the places of
    # its objects in the record by `id()` (empty until they are asked for)
    records: list[Record] = field(default_factory=list)
    runs: list[Json] = field(default_factory=list)
    paths: list[dict[int, Path]] = field(default_factory=list)
    # of each step: its JSON, the number of its run, the row of its parent (-1 at the top)
    steps: list[Json] = field(default_factory=list)
    run: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    depth: list[int] = field(default_factory=list)
    artifacts: list[ArtifactRow] = field(default_factory=list)
    is_repeat: list[bool] = field(default_factory=list)  # of each artifact
    interrupts: list[InterruptRow] = field(default_factory=list)
    # what is wrong in a run, by its number, and why other records are no runs
    notes: list[tuple[int, Note]] = field(default_factory=list)
    refused: list[tuple[Record, Note]] = field(default_factory=list)

    def note(
        self, run_no: int, problem: str, detail: str, *field: str, step: Json | None = None
    ) -> None:
        """Note what is wrong in a run, in one of its steps, or in a field of these."""
        if not self.paths[run_no]:  # nothing was taken out of the run, so that it is the record
            self.paths[run_no] = _paths_in(self.runs[run_no])
        path = self.paths[run_no][id(step)] if step else ()
        step_id = step["id"] if step else None
        self.notes.append((run_no, Note(problem, detail, (*path, *field), step_id)))

    def note_step(self, row: int, problem: str, detail: str, *field: str) -> None:
        """Note what is wrong in the step of a row, or in a field of it."""
        self.note(self.run[row], problem, detail, *field, step=self.steps[row])


def read_runs(records: Iterable[Record]) -> Rows:
    """Check records, and return those that are runs; others are refused.

    Runs are checked one at a time, so that memory is reused.
    """
    rows = Rows()
    for record in records:
        if refusal := record.refusal:
            rows.refused.append((record, refusal))
            continue
        run, notes, paths = validated(Run, record.raw)
        if run is None:
            rows.refused += [(record, note) for note in notes]
            continue
        rows.notes += [(len(rows.runs), note) for note in notes]
        rows.records.append(record)
        rows.runs.append(run)
        rows.paths.append(paths)
    return rows


def flatten(rows: Rows) -> None:
    """Add the rows of all parts of the runs."""
    for run_no in range(len(rows.runs)):
        first = len(rows.steps)
        _add_steps(rows, run_no)
        interrupts = _interrupts(rows, run_no, first)
        rows.interrupts += interrupts
        _add_artifacts(rows, run_no, first, interrupts)


# -------------------------------------------------------------------------------------------- steps


def _add_steps(rows: Rows, run_no: int) -> None:
    """Add the steps of a run in tree order.

    Of steps with the same id the first is kept, with the children of all. A step whose parent is
    unknown, and one step of each cycle, are at depth 0. Each is noted.
    """
    first = len(rows.steps)
    tree, notes = _linked(rows.runs[run_no].get("steps") or [])
    for step, problem, detail in notes:
        rows.note(run_no, problem, detail, step=step)
    rows.steps += [step for step, _, _ in tree]
    rows.run += [run_no] * len(tree)
    rows.parent += [first + parent if parent >= 0 else -1 for _, parent, _ in tree]
    rows.depth += [depth for _, _, depth in tree]


def _preorder(roots: Sequence[T], children_of: Callable[[T], Sequence[T] | None]) -> Tree[T]:
    tree: Tree[T] = []
    stack = [(root, -1, 0) for root in reversed(roots)]
    while stack:
        node, parent, depth = stack.pop()
        if children := children_of(node):
            stack += [(child, len(tree), depth + 1) for child in reversed(children)]
        tree.append((node, parent, depth))
    return tree


def _paths_in(run: Json) -> dict[int, Path]:
    """Return where a run and its steps are in the run, by `id()`."""
    paths: dict[int, Path] = {}
    level: list[tuple[Json, Path]] = [(run, ())]
    while level:
        paths |= {id(parent): path for parent, path in level}
        level = [
            (child, (*path, "steps", number))
            for parent, path in level
            for number, child in enumerate(parent.get("steps") or [])
        ]
    return paths


def _linked(top: list[Json]) -> tuple[Tree[Json], list[tuple[Json, str, str]]]:
    """Link steps by nesting or else by `parent_step_id`; return their tree, and what is wrong.

    What is wrong is a step, the word of the problem, and a detail.
    """
    notes = []
    nested = _preorder(top, methodcaller("get", "steps"))
    first: dict[str, int] = {}
    for position, (step, _, _) in enumerate(nested):
        if first.setdefault(step["id"], position) != position:
            notes.append((step, "duplicate_step", f"step {brief(step['id'])} came before"))

    parent_of: dict[int, int] = {}  # without steps at the top
    for position in first.values():
        step, parent, _ = nested[position]
        parent_id = nested[parent][0]["id"] if parent >= 0 else step.get("parent_step_id")
        if parent_id in first:
            parent_of[position] = first[parent_id]
        elif parent_id:
            detail = f"no step has the id of its parent, {brief(parent_id)}"
            notes.append((step, "orphan_step", detail))

    for position in _steps_to_unlink(parent_of):
        step = nested[position][0]
        detail = f"its parents lead back to it: {brief(step.get('parent_step_id'))}"
        notes.append((step, "cycle", detail))
        del parent_of[position]

    roots = [position for position in first.values() if position not in parent_of]
    children: dict[int, list[int]] = {}
    for position, parent in parent_of.items():
        children.setdefault(parent, []).append(position)
    order = _preorder(roots, children.get)
    return [(nested[position][0], parent, depth) for position, parent, depth in order], notes


def _steps_to_unlink(parent_of: dict[int, int]) -> list[int]:
    """Return one step of each cycle."""
    walk_of: dict[int, int] = {}  # by position, the walk that saw it first
    unlinked = []
    for start in parent_of:
        position = start
        while position in parent_of and position not in walk_of:
            walk_of[position] = start
            position = parent_of[position]
        if walk_of.get(position) == start:
            unlinked.append(position)
    return unlinked


def agent_of_step(step: Json) -> str | None:
    """Return the agent of a step; the API's first documentation called it the graph."""
    return step.get("agent") or step.get("graph")


def label_of_step(step: Json) -> str:
    """Return the label of a step, else its name, else its type."""
    return first_text(step.get("label"), step.get("name")) or str(step["type"])


# --------------------------------------------------------------------------------------- interrupts


def _interrupts(rows: Rows, run_no: int, first: int) -> list[InterruptRow]:
    """Return the questions of a run in order of their steps; those without a step come last."""
    steps = enumerate(rows.steps[first:], first)
    questions = {row: step for row, step in steps if step["type"] == "interrupt"}
    raw = rows.runs[run_no]
    status = raw["status"]
    items = [_pending(item) for item in raw.get("interrupts") or []]
    matched, unmatched = _match_items(items, questions)
    if len(rows.steps) > first:
        for pending in unmatched:
            name = brief(pending.interrupt_id) if pending.interrupt_id else "without an id"
            detail = f"no step of the run matches interrupt {name}"
            rows.note(run_no, "unpaired_interrupt", detail, "interrupts")
    elif not items and status == "interrupted":
        detail = "interrupted, but neither interrupts nor steps say by what"
        rows.note(run_no, "contradiction", detail)
    of_steps = [
        _interrupt(run_no, status, row, step, matched.get(row)) for row, step in questions.items()
    ]
    return of_steps + [_interrupt(run_no, status, -1, {}, pending) for pending in unmatched]


def _pending(item: Json) -> Pending:
    value = interrupt_value(item)
    agent = item.get("agent") or value.get("agent")
    return Pending(item.get("id"), value, agent, value.get("label"))


def _interrupt(
    run_no: int, status: str, row: int, step: Json, pending: Pending | None
) -> InterruptRow:
    """Build the row of a step, of an item (then the step is -1), or of both."""
    artifacts = step.get("artifacts") or []
    value = (pending and pending.value) or {
        "proposals": [{"artifacts": [artifact]} for artifact in artifacts]
    }
    outcome = _outcome(status, step, pending)
    return InterruptRow(
        run=run_no,
        step=row,
        pending=pending,
        interrupt_id=pending.interrupt_id if pending else _interrupt_id(step),
        agent=(pending and pending.agent) or agent_of_step(step),
        label=_label(first_text(pending and pending.label, step and label_of_step(step)), value),
        kind=interrupt_kind(value),
        n_proposals=n_proposals(value),
        outcome=outcome,
        decision=decision_of(result_of(step)) if outcome == ANSWERED else None,
        answered_by=answerer_of(step) if outcome == ANSWERED else None,
    )


def _label(label: str | None, value: Json) -> str | None:
    """Add the labels of its proposals to the label of a question, unless artifacts name each."""
    proposals = objects(value.get("proposals"))
    if label and all(part.get("artifacts") for part in proposals):
        return label
    names = filter(None, (first_text(part.get("label")) for part in proposals))
    others = " / ".join(name for name in names if name not in (label or ""))
    return ": ".join(filter(None, [label, others])) or None


def _outcome(status: str, step: Json, pending: Pending | None) -> str:
    resolution = resolution_of(step)
    if resolution in contract.RESOLUTIONS:
        return str(resolution)
    has_ended = step.get("completed_at") or step.get("status") in contract.FINAL_STATUSES
    if not has_ended and status in contract.FINAL_STATUSES:
        has_ended = decision_of(result_of(step))
    if not pending and has_ended:
        return LAPSED if step.get("status") == "error" else ANSWERED
    return LAPSED if status in contract.FINAL_STATUSES else PENDING


def _match_items(
    items: list[Pending], questions: dict[int, Json]
) -> tuple[dict[int, Pending], list[Pending]]:
    """Return the pending items by the row of their interrupt step, and those without a step.

    1. The item's id is that of an open step, or the step's `result.interrupt_id`.
    2. Agent and label are those of an open step. Several items without an id that have the same
       agent and label are not told apart.
    3. As many items with an id as open steps are left that have its label: in their order.
    4. One open step and one item are left.
    5. The item's id is that of a step that has ended. This comes last, because a question that is
       asked again has the id of the first, and the open one is pending.
    """
    n_alike = Counter((item.agent, item.label) for item in items if item.interrupt_id is None)
    waiting = {row: step for row, step in questions.items() if not step.get("completed_at")}

    def has_id(item: Pending, step: Json) -> bool:
        ids = step["id"], _interrupt_id(step)
        return item.interrupt_id is not None and item.interrupt_id in ids

    def has_names(item: Pending, step: Json) -> bool:
        names = item.agent, item.label
        return names == (agent_of_step(step), label_of_step(step)) and n_alike[names] <= 1

    def has_label(item: Pending, step: Json) -> bool:
        label = label_of_step(step)
        return label == item.label and item.interrupt_id is not None and surplus[label] == 0

    def is_last(item: Pending, step: Json) -> bool:
        return len(rest) == len(free) == 1

    # A rule sees what those before it left: the items, the steps, and of each label how many more
    # items than steps.
    matched: dict[int, Pending] = {}
    rest = items
    for steps, fits in (
        (waiting, has_id),
        (waiting, has_names),
        (waiting, has_label),
        (waiting, is_last),
        (questions, has_id),
    ):
        if not rest:
            break
        free = {row: step for row, step in steps.items() if row not in matched}
        surplus = Counter(item.label for item in rest if item.interrupt_id is not None)
        surplus.subtract(map(label_of_step, free.values()))
        unmatched = []
        for item in rest:
            row = next((row for row, step in free.items() if fits(item, step)), None)
            if row is None:
                unmatched.append(item)
            else:
                matched[row] = item
                del free[row]
        rest = unmatched
    return matched, rest


def _interrupt_id(step: Json) -> str | None:
    return first_text(result_of(step).get("interrupt_id"))


# ---------------------------------------------------------------------------------------- artifacts


def _add_artifacts(rows: Rows, run_no: int, first: int, interrupts: Sequence[InterruptRow]) -> None:
    """Add the artifacts of a run: those of steps in tree order, then of the output.

    The artifacts of an interrupt step are proposals. A pending interrupt has its proposals in its
    value, so that those of its step are skipped. A completed run without an output of its own
    delivers what its top-level output steps have, in order of their start, then of their label.
    """
    raw = rows.runs[run_no]
    output = (raw.get("output") or {}).get("artifacts") or []
    lacks_output = not output and raw["status"] == "completed"
    artifacts = [artifact for interrupt in interrupts for artifact in _proposed(interrupt)]
    steps_of_pending = {row.step for row in artifacts}
    question_ids = {interrupt.step: interrupt.interrupt_id for interrupt in interrupts}
    for row, step in enumerate(rows.steps[first:], first):
        if not step.get("artifacts") or row in steps_of_pending:
            continue
        if row in question_ids:
            origin = PROPOSAL
        elif lacks_output and step["type"] == "output" and rows.parent[row] < 0:
            origin = OUTPUT
        else:
            origin = STEP
        artifacts += [
            ArtifactRow(run_no, row, origin, question_ids.get(row), agent_of_step(step), artifact)
            for artifact in step["artifacts"]
        ]

    def since(row: ArtifactRow) -> tuple[object, ...]:
        if row.origin != OUTPUT or row.step < 0:
            return ()
        step = rows.steps[row.step]
        return contract.parse_time(step["started_at"]), label_of_step(step)

    agent = agent_of(raw)
    artifacts += [ArtifactRow(run_no, -1, OUTPUT, None, agent, artifact) for artifact in output]
    artifacts.sort(key=lambda row: (row.origin == OUTPUT, row.step < 0, since(row), row.step))
    rows.artifacts += artifacts
    rows.is_repeat += _repeats(artifacts, agent, rows.steps)


def _proposed(interrupt: InterruptRow) -> Iterator[ArtifactRow]:
    """Yield what the item of a question proposes."""
    pending = interrupt.pending
    if pending is None:
        return
    for proposal in proposals_of(pending.value):
        agent = proposal.get("agent") or pending.agent
        for artifact in proposal.get("artifacts") or []:
            yield ArtifactRow(
                interrupt.run, interrupt.step, PROPOSAL, interrupt.interrupt_id, agent, artifact
            )


def _repeats(
    artifacts: Sequence[ArtifactRow], agent: str | None, steps: Sequence[Json]
) -> list[bool]:
    """Return which proposals of a run repeat a finding of its steps: same agent, title and type.

    An answered combined proposal has the run's agent, which groups the proposals of other agents.
    What an output step has may repeat the run's output: same title and type.
    """
    outputs = {row.key for row in artifacts if row.origin == OUTPUT}
    findings = {
        (name, *row.key) for row in artifacts if row.origin == STEP for name in (row.agent, agent)
    }

    def repeats(row: ArtifactRow) -> bool:
        if row.origin == PROPOSAL:
            return (row.agent, *row.key) in findings
        if row.origin == STEP and steps[row.step]["type"] == "output":
            return row.key in outputs
        return False

    return [repeats(row) for row in artifacts]
