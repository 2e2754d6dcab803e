"""Check raw runs, and walk over them once: the rows of the frames, still as JSON objects.

Steps are linked by nesting, or by `parent_step_id`. Steps that are no tree are not read at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from runkit.api.contract import Json, as_unicode
from runkit.api.questions import Question, questions_of
from runkit.api.reading import agent_of, agent_of_step, objects, proposals_of
from runkit.api.views import MAX_LEVELS, Note, Path
from runkit.api.words import PROBLEMS
from runkit.display.text import brief, first_text, shorten
from runkit.tables.schema import cast
from runkit.tables.sources import Record

COST_DATA = PROBLEMS.meaning("lost")  # problems that cost a record, a value or the steps of a run
MAX_LOCATION = 300

Row = dict[str, Any]
FINDING, PROPOSAL, OUTPUT = "finding", "proposal", "output"


class ArtifactRow(NamedTuple):
    """An artifact of a step, of a question or of a run's output; `step` is -1 without one."""

    run: int
    step: int
    origin: str
    is_repeat: bool
    interrupt_id: str | None
    agent: str | None
    artifact: Json

    @property
    def key(self) -> tuple[object, object]:
        """Title and type, which an artifact has in common with one that repeats it."""
        return self.artifact.get("title"), self.artifact.get("type")


class QuestionRow(NamedTuple):
    """A question with the number of its step, -1 without one."""

    run: int
    step: int
    question: Question


class StepRow(NamedTuple):
    """A step with the number of its parent, -1 at the top, and its depth."""

    step: Json
    parent: int
    depth: int


@dataclass
class Rows:
    """The rows of a batch in order of the runs, steps in tree order.

    Numbers of runs, steps and artifacts go on from those of the batches before.
    """

    first_run: int = 0
    first_step: int = 0
    first_artifact: int = 0
    records: list[Record] = field(default_factory=list)
    runs: list[Json] = field(default_factory=list)
    n_steps: list[int] = field(default_factory=list)  # of each run
    steps: list[StepRow] = field(default_factory=list)
    artifacts: list[ArtifactRow] = field(default_factory=list)
    questions: list[QuestionRow] = field(default_factory=list)
    problems: list[Row] = field(default_factory=list)


def flatten_runs(
    records: Iterable[Record], first_run: int, first_step: int, first_artifact: int
) -> Rows:
    """Check records, and walk over those that are runs; others are refused."""
    rows = Rows(first_run, first_step, first_artifact)
    for record in records:
        run, notes = record.run()
        number = None
        if run is not None:
            number = first_run + len(rows.runs)
            notes = notes + _add_run(rows, record, run, number)
        rows.problems += [problem_row(record, note, number) for note in notes]
    return rows


def _add_run(rows: Rows, record: Record, run: Json, number: int) -> list[Note]:
    """Add a run and all its parts; return why its steps are not read, if they are not."""
    first = rows.first_step + len(rows.steps)
    steps, breach = _linked(run.get("steps") or [], first)
    if breach:
        steps = []
        run = run | {"steps": None}
    questions = _questions(run, number, steps, first)
    rows.records.append(record)
    rows.runs.append(run)
    rows.n_steps.append(len(steps))
    rows.steps += steps
    rows.questions += questions
    rows.artifacts += _artifacts(run, number, steps, first, questions)
    return [breach] if breach else []


# ------------------------------------------------------------------------------------------- steps


def _linked(top: list[Json], first: int) -> tuple[list[StepRow], Note | None]:
    """Return steps in tree order, or why they are no tree; the first of them has number `first`."""
    children: dict[str | None, list[Json]] = {}
    ids: set[str] = set()
    repeated = []
    stack = [(step, step.get("parent_step_id")) for step in reversed(top)]
    while stack:
        step, parent_id = stack.pop()
        step_id = step["id"]
        if step_id in ids:
            repeated.append(step_id)
        ids.add(step_id)
        children.setdefault(parent_id or None, []).append(step)
        if inner := step.get("steps"):
            stack += [(child, step_id) for child in reversed(inner)]
    if repeated:
        return [], _no_tree("several steps have the id {}", repeated)
    orphans = [step["id"] for key in children.keys() - ids - {None} for step in children[key]]
    if orphans:
        return [], _no_tree("no step has the id of the parent of {}", orphans)
    tree = _in_tree_order(children, first)
    if len(tree) < len(ids):
        lost = ids - {row.step["id"] for row in tree}
        return [], _no_tree("the parents of {} lead back to it", sorted(lost))
    deep = [row.step["id"] for row in tree if row.depth >= MAX_LEVELS]
    if deep:
        return [], _no_tree(f"steps are nested deeper than {MAX_LEVELS} levels: {{}}", deep)
    return tree, None


def _in_tree_order(children: dict[str | None, list[Json]], first: int) -> list[StepRow]:
    tree: list[StepRow] = []
    stack = [StepRow(step, -1, 0) for step in reversed(children.get(None, ()))]
    while stack:
        row = stack.pop()
        inner = children.get(row.step["id"])
        if inner:
            number = first + len(tree)
            stack += [StepRow(child, number, row.depth + 1) for child in reversed(inner)]
        tree.append(row)
    return tree


