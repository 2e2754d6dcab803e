"""What an agent meets at each business, read from `scenarios.toml`: the work, the findings, the questions."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from runkit.server.businesses import TABLES, Json

ASKS: dict[str, Json] = TABLES["asks"]
OUTCOMES: dict[str, dict[str, Any]] = TABLES["outcomes"]
"""By the type of the question, then by verdict: `approve`, `reject` for a proposal; `supports`, `unrelated`,
`none` for a document; `approved`, `rejected`, `in_review` for a decision."""


class Task(NamedTuple):
    """One step of work: a leaf unless it has `subtasks`; `cause` makes it fail with that message."""

    name: str
    label: str
    seconds: tuple[float, float] = (0, 0)
    finding: Json | None = None
    alongside: bool = False  # starts while the task before it still runs
    subtasks: tuple[Any, ...] = ()  # tasks, too
    cause: str = ""


class Part(NamedTuple):
    """A specialist's share of a review: its work, the type of its question, its sentence of the summary."""

    agent: str
    tasks: tuple[Task, ...]
    ask: str
    says: str


def kind_of(ask: str) -> str:
    """`document`, `decision` or `proposal`: what a question's type comes down to."""
    return ask if ask in ("document", "decision") else "proposal"


def _finding(kind: str, confidence: str, sources: list[str], title: str, summary: str) -> Json:
    names = ("source_type", "source_name", "source_tier", "url")
    found = [dict(zip(names, TABLES["sources"][key], strict=True)) for key in sources]
    return {"title": title, "type": kind, "confidence": confidence, "summary": summary, "sources": found}


FINDINGS = {key: _finding(*row) for key, row in TABLES["findings"].items()}


def tasks_of(*words: str) -> tuple[Task, ...]:
    """Read words such as `name`, with `+` before it if it starts alongside, and `=finding` after it."""
    return tuple(_task(word) for word in words)


def _task(word: str) -> Task:
    name, _, found = word.lstrip("+").partition("=")
    label, *rest = TABLES["tasks"][name]
    task = Task(name, label, finding=FINDINGS.get(found), alongside=word[0] == "+")
    if isinstance(rest[0], str):
        return task._replace(subtasks=tasks_of(*rest))
    return task._replace(seconds=(rest[0], rest[1]), cause="".join(rest[2:]))


@cache
def parts_of(scenario: str) -> tuple[Part, ...]:
    """Give what the specialists do. With `steps`, the whole run takes exactly so many, three levels deep."""
    row = TABLES["scenarios"][scenario]
    rows = [TABLES["parts"][key] for key in row["parts"]]
    parts = tuple(Part(agent, tasks_of(*words), ask, says) for agent, words, ask, says in rows)
    if "steps" not in row:
        return parts
    share, rest = divmod(row["steps"] - 7, len(parts))  # seven are the orchestrator's own
    shares = zip(parts, ("Entity", "Site", "Person"), (share + rest, share, share), strict=True)
    return tuple(part._replace(tasks=_bulk(noun, count)) for part, noun, count in shares)


def _bulk(noun: str, count: int) -> tuple[Task, ...]:
    """Make `count` steps: single leaves, then groups of one container with four leaves."""
    groups, rest = divmod(count, 5)
    tasks = [Task("spot_check", f"Spot check {number}", (1, 5)) for number in range(1, rest + 1)]
    for number in range(1, groups + 1):
        thing, sure = f"{noun} {number}", "high" if number % 7 else "medium"
        agrees = f"{thing} agrees with the record."
        record = _finding("record_check", sure, ["register"], f"{thing} agrees", agrees)
        leaves = (
            Task("look_up", f"{thing}: looking it up", (1, 6)),
            Task("read_source", f"{thing}: reading the record", (1, 6), alongside=True),
            Task("compare", f"{thing}: comparing", (1, 4)),
            Task("conclude", f"{thing}: concluding", (0.5, 2), record),
        )
        tasks.append(Task(f"check_{noun.lower()}", thing, subtasks=leaves, alongside=number % 3 == 0))
    return tuple(tasks)
