"""Scenarios, read from `scenarios.toml`: the tasks, findings and questions of each business."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from runkit.server.businesses import TABLES, Json

QUESTIONS: dict[str, Json] = TABLES["questions"]
OUTCOMES: dict[str, dict[str, Any]] = TABLES["outcomes"]
"""By type of question, then by verdict: `approve`, `reject` for a proposal; `supports`, `unrelated`, `none`
for a document; `approved`, `rejected`, `in_review` for a decision."""


class Task(NamedTuple):
    """One task, a leaf unless it has `subtasks`; with a `cause` it fails with that message."""

    name: str
    label: str
    seconds: tuple[float, float] = (0, 0)
    finding: Json | None = None
    alongside: bool = False  # starts while the task before it is running
    subtasks: tuple[Any, ...] = ()  # of tasks
    cause: str = ""


class Specialist(NamedTuple):
    """A specialist's part of a review: its tasks, the type of its question, its sentence in the summary."""

    agent: str
    tasks: tuple[Task, ...]
    question: str
    summary: str


def kind_of(question: str) -> str:
    """Return `document`, `decision` or `proposal` for a type of question."""
    return question if question in ("document", "decision") else "proposal"


def _finding(kind: str, confidence: str, sources: list[str], title: str, summary: str) -> Json:
    names = ("source_type", "source_name", "source_tier", "url")
    evidence = [dict(zip(names, TABLES["sources"][key], strict=True)) for key in sources]
    return {"title": title, "type": kind, "confidence": confidence, "summary": summary, "sources": evidence}


FINDINGS = {key: _finding(*row) for key, row in TABLES["findings"].items()}


def parse_tasks(*words: str) -> tuple[Task, ...]:
    """Parse words such as `name`, `+name` (starts alongside) and `name=finding`."""
    return tuple(_task(word) for word in words)


def _task(word: str) -> Task:
    name, _, finding = word.lstrip("+").partition("=")
    label, *rest = TABLES["tasks"][name]
    task = Task(name, label, finding=FINDINGS.get(finding), alongside=word[0] == "+")
    if isinstance(rest[0], str):
        return task._replace(subtasks=parse_tasks(*rest))
    return task._replace(seconds=(rest[0], rest[1]), cause="".join(rest[2:]))


@cache
def specialists_in(scenario: str) -> tuple[Specialist, ...]:
    """Return the specialists of a scenario. With `steps`, the run has exactly that many, on three levels."""
    row = TABLES["scenarios"][scenario]
    rows = [TABLES["parts"][key] for key in row["parts"]]
    parts = tuple(
        Specialist(agent, parse_tasks(*words), question, summary) for agent, words, question, summary in rows
    )
    if "steps" not in row:
        return parts
    share, rest = divmod(row["steps"] - 7, len(parts))  # seven are the orchestrator's own
    shares = zip(parts, ("Entity", "Site", "Person"), (share + rest, share, share), strict=True)
    return tuple(part._replace(tasks=_bulk_tasks(noun, count)) for part, noun, count in shares)


def _bulk_tasks(noun: str, count: int) -> tuple[Task, ...]:
    """Make tasks with `count` steps: single leaves, then groups of four leaves."""
    groups, rest = divmod(count, 5)
    tasks = [Task("spot_check", f"Spot check {number}", (1, 5)) for number in range(1, rest + 1)]
    for number in range(1, groups + 1):
        thing, confidence = f"{noun} {number}", "high" if number % 7 else "medium"
        summary = f"{thing} matches the record."
        record = _finding("record_check", confidence, ["register"], f"{thing} matches", summary)
        leaves = (
            Task("look_up", f"{thing}: looking up", (1, 6)),
            Task("read_source", f"{thing}: reading the record", (1, 6), alongside=True),
            Task("compare", f"{thing}: comparing", (1, 4)),
            Task("conclude", f"{thing}: concluding", (0.5, 2), record),
        )
        tasks.append(Task(f"check_{noun.lower()}", thing, subtasks=leaves, alongside=number % 3 == 0))
    return tuple(tasks)
