"""The words a scenario is written in: who does what for how long, what is found, and what a person is asked.

Plain frozen data without behaviour. `scenarios` writes it, `plan` lays it out in time. All durations are
virtual seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Seconds = tuple[float, float]
"""The shortest and the longest duration; the seed picks one in between."""


@dataclass(frozen=True)
class Source:
    """Where a finding was read. [A] 16: tiers are open words; here primary, secondary and government."""

    url: str
    name: str
    tier: str
    type: str


@dataclass(frozen=True)
class Finding:
    """What becomes an artifact. [A] 16: confidence is high, medium or low."""

    title: str
    type: str
    confidence: str
    summary: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Task:
    """One step of work, a leaf unless it has `subtasks`; `cause` makes it fail with that message."""

    name: str
    label: str
    seconds: Seconds = (0.0, 0.0)
    finding: Finding | None = None
    alongside: bool = False
    """Starts while the task before it still runs."""
    subtasks: tuple["Task", ...] = ()
    cause: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What follows from an answer: the work, what the summary says of it, and what it leaves open."""

    says: str
    tasks: tuple[Task, ...]
    confidence: str = "high"
    still_open: str | None = None
    recommends: str | None = None
    """Replaces the recommendation at the end of the summary."""
    acts: bool = False
    """The agent carries out the question's action (or, for a decision, sets the status it names)."""


@dataclass(frozen=True)
class Act:
    """An action the agent proposes, in the words of `POST /v1/actions`."""

    type: str
    object_type: str
    object_id: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """A question to a person, with one outcome for each possible verdict.

    Verdicts: `approve`, `reject` for a proposal; `supports`, `unrelated`, `none` for a document;
    `approved`, `rejected`, `in_review` for a decision.
    """

    kind: Literal["proposal", "document", "decision"]
    type: str
    label: str
    finding: Finding
    outcomes: Mapping[str, Outcome]
    act: Act | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the interrupt's value, such as `response_schema`."""


@dataclass(frozen=True)
class Part:
    """A specialist's share of a review."""

    agent: str
    name: str
    label: str
    tasks: tuple[Task, ...]
    says: str
    ask: Ask | None = None


@dataclass(frozen=True)
class Scenario:
    """What an orchestrator does with a business: parts side by side, their questions, then its own if any."""

    opening: str
    registration: Task
    parts: tuple[Part, ...]
    ask: Ask | None = None
    policy: tuple[tuple[str, str], ...] = ()
    """Interrupt-policy overrides for this business only: the sandbox's way to show a policy at work."""
