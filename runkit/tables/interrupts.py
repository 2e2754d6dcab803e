"""The interrupts frame: one row for each question to a reviewer, also those resolved by the policy.

The API shows an interrupt as an item of `run.interrupts` while it is pending, and as a step of type
`interrupt`. Here both are joined.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from runkit.contract import RESOLUTIONS, answerer_of, interrupt_kind, proposals_of
from runkit.models import Interrupt
from runkit.steptree import kind
from runkit.tables.artifacts import PROPOSAL, ArtifactList
from runkit.tables.columns import Chunk, Flags, Ints, seconds, text
from runkit.tables.explode import explode
from runkit.tables.layout import Runs, Spans, Steps
from runkit.tables.problems import Problems
from runkit.tables.schema import SCHEMA
from runkit.tables.validate import NEVER, TEXT, Issue
from runkit.text import brief

Json = dict[str, Any]
_NUMBERS = {"time": np.int64, "count": np.int64, "seconds": np.float64}
PENDING, ANSWERED, LAPSED = "pending", "answered", "lapsed"


class InterruptStep(NamedTuple):
    """An interrupt step, by its position in the batch."""

    position: int
    step_id: str
    agent: str | None
    label: str | None
    interrupt_id: str | None
    is_open: bool


class InterruptRow(NamedTuple):
    """One interrupt of a run: its pending item, its step, or both."""

    run: int
    item: Json | None
    step: InterruptStep | None

    @property
    def interrupt_id(self) -> str | None:
        """The id of the interrupt, None if it was never seen pending."""
        if self.item is not None:
            return str(self.item["id"])
        return self.step.interrupt_id if self.step else None

    @property
    def value(self) -> Json:
        """The value of the pending item, empty without one."""
        return self.item["value"] if self.item is not None else {}


def match_items(
    items: Sequence[Json], interrupt_steps: Sequence[InterruptStep]
) -> tuple[dict[int, Json], list[Json]]:
    """Match pending items to interrupt steps. Returns the items by step position, and those unmatched.

    (1) Their ids are equal, or the step's `result.interrupt_id` says so; else (2) agent and label are equal;
    else (3) exactly one open step and one item remain. A step that is not open is matched by its id alone.
    """
    matched: dict[int, Json] = {}
    unmatched = list(items)

    def match(step_keys: Callable[[InterruptStep], set[Hashable]], key: Callable[[Json], Hashable]) -> None:
        positions_of: dict[Hashable, deque[int]] = defaultdict(deque)
        for step in interrupt_steps:
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

    match(lambda step: {step.step_id, step.interrupt_id}, lambda item: str(item["id"]))
    match(
        lambda step: {(step.agent, step.label)} if step.is_open and step.label is not None else set(),
        lambda item: (_agent(item), _text_or_none(item["value"].get("label"))),
    )
    waiting = [step for step in interrupt_steps if step.is_open and step.position not in matched]
    if len(waiting) == 1 and len(unmatched) == 1:
        matched[waiting[0].position] = unmatched.pop()
    return matched, unmatched


def _agent(item: Json) -> str | None:
    return _text_or_none(item.get("agent")) or _text_or_none(item["value"].get("agent"))


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def collect_interrupts(
    runs: Runs, steps: Steps, is_interrupt: Flags, problems: Problems
) -> list[InterruptRow]:
    """Collect all interrupts by run, in tree order of their steps; those without a step come last."""
    items = _pending_items(runs, problems)
    interrupt_steps: list[list[InterruptStep]] = [[] for _ in runs.records]
    is_open = steps.time["completed_at"] == NEVER
    for position in np.flatnonzero(is_interrupt).tolist():
        record = steps.records[position]
        result = record.get("result")
        interrupt_id = result.get("interrupt_id") if isinstance(result, dict) else None
        step = InterruptStep(
            position,
            record["id"],
            steps.text["agent"][position].as_py(),
            record["label"],
            _text_or_none(interrupt_id),
            bool(is_open[position]),
        )
        interrupt_steps[steps.run[position]].append(step)
    rows = []
    for number in range(len(runs.records)):
        if not items[number] and not interrupt_steps[number]:  # most runs have no interrupts
            continue
        matched, unmatched = match_items(items[number], interrupt_steps[number])
        rows += [InterruptRow(number, matched.get(step.position), step) for step in interrupt_steps[number]]
        rows += [InterruptRow(number, item, None) for item in unmatched]
        if runs.has_steps[number]:
            for item in unmatched:
                detail = f"no step of the run matches interrupt {brief(item['id'])}"
                problems.add_for_run(runs.records[number], "unpaired_interrupt", detail, "interrupts")
    return rows


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
            issue = Issue("value", "bad_field", f"expected an object, found {kind(value)}")
            note(owner, f"[{index}].value", issue)
        elif (owner, item["id"]) in seen:
            detail = f"interrupt {brief(item['id'])} is a duplicate; the first is kept"
            issue = Issue("", "duplicate_step", detail)
            note(owner, f"[{index}]", issue)
        else:
            seen.add((owner, item["id"]))
            items[owner].append(item)
    return items


def outcome(row: InterruptRow, resolution: str | None, is_finished: bool) -> str:
    """Return the outcome of an interrupt."""
    if resolution in RESOLUTIONS:
        return str(resolution)
    if row.item is None and row.step is not None and not row.step.is_open:
        return ANSWERED
    return LAPSED if is_finished else PENDING


def interrupt_columns(
    rows: Sequence[InterruptRow], runs: Runs, steps: Steps, spans: Spans, resolutions: dict[int, str | None]
) -> Chunk:
    """Build the columns of the interrupts frame, with positions of runs instead of their ids."""
    if not rows:
        return dict(_no_rows())
    run = np.array([row.run for row in rows], np.int64)
    step = np.array([row.step.position if row.step else -1 for row in rows], np.int64)
    outcomes = [
        outcome(row, resolutions[row.step.position] if row.step else None, bool(runs.is_finished[row.run]))
        for row in rows
    ]
    has_step = step >= 0
    is_settled = np.array([word not in (PENDING, LAPSED) for word in outcomes], np.bool_) & has_step
    asked = np.where(has_step, _at(spans.start, step), 0)
    # an open interrupt has waited until its run's end (as_of while the run is open), as its step has
    until = np.where(has_step, _at(spans.end, step), 0)
    values = [row.value for row in rows]
    agents = [(row.item and _agent(row.item)) or (row.step and row.step.agent) for row in rows]
    labels = [_text_or_none(row.value.get("label")) or (row.step and row.step.label) for row in rows]
    step_values = [_value_of_step(row.step, steps) for row in rows]
    return {
        "run": run,
        "interrupt_id": text(row.interrupt_id for row in rows),
        "step_id": text(row.step and row.step.step_id for row in rows),
        "agent": text(agents),
        "label": text(labels),
        "kind": text(interrupt_kind(value or own) for value, own in zip(values, step_values, strict=True)),
        "n_proposals": np.array(
            [
                len(proposals_of(value)) if value else max(1, len(own["artifacts"]))
                for value, own in zip(values, step_values, strict=True)
            ],
            np.int64,
        ),
        "asked_at": np.where(has_step, asked, NEVER),
        "answered_at": np.where(is_settled, until, NEVER),
        "wait_s": seconds(until - asked, has_step),
        "outcome": text(outcomes),
        "decision": pa.nulls(len(rows), TEXT),
        "answered_by": text(
            answerer_of(steps.records[row.step.position]) if row.step and word == ANSWERED else None
            for row, word in zip(rows, outcomes, strict=True)
        ),
    }


@cache
def _no_rows() -> Chunk:
    nothing: Chunk = {"run": np.zeros(0, np.int64)}
    for column in SCHEMA["interrupts"][1:]:
        nothing[column.name] = (
            text([]) if column.kind in ("str", "category") else np.zeros(0, _NUMBERS[column.kind])
        )
    return nothing


def _value_of_step(step: InterruptStep | None, steps: Steps) -> Json:
    """Return the proposals of an interrupt step in the form of an item's value."""
    artifacts = steps.records[step.position].get("artifacts") if step else None
    return {"artifacts": artifacts if isinstance(artifacts, list) else []}


def _at(values: Ints, positions: Ints) -> Ints:
    """Take the values at some positions; undefined where a position is negative."""
    return values[positions] if len(values) else np.zeros(len(positions), np.int64)


def proposal_lists(rows: Sequence[InterruptRow]) -> list[ArtifactList]:
    """Return the artifacts that pending items propose; those of steps are collected with the steps."""
    artifact_lists = []
    for row in rows:
        if row.item is None:
            continue
        is_combined = isinstance(row.value.get("proposals"), list)
        for number, proposal in enumerate(proposals_of(row.value)):
            field = f"value.proposals[{number}].artifacts" if is_combined else "value.artifacts"
            agent = _text_or_none(proposal.get("agent")) or _agent(row.item)
            artifact_lists.append(
                ArtifactList(
                    row.run,
                    row.step.position if row.step else -1,
                    PROPOSAL,
                    row.interrupt_id,
                    agent,
                    proposal.get("artifacts"),
                    field,
                )
            )
    return artifact_lists
