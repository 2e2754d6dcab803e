"""The API's other objects: agents, threads, businesses, feedback, actions, documents, events."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any

from pydantic import AliasChoices, Field

from runkit.models import ApiObject, Run, Status, Step, Time, each, link_steps


class Agent(ApiObject):
    """An agent that Middesk offers; its `type` is the word that creates a run."""

    object: str
    id: str
    type: str
    name: str | None = None
    description: str | None = None
    created_at: Time | None = None
    updated_at: Time | None = None


class Thread(ApiObject):
    """Runs about one context. `business_id` is known only if the client listed threads by business."""

    object: str
    id: str
    created_at: Time
    updated_at: Time
    status: Status
    metadata: dict[str, Any] | None = None
    requester: dict[str, Any] | None = None
    business_id: str | None = None

    @cached_property
    def steps(self) -> tuple[Step, ...] | None:
        """The steps of the underlying agent state, None when they were not delivered."""
        return link_steps(self._raw["steps"]) if self._raw.get("steps") is not None else None


class Feedback(ApiObject):
    """A rating of one artifact. `superseded_prior`: it replaced an earlier one by the same reviewer."""

    object: str
    id: str
    run_id: str
    rating: str
    artifact_id: str
    reviewer: dict[str, Any]
    superseded_prior: bool
    created_at: Time
    comment: str | None = None


class Effect(ApiObject):
    """What an action changed. `diff` has the values before and after, by field."""

    operation: str
    diff: dict[str, Any] | None = None
    target: dict[str, Any] | None = None


class Actor(ApiObject):
    """Who did an action: an account, a user or a run."""

    actor_type: str
    data: dict[str, Any] = Field(default_factory=dict)


class Action(ApiObject):
    """A recorded change of a business or a watchlist result."""

    id: str
    type: str
    object_type: str
    object_id: str
    created_at: Time
    effects: Annotated[tuple[Effect, ...], each(Effect)]
    actors: Annotated[tuple[Actor, ...], each(Actor)]
    note: str | None = None
    metadata: dict[str, Any] | None = None


class Business(ApiObject):
    """A business of the account (contract, section 18). All its data is in `to_dict()`.

    `status` is open, pending, in_audit, in_review, approved or rejected; unknown words are kept.
    """

    object: str
    id: str
    name: str
    status: str
    created_at: Time
    updated_at: Time


class Document(ApiObject):
    """A file of a business: what it is and where to get it (`download_url`), not its content.

    `size` is in bytes.
    """

    id: str
    object: str | None = None
    document_type: str | None = None
    filename: str | None = None
    content_type: str | None = None
    size: int | None = None
    download_url: str | None = None
    created_at: Time | None = None
    source: Any = None
    filing_date: str | None = None
    metadata: dict[str, Any] | None = None


class Page(ApiObject):
    """One page of a list. `has_more` and `total_count` are None if the API does not give them."""

    data: tuple[dict[str, Any], ...] = ()
    has_more: bool | None = None
    total_count: int | None = None


class Event(ApiObject):
    """One event of a run's stream, in Middesk's or AG-UI's format.

    `type` is `RUN_STARTED`, `STATE_SNAPSHOT`, `RUN_FINISHED`, `RUN_ERROR`, or `RUN_READ`: the client's own
    last event of every stream.
    """

    type: str
    run_id: str | None = Field(None, validation_alias=AliasChoices("run_id", "runId"))
    thread_id: str | None = Field(None, validation_alias=AliasChoices("thread_id", "threadId"))
    timestamp: float | None = None
    snapshot: dict[str, Any] | None = None
    outcome: dict[str, Any] | None = None
    message: str | None = None

    @property
    def run(self) -> Run | None:
        """The run in this event, if the event has a complete one."""
        if self.snapshot is None or "id" not in self.snapshot:
            return None
        return Run.from_json(self.snapshot)
