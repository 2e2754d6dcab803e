"""The API's objects, one class per table of the contract: a run and its parts, and all others.

Every object keeps the JSON it came from (`to_dict()`), so nothing is lost. A class declares the
fields that runkit reads; all others are in `to_dict()`. Words are kept as they came, and an
optional field that breaks the contract is None and logged. Only a missing or broken *required*
field is an error (`ContractError`). A step's `graph`, of the first documentation, is read as its
agent.

A `__repr__` shows ids and fixed words, and of a run its label, which names the business; no other
names, no texts or addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

from runkit.api import contract
from runkit.api.contract import Json
from runkit.api.questions import Question, questions_of
from runkit.api.reading import agent_of, agent_of_step, interrupt_value
from runkit.api.views import ApiObject, OpenWord, Time
from runkit.api.words import RUN_STATUSES
from runkit.display import text
from runkit.display.text import plural, shorten

# ---------------------------------------------------------------------------- what a run is made of


class Source(ApiObject):
    """Where a finding comes from."""

    url: str | None
    source_name: str | None
    source_tier: OpenWord | None
    source_type: str | None


class Artifact(ApiObject):
    """One finding, or one proposed change.

    `id` is not in the API's schema but feedback needs it.
    """

    title: str | None
    type: str | None
    confidence: OpenWord | None
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
    """What an agent asks: free-form, these are the fields that runkit reads.

    A combined one has the `proposals` of several agents.
    """

    agent: str | None
    label: str | None
    artifacts: tuple[Artifact, ...]
    proposals: tuple[Proposal, ...]


class Interrupt(Proposal):
    """A question that waits for a person; one without an id cannot be answered through the API.

    `value` is what is asked, different from agent to agent; without a value, the item itself. Its
    fields are those of the question, too: `interrupt.label`.
    """

    id: str | None
    value: Proposal | None

    @staticmethod
    def _with_derived_fields(clean: Json) -> Json:
        value = interrupt_value(clean)
        agent = clean.get("agent") or value.get("agent")
        return value | {"agent": agent, "id": clean.get("id"), "value": value}


class Step(ApiObject):
    """One thing an agent did, or waited for; `steps` are the steps it delegated."""

    id: str
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
        return {**clean, "agent": agent_of_step(clean)}


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

    What is not known is None. `to_dict()` is the JSON as it came. Times are aware datetimes in UTC.

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

    id: str
    created_at: Time
    updated_at: Time
    status: str
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
        clean, raw = (contract.with_local_fields(run, **fields) for run in (self._clean, self._raw))
        return Run(clean, raw)

    @property
    def label(self) -> str:
        """The run's name for people: its business, else its agent, and its short id."""
        agent = text.agent_title(self.agent, self.agent_name)
        return text.run_label(self.id, self.business_name, agent)

    @property
    def is_finished(self) -> bool:
        """Return whether the run has ended: `completed` or `error`, or it has an `ended_at`."""
        return contract.has_ended(self._clean)

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The questions of the run, each with its outcome."""
        return tuple(questions_of(self._clean, (step.to_dict() for step in self.walk())))

    @property
    def is_waiting(self) -> bool:
        """Return whether a question is open, as in `frames`, whatever the status."""
        return any(question.is_open for question in self.questions)

    @property
    def may_wait(self) -> bool:
        """Return whether a question may be open in a run that was read without its steps.

        They may show one where the status is a word that runkit does not know.
        """
        is_unknown = not self.is_finished and self.status not in RUN_STATUSES
        return is_unknown or self.is_waiting

    def asks(self, interrupt_id: str | None, step_id: str | None = None) -> bool:
        """Return whether a question is open in this state of the run, as far as can be read.

        Its step tells two askings of one id apart. Where its step is not among the questions, an
        open one without an id may be it.
        """
        of_step = [each for each in self.questions if each.step_id == step_id is not None]
        of_id = [each for each in self.questions if each.interrupt_id in (interrupt_id, None)]
        return any(question.is_open for question in of_step or of_id)

    def walk(self) -> Iterable[Step]:
        """Yield all steps, each before the steps in it."""
        stack = [*(self.steps or ())][::-1]
        while stack:
            step = stack.pop()
            yield step
            stack += step.steps[::-1]

    def __repr__(self) -> str:
        state = shorten(str(RUN_STATUSES.find(self.status)))
        if self.interrupts:
            state += f", {plural(len(self.interrupts), 'question')}"
        return f"Run({self.label}: {state})"


# ----------------------------------------------------------------------------------- other objects


class Agent(ApiObject):
    """An agent that Middesk offers; its `type` is the word that creates a run."""

    id: str
    type: str
    name: str | None
    description: str | None


class Thread(ApiObject):
    """Runs about one context; the API does not name its business."""

    id: str
    status: str | None


class Feedback(ApiObject):
    """A rating of one artifact, as the API recorded it."""

    id: str


class Action(ApiObject):
    """A recorded change of a business or a watchlist result, as the API has it.

    Each of `effects` has its `operation`, and in `diff` the values before and after, by field; each
    of `actors` an `actor_type`: an account, a user or a run.
    """

    id: str
    type: str


class Business(ApiObject):
    """A business of the account. All its data is in `to_dict()`.

    `status` is open, pending, in_audit, in_review, approved or rejected; unknown words are kept.
    """

    id: str
    name: str
    status: str


class Document(ApiObject):
    """A file of a business: what it is and where to get it (`download_url`), not its content."""

    id: str
    document_type: str | None
    filename: str | None
    created_at: Time | None


class Event(ApiObject):
    """One event of a run's stream, in Middesk's or AG-UI's format.

    `type` is `RUN_STARTED`, `STATE_SNAPSHOT`, `RUN_FINISHED`, `RUN_ERROR`, or `RUN_READ`: the
    client's own last event of every stream.
    """

    type: str
    snapshot: Json | None

    @property
    def run(self) -> Run | None:
        """The run in this event, if the event has a complete one."""
        if self.snapshot is None or "id" not in self.snapshot:
            return None
        return Run.from_json(self.snapshot)
