"""A run and its parts, one class per table of the contract; the API's other objects are in `objects`.

Every object keeps the JSON it came from (`to_dict()`), so nothing is lost. Unknown fields are attributes,
unknown words are kept, and an optional field that breaks the contract is None and logged. Only a missing or
broken *required* field is an error (`ContractError`). The words of the first documentation (`pending`,
`failed`, a step's `graph`) are read as the current ones.

A `__repr__` shows ids, fixed words and counts, and of a run its label, which names the business; no other
names, no texts or addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Self, TypeVar

import pydantic
from pydantic import AliasChoices, AliasPath, BeforeValidator, Field, PrivateAttr, ValidationError

from runkit import contract, jsontext, style, text
from runkit.errors import ContractError, DataError
from runkit.logs import log
from runkit.steptree import flatten, link
from runkit.text import Markup, plural, shorten

Time = Annotated[datetime, BeforeValidator(contract.parse_time)]
Status = Annotated[str, BeforeValidator(contract.current_status)]
# What a repr shows, of the objects that have it: ids and fixed words.
SHOWN = (
    *("id", "run_id", "artifact_id", "agent", "type", "document_type", "object_type", "actor_type"),
    *("source_type", "source_tier", "status", "operation", "rating", "confidence"),
)


# -------------------------------------------------------------------------------------------------- base


class ApiObject(pydantic.BaseModel):
    """The base of all objects: immutable, tolerant, and true to the JSON they came from."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True)
    _raw: dict[str, Any] = PrivateAttr(default_factory=dict)

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _keep_raw(cls, data: Any, handler: pydantic.ModelWrapValidatorHandler[Self]) -> Self:
        built = handler(data)
        if isinstance(data, dict):
            built._raw = data
        return built

    @pydantic.field_validator("*", mode="wrap")
    @classmethod
    def _tolerate(
        cls, value: Any, handler: pydantic.ValidatorFunctionWrapHandler, info: pydantic.ValidationInfo
    ) -> Any:
        """Read an optional field that breaks the contract as absent."""
        try:
            return handler(value)
        except ValidationError:
            field = cls.model_fields[str(info.field_name)]
            if field.is_required():
                raise
        if value is not None:
            log.warning("%s: %s breaks the contract, and reads as absent", cls.__name__, info.field_name)
        return field.get_default(call_default_factory=True)

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Build from parsed JSON data. Raises `ContractError` that names the fields, never their values."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            where = ", ".join(
                f"{'.'.join(map(str, problem['loc'])) or 'the object'}: {problem['msg'].split(',')[0]}"
                for problem in error.errors(include_input=False, include_url=False)[:5]
            )
        raise ContractError(
            f"the API's {cls.__name__} does not match its documentation ({shorten(where, 300)}). "
            "If this persists, the API has changed: please report it."
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON object as it came (shared, not copied: treat it as read-only)."""
        return self._raw

    def to_json(self) -> str:
        """Write the object as compact JSON, as it came and at any depth.

        Raises `DataError` for values that JSON cannot hold, such as NaN.
        """
        try:
            return jsontext.dumps(self._raw)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"this {type(self).__name__} is not JSON: {error}; expected only values that JSON can hold."
            ) from None

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, ApiObject) and self._raw == other._raw

    def __hash__(self) -> int:
        own_id = self._raw.get("id")
        return hash((type(self), own_id if isinstance(own_id, str) else None))

    def __repr__(self) -> str:
        values = {name: getattr(self, name, None) for name in SHOWN}
        parts = [f"{name}={shorten(value, 40)!r}" for name, value in values.items() if isinstance(value, str)]
        lists = {name: getattr(self, name) for name in type(self).model_fields}
        parts += [f"{name}=<{len(value)}>" for name, value in lists.items() if isinstance(value, tuple)]
        return f"{type(self).__name__}({', '.join(parts)})"

    __str__ = __repr__


Item = TypeVar("Item", bound=ApiObject)


def each(cls: type[Item]) -> BeforeValidator:
    """Read a list of `cls`; only a broken item is left out and logged."""

    def read(value: object) -> object:
        if not isinstance(value, list | tuple):
            return value
        items = []
        for item in value:
            try:
                items.append(cls.from_json(item))
            except ContractError as error:
                log.warning("left out: %s", error)
        return tuple(items)

    return BeforeValidator(read)


# ----------------------------------------------------------------------------------- what a run is made of


class Source(ApiObject):
    """Where a finding comes from."""

    url: str
    source_name: str | None = None
    source_tier: str | None = None
    source_type: str | None = None


class Artifact(ApiObject):
    """One finding, or one proposed change. `id` is not in the API's schema but feedback needs it."""

    title: str
    type: str
    confidence: str | None = None
    summary: str | None = None
    sources: Annotated[tuple[Source, ...], each(Source)] = ()
    id: str | None = None


class Output(ApiObject):
    """What a completed run delivers."""

    artifacts: Annotated[tuple[Artifact, ...], each(Artifact)] = ()


class Requester(ApiObject):
    """Who asked for the run: a user, or the account of an API key (`email` None)."""

    id: str
    name: str
    email: str | None = None


class Interrupt(ApiObject):
    """A question that waits for a person; one without an id cannot be answered through the API."""

    id: str | None = None
    agent: str | None = Field(None, validation_alias=AliasChoices("agent", AliasPath("value", "agent")))

    @property
    def value(self) -> dict[str, Any]:
        """What is asked, free-form and different from agent to agent; without a value, the item itself."""
        return contract.interrupt_value(self._raw)

    @property
    def label(self) -> str | None:
        """The question in words, if the agent gave one."""
        label = self.value.get("label")
        return label if isinstance(label, str) else None


class Step(ApiObject):
    """One thing an agent did, or waited for; `steps` are the steps it delegated."""

    id: str
    type: str
    status: Status
    started_at: Time
    run_id: str | None = None
    name: str | None = None
    label: str | None = None
    agent: str | None = Field(None, validation_alias=AliasChoices("agent", "graph"))
    parent_step_id: str | None = None
    completed_at: Time | None = None
    result: dict[str, Any] | None = None
    artifacts: Annotated[tuple[Artifact, ...], each(Artifact)] = ()
    _steps: tuple[Step, ...] = PrivateAttr(default=())

    @property
    def steps(self) -> tuple[Step, ...]:
        """The nested steps. Linked by `Run.steps`; empty on a step that was parsed alone."""
        return self._steps

    @property
    def resolution(self) -> str | None:
        """How the interrupt policy settled this interrupt step, or None when a person did."""
        return contract.resolution_of(self._raw)


def _local(name: str) -> Any:
    """Define a field that runkit may have stored under `LOCAL`."""
    return Field(None, validation_alias=AliasChoices(AliasPath(contract.LOCAL, name), name))


class Run(ApiObject):
    """One execution of an agent inside a thread.

    `steps` is None when the API did not deliver them. The API's runs do not have `business_id`,
    `business_name`, `business_status` and `business_status_at` (when the status was read). They are known if
    the client created the run, listed it by business or read it from a file that has them; else None. The
    same holds for `agent_name`. `read_at` is the server's time when this state was read and `read_from` the
    host, or None.
    """

    object: Annotated[str, Field(pattern="^run$")]
    id: str
    created_at: Time
    updated_at: Time
    status: Status
    thread_id: str | None = None
    agent: str | None = None
    requester: Requester | None = None
    started_at: Time | None = None
    ended_at: Time | None = None
    output: Output | None = None
    interrupts: Annotated[tuple[Interrupt, ...], each(Interrupt)] = ()
    business_id: str | None = _local("business_id")
    business_name: str | None = _local("business_name")
    business_status: str | None = _local("business_status")
    business_status_at: Time | None = _local("business_status_at")
    agent_name: str | None = _local("agent_name")
    read_at: Time | None = _local("read_at")
    read_from: str | None = _local("read_from")

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _read_agent(cls, data: Any, handler: pydantic.ModelWrapValidatorHandler[Self]) -> Self:
        """Read the agent of a run that does not name it from its steps."""
        if not isinstance(data, dict) or data.get("agent") is not None:
            return handler(data)
        run = handler(data | {"agent": contract.agent_of(data)})
        run._raw = data
        return run

    def with_local_fields(self, **fields: str | datetime | None) -> Run:
        """Give a copy with fields that the client knows and the API does not return.

        Parameters
        ----------
        **fields
            Values by the names of `LOCAL_FIELDS`; None keeps the run's own value.

        Returns
        -------
        Run
            The copy.
        """
        known = {name: value for name, value in fields.items() if value is not None}
        return Run.from_json(
            contract.with_local_fields(self._raw, **contract.local_fields(self._raw) | known)
        )

    @property
    def label(self) -> str:
        """The run's name for people: its business, else its agent, and the first 8 characters of its id."""
        return text.run_label(self.id, self.business_name, self._agent_title())

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended: `completed` or `error`."""
        return self.status in contract.FINAL_STATUSES

    @cached_property
    def steps(self) -> tuple[Step, ...] | None:
        """The top-level steps, each with its nested ones; None when they were not delivered.

        A step that breaks the contract is left out here, with a line in the log;
        `runkit.frames(run).problems` says what is wrong with it.
        """
        return link_steps(self._raw["steps"]) if self._raw.get("steps") is not None else None

    def walk(self) -> Iterable[Step]:
        """Iterate over all steps in tree order."""
        stack = list(reversed(self.steps or ()))
        while stack:
            step = stack.pop()
            yield step
            stack += reversed(step.steps)

    def sentence(self) -> str:
        """Summarize the run in one line; `runkit.frames` has the time budget."""
        words = self._status_word()
        if self.business_name:  # else the label names the agent
            words = f"{shorten(self._agent_title())}, {words}"
        took = run_duration(self)
        if took is not None:
            words += f" after {text.duration(took)}"
        if self.steps or (self.steps is not None and self.status == "running"):
            words += f"; {plural(sum(1 for _ in self.walk()), 'step')}"
        else:
            words += "; steps not delivered"
        if self.interrupts:
            words += f"; {plural(len(self.interrupts), 'question')} waiting"
        return f"{self.label}: {words}"

    def _agent_title(self) -> str:
        return text.agent_title(self.agent, self.agent_name)

    def _status_word(self) -> str:
        return shorten(str(style.status(self.status)))

    def __repr__(self) -> str:
        questions = f", {plural(len(self.interrupts), 'question')}" if self.interrupts else ""
        return f"Run({self.label}: {self._status_word()}{questions})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        findings = self.output.artifacts if self.output else ()
        rows = [("Status", self._status_word()), ("Agent", self._agent_title())]
        if self.business_status:
            at = f", as of {text.moment(self.business_status_at)}" if self.business_status_at else ""
            rows.append(("Business", f"{self.business_status.replace('_', ' ')}{at}"))
        times = {"Created": self.created_at, "Started": self.started_at, "Ended": self.ended_at}
        rows += [(name, text.moment(when) if when else style.MISSING) for name, when in times.items()]
        rows += [("Finding", f"{item.title} ({item.confidence or 'no'} confidence)") for item in findings]
        rows += [("Question", question.label or "no label") for question in self.interrupts]
        return text.block(
            Markup("<p><strong>{}</strong></p>{}<p>runkit.gantt(run) shows where the time went.</p>").format(
                self.sentence(), text.html_table(("", ""), rows)
            )
        )


def run_duration(run: Run) -> float | None:
    """Give the seconds from the start of a run to its end; None if it has not ended."""
    if run.started_at is None or run.ended_at is None:
        return None
    return (run.ended_at - run.started_at).total_seconds()


def link_steps(raw_steps: object) -> tuple[Step, ...]:
    """Build nested `Step` objects from raw steps in any accepted form, bottom-up and without recursion."""
    flat = flatten(raw_steps)
    steps: dict[int, Step] = {}
    for position, record in enumerate(flat.records):
        try:
            steps[position] = Step.from_json(record)
        except ContractError as error:
            log.warning("left out of the run's steps: %s", error)
    flat = link(flat, set(range(len(flat.records))) - steps.keys())
    children: list[list[Step]] = [[] for _ in flat.records]
    top: list[Step] = []
    for position in reversed(range(len(flat.records))):
        step = steps[flat.origins[position]]
        step._steps = tuple(reversed(children[position]))
        (top if flat.parents[position] < 0 else children[flat.parents[position]]).append(step)
    return tuple(reversed(top))
