"""A run and its parts, one class per table of the contract.

Every object keeps the JSON it came from (`to_dict()`), so nothing is lost. Unknown fields are
attributes, words are kept as they came, and an optional field that breaks the contract is None and
logged. Only a missing or broken *required* field is an error (`ContractError`). A step's `graph`,
of the first documentation, is read as its agent.

A `__repr__` shows ids and fixed words, and of a run its label, which names the business; no other
names, no texts or addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from runkit.api import contract, jsontext
from runkit.api.contract import Json
from runkit.api.reading import agent_of, interrupt_value
from runkit.api.validation import (
    Field,
    Id,
    OpenWord,
    Time,
    View,
    fields,
    validated,
)
from runkit.api.words import PROBLEMS, RUN_STATUSES, STEP_STATUSES
from runkit.display import text
from runkit.display.messages import log
from runkit.display.text import plural, shorten
from runkit.errors import ContractError

LOST = PROBLEMS.meaning("lost")
IN_REPR = ("id", "agent", "type", "status", "rating", "confidence")  # ids and fixed words

# --------------------------------------------------------------------------------------------- base


class ApiObject(View):
    """The base of all objects: an immutable, lazy view of the JSON they came from.

    The annotations of a subclass are its fields; `runkit.api.validation` checks JSON against them.
    """

    def __init__(self, clean: Json, raw: Json | None = None) -> None:
        self.__dict__["_clean"] = self._with_derived_fields(clean)
        self.__dict__["_raw"] = clean if raw is None else raw

    @classmethod
    def _fields(cls: Any) -> dict[str, Field]:  # mypy takes no class with a `__hash__` as hashable
        return fields(cls)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Build from parsed JSON data.

        Raises `ContractError` that names the fields, never their values.
        """
        clean, notes = validated(cls, data)
        if clean is None:
            what = notes[0].detail.partition(", found ")[0]
            raise ContractError(
                f"the API's {cls.__name__} does not match its documentation ({what}). "
                "If this persists, the API has changed: please report it."
            )
        for note in notes:
            if note.problem in LOST:
                path = ".".join(map(str, note.path))
                log.warning("%s: %s breaks the contract and is left out", cls.__name__, path)
        return cls(clean, data)

    @staticmethod
    def _with_derived_fields(clean: Json) -> Json:
        """Return the JSON with the fields that are read from elsewhere in it."""
        return clean

    def __getattr__(self, name: str) -> Any:
        is_public = not name.startswith("_")
        field = self._fields().get(name) if is_public else None
        if field is not None:
            value = self.__dict__[name] = field.read(self._clean.get(name))
            return value
        if is_public and name in self._clean:
            return self._clean[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __dir__(self) -> Iterable[str]:
        return {*super().__dir__(), *self._fields(), *self._clean}

    def to_dict(self) -> Json:
        """Return the JSON object as it came (shared, not copied: treat it as read-only)."""
        raw: Json = self._raw
        return raw

    def to_json(self) -> str:
        """Write the object as compact JSON, as it came and at any depth.

        Raises `DataError` for values that JSON cannot hold, such as NaN.
        """
        return jsontext.dumps(self._raw)

    def __eq__(self, other: object) -> bool:
        """Compare the API's JSON; what runkit stored with it, such as `read_at`, does not count."""
        if not isinstance(other, ApiObject) or type(self) is not type(other):
            return NotImplemented
        left, right = ({**view._raw, contract.LOCAL: None} for view in (self, other))
        return left == right

    def __hash__(self) -> int:
        return hash((type(self), str(self._raw.get("id"))))

    def __repr__(self) -> str:
        values = ((name, getattr(self, name, None)) for name in IN_REPR)
        parts = [f"{name}={shorten(word, 40)!r}" for name, word in values if isinstance(word, str)]
        return f"{type(self).__name__}({', '.join(parts)})"


# ---------------------------------------------------------------------------- what a run is made of


class Source(ApiObject):
    """Where a finding comes from."""

    url: str | None
    source_name: str | None
    source_tier: OpenWord
    source_type: str | None


class Artifact(ApiObject):
    """One finding, or one proposed change.

    `id` is not in the API's schema but feedback needs it.
    """

    title: str | None
    type: str | None
    confidence: OpenWord
    summary: str | None
    sources: tuple[Source, ...]
    id: str | None


class Output(ApiObject):
    """What a completed run delivers."""

    artifacts: tuple[Artifact, ...]


class Requester(ApiObject):
    """Who asked for the run: a user, or the account of an API key (`email` None)."""

    id: str | None
    name: str | None
    email: str | None


class Proposal(ApiObject):
    """What an agent asks: free-form, these are the fields that runkit reads."""

    agent: str | None
    label: str | None
    artifacts: tuple[Artifact, ...]


class CombinedProposal(Proposal):
    """What several agents ask at once, or a proposal of one."""

    proposals: tuple[Proposal, ...]


class Interrupt(CombinedProposal):
    """A question that waits for a person; one without an id cannot be answered through the API.

    `value` is what is asked, free-form and different from agent to agent; without a value, the item
    itself.
    """

    id: str | None
    value: Annotated[Json, CombinedProposal]

    @staticmethod
    def _with_derived_fields(clean: Json) -> Json:
        value = interrupt_value(clean)
        agent = clean.get("agent") or value.get("agent")
        # `interrupt.label` is short for `interrupt.value["label"]`
        return value | {"agent": agent, "id": clean.get("id"), "value": value}


class Step(ApiObject):
    """One thing an agent did, or waited for; `steps` are the steps it delegated."""

    id: Id
    type: str | None
    status: str | None
    started_at: Time | None
    run_id: str | None
    name: str | None
    label: str | None
    agent: str | None
    graph: str | None
    parent_step_id: str | None
    completed_at: Time | None
    result: Json | None
    artifacts: tuple[Artifact, ...]
    steps: tuple[Step, ...]

    @staticmethod
    def _with_derived_fields(clean: Json) -> Json:
        return clean if clean.get("agent") else {**clean, "agent": clean.get("graph")}

    @property
    def is_open_question(self) -> bool:
        """Return whether this is a question that has no answer yet."""
        is_closed = self.completed_at is not None or STEP_STATUSES.is_a(self.status, "over")
        return self.type == "interrupt" and not is_closed


class LocalFields(ApiObject):
    """The fields of a run that the API does not return; runkit stores them under `_runkit`."""

    business_id: str | None
    business_name: str | None
    business_status: str | None
    agent_name: str | None
    read_at: Time | None
    read_from: str | None


class Run(LocalFields):
    """One execution of an agent.

    What is not known is None. Fields that the API adds later are attributes, too, and `to_dict()`
    is the JSON as it came. Times are aware datetimes in UTC.

    Attributes
    ----------
    id : str
        The id of the run; `run_id` in frames.
    status : str
        `running`, `interrupted` (it waits for a reviewer), `completed` or `error`; other words
        stay as they came.
    agent : str
        The type of the agent, such as `cip_orchestrator`.
    thread_id : str
        The thread that the run is in: the runs about one business.
    prompt : str
        What was asked, if the run has it.
    requester : Requester
        Who asked for the run: `id`, `name` and `email`.
    created_at, updated_at : datetime
        When the run was requested, and when it last changed.
    started_at, ended_at : datetime
        When work began, and when the run completed or failed.
    output : Output
        What a completed run delivers, in `artifacts`.
    interrupts : tuple of Interrupt
        The questions that wait for a reviewer; `client.runs.resume` answers them.
    steps : tuple of Step
        The steps as the API nests them, each with its `steps`; None if they were not requested, or
        if one of them is no step; `runkit.frames(run).problems` says why.
    business_id, business_name, business_status
        The business and its status. The API's runs do not have them: the client knows them if it
        created the run, listed it by business, identified it or read it from such a file.
    agent_name : str
        The display name of the agent, from the same sources.
    read_at, read_from : datetime, str
        The server's time when this state was read, and the host.
    """

    id: Id
    created_at: Time
    updated_at: Time
    status: str
    object: Literal["run"] | None
    thread_id: str | None
    agent: str | None
    prompt: str | None
    requester: Requester | None
    started_at: Time | None
    ended_at: Time | None
    output: Output | None
    interrupts: tuple[Interrupt, ...]
    steps: tuple[Step, ...] | None
    _runkit: LocalFields | None

    @staticmethod
    def _with_derived_fields(clean: Json) -> Json:
        return {**clean, **contract.local_fields(clean), "agent": agent_of(clean)}

    def with_local_fields(self, **fields: str | datetime | None) -> Run:
        """Return a copy with fields that the client knows and the API does not return.

        Parameters
        ----------
        **fields
            Values by the names of `LOCAL_FIELDS`; None keeps the run's own value.

        Returns
        -------
        Run
            The copy.
        """
        local = contract.local_fields(self._clean) | contract.without_none(**fields)
        clean, raw = (contract.with_local_fields(run, **local) for run in (self._clean, self._raw))
        return Run(clean, raw)

    @property
    def label(self) -> str:
        """The run's name for people: its business, else its agent, and its short id."""
        agent = text.agent_title(self.agent, self.agent_name)
        return text.run_label(self.id, self.business_name, agent)

    @property
    def is_finished(self) -> bool:
        """Return whether the run has ended: `completed` or `error`."""
        return RUN_STATUSES.is_a(self.status, "over")

    @property
    def is_waiting(self) -> bool:
        """Return whether a question is open: unanswered in a run that has not ended.

        The status may be any word; an `interrupted` run waits although its question is not known.
        """
        if contract.has_ended(self._clean):
            return False
        if self.status == "interrupted" or self.interrupts:
            return True
        return any(step.is_open_question for step in self.walk())

    def walk(self) -> Iterable[Step]:
        """Yield all steps, each before the steps in it."""
        stack = list(reversed(self.steps or ()))
        while stack:
            step = stack.pop()
            yield step
            stack += reversed(step.steps)

    def __repr__(self) -> str:
        state = shorten(str(RUN_STATUSES.find(self.status)))
        if self.interrupts:
            state += f", {plural(len(self.interrupts), 'question')}"
        return f"Run({self.label}: {state})"