def _no_tree(detail: str, step_ids: list[str]) -> Note:
    return Note("steps_not_read", detail.format(brief(step_ids[0])), ("steps",), len(step_ids))


# ---------------------------------------------------------------------------- questions, artifacts


def _questions(run: Json, number: int, steps: Sequence[StepRow], first: int) -> list[QuestionRow]:
    found = questions_of(run, (row.step for row in steps))
    at = {row.step["id"]: at for at, row in enumerate(steps, first)} if found else {}
    return [QuestionRow(number, at.get(question.step_id, -1), question) for question in found]


def _artifacts(
    run: Json, number: int, steps: Sequence[StepRow], first: int, questions: Sequence[QuestionRow]
) -> list[ArtifactRow]:
    """Return the artifacts of a run: those of steps in tree order, then its output.

    The artifacts of a question are proposals: those in its item, else those of its step. A run
    without an output of its own delivers what its top-level output steps have.
    """
    output = objects((run.get("output") or {}).get("artifacts"))
    asked_at = {row.step: row for row in questions}
    rows: list[ArtifactRow] = []
    for at, (step, parent, _) in enumerate(steps, first):
        asked = asked_at.get(at)
        proposed = _proposed(asked) if asked else []
        artifacts = step.get("artifacts")
        if proposed or not artifacts:
            rows += proposed
            continue
        kind = step.get("type")
        origin = FINDING
        if kind == "interrupt":
            origin = PROPOSAL
        elif kind == "output" and parent < 0 and not output:
            origin = OUTPUT
        interrupt_id = asked.question.interrupt_id if asked else None
        agent = agent_of_step(step)
        rows += [
            ArtifactRow(number, at, origin, kind == "error", interrupt_id, agent, artifact)
            for artifact in artifacts
        ]
    rows += [artifact for row in questions if row.step < 0 for artifact in _proposed(row)]
    agent = agent_of(run)
    rows += [ArtifactRow(number, -1, OUTPUT, False, None, agent, each) for each in output]
    output_steps = {at for at, row in enumerate(steps, first) if row.step.get("type") == "output"}
    return _with_repeats(rows, agent, output_steps)


def _proposed(row: QuestionRow) -> list[ArtifactRow]:
    """Return what the item of a question proposes."""
    run, step, question = row
    return [
        ArtifactRow(
            run=run,
            step=step,
            origin=PROPOSAL,
            is_repeat=False,
            interrupt_id=question.interrupt_id,
            agent=first_text(proposal.get("agent"), question.agent),
            artifact=artifact,
        )
        for proposal in proposals_of(question.value)
        for artifact in objects(proposal.get("artifacts"))
    ]


def _with_repeats(
    rows: list[ArtifactRow], agent: str | None, output_steps: set[int]
) -> list[ArtifactRow]:
    """Return artifacts with a mark on those that repeat another of the run.

    A proposal repeats a finding of the same agent, title and type; an answered combined proposal
    has the run's agent, which groups the proposals of others. What an output step has may repeat
    the run's output: same title and type. The artifact of an error step repeats its error.
    """
    if len({row.origin for row in rows}) < 2:
        return rows
    outputs = {row.key for row in rows if row.origin == OUTPUT}
    findings = {
        (name, *row.key) for row in rows if row.origin == FINDING for name in (row.agent, agent)
    }

    def repeats(row: ArtifactRow) -> bool:
        if row.origin == PROPOSAL:
            return (row.agent, *row.key) in findings
        is_of_output = row.origin == FINDING and row.step in output_steps
        return is_of_output and row.key in outputs

    return [row._replace(is_repeat=True) if repeats(row) else row for row in rows]


# ---------------------------------------------------------------------------------------- problems


def problem_row(record: Record, note: Note, run: int | None = None) -> Row:
    """Build a row of a note on a record, or on the run of a number.

    Notes of one kind at one place in the schema are one row of the frame.
    """
    raw = record.raw if isinstance(record.raw, dict) else {}
    run_id = raw.get("id")
    is_run = raw.get("object") in (None, "run") and isinstance(run_id, str)
    # A step in a step is at the same place in the schema, so each name counts once.
    names = dict.fromkeys(part for part in note.path if isinstance(part, str))
    return {
        "run_id": as_unicode(str(run_id)) if is_run else None,
        "location": location_of(record, note.path),
        "problem": note.problem,
        "n": note.n,
        "detail": note.detail,
        "run": run,
        "key": (record.location, note.problem, *names),
    }


def location_of(record: Record, path: Path) -> str:
    """Write where something is: the JSON path, after file and line if there are."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return shorten(f"{record.location}{''.join(parts)}", MAX_LOCATION).removesuffix(" $")


def problems_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Build the frame; of notes that are one row the first is shown, with their number."""
    groups: dict[object, Row] = {}
    for row in rows:
        key = row["key"] if row["run"] is not None else len(groups)
        first = groups.setdefault(key, row)
        if first is not row:
            groups[key] = first | {"n": first["n"] + row["n"]}
    return cast(pd.DataFrame([*groups.values()]), "problems")
